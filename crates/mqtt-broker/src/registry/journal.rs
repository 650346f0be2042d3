//! The registry's file: records that are only ever appended, each with length and checksum.
//!
//! A record is on disk before it counts, and what counts together is one record, so that a power
//! cut leaves all of it or nothing. When the file has grown, it is replaced by a new one
//! that says the same in fewer records: written aside, synced, renamed.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use file_lock::{FileLock, FileLockError};

use super::change::Change;
use crate::error::RegistryError;

const JOURNAL: &str = "registry.journal";
const JOURNAL_NEW: &str = "registry.journal.new";
const LOCK: &str = "registry.lock";
const HEADER_LEN: usize = 8;
/// A change has ids and a secret.
const CHANGE_LEN_MAX: usize = 64 * 1024;
/// A record has as many changes as are made at once: a million credentials.
const RECORD_LEN_MAX: usize = 256 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Journal {
    dir: PathBuf,
    file: File,
    len: u64,
    /// Writing failed and the file's end is unknown.
    broken: bool,
    /// Held while the broker lives; the kernel gives it back even after `kill -9`.
    _lock: FileLock,
}

impl Journal {
    /// Opens the journal of `dir` and returns what it says. A record that was being written
    /// when the machine stopped is cut off: nobody was told that it counts.
    pub(super) fn open(dir: &Path) -> Result<(Self, Vec<Change>), RegistryError> {
        fs::create_dir_all(dir).map_err(|e| io_error("create", dir, e))?;
        let lock = lock(&dir.join(LOCK))?;
        let path = dir.join(JOURNAL);
        let mut file = private_file()
            .read(true)
            .append(true)
            .open(&path)
            .map_err(|e| io_error("open", &path, e))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(|e| io_error("read", &path, e))?;
        let (changes, good) = parse(&bytes, &path)?;
        if good < bytes.len() {
            tracing::warn!(
                journal.len = bytes.len(),
                journal.good = good,
                "the last record of the registry was not whole and is cut off"
            );
        }
        let len = good as u64;
        file.set_len(len).map_err(|e| io_error("cut", &path, e))?;
        file.sync_all().map_err(|e| io_error("sync", &path, e))?;
        sync_dir(dir)?;
        let journal = Self {
            dir: dir.to_path_buf(),
            file,
            len,
            broken: false,
            _lock: lock,
        };
        Ok((journal, changes))
    }

    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// Appends `changes`; when it returns, they are on disk. If it does not, none of them is.
    pub(super) fn append(&mut self, changes: &[Change]) -> Result<(), RegistryError> {
        if self.broken {
            return Err(RegistryError::ReadOnly);
        }
        let mut bytes = Vec::new();
        encode(changes, &mut bytes)?;
        let written = self
            .file
            .write_all(&bytes)
            .and_then(|()| self.file.sync_data());
        if let Err(source) = written {
            // A part may be there. It must not stand before a later, acknowledged record.
            self.broken = self
                .file
                .set_len(self.len)
                .and_then(|()| self.file.sync_all())
                .is_err();
            return Err(io_error("write", &self.dir.join(JOURNAL), source));
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Replaces everything by `changes`.
    pub(super) fn rewrite(&mut self, changes: &[Change]) -> Result<(), RegistryError> {
        let mut bytes = Vec::new();
        for change in changes {
            encode(std::slice::from_ref(change), &mut bytes)?;
        }
        let (path, new_path) = (self.dir.join(JOURNAL), self.dir.join(JOURNAL_NEW));
        match fs::remove_file(&new_path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(io_error("remove", &new_path, e));
            }
            _ => {}
        }
        let mut file = private_file()
            .read(true)
            .append(true)
            .open(&new_path)
            .map_err(|e| io_error("create", &new_path, e))?;
        file.write_all(&bytes)
            .and_then(|()| file.sync_all())
            .map_err(|e| io_error("write", &new_path, e))?;
        fs::rename(&new_path, &path).map_err(|e| io_error("replace", &path, e))?;
        self.file = file;
        self.len = bytes.len() as u64;
        // Without it, a power cut may bring the old file back, to which nothing is added now.
        let synced = sync_dir(&self.dir);
        self.broken = synced.is_err();
        synced
    }
}

/// Secrets are inside: for the broker's own user only.
fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).mode(0o600);
    options
}

fn lock(path: &Path) -> Result<FileLock, RegistryError> {
    FileLock::exclusive(path).map_err(|error| match error {
        FileLockError::Held => RegistryError::InUse {
            path: path.to_path_buf(),
        },
        FileLockError::Io(e) => io_error("lock", path, e),
    })
}

fn sync_dir(dir: &Path) -> Result<(), RegistryError> {
    File::open(dir)
        .and_then(|d| d.sync_all())
        .map_err(|e| io_error("sync", dir, e))
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> RegistryError {
    RegistryError::Io {
        action,
        path: path.to_path_buf(),
        source,
    }
}

/// Appends a record of one change, or of several in brackets.
fn encode(changes: &[Change], out: &mut Vec<u8>) -> Result<(), RegistryError> {
    let mut body = Vec::new();
    for change in changes {
        if changes.len() > 1 {
            body.push(if body.is_empty() { b'[' } else { b',' });
        }
        let before = body.len();
        serde_json::to_writer(&mut body, change).expect("a change has only text and numbers");
        if body.len() - before > CHANGE_LEN_MAX {
            return Err(RegistryError::Refused("a key or secret is too long".into()));
        }
    }
    if changes.len() > 1 {
        body.push(b']');
    }
    if body.len() > RECORD_LEN_MAX {
        let text = "these are too many changes at once".into();
        return Err(RegistryError::Refused(text));
    }
    if !changes.is_empty() {
        put(&body, out);
    }
    Ok(())
}

/// Appends one record.
fn put(body: &[u8], out: &mut Vec<u8>) {
    let len = u32::try_from(body.len()).expect("the record was measured");
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(body).to_le_bytes());
    out.extend_from_slice(body);
}

/// The records, and where the last whole one ends.
fn parse(bytes: &[u8], path: &Path) -> Result<(Vec<Change>, usize), RegistryError> {
    let mut changes = Vec::new();
    let mut good = 0;
    while let Some((more, len)) = parse_record(bytes.get(good..).unwrap_or_default()) {
        changes.extend(more);
        good += len;
    }
    // What is behind the last good record may be the start of one that was never acknowledged.
    // A whole record further on means that something acknowledged before it was damaged.
    let rest = bytes.get(good..).unwrap_or_default();
    let hides_more = (1..rest.len().saturating_sub(HEADER_LEN))
        .any(|start| rest.get(start..).and_then(parse_record).is_some());
    if hides_more {
        return Err(RegistryError::Damaged {
            path: path.to_path_buf(),
            offset: good as u64,
        });
    }
    Ok((changes, good))
}

fn parse_record(bytes: &[u8]) -> Option<(Vec<Change>, usize)> {
    let (len, rest) = bytes.split_first_chunk()?;
    let (crc, rest) = rest.split_first_chunk()?;
    let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
    if len > RECORD_LEN_MAX {
        return None;
    }
    let body = rest.get(..len)?;
    // Noise that happens to begin with a length is not worth adding up.
    if !body.starts_with(b"{") && !body.starts_with(b"[") {
        return None;
    }
    if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
        return None;
    }
    let changes = if body.starts_with(b"[") {
        serde_json::from_slice(body).ok()?
    } else {
        vec![serde_json::from_slice(body).ok()?]
    };
    Some((changes, HEADER_LEN + len))
}

/// Reads a journal with one record of any bytes and noise behind it; what is read can be
/// written again, one by one and together.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn check(bytes: &[u8]) {
    let mut journal = Vec::new();
    put(bytes, &mut journal);
    journal.extend_from_slice(bytes);
    let Ok((changes, _)) = parse(&journal, Path::new(JOURNAL)) else {
        return;
    };
    let mut again = Vec::new();
    for change in changes.chunks(1).chain([&changes[..]]) {
        if encode(change, &mut again).is_err() {
            // No key that long was ever taken.
            return;
        }
    }
    let read = parse(&again, Path::new(JOURNAL)).map(|(changes, len)| (changes.len(), len));
    assert_eq!(read.ok(), Some((2 * changes.len(), again.len())));
}

#[cfg(test)]
mod tests;
