//! Results.

use bytes::Bytes;
use vfs::{Attributes, FsUsage, Stability};

use super::{
    PostOp, Wcc,
    attributes::{encode_attributes, encode_post_op, encode_wcc},
};
use crate::{
    limits::{DATA_LEN_MAX, LISTING_LEN_MAX},
    status::Status,
    xdr::{Writer, wire_len},
};

/// A failure, with the attributes that RFC 1813 wants beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failed<A> {
    pub(crate) status: Status,
    pub(crate) attributes: A,
}

/// Results of one procedure.
pub(crate) type Outcome<T, A> = Result<T, Failed<A>>;

/// A file that was found or made.
#[derive(Clone, Debug)]
pub(crate) struct Made<D> {
    pub(crate) handle: Bytes,
    pub(crate) attributes: Attributes,
    /// Of its directory.
    pub(crate) dir: D,
}

/// A part of a file.
#[derive(Clone, Debug)]
pub(crate) struct ReadDone {
    pub(crate) attributes: PostOp,
    pub(crate) bytes: Bytes,
    pub(crate) end: bool,
}

/// What a write did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WriteDone {
    pub(crate) wcc: Wcc,
    pub(crate) count: u32,
    pub(crate) committed: Stability,
    pub(crate) verifier: u64,
}

/// One entry of a listing.
#[derive(Clone, Debug)]
pub(crate) struct ListingEntry {
    pub(crate) file_id: u64,
    pub(crate) name: Box<[u8]>,
    pub(crate) cookie: u64,
    /// Handle and attributes, in READDIRPLUS.
    pub(crate) plus: Option<(Bytes, Attributes)>,
}

/// A part of a directory.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub(crate) dir: PostOp,
    pub(crate) entries: Vec<ListingEntry>,
    pub(crate) end: bool,
    /// Whether it answers READDIRPLUS.
    pub(crate) is_plus: bool,
}

/// FSSTAT.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileSystemUse {
    pub(crate) attributes: PostOp,
    pub(crate) usage: FsUsage,
}

/// FSINFO and PATHCONF: the same for every file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileSystemInfo {
    pub(crate) attributes: PostOp,
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) enum Results {
    Void,
    GetAttr(Outcome<Attributes, ()>),
    /// SETATTR, REMOVE, RMDIR: wcc in both cases.
    Changed(Outcome<Wcc, Wcc>),
    Lookup(Outcome<Made<PostOp>, PostOp>),
    Access(Outcome<(PostOp, u32), PostOp>),
    ReadLink(Outcome<(PostOp, String), PostOp>),
    Read(Outcome<ReadDone, PostOp>),
    Write(Outcome<WriteDone, Wcc>),
    /// CREATE, MKDIR, SYMLINK, MKNOD.
    Made(Outcome<Made<Wcc>, Wcc>),
    Rename(Outcome<(Wcc, Wcc), (Wcc, Wcc)>),
    /// LINK never succeeds: files have one name.
    Link(Failed<(PostOp, Wcc)>),
    Listing(Outcome<Listing, PostOp>),
    FsStat(Outcome<FileSystemUse, PostOp>),
    FsInfo(Outcome<FileSystemInfo, PostOp>),
    PathConf(Outcome<FileSystemInfo, PostOp>),
    Commit(Outcome<(Wcc, u64), Wcc>),
}

/// Bits of `properties` in FSINFO: symbolic links, the same PATHCONF everywhere, settable times.
const FSF_SYMLINK: u32 = 0x02;
const FSF_HOMOGENEOUS: u32 = 0x08;
const FSF_CANSETTIME: u32 = 0x10;

/// Multiple of sizes that read and write best: a page.
const SIZE_MULTIPLE: u32 = 4096;

/// Writes results of files in one file system.
struct Encoder<'a> {
    fs_id: u64,
    writer: &'a mut Writer,
}

impl Results {
    /// Writes the results; what is returned follows them as payload.
    pub(crate) fn encode(&self, fs_id: u64, writer: &mut Writer) -> Bytes {
        let mut to = Encoder { fs_id, writer };
        match self {
            Self::Void => {}
            Self::GetAttr(outcome) => to.outcome(
                outcome,
                |to, of| encode_attributes(of, to.fs_id, to.writer),
                |_, ()| {},
            ),
            Self::Changed(outcome) => to.outcome(outcome, Encoder::wcc, Encoder::wcc),
            Self::Lookup(outcome) => to.outcome(outcome, Encoder::found, Encoder::post_op),
            Self::Access(outcome) => to.outcome(
                outcome,
                |to, (of, allowed)| {
                    to.post_op(of);
                    to.writer.u32(*allowed);
                },
                Encoder::post_op,
            ),
            Self::ReadLink(outcome) => to.outcome(
                outcome,
                |to, (of, target)| {
                    to.post_op(of);
                    to.writer.opaque(target.as_bytes());
                },
                Encoder::post_op,
            ),
            Self::Read(outcome) => {
                to.outcome(outcome, Encoder::read, Encoder::post_op);
                return outcome
                    .as_ref()
                    .map(|done| done.bytes.clone())
                    .unwrap_or_default();
            }
            Self::Write(outcome) => to.outcome(outcome, Encoder::write, Encoder::wcc),
            Self::Made(outcome) => to.outcome(outcome, Encoder::made, Encoder::wcc),
            Self::Rename(outcome) => to.outcome(outcome, Encoder::two, Encoder::two),
            Self::Link(failed) => {
                to.writer.u32(failed.status.code());
                to.post_op(&failed.attributes.0);
                to.wcc(&failed.attributes.1);
            }
            Self::Listing(outcome) => to.outcome(outcome, Encoder::listing, Encoder::post_op),
            Self::FsStat(outcome) => to.outcome(outcome, Encoder::fs_stat, Encoder::post_op),
            Self::FsInfo(outcome) => to.outcome(outcome, Encoder::fs_info, Encoder::post_op),
            Self::PathConf(outcome) => to.outcome(outcome, Encoder::path_conf, Encoder::post_op),
            Self::Commit(outcome) => to.outcome(
                outcome,
                |to, (wcc, verifier)| {
                    to.wcc(wcc);
                    to.writer.u64(*verifier);
                },
                Encoder::wcc,
            ),
        }
        Bytes::new()
    }
}

impl Encoder<'_> {
    fn outcome<T, A>(
        &mut self,
        outcome: &Outcome<T, A>,
        success: impl FnOnce(&mut Self, &T),
        failure: impl FnOnce(&mut Self, &A),
    ) {
        match outcome {
            Ok(value) => {
                self.writer.u32(0);
                success(self, value);
            }
            Err(failed) => {
                self.writer.u32(failed.status.code());
                failure(self, &failed.attributes);
            }
        }
    }

    fn post_op(&mut self, of: &PostOp) {
        encode_post_op(of.as_ref(), self.fs_id, self.writer);
    }

    fn wcc(&mut self, wcc: &Wcc) {
        encode_wcc(wcc, self.fs_id, self.writer);
    }

    fn two(&mut self, (from, to): &(Wcc, Wcc)) {
        self.wcc(from);
        self.wcc(to);
    }

    fn found(&mut self, found: &Made<PostOp>) {
        self.writer.opaque(&found.handle);
        self.post_op(&Some(found.attributes));
        self.post_op(&found.dir);
    }

    fn made(&mut self, made: &Made<Wcc>) {
        self.writer.bool(true);
        self.writer.opaque(&made.handle);
        self.post_op(&Some(made.attributes));
        self.wcc(&made.dir);
    }

    /// All but the bytes, which are the payload.
    fn read(&mut self, done: &ReadDone) {
        self.post_op(&done.attributes);
        let len = wire_len(done.bytes.len());
        self.writer.u32(len);
        self.writer.bool(done.end);
        self.writer.u32(len);
    }

    fn write(&mut self, done: &WriteDone) {
        self.wcc(&done.wcc);
        self.writer.u32(done.count);
        self.writer.u32(match done.committed {
            Stability::Unstable => 0,
            Stability::Stable => 2,
        });
        self.writer.u64(done.verifier);
    }

    fn listing(&mut self, listing: &Listing) {
        self.post_op(&listing.dir);
        self.writer.u64(0); // cookie verifier: see `args::read_dir`
        for entry in &listing.entries {
            self.writer.bool(true);
            self.writer.u64(entry.file_id);
            self.writer.opaque(&entry.name);
            self.writer.u64(entry.cookie);
            if listing.is_plus {
                let plus = entry.plus.as_ref();
                let attributes = plus.map(|(_, attributes)| attributes);
                encode_post_op(attributes, self.fs_id, self.writer);
                self.writer.bool(plus.is_some());
                if let Some((handle, _)) = plus {
                    self.writer.opaque(handle);
                }
            }
        }
        self.writer.bool(false);
        self.writer.bool(listing.end);
    }

    fn fs_stat(&mut self, found: &FileSystemUse) {
        self.post_op(&found.attributes);
        let usage = &found.usage;
        self.writer.u64(usage.total_bytes);
        self.writer.u64(usage.free_bytes);
        self.writer.u64(usage.free_bytes);
        self.writer.u64(usage.total_inodes);
        self.writer.u64(usage.free_inodes);
        self.writer.u64(usage.free_inodes);
        self.writer.u32(0); // may change at any time
    }

    fn fs_info(&mut self, info: &FileSystemInfo) {
        self.post_op(&info.attributes);
        for _read_then_write in 0..2 {
            self.writer.u32(DATA_LEN_MAX);
            self.writer.u32(DATA_LEN_MAX);
            self.writer.u32(SIZE_MULTIPLE);
        }
        self.writer.u32(LISTING_LEN_MAX);
        self.writer.u64(vfs::posix::FILE_SIZE_MAX);
        self.writer.u32(0); // times are exact
        self.writer.u32(1); // to the nanosecond
        self.writer
            .u32(FSF_SYMLINK | FSF_HOMOGENEOUS | FSF_CANSETTIME);
    }

    fn path_conf(&mut self, info: &FileSystemInfo) {
        self.post_op(&info.attributes);
        self.writer.u32(1); // no hard links
        self.writer.u32(wire_len(vfs::NAME_LEN_MAX));
        self.writer.bool(true); // too long a name is refused, not cut
        self.writer.bool(true); // only root gives files away
        self.writer.bool(false); // case tells names apart
        self.writer.bool(true); // and is kept
    }
}
