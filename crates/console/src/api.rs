//! What travels over HTTP: JSON views of what the console knows.
//!
//! Times are milliseconds since the epoch.

mod audit;
mod command;
mod gateway;
mod history;
mod list;
mod overview;
mod share;
mod user;

pub(crate) use audit::{AuditCheck, AuditEntry};
pub(crate) use command::{Command, NewCommand, State as CommandStateView};
pub(crate) use gateway::{
    Bundle, CreatedGateway, Event, Gateway, GatewayGone, GatewayState, NewGateway, Rates, Rename,
};
pub(crate) use history::History;
pub(crate) use list::List;
pub(crate) use overview::{CommandTotals, Overview};
pub(crate) use share::{
    Check, CheckName, Checks, ExportedKey, OpenShare, PlacedShare, Share, ShareGone, ShareKeys,
};
pub(crate) use user::{LoggedIn, Login, Me, NewUser, PasswordChange, User};
