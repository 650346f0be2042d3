//! The one table from engine errors to SMB words.

use vfs::ErrorKind;

/// Status of an SMB answer. MS-ERREF, 2.3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum NtStatus {
    /// `STATUS_INVALID_PARAMETER`
    InvalidParameter = 0xC000_000D,
    /// `STATUS_ACCESS_DENIED`
    AccessDenied = 0xC000_0022,
    /// `STATUS_OBJECT_NAME_INVALID`
    ObjectNameInvalid = 0xC000_0033,
    /// `STATUS_OBJECT_NAME_NOT_FOUND`
    ObjectNameNotFound = 0xC000_0034,
    /// `STATUS_OBJECT_NAME_COLLISION`
    ObjectNameCollision = 0xC000_0035,
    /// `STATUS_DISK_FULL`
    DiskFull = 0xC000_007F,
    /// `STATUS_MEDIA_WRITE_PROTECTED`
    MediaWriteProtected = 0xC000_00A2,
    /// `STATUS_FILE_IS_A_DIRECTORY`
    FileIsADirectory = 0xC000_00BA,
    /// `STATUS_NOT_SUPPORTED`
    NotSupported = 0xC000_00BB,
    /// `STATUS_DIRECTORY_NOT_EMPTY`
    DirectoryNotEmpty = 0xC000_0101,
    /// `STATUS_NOT_A_DIRECTORY`
    NotADirectory = 0xC000_0103,
    /// `STATUS_FILE_CLOSED`
    FileClosed = 0xC000_0128,
    /// `STATUS_IO_DEVICE_ERROR`
    IoDeviceError = 0xC000_0185,
    /// `STATUS_RETRY`
    Retry = 0xC000_022D,
    /// `STATUS_FILE_TOO_LARGE`
    FileTooLarge = 0xC000_0904,
}

/// What a client is told.
#[must_use]
pub const fn nt_status(kind: ErrorKind) -> NtStatus {
    match kind {
        ErrorKind::NotPermitted | ErrorKind::AccessDenied => NtStatus::AccessDenied,
        ErrorKind::NotFound => NtStatus::ObjectNameNotFound,
        ErrorKind::Io => NtStatus::IoDeviceError,
        ErrorKind::Exists => NtStatus::ObjectNameCollision,
        ErrorKind::NotDirectory => NtStatus::NotADirectory,
        ErrorKind::IsDirectory => NtStatus::FileIsADirectory,
        ErrorKind::Invalid => NtStatus::InvalidParameter,
        ErrorKind::TooBig => NtStatus::FileTooLarge,
        ErrorKind::NoSpace => NtStatus::DiskFull,
        ErrorKind::ReadOnly => NtStatus::MediaWriteProtected,
        ErrorKind::NameTooLong => NtStatus::ObjectNameInvalid,
        ErrorKind::NotEmpty => NtStatus::DirectoryNotEmpty,
        ErrorKind::Stale => NtStatus::FileClosed,
        ErrorKind::NotSupported => NtStatus::NotSupported,
        // The client repeats the call; the store may answer by then.
        ErrorKind::NotSync | ErrorKind::Unavailable => NtStatus::Retry,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_word() {
        let check = |kind, code: u32| assert_eq!(nt_status(kind) as u32, code, "{kind:?}");
        check(ErrorKind::NotPermitted, 0xC000_0022);
        check(ErrorKind::NotFound, 0xC000_0034);
        check(ErrorKind::Io, 0xC000_0185);
        check(ErrorKind::AccessDenied, 0xC000_0022);
        check(ErrorKind::Exists, 0xC000_0035);
        check(ErrorKind::NotDirectory, 0xC000_0103);
        check(ErrorKind::IsDirectory, 0xC000_00BA);
        check(ErrorKind::Invalid, 0xC000_000D);
        check(ErrorKind::TooBig, 0xC000_0904);
        check(ErrorKind::NoSpace, 0xC000_007F);
        check(ErrorKind::ReadOnly, 0xC000_00A2);
        check(ErrorKind::NameTooLong, 0xC000_0033);
        check(ErrorKind::NotEmpty, 0xC000_0101);
        check(ErrorKind::Stale, 0xC000_0128);
        check(ErrorKind::NotSupported, 0xC000_00BB);
        check(ErrorKind::NotSync, 0xC000_022D);
        check(ErrorKind::Unavailable, 0xC000_022D);
    }
}
