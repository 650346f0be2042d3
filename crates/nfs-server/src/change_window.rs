//! Whether the attributes before a change are truly those that it changed.
//!
//! A client that knows a directory as of time A, and is told "it was A before your change, it
//! is C now", keeps its cache and takes C. If another client's change B lay between, it would
//! never see B. So attributes before a change are told only if no other change of the same
//! file ran at the same time (RFC 1813, 2.6: `pre_op_attr` may be absent).

use std::{
    hash::BuildHasher as _,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::file_handle::HandleTarget;

const STRIPES: usize = 1024;

/// Windows of changes, striped by file: two files of one stripe only cost each other a cache.
#[derive(Debug)]
pub(crate) struct ChangeWindows {
    hasher: std::hash::RandomState,
    stripes: Box<[Stripe]>,
}

/// Lower half: changes that run. Upper half: changes that have begun, modulo 2³².
#[derive(Debug, Default)]
struct Stripe(AtomicU64);

const ONE_BEGUN_AND_RUNNING: u64 = (1 << 32) | 1;

/// A change that runs.
#[derive(Debug)]
pub(crate) struct ChangeWindow<'a> {
    stripe: &'a Stripe,
    /// The stripe as it was when this change began, this change counted.
    at_begin: u64,
}

impl Default for ChangeWindows {
    fn default() -> Self {
        Self {
            hasher: std::hash::RandomState::new(),
            stripes: (0..STRIPES).map(|_| Stripe::default()).collect(),
        }
    }
}

impl ChangeWindows {
    pub(crate) fn open(&self, target: HandleTarget) -> ChangeWindow<'_> {
        let hash = self.hasher.hash_one((target.fs_id, target.inode));
        let at = usize::try_from(hash).unwrap_or(0) % self.stripes.len();
        let stripe = &self.stripes[at];
        let before = stripe.0.fetch_add(ONE_BEGUN_AND_RUNNING, Ordering::SeqCst);
        ChangeWindow {
            stripe,
            at_begin: before.wrapping_add(ONE_BEGUN_AND_RUNNING),
        }
    }
}

impl ChangeWindow<'_> {
    /// Whether no other change has run since this one began. Running ones alone would not do:
    /// another may have begun and ended.
    pub(crate) fn is_alone(&self) -> bool {
        self.at_begin & u64::from(u32::MAX) == 1
            && self.stripe.0.load(Ordering::SeqCst) == self.at_begin
    }
}

impl Drop for ChangeWindow<'_> {
    fn drop(&mut self) {
        self.stripe.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use vfs::Inode;

    use super::*;

    #[test]
    fn a_change_is_alone_unless_another_overlaps_it() {
        let windows = ChangeWindows::default();
        let target = HandleTarget {
            fs_id: 1,
            inode: Inode(1),
        };
        let first = windows.open(target);
        assert!(first.is_alone());
        let second = windows.open(target);
        assert!(!first.is_alone());
        assert!(!second.is_alone());
        drop(second);
        assert!(!first.is_alone(), "the second lay within the first");
        drop(first);
        assert!(windows.open(target).is_alone());
    }
}
