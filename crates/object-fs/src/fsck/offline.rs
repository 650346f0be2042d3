//! Checks of a cache that nobody has open.

use std::path::Path;

use cache::{CacheError, Index, KeyRange, Ticket};
use clock::Clock;
use model::ShareCheck;
use thiserror::Error;
use vfs::{VfsError, VfsResult};

use super::{Check, Checker, Depth, ORDER, STEP, Tally, tables::Tables};
use crate::{engine::Devices, fault};

/// Rounds of repairs; each mends what follows from the one before.
const ROUNDS_MAX: usize = 8;

/// What to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct FsckOptions {
    /// Mend what is found.
    pub repair: bool,
    /// Read all data and compare it with its checksums.
    pub data: bool,
}

/// Why a cache cannot be checked.
#[derive(Debug, Error)]
pub enum FsckError {
    /// There is none.
    #[error("`{0}` is no directory of a share's cache")]
    NoCache(std::path::PathBuf),
    /// It is in use, or the disk fails.
    #[error("cannot open the cache")]
    Open(#[source] CacheError),
    /// It cannot be read or written.
    #[error("cannot check the cache")]
    Check(#[source] VfsError),
}

/// Checks the cache of one share in its directory, while no gateway has it open.
///
/// # Errors
/// If it is open elsewhere, or the disk fails.
pub async fn fsck(
    dir: &Path,
    options: FsckOptions,
    clock: &Clock,
) -> Result<ShareCheck, FsckError> {
    let is_there = dir.join("index").try_exists();
    if !is_there.unwrap_or(false) {
        return Err(FsckError::NoCache(dir.to_owned()));
    }
    let devices = Devices::open(dir, clock).await.map_err(FsckError::Open)?;
    check_devices(devices, options, clock).await
}

/// The same on devices that are open already.
pub(crate) async fn check_devices(
    devices: Devices,
    options: FsckOptions,
    clock: &Clock,
) -> Result<ShareCheck, FsckError> {
    let committer = devices.committer;
    let log = cache::DataLog::open_with(devices.disk, committer).map_err(FsckError::Open)?;
    let index = Index::open_with(devices.index, committer).map_err(FsckError::Open)?;
    let now_ms = clock.wall().as_millis();
    let checked = tokio::task::spawn_blocking(move || {
        let report = check_all(&index, &log, options, now_ms);
        (report, index, devices.lock)
    });
    let failed = |e| VfsError::caused_by(vfs::ErrorKind::Io, "the check was abandoned", e);
    let (report, index, lock) = checked.await.map_err(failed).map_err(FsckError::Check)?;
    let report = report.map_err(FsckError::Check)?;
    index.all_durable().await.map_err(FsckError::Open)?;
    drop(lock);
    Ok(report)
}

fn check_all(
    index: &Index,
    log: &cache::DataLog,
    options: FsckOptions,
    now_ms: u64,
) -> VfsResult<ShareCheck> {
    let mut tally = Tally::default();
    let mut pass = Pass {
        index,
        log,
        repair: options.repair,
        depth: Depth { data: options.data },
        now_ms,
    };
    for _ in 0..ROUNDS_MAX {
        let found = pass.run(&mut tally)?;
        if !options.repair || found == 0 {
            return Ok(tally.finish(found));
        }
    }
    // The last look, which mends nothing: what is left?
    pass.repair = false;
    let left = pass.run(&mut Tally::default())?;
    Ok(tally.finish(left))
}

/// One look at everything.
struct Pass<'a> {
    index: &'a Index,
    log: &'a cache::DataLog,
    repair: bool,
    depth: Depth,
    now_ms: u64,
}

impl Pass<'_> {
    /// How much was found.
    fn run(&self, tally: &mut Tally) -> VfsResult<u64> {
        let tables = Tables::new(self.index);
        let mut checker = Checker::new(tables, self.log, self.depth, self.now_ms);
        checker.look_at_root()?;
        let mut found = self.settle(&mut checker, tally)?;
        for table in ORDER {
            let mut range = KeyRange::all();
            loop {
                let entries = checker.tables.scan(table, &range, STEP)?;
                let Some(last) = entries.last() else { break };
                range = range.after(last.key.to_vec());
                for entry in &entries {
                    checker.look(table, entry)?;
                    found += self.settle(&mut checker, tally)?;
                }
            }
        }
        checker.look_at_counters()?;
        found += self.settle(&mut checker, tally)?;
        tally.0.records = checker.records;
        tally.0.blocks = checker.blocks;
        Ok(found)
    }

    /// Notes what was found, and mends it: the next record is compared with the mended ones.
    fn settle(&self, checker: &mut Checker<'_>, tally: &mut Tally) -> VfsResult<u64> {
        let found = std::mem::take(&mut checker.found);
        let count = found.len() as u64;
        for finding in found {
            tally.add(&finding);
            if !self.repair {
                continue;
            }
            if finding.check == Check::LeakedBlock {
                self.free_leaked(checker)?;
            } else {
                let _durable_at_the_end: Ticket = self.index.submit(finding.fix);
                checker.tables.forget();
            }
        }
        Ok(count)
    }

    fn free_leaked(&self, checker: &Checker<'_>) -> VfsResult<()> {
        for id in self.log.earlier_segments().map_err(fault::of_cache)? {
            let freed = self.log.free_all_but(id, &checker.live);
            freed.map_err(fault::of_cache)?;
        }
        Ok(())
    }
}
