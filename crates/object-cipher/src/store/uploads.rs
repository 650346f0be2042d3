//! Uploads in parts: their salt goes with their id, so that one that was begun can be gone on
//! with after a restart, and the store can make no two uploads have one key.

use std::ops::Range;

use object_store::{StoreError, StoreErrorKind, StoreResult, Upload};

use crate::{header::SALT_LEN, layout::Layout};

/// Before the salt; no store's own ids begin like that.
const MARK: &str = "causeway-salt:";

pub(super) fn with_salt(upload: Upload, salt: [u8; SALT_LEN]) -> Upload {
    let Upload { key, id } = upload;
    let id = format!("{MARK}{}:{id}", hex::encode(salt));
    Upload { key, id }
}

fn parse(id: &str) -> Option<([u8; SALT_LEN], &str)> {
    let (digits, id) = id.strip_prefix(MARK)?.split_once(':')?;
    let mut salt = [0; SALT_LEN];
    hex::decode_to_slice(digits, &mut salt).ok()?;
    Some((salt, id))
}

/// As the store below calls it.
pub(super) fn without_salt(upload: &Upload) -> Upload {
    let id = parse(&upload.id).map_or(upload.id.as_str(), |(_, id)| id);
    Upload {
        key: upload.key.clone(),
        id: id.to_owned(),
    }
}

pub(super) fn salt_of(upload: &Upload) -> StoreResult<(Upload, [u8; SALT_LEN])> {
    let parsed = parse(&upload.id).map(|(salt, _)| (without_salt(upload), salt));
    parsed.ok_or_else(|| {
        let message = "the upload was begun without encryption, and is begun anew";
        StoreError::new(StoreErrorKind::UploadLost, message)
    })
}

/// Where a part of a file of `len` bytes is in its object.
pub(super) fn sealed_range(
    layout: Layout,
    range: &Range<u64>,
    len: u64,
) -> StoreResult<Range<u64>> {
    let chunk_len = layout.chunk_len();
    let is_end = range.end == len;
    let is_whole = |at: u64| at.is_multiple_of(chunk_len);
    if !is_whole(range.start) || !(is_whole(range.end) || is_end) {
        let message = format!("a part begins and ends with a whole chunk of {chunk_len} bytes");
        return Err(StoreError::new(StoreErrorKind::Other, message));
    }
    let start = match range.start {
        0 => 0,
        at => layout.chunk_start(at / chunk_len),
    };
    let end = if is_end {
        layout.sealed_len(len)
    } else {
        layout.chunk_start(range.end / chunk_len)
    };
    Ok(start..end)
}
