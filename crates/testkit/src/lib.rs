//! What end-to-end tests stand on: networks of their own, real clients, processes to kill.
//!
//! Not here: models of the ports (each port has its own).
//! Invariant: whatever a test starts ends with the test; processes are ended by their id.
//! Start at [`Site`] (a whole system with a private network), [`Process`] (a program under
//! test), [`Guest`] (a Linux kernel as NFS client). The tests in `tests/` run as root on Debian.

mod api;
mod causeway;
mod fake_sts;
mod guest;
mod http;
mod install;
mod issuer;
mod lab;
mod ledger;
mod moments;
mod node;
mod noise;
mod process;
mod python;
mod signature;
mod site;
mod talker;
mod tree;
mod wait;

pub use api::Api;
pub use causeway::{Ready, causeway_binary, scratch_folder};
pub use fake_sts::{FakeKeys, FakeSts};
pub use guest::Guest;
pub use http::{HttpAnswer, HttpRequest, serve_http, unescaped};
pub use issuer::Issuer;
pub use lab::{Lab, Place};
pub use ledger::{Ledger, Settled, runs, wait_for_a_run};
pub use moments::Moments;
pub use node::node_with;
pub use noise::Noise;
pub use process::{Process, run, run_ok};
pub use python::python_with;
pub use signature::SignatureV4;
pub use site::{Site, SiteGateway};
pub use talker::Talker;
pub use tree::{Tree, TreeEntry};
pub use wait::{eventually, pause};
