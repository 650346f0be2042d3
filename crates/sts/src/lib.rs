//! Keys lent for a while: `AssumeRole` of Alibaba Cloud's STS, and of AWS's and those that speak it.
//!
//! Not here: when to borrow, and who gets the keys (`console`).
//! Invariant: the secret that asks is never sent, logged or shown; an answer is read to a bound.
//! Invariant: keys that are returned were not over when they came.
//! Start at [`StsClient::assume`]; `alibaba.rs` and `aws.rs` say how each is asked, `answer.rs` what
//! they answer. Tested by examples of the providers' documents, by `tests/sts.rs` against a service
//! that checks signatures by itself, and by noise.

#![forbid(unsafe_code)]

mod alibaba;
mod answer;
mod aws;
mod client;
mod endpoint;
mod error;
mod form;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod limits;

pub use client::StsClient;
pub use endpoint::endpoint;
pub use error::{StsError, StsErrorKind};
