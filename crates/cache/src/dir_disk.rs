//! Segments as files of a directory.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{
    fs::{FallocateFlags, SeekFrom, fallocate},
    io::{Errno, ReadWriteFlags},
};

use crate::{BLOCK_LEN, Disk, DiskRoom, SegmentFile, SegmentId};

/// A directory of segment files.
#[derive(Debug)]
pub struct DirDisk {
    dir: PathBuf,
}

impl DirDisk {
    /// Opens the directory, or makes it.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn open(dir: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        if let Some(parent) = dir.parent() {
            File::open(parent)?.sync_all()?;
        }
        Ok(Self {
            dir: dir.to_owned(),
        })
    }

    fn path(&self, id: SegmentId) -> PathBuf {
        self.dir.join(format!("{:08x}.{SUFFIX}", id.0))
    }
}

impl Disk for DirDisk {
    fn segments(&self) -> io::Result<Vec<SegmentId>> {
        let mut ids = Vec::new();
        for entry in std::fs::read_dir(&self.dir)? {
            let name = entry?.file_name();
            let number = name
                .to_str()
                .and_then(|name| name.strip_suffix(SUFFIX)?.strip_suffix('.'))
                .and_then(|number| u32::from_str_radix(number, 16).ok());
            ids.extend(number.map(SegmentId));
        }
        ids.sort_unstable();
        Ok(ids)
    }

    fn create(&self, id: SegmentId) -> io::Result<Arc<dyn SegmentFile>> {
        let path = self.path(id);
        let mut options = File::options();
        let options = options.read(true).write(true).create_new(true);
        let file = options.open(&path)?;
        if let Err(e) = File::open(&self.dir).and_then(|dir| dir.sync_all()) {
            // So that a disk that fails again and again does not fill up with empty files; what is
            // left after all goes with the next start.
            let _left_behind = std::fs::remove_file(path);
            return Err(e);
        }
        Ok(Arc::new(DirSegment(file)))
    }

    fn open(&self, id: SegmentId) -> io::Result<Arc<dyn SegmentFile>> {
        let file = File::options().read(true).write(true).open(self.path(id))?;
        Ok(Arc::new(DirSegment(file)))
    }

    fn remove(&self, id: SegmentId) -> io::Result<()> {
        std::fs::remove_file(self.path(id))
    }

    fn room(&self) -> io::Result<DiskRoom> {
        let stat = rustix::fs::statvfs(&self.dir)?;
        Ok(DiskRoom {
            total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
            free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
        })
    }
}

#[derive(Debug)]
struct DirSegment(File);

impl SegmentFile for DirSegment {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn read_at(&self, mut offset: u64, mut bytes: &mut [u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.0.read_at(bytes, offset) {
                Ok(0) => {
                    bytes.fill(0);
                    break;
                }
                Ok(read) => {
                    bytes = bytes.split_at_mut(read).1;
                    offset += read as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn read_at_once(&self, offset: u64, bytes: &mut [u8]) -> io::Result<bool> {
        let wanted = bytes.len();
        let mut slices = [io::IoSliceMut::new(bytes)];
        match rustix::io::preadv2(&self.0, &mut slices, offset, ReadWriteFlags::NOWAIT) {
            Ok(read) => Ok(read == wanted),
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::INTR | Errno::NOSYS) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn free(&self, offset: u64, len: u64) -> io::Result<()> {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        match fallocate(&self.0, flags, offset, len) {
            // A file system without holes only gives room back with the whole segment.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    fn has_hole(&self, offset: u64, len: u64) -> io::Result<bool> {
        match rustix::fs::seek(&self.0, SeekFrom::Hole(offset)) {
            Ok(hole) => Ok(hole < offset.saturating_add(len)),
            Err(Errno::NXIO) => Ok(true),
            Err(e) => Err(e.into()),
        }
    }

    fn data_blocks(&self, offset: u64, len: u64) -> io::Result<u64> {
        let end = offset.saturating_add(len);
        let (mut at, mut blocks) = (offset, 0);
        while at < end {
            let data = match rustix::fs::seek(&self.0, SeekFrom::Data(at)) {
                Ok(data) if data < end => data,
                Ok(_) | Err(Errno::NXIO) => break,
                Err(e) => return Err(e.into()),
            };
            let hole = rustix::fs::seek(&self.0, SeekFrom::Hole(data))?.min(end);
            blocks += (hole - data).div_ceil(BLOCK_LEN);
            at = hole;
        }
        Ok(blocks)
    }

    fn used_bytes(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.blocks().saturating_mul(512))
    }
}

/// File name suffix of segments.
const SUFFIX: &str = "segment";
