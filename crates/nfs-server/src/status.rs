//! What went wrong, in NFS's words: the one place where kinds of failure become them.

use vfs::ErrorKind;

/// `nfsstat3` (RFC 1813, 2.6), those that we send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Status {
    Perm = 1,
    NoEnt = 2,
    Io = 5,
    Acces = 13,
    Exist = 17,
    XDev = 18,
    NotDir = 20,
    IsDir = 21,
    Inval = 22,
    FBig = 27,
    NoSpc = 28,
    Rofs = 30,
    NameTooLong = 63,
    NotEmpty = 66,
    Stale = 70,
    BadHandle = 10001,
    NotSync = 10002,
    NotSupp = 10004,
    TooSmall = 10005,
    BadType = 10007,
    /// Try again later.
    Jukebox = 10008,
}

impl Status {
    pub(crate) const fn code(self) -> u32 {
        self as u32
    }
}

impl From<ErrorKind> for Status {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::NotPermitted => Self::Perm,
            ErrorKind::NotFound => Self::NoEnt,
            ErrorKind::Io => Self::Io,
            ErrorKind::AccessDenied => Self::Acces,
            ErrorKind::Exists => Self::Exist,
            ErrorKind::NotDirectory => Self::NotDir,
            ErrorKind::IsDirectory => Self::IsDir,
            ErrorKind::Invalid => Self::Inval,
            ErrorKind::TooBig => Self::FBig,
            ErrorKind::NoSpace => Self::NoSpc,
            ErrorKind::ReadOnly => Self::Rofs,
            ErrorKind::NameTooLong => Self::NameTooLong,
            ErrorKind::NotEmpty => Self::NotEmpty,
            ErrorKind::Stale => Self::Stale,
            ErrorKind::NotSupported => Self::NotSupp,
            ErrorKind::NotSync => Self::NotSync,
            ErrorKind::Unavailable => Self::Jukebox,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_the_number_of_rfc_1813() {
        let table = [
            (ErrorKind::NotPermitted, 1),
            (ErrorKind::NotFound, 2),
            (ErrorKind::Io, 5),
            (ErrorKind::AccessDenied, 13),
            (ErrorKind::Exists, 17),
            (ErrorKind::NotDirectory, 20),
            (ErrorKind::IsDirectory, 21),
            (ErrorKind::Invalid, 22),
            (ErrorKind::TooBig, 27),
            (ErrorKind::NoSpace, 28),
            (ErrorKind::ReadOnly, 30),
            (ErrorKind::NameTooLong, 63),
            (ErrorKind::NotEmpty, 66),
            (ErrorKind::Stale, 70),
            (ErrorKind::NotSupported, 10004),
            (ErrorKind::NotSync, 10002),
            (ErrorKind::Unavailable, 10008),
        ];
        for (kind, code) in table {
            assert_eq!(Status::from(kind).code(), code, "{kind:?}");
        }
    }
}
