//! One inode in memory, and the bounded set of them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering, fence},
    },
};

use cache::{Run, Ticket};
use foldhash::fast::RandomState;
use parking_lot::{Mutex, MutexGuard};
use vfs::{ErrorKind, Inode, VfsResult};

use crate::{
    engine::fetch::Fetch,
    extents::{Extent, ExtentMap},
    readers::Readers,
    record::{Content, Record},
};

/// One inode. Its state is locked for moments only, never over I/O that may wait.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) inode: Inode,
    pub(crate) state: Mutex<NodeState>,
    /// Held by who writes or cuts: reading, changing and writing back a part of a block is
    /// one step.
    pub(crate) writing: tokio::sync::Mutex<()>,
    /// Held by who commits, so that maps reach the index in order.
    pub(crate) committing: tokio::sync::Mutex<()>,
    used: AtomicBool,
    visits: AtomicU8,
    /// Changes, under the lock, whenever blocks go that were named.
    epoch: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct NodeState {
    /// As clients see it.
    pub(crate) record: Record,
    /// Content as the index has it: what is left after a crash.
    pub(crate) synced: Content,
    pub(crate) data: DataState,
    /// Removed: whoever still has the node gets `Stale`.
    pub(crate) is_gone: bool,
}

/// Visits that are counted; more do not make a file stay longer.
pub(crate) const VISITS_MAX: u8 = 4;

/// Where a file's data is.
#[derive(Debug)]
pub(crate) enum DataState {
    /// Not looked up yet; the index has all of it.
    Unloaded,
    Loaded(Box<FileData>),
}

/// The blocks of a file in use.
#[derive(Debug, Default)]
pub(crate) struct FileData {
    pub(crate) extents: ExtentMap,
    /// Pages of the map that the index does not have as they are.
    pub(crate) touched: BTreeSet<u64>,
    /// Content or map differ from what the index has.
    pub(crate) is_unsynced: bool,
    pub(crate) last_commit: Option<Ticket>,
    /// Content of the commit that is under way. What becomes of the base meanwhile becomes of it
    /// too; `None` if other content has taken its place.
    pub(crate) under_way: Option<Content>,
    /// No longer named here, still named by the index.
    pub(crate) replaced: Vec<Run>,
    /// No longer named by anybody, perhaps still being read.
    unnamed: Vec<(u64, Run)>,
    readers: Readers,
    /// Changes when the remote object, or what of it is ours, does.
    pub(crate) base_epoch: u64,
    pub(crate) fetches: Vec<Fetch>,
    /// Where a sequential reader goes on, and how far to read ahead of it.
    pub(crate) sequential: Sequential,
}

/// Follows one sequential reader of a file.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sequential {
    pub(crate) next: u64,
    pub(crate) window: u64,
    /// Reads, one after the other, that did not go on where the one before ended.
    pub(crate) strays: u8,
}

/// Keeps blocks from being freed while they are read.
#[derive(Debug)]
pub(crate) struct Pin {
    node: Arc<Node>,
    epoch: u64,
    log: Arc<cache::DataLog>,
}

impl FileData {
    pub(crate) fn new(extents: ExtentMap) -> Self {
        Self {
            extents,
            ..Self::default()
        }
    }

    /// Notes that the range is mapped otherwise now.
    pub(crate) fn touch(&mut self, blocks: &Range<u64>, replaced: Vec<Extent>) {
        use crate::extents::PAGE_BLOCKS;
        self.touched
            .extend(blocks.start / PAGE_BLOCKS..blocks.end.div_ceil(PAGE_BLOCKS));
        self.replaced.extend(replaced.into_iter().map(|e| e.run));
        self.is_unsynced = true;
    }

    fn releasable(&mut self) -> Vec<Run> {
        if self.unnamed.is_empty() {
            return Vec::new();
        }
        let oldest = self.readers.oldest().unwrap_or(u64::MAX);
        let (free, kept) = std::mem::take(&mut self.unnamed)
            .into_iter()
            .partition(|(epoch, _)| *epoch < oldest);
        self.unnamed = kept;
        let free: Vec<(u64, Run)> = free;
        free.into_iter().map(|(_, run)| run).collect()
    }

    fn is_idle(&self) -> bool {
        let is_settled = !self.is_unsynced && self.replaced.is_empty() && self.unnamed.is_empty();
        is_settled && self.readers.are_none() && !self.fetches.iter().any(Fetch::is_under_way)
    }
}

impl Node {
    pub(crate) fn new(record: Record) -> Self {
        Self {
            inode: record.attributes.inode,
            state: Mutex::new(NodeState {
                synced: record.content,
                record,
                data: DataState::Unloaded,
                is_gone: false,
            }),
            writing: tokio::sync::Mutex::default(),
            committing: tokio::sync::Mutex::default(),
            used: AtomicBool::new(true),
            visits: AtomicU8::new(0),
            epoch: AtomicU64::new(0),
        }
    }

    /// Its state, unless it is no more.
    pub(crate) fn lock(&self) -> VfsResult<MutexGuard<'_, NodeState>> {
        let state = self.state.lock();
        if state.is_gone {
            return Err(ErrorKind::Stale.into());
        }
        Ok(state)
    }

    /// Keeps the blocks that are named now from being freed.
    pub(crate) fn pin(self: &Arc<Self>, data: &mut FileData, log: &Arc<cache::DataLog>) -> Pin {
        let epoch = self.epoch();
        data.readers.enter(epoch);
        Pin {
            node: Arc::clone(self),
            epoch,
            log: Arc::clone(log),
        }
    }

    /// Another one whenever blocks go that were named: who has read some, and sees that of before,
    /// has read what they held.
    pub(crate) fn epoch(&self) -> u64 {
        fence(Ordering::Acquire);
        self.epoch.load(Ordering::Acquire)
    }

    /// Blocks that nobody names any more: those that nobody reads either can be freed now.
    pub(crate) fn release(&self, runs: Vec<Run>) -> Vec<Run> {
        let mut state = self.state.lock();
        let epoch = self.epoch.fetch_add(1, Ordering::AcqRel);
        match &mut state.data {
            DataState::Loaded(data) => {
                let unnamed = runs.into_iter().map(|run| (epoch, run));
                data.unnamed.extend(unnamed);
                data.releasable()
            }
            DataState::Unloaded => runs,
        }
    }

    /// Somebody began to read it.
    pub(crate) fn mark_visit(&self) {
        let more = |visits: u8| (visits < VISITS_MAX).then_some(visits + 1);
        self.count_visits(more);
    }

    /// It was written: that counts as one visit, however many writes there are.
    pub(crate) fn mark_written(&self) {
        self.count_visits(|visits| Some(visits.max(1)));
    }

    /// Whether it was visited more than `spared` times. What was read only once, however large,
    /// goes before what is read again and again; only when that is not enough do visits wear
    /// off.
    pub(crate) fn was_visited_more_than(&self, spared: u8) -> bool {
        let wear = u8::from(spared > 1);
        let less = |visits: u8| (visits > spared).then(|| visits - wear);
        self.count_visits(less) > spared
    }

    fn count_visits(&self, change: impl FnMut(u8) -> Option<u8>) -> u8 {
        let changed = self
            .visits
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, change);
        changed.unwrap_or_else(|visits| visits)
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let free = {
            let mut state = self.node.state.lock();
            let DataState::Loaded(data) = &mut state.data else {
                return;
            };
            data.readers.leave(self.epoch);
            data.releasable()
        };
        free.into_iter().for_each(|run| self.log.free(run));
    }
}

impl NodeState {
    /// What the index is to have: uncommitted content is not in it.
    pub(crate) fn persisted(&self) -> Record {
        Record {
            content: self.synced,
            ..self.record.clone()
        }
    }

    pub(crate) fn loaded(&mut self) -> VfsResult<&mut FileData> {
        match &mut self.data {
            DataState::Loaded(data) => Ok(data),
            DataState::Unloaded => Err(vfs::VfsError::new(
                ErrorKind::Io,
                "the map of a file was not loaded before it was used",
            )),
        }
    }

    /// The data, if it was looked up.
    pub(crate) fn data_mut(&mut self) -> Option<&mut FileData> {
        match &mut self.data {
            DataState::Loaded(data) => Some(data),
            DataState::Unloaded => None,
        }
    }

    /// As clients see it, as the index has it, and as it is going to have it.
    pub(crate) fn contents(&mut self) -> impl Iterator<Item = &mut Content> {
        let under_way = match &mut self.data {
            DataState::Loaded(data) => data.under_way.as_mut(),
            DataState::Unloaded => None,
        };
        let known = [&mut self.record.content, &mut self.synced];
        known.into_iter().chain(under_way)
    }

    /// The remote object is not there any more: only the cache has content, and all of it is
    /// to be uploaded. (What an upload under way becomes is a base all the same, if it ends well:
    /// the bucket may have copied parts before the object went.)
    pub(crate) fn lose_base(&mut self) {
        for content in self.contents() {
            content.base_len = 0;
            content.changed = content.generation;
        }
        self.record.clean_generation = 0;
        if let Some(data) = self.data_mut() {
            data.base_epoch += 1;
        }
    }

    fn is_idle(&self) -> bool {
        match &self.data {
            DataState::Unloaded => true,
            DataState::Loaded(data) => data.is_idle(),
        }
    }
}

/// The inodes in memory. Those in use, or with something that is not on the disk, stay.
#[derive(Debug, Default)]
pub(crate) struct Nodes([Mutex<NodeSet>; SHARDS]);

#[derive(Debug, Default)]
struct NodeSet {
    by_inode: HashMap<Inode, Arc<Node>, RandomState>,
    /// Second chance: who was used since the hand passed is passed over once.
    clock_hand: VecDeque<Inode>,
}

/// Parts of the set, each with a lock of its own: loading one inode holds up few others.
const SHARDS: usize = 32;
/// Inodes in memory in each part, about 500 bytes each.
const SHARD_NODES_MAX: usize = 4_096;
/// Extents of all maps in memory before maps that are not in use are forgotten: 128 MiB.
const EXTENTS_MAX: usize = 2 << 20;
/// Inodes that were removed and that the clock's hand has still to pass, besides as many as are in
/// memory: to look for them costs little each then.
const GONE_SPARED: usize = 64;
/// Inodes looked at for each one that comes in when there are too many.
const EVICTION_TRIES: usize = 4;

impl Nodes {
    fn shard(&self, inode: Inode) -> &Mutex<NodeSet> {
        let shard = usize::try_from(inode.0 % SHARDS as u64).unwrap_or(0);
        &self.0[shard]
    }

    /// The node, from memory or by `load`.
    pub(crate) fn get_or_load(
        &self,
        inode: Inode,
        load: impl FnOnce() -> VfsResult<Record>,
    ) -> VfsResult<Arc<Node>> {
        if let Some(node) = self.get(inode) {
            return Ok(node);
        }
        // Under the lock: a record read earlier might be older than the node that another
        // caller has loaded, changed and let go meanwhile.
        let mut set = self.shard(inode).lock();
        if let Some(node) = set.by_inode.get(&inode) {
            return Ok(Arc::clone(node));
        }
        let node = Arc::new(Node::new(load()?));
        set.insert(Arc::clone(&node));
        Ok(node)
    }

    pub(crate) fn get(&self, inode: Inode) -> Option<Arc<Node>> {
        let set = self.shard(inode).lock();
        let node = set.by_inode.get(&inode)?;
        node.used.store(true, Ordering::Relaxed);
        Some(Arc::clone(node))
    }

    pub(crate) fn insert(&self, node: Arc<Node>) {
        self.shard(node.inode).lock().insert(node);
    }

    /// Forgets maps that nobody needs just now when there are too many extents in memory:
    /// they are read again when they are needed.
    pub(crate) fn trim_maps(&self) {
        let extents: usize = self.0.iter().map(|set| set.lock().extents()).sum();
        if extents > EXTENTS_MAX {
            self.0.iter().for_each(|set| set.lock().forget_maps());
        }
    }

    pub(crate) fn remove(&self, inode: Inode) {
        self.shard(inode).lock().by_inode.remove(&inode);
    }
}

impl NodeSet {
    fn extents(&self) -> usize {
        // Whoever holds a node's state may be about to ask for this set: no waiting.
        let states = self
            .by_inode
            .values()
            .filter_map(|node| node.state.try_lock());
        let maps = states.map(|state| match &state.data {
            DataState::Loaded(data) => data.extents.len(),
            DataState::Unloaded => 0,
        });
        maps.sum()
    }

    fn forget_maps(&self) {
        for node in self.by_inode.values() {
            // A commit under way has what the index does not have yet.
            let is_held = Arc::strong_count(node) > 1;
            if !is_held
                && let Some(mut state) = node.state.try_lock()
                && state.is_idle()
            {
                state.data = DataState::Unloaded;
            }
        }
    }

    fn insert(&mut self, node: Arc<Node>) {
        let mut tries = EVICTION_TRIES;
        while self.by_inode.len() >= SHARD_NODES_MAX && tries > 0 {
            tries -= 1;
            let Some(inode) = self.clock_hand.pop_front() else {
                break;
            };
            if let Some(node) = self.by_inode.get(&inode) {
                let is_held = Arc::strong_count(node) > 1;
                if is_held
                    || node.used.swap(false, Ordering::Relaxed)
                    || !node.state.lock().is_idle()
                {
                    self.clock_hand.push_back(inode);
                } else {
                    self.by_inode.remove(&inode);
                }
            }
        }
        self.clock_hand.push_back(node.inode);
        self.by_inode.insert(node.inode, node);
        if self.clock_hand.len() > 2 * self.by_inode.len() + GONE_SPARED {
            let by_inode = &self.by_inode;
            self.clock_hand.retain(|inode| by_inode.contains_key(inode));
        }
    }
}

/// Several nodes locked at once, in the order of their numbers, so that nobody waits in a
/// circle.
pub(crate) struct Locked<'a>(BTreeMap<Inode, MutexGuard<'a, NodeState>>);

impl<'a> Locked<'a> {
    pub(crate) fn new(nodes: &[&'a Arc<Node>]) -> VfsResult<Self> {
        let mut sorted: Vec<&'a Arc<Node>> = nodes.to_vec();
        sorted.sort_by_key(|node| node.inode);
        sorted.dedup_by_key(|node| node.inode);
        let mut guards = BTreeMap::new();
        for node in sorted {
            guards.insert(node.inode, node.lock()?);
        }
        Ok(Self(guards))
    }

    pub(crate) fn get(&mut self, node: &Node) -> VfsResult<&mut NodeState> {
        let guard = self.0.get_mut(&node.inode).ok_or(ErrorKind::Io)?;
        Ok(&mut *guard)
    }
}

#[cfg(test)]
mod tests;
