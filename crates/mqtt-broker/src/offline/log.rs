//! The log: segments that are only ever appended, the newest last.

use std::{collections::VecDeque, io};

use super::{
    disk::{Disk, SegmentId},
    record::{self, Record},
};

/// What recovery met besides whole records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovery {
    pub(crate) records: u64,
    /// Bytes at the log's end that were never made durable: of a write that a crash cut off.
    pub(crate) torn_bytes: u64,
    /// Bytes that were damaged, with whole records behind them.
    pub(crate) damaged_bytes: u64,
}

/// A segment that is not written any more.
#[derive(Clone, Copy, Debug)]
struct Closed {
    id: SegmentId,
    len: u64,
}

#[derive(Debug)]
pub(super) struct Log<D> {
    disk: D,
    closed: VecDeque<Closed>,
    newest: SegmentId,
    newest_len: u64,
    segment_len: u64,
    /// Writing has failed, and the end of the newest segment is unknown.
    broken: bool,
}

impl<D: Disk> Log<D> {
    /// Opens the log and hands its records to `apply`, oldest first.
    pub(super) fn open(
        mut disk: D,
        segment_len: u64,
        apply: &mut dyn FnMut(Record),
    ) -> io::Result<(Self, Recovery)> {
        let mut recovery = Recovery::default();
        let ids = disk.segments()?;
        let mut closed = VecDeque::new();
        for (n, id) in ids.iter().enumerate() {
            let bytes = disk.read(*id)?;
            let last = n + 1 == ids.len();
            let good = scan(&bytes, apply, &mut recovery);
            let len = bytes.len() as u64;
            if good == len {
                closed.push_back(Closed { id: *id, len });
                continue;
            }
            if last {
                recovery.torn_bytes += len - good;
                disk.cut(*id, good)?;
            } else {
                recovery.damaged_bytes += len - good;
            }
            closed.push_back(Closed { id: *id, len: good });
        }
        // Always a new one: what is appended never stands behind what was not made durable.
        let newest = SegmentId(ids.last().map_or(1, |id| id.0 + 1));
        disk.create(newest)?;
        let log = Self {
            disk,
            closed,
            newest,
            newest_len: 0,
            segment_len,
            broken: false,
        };
        Ok((log, recovery))
    }

    /// Appends whole records. If it fails, the same must be appended again before anything else.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.broken || self.newest_len >= self.segment_len {
            self.roll()?;
        }
        self.newest_len += bytes.len() as u64;
        self.broken = true;
        self.disk.append(bytes)?;
        self.broken = false;
        Ok(())
    }

    /// Makes durable what was appended. If it fails, all since the last success must be appended
    /// again: the kernel may have forgotten it.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.broken = true;
        self.disk.sync()?;
        self.broken = false;
        Ok(())
    }

    fn roll(&mut self) -> io::Result<()> {
        let next = SegmentId(self.newest.0 + 1);
        if !self.broken {
            // What waits for no sync must not wait for ever.
            self.disk.sync()?;
        }
        self.disk.create(next)?;
        self.closed.push_back(Closed {
            id: self.newest,
            len: self.newest_len,
        });
        self.newest = next;
        self.newest_len = 0;
        self.broken = false;
        Ok(())
    }

    /// Bytes of all segments.
    pub(super) fn len(&self) -> u64 {
        self.closed.iter().map(|c| c.len).sum::<u64>() + self.newest_len
    }

    /// Closed segments, oldest first.
    pub(super) fn closed_len(&self) -> usize {
        self.closed.len()
    }

    /// The records of the oldest closed segment.
    pub(super) fn oldest(&mut self) -> io::Result<Vec<Record>> {
        let mut records = Vec::new();
        if let Some(oldest) = self.closed.front() {
            let bytes = self.disk.read(oldest.id)?;
            scan(&bytes, &mut |r| records.push(r), &mut Recovery::default());
        }
        Ok(records)
    }

    /// Removes the oldest closed segment, all of whose records are worthless or written anew.
    pub(super) fn remove_oldest(&mut self) -> io::Result<()> {
        if let Some(oldest) = self.closed.front() {
            self.disk.remove(oldest.id)?;
            self.closed.pop_front();
        }
        Ok(())
    }
}

/// Hands out the records of a segment; returns where the last whole one ends.
fn scan(bytes: &[u8], apply: &mut dyn FnMut(Record), recovery: &mut Recovery) -> u64 {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.is_empty() {
            return at as u64;
        }
        if let Some((record, len)) = record::decode(rest) {
            recovery.records += 1;
            apply(record);
            at += len;
        } else if let Some(ahead) = record::find_next(rest) {
            recovery.damaged_bytes += ahead as u64;
            at += ahead;
        } else {
            return at as u64;
        }
    }
}
