//! The engine: what all operations share.

mod commit;
mod describe;
pub(crate) mod fetch;
mod heal;
mod hydrate;
mod jobs;
mod lookup;
mod lost;
mod make;
mod open;
mod pins;
mod read;
mod refresh;
mod rename;
mod set;
mod space;
mod sweep;
mod through;
mod tree;
mod trend;
mod unlink;
mod unreadable;
mod write;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use cache::{Batch, DataLog, DirLock, Index, KeyRange, Table, Ticket};
use clock::Clock;
use model::Writers;
use object_store::ObjectStore;
use parking_lot::{Mutex, RwLock};
use vfs::{ErrorKind, FileTime, FileType, Inode, VfsError, VfsResult};

use crate::{
    ObjectFsConfig,
    event::Events,
    express::Express,
    extents::ExtentMap,
    fault,
    keys::{self, KeyState, Owner},
    lease::Lease,
    node::{DataState, FileData, Node, NodeState, Nodes},
    record::{Record, Remote},
    scan::{ImportProgress, RecentKeys},
    status::Counters,
    upload::{KeyLocks, Pace, Queue, Work},
};

pub(crate) use lookup::is_default_dir;
pub(crate) use make::{DIR_SIZE, Making, MakingKind, touch_dir};
pub(crate) use open::{Devices, FIRST_INODE, Trouble, root_record};
pub(crate) use read::index as read_index;
pub(crate) use unlink::{Fate, Victim};

/// The root directory.
pub(crate) const ROOT: Inode = Inode(1);

/// One share's engine: index, data, and what is going on.
pub(crate) struct Engine {
    pub(crate) config: ObjectFsConfig,
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) clock: Clock,
    pub(crate) index: Index,
    pub(crate) log: Arc<DataLog>,
    pub(crate) nodes: Nodes,
    /// Held by who changes names; never over a wait.
    pub(crate) namespace: Mutex<Namespace>,
    pub(crate) queue: Queue,
    pub(crate) pace: Pace,
    pub(crate) key_locks: KeyLocks,
    pub(crate) recent: RecentKeys,
    pub(crate) refreshes: refresh::Refreshes,
    pub(crate) import: RwLock<ImportProgress>,
    pub(crate) lease: Lease,
    pub(crate) events: Events,
    pub(crate) express: Express,
    pub(crate) counters: Counters,
    pub(crate) identity: Identity,
    /// Files with uncommitted content, and since when.
    pub(crate) unsynced: Mutex<BTreeMap<Inode, Instant>>,
    pub(crate) space: space::Space,
    pub(crate) pins: pins::Pins,
    pub(crate) jobs: jobs::Jobs,
    pub(crate) trend: trend::Trend,
    /// Files of which bytes were lost.
    pub(crate) lost: lost::Lost,
    /// Files whose objects cannot be opened.
    pub(crate) unreadable: unreadable::Unreadable,
    _lock: Option<DirLock>,
}

/// Who this engine is, now and at this start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    /// Random, for the life of the cache.
    pub(crate) share: u64,
    /// Grows by one with each start.
    pub(crate) start: u64,
    /// Random, for this start: a copy of the cache that is put back counts the same starts again.
    pub(crate) nonce: u64,
}

/// Counters that change with names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Namespace {
    pub(crate) next_inode: u64,
    pub(crate) inodes: u64,
}

impl Namespace {
    pub(crate) fn new_inode(&mut self) -> Inode {
        let inode = Inode(self.next_inode);
        self.next_inode += 1;
        self.inodes += 1;
        inode
    }

    /// Puts the counters into the batch that changed them.
    pub(crate) fn save(self, batch: &mut Batch) {
        let value = [self.next_inode.to_be_bytes(), self.inodes.to_be_bytes()].concat();
        batch.put(Table::Meta, META_COUNTERS, value);
    }
}

pub(crate) const META_COUNTERS: &str = "counters";

impl Engine {
    pub(crate) fn now(&self) -> FileTime {
        FileTime::from_nanos(self.clock.wall_nanos())
    }

    pub(crate) fn require_writable(&self) -> VfsResult<()> {
        if self.config.writers == Writers::None {
            return Err(VfsError::new(ErrorKind::ReadOnly, "the share is read only"));
        }
        self.lease.require()
    }

    /// The node of an inode.
    pub(crate) fn node(&self, inode: Inode) -> VfsResult<Arc<Node>> {
        self.nodes.get_or_load(inode, || {
            self.load_record(inode)?
                .ok_or_else(|| ErrorKind::Stale.into())
        })
    }

    pub(crate) fn load_record(&self, inode: Inode) -> VfsResult<Option<Record>> {
        let bytes = self
            .index
            .get(Table::Inodes, &keys::of_inode(inode))
            .map_err(fault::of_cache)?;
        Ok(bytes.map(|bytes| Record::decode(&bytes)).transpose()?)
    }

    /// The inode of a name.
    pub(crate) fn find(&self, dir: Inode, name: &str) -> VfsResult<Option<Inode>> {
        let found = self
            .index
            .get(Table::Names, &keys::of_name(dir, name))
            .map_err(fault::of_cache)?;
        Ok(found
            .map(|bytes| keys::number(&bytes))
            .transpose()?
            .map(Inode))
    }

    pub(crate) fn is_empty_dir(&self, dir: Inode) -> VfsResult<bool> {
        let range = KeyRange::prefix(&keys::of_inode(dir));
        let first = self.index.scan(Table::Listing, &range, 1);
        Ok(first.map_err(fault::of_cache)?.is_empty())
    }

    pub(crate) async fn durable(&self, ticket: Ticket) -> VfsResult<()> {
        self.index.durable(ticket).await.map_err(fault::of_cache)
    }

    pub(crate) fn key_state(&self, key: &str) -> VfsResult<Option<KeyState>> {
        let found = self
            .index
            .get(Table::Keys, key.as_bytes())
            .map_err(fault::of_cache)?;
        Ok(found.map(|bytes| KeyState::decode(&bytes)).transpose()?)
    }

    /// Makes sure that the map of a file is in memory.
    pub(crate) fn load_data(&self, state: &mut NodeState) -> VfsResult<()> {
        if matches!(state.data, DataState::Loaded(_)) {
            return Ok(());
        }
        let extents = self.load_map(state.record.attributes.inode)?;
        state.data = DataState::Loaded(Box::new(FileData::new(extents)));
        Ok(())
    }

    fn load_map(&self, inode: Inode) -> VfsResult<ExtentMap> {
        let mut extents = ExtentMap::default();
        let range = KeyRange::prefix(&keys::of_inode(inode));
        let pages = self
            .index
            .scan(Table::Extents, &range, usize::MAX)
            .map_err(fault::of_cache)?;
        for entry in pages {
            let (_, page) = keys::pair(&entry.key)?;
            extents.decode_page(page, &entry.value)?;
        }
        Ok(extents)
    }

    /// Bytes that the index has of a file and the bucket has not: what was never written takes no
    /// room, however large the file is. (What cannot be read is not uploaded either.)
    pub(crate) fn dirty_bytes_of(&self, record: &Record) -> u64 {
        if !record.is_content_dirty() || record.content.size == 0 {
            return 0;
        }
        let extents = self.load_map(record.attributes.inode);
        extents.map_or(0, |extents| dirty_bytes(record, &extents))
    }

    /// The key that an inode's path stands for: that of a marker for a directory. `None` for
    /// the root and for what is no more.
    pub(crate) fn desired_key(&self, inode: Inode) -> VfsResult<Option<String>> {
        let mut names: Vec<Box<str>> = Vec::new();
        let (mut at, mut is_dir) = (inode, false);
        while at != ROOT {
            let node = match self.node(at) {
                Ok(node) => node,
                Err(e) if e.kind() == ErrorKind::Stale => return Ok(None),
                Err(e) => return Err(e),
            };
            let state = node.state.lock();
            if state.is_gone || names.len() > DEPTH_MAX {
                return Ok(None);
            }
            if at == inode {
                is_dir = state.record.attributes.file_type == FileType::Directory;
            }
            names.push(state.record.name.clone());
            at = state.record.parent;
        }
        if names.is_empty() {
            return Ok(None);
        }
        names.reverse();
        let mut key = names.join("/");
        if is_dir {
            key.push('/');
        }
        Ok(Some(key))
    }

    /// Refuses a path whose object no store would take, or would be taken for one of our own.
    pub(crate) fn check_key(&self, dir: Inode, name: &str) -> VfsResult<()> {
        let above = self.desired_key(dir)?.unwrap_or_default();
        if format!("{above}{name}/").starts_with(keys::RESERVED_PREFIX) {
            let message = format!("`{}` is the gateway's own", keys::RESERVED_PREFIX);
            return Err(VfsError::new(ErrorKind::NotPermitted, message));
        }
        if above.len() + name.len() + 1 > self.store.key_bytes_max() {
            return Err(self.key_too_long(&format!("{above}{name}/")));
        }
        Ok(())
    }

    pub(crate) fn key_too_long(&self, key: &str) -> VfsError {
        let max = self.store.key_bytes_max();
        let (len, start) = (key.len(), key.chars().take(SHOWN_CHARS).collect::<String>());
        let message = format!(
            "no object can have the path `{start}…`: it has {len} bytes, and at most {max} go; \
             shorten a name in it"
        );
        VfsError::new(ErrorKind::NameTooLong, message)
    }

    /// Stores a record's state and, if its object is behind, the promise to bring it up.
    pub(crate) fn save(&self, state: &NodeState, batch: &mut Batch) {
        let inode = state.record.attributes.inode;
        batch.put(
            Table::Inodes,
            keys::of_inode(inode),
            state.persisted().encode(),
        );
    }

    /// Stores the promise to bring an inode's object up to date, and sees to it soon.
    pub(crate) fn mark_dirty(&self, state: &mut NodeState, batch: &mut Batch) {
        let inode = state.record.attributes.inode;
        let since = self.touch_queue(state);
        batch.put(Table::Dirty, keys::of_inode(inode), since.to_be_bytes());
    }

    /// Puts off the upload of a file that was just changed; when it became dirty.
    pub(crate) fn touch_queue(&self, state: &mut NodeState) -> u64 {
        let bytes = match &state.data {
            DataState::Loaded(data) => dirty_bytes(&state.record, &data.extents),
            DataState::Unloaded => self.dirty_bytes_of(&state.record),
        };
        let work = Work::Inode(state.record.attributes.inode);
        self.queue
            .touch(work, bytes, self.clock.wall(), self.clock.now())
    }

    /// A key that may or may not have been written is to be deleted. If it was by a copy of what
    /// others put, nothing but its tag tells that it is ours.
    pub(crate) fn bury_claim(
        &self,
        key: &str,
        source: Option<&Remote>,
        batch: &mut Batch,
    ) -> VfsResult<()> {
        if self.config.ignore_delete
            && let Some(KeyState::Claimed { expected, .. }) = self.key_state(key)?
            && expected.is_some()
        {
            // What was there before may be all that is there, and is to stay.
            let kept = KeyState::Kept { etag: expected };
            batch.put(Table::Keys, key, kept.encode());
            return Ok(());
        }
        let etag = source.and_then(|remote| remote.etag.clone());
        let owner = Owner::Unknown;
        self.bury_as(key, &KeyState::Tomb { etag, owner }, batch);
        Ok(())
    }

    /// A key is to be deleted: it must not come back from a listing until it is.
    pub(crate) fn bury(&self, remote: &Remote, batch: &mut Batch) {
        let etag = remote.etag.clone();
        let owner = Owner::Us;
        self.bury_as(&remote.key, &KeyState::Tomb { etag, owner }, batch);
    }

    fn bury_as(&self, key: &str, tomb: &KeyState, batch: &mut Batch) {
        batch.put(Table::Keys, key, tomb.encode());
        batch.put(Table::Tombstones, key, []);
        let work = Work::Tombstone(key.into());
        self.queue
            .touch(work, 0, self.clock.wall(), self.clock.now());
    }
}

fn dirty_bytes(record: &Record, extents: &ExtentMap) -> u64 {
    let blocks = extents.dirty_blocks(record.clean_generation);
    (blocks * cache::BLOCK_LEN).min(record.content.size)
}

/// Characters of a path that is too long that are shown.
const SHOWN_CHARS: usize = 80;
/// Directories above a file; more could not be a key.
const DEPTH_MAX: usize = keys::KEY_LEN_MAX;
/// How long data may stay uncommitted before it is committed without anybody's asking.
pub(crate) const UNSYNCED_MAX: Duration = Duration::from_secs(5);
