//! Extended attributes in the kernel's form: read only.

use std::ffi::OsStr;

use fuser::{Errno, ReplyXattr};
use vfs::{ExtendedAttribute, VfsResult};

use crate::errno;

/// Whether the engine may have it: it has those of users only.
pub(super) fn is_ours(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b"user.")
}

pub(super) fn value(all: &[ExtendedAttribute], name: &OsStr) -> Option<Vec<u8>> {
    let found = all.iter().find(|attribute| name == attribute.name);
    found.map(|attribute| attribute.value.clone().into_bytes())
}

/// Names with a zero after each.
pub(super) fn names(all: &[ExtendedAttribute]) -> Vec<u8> {
    let names = all.iter().map(|attribute| attribute.name);
    names
        .flat_map(|name| [name.as_bytes(), b"\0"].concat())
        .collect()
}

/// Whoever has no room asks how much is needed.
pub(super) fn answer(found: VfsResult<Option<Vec<u8>>>, size: u32, reply: ReplyXattr) {
    let bytes = match found {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return reply.error(Errno::ENODATA),
        Err(e) => return reply.error(errno::of(&e)),
    };
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    match size {
        0 => reply.size(len),
        room if room < len => reply.error(Errno::ERANGE),
        _ => reply.data(&bytes),
    }
}
