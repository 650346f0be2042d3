//! What other gateways say that they changed, put into the index like a listing.

use std::sync::Arc;

use model::ObjectChange;
use object_store::{ETag, ObjectMeta, PART_BYTES_MAX, PARTS_MAX};
use vfs::VfsResult;

use super::{Author, Page, Source};
use crate::{engine::Engine, fs::SyncSummary, keys::KEY_LEN_MAX};

/// Longest entity tag that is believed; those of stores have 32 to 70 characters.
const ETAG_LEN_MAX: usize = 256;
/// No store has larger objects.
const OBJECT_BYTES_MAX: u64 = PART_BYTES_MAX * PARTS_MAX;

impl Engine {
    /// Puts changes of one author into the index, in their order. They are believed unless we, or
    /// yet another gateway, changed the same key lately: then the bucket is asked.
    pub(crate) async fn apply_changes(
        self: &Arc<Self>,
        author: Author,
        changes: Vec<ObjectChange>,
    ) -> VfsResult<SyncSummary> {
        let mut summary = SyncSummary::default();
        let mut puts: Vec<ObjectMeta> = Vec::new();
        let mut last = None;
        for change in changes {
            if !is_possible(&change) {
                summary.skipped += 1;
                continue;
            }
            match change {
                ObjectChange::Put {
                    key,
                    size,
                    etag,
                    metadata,
                } => puts.push(ObjectMeta {
                    key,
                    size,
                    etag: etag.map(ETag),
                    last_modified: None,
                    metadata,
                }),
                ObjectChange::Delete { key } => {
                    let put = self.apply_puts(author, std::mem::take(&mut puts), &mut summary);
                    last = put.await?.or(last);
                    self.apply_delete(author, &key, &mut summary).await?;
                }
            }
        }
        last = self.apply_puts(author, puts, &mut summary).await?.or(last);
        if let Some(ticket) = last {
            self.durable(ticket).await?;
        }
        Ok(summary)
    }

    async fn apply_puts(
        self: &Arc<Self>,
        author: Author,
        mut objects: Vec<ObjectMeta>,
        summary: &mut SyncSummary,
    ) -> VfsResult<Option<cache::Ticket>> {
        // By their keys like a listing, and of one that was put twice the last: turned around,
        // that is the first of its kind.
        objects.reverse();
        objects.sort_by(|a, b| a.key.cmp(&b.key));
        objects.dedup_by(|later, first| later.key == first.key);
        let page = self.page_of(author, &objects, "");
        self.apply_objects(&page, Vec::new(), summary).await
    }

    async fn apply_delete(
        self: &Arc<Self>,
        author: Author,
        key: &str,
        summary: &mut SyncSummary,
    ) -> VfsResult<()> {
        let page = self.page_of(author, &[], key);
        let mut suspects = Vec::new();
        if !self.is_passed_over(&page, key, &mut suspects) {
            self.remove_missing(&page, &mut suspects, summary).await?;
        }
        self.look_at_suspects(suspects, summary).await
    }

    fn page_of<'a>(&self, author: Author, objects: &'a [ObjectMeta], key: &'a str) -> Page<'a> {
        Page {
            objects,
            prefix: key,
            after: None,
            up_to: Some(key),
            sequence: self.recent.sequence(),
            source: Source::Told(author),
        }
    }
}

/// Whether a store can have such an object. What a listing says comes from a store; this does not.
fn is_possible(change: &ObjectChange) -> bool {
    let is_put_possible = match change {
        ObjectChange::Put { size, etag, .. } => {
            let etag_len = etag.as_ref().map_or(0, String::len);
            *size <= OBJECT_BYTES_MAX && etag_len <= ETAG_LEN_MAX
        }
        ObjectChange::Delete { .. } => true,
    };
    is_put_possible && change.key().len() <= KEY_LEN_MAX
}
