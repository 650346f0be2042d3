//! File handles: which file system, which file, and a tag that only the server can make.
//!
//! A client that invents inode numbers would walk around the search rights of directories, so
//! each handle carries an HMAC-SHA-256 tag under [`HandleKey`]. Handles must outlive restarts
//! (RFC 1813, 2.4), so the key is the operator's, never random at start. Without a key the tag
//! still tells damaged handles from whole ones, but anybody who knows the format can make one.

use bytes::Bytes;
use hmac::{Hmac, Mac as _};
use model::Secret;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use vfs::Inode;

use crate::nfs3::Handle;

/// Bytes of a handle on the wire: format, file system, inode, tag.
pub(crate) const HANDLE_LEN: usize = 4 + 8 + 8 + TAG_LEN;

const TAG_LEN: usize = 16;
const FORMAT: [u8; 4] = *b"CWh1";

/// The key of file handles: the same at every start of one server.
#[derive(Clone, Debug, Default)]
pub struct HandleKey(Secret);

impl HandleKey {
    /// A key that only the operator knows.
    #[must_use]
    pub const fn new(secret: Secret) -> Self {
        Self(secret)
    }
}

/// Which file a handle means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HandleTarget {
    pub(crate) fs_id: u64,
    pub(crate) inode: Inode,
}

/// Makes and opens handles.
#[derive(Clone)]
pub(crate) struct HandleSealer {
    mac: Hmac<Sha256>,
}

impl std::fmt::Debug for HandleSealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HandleSealer")
    }
}

impl HandleSealer {
    pub(crate) fn new(key: &HandleKey) -> Self {
        let mac =
            Hmac::new_from_slice(key.0.expose().as_bytes()).expect("HMAC takes keys of any length");
        Self { mac }
    }

    pub(crate) fn seal(&self, target: HandleTarget) -> Bytes {
        let mut handle = Vec::with_capacity(HANDLE_LEN);
        handle.extend_from_slice(&FORMAT);
        handle.extend_from_slice(&target.fs_id.to_be_bytes());
        handle.extend_from_slice(&target.inode.0.to_be_bytes());
        let tag = self.tag(&handle);
        handle.extend_from_slice(&tag);
        handle.into()
    }

    /// `None` for what [`HandleSealer::seal`] did not make.
    pub(crate) fn open(&self, handle: &Handle) -> Option<HandleTarget> {
        let bytes: &[u8; HANDLE_LEN] = handle.0.as_ref().try_into().ok()?;
        let (body, tag) = bytes.split_last_chunk::<TAG_LEN>()?;
        if !bool::from(self.tag(body).ct_eq(tag)) {
            return None;
        }
        let numbers = body.strip_prefix(&FORMAT)?;
        let (fs_id, inode) = numbers.split_first_chunk::<8>()?;
        Some(HandleTarget {
            fs_id: u64::from_be_bytes(*fs_id),
            inode: Inode(u64::from_be_bytes(inode.try_into().ok()?)),
        })
    }

    fn tag(&self, body: &[u8]) -> [u8; TAG_LEN] {
        let mut mac = self.mac.clone();
        mac.update(body);
        let whole: [u8; 32] = mac.finalize().into_bytes().into();
        let mut tag = [0; TAG_LEN];
        for (to, from) in tag.iter_mut().zip(whole) {
            *to = from;
        }
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_handles_of_the_same_key_open() {
        let sealer = |key: &str| HandleSealer::new(&HandleKey::new(Secret::new(key)));
        let target = HandleTarget {
            fs_id: 7,
            inode: Inode(42),
        };
        let sealed = sealer("k").seal(target);
        let open = |key, bytes: &[u8]| sealer(key).open(&Handle(Bytes::copy_from_slice(bytes)));
        assert_eq!(open("k", &sealed), Some(target), "and after a restart too");
        assert_eq!(open("other", &sealed), None);
        assert_eq!(open("k", &sealed[..HANDLE_LEN - 1]), None);
        for at in 0..HANDLE_LEN {
            let mut forged = sealed.to_vec();
            forged[at] ^= 1;
            assert_eq!(open("k", &forged), None, "byte {at}");
        }
    }
}
