//! Serves a file system in memory: `memfs ADDRESS:PORT`, exported as `/mem` to everybody,
//! users as they say they are. It lasts until the process ends.

use std::{net::SocketAddr, sync::Arc};

use clock::Clock;
use model::{AccessRule, Squash, WriteAccess};
use nfs_server::{ExportOptions, HandleKey, NfsConfig, NfsServer};
use vfs::MemFs;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address: SocketAddr = match std::env::args().nth(1) {
        Some(text) => text.parse()?,
        None => SocketAddr::from(([127, 0, 0, 1], 2049)),
    };
    let clock = Clock::system();
    let config = NfsConfig {
        address,
        handle_key: HandleKey::default(),
        awaited: vec![],
    };
    let server = NfsServer::start(config, clock.clone())?;
    let everybody = ["0.0.0.0/0", "::/0"].map(|cidr| AccessRule {
        cidr: cidr.to_owned(),
        access: WriteAccess::ReadWrite,
    });
    let options = ExportOptions {
        access: everybody.into(),
        squash: Squash::None,
        fs_id: 1,
    };
    server.export("/mem", Arc::new(MemFs::new(clock)), options)?;
    tokio::signal::ctrl_c().await?;
    server.shutdown().await;
    Ok(())
}
