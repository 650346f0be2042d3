//! A broker on real sockets, with Debian's mosquitto clients and raw bytes as peers.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the kit of a test fails the test; clippy knows only functions with #[test]"
)]

mod administration;
mod authentication;
mod bad_input;
mod bus;
mod certificates;
mod document;
mod exchange;
mod fairness;
mod kit;
mod lab;
mod listeners;
mod memory;
mod mosquitto;
mod no_receiver;
mod operations;
mod persistent;
mod properties;
mod qos2;
mod raw;
mod reason_codes;
mod refusals;
mod restart;
mod retained;
mod send_message;
mod shared;
mod size;
mod statistics;
mod subscriptions;
mod topic_alias;
mod traces;
mod will;
mod wire;
