//! Blocks of the cache disk that cannot be read: fetched again if the bucket has them, and
//! listed by name if it has not.

use std::{ops::Range, sync::Arc};

use cache::{DataLog, Run};
use vfs::VfsResult;

use super::{Engine, lost::LostBlock, read::index};
use crate::{
    extents::{Extent, Piece},
    node::Node,
};

impl Engine {
    /// Lets those blocks of a range go that cannot be read and that the bucket has. Whether
    /// it is worth while to read again: also if all can be read now, for a block that is written
    /// over while it is read does not fit its checksum.
    pub(crate) async fn heal(&self, node: &Arc<Node>, blocks: &Range<u64>) -> VfsResult<bool> {
        let (suspects, pin) = {
            let mut state = node.lock()?;
            self.load_data(&mut state)?;
            let data = state.loaded()?;
            let pieces = data.extents.pieces(blocks.clone());
            (pieces, node.pin(data, &self.log))
        };
        let log = Arc::clone(&self.log);
        let tested = tokio::task::spawn_blocking(move || {
            let bad = suspects.iter().flat_map(|piece| unreadable(&log, piece));
            let bad: Vec<(u64, Extent)> = bad.collect();
            drop(pin);
            bad
        });
        let bad = tested.await.unwrap_or_default();
        let lost = self.let_go(node, bad)?;
        self.note_unsynced(node.inode);
        if !lost.is_empty() {
            self.note_lost(node, &lost)?;
        }
        Ok(lost.is_empty())
    }

    /// Lets blocks go that the bucket has; those that it has not.
    fn let_go(&self, node: &Node, bad: Vec<(u64, Extent)>) -> VfsResult<Vec<LostBlock>> {
        let mut state = node.lock()?;
        let record = state.record.clone();
        let data = state.loaded()?;
        let mut lost = Vec::new();
        for (block, extent) in bad {
            let range = block..block + 1;
            let now = data.extents.pieces(range.clone());
            if !now.iter().any(|piece| piece.extent == Some(extent)) {
                // Something else was written there meanwhile.
                continue;
            }
            if !record.has_in_object(&range, extent.generation) {
                lost.push((block, extent.run.first));
            } else {
                let removed = data.extents.remove(range.clone());
                data.touch(&range, removed);
            }
        }
        Ok(lost)
    }
}

/// The blocks of a piece that cannot be read, one by one.
fn unreadable<'a>(log: &'a DataLog, piece: &'a Piece) -> impl Iterator<Item = (u64, Extent)> + 'a {
    let extent = piece.extent.filter(|extent| !is_readable(log, extent.run));
    extent.into_iter().flat_map(move |extent| {
        let blocks = piece.blocks.clone().zip(extent.run.first..);
        let each = blocks.map(move |(block, first)| {
            let run = Run { first, count: 1 };
            (block, Extent { run, ..extent })
        });
        each.filter(|(_, extent)| !is_readable(log, extent.run))
    })
}

fn is_readable(log: &DataLog, run: Run) -> bool {
    let mut bytes = vec![0; index(run.len_bytes())];
    log.read(run, &mut bytes).is_ok()
}
