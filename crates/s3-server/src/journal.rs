//! The journal of one bucket: a line for each put and delete. A line on disk is the commit.
//!
//! A line is the CRC-32C of its text, a space, and the text: JSON, so that people can read it.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, BufWriter, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::{
    entry::Entry,
    error::{BucketError, BucketResult, Doing as _},
};

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Record {
    /// `key` is now this object.
    Put {
        key: String,
        #[serde(flatten)]
        entry: Entry,
    },
    /// `key` is no object any more.
    Delete { key: String },
}

/// What [`Journal::read`] found.
#[derive(Debug, Default)]
pub(crate) struct ReadBack {
    pub(crate) records: Vec<Record>,
    pub(crate) bad_lines: usize,
}

/// The journal, open for appending.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    tail: Mutex<Tail>,
    /// Number of the last record known to be on disk. Who holds it flushes for all who wait.
    synced: Mutex<u64>,
}

#[derive(Debug)]
struct Tail {
    file: Arc<File>,
    bytes: u64,
    /// Records appended since it was opened.
    appended: u64,
    /// Lines in the file.
    lines: usize,
    state: State,
}

/// After a failed flush nobody knows what is on disk, so nothing more may be promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Good,
    Failed,
}

impl Journal {
    /// Reads all records. Bad lines are passed over, as each good one stands for itself: after
    /// power loss they are ones that were never answered.
    pub(crate) fn read(path: &Path) -> io::Result<ReadBack> {
        let mut back = ReadBack::default();
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(back),
            Err(error) => return Err(error),
        };
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line)? == 0 {
                return Ok(back);
            }
            match decode(&line) {
                Some(record) => back.records.push(record),
                None => back.bad_lines += 1,
            }
        }
    }

    /// Opens for appending after [`Journal::read`].
    pub(crate) fn open(path: PathBuf, lines: usize) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        file.sync_all()?;
        let bytes = file.metadata()?.len();
        let (file, appended, state) = (Arc::new(file), 0, State::Good);
        let tail = Mutex::new(Tail {
            file,
            bytes,
            appended,
            lines,
            state,
        });
        let synced = Mutex::new(0);
        Ok(Self { path, tail, synced })
    }

    /// Adds a record; returns when it is on disk. Callers that come together share a flush.
    pub(crate) fn append(&self, record: &Record) -> BucketResult<()> {
        let line = encode(record);
        let number = self.tail.lock().write(&line)?;
        let mut synced = self.synced.lock();
        if *synced >= number {
            return Ok(());
        }
        let (file, upto) = {
            let tail = self.tail.lock();
            if tail.state == State::Failed {
                return Err(BucketError::JournalFailed);
            }
            (Arc::clone(&tail.file), tail.appended)
        };
        if let Err(error) = file.sync_data() {
            self.tail.lock().state = State::Failed;
            return Err(error).doing(|| "flush the journal".to_owned());
        }
        *synced = upto;
        Ok(())
    }

    /// Lines in the file.
    pub(crate) fn lines(&self) -> usize {
        self.tail.lock().lines
    }

    /// Replaces the file by one with just `entries`. The caller sees to it that nobody appends.
    pub(crate) fn rewrite<'a>(
        &self,
        entries: impl Iterator<Item = (&'a str, &'a Entry)>,
    ) -> io::Result<()> {
        let lines = write_anew(&self.path, entries)?;
        let file = OpenOptions::new().append(true).open(&self.path)?;
        let mut tail = self.tail.lock();
        tail.bytes = file.metadata()?.len();
        tail.file = Arc::new(file);
        tail.lines = lines;
        Ok(())
    }
}

impl Tail {
    fn write(&mut self, line: &[u8]) -> BucketResult<u64> {
        if self.state == State::Failed {
            return Err(BucketError::JournalFailed);
        }
        if let Err(error) = (&*self.file).write_all(line) {
            // Half a line would make the next one unreadable.
            if self.file.set_len(self.bytes).is_err() {
                self.state = State::Failed;
            }
            return Err(error).doing(|| "write to the journal".to_owned());
        }
        self.bytes += line.len() as u64;
        self.lines += 1;
        self.appended += 1;
        Ok(self.appended)
    }
}

/// Writes a journal with just `entries`, in place of any that is there; returns its lines.
pub(crate) fn write_anew<'a>(
    path: &Path,
    entries: impl Iterator<Item = (&'a str, &'a Entry)>,
) -> io::Result<usize> {
    let new = path.with_extension("new");
    let mut writer = BufWriter::new(File::create(&new)?);
    let mut lines = 0;
    for (key, entry) in entries {
        let (key, entry) = (key.to_owned(), entry.clone());
        writer.write_all(&encode(&Record::Put { key, entry }))?;
        lines += 1;
    }
    writer.into_inner()?.sync_all()?;
    std::fs::rename(&new, path)?;
    sync_dir(path.parent().unwrap_or(Path::new(".")))?;
    Ok(lines)
}

/// Makes names in a directory durable.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn encode(record: &Record) -> Vec<u8> {
    let json = serde_json::to_string(record).expect("strings and numbers always encode");
    format!("{:08x} {json}\n", crc32c::crc32c(json.as_bytes())).into_bytes()
}

fn decode(line: &[u8]) -> Option<Record> {
    let text = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (sum, json) = text.split_once(' ')?;
    let sum = u32::from_str_radix(sum, 16).ok()?;
    if crc32c::crc32c(json.as_bytes()) != sum {
        return None;
    }
    serde_json::from_str(json).ok()
}

#[cfg(test)]
mod tests;
