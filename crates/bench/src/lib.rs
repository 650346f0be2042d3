//! `causeway bench`: load, and what it costs the broker or the file engine, side by side with
//! others.
//!
//! Not here: what brokers do (`mqtt-broker`), what the file engine does (`object-fs`). The product
//! needs nothing of this crate but its command line.
//! Invariant: a run ends in an error if a message got lost, or a byte is not what was written:
//! figures of a broken run are none.
//! Invariant: all subjects of a round see the same load from the same clients; what is compared
//! is the CPU time that the kernel counted for the broker's process, and its ratio to the floor
//! within the round, as the rest of the machine may be busy.
//! Start at [`run`], then `mqtt.rs` (rounds), `agent.rs` (clients), `floor.rs`; `files.rs` is
//! the other half.
//! Tested by `tests/smoke.rs`, which runs the program with few clients.

mod agent;
mod args;
mod error;
mod files;
mod floor;
mod identity;
mod in_memory;
mod limits;
mod mqtt;
mod orders;
mod others;
mod own_broker;
mod packet;
mod part;
mod process;
mod samples;
mod subject;
mod system_calls;

use clock::Clock;

pub use args::BenchArgs;
pub use error::BenchError;
pub use process::SelfExec;

use args::What;

/// Measures. `exec` starts this program again with the same arguments parsed.
///
/// # Errors
/// What was asked for cannot be measured, or something got lost.
pub fn run(args: BenchArgs, exec: &SelfExec, clock: Clock) -> Result<(), BenchError> {
    match args.what {
        What::Mqtt(args) => mqtt::run(&args, exec, &clock),
        What::Files(args) => files::run(&args, &clock),
        What::Part { part } => {
            limits::raise_open_files()?;
            part::run(&part, clock)
        }
    }
}
