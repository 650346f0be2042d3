//! What the console remembers: users, gateways, intent, commands, history, the audit log.
//!
//! Not here: who may do what (`console`), when a command is over (`mqtt-rpc`).
//! Invariant: what a call has returned survives `kill -9` and power loss.
//! Invariant: an intent's version grows with each change, in the transaction that changes it.
//! Invariant: secrets that must be sent on are sealed with a key that is not in the database.
//! Invariant: audit records are only ever appended, each chained to the one before.
//! One code base for SQLite, PostgreSQL and MySQL: no SQL text of any dialect.
//! Start at [`Database`]. Tested in `tests/` on SQLite files.

mod audit;
mod commands;
mod credentials;
mod entity;
mod error;
mod events;
mod gateways;
mod lent_keys;
mod migration;
mod numbers;
mod open;
mod retired_shares;
mod sealing;
mod series;
mod sessions;
mod shares;
mod statuses;
mod users;

pub use audit::{AuditEntry, AuditReport, EntryOutcome};
pub use commands::{CommandCounts, CommandFilter, CommandRecord, CommandState};
pub use credentials::{CredentialRecord, CredentialState};
pub use error::{DatabaseError, DatabaseErrorKind};
pub use events::EventRecord;
pub use gateways::{GatewayRecord, Seen};
pub use lent_keys::{BorrowFailure, Borrowed, KeysRecord};
pub use open::{Database, DatabaseConfig};
pub use series::{GATEWAY_SERIES, Point};
pub use sessions::SessionRecord;
pub use shares::{PlacedShare, ShareChange, ShareRecord};
pub use statuses::StatusRecord;
pub use users::UserRecord;
