//! The gateway: an agent that dials out to the message queue, a reconciler that makes the
//! shares be what the operator wants, and the servers of those shares.
//!
//! Not here: MQTT (`mqtt-client`), which command may run (`mqtt-rpc`), files (`object-fs`), NFS
//! (`nfs-server`).
//! Invariant: shares are served from what is on the disk; neither console nor queue is needed.
//! Invariant: a message from the queue is acknowledged only when what it wants is on disk.
//! Invariant: data that is not yet safe in the object store is never removed, whatever the
//! intent says.
//! Invariant: one process per data directory.
//! Start at [`Gateway::start`] and [`join`]. Tested by `shares/tests.rs` (the reconciler, with
//! shares that pretend), `gateway/tests.rs` (joining, commands and cuts, with the real broker)
//! and `shares/nfs_shares/tests.rs` (real shares over a real object store).

mod agent;
mod bundle;
mod cache_disk;
mod commands;
mod config;
mod data_dir;
mod files;
mod fsck;
mod gateway;
mod identity;
mod join;
mod limits;
mod methods;
mod process;
mod shares;
mod status;

pub use config::{GatewayConfig, GatewayPaths};
pub use data_dir::DataDirError;
pub use fsck::{CheckError, CheckedShare, fsck};
pub use gateway::{Gateway, StartError};
pub use join::{JoinError, Joined, join, join_through};
pub use mqtt_client::{Proxy, ProxyError};
pub use object_fs::FsckOptions;
