//! Bytes in pieces that several objects share: a copy of a part costs no memory.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    ops::Range,
};

use bytes::Bytes;

use crate::ETag;

/// What an object holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pieces: Vec<Bytes>,
    len: u64,
}

impl Content {
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.len += piece.len() as u64;
            self.pieces.push(piece);
        }
    }

    pub(super) fn append(&mut self, other: Self) {
        self.len += other.len;
        self.pieces.extend(other.pieces);
    }

    /// The part of it that a range asks for; less at the end.
    pub(super) fn slice(&self, range: &Range<u64>) -> Self {
        let (mut part, mut at) = (Self::default(), 0);
        for piece in &self.pieces {
            let end = at + piece.len() as u64;
            let (from, to) = (range.start.clamp(at, end), range.end.clamp(at, end));
            if from < to {
                part.push(piece.slice(index(from - at)..index(to - at)));
            }
            at = end;
        }
        part
    }

    pub(super) fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        self.pieces.iter()
    }

    /// All of it side by side.
    pub(super) fn whole(&self) -> Bytes {
        match self.pieces.as_slice() {
            [] => Bytes::new(),
            [one] => one.clone(),
            many => many.concat().into(),
        }
    }

    /// A hash of it, as with S3.
    pub(super) fn etag(&self) -> ETag {
        let mut hasher = DefaultHasher::new();
        self.pieces.iter().for_each(|piece| hasher.write(piece));
        ETag(format!("{:016x}{:x}", hasher.finish(), self.len))
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        let mut content = Self::default();
        content.push(bytes);
        content
    }
}

/// The tag of something that is made of others.
pub(super) fn joined(tags: &[&ETag], range: &Range<u64>) -> ETag {
    let mut hasher = DefaultHasher::new();
    (tags, range).hash(&mut hasher);
    ETag(format!("{:016x}-{}", hasher.finish(), tags.len()))
}

fn index(n: u64) -> usize {
    usize::try_from(n).expect("within a piece in memory")
}
