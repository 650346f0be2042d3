//! The other processes of a run: this program started again.

use std::{
    io::{Read as _, Write as _},
    path::PathBuf,
};

use clap::Subcommand;
use clock::Clock;

use crate::{
    agent, error::BenchError, floor::Floor, identity, own_broker::OwnBroker, subject::Serving,
};

/// Which part of a run to be.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Part {
    /// Thousands of clients
    Agent,
    /// The floor
    Floor,
    /// Our broker
    Broker {
        /// Devices that it knows
        clients: u32,
        /// Client processes, each with a collector that it knows
        processes: u32,
        /// Event loops; 0 for one per processor
        threads: usize,
        /// Its folder, which outlives it
        dir: PathBuf,
        /// Listen with the certificate and the key in that folder
        #[arg(long)]
        tls: bool,
        /// The kernel makes its records
        #[arg(long)]
        kernel_tls: bool,
    },
}

pub(crate) fn run(part: &Part, clock: Clock) -> Result<(), BenchError> {
    match part {
        Part::Agent => agent::run(clock),
        Part::Floor => {
            let floor = Floor::bind().map_err(BenchError::io("listen"))?;
            let address = floor.address().map_err(BenchError::io("listen"))?;
            serving(address)?;
            floor.run().map_err(BenchError::io("relay"))
        }
        Part::Broker {
            clients,
            processes,
            threads,
            dir,
            tls,
            kernel_tls,
        } => {
            let any_port = ([127, 0, 0, 1], 0).into();
            let tls = tls.then(|| identity::load(dir, any_port, *kernel_tls));
            let tls = tls.transpose()?;
            let own = OwnBroker::start(dir, *clients, *processes, |config| {
                if tls.is_none() {
                    config.tcp = Some(any_port);
                }
                config.listeners.extend(tls);
                config.threads = *threads;
            })?;
            let address = own.broker.tls_address().or(own.broker.tcp_address());
            let address =
                address.ok_or_else(|| BenchError::Broken("our broker does not listen".into()))?;
            serving(address)?;
            // Until the run closes it.
            std::io::stdin()
                .lock()
                .read_to_end(&mut Vec::new())
                .map_err(BenchError::io("wait for the end"))?;
            Ok(())
        }
    }
}

fn serving(address: std::net::SocketAddr) -> Result<(), BenchError> {
    let mut line = serde_json::to_vec(&Serving { address }).map_err(BenchError::Line)?;
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line)
        .and_then(|()| out.flush())
        .map_err(BenchError::io("say where it serves"))
}
