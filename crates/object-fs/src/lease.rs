//! One writer: a lease in the bucket.
//!
//! The lease is the object with the highest number below `.causeway/lease/`; the number is the
//! epoch. Whoever creates it (only if it is not there) holds it, and puts it again every
//! [`RENEWAL`], which changes its tag. Others watch the tag by their own clock: one that has
//! not changed for [`PATIENCE`] belongs to somebody who is gone, and the next epoch is free.
//! So no two clocks are compared, and nothing is asked of the store but "create only". What lies
//! among the leases and does not say whose it is, counts for nothing; its number is passed over.
//!
//! Fencing: the holder changes the bucket only for [`HOLD`] after it began a renewal that found
//! it still the highest, and whoever takes over from it waits as long before its first change.
//! A request that is under way at the end is given up, so a holder that comes back at the wrong
//! moment has ended before the next one begins. Clients write on meanwhile, into the cache.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use cache::{Batch, Index, Table};
use model::Writers;
use object_store::{
    ETag, Metadata, ObjectMeta, PartSource, Precondition, PutOptions, StoreError, StoreErrorKind,
    StoreResult,
};
use parking_lot::Mutex;
use vfs::{ErrorKind, VfsError, VfsResult};

use crate::{
    engine::{Engine, Trouble},
    event::FsEvent,
    keys::RESERVED_PREFIX,
};

/// Time between two renewals, and between two looks at somebody else's lease.
const RENEWAL: Duration = Duration::from_secs(5);
/// How long after a renewal was sent the bucket may be changed.
const HOLD: Duration = Duration::from_secs(15);
/// How long a lease must stand still before it is taken over.
const PATIENCE: Duration = Duration::from_secs(30);
const _: () = assert!(HOLD.as_secs() >= 2 * RENEWAL.as_secs());
const _: () = assert!(PATIENCE.as_secs() >= 2 * HOLD.as_secs());
/// How long giving the lease back may take at the end.
const GIVE_BACK: Duration = Duration::from_secs(2);

const META_LEASE: &str = "lease";
/// In the lease's metadata: whose it is.
const HOLDER_KEY: &str = "causeway-holder";

/// Who writes, as far as we know.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// There is no lease: everybody may write, or nobody through this share.
    Unused,
    /// The bucket was not asked yet. `was_ours`: we wrote when we were last here.
    Asking { was_ours: bool },
    Ours {
        epoch: u64,
        /// The bucket may be changed from then on, because the holder before may until then, …
        from: Instant,
        /// … and until then.
        until: Instant,
    },
    Theirs {
        epoch: u64,
        holder: String,
        tag: Option<ETag>,
        /// The tag has been like this since then.
        since: Instant,
    },
}

/// Whether the bucket may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    Always,
    /// Until then, and longer if the lease is renewed.
    Until(Instant),
    Not,
}

/// The lease as one engine knows it.
#[derive(Debug)]
pub(crate) struct Lease(Mutex<State>);

impl Lease {
    pub(crate) fn load(writers: Writers, index: &Index) -> Result<Self, Trouble> {
        let state = match writers {
            Writers::Many | Writers::None => State::Unused,
            Writers::One => State::Asking {
                was_ours: index.get(Table::Meta, META_LEASE.as_bytes())?.is_some(),
            },
        };
        Ok(Self(Mutex::new(state)))
    }

    /// Whether clients may change something now.
    pub(crate) fn require(&self) -> VfsResult<()> {
        match &*self.0.lock() {
            State::Unused | State::Ours { .. } | State::Asking { was_ours: true } => Ok(()),
            State::Asking { was_ours: false } => Err(VfsError::new(
                ErrorKind::Unavailable,
                "the bucket is being asked which gateway writes to it",
            )),
            State::Theirs { holder, .. } => Err(VfsError::new(
                ErrorKind::ReadOnly,
                format!("{holder} writes to the bucket; here the share is read only"),
            )),
        }
    }

    /// Whether, and how long for certain, the bucket may be changed.
    pub(crate) fn hold(&self, now: Instant) -> Hold {
        match &*self.0.lock() {
            State::Unused => Hold::Always,
            State::Ours { from, until, .. } if (*from..*until).contains(&now) => {
                Hold::Until(*until)
            }
            State::Ours { .. } | State::Asking { .. } | State::Theirs { .. } => Hold::Not,
        }
    }

    /// Which other gateway writes, if one does.
    pub(crate) fn other_writer(&self) -> Option<String> {
        match &*self.0.lock() {
            State::Theirs { holder, .. } => Some(holder.clone()),
            State::Unused | State::Asking { .. } | State::Ours { .. } => None,
        }
    }

    fn epoch_of_ours(&self) -> Option<u64> {
        match &*self.0.lock() {
            State::Ours { epoch, .. } => Some(*epoch),
            State::Unused | State::Asking { .. } | State::Theirs { .. } => None,
        }
    }
}

impl Engine {
    /// Holds the lease, or waits for it, for ever.
    pub(crate) async fn keep_lease_for_ever(self: Arc<Self>) {
        loop {
            if let Err(e) = self.look_at_lease().await {
                tracing::warn!(share = %self.config.name, error = %e, "cannot see to the lease");
            }
            self.clock.sleep(RENEWAL).await;
        }
    }

    async fn look_at_lease(&self) -> StoreResult<()> {
        let asked = self.clock.now();
        let listed = self.listed_leases().await?;
        let ours = self.lease.epoch_of_ours();
        match self.highest_lease(&listed, ours).await? {
            None => {
                let first = free_epoch(0, &listed)?;
                self.take_lease(first, asked, Duration::ZERO).await
            }
            Some((epoch, ..)) if Some(epoch) == ours => self.renew_lease(epoch, asked).await,
            Some((epoch, meta, holder)) => {
                let is_of_an_earlier_life = ours.is_none() && holder == self.holder_name();
                let wait = if is_of_an_earlier_life {
                    Duration::ZERO
                } else if self.has_stood_still(epoch, meta, &holder, asked).await {
                    HOLD
                } else {
                    return Ok(());
                };
                let next = free_epoch(epoch, &listed)?;
                self.take_lease(next, asked, wait).await?;
                // Only tidiness: the highest number counts.
                self.store.delete(&meta.key, None).await
            }
        }
    }

    /// What lies where leases lie, by number.
    async fn listed_leases(&self) -> StoreResult<BTreeMap<u64, ObjectMeta>> {
        let prefix = lease_prefix();
        let mut listed = BTreeMap::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.store.list(&prefix, after.as_deref()).await?;
            after = page.objects.last().map(|object| object.key.clone());
            listed.extend(page.objects.into_iter().filter_map(|object| {
                let epoch = u64::from_str_radix(object.key.strip_prefix(&prefix)?, 16).ok()?;
                (object.key == lease_key(epoch)).then_some((epoch, object))
            }));
            if !page.more || after.is_none() {
                return Ok(listed);
            }
        }
    }

    /// The lease that counts, and whose it is.
    async fn highest_lease<'a>(
        &self,
        listed: &'a BTreeMap<u64, ObjectMeta>,
        ours: Option<u64>,
    ) -> StoreResult<Option<(u64, &'a ObjectMeta, String)>> {
        for (epoch, lease) in listed.iter().rev() {
            if Some(*epoch) == ours {
                return Ok(Some((*epoch, lease, self.holder_name())));
            }
            let meta = self.store.head(&lease.key).await?;
            if let Some(holder) = meta.metadata.and_then(|mut m| m.remove(HOLDER_KEY)) {
                return Ok(Some((*epoch, lease, holder)));
            }
        }
        Ok(None)
    }

    /// Notes somebody else's lease; whether it has not been renewed for too long.
    async fn has_stood_still(
        &self,
        epoch: u64,
        meta: &ObjectMeta,
        holder: &str,
        now: Instant,
    ) -> bool {
        let is_new = {
            let mut state = self.lease.0.lock();
            if let State::Theirs { tag, since, .. } = &*state
                && *tag == meta.etag
            {
                return now.saturating_duration_since(*since) >= PATIENCE;
            }
            let is_new = !matches!(&*state, State::Theirs { holder: h, .. } if h == holder);
            *state = State::Theirs {
                epoch,
                holder: holder.to_owned(),
                tag: meta.etag.clone(),
                since: now,
            };
            is_new
        };
        if is_new {
            self.events.push(FsEvent::LeaseHeldElsewhere {
                holder: holder.to_owned(),
            });
            self.remember_lease(false).await;
        }
        false
    }

    async fn take_lease(&self, epoch: u64, asked: Instant, wait: Duration) -> StoreResult<()> {
        match self.put_lease(epoch, Precondition::Absent).await {
            Ok(_) => {
                *self.lease.0.lock() = State::Ours {
                    epoch,
                    from: self.clock.now() + wait,
                    until: asked + HOLD,
                };
                self.events.push(FsEvent::LeaseTaken { epoch });
                self.remember_lease(true).await;
                Ok(())
            }
            // Somebody was faster, or the answer to our own try got lost: the next look tells.
            Err(e) if e.kind() == StoreErrorKind::PreconditionFailed => Ok(()),
            Err(e) => Err(e),
        }
    }

    async fn renew_lease(&self, epoch: u64, asked: Instant) -> StoreResult<()> {
        self.put_lease(epoch, Precondition::None).await?;
        if let State::Ours { until, .. } = &mut *self.lease.0.lock() {
            *until = asked + HOLD;
        }
        Ok(())
    }

    async fn put_lease(&self, epoch: u64, precondition: Precondition) -> StoreResult<ETag> {
        let holder = self.holder_name();
        let at_ms = self.clock.wall().as_millis();
        let text = format!(
            "{holder} writes to this part of the bucket.\nLease {epoch}, renewed at {at_ms} ms.\n"
        );
        let options = PutOptions {
            content_type: "text/plain".into(),
            metadata: Metadata::from([(HOLDER_KEY.to_owned(), holder)]),
            precondition,
        };
        self.store
            .put(&lease_key(epoch), &Text(text.into()), &options)
            .await
    }

    /// Whoever was the writer may take changes at once after a restart, store or no store.
    async fn remember_lease(&self, is_ours: bool) {
        let mut batch = Batch::default();
        if is_ours {
            batch.put(Table::Meta, META_LEASE, []);
        } else {
            batch.remove(Table::Meta, META_LEASE);
        }
        let ticket = self.index.submit(batch);
        if let Err(e) = self.index.durable(ticket).await {
            tracing::warn!(share = %self.config.name, error = %e, "cannot note who writes");
        }
    }

    /// At the end, so that the next writer need not wait.
    pub(crate) async fn give_lease_back(&self) {
        let Some(epoch) = self.lease.epoch_of_ours() else {
            return;
        };
        let key = lease_key(epoch);
        tokio::select! {
            given = self.store.delete(&key, None) => if let Err(e) = given {
                tracing::warn!(share = %self.config.name, error = %e, "the lease stays behind");
            },
            () = self.clock.sleep(GIVE_BACK) => {}
        }
    }

    /// Who we are, for others: different for each cache.
    fn holder_name(&self) -> String {
        format!("{}/{:016x}", self.config.holder, self.identity.share)
    }
}

/// The next number after `epoch` at which nothing lies.
fn free_epoch(epoch: u64, listed: &BTreeMap<u64, ObjectMeta>) -> StoreResult<u64> {
    let mut next = epoch.checked_add(1);
    while let Some(taken) = next.filter(|next| listed.contains_key(next)) {
        next = taken.checked_add(1);
    }
    next.ok_or_else(|| {
        let message = format!("no number is left for a lease after `{}`", lease_key(epoch));
        StoreError::new(StoreErrorKind::Other, message)
    })
}

fn lease_prefix() -> String {
    format!("{RESERVED_PREFIX}lease/")
}

fn lease_key(epoch: u64) -> String {
    format!("{}{epoch:016x}", lease_prefix())
}

struct Text(Bytes);

#[async_trait::async_trait]
impl PartSource for Text {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    async fn read(&self, offset: u64, len: u64) -> std::io::Result<Bytes> {
        let range = usize::try_from(offset).ok().zip(usize::try_from(len).ok());
        let end = range.and_then(|(offset, len)| offset.checked_add(len));
        match range.zip(end) {
            Some(((offset, _), end)) if end <= self.0.len() => Ok(self.0.slice(offset..end)),
            Some(_) | None => Err(std::io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
