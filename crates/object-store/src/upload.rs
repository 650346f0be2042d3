//! Uploads in parts.

use std::ops::Range;

use crate::Timestamp;

/// Most parts of an upload (S3, OSS).
pub const PARTS_MAX: u64 = 10_000;
/// Largest part, and largest object that one request takes (S3, OSS).
pub const PART_BYTES_MAX: u64 = 5 << 30;

/// An upload that was begun.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Upload {
    /// Of the object that it becomes.
    pub key: String,
    /// What the store calls it.
    pub id: String,
}

/// One part of an upload.
#[derive(Clone, Debug)]
pub struct PartOf<'a> {
    /// Which upload.
    pub upload: &'a Upload,
    /// From 1: the order of parts in the object.
    pub number: u32,
    /// The bytes of its source that it holds.
    pub range: Range<u64>,
}

/// What parts must be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartRules {
    /// All but the last begin and end at a multiple of it.
    pub step: u64,
    /// Whether a part can be a range of another object.
    pub can_copy: bool,
}

impl Default for PartRules {
    /// Anywhere, and it can.
    fn default() -> Self {
        Self {
            step: 1,
            can_copy: true,
        }
    }
}

/// An upload as a listing has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadUnderWay {
    /// Which.
    pub upload: Upload,
    /// When it was begun, by the store's clock.
    pub since: Option<Timestamp>,
}

/// A part of a listing of uploads, by key and id.
#[derive(Clone, Debug, Default)]
pub struct UploadPage {
    /// The uploads.
    pub uploads: Vec<UploadUnderWay>,
    /// Whether there are more after the last of them.
    pub more: bool,
}
