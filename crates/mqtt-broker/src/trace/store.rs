//! Traces on disk: files of lines, each one entry as JSON with its number.
//!
//! A file is named after its first number. Files go when they are three days old, or when all
//! together are too large; the oldest first.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use message_bus::admin::{PAGE_MAX, TraceAction, TraceEntry, TraceOf, TracePage, TraceQuery};
use model::Timestamp;
use serde::Deserialize;

use super::line::Line;
use crate::limits::{TRACE_AGE_MAX, TRACE_BYTES_MAX, TRACE_FILE_LEN_MAX};

const EXTENSION: &str = "trace";
/// Memory for lines that is kept: what a second brings when no flood comes.
const LINES_KEPT_MAX: usize = 512 * 1024;

/// A line as it is read.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Numbered {
    pub(super) n: u64,
    pub(super) e: TraceEntry,
}

#[derive(Clone, Debug)]
pub(super) struct Segment {
    path: PathBuf,
    len: u64,
    /// Times of its first and last entry.
    begin: Timestamp,
    end: Timestamp,
}

#[derive(Debug)]
pub(super) struct Store {
    dir: PathBuf,
    /// Oldest first; the last one is written to.
    segments: VecDeque<Segment>,
    file: Option<File>,
    next: u64,
    /// Memory for lines, which is used again.
    lines: Vec<u8>,
}

impl Store {
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let mut names: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == EXTENSION) {
                names.push(path);
            }
        }
        names.sort();
        let mut store = Self {
            dir: dir.to_path_buf(),
            segments: VecDeque::new(),
            file: None,
            next: 1,
            lines: Vec::new(),
        };
        for path in names {
            let text = read(&path)?;
            let mut lines = text.lines().filter_map(parse);
            let Some(first) = lines.next() else {
                fs::remove_file(&path)?;
                continue;
            };
            let last = lines.next_back();
            let (number, end) = last.map_or((first.n, first.e.time), |l| (l.n, l.e.time));
            store.next = number.saturating_add(1);
            store.segments.push_back(Segment {
                len: text.len() as u64,
                begin: first.e.time,
                end,
                path,
            });
        }
        Ok(store)
    }

    pub(super) fn append<'e>(&mut self, entries: impl Iterator<Item = Line<'e>>) -> io::Result<()> {
        let mut bytes = std::mem::take(&mut self.lines);
        bytes.clear();
        let mut times: Option<(Timestamp, Timestamp)> = None;
        let first = self.next;
        for entry in entries {
            let begin = times.map_or(entry.time, |(begin, _)| begin);
            times = Some((begin, entry.time));
            entry.write(self.next, &mut bytes)?;
            self.next = self.next.saturating_add(1);
        }
        let Some((begin, end)) = times else {
            return Ok(());
        };
        if self
            .segments
            .back()
            .is_none_or(|s| s.len >= TRACE_FILE_LEN_MAX)
        {
            self.file = None;
        }
        if self.file.is_none() {
            self.begin_file(first, begin)?;
        }
        if let (Some(file), Some(segment)) = (&mut self.file, self.segments.back_mut()) {
            file.write_all(&bytes)?;
            segment.len = segment.len.saturating_add(bytes.len() as u64);
            segment.end = end;
        }
        if bytes.capacity() <= LINES_KEPT_MAX {
            self.lines = bytes;
        }
        self.forget_old(end)
    }

    /// After a restart a new one, too: what a crash left of the last line stays behind.
    fn begin_file(&mut self, first: u64, begin: Timestamp) -> io::Result<()> {
        let path = self.dir.join(format!("{first:020}.{EXTENSION}"));
        let mut options = OpenOptions::new();
        self.file = Some(options.create(true).append(true).open(&path)?);
        self.segments.push_back(Segment {
            path,
            len: 0,
            begin,
            end: begin,
        });
        Ok(())
    }

    fn forget_old(&mut self, now: Timestamp) -> io::Result<()> {
        let mut bytes: u64 = self.segments.iter().map(|s| s.len).sum();
        while self.segments.len() > 1 {
            let Some(oldest) = self.segments.front() else {
                break;
            };
            if bytes <= TRACE_BYTES_MAX && now.since(oldest.end) <= TRACE_AGE_MAX {
                break;
            }
            fs::remove_file(&oldest.path)?;
            bytes = bytes.saturating_sub(oldest.len);
            self.segments.pop_front();
        }
        Ok(())
    }

    /// The files of now, to be read without holding the store.
    pub(super) fn segments(&self) -> Vec<Segment> {
        self.segments.iter().cloned().collect()
    }
}

/// A page of what is in `segments`. One that has gone meanwhile was too old.
pub(super) fn query(segments: &[Segment], query: &TraceQuery) -> io::Result<TracePage> {
    let limit = query.limit.clamp(1, PAGE_MAX);
    let cursor = query.cursor.as_deref().and_then(|c| c.parse().ok());
    let mut found = Found {
        query,
        cursor,
        limit,
        items: Vec::new(),
        last: 0,
        more: false,
    };
    let overlaps = |s: &&Segment| s.end >= query.begin && s.begin < query.end;
    let segments = segments.iter().filter(overlaps);
    if query.reverse {
        for segment in segments.rev() {
            let text = read(&segment.path)?;
            if text.lines().rev().any(|line| found.is_full_after(line)) {
                break;
            }
        }
    } else {
        for segment in segments {
            let text = read(&segment.path)?;
            if text.lines().any(|line| found.is_full_after(line)) {
                break;
            }
        }
    }
    Ok(TracePage {
        next: found.more.then(|| found.last.to_string()),
        items: found.items,
    })
}

/// A page being filled.
struct Found<'q> {
    query: &'q TraceQuery,
    cursor: Option<u64>,
    limit: usize,
    items: Vec<TraceEntry>,
    last: u64,
    more: bool,
}

impl Found<'_> {
    fn is_full_after(&mut self, text: &str) -> bool {
        let query = self.query;
        let client_id = query.client_id.as_ref().map(|id| id.as_str());
        let message_id = query.message_id.as_deref();
        // Most lines are about others: not worth parsing.
        let hints = [client_id, message_id];
        if !hints.into_iter().flatten().all(|hint| text.contains(hint)) {
            return false;
        }
        let Some(Numbered { n, e }) = parse(text) else {
            return false;
        };
        let behind = self
            .cursor
            .is_none_or(|c| if query.reverse { n < c } else { n > c });
        let fits = behind
            && e.time >= query.begin
            && e.time < query.end
            && of(e.action) == query.of
            && client_id.is_none_or(|id| id == e.client_id)
            && message_id.is_none_or(|id| e.message_id.as_deref() == Some(id));
        if !fits {
            return false;
        }
        if self.items.len() == self.limit {
            self.more = true;
            return true;
        }
        self.last = n;
        self.items.push(e);
        false
    }
}

const fn of(action: TraceAction) -> TraceOf {
    match action {
        TraceAction::Connect | TraceAction::Disconnect | TraceAction::Close => TraceOf::Devices,
        TraceAction::Pub | TraceAction::Sub | TraceAction::Acked | TraceAction::PushOffline => {
            TraceOf::Messages
        }
    }
}

fn parse(line: &str) -> Option<Numbered> {
    serde_json::from_str(line).ok()
}

/// A file that a crash left, or that is being written, may end within a line.
fn read(path: &Path) -> io::Result<String> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests;
