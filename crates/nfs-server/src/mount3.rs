//! MOUNT version 3 (RFC 1813, section 5): from the path of an export to its first file handle.

use bytes::Bytes;
use vfs::ErrorKind;

use crate::{
    limits::MOUNT_PATH_LEN_MAX,
    xdr::{Reader, Writer, XdrError},
};

pub(crate) const PROGRAM: u32 = 100_005;
pub(crate) const VERSION: u32 = 3;

const AUTH_SYS: u32 = 1;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Args {
    Null,
    Mount(Bytes),
    Dump,
    Unmount(Bytes),
    UnmountAll,
    Export,
}

/// `mountstat3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum MountStatus {
    NoEnt = 2,
    Io = 5,
    Acces = 13,
    NotDir = 20,
    Inval = 22,
    NameTooLong = 63,
    ServerFault = 10006,
}

impl From<ErrorKind> for MountStatus {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::NotFound | ErrorKind::Stale => Self::NoEnt,
            ErrorKind::AccessDenied | ErrorKind::NotPermitted => Self::Acces,
            ErrorKind::NotDirectory => Self::NotDir,
            ErrorKind::Invalid => Self::Inval,
            ErrorKind::NameTooLong => Self::NameTooLong,
            ErrorKind::Io => Self::Io,
            ErrorKind::Exists
            | ErrorKind::IsDirectory
            | ErrorKind::TooBig
            | ErrorKind::NoSpace
            | ErrorKind::ReadOnly
            | ErrorKind::NotEmpty
            | ErrorKind::NotSupported
            | ErrorKind::NotSync
            | ErrorKind::Unavailable => Self::ServerFault,
        }
    }
}

/// A mount that a client has told of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MountEntry {
    pub(crate) host: String,
    pub(crate) path: String,
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) enum Results {
    Void,
    Mounted(Result<Bytes, MountStatus>),
    Mounts(Vec<MountEntry>),
    /// Paths of exports and who may mount them.
    Exports(Vec<(String, Vec<String>)>),
}

impl Args {
    /// `None` for a procedure that the program does not have.
    pub(crate) fn decode(procedure: u32, reader: &mut Reader) -> Option<Result<Self, XdrError>> {
        let mut path = || reader.opaque(MOUNT_PATH_LEN_MAX);
        match procedure {
            0 => Some(Ok(Self::Null)),
            1 => Some(path().map(Self::Mount)),
            2 => Some(Ok(Self::Dump)),
            3 => Some(path().map(Self::Unmount)),
            4 => Some(Ok(Self::UnmountAll)),
            5 => Some(Ok(Self::Export)),
            _ => None,
        }
    }
}

impl Results {
    pub(crate) fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Void => {}
            Self::Mounted(Ok(handle)) => {
                writer.u32(0);
                writer.opaque(handle);
                writer.u32(1);
                writer.u32(AUTH_SYS);
            }
            Self::Mounted(Err(status)) => writer.u32(*status as u32),
            Self::Mounts(entries) => {
                for entry in entries {
                    writer.bool(true);
                    writer.opaque(entry.host.as_bytes());
                    writer.opaque(entry.path.as_bytes());
                }
                writer.bool(false);
            }
            Self::Exports(exports) => encode_exports(exports, writer),
        }
    }
}

fn encode_exports(exports: &[(String, Vec<String>)], writer: &mut Writer) {
    for (path, groups) in exports {
        writer.bool(true);
        writer.opaque(path.as_bytes());
        for group in groups {
            writer.bool(true);
            writer.opaque(group.as_bytes());
        }
        writer.bool(false);
    }
    writer.bool(false);
}
