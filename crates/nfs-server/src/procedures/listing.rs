//! READDIR and READDIRPLUS.
//!
//! `.` and `..` have the cookies 1 and 2, which engines leave free.

use vfs::{Attributes, Caller, Cookie, DirEntry};

use super::Scope;
use crate::{
    file_handle::HANDLE_LEN,
    limits::LISTING_LEN_MAX,
    nfs3::{FATTR_LEN, Listing, ListingEntry, Outcome, PostOp},
    status::Status,
    xdr::padding,
};

const COOKIE_DOT: u64 = 1;
const COOKIE_DOT_DOT: u64 = 2;

/// Bytes of a listing without entries: attributes, verifier, end of list, end of directory.
const EMPTY_LEN: usize = (4 + FATTR_LEN) + 8 + 4 + 4;
/// Bytes of an entry without its name: follows, file id, length, cookie.
const ENTRY_LEN: usize = 4 + 8 + 4 + 8;
/// Bytes that READDIRPLUS adds: attributes and handle, with what announces them.
const PLUS_LEN: usize = (4 + FATTR_LEN) + (4 + 4 + HANDLE_LEN);

/// Entries asked of the file system at a time.
const BATCH_MAX: usize = 512;

/// What the client wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    cookie: u64,
    /// Bytes for names, cookies and file ids; only READDIRPLUS bounds them apart.
    names_len_max: usize,
    /// Bytes of the whole.
    len_max: usize,
    is_plus: bool,
}

impl Asked {
    pub(super) fn names(cookie: u64, count: u32) -> Self {
        let len_max = bounded(count);
        Self {
            cookie,
            names_len_max: len_max,
            len_max,
            is_plus: false,
        }
    }

    pub(super) fn plus(cookie: u64, dir_count: u32, max_count: u32) -> Self {
        Self {
            cookie,
            names_len_max: bounded(dir_count),
            len_max: bounded(max_count),
            is_plus: true,
        }
    }

    const fn entry_len(&self) -> usize {
        if self.is_plus {
            ENTRY_LEN + PLUS_LEN
        } else {
            ENTRY_LEN
        }
    }
}

fn bounded(count: u32) -> usize {
    usize::try_from(count.min(LISTING_LEN_MAX)).unwrap_or(0)
}

/// A reply that fills up.
struct Page {
    asked: Asked,
    entries: Vec<ListingEntry>,
    names_len: usize,
    len: usize,
}

impl Page {
    /// Whether there was room. The first entry may exceed the bound for names alone, else a
    /// client with a small one would never come to an end.
    fn push(&mut self, entry: ListingEntry) -> bool {
        let name_len = entry.name.len() + padding(entry.name.len());
        let names_len = self.names_len + ENTRY_LEN + name_len;
        let len = self.len + self.asked.entry_len() + name_len;
        let is_first = self.entries.is_empty();
        if len > self.asked.len_max || (names_len > self.asked.names_len_max && !is_first) {
            return false;
        }
        self.names_len = names_len;
        self.len = len;
        self.entries.push(entry);
        true
    }

    /// About as many entries as may still fit.
    fn batch(&self) -> usize {
        let room = self.asked.len_max.saturating_sub(self.len);
        (room / self.asked.entry_len() + 1).min(BATCH_MAX)
    }
}

impl Scope<'_> {
    pub(super) async fn list(self, asked: Asked) -> Outcome<Listing, PostOp> {
        let page = Page {
            asked,
            entries: Vec::new(),
            names_len: 0,
            len: EMPTY_LEN,
        };
        match self.fill(page).await {
            Ok((page, end)) => Ok(Listing {
                dir: self.post_op().await,
                entries: page.entries,
                end,
                is_plus: asked.is_plus,
            }),
            Err(status) => Err(self.failed(status).await),
        }
    }

    /// The page, and whether it ends the directory.
    async fn fill(&self, mut page: Page) -> Result<(Page, bool), Status> {
        let cookie = page.asked.cookie;
        let mut after = Cookie(if cookie <= COOKIE_DOT_DOT { 0 } else { cookie });
        // The first look comes before `.`, because it finds out whether there may be any.
        let mut found = self.look(after, page.batch()).await?;
        let mut has_room = self.add_dots(&mut page).await?;
        loop {
            for entry in found.entries {
                after = entry.cookie;
                has_room = has_room && page.push(self.entry(&entry, page.asked.is_plus));
            }
            if !has_room || found.end {
                break;
            }
            found = self.look(after, page.batch()).await?;
        }
        if page.entries.is_empty() && !has_room {
            return Err(Status::TooSmall);
        }
        Ok((page, has_room))
    }

    async fn look(&self, after: Cookie, count: usize) -> Result<vfs::DirPage, Status> {
        let fs = &self.export.fs;
        let found = fs.read_dir(&self.caller, self.inode, after, count).await;
        let mut found = found.map_err(|error| self.status_of(&error))?;
        // A page without entries is the end, else we would ask for ever.
        found.end |= found.entries.is_empty();
        Ok(found)
    }

    async fn add_dots(&self, page: &mut Page) -> Result<bool, Status> {
        let fs = &self.export.fs;
        let mut has_room = true;
        if page.asked.cookie < COOKIE_DOT {
            let this = fs.attributes(self.inode).await;
            let this = this.map_err(|error| self.status_of(&error))?;
            has_room = page.push(self.dot(b".", COOKIE_DOT, this, page.asked.is_plus));
        }
        if has_room && page.asked.cookie < COOKIE_DOT_DOT {
            // Who may list a directory learns its parent's number without a right to search.
            let above = fs.lookup(&Caller::root(), self.inode, "..").await;
            let above = above.map_err(|error| self.status_of(&error))?;
            has_room = page.push(self.dot(b"..", COOKIE_DOT_DOT, above, page.asked.is_plus));
        }
        Ok(has_room)
    }

    fn dot(&self, name: &[u8], cookie: u64, of: Attributes, is_plus: bool) -> ListingEntry {
        ListingEntry {
            file_id: of.inode.0,
            name: name.into(),
            cookie,
            plus: is_plus.then(|| (self.handle_of(of.inode), of)),
        }
    }

    fn entry(&self, entry: &DirEntry, is_plus: bool) -> ListingEntry {
        let of = entry.attributes;
        self.dot(entry.name.as_str().as_bytes(), entry.cookie.0, of, is_plus)
    }
}
