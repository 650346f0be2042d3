//! The file system under the engine, used as an NFS server over it would: what a call promises
//! durable is synced before it returns.

use std::{
    fs::{self, File},
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use super::{
    load::{self, CALL_LEN, CALLERS, Load, PASSES, RANDOM_LEN, SMALL_LEN},
    phase::Phase,
};
use crate::error::BenchError;

/// A directory, and the large file in it.
#[derive(Debug)]
pub(super) struct Plain {
    dir: PathBuf,
    handle: File,
    large: File,
}

impl Plain {
    pub(super) fn new(dir: &Path) -> Result<Self, BenchError> {
        let open = || {
            let large = File::options()
                .read(true)
                .write(true)
                .create_new(true)
                .open(dir.join("large"))?;
            Ok((File::open(dir)?, large))
        };
        let (handle, large) = open().map_err(BenchError::io("begin in the directory"))?;
        Ok(Self {
            dir: dir.to_owned(),
            handle,
            large,
        })
    }

    /// How many operations a part had.
    pub(super) fn run(&self, phase: Phase, load: Load) -> Result<u64, BenchError> {
        match phase {
            Phase::Create => {
                (0..load.files_alone()).try_for_each(|n| self.create(&load::alone_name(n)))?;
                Ok(load.files_alone().into())
            }
            Phase::Create16 => self.create_in_parallel(load),
            Phase::Stat => self.stat(load),
            Phase::ReadDir => self.read_dir(),
            Phase::Rename => self.rename(load),
            Phase::SequentialWrite => self.write_sequence(load),
            Phase::SequentialRead | Phase::ColdRead => self.read_sequence(load),
            Phase::RandomRead => self.read_places(load),
            Phase::RandomWrite => self.write_places(load),
            Phase::DurableWrite => self.write_durably(load),
        }
    }

    fn create(&self, name: &str) -> Result<(), BenchError> {
        let create = || {
            let mut options = File::options();
            options.write(true).create_new(true);
            let file = options.open(self.dir.join(name))?;
            self.handle.sync_all()?;
            file.write_all_at(&load::content(0, SMALL_LEN), 0)?;
            file.sync_all()
        };
        create().map_err(BenchError::io("make a small file"))
    }

    fn create_in_parallel(&self, load: Load) -> Result<u64, BenchError> {
        let of_caller = |caller| {
            let mut numbers = load.share_of(caller);
            numbers.try_for_each(|n| self.create(&load::small_name(n)))
        };
        std::thread::scope(|scope| {
            let start = |caller| scope.spawn(move || of_caller(caller));
            let callers: Vec<_> = (0..CALLERS).map(start).collect();
            callers.into_iter().try_for_each(|caller| {
                let ended = caller.join();
                ended.unwrap_or_else(|_panic| {
                    Err(BenchError::Broken("a caller has panicked".into()))
                })
            })
        })?;
        Ok(load.files.into())
    }

    fn stat(&self, load: Load) -> Result<u64, BenchError> {
        let mut count = 0;
        for n in load.lookups() {
            let found = rustix::fs::statat(
                &self.handle,
                load::small_name(n),
                rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
            );
            let found = found.map_err(|e| BenchError::io("look at a file")(e.into()))?;
            let len = u64::try_from(found.st_size).unwrap_or(0);
            load::check_count("bytes of a small file", len, SMALL_LEN as u64)?;
            count += 1;
        }
        Ok(count)
    }

    fn read_dir(&self) -> Result<u64, BenchError> {
        let list = || {
            let mut count = 0;
            for _ in 0..PASSES {
                for entry in fs::read_dir(&self.dir)? {
                    count += u64::from(entry?.metadata()?.ino() > 0);
                }
            }
            Ok(count)
        };
        list().map_err(BenchError::io("list the directory"))
    }

    fn rename(&self, load: Load) -> Result<u64, BenchError> {
        let rename = |n| {
            let (from, to) = (load::alone_name(n), load::renamed_name(n));
            fs::rename(self.dir.join(from), self.dir.join(to))?;
            self.handle.sync_all()
        };
        let mut numbers = 0..load.files_alone();
        numbers
            .try_for_each(rename)
            .map_err(BenchError::io("rename a file"))?;
        Ok(load.files_alone().into())
    }

    fn write_sequence(&self, load: Load) -> Result<u64, BenchError> {
        let write = |offset| {
            let bytes = load::content(offset, CALL_LEN);
            self.large.write_all_at(&bytes, offset)
        };
        let mut sequence = load.sequence();
        let written = sequence.try_for_each(write);
        let synced = written.and_then(|()| self.large.sync_all());
        synced.map_err(BenchError::io("write the large file"))?;
        Ok(load.data_mib.into())
    }

    fn read_sequence(&self, load: Load) -> Result<u64, BenchError> {
        load.sequence()
            .try_for_each(|offset| self.read(offset, CALL_LEN))?;
        Ok(load.data_mib.into())
    }

    fn read_places(&self, load: Load) -> Result<u64, BenchError> {
        load.places(load.random_reads())
            .try_for_each(|offset| self.read(offset, RANDOM_LEN))?;
        Ok(load.random_reads().into())
    }

    fn read(&self, offset: u64, len: usize) -> Result<(), BenchError> {
        let mut bytes = vec![0; len];
        let read = self.large.read_exact_at(&mut bytes, offset);
        read.map_err(BenchError::io("read the large file"))?;
        load::check(offset, len, &bytes)
    }

    fn write_places(&self, load: Load) -> Result<u64, BenchError> {
        let write = |offset| {
            let bytes = load::content(offset, RANDOM_LEN);
            self.large.write_all_at(&bytes, offset)
        };
        let written = load.places(load.random).try_for_each(write);
        let synced = written.and_then(|()| self.large.sync_all());
        synced.map_err(BenchError::io("write the large file"))?;
        Ok(load.random.into())
    }

    fn write_durably(&self, load: Load) -> Result<u64, BenchError> {
        let write = |offset| {
            let bytes = load::content(offset, RANDOM_LEN);
            self.large.write_all_at(&bytes, offset)?;
            self.large.sync_all()
        };
        let mut places = load.places(load.random_alone());
        places
            .try_for_each(write)
            .map_err(BenchError::io("write the large file"))?;
        Ok(load.random_alone().into())
    }
}
