//! Checksums from end to end: what was sent, compared with what the store says it got.
//!
//! Each body carries its MD5, which S3 and OSS check before they take it. Beyond that their
//! answers tell what they have: OSS the CRC-64 of what it stored, S3 the CRC-32C that went along
//! with a put, and both, where nothing is encrypted with a key of the customer's, the MD5 as
//! the etag.

use std::sync::atomic::Ordering;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use crc_fast::CrcAlgorithm;
use http::HeaderMap;
use md5::{Digest as _, Md5};
use object_store::{StoreError, StoreErrorKind, StoreResult};

use crate::{
    dialect::{Dialect, unquoted},
    remote::{Remote, text},
    request::Request,
};

const CRC32C_HEADER: &str = "x-amz-checksum-crc32c";
const CRC64_HEADER: &str = "x-oss-hash-crc64ecma";

/// The sum that a dialect's answers tell.
enum Running {
    Crc32c(u32),
    Crc64(Box<crc_fast::Digest>),
}

/// Sums of a body while it goes out.
pub(crate) struct Summing {
    md5: Md5,
    crc: Running,
}

/// Sums of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) md5: [u8; 16],
    crc: Crc,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Crc {
    Crc32c(u32),
    Crc64(u64),
}

impl Summing {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self {
            md5: Md5::new(),
            crc: match dialect {
                Dialect::S3 => Running::Crc32c(0),
                // Their ECMA-182, bits reflected: what the catalogues of sums call XZ.
                Dialect::Oss => {
                    Running::Crc64(Box::new(crc_fast::Digest::new(CrcAlgorithm::Crc64Xz)))
                }
            },
        }
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        match &mut self.crc {
            Running::Crc32c(crc) => *crc = crc32c::crc32c_append(*crc, bytes),
            Running::Crc64(digest) => digest.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Sums {
        Sums {
            md5: self.md5.finalize().into(),
            crc: match self.crc {
                Running::Crc32c(crc) => Crc::Crc32c(crc),
                Running::Crc64(digest) => Crc::Crc64(digest.finalize()),
            },
        }
    }
}

impl Sums {
    /// Of bytes that are in memory, off the threads that serve connections.
    pub(crate) async fn of(dialect: Dialect, bytes: Bytes) -> Self {
        let sums = tokio::task::spawn_blocking(move || {
            let mut summing = Summing::new(dialect);
            summing.add(&bytes);
            summing.finish()
        });
        sums.await.expect("a sum does not panic")
    }

    /// A request that the store refuses if its body has other sums.
    pub(crate) fn of_part(&self, request: Request) -> Request {
        request.header("content-md5", BASE64_STANDARD.encode(self.md5))
    }

    /// The same for an object in one request. (A part may have a CRC-32C only if its upload was
    /// begun with one, which not every store understands.)
    pub(crate) fn of_whole(&self, request: Request) -> Request {
        let request = self.of_part(request);
        match self.crc {
            Crc::Crc32c(crc) => {
                request.header(CRC32C_HEADER, BASE64_STANDARD.encode(crc.to_be_bytes()))
            }
            Crc::Crc64(_) => request,
        }
    }

    /// Compares with what the answer to a request tells.
    ///
    /// # Errors
    /// [`StoreErrorKind::Damaged`] if the store has something else.
    pub(crate) fn verify(
        &self,
        remote: &Remote,
        request: &Request,
        headers: &HeaderMap,
    ) -> StoreResult<()> {
        let told = match self.crc {
            Crc::Crc32c(crc) => text(headers, CRC32C_HEADER)
                .map(|told| (told, BASE64_STANDARD.encode(crc.to_be_bytes()))),
            Crc::Crc64(crc) => text(headers, CRC64_HEADER).map(|told| (told, crc.to_string())),
        };
        match told {
            Some((told, sent)) if told != sent => return Err(damaged(request, &sent, &told)),
            Some(_) => return Ok(()),
            None => {}
        }
        let Some(etag) = md5_like_etag(headers) else {
            return Ok(());
        };
        let own = hex::encode(self.md5);
        if etag == own {
            remote.etags_are_md5.store(true, Ordering::Relaxed);
            return Ok(());
        }
        // A store whose etags were never seen to be MD5s has another way to make them.
        if remote.etags_are_md5.load(Ordering::Relaxed) {
            return Err(damaged(request, &own, &etag));
        }
        Ok(())
    }
}

/// An etag that could be the MD5 of what was sent.
fn md5_like_etag(headers: &HeaderMap) -> Option<String> {
    let encryption = text(headers, "x-amz-server-side-encryption");
    let is_plain = encryption.is_none_or(|algorithm| algorithm == "AES256");
    let by_customer = "x-amz-server-side-encryption-customer-algorithm";
    if !is_plain || headers.contains_key(by_customer) {
        return None;
    }
    let etag = text(headers, "etag").as_deref().map(unquoted)?.0;
    let etag = etag.to_ascii_lowercase();
    (etag.len() == 32 && etag.bytes().all(|b| b.is_ascii_hexdigit())).then_some(etag)
}

fn damaged(request: &Request, sent: &str, told: &str) -> StoreError {
    let Request { what, key, .. } = request;
    let message = format!(
        "cannot {what} `{key}`: the bytes were damaged on their way, checksum {sent} was sent and \
         {told} arrived; they are sent again"
    );
    tracing::warn!("{message}");
    StoreError::new(StoreErrorKind::Damaged, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_standards() {
        // The check values of the catalogue: of "123456789".
        let sums = |dialect| {
            let mut summing = Summing::new(dialect);
            summing.add(b"1234");
            summing.add(b"56789");
            summing.finish()
        };
        assert_eq!(sums(Dialect::S3).crc, Crc::Crc32c(0xe306_9283));
        assert_eq!(sums(Dialect::Oss).crc, Crc::Crc64(0x995d_c9bb_df19_39fa));
        let md5 = hex::encode(sums(Dialect::S3).md5);
        assert_eq!(md5, "25f9e794323b453885f5181f1b624d0b");
    }
}
