//! Attributes in the kernel's words.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{FileAttr, INodeNo, TimeOrNow};
use vfs::{Attributes, FileTime, FileType, SetTime};

/// What a `stat` calls a block.
const STAT_BLOCK_LEN: u64 = 512;
/// What programs should read and write at a time.
const IO_LEN: u32 = 4_096;

pub(crate) fn of(attributes: &Attributes) -> FileAttr {
    FileAttr {
        ino: INodeNo(attributes.inode.0),
        size: attributes.size,
        blocks: attributes.used_bytes.div_ceil(STAT_BLOCK_LEN),
        atime: system_time(attributes.atime),
        mtime: system_time(attributes.mtime),
        ctime: system_time(attributes.ctime),
        crtime: UNIX_EPOCH,
        kind: kind_of(attributes.file_type),
        perm: u16::try_from(attributes.mode & 0o7777).unwrap_or(0),
        nlink: attributes.link_count,
        uid: attributes.uid,
        gid: attributes.gid,
        rdev: 0,
        blksize: IO_LEN,
        flags: 0,
    }
}

pub(crate) const fn kind_of(file_type: FileType) -> fuser::FileType {
    match file_type {
        FileType::Regular => fuser::FileType::RegularFile,
        FileType::Directory => fuser::FileType::Directory,
        FileType::Symlink => fuser::FileType::Symlink,
    }
}

fn system_time(time: FileTime) -> SystemTime {
    let whole = Duration::from_secs(time.seconds.unsigned_abs());
    let second = if time.seconds < 0 {
        UNIX_EPOCH.checked_sub(whole)
    } else {
        UNIX_EPOCH.checked_add(whole)
    };
    let nanos = Duration::from_nanos(u64::from(time.nanos));
    let exact = second.and_then(|second| second.checked_add(nanos));
    exact.unwrap_or(UNIX_EPOCH)
}

fn file_time(time: SystemTime) -> FileTime {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => FileTime::from_nanos(since.as_nanos()),
        Err(before) => {
            let before = before.duration();
            let has_part = before.subsec_nanos() > 0;
            let seconds = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
            FileTime {
                seconds: -seconds - i64::from(has_part),
                nanos: if has_part {
                    1_000_000_000 - before.subsec_nanos()
                } else {
                    0
                },
            }
        }
    }
}

pub(crate) fn set_time(time: Option<TimeOrNow>) -> SetTime {
    match time {
        None => SetTime::Keep,
        Some(TimeOrNow::Now) => SetTime::Now,
        Some(TimeOrNow::SpecificTime(time)) => SetTime::To(file_time(time)),
    }
}
