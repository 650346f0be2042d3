//! Uploads in parts, as the index remembers them: after a crash they go on where they were, or
//! are given up, but are never forgotten in the bucket.

use std::{collections::BTreeMap, ops::Range};

use cache::{Batch, KeyRange, Table};
use object_store::{ETag, Upload};
use vfs::{Inode, VfsResult};

use crate::{
    codec::{Damaged, Reader, Writer},
    engine::Engine,
    fault, keys,
};

/// What is being uploaded: if it is the same again, its parts are still good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) key: Box<str>,
    pub(crate) size: u64,
    pub(crate) generation: u64,
    pub(crate) attributes_version: u64,
    /// Of the object before, from which parts are copied, and up to where.
    pub(crate) base: Option<ETag>,
    pub(crate) base_len: u64,
    pub(crate) part_bytes: u64,
}

/// An upload that was begun, or is about to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Begun {
    pub(crate) picture: Picture,
    /// In the metadata that the object will have.
    pub(crate) version: Box<str>,
    /// `None` until the store has told it.
    pub(crate) id: Option<Box<str>>,
    pub(crate) since_ms: u64,
}

/// A part that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) range: Range<u64>,
    pub(crate) etag: ETag,
}

/// All that is known of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Journalled {
    pub(crate) begun: Begun,
    pub(crate) parts: BTreeMap<u32, Part>,
}

impl Begun {
    pub(crate) fn upload(&self) -> Option<Upload> {
        self.id.as_ref().map(|id| Upload {
            key: self.picture.key.to_string(),
            id: id.to_string(),
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        let picture = &self.picture;
        w.number(VERSION).text(&picture.key).number(picture.size);
        w.number(picture.generation)
            .number(picture.attributes_version);
        w.maybe(picture.base.as_ref(), |w, e| {
            w.text(&e.0);
        });
        w.number(picture.base_len).number(picture.part_bytes);
        w.text(&self.version);
        w.maybe(self.id.as_deref(), |w, id| {
            w.text(id);
        });
        w.number(self.since_ms);
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut r = Reader::new(bytes);
        if r.number()? != VERSION {
            return Err(Damaged);
        }
        Ok(Self {
            picture: Picture {
                key: r.text()?,
                size: r.number()?,
                generation: r.number()?,
                attributes_version: r.number()?,
                base: r.maybe(Reader::text)?.map(|etag| ETag(etag.into())),
                base_len: r.number()?,
                part_bytes: r.number()?,
            },
            version: r.text()?,
            id: r.maybe(Reader::text)?,
            since_ms: r.number()?,
        })
    }
}

impl Part {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.number(self.range.start).number(self.range.end);
        w.text(&self.etag.0);
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut r = Reader::new(bytes);
        let range = r.number()?..r.number()?;
        if range.start > range.end {
            return Err(Damaged);
        }
        Ok(Self {
            range,
            etag: ETag(r.text()?.into()),
        })
    }
}

/// Of the form of these records.
const VERSION: u64 = 1;
/// Parts have numbers from 1; under this one is the upload itself.
pub(crate) const HEAD: u64 = 0;

impl Engine {
    /// The upload of an inode that is under way.
    pub(super) fn journalled_upload(&self, inode: Inode) -> VfsResult<Option<Journalled>> {
        let range = KeyRange::prefix(&keys::of_inode(inode));
        let entries = self.index.scan(Table::Uploads, &range, usize::MAX);
        let (mut begun, mut parts) = (None, BTreeMap::new());
        for entry in entries.map_err(fault::of_cache)? {
            let (_, number) = keys::pair(&entry.key)?;
            if number == HEAD {
                begun = Some(Begun::decode(&entry.value)?);
            } else {
                let number = u32::try_from(number).or(Err(Damaged))?;
                parts.insert(number, Part::decode(&entry.value)?);
            }
        }
        Ok(begun.map(|begun| Journalled { begun, parts }))
    }

    pub(super) fn journal_upload(&self, inode: Inode, begun: &Begun, batch: &mut Batch) {
        batch.put(Table::Uploads, keys::of_page(inode, HEAD), begun.encode());
    }

    /// Nobody waits for it: a part that is not remembered is sent again.
    pub(super) fn journal_part(&self, inode: Inode, number: u32, part: &Part) {
        let mut batch = Batch::default();
        let key = keys::of_page(inode, u64::from(number));
        batch.put(Table::Uploads, key, part.encode());
        let _unawaited = self.index.submit(batch);
    }

    /// The upload is over, one way or the other.
    pub(super) fn forget_upload(&self, inode: Inode, batch: &mut Batch) -> VfsResult<()> {
        let range = KeyRange::prefix(&keys::of_inode(inode));
        let entries = self.index.scan(Table::Uploads, &range, usize::MAX);
        for entry in entries.map_err(fault::of_cache)? {
            batch.remove(Table::Uploads, entry.key);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_comes_back_from_its_bytes() {
        let mut begun = Begun {
            picture: Picture {
                key: "d/ü".into(),
                size: 1 << 40,
                generation: 7,
                attributes_version: 3,
                base: None,
                base_len: 0,
                part_bytes: 8 << 20,
            },
            version: "s/1/2-3-4".into(),
            id: None,
            since_ms: 9,
        };
        assert_eq!(Begun::decode(&begun.encode()), Ok(begun.clone()));
        begun.id = Some("u1".into());
        begun.picture.base = Some(ETag("e".into()));
        let bytes = begun.encode();
        assert_eq!(Begun::decode(&bytes), Ok(begun));
        assert_eq!(Begun::decode(&bytes[..bytes.len() - 1]), Err(Damaged));
        let part = Part {
            range: 5..9,
            etag: ETag("e".into()),
        };
        assert_eq!(Part::decode(&part.encode()), Ok(part.clone()));
        let backwards = Part {
            range: part.range.end..part.range.start,
            ..part
        };
        assert_eq!(Part::decode(&backwards.encode()), Err(Damaged));
    }
}
