//! The port over HTTP: its promises against `s3-server`, its patience against a server that
//! fails.
#![expect(
    clippy::unwrap_used,
    reason = "clippy knows tests, and not what helps them"
)]

mod common;
mod damage;
mod fake_oss;
mod faults;
mod oss;
mod promises;
