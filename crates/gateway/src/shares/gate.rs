//! The calls of a share's clients that are under way, and whether more may come.
//!
//! A share that ends is served no longer, but calls that were let in before may still wait for
//! their pace or for the bucket, and change something at last. Its cache must outlive them.

use std::sync::atomic::{AtomicU64, Ordering};

use vfs::{ErrorKind, VfsError, VfsResult};

/// Highest bit: shut. The others: calls under way.
#[derive(Debug, Default)]
pub(super) struct Gate(AtomicU64);

const SHUT: u64 = 1 << 63;

/// A call under way, until it is dropped.
#[derive(Debug)]
pub(super) struct Entered<'a>(&'a Gate);

impl Gate {
    /// Lets a call in, unless it is shut.
    pub(super) fn enter(&self) -> VfsResult<Entered<'_>> {
        // Counted first: who shuts it and then finds it empty has missed nobody.
        let before = self.0.fetch_add(1, Ordering::SeqCst);
        let entered = Entered(self);
        if before & SHUT == 0 {
            return Ok(entered);
        }
        let text = "the share is not served any more";
        Err(VfsError::new(ErrorKind::Stale, text))
    }

    pub(super) fn shut(&self) {
        self.0.fetch_or(SHUT, Ordering::SeqCst);
    }

    pub(super) fn open(&self) {
        self.0.fetch_and(!SHUT, Ordering::SeqCst);
    }

    /// Whether no call is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.0.load(Ordering::SeqCst) & !SHUT == 0
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}
