//! Rows, one module for each table.
#![expect(
    unreachable_pub,
    unnameable_types,
    reason = "the derive of sea-orm makes the items beside a model public"
)]

pub(crate) mod audit_record;
pub(crate) mod command;
pub(crate) mod credential;
pub(crate) mod event;
pub(crate) mod gateway;
pub(crate) mod lent_key;
pub(crate) mod point;
pub(crate) mod session;
pub(crate) mod share;
pub(crate) mod status;
pub(crate) mod user;
