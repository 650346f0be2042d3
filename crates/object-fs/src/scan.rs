//! The tree follows the bucket: listings compared with the index.

mod apply;
mod import;
mod recent;
mod vanish;

use std::{collections::HashMap, sync::Arc, time::Duration};

use cache::{Batch, Index, Table};
use object_store::{ListPage, ObjectMeta};
use vfs::{FileTime, Inode};

use crate::{
    codec::{Damaged, Reader, Writer},
    engine::{Engine, Trouble},
    fs::{SyncError, SyncSummary},
};

pub(crate) use apply::{Place, remote_of};
pub(crate) use recent::RecentKeys;

pub(crate) const META_IMPORT: &str = "import";
/// Wait after a listing failed; the first one goes on where it was.
const LISTING_PAUSE: Duration = Duration::from_secs(2);

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

    fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut r = Reader::new(bytes);
        Ok(Self {
            is_complete: r.number()? == 1,
            cursor: r.maybe(Reader::text)?.map(Into::into),
            objects_listed: r.number()?,
        })
    }

    fn save(&self, batch: &mut Batch) {
        let mut w = Writer::default();
        w.number(u64::from(self.is_complete));
        w.maybe(self.cursor.as_deref(), |w, c| {
            w.text(c);
        });
        w.number(self.objects_listed);
        batch.put(Table::Meta, META_IMPORT, w.finish());
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
    /// The object itself was looked at.
    Object,
}

impl Engine {
    async fn save_progress(&self, progress: ImportProgress) -> Result<(), SyncError> {
        let mut batch = Batch::default();
        progress.save(&mut batch);
        let durable = self.index.durable(self.index.submit(batch)).await;
        durable.map_err(|e| SyncError::Index(e.into()))?;
        *self.import.write() = progress;
        Ok(())
    }

    /// Compares the objects whose keys begin with `prefix` with the index.
    pub(crate) async fn scan_prefix(
        self: &Arc<Self>,
        prefix: &str,
        mut after: Option<String>,
        report: impl Fn(&ListPage) -> Option<ImportProgress>,
    ) -> Result<SyncSummary, SyncError> {
        let guard = self.recent.begin();
        let listing = after.is_none().then_some(guard.listing);
        let mut summary = SyncSummary::default();
        loop {
            let sequence = self.recent.sequence();
            let page = self.store.list(prefix, after.as_deref()).await?;
            let last = page.objects.last().map(|object| object.key.clone());
            let is_last = !page.more || last.is_none();
            let part = Page {
                objects: &page.objects,
                prefix,
                after: after.as_deref(),
                up_to: last.as_deref().filter(|_| !is_last),
                sequence,
                source: Source::Listing(listing),
            };
            self.apply_page(&part, &mut summary)
                .await
                .map_err(|e| SyncError::Index(e.into()))?;
            if let Some(progress) = report(&page) {
                self.save_progress(progress).await?;
            }
            if is_last {
                if summary.added + summary.changed > 0 {
                    self.replicate_soon();
                }
                return Ok(summary);
            }
            after = last;
        }
    }
}

/// When an object was put.
pub(crate) fn mtime_of(meta: &ObjectMeta) -> Option<FileTime> {
    let at = meta.last_modified?;
    Some(FileTime::from_nanos(u128::from(at.as_millis()) * 1_000_000))
}

/// Directories that were found or made, by their keys.
type DirCache = HashMap<String, Inode>;
