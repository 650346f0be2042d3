//! The console through its HTTP API, with a bus in memory and gateways driven by the tests.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod access;
mod commands;
mod express;
mod gateways;
mod logins;
mod recovery;
mod roles;
mod server;
mod share_keys;
mod shares;
mod stream;
mod support;
