//! External data representation (RFC 4506): big-endian words, everything padded to four bytes.

mod reader;
mod writer;

pub(crate) use reader::{Reader, XdrError};
pub(crate) use writer::{Writer, padding, wire_len};

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may fail by panicking")]
mod tests;
