//! The tree follows the bucket: listings compared with the index.

mod apply;
mod import;
mod known;
mod level;
mod recent;
mod told;
mod vanish;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use cache::{Batch, Index, Table, Ticket};
use object_store::{ListPage, ObjectMeta, StoreResult};
use vfs::FileTime;

use crate::{
    codec::{Damaged, Reader, Writer},
    engine::{Engine, Trouble},
    fs::{SyncError, SyncSummary},
};

pub(crate) use apply::{Place, remote_of};
pub(crate) use recent::{Author, RecentKeys};

pub(crate) const META_IMPORT: &str = "import";
/// Wait after a listing failed; the first one goes on where it was.
const LISTING_PAUSE: Duration = Duration::from_secs(2);
/// Pages of a listing that have been taken in and are not on the disk yet: several at a time cost
/// one flush, and each is a megabyte in memory.
const PAGES_ON_THE_WAY_MAX: usize = 8;

/// How far the first listing of the bucket has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ImportProgress {
    pub(crate) is_complete: bool,
    /// All keys up to this one are in the index.
    pub(crate) cursor: Option<String>,
    pub(crate) objects_listed: u64,
}

impl ImportProgress {
    pub(crate) fn load(index: &Index) -> Result<Self, Trouble> {
        match index.get(Table::Meta, META_IMPORT.as_bytes())? {
            Some(bytes) => Ok(Self::decode(&bytes)?),
            None => Ok(Self::default()),
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut r = Reader::new(bytes);
        Ok(Self {
            is_complete: r.number()? == 1,
            cursor: r.maybe(Reader::text)?.map(Into::into),
            objects_listed: r.number()?,
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.number(u64::from(self.is_complete));
        w.maybe(self.cursor.as_deref(), |w, c| {
            w.text(c);
        });
        w.number(self.objects_listed);
        w.finish()
    }

    fn save(&self, batch: &mut Batch) {
        batch.put(Table::Meta, META_IMPORT, self.encode());
    }

    /// Whether a listing has passed everything that begins with `key`.
    fn has_passed(&self, key: &str) -> bool {
        let is_past = |cursor: &String| cursor.as_str() > key && !cursor.starts_with(key);
        self.is_complete || self.cursor.as_ref().is_some_and(is_past)
    }
}

/// A part of a listing, and what it is a part of.
struct Page<'a> {
    objects: &'a [ObjectMeta],
    /// Keys are listed that begin with this.
    prefix: &'a str,
    /// Where the part begins.
    after: Option<&'a str>,
    /// Where it ends; it is the last if `None`.
    up_to: Option<&'a str>,
    /// Of [`RecentKeys`], when it was asked for.
    sequence: u64,
    source: Source,
}

/// How far what a page says can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// A page of this listing; `None` if it is one that began in an earlier life.
    Listing(Option<u64>),
    /// Another gateway says so.
    Told(Author),
    /// The object itself was looked at.
    Object,
}

impl Engine {
    /// Notes how far a listing has come; durable after all that was submitted before.
    fn note_progress(&self, progress: ImportProgress) -> Ticket {
        let mut batch = Batch::default();
        progress.save(&mut batch);
        let ticket = self.index.submit(batch);
        *self.import.write() = progress;
        ticket
    }

    /// Compares the objects whose keys begin with `prefix` with the index. The next page is asked
    /// for while one is taken in, and those before are on their way to the disk.
    pub(crate) async fn scan_prefix(
        self: &Arc<Self>,
        prefix: &str,
        mut after: Option<String>,
        report: impl Fn(&ListPage) -> Option<ImportProgress>,
    ) -> Result<SyncSummary, SyncError> {
        let guard = self.recent.begin();
        let listing = after.is_none().then_some(guard.listing);
        let mut summary = SyncSummary::default();
        let mut on_the_way: VecDeque<Ticket> = VecDeque::new();
        let mut sequence = self.recent.sequence();
        let mut page = self.store.list(prefix, after.as_deref()).await?;
        loop {
            let last = page.objects.last().map(|object| object.key.clone());
            let last = last.filter(|_| page.more);
            let part = Page {
                objects: &page.objects,
                prefix,
                after: after.as_deref(),
                up_to: last.as_deref(),
                sequence,
                source: Source::Listing(listing),
            };
            let next_sequence = self.recent.sequence();
            let next = self.list_after(prefix, last.as_deref());
            let (next, applied) = futures::join!(next, self.apply_page(&part, &mut summary));
            let mut ticket = applied.map_err(|e| SyncError::Index(e.into()))?;
            if let Some(progress) = report(&page) {
                ticket = Some(self.note_progress(progress));
            }
            on_the_way.extend(ticket);
            if on_the_way.len() > PAGES_ON_THE_WAY_MAX {
                self.taken_in(on_the_way.pop_front()).await?;
            }
            let Some(next) = next? else {
                self.taken_in(on_the_way.pop_back()).await?;
                if summary.added + summary.changed > 0 {
                    self.replicate_soon();
                }
                return Ok(summary);
            };
            (page, sequence, after) = (next, next_sequence, last);
        }
    }

    async fn list_after(&self, prefix: &str, last: Option<&str>) -> StoreResult<Option<ListPage>> {
        match last {
            Some(last) => self.store.list(prefix, Some(last)).await.map(Some),
            None => Ok(None),
        }
    }

    async fn taken_in(&self, ticket: Option<Ticket>) -> Result<(), SyncError> {
        let Some(ticket) = ticket else {
            return Ok(());
        };
        let durable = self.index.durable(ticket).await;
        durable.map_err(|e| SyncError::Index(e.into()))
    }
}

/// When an object was put.
pub(crate) fn mtime_of(meta: &ObjectMeta) -> Option<FileTime> {
    let at = meta.last_modified?;
    Some(FileTime::from_nanos(u128::from(at.as_millis()) * 1_000_000))
}
