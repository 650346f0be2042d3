//! Keys: of index records, and of objects.

use std::time::Duration;

use clock::Timestamp;
use vfs::{FileType, Inode, NAME_LEN_MAX};

use crate::codec::{Damaged, Reader, Writer};
use object_store::ETag;

/// Longest key of an object that all stores take.
pub(crate) const KEY_LEN_MAX: usize = 1_023;
/// Objects of our own, never shown as files.
pub(crate) const RESERVED_PREFIX: &str = ".causeway/";
/// Directory for local copies of files that were changed on both sides.
const CONFLICTS_DIR: &str = ".conflicts";

/// The name of that directory, where so many others are taken by something else.
pub(crate) fn conflicts_dir(taken: u64) -> String {
    match taken {
        0 => CONFLICTS_DIR.to_owned(),
        taken => format!("{CONFLICTS_DIR}~{taken}"),
    }
}

pub(crate) fn is_conflicts_dir(name: &str) -> bool {
    let taken = name.rsplit_once('~').and_then(|(_, n)| n.parse().ok());
    name == conflicts_dir(taken.unwrap_or(0))
}

pub(crate) fn of_inode(inode: Inode) -> [u8; 8] {
    inode.0.to_be_bytes()
}

pub(crate) fn of_name(dir: Inode, name: &str) -> Vec<u8> {
    [&dir.0.to_be_bytes()[..], name.as_bytes()].concat()
}

/// An inode has one name, so its number serves as its cookie.
pub(crate) fn of_listing(dir: Inode, inode: Inode) -> Vec<u8> {
    [dir.0.to_be_bytes(), inode.0.to_be_bytes()].concat()
}

pub(crate) fn of_page(inode: Inode, page: u64) -> Vec<u8> {
    [inode.0.to_be_bytes(), page.to_be_bytes()].concat()
}

/// The two numbers of a listing or page key.
pub(crate) fn pair(key: &[u8]) -> Result<(Inode, u64), Damaged> {
    let (first, second) = key.split_first_chunk::<8>().ok_or(Damaged)?;
    let second = second.try_into().or(Err(Damaged))?;
    Ok((
        Inode(u64::from_be_bytes(*first)),
        u64::from_be_bytes(second),
    ))
}

pub(crate) fn number(bytes: &[u8]) -> Result<u64, Damaged> {
    Ok(u64::from_be_bytes(bytes.try_into().or(Err(Damaged))?))
}

/// Whose an object key is.
///
/// ```text
/// free -> Claimed -> Held -> Tomb -> Gone -> free
///            \________________/        \_____> Claimed, Held
///                       Held -> Kept -> Claimed, free
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyState {
    /// An upload of this inode may or may not have written it; before, it had `expected`.
    Claimed {
        inode: Inode,
        expected: Option<ETag>,
    },
    /// It holds this inode's bytes.
    Held { inode: Inode },
    /// It waits to be deleted; a listing must not bring it back.
    Tomb { etag: Option<ETag>, owner: Owner },
    /// Its file was deleted here and it stays, as the share says; what it had then is shown no
    /// more.
    Kept { etag: Option<ETag> },
    /// It was deleted. A listing that has it all the same may be an old one; see [`Gone`].
    Gone,
}

/// Whose an object is that waits to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// It was a file here.
    Us,
    /// Perhaps ours: an upload may or may not have written it.
    Unknown,
}

impl KeyState {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        let etag = |w: &mut Writer, e: &Option<ETag>| {
            w.maybe(e.as_ref(), |w, e| {
                w.text(&e.0);
            });
        };
        match self {
            Self::Claimed { inode, expected } => {
                w.number(0).number(inode.0);
                etag(&mut w, expected);
            }
            Self::Held { inode } => {
                w.number(1).number(inode.0);
            }
            Self::Gone => {
                w.number(4);
            }
            Self::Kept { etag: tag } => {
                w.number(5);
                etag(&mut w, tag);
            }
            Self::Tomb { etag: tag, owner } => {
                w.number(match owner {
                    Owner::Us => 2,
                    Owner::Unknown => 3,
                });
                etag(&mut w, tag);
            }
        }
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut r = Reader::new(bytes);
        let etag = |r: &mut Reader<'_>| {
            let text = r.maybe(Reader::text)?;
            Ok(text.map(|text| ETag(text.into())))
        };
        Ok(match r.number()? {
            0 => Self::Claimed {
                inode: Inode(r.number()?),
                expected: etag(&mut r)?,
            },
            1 => Self::Held {
                inode: Inode(r.number()?),
            },
            2 => Self::Tomb {
                etag: etag(&mut r)?,
                owner: Owner::Us,
            },
            3 => Self::Tomb {
                etag: etag(&mut r)?,
                owner: Owner::Unknown,
            },
            4 => Self::Gone,
            5 => Self::Kept {
                etag: etag(&mut r)?,
            },
            _ => return Err(Damaged),
        })
    }
}

/// When a key was deleted: it is remembered until a listing has passed it that began so much later
/// that none to come can be from before it, or for [`GONE_FOR`]. Kept with the tombstone; one that is still to be carried out has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone {
    /// The last listing that had begun.
    pub(crate) listing: u64,
    pub(crate) at_ms: u64,
}

/// No listing is older than that.
pub(crate) const GONE_FOR: Duration = Duration::from_secs(24 * 60 * 60);

impl Gone {
    pub(crate) fn encode(self) -> Vec<u8> {
        [self.listing.to_be_bytes(), self.at_ms.to_be_bytes()].concat()
    }

    /// `None` if the deletion is still to be carried out.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Option<Self>, Damaged> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let (listing, at_ms) = pair(bytes)?;
        let listing = listing.0;
        Ok(Some(Self { listing, at_ms }))
    }

    pub(crate) fn age(self, now: Timestamp) -> Duration {
        Duration::from_millis(now.as_millis().saturating_sub(self.at_ms))
    }
}

/// An object key as a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyPath<'a> {
    pub(crate) dirs: Vec<&'a str>,
    pub(crate) name: &'a str,
    /// [`FileType::Directory`] for a marker `dir/`.
    pub(crate) file_type: FileType,
}

/// The path of an object; `None` if it cannot be one of a file.
pub(crate) fn path_of(key: &str) -> Option<KeyPath<'_>> {
    let (path, file_type) = match key.strip_suffix('/') {
        Some(path) => (path, FileType::Directory),
        None => (key, FileType::Regular),
    };
    let mut dirs: Vec<&str> = path.split('/').collect();
    let is_name = |name: &&str| {
        !matches!(*name, "" | "." | "..") && name.len() <= NAME_LEN_MAX && !name.contains('\0')
    };
    if !dirs.iter().all(is_name) {
        return None;
    }
    let name = dirs.pop()?;
    Some(KeyPath {
        dirs,
        name,
        file_type,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_cannot_be_paths_are_refused() {
        for key in ["", "/", "a//b", "/a", "./a", "a/../b", "a/.", "a//", "a\0"] {
            assert_eq!(path_of(key), None, "{key:?}");
        }
        assert_eq!(path_of(&"x".repeat(256)), None);
        let path = path_of("a/b/c/").unwrap();
        assert_eq!((path.dirs, path.name), (vec!["a", "b"], "c"));
        assert_eq!(path.file_type, FileType::Directory);
    }

    #[test]
    fn key_states_come_back_from_their_bytes() {
        let etag = Some(ETag("e".into()));
        for state in [
            KeyState::Claimed {
                inode: Inode(3),
                expected: etag.clone(),
            },
            KeyState::Held { inode: Inode(300) },
            KeyState::Tomb {
                etag,
                owner: Owner::Us,
            },
            KeyState::Tomb {
                etag: None,
                owner: Owner::Unknown,
            },
            KeyState::Gone,
            KeyState::Kept {
                etag: Some(ETag("kept".into())),
            },
        ] {
            assert_eq!(KeyState::decode(&state.encode()), Ok(state));
        }
    }
}
