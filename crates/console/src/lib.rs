//! The console: HTTP API, pages, and the one place that knows all gateways.
//!
//! Not here: what is remembered (`database`), how messages travel (`message-bus`), when a
//! command is over (`mqtt-rpc`), the pages themselves (`web/`).
//! Invariant: every endpoint has a rule in `access`; without one it is open to nobody.
//! Invariant: a control action is done only with an open entry in the audit log, and closes it.
//! Invariant: a command is stored before it is sent, and comes to an outcome whatever crashes.
//! Invariant: secrets go to gateways only; no answer, log line or audit entry holds one.
//! Start at [`Console::start`], then `routes` (requests) and `fleet::owner` (gateways).
//! Tested in `tests/`, through HTTP, with a bus in memory.

mod access;
mod api;
mod app;
mod audit;
mod auth;
mod bucket_probe;
mod bundle;
mod config;
mod console;
mod error;
mod extract;
mod features;
mod fleet;
mod issue;
mod key_borrower;
mod limits;
mod pages;
mod routes;
mod server;
mod share_checks;
mod share_keys;
mod share_removal;
mod stream;

pub use bucket_probe::{BucketProbe, StoreProbe};
pub use config::{BUNDLE_AGE_DEFAULT, ConsoleConfig, StartError};
pub use console::{Console, Parts};
pub use routes::openapi_json;
