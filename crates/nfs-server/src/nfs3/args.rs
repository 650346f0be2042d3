//! Arguments.

use bytes::Bytes;
use vfs::{FileTime, SetAttributes, Stability};

use super::{
    NewNode,
    attributes::{decode_set_attributes, decode_time},
};
use crate::{
    duplicates::Kind,
    limits::{HANDLE_LEN_MAX, RECORD_LEN_MAX},
    xdr::{Reader, XdrError, wire_len},
};

/// A file handle as the client sent it, not yet looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Handle(pub(crate) Bytes);

/// A name in a directory. The name is not checked here: a bad one has its own status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DirOp {
    pub(crate) dir: Handle,
    pub(crate) name: Bytes,
}

/// `createhow3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CreateHow {
    Unchecked(SetAttributes),
    Guarded(SetAttributes),
    Exclusive(u64),
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Args {
    Null,
    GetAttr(Handle),
    SetAttr {
        object: Handle,
        set: SetAttributes,
        guard: Option<FileTime>,
    },
    Lookup(DirOp),
    Access {
        object: Handle,
        wanted: u32,
    },
    ReadLink(Handle),
    Read {
        file: Handle,
        offset: u64,
        count: u32,
    },
    Write {
        file: Handle,
        offset: u64,
        count: u32,
        stability: Stability,
        bytes: Bytes,
    },
    Create {
        place: DirOp,
        how: CreateHow,
    },
    MkDir {
        place: DirOp,
        set: SetAttributes,
    },
    SymLink {
        place: DirOp,
        set: SetAttributes,
        target: Bytes,
    },
    MkNod {
        place: DirOp,
        node: NewNode,
    },
    Remove(DirOp),
    RmDir(DirOp),
    Rename {
        from: DirOp,
        to: DirOp,
    },
    Link {
        file: Handle,
        place: DirOp,
    },
    ReadDir {
        dir: Handle,
        cookie: u64,
        count: u32,
    },
    ReadDirPlus {
        dir: Handle,
        cookie: u64,
        dir_count: u32,
        max_count: u32,
    },
    FsStat(Handle),
    FsInfo(Handle),
    PathConf(Handle),
    Commit(Handle),
}

impl Args {
    /// `None` for a procedure that the program does not have.
    pub(crate) fn decode(procedure: u32, reader: &mut Reader) -> Option<Result<Self, XdrError>> {
        Some(match procedure {
            0 => Ok(Self::Null),
            1 => handle(reader).map(Self::GetAttr),
            2 => set_attr(reader),
            3 => dir_op(reader).map(Self::Lookup),
            4 => access(reader),
            5 => handle(reader).map(Self::ReadLink),
            6 => read(reader),
            7 => write(reader),
            8 => create(reader),
            9 => mk_dir(reader),
            10 => sym_link(reader),
            11 => mk_nod(reader),
            12 => dir_op(reader).map(Self::Remove),
            13 => dir_op(reader).map(Self::RmDir),
            14 => rename(reader),
            15 => link(reader),
            16 => read_dir(reader),
            17 => read_dir_plus(reader),
            18 => handle(reader).map(Self::FsStat),
            19 => handle(reader).map(Self::FsInfo),
            20 => handle(reader).map(Self::PathConf),
            21 => commit(reader),
            _ => return None,
        })
    }

    /// What it does if it must not be done twice, so that a retransmission is answered from memory
    /// (RFC 1813, 4.6).
    pub(crate) const fn once(&self) -> Option<Kind> {
        match self {
            Self::Write { .. } => Some(Kind::Write),
            Self::SetAttr { .. }
            | Self::Create { .. }
            | Self::MkDir { .. }
            | Self::SymLink { .. }
            | Self::MkNod { .. }
            | Self::Remove(_)
            | Self::RmDir(_)
            | Self::Rename { .. }
            | Self::Link { .. } => Some(Kind::Change),
            Self::Null
            | Self::GetAttr(_)
            | Self::Lookup(_)
            | Self::Access { .. }
            | Self::ReadLink(_)
            | Self::Read { .. }
            | Self::ReadDir { .. }
            | Self::ReadDirPlus { .. }
            | Self::FsStat(_)
            | Self::FsInfo(_)
            | Self::PathConf(_)
            | Self::Commit(_) => None,
        }
    }
}

fn handle(reader: &mut Reader) -> Result<Handle, XdrError> {
    reader.opaque(HANDLE_LEN_MAX).map(Handle)
}

/// A name or target of any length that a record can hold: too long is a status of its own,
/// and garbage is not.
fn text(reader: &mut Reader) -> Result<Bytes, XdrError> {
    reader.opaque(wire_len(RECORD_LEN_MAX))
}

fn dir_op(reader: &mut Reader) -> Result<DirOp, XdrError> {
    Ok(DirOp {
        dir: handle(reader)?,
        name: text(reader)?,
    })
}

fn set_attr(reader: &mut Reader) -> Result<Args, XdrError> {
    Ok(Args::SetAttr {
        object: handle(reader)?,
        set: decode_set_attributes(reader)?,
        guard: reader.optional(decode_time)?,
    })
}

fn access(reader: &mut Reader) -> Result<Args, XdrError> {
    Ok(Args::Access {
        object: handle(reader)?,
        wanted: reader.u32()?,
    })
}

fn read(reader: &mut Reader) -> Result<Args, XdrError> {
    Ok(Args::Read {
        file: handle(reader)?,
        offset: reader.u64()?,
        count: reader.u32()?,
    })
}

fn write(reader: &mut Reader) -> Result<Args, XdrError> {
    Ok(Args::Write {
        file: handle(reader)?,
        offset: reader.u64()?,
        count: reader.u32()?,
        stability: match reader.u32()? {
            0 => Stability::Unstable,
            1 | 2 => Stability::Stable,
            value => {
                return Err(XdrError::BadValue {
                    what: "stable_how",
                    value,
                });
            }
        },
        bytes: text(reader)?,
    })
}

fn create(reader: &mut Reader) -> Result<Args, XdrError> {
    Ok(Args::Create {
        place: dir_op(reader)?,
        how: match reader.u32()? {
            0 => CreateHow::Unchecked(decode_set_attributes(reader)?),
            1 => CreateHow::Guarded(decode_set_attributes(reader)?),
            2 => CreateHow::Exclusive(reader.u64()?),
            value => {
                return Err(XdrError::BadValue {
                    what: "createmode3",
                    value,
                });
            }
        },
    })
}

fn mk_dir(reader: &mut Reader) -> Result<Args, XdrError> {
    Ok(Args::MkDir {
        place: dir_op(reader)?,
        set: decode_set_attributes(reader)?,
    })
}

fn sym_link(reader: &mut Reader) -> Result<Args, XdrError> {
    Ok(Args::SymLink {
        place: dir_op(reader)?,
        set: decode_set_attributes(reader)?,
        target: text(reader)?,
    })
}

fn mk_nod(reader: &mut Reader) -> Result<Args, XdrError> {
    Ok(Args::MkNod {
        place: dir_op(reader)?,
        node: NewNode::decode(reader)?,
    })
}

fn rename(reader: &mut Reader) -> Result<Args, XdrError> {
    Ok(Args::Rename {
        from: dir_op(reader)?,
        to: dir_op(reader)?,
    })
}

fn link(reader: &mut Reader) -> Result<Args, XdrError> {
    Ok(Args::Link {
        file: handle(reader)?,
        place: dir_op(reader)?,
    })
}

/// The cookie verifier is read and not looked at: cookies stay good while their entry exists,
/// whatever else happens in the directory, so no verifier is ever stale.
fn read_dir(reader: &mut Reader) -> Result<Args, XdrError> {
    let (dir, cookie, _verifier) = (handle(reader)?, reader.u64()?, reader.u64()?);
    Ok(Args::ReadDir {
        dir,
        cookie,
        count: reader.u32()?,
    })
}

fn read_dir_plus(reader: &mut Reader) -> Result<Args, XdrError> {
    let (dir, cookie, _verifier) = (handle(reader)?, reader.u64()?, reader.u64()?);
    Ok(Args::ReadDirPlus {
        dir,
        cookie,
        dir_count: reader.u32()?,
        max_count: reader.u32()?,
    })
}

/// The range is not looked at: all of the file is made durable.
fn commit(reader: &mut Reader) -> Result<Args, XdrError> {
    let (file, _offset, _count) = (handle(reader)?, reader.u64()?, reader.u32()?);
    Ok(Args::Commit(file))
}
