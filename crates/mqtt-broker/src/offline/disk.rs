//! Where segments are kept: a directory, or in tests a disk that can lose power.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use super::record::NUMBER_MAX;

/// Names a segment; later ones have greater numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SegmentId(pub(crate) u64);

/// What the log needs of a disk.
pub(crate) trait Disk: Send {
    /// All segments, oldest first.
    fn segments(&mut self) -> io::Result<Vec<SegmentId>>;
    /// A segment whole.
    fn read(&mut self, id: SegmentId) -> io::Result<Vec<u8>>;
    /// Makes an empty segment, which appends go to from now on. Its name is durable.
    fn create(&mut self, id: SegmentId) -> io::Result<()>;
    /// Adds to the newest segment.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes durable what was appended.
    fn sync(&mut self) -> io::Result<()>;
    /// Takes the end of a segment away, durably.
    fn cut(&mut self, id: SegmentId, len: u64) -> io::Result<()>;
    /// Removes a segment, durably.
    fn remove(&mut self, id: SegmentId) -> io::Result<()>;
}

/// Segments as files of one directory.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    handle: File,
    newest: Option<File>,
}

impl Directory {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        if let Some(parent) = path.parent() {
            File::open(parent)?.sync_all()?;
        }
        Ok(Self {
            path: path.to_path_buf(),
            handle: File::open(path)?,
            newest: None,
        })
    }

    fn file(&self, id: SegmentId) -> PathBuf {
        self.path.join(format!("{:016x}.log", id.0))
    }

    fn newest(&mut self) -> io::Result<&mut File> {
        let none = || io::Error::new(io::ErrorKind::NotFound, "no segment was made");
        self.newest.as_mut().ok_or_else(none)
    }
}

impl Disk for Directory {
    fn segments(&mut self) -> io::Result<Vec<SegmentId>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            let stem = name.to_str().and_then(|name| name.strip_suffix(".log"));
            let number = stem.and_then(|stem| u64::from_str_radix(stem, 16).ok());
            // No name is left for a segment behind the last number there is.
            let number = number.filter(|number| *number <= NUMBER_MAX);
            found.extend(number.map(SegmentId));
        }
        found.sort_unstable();
        Ok(found)
    }

    fn read(&mut self, id: SegmentId) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.file(id))?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn create(&mut self, id: SegmentId) -> io::Result<()> {
        // Messages are inside: for the broker's own user only.
        let mut options = OpenOptions::new();
        options.create_new(true).append(true).mode(0o600);
        self.newest = Some(options.open(self.file(id))?);
        self.handle.sync_all()
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.newest()?.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.newest()?.sync_data()
    }

    fn cut(&mut self, id: SegmentId, len: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(self.file(id))?;
        file.set_len(len)?;
        file.sync_all()
    }

    fn remove(&mut self, id: SegmentId) -> io::Result<()> {
        fs::remove_file(self.file(id))?;
        self.handle.sync_all()
    }
}
