//! What the index knows of an inode.

use std::ops::Range;

use cache::BLOCK_LEN;
use object_store::ETag;
use vfs::{Attributes, FileTime, FileType, Inode};

use crate::codec::{Damaged, Reader, Writer};

/// The object that holds an inode's bytes, wherever the inode's path leads by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) key: Box<str>,
    pub(crate) etag: Option<ETag>,
    pub(crate) size: u64,
}

impl Remote {
    /// Whether it can be told from others at the same key.
    pub(crate) fn has_tag(&self) -> bool {
        self.etag.as_ref().is_some_and(|etag| !etag.0.is_empty())
    }
}

/// Whether an inode's attributes are the real ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Knowledge {
    /// From the object's metadata, or set here.
    Known,
    /// The object was seen in a listing only; its metadata is asked for when needed.
    ListedOnly,
}

/// Content of a file as numbers. Two of them exist while writes are not committed: as clients
/// see it, and as the index has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) size: u64,
    /// Bytes that are not in the cache come from the remote object up to here, and are zero
    /// beyond.
    pub(crate) base_len: u64,
    /// What `base_len` becomes when the upload that is under way has ended. Cutting the file
    /// lowers it, so that cut bytes never come back.
    pub(crate) next_base_len: Option<u64>,
    /// Marks what is written from now on: greater than that of anything in the bucket. It moves
    /// on when an upload takes its picture.
    pub(crate) generation: u64,
    /// The generation of the last change.
    pub(crate) changed: u64,
}

impl Content {
    /// What an object brings, `after` a generation that was here before. It counts as the
    /// generation after that; what is written from now on, as the next.
    pub(crate) fn of_object(size: u64, after: u64) -> Self {
        Self {
            size,
            base_len: size,
            next_base_len: None,
            generation: after + 2,
            changed: after + 1,
        }
    }

    pub(crate) fn cut(&mut self, size: u64) {
        self.size = size;
        self.base_len = self.base_len.min(size);
        self.next_base_len = self.next_base_len.map(|len| len.min(size));
        self.changed = self.generation;
    }
}

/// One inode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// With the size of `content` for regular files.
    pub(crate) attributes: Attributes,
    pub(crate) parent: Inode,
    pub(crate) name: Box<str>,
    pub(crate) knowledge: Knowledge,
    /// Verifier of an exclusive create.
    pub(crate) exclusive: Option<u64>,
    /// Where a symbolic link leads.
    pub(crate) target: Option<Box<str>>,
    pub(crate) remote: Option<Remote>,
    /// A key that an upload may have written, without our having seen the answer.
    pub(crate) claim: Option<Box<str>>,
    pub(crate) content: Content,
    /// Content up to this generation is in the remote object.
    pub(crate) clean_generation: u64,
    /// Counts changes of attributes that belong in the object's metadata.
    pub(crate) attributes_version: u64,
    pub(crate) clean_attributes_version: u64,
}

impl Record {
    pub(crate) fn new(attributes: Attributes, parent: Inode, name: &str) -> Self {
        Self {
            attributes,
            parent,
            name: name.into(),
            knowledge: Knowledge::Known,
            exclusive: None,
            target: None,
            remote: None,
            claim: None,
            content: Content {
                size: attributes.size,
                generation: 1,
                changed: 1,
                ..Content::default()
            },
            clean_generation: 0,
            attributes_version: 1,
            clean_attributes_version: 0,
        }
    }

    /// As clients see it.
    pub(crate) fn attributes(&self) -> Attributes {
        match self.attributes.file_type {
            FileType::Regular => Attributes {
                size: self.content.size,
                used_bytes: self.content.size,
                ..self.attributes
            },
            FileType::Directory | FileType::Symlink => self.attributes,
        }
    }

    pub(crate) fn is_content_dirty(&self) -> bool {
        self.content.changed > self.clean_generation
    }

    /// Whether the object has what blocks of the file hold that were written with a generation.
    pub(crate) fn has_in_object(&self, blocks: &Range<u64>, generation: u64) -> bool {
        let last = blocks.end.saturating_sub(1);
        self.remote.is_some()
            && generation <= self.clean_generation
            && last.saturating_mul(BLOCK_LEN) < self.content.base_len
    }

    /// Whether it was changed here in a way that its object is to show. (Directories have no
    /// content.)
    pub(crate) fn is_dirty(&self) -> bool {
        let is_dir = self.attributes.file_type == FileType::Directory;
        self.is_attributes_dirty() || !is_dir && self.is_content_dirty()
    }

    pub(crate) fn is_attributes_dirty(&self) -> bool {
        self.attributes_version > self.clean_attributes_version
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.number(VERSION);
        encode_attributes(&mut w, &self.attributes);
        w.number(self.parent.0).text(&self.name);
        w.number(u64::from(self.knowledge == Knowledge::Known));
        w.maybe(self.exclusive, |w, v| {
            w.number(v);
        });
        w.maybe(self.target.as_deref(), |w, t| {
            w.text(t);
        });
        w.maybe(self.remote.as_ref(), |w, r| {
            w.text(&r.key).number(r.size);
            w.maybe(r.etag.as_ref(), |w, e| {
                w.text(&e.0);
            });
        });
        w.maybe(self.claim.as_deref(), |w, c| {
            w.text(c);
        });
        let content = &self.content;
        w.number(content.size).number(content.base_len);
        w.maybe(content.next_base_len, |w, len| {
            w.number(len);
        });
        w.number(content.generation).number(content.changed);
        w.number(self.clean_generation);
        w.number(self.attributes_version)
            .number(self.clean_attributes_version);
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut r = Reader::new(bytes);
        if r.number()? != VERSION {
            return Err(Damaged);
        }
        Ok(Self {
            attributes: decode_attributes(&mut r)?,
            parent: Inode(r.number()?),
            name: r.text()?,
            knowledge: if r.number()? == 1 {
                Knowledge::Known
            } else {
                Knowledge::ListedOnly
            },
            exclusive: r.maybe(Reader::number)?,
            target: r.maybe(Reader::text)?,
            remote: r.maybe(|r| {
                Ok(Remote {
                    key: r.text()?,
                    size: r.number()?,
                    etag: r.maybe(Reader::text)?.map(|etag| ETag(etag.into())),
                })
            })?,
            claim: r.maybe(Reader::text)?,
            content: Content {
                size: r.number()?,
                base_len: r.number()?,
                next_base_len: r.maybe(Reader::number)?,
                generation: r.number()?,
                changed: r.number()?,
            },
            clean_generation: r.number()?,
            attributes_version: r.number()?,
            clean_attributes_version: r.number()?,
        })
    }
}

/// Of the form of a record.
const VERSION: u64 = 1;

fn encode_attributes(w: &mut Writer, a: &Attributes) {
    w.number(a.inode.0).number(match a.file_type {
        FileType::Regular => 0,
        FileType::Directory => 1,
        FileType::Symlink => 2,
    });
    for number in [a.mode, a.link_count, a.uid, a.gid] {
        w.number(u64::from(number));
    }
    w.number(a.size).number(a.used_bytes);
    for time in [a.atime, a.mtime, a.ctime] {
        w.signed(time.seconds).number(u64::from(time.nanos));
    }
}

fn decode_attributes(r: &mut Reader<'_>) -> Result<Attributes, Damaged> {
    let time = |r: &mut Reader<'_>| {
        Ok(FileTime {
            seconds: r.signed()?,
            nanos: r.small()?,
        })
    };
    Ok(Attributes {
        inode: Inode(r.number()?),
        file_type: match r.number()? {
            0 => FileType::Regular,
            1 => FileType::Directory,
            2 => FileType::Symlink,
            _ => return Err(Damaged),
        },
        mode: r.small()?,
        link_count: r.small()?,
        uid: r.small()?,
        gid: r.small()?,
        size: r.number()?,
        used_bytes: r.number()?,
        atime: time(r)?,
        mtime: time(r)?,
        ctime: time(r)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_from_its_bytes() {
        let time = FileTime {
            seconds: -5,
            nanos: 999_999_999,
        };
        let attributes = Attributes {
            inode: Inode(u64::MAX),
            file_type: FileType::Symlink,
            mode: 0o7777,
            link_count: 2,
            uid: u32::MAX,
            gid: 1,
            size: 3,
            used_bytes: 4,
            atime: time,
            mtime: time,
            ctime: time,
        };
        let mut record = Record::new(attributes, Inode(1), "ünì");
        assert_eq!(Record::decode(&record.encode()), Ok(record.clone()));
        record.remote = Some(Remote {
            key: "a/b".into(),
            etag: Some(ETag("e".into())),
            size: 1 << 40,
        });
        record.claim = Some("c".into());
        record.target = Some("t".into());
        record.exclusive = Some(9);
        record.knowledge = Knowledge::ListedOnly;
        record.content.next_base_len = Some(0);
        let bytes = record.encode();
        assert_eq!(Record::decode(&bytes), Ok(record));
        assert_eq!(Record::decode(&bytes[..bytes.len() - 1]), Err(Damaged));
    }
}
