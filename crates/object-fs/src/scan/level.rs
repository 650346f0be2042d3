//! One directory compared with the bucket, without what is further down.

use std::sync::Arc;

use object_store::ObjectMeta;

use super::{Page, Source};
use crate::{
    engine::Engine,
    fs::{SyncError, SyncSummary},
};

/// Requests for one directory: each brings 1,000 files, or one directory in it. What is beyond is
/// found by the next look at the whole bucket.
const REQUESTS_MAX: usize = 16;

impl Engine {
    /// Compares the objects of one directory, whose keys begin with `prefix`, with the index.
    pub(crate) async fn scan_level(self: &Arc<Self>, prefix: &str) -> Result<(), SyncError> {
        let guard = self.recent.begin();
        let mut after: Option<String> = None;
        for _ in 0..REQUESTS_MAX {
            let sequence = self.recent.sequence();
            let listed = self.store.list(prefix, after.as_deref()).await?;
            let mut rest = listed.objects.as_slice();
            while !rest.is_empty() || !listed.more {
                // One object of a directory further down shows that there is one.
                let deeper = rest.iter().position(|object| is_deeper(object, prefix));
                let (here, others) = match deeper {
                    Some(at) => rest.split_at(at + 1),
                    None => (rest, &[][..]),
                };
                let last = here.last().map(|object| object.key.as_str());
                let page = Page {
                    objects: here,
                    prefix,
                    after: after.as_deref(),
                    up_to: last.filter(|_| deeper.is_some() || listed.more),
                    sequence,
                    source: Source::Listing(Some(guard.listing)),
                };
                let taken = self.take_page(&page, &mut SyncSummary::default()).await;
                taken.map_err(|e| SyncError::Index(e.into()))?;
                if deeper.is_none() && !listed.more {
                    return Ok(());
                }
                after = last.map(|key| match deeper {
                    Some(_) => end_of_dir(key, prefix),
                    None => key.to_owned(),
                });
                let passed = others
                    .iter()
                    .take_while(|object| after.as_ref().is_some_and(|end| object.key <= *end));
                rest = &others[passed.count()..];
            }
        }
        Ok(())
    }
}

fn is_deeper(object: &ObjectMeta, prefix: &str) -> bool {
    object
        .key
        .get(prefix.len()..)
        .is_some_and(|rest| rest.contains('/'))
}

/// Behind all keys of the directory that a key is in, one level below the prefix.
fn end_of_dir(key: &str, prefix: &str) -> String {
    let below = key.get(prefix.len()..).unwrap_or_default();
    let name = below.split('/').next().unwrap_or_default();
    format!("{prefix}{name}/{}", char::MAX)
}
