//! Blocks of the cache disk that cannot be read: fetched again if the bucket has them, and
//! listed by name if it has not.

use std::{ops::Range, sync::Arc};

use cache::DataLog;
use vfs::VfsResult;

use super::{Engine, read::index};
use crate::node::Node;

/// Names kept; the others are only in the log.
const LOST_MAX: usize = 100;

impl Engine {
    /// Lets those blocks of a range go that cannot be read and that the bucket has. Whether
    /// it is worth while to read again.
    pub(super) async fn heal(&self, node: &Arc<Node>, blocks: &Range<u64>) -> VfsResult<bool> {
        let (suspects, pin) = {
            let mut state = node.lock()?;
            self.load_data(&mut state)?;
            let data = state.loaded()?;
            let pieces = data.extents.pieces(blocks.clone());
            (pieces, node.pin(data, &self.log))
        };
        let log = Arc::clone(&self.log);
        let tested = tokio::task::spawn_blocking(move || {
            let bad = suspects.into_iter().filter(|piece| {
                piece
                    .extent
                    .is_some_and(|extent| !is_readable(&log, extent.run))
            });
            let bad: Vec<_> = bad.collect();
            drop(pin);
            bad
        });
        let bad = tested.await.unwrap_or_default();
        let mut is_healed = !bad.is_empty();
        {
            let mut state = node.lock()?;
            let clean = state.record.clean_generation;
            let has_object = state.record.remote.is_some();
            let data = state.loaded()?;
            for piece in bad {
                let Some(extent) = piece.extent else { continue };
                if !has_object || extent.generation > clean {
                    is_healed = false;
                    continue;
                }
                let now = data.extents.pieces(piece.blocks.clone());
                if now.iter().any(|part| part.extent == Some(extent)) {
                    let removed = data.extents.remove(piece.blocks.clone());
                    data.touch(&piece.blocks, removed);
                }
            }
        }
        self.note_unsynced(node.inode);
        if !is_healed {
            self.note_lost(node);
        }
        Ok(is_healed)
    }

    fn note_lost(&self, node: &Node) {
        let path = self.path_of(node.inode).unwrap_or_default();
        let mut lost = self.lost.lock();
        if lost.len() < LOST_MAX && lost.insert(path.clone()) {
            tracing::error!(share = %self.config.name, path, "bytes of a file are lost: they were not uploaded, and the cache disk cannot read them");
        }
    }
}

fn is_readable(log: &DataLog, run: cache::Run) -> bool {
    let mut bytes = vec![0; index(run.len_bytes())];
    log.read(run, &mut bytes).is_ok()
}
