//! The reference model: a thin device in memory that can lose power.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

use crate::{
    BlockCount, BlockDevice, BlockError, BlockResult, Durability, Extent, Geometry, Lba,
    Provisioning,
};

/// Blocks of one call, small so that tests meet the limit.
const TRANSFER_MAX: BlockCount = BlockCount(2_048);

/// A device in memory.
#[derive(Debug)]
pub struct MemDisk {
    geometry: Geometry,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What survives; blocks that are not here are zeros.
    durable: BTreeMap<Lba, Bytes>,
    /// What a crash may take: each block's last version, `None` if it was unmapped.
    cached: BTreeMap<Lba, Option<Bytes>>,
    /// Most blocks that may be in use; `None` for no limit.
    room: Option<BlockCount>,
}

impl State {
    fn block(&self, lba: Lba) -> Option<&Bytes> {
        match self.cached.get(&lba) {
            Some(cached) => cached.as_ref(),
            None => self.durable.get(&lba),
        }
    }

    fn make_durable(&mut self, lba: Lba) {
        match self.cached.remove(&lba) {
            Some(Some(block)) => {
                self.durable.insert(lba, block);
            }
            Some(None) => {
                self.durable.remove(&lba);
            }
            None => {}
        }
    }

    fn in_use(&self) -> u64 {
        let (added, removed) = self
            .cached
            .iter()
            .fold((0, 0), |(added, removed), (lba, block)| {
                match (self.durable.contains_key(lba), block) {
                    (false, Some(_)) => (added + 1, removed),
                    (true, None) => (added, removed + 1),
                    (true, Some(_)) | (false, None) => (added, removed),
                }
            });
        self.durable.len() as u64 + added - removed
    }
}

impl MemDisk {
    /// A device of zeros.
    #[must_use]
    pub fn new(block_bytes: u32, blocks: BlockCount) -> Self {
        let geometry = Geometry {
            block_bytes,
            blocks,
            blocks_per_physical: (4_096 / block_bytes).max(1),
            transfer_max: TRANSFER_MAX,
            provisioning: Provisioning::Thin,
        };
        let state = Mutex::default();
        Self { geometry, state }
    }

    /// From now on at most so many blocks can be in use.
    pub fn limit_room(&self, blocks: BlockCount) {
        self.state.lock().room = Some(blocks);
    }

    /// Blocks in use.
    #[must_use]
    pub fn in_use(&self) -> BlockCount {
        BlockCount(self.state.lock().in_use())
    }

    /// Loses power: of the blocks that were not durable those stay for which `survives` says so.
    pub fn crash(&self, mut survives: impl FnMut(Lba) -> bool) {
        let mut state = self.state.lock();
        let cached: Vec<Lba> = state.cached.keys().copied().collect();
        for lba in cached {
            if survives(lba) {
                state.make_durable(lba);
            } else {
                state.cached.remove(&lba);
            }
        }
    }

    fn lbas(extent: Extent) -> impl Iterator<Item = Lba> {
        let end = extent.end().unwrap_or(extent.start);
        (extent.start.0..end.0).map(Lba)
    }
}

#[async_trait]
impl BlockDevice for MemDisk {
    fn geometry(&self) -> Geometry {
        self.geometry
    }

    async fn read(&self, extent: Extent) -> BlockResult<Bytes> {
        self.geometry.check(extent)?;
        let (mut data, state) = (BytesMut::new(), self.state.lock());
        for lba in Self::lbas(extent) {
            let end = data.len() + self.geometry.block_bytes as usize;
            if let Some(block) = state.block(lba) {
                data.extend_from_slice(block);
            }
            data.resize(end, 0);
        }
        Ok(data.freeze())
    }

    async fn write(&self, start: Lba, data: Bytes, durability: Durability) -> BlockResult<()> {
        let extent = self.geometry.extent_of(start, &data)?;
        let mut state = self.state.lock();
        let fresh = Self::lbas(extent)
            .filter(|lba| state.block(*lba).is_none())
            .count() as u64;
        if fresh > 0
            && state
                .room
                .is_some_and(|room| state.in_use() + fresh > room.0)
        {
            return Err(BlockError::NoSpace { extent });
        }
        let mut rest = data;
        for lba in Self::lbas(extent) {
            let block = rest.split_to(self.geometry.block_bytes as usize);
            state.cached.insert(lba, Some(block));
            if durability == Durability::Forced {
                state.make_durable(lba);
            }
        }
        Ok(())
    }

    async fn flush(&self) -> BlockResult<()> {
        let mut state = self.state.lock();
        let cached: Vec<Lba> = state.cached.keys().copied().collect();
        for lba in cached {
            state.make_durable(lba);
        }
        Ok(())
    }

    async fn unmap(&self, extent: Extent) -> BlockResult<()> {
        self.geometry.check_inside(extent)?;
        let mut state = self.state.lock();
        let inside = extent.start..extent.end().unwrap_or(extent.start);
        // By what is there, not by number: a host unmaps a whole device in one call.
        let used: BTreeSet<Lba> = state
            .durable
            .range(inside.clone())
            .map(|(lba, _)| *lba)
            .chain(state.cached.range(inside).map(|(lba, _)| *lba))
            .collect();
        for lba in used {
            state.cached.insert(lba, None);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
