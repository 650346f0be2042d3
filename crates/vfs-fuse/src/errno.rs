//! The one place where failures become numbers of the kernel.

use fuser::Errno;
use vfs::{ErrorKind, VfsError};

pub(crate) fn of(error: &VfsError) -> Errno {
    match error.kind() {
        ErrorKind::NotPermitted => Errno::EPERM,
        ErrorKind::NotFound => Errno::ENOENT,
        ErrorKind::Io => Errno::EIO,
        ErrorKind::AccessDenied => Errno::EACCES,
        ErrorKind::Exists => Errno::EEXIST,
        ErrorKind::NotDirectory => Errno::ENOTDIR,
        ErrorKind::IsDirectory => Errno::EISDIR,
        ErrorKind::Invalid => Errno::EINVAL,
        ErrorKind::TooBig => Errno::EFBIG,
        ErrorKind::NoSpace => Errno::ENOSPC,
        ErrorKind::ReadOnly => Errno::EROFS,
        ErrorKind::NameTooLong => Errno::ENAMETOOLONG,
        ErrorKind::NotEmpty => Errno::ENOTEMPTY,
        ErrorKind::Stale => Errno::ESTALE,
        ErrorKind::NotSupported => Errno::EOPNOTSUPP,
        ErrorKind::NotSync | ErrorKind::Unavailable => Errno::EAGAIN,
    }
}
