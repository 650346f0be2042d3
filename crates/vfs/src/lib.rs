//! The file system as protocols see it: one trait, its errors, and a model of it in memory.
//!
//! Not here: NFS or SMB words (edges translate), where bytes live (`object-fs`).
//! Invariant: [`Inode`] is stable for the life of a file, across renames and restarts.
//! Invariant: a call that changes names or attributes returns only after it is durable; data
//! is durable after [`Vfs::commit`] or a stable [`Vfs::write`].
//! Start at [`Vfs`]. The oracle for every engine's tests is [`MemFs`].

mod attributes;
mod error;
mod extended;
mod mem_fs;
mod name;
pub mod posix;

use async_trait::async_trait;
use bytes::Bytes;

pub use attributes::{Attributes, Caller, FileTime, FileType, Inode, SetAttributes, SetTime};
pub use error::{ErrorKind, VfsError, VfsResult};
pub use extended::ExtendedAttribute;
pub use mem_fs::MemFs;
pub use name::{NAME_LEN_MAX, Name, SYMLINK_LEN_MAX};

/// Where a directory listing goes on. Stable: an entry keeps its cookie while it exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cookie(pub u64);

/// One entry of a directory listing. `.` and `..` are not listed here; edges add them, so
/// cookies 0, 1 and 2 are never used by the engine (0 means "from the start").
#[derive(Clone, Debug)]
pub struct DirEntry {
    /// The entry's name.
    pub name: Name,
    /// Where to go on after it.
    pub cookie: Cookie,
    /// Its attributes (its inode number among them).
    pub attributes: Attributes,
}

/// A part of a directory listing.
#[derive(Clone, Debug, Default)]
pub struct DirPage {
    /// Entries in cookie order.
    pub entries: Vec<DirEntry>,
    /// Whether there is nothing after them.
    pub end: bool,
}

/// A part of a file.
#[derive(Clone, Debug, Default)]
pub struct ReadReply {
    /// The bytes, fewer than asked for only at the end of the file.
    pub bytes: Bytes,
    /// Whether they reach the end of the file.
    pub end: bool,
}

/// When written data must be durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stability {
    /// At the next commit.
    Unstable,
    /// Before the call returns (NFS `DATA_SYNC` and `FILE_SYNC`).
    Stable,
}

/// How a file is to be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreateMode {
    /// An existing file is fine.
    Unchecked,
    /// An existing file is an error.
    Guarded,
    /// An existing file is fine only if it was created with the same verifier; so a
    /// repeated request succeeds (RFC 1813, 3.3.8).
    Exclusive(u64),
}

/// Sizes and counts of the file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FsUsage {
    /// Size in bytes.
    pub total_bytes: u64,
    /// Room left.
    pub free_bytes: u64,
    /// Inodes that can exist.
    pub total_inodes: u64,
    /// Inodes that can still be made.
    pub free_inodes: u64,
}

/// What a rename replaces and moves.
#[derive(Clone, Debug)]
pub struct Rename<'a> {
    /// The directory it is in.
    pub from: Inode,
    /// Its name there.
    pub from_name: &'a Name,
    /// The directory it goes to.
    pub to: Inode,
    /// Its name there; a file or an empty directory of that name is replaced.
    pub to_name: &'a Name,
}

/// A file system. Every call checks the caller's rights by POSIX mode bits.
#[async_trait]
pub trait Vfs: Send + Sync + 'static {
    /// The root directory.
    fn root(&self) -> Inode;
    /// Changes whenever un-committed writes may have been lost: at each start.
    fn write_verifier(&self) -> u64;

    /// Attributes of a file.
    async fn attributes(&self, inode: Inode) -> VfsResult<Attributes>;
    /// Changes attributes; a size cuts or extends the file. `guard`: refuse with
    /// [`ErrorKind::NotSync`] unless ctime is this (RFC 1813, 3.3.2).
    async fn set_attributes(
        &self,
        caller: &Caller,
        inode: Inode,
        set: SetAttributes,
        guard: Option<FileTime>,
    ) -> VfsResult<Attributes>;
    /// Finds a name. `.` and `..` are answered too.
    async fn lookup(&self, caller: &Caller, dir: Inode, name: &str) -> VfsResult<Attributes>;
    /// Its extended attributes, for those who may read it; a file system without any says none.
    async fn extended_attributes(
        &self,
        _caller: &Caller,
        _inode: Inode,
    ) -> VfsResult<Vec<ExtendedAttribute>> {
        Ok(Vec::new())
    }
    /// The target of a symbolic link.
    async fn read_link(&self, caller: &Caller, inode: Inode) -> VfsResult<String>;
    /// Reads; `count` bounds the answer.
    async fn read(
        &self,
        caller: &Caller,
        inode: Inode,
        offset: u64,
        count: u32,
    ) -> VfsResult<ReadReply>;
    /// Writes all of `bytes`.
    async fn write(
        &self,
        caller: &Caller,
        inode: Inode,
        offset: u64,
        bytes: Bytes,
        stability: Stability,
    ) -> VfsResult<Attributes>;
    /// Makes all data written before durable.
    async fn commit(&self, caller: &Caller, inode: Inode) -> VfsResult<Attributes>;
    /// Creates a regular file.
    async fn create(
        &self,
        caller: &Caller,
        dir: Inode,
        name: &Name,
        mode: CreateMode,
        set: SetAttributes,
    ) -> VfsResult<Attributes>;
    /// Creates a directory.
    async fn make_dir(
        &self,
        caller: &Caller,
        dir: Inode,
        name: &Name,
        set: SetAttributes,
    ) -> VfsResult<Attributes>;
    /// Creates a symbolic link.
    async fn make_symlink(
        &self,
        caller: &Caller,
        dir: Inode,
        name: &Name,
        target: &str,
        set: SetAttributes,
    ) -> VfsResult<Attributes>;
    /// Removes a file or symbolic link.
    async fn remove(&self, caller: &Caller, dir: Inode, name: &Name) -> VfsResult<()>;
    /// Removes an empty directory.
    async fn remove_dir(&self, caller: &Caller, dir: Inode, name: &Name) -> VfsResult<()>;
    /// Moves a file or directory: one transaction, whatever its size.
    async fn rename(&self, caller: &Caller, rename: Rename<'_>) -> VfsResult<()>;
    /// Lists at most `count` entries after `after`.
    async fn read_dir(
        &self,
        caller: &Caller,
        dir: Inode,
        after: Cookie,
        count: usize,
    ) -> VfsResult<DirPage>;
    /// Sizes and counts.
    async fn usage(&self) -> VfsResult<FsUsage>;
}
