//! Attributes on the wire: `fattr3`, `sattr3`, `wcc_data`.

use vfs::{Attributes, FileTime, FileType, SetAttributes, SetTime};

use crate::xdr::{Reader, Writer, XdrError};

/// Bytes of `fattr3`.
pub(crate) const FATTR_LEN: usize = 84;

/// Attributes after the operation, if they could be had.
pub(crate) type PostOp = Option<Attributes>;

/// What clients compare with what they remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PreOp {
    pub(crate) size: u64,
    pub(crate) mtime: FileTime,
    pub(crate) ctime: FileTime,
}

impl From<Attributes> for PreOp {
    fn from(attributes: Attributes) -> Self {
        Self {
            size: attributes.size,
            mtime: attributes.mtime,
            ctime: attributes.ctime,
        }
    }
}

/// Attributes before and after (weak cache consistency, RFC 1813, 2.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wcc {
    pub(crate) before: Option<PreOp>,
    pub(crate) after: PostOp,
}

/// What MKNOD should make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NewNode {
    Device,
    Pipe,
    /// What other procedures make.
    Other,
}

impl NewNode {
    pub(crate) fn decode(reader: &mut Reader) -> Result<Self, XdrError> {
        match reader.u32()? {
            3 | 4 => {
                decode_set_attributes(reader)?;
                reader.u64()?; // major and minor number
                Ok(Self::Device)
            }
            6 | 7 => {
                decode_set_attributes(reader)?;
                Ok(Self::Pipe)
            }
            1 | 2 | 5 => Ok(Self::Other),
            value => Err(XdrError::BadValue {
                what: "ftype3",
                value,
            }),
        }
    }
}

pub(crate) fn decode_time(reader: &mut Reader) -> Result<FileTime, XdrError> {
    Ok(FileTime {
        seconds: i64::from(reader.u32()?),
        nanos: reader.u32()?,
    })
}

/// Seconds are unsigned here: clients see times before 1970 as 1970, after 2106 as 2106.
fn encode_time(time: FileTime, writer: &mut Writer) {
    let seconds = time.seconds.clamp(0, i64::from(u32::MAX));
    writer.u32(u32::try_from(seconds).unwrap_or(u32::MAX));
    writer.u32(time.nanos);
}

fn decode_set_time(reader: &mut Reader) -> Result<SetTime, XdrError> {
    match reader.u32()? {
        0 => Ok(SetTime::Keep),
        1 => Ok(SetTime::Now),
        2 => decode_time(reader).map(SetTime::To),
        value => Err(XdrError::BadValue {
            what: "time_how",
            value,
        }),
    }
}

pub(crate) fn decode_set_attributes(reader: &mut Reader) -> Result<SetAttributes, XdrError> {
    Ok(SetAttributes {
        mode: reader.optional(Reader::u32)?,
        uid: reader.optional(Reader::u32)?,
        gid: reader.optional(Reader::u32)?,
        size: reader.optional(Reader::u64)?,
        atime: decode_set_time(reader)?,
        mtime: decode_set_time(reader)?,
    })
}

/// Writes `fattr3`; `fs_id` tells file systems apart.
pub(crate) fn encode_attributes(of: &Attributes, fs_id: u64, writer: &mut Writer) {
    writer.u32(match of.file_type {
        FileType::Regular => 1,
        FileType::Directory => 2,
        FileType::Symlink => 5,
    });
    writer.u32(of.mode);
    writer.u32(of.link_count);
    writer.u32(of.uid);
    writer.u32(of.gid);
    writer.u64(of.size);
    writer.u64(of.used_bytes);
    writer.u64(0); // no device numbers
    writer.u64(fs_id);
    writer.u64(of.inode.0);
    for time in [of.atime, of.mtime, of.ctime] {
        encode_time(time, writer);
    }
}

pub(crate) fn encode_post_op(of: Option<&Attributes>, fs_id: u64, writer: &mut Writer) {
    writer.bool(of.is_some());
    if let Some(of) = of {
        encode_attributes(of, fs_id, writer);
    }
}

pub(crate) fn encode_wcc(wcc: &Wcc, fs_id: u64, writer: &mut Writer) {
    writer.bool(wcc.before.is_some());
    if let Some(before) = wcc.before {
        writer.u64(before.size);
        encode_time(before.mtime, writer);
        encode_time(before.ctime, writer);
    }
    encode_post_op(wcc.after.as_ref(), fs_id, writer);
}
