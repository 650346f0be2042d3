//! The roles of the program: each puts parts together, starts them in order, waits, and stops
//! them in order.

mod accounts;
pub(crate) mod broker;
pub(crate) mod console;
pub(crate) mod decrypt;
pub(crate) mod fsck;
pub(crate) mod gateway;
mod link;
pub(crate) mod reset_password;
mod stop;
mod tls;
pub(crate) mod up;
