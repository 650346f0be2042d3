//! The reconciler: makes the shares that run be the shares that are wanted.
//!
//! One loop owns everything; work that waits (opening, closing, asking the bucket) runs beside
//! it and comes back as an event. After each event every share is looked at as if for the
//! first time, so a lost or doubled event does no harm.
//!
//! A share that is no longer wanted stops being served at once. What it holds that is not yet
//! in the bucket is uploaded first, however long that takes and across restarts; only then
//! its directory is removed. Until then it is listed as removed, with what is left to do, and
//! a new share over the same objects waits for it.

mod actions;
mod events;
mod express;
mod factory;
mod gate;
mod jobs;
mod ledger;
mod nfs_shares;
mod notices;
mod overlap;
mod paced_vfs;
mod reconciler;
mod run;
mod snapshot;
mod wanted;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use events::SharesHandle;
pub(crate) use factory::{Share, ShareFactory};
pub(crate) use nfs_shares::NfsShares;
pub(crate) use overlap::plan;
pub(crate) use reconciler::{Reconciler, ReconcilerConfig};
pub(crate) use snapshot::Snapshot;
#[cfg(test)]
pub(crate) use snapshot::{Line, LineState};
pub(crate) use wanted::{Place, WantedFile};
