//! Pins: files and trees that stay in the cache.
//!
//! A pin belongs to an inode, so it moves with a rename and goes with a removal. A directory's
//! pin holds for all that is below it.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use cache::{Batch, KeyRange, Table};
use model::ShareMode;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use vfs::{ErrorKind, Inode, VfsError, VfsResult};

use super::{Engine, ROOT};
use crate::{event::FsEvent, fault, keys};

/// Pins of a share: they are in memory.
const PINS_MAX: usize = 10_000;
/// How often pinned trees are looked through for what is not in the cache.
const PIN_INTERVAL: Duration = Duration::from_secs(300);
/// The same while there is no room for anything else.
const NO_ROOM_INTERVAL: Duration = Duration::from_secs(5);

/// The pinned inodes.
#[derive(Debug, Default)]
pub(crate) struct Pins {
    inodes: RwLock<BTreeSet<Inode>>,
    changed: Notify,
    /// There is no room.
    cramped: Notify,
    /// What has been found too large for the cache: it comes and goes as in any cache.
    outgrown: RwLock<Outgrown>,
    /// Until when nobody need look because there is no room.
    looked_until: Mutex<Option<Instant>>,
}

/// Trees that the cache has no room for, …
#[derive(Clone, Copy, Debug, Default)]
struct Outgrown {
    /// … all of a replica, …
    replica: bool,
    /// … and what is pinned.
    pins: bool,
}

impl Pins {
    /// Those of the index.
    pub(super) fn load(index: &cache::Index) -> VfsResult<Self> {
        let range = KeyRange::all();
        let pinned = index.scan(Table::Pins, &range, PINS_MAX);
        let mut inodes = BTreeSet::new();
        for entry in pinned.map_err(fault::of_cache)? {
            inodes.insert(Inode(keys::number(&entry.key)?));
        }
        Ok(Self {
            inodes: RwLock::new(inodes),
            changed: Notify::new(),
            cramped: Notify::new(),
            outgrown: RwLock::default(),
            looked_until: Mutex::default(),
        })
    }

    pub(crate) fn count(&self) -> u64 {
        self.inodes.read().len() as u64
    }
}

impl Engine {
    /// Pins an inode; durable when it returns. What is missing is fetched behind it.
    pub(crate) async fn pin(&self, inode: Inode) -> VfsResult<()> {
        let ticket = {
            let mut pinned = self.pins.inodes.write();
            if pinned.len() >= PINS_MAX && !pinned.contains(&inode) {
                let message = format!("a share has at most {PINS_MAX} pins: pin a directory");
                return Err(VfsError::new(ErrorKind::TooBig, message));
            }
            pinned.insert(inode);
            let mut batch = Batch::default();
            batch.put(Table::Pins, keys::of_inode(inode), []);
            self.index.submit(batch)
        };
        self.durable(ticket).await?;
        self.pins.changed.notify_one();
        Ok(())
    }

    /// Takes a pin away; whether there was one.
    pub(crate) async fn unpin(&self, inode: Inode) -> VfsResult<bool> {
        let mut batch = Batch::default();
        let was_pinned = self.drop_pin(inode, &mut batch);
        self.durable(self.index.submit(batch)).await?;
        // The cache may have room for the others now.
        self.pins.changed.notify_one();
        Ok(was_pinned)
    }

    /// The pin of an inode that goes.
    pub(super) fn drop_pin(&self, inode: Inode, batch: &mut Batch) -> bool {
        let is_pinned = self.pins.inodes.read().contains(&inode);
        if is_pinned {
            self.pins.inodes.write().remove(&inode);
            batch.remove(Table::Pins, keys::of_inode(inode));
        }
        is_pinned
    }

    /// Whether an inode, or a directory above it, is pinned; in a replica everything is. Neither,
    /// while the cache has no room for all of that.
    pub(crate) fn is_pinned(&self, inode: Inode) -> VfsResult<bool> {
        let outgrown = *self.pins.outgrown.read();
        if self.is_replica() && !outgrown.replica {
            return Ok(true);
        }
        if outgrown.pins || self.pins.inodes.read().is_empty() {
            return Ok(false);
        }
        self.is_below_pin(inode)
    }

    fn is_replica(&self) -> bool {
        self.config.mode == ShareMode::Replication
    }

    fn is_below_pin(&self, inode: Inode) -> VfsResult<bool> {
        let mut at = inode;
        for _ in 0..=keys::KEY_LEN_MAX {
            if self.pins.inodes.read().contains(&at) {
                return Ok(true);
            }
            if at == ROOT {
                return Ok(false);
            }
            at = self.node(at)?.lock()?.record.parent;
        }
        Ok(false)
    }

    /// The roots of what should be in the cache.
    async fn wanted_here(&self) -> VfsResult<Vec<Inode>> {
        if self.is_replica() && !self.has_outgrown_replica().await? {
            return Ok(vec![ROOT]);
        }
        let pinned = self.outermost_pins()?;
        if self.have_outgrown_pins(&pinned).await? {
            return Ok(Vec::new());
        }
        Ok(pinned)
    }

    /// Whether the files of a replica are more than its cache can hold; that is told once.
    async fn has_outgrown_replica(&self) -> VfsResult<bool> {
        let (bytes, room) = (self.tree_bytes(ROOT).await?, self.room_for_trees());
        let is_outgrown = bytes > room;
        let was_outgrown = std::mem::replace(&mut self.pins.outgrown.write().replica, is_outgrown);
        if is_outgrown && !was_outgrown {
            self.events.push(FsEvent::ReplicaTooLarge { bytes, room });
        }
        Ok(is_outgrown)
    }

    /// The same of what is pinned.
    async fn have_outgrown_pins(&self, pinned: &[Inode]) -> VfsResult<bool> {
        let (mut bytes, room) = (0_u64, self.room_for_trees());
        for inode in pinned {
            match self.tree_bytes(*inode).await {
                Ok(more) => bytes = bytes.saturating_add(more),
                // Removed meanwhile, and its pin with it.
                Err(e) if e.kind() == ErrorKind::Stale => {}
                Err(e) => return Err(e),
            }
        }
        let is_outgrown = bytes > room;
        let was_outgrown = std::mem::replace(&mut self.pins.outgrown.write().pins, is_outgrown);
        if is_outgrown && !was_outgrown {
            self.events.push(FsEvent::PinsTooLarge { bytes, room });
        }
        Ok(is_outgrown)
    }

    /// Pins that are below no other.
    fn outermost_pins(&self) -> VfsResult<Vec<Inode>> {
        let all: Vec<Inode> = self.pins.inodes.read().iter().copied().collect();
        let mut outermost = Vec::new();
        for inode in all {
            let is_below = match self.node(inode) {
                Ok(node) => inode != ROOT && self.is_below_pin(node.lock()?.record.parent)?,
                Err(e) if e.kind() == ErrorKind::Stale => true,
                Err(e) => return Err(e),
            };
            if !is_below {
                outermost.push(inode);
            }
        }
        Ok(outermost)
    }

    /// There is something new: a replica looks soon at what it has and what it can.
    pub(crate) fn replicate_soon(&self) {
        if self.is_replica() {
            self.pins.changed.notify_one();
        }
    }

    /// There is no room: perhaps the cache is too small by now for what is to stay in it.
    pub(super) fn keep_less_soon(&self) {
        if self.is_replica() {
            self.pins.changed.notify_one();
        } else if !self.pins.inodes.read().is_empty() && !self.pins.outgrown.read().pins {
            // What is dirty may be all that is in the way.
            let until = *self.pins.looked_until.lock();
            if until.is_none_or(|until| self.clock.now() >= until) {
                self.pins.cramped.notify_one();
            }
        }
    }

    /// Fetches what is pinned and not in the cache: after each pin, and now and then, because
    /// the bucket's content changes.
    pub(crate) async fn keep_pins_for_ever(self: Arc<Self>) {
        let mut wanted = self.wanted_or_nothing().await;
        loop {
            wanted = self.keep_until_another_is_wanted(&wanted).await;
        }
    }

    /// Fetches until something else is wanted, or the same again; what that is. It is looked at
    /// while fetches are under way: a replica that has become too large for its cache waits in
    /// them for room, which nobody makes before that is known.
    async fn keep_until_another_is_wanted(self: &Arc<Self>, wanted: &[Inode]) -> Vec<Inode> {
        let mut fetching = std::pin::pin!(self.fetch_all(wanted));
        let (mut is_fetched, mut is_new) = (false, false);
        loop {
            tokio::select! {
                biased; // No dice here: a simulation repeats itself.
                () = &mut fetching, if !is_fetched => is_fetched = true,
                () = self.pins.changed.notified() => is_new = true,
                () = self.clock.sleep(PIN_INTERVAL), if is_fetched => is_new = true,
                () = self.pins.cramped.notified() => {
                    let next = self.look_for_less().await;
                    if next != wanted {
                        return next;
                    }
                }
            }
            if is_new {
                let next = self.wanted_or_nothing().await;
                if is_fetched || next != wanted {
                    return next;
                }
            }
        }
    }

    /// What is wanted, as there is no room. A look at many files takes its time, and is not all
    /// that is done.
    async fn look_for_less(&self) -> Vec<Inode> {
        let began = self.clock.now();
        let next = self.wanted_or_nothing().await;
        let now = self.clock.now();
        let took = now.saturating_duration_since(began);
        let rest = NO_ROOM_INTERVAL.max(took.saturating_mul(10));
        *self.pins.looked_until.lock() = now.checked_add(rest);
        next
    }

    async fn fetch_all(self: &Arc<Self>, wanted: &[Inode]) {
        for inode in wanted {
            if let Err(e) = self.fetch_tree(*inode, &mut |_| {}).await
                && e.kind() != ErrorKind::Stale
            {
                tracing::warn!(inode = inode.0, error = %e, "cannot fetch what is pinned");
            }
        }
    }

    async fn wanted_or_nothing(&self) -> Vec<Inode> {
        self.wanted_here().await.unwrap_or_else(|e| {
            tracing::warn!(error = %e, "cannot see what is pinned");
            Vec::new()
        })
    }
}
