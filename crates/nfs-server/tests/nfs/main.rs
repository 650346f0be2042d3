//! The server over real connections: records made by hand, and the tools of libnfs.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

mod client;
mod exports;
mod gated_fs;
mod libnfs;
mod protocol;
mod under_way;
