//! Calls about one file.

use bytes::Bytes;
use fuser::{OpenAccMode, OpenFlags};
use vfs::{
    Attributes, Caller, ErrorKind, FileType, Inode, SetAttributes, Stability, VfsResult, posix,
};

use super::Filesystem;

const EXECUTE: u32 = 1;
const WRITE: u32 = 2;
const READ: u32 = 4;
/// `O_EXEC` as the kernel passes it when a program is started (`FMODE_EXEC`).
const EXECUTING: i32 = 0o40;

/// A write as the kernel asks for it.
pub(super) struct Writing {
    pub(super) inode: Inode,
    pub(super) offset: u64,
    pub(super) bytes: Bytes,
    pub(super) stability: Stability,
}

/// Rights that an opening needs.
pub(super) fn open_bits(flags: OpenFlags) -> u32 {
    let truncates = if flags.0 & libc::O_TRUNC == 0 {
        0
    } else {
        WRITE
    };
    let access = match flags.acc_mode() {
        OpenAccMode::O_RDONLY if flags.0 & EXECUTING != 0 => EXECUTE,
        OpenAccMode::O_RDONLY => READ,
        OpenAccMode::O_WRONLY => WRITE,
        OpenAccMode::O_RDWR => READ | WRITE,
    };
    access | truncates
}

impl Filesystem {
    pub(super) async fn access(&self, caller: &Caller, inode: Inode, bits: u32) -> VfsResult<()> {
        posix::require(caller, &self.vfs.attributes(inode).await?, bits)
    }

    pub(super) async fn open(&self, caller: &Caller, inode: Inode, bits: u32) -> VfsResult<()> {
        self.access(caller, inode, bits).await?;
        self.opens.open(inode);
        Ok(())
    }

    pub(super) async fn release(&self, inode: Inode) -> VfsResult<()> {
        match self.opens.close(inode) {
            None => Ok(()),
            Some(hidden) => {
                let root = Caller::root();
                self.vfs.remove(&root, hidden.dir, &hidden.name).await
            }
        }
    }

    /// Changes attributes. Who has the file open may cut it, whatever its mode says now.
    pub(super) async fn change(
        &self,
        caller: &Caller,
        inode: Inode,
        set: SetAttributes,
        is_open: bool,
    ) -> VfsResult<Attributes> {
        if set.size.is_some() && self.vfs.attributes(inode).await?.file_type == FileType::Directory
        {
            return Err(ErrorKind::IsDirectory.into());
        }
        match self.vfs.set_attributes(caller, inode, set, None).await {
            Err(e) if is_open && set.size.is_some() && e.kind() == ErrorKind::AccessDenied => {
                let root = Caller::root();
                self.vfs.set_attributes(&root, inode, set, None).await
            }
            answer => answer,
        }
    }

    /// The right to read was asked for when the file was opened.
    pub(super) async fn read(&self, inode: Inode, offset: u64, count: u32) -> VfsResult<Bytes> {
        let read = self.vfs.read(&Caller::root(), inode, offset, count).await;
        Ok(read?.bytes)
    }

    /// Writes as the caller, so that set-user-id bits go; the right was asked for at the
    /// opening.
    pub(super) async fn write(&self, caller: &Caller, writing: Writing) -> VfsResult<()> {
        let Writing {
            inode,
            offset,
            bytes,
            stability,
        } = writing;
        let written = self
            .vfs
            .write(caller, inode, offset, bytes.clone(), stability)
            .await;
        match written {
            Err(e) if e.kind() == ErrorKind::AccessDenied => {
                let root = Caller::root();
                let written = self.vfs.write(&root, inode, offset, bytes, stability);
                written.await.map(|_| ())
            }
            answer => answer.map(|_| ()),
        }
    }
}
