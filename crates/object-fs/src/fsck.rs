//! Checks of a share's cache against itself, and repairs.
//!
//! Every record of the index is looked at together with the records that it points to and that
//! point to it; what does not fit has a name ([`Check`]) and a fix, a small batch that leaves
//! the index better than before. Repairs go round until nothing is found any more, so that a
//! fix may leave what follows from it to the next round. What can be had from the bucket again
//! is let go; a file that loses bytes which were nowhere else is listed by name.

mod check;
mod counters;
mod extents;
mod inodes;
mod names;
mod objects;
mod offline;
mod online;
mod queue;
mod tables;

use cache::{Batch, DataLog, Entry, LiveBlocks, Table};
use model::{CheckFinding, ShareCheck};
use vfs::{Inode, VfsResult};

pub use check::Check;
#[cfg(test)]
pub(crate) use offline::check_devices;
pub use offline::{FsckError, FsckOptions, fsck};

use tables::Tables;

/// Findings listed one by one; the others are only counted.
const FINDINGS_MAX: usize = 1_000;
/// Names of files that have lost bytes.
const LOST_MAX: usize = 10_000;
/// Names come first: where a name and its inode say different things, the name is believed.
const ORDER: [Table; 10] = [
    Table::Names,
    Table::Inodes,
    Table::Listing,
    Table::Extents,
    Table::Keys,
    Table::Dirty,
    Table::Tombstones,
    Table::Walks,
    Table::Pins,
    Table::Uploads,
];
/// Records read at a time.
const STEP: usize = 1_024;

/// Something that does not fit.
#[derive(Debug)]
struct Finding {
    check: Check,
    what: String,
    /// Mends it, or does the first step.
    fix: Batch,
    /// A file that has lost bytes by this.
    lost: Option<String>,
}

/// How far to look.
#[derive(Clone, Copy, Debug, Default)]
struct Depth {
    /// Whether all data is read and compared with its checksums.
    data: bool,
}

/// Looks at records, one after the other.
struct Checker<'a> {
    tables: Tables<'a>,
    log: &'a DataLog,
    depth: Depth,
    /// For promises that were missing.
    now_ms: u64,
    live: LiveBlocks,
    inodes: u64,
    last_inode: u64,
    records: u64,
    blocks: u64,
    found: Vec<Finding>,
}

impl<'a> Checker<'a> {
    fn new(tables: Tables<'a>, log: &'a DataLog, depth: Depth, now_ms: u64) -> Self {
        Self {
            tables,
            log,
            depth,
            now_ms,
            live: LiveBlocks::default(),
            inodes: 0,
            last_inode: 0,
            records: 0,
            blocks: 0,
            found: Vec::new(),
        }
    }

    /// Looks at one record.
    fn look(&mut self, table: Table, entry: &Entry) -> VfsResult<()> {
        self.records += 1;
        match table {
            Table::Inodes => self.look_at_inode(entry),
            Table::Names => self.look_at_name(entry),
            Table::Listing => self.look_at_listing(entry),
            Table::Extents => self.look_at_page(entry),
            Table::Keys => self.look_at_key(entry),
            Table::Dirty => self.look_at_promise(entry),
            Table::Tombstones => self.look_at_tombstone(entry),
            Table::Walks => self.look_at_walk(entry),
            Table::Pins => self.look_at_pin(entry),
            Table::Uploads => self.look_at_upload(entry),
            Table::Meta => Ok(()),
        }
    }

    fn find(&mut self, check: Check, what: impl Into<String>, fix: Batch) {
        self.found.push(Finding {
            check,
            what: what.into(),
            fix,
            lost: None,
        });
    }

    /// A record that says nothing: without it, at least nothing is said wrong.
    fn find_damaged(&mut self, table: Table, entry: &Entry) {
        let mut fix = Batch::default();
        fix.remove(table, &entry.key);
        if matches!(table, Table::Inodes | Table::Keys) {
            // What the bucket has comes back by listing it.
            tables::list_bucket_again(&mut fix);
        }
        let what = format!("{} {}", table.name(), tables::hex(&entry.key));
        self.find(Check::RecordDamaged, what, fix);
    }
}

/// Gathers the report.
#[derive(Debug, Default)]
struct Tally(ShareCheck);

impl Tally {
    fn add(&mut self, finding: &Finding) {
        let report = &mut self.0;
        let name = finding.check.name();
        *report.found.entry(name.to_owned()).or_default() += 1;
        if report.findings.len() < FINDINGS_MAX {
            report.findings.push(CheckFinding {
                check: name.to_owned(),
                what: finding.what.clone(),
            });
        }
        if let Some(path) = &finding.lost
            && report.lost.len() < LOST_MAX
            && !report.lost.contains(path)
        {
            report.lost.push(path.clone());
        }
    }

    fn finish(mut self, remaining: u64) -> ShareCheck {
        let found: u64 = self.0.found.values().sum();
        self.0.remaining = remaining;
        self.0.repaired = found.saturating_sub(remaining);
        self.0
    }
}

/// As people know an inode.
fn called(inode: Inode, path: Option<&str>) -> String {
    match path {
        Some(path) => format!("`{path}` (inode {})", inode.0),
        None => format!("inode {}", inode.0),
    }
}

#[cfg(test)]
mod tests;
