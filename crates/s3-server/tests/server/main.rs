//! The server from outside: what it keeps, across restarts and kills.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy knows tests, and not what helps them"
)]

mod client;
mod kill;
mod layout;
mod refusal;
