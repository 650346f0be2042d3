//! After a crash: blocks that were written and never named are given back.

use std::sync::{Arc, Weak};

use cache::{Committer, LiveBlocks, Records};
use vfs::{VfsError, VfsResult};

use super::Engine;
use crate::{extents::ExtentMap, fault, keys};

/// Pages of maps looked at before it is asked whether the engine is still there.
const STEP: usize = 256;

impl Engine {
    /// Compares the maps, as they were when the engine was opened, with the segments that
    /// were there then. Blocks freed since then are freed by those who know that nobody
    /// reads them.
    pub(crate) fn start_sweep(self: &Arc<Self>, maps: Records, committer: Committer) {
        let engine = Arc::downgrade(self);
        let sweep = move || {
            if let Err(e) = sweep(&engine, maps) {
                tracing::warn!(error = %e, "cannot look for lost blocks on the cache disk");
            }
        };
        match committer {
            // Ends with the engine, which it does not keep alive.
            Committer::Thread => drop(tokio::task::spawn_blocking(sweep)),
            Committer::Waiter(_) => sweep(),
        }
    }
}

fn sweep(engine: &Weak<Engine>, maps: Records) -> VfsResult<()> {
    let mut live = LiveBlocks::default();
    for (n, entry) in maps.enumerate() {
        if n % STEP == 0 && engine.strong_count() == 0 {
            return Ok(());
        }
        let entry = entry.map_err(fault::of_cache)?;
        let (_, page) = keys::pair(&entry.key).map_err(VfsError::from)?;
        let mut map = ExtentMap::default();
        map.decode_page(page, &entry.value)?;
        for (_, extent) in map.iter() {
            live.insert(extent.run);
        }
    }
    let Some(ids) = engine.upgrade().map(|engine| engine.log.earlier_segments()) else {
        return Ok(());
    };
    for id in ids.map_err(fault::of_cache)? {
        // One at a time: whoever opens the directory next must not find us at work.
        let Some(engine) = engine.upgrade() else {
            return Ok(());
        };
        engine
            .log
            .free_all_but(id, &live)
            .map_err(fault::of_cache)?;
    }
    Ok(())
}
