//! ONC RPC (RFC 5531) over TCP: records, calls, replies.

mod call;
mod record;
mod reply;

pub(crate) use call::{Call, CallError, Credential, Denied};
pub(crate) use record::{RecordError, RecordReader};
pub(crate) use reply::{Accepted, Reply, accepted, denied, refused};

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may fail by panicking")]
mod tests;
