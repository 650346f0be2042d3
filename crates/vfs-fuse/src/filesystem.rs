//! Calls of the kernel as calls of the port: decode, spawn, answer.

mod extended;
mod files;
mod names;

use std::{ffi::OsStr, path::Path, sync::Arc, time::Duration, time::SystemTime};

use bytes::Bytes;
use clock::spawn_named;
use fuser::{
    AccessFlags, BsdFileFlags, FileHandle, FopenFlags, Generation, INodeNo, InitFlags,
    KernelConfig, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, ReplyXattr,
    Request, TimeOrNow, WriteFlags,
};
use vfs::{Attributes, Inode, SetAttributes, Stability, Vfs, VfsResult};

use self::{
    files::{Writing, open_bits},
    names::{Moving, RegularOnly},
};
use crate::{attributes, caller, errno, opens::Opens};

/// The kernel asks again each time: rights and sizes are never older than the call.
const TTL: Duration = Duration::ZERO;
/// Inodes are never used again.
const GENERATION: Generation = Generation(0);
/// What a `statfs` counts in.
const BLOCK_LEN: u32 = 4_096;
/// `st_mode` without the permission bits.
const TYPE_BITS: u32 = libc::S_IFMT;

#[derive(Clone)]
pub(crate) struct Filesystem {
    pub(crate) vfs: Arc<dyn Vfs>,
    pub(crate) opens: Arc<Opens>,
    pub(crate) runtime: tokio::runtime::Handle,
}

impl std::fmt::Debug for Filesystem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filesystem").finish_non_exhaustive()
    }
}

impl Filesystem {
    fn spawn(&self, call: impl Future<Output = ()> + Send + 'static) {
        let _runtime = self.runtime.enter();
        spawn_named("fuse", call).detach();
    }

    fn entry(&self, answer: VfsResult<Attributes>, reply: ReplyEntry) {
        match answer {
            Ok(found) => reply.entry(&TTL, &attributes::of(&self.opens.adjust(found)), GENERATION),
            Err(e) => reply.error(errno::of(&e)),
        }
    }

    fn attr(&self, answer: VfsResult<Attributes>, reply: ReplyAttr) {
        match answer {
            Ok(found) => reply.attr(&TTL, &attributes::of(&self.opens.adjust(found))),
            Err(e) => reply.error(errno::of(&e)),
        }
    }
}

fn empty(answer: VfsResult<()>, reply: ReplyEmpty) {
    match answer {
        Ok(()) => reply.ok(),
        Err(e) => reply.error(errno::of(&e)),
    }
}

fn opened(answer: VfsResult<()>, reply: ReplyOpen) {
    match answer {
        Ok(()) => reply.opened(FileHandle(0), FopenFlags::empty()),
        Err(e) => reply.error(errno::of(&e)),
    }
}

impl fuser::Filesystem for Filesystem {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> std::io::Result<()> {
        // The engine takes set-user-id bits away itself, by its own rules.
        let wanted = InitFlags::FUSE_HANDLE_KILLPRIV;
        config.add_capabilities(wanted).map_err(|lacking| {
            std::io::Error::other(format!("the kernel's FUSE lacks {lacking:?}"))
        })
    }

    fn lookup(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let (this, caller, name) = (self.clone(), caller::of(request), name.to_owned());
        self.spawn(async move {
            let answer = this.find(&caller, Inode(parent.0), &name).await;
            this.entry(answer, reply);
        });
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let this = self.clone();
        self.spawn(async move {
            let answer = this.vfs.attributes(Inode(ino.0)).await;
            this.attr(answer, reply);
        });
    }

    fn setattr(
        &self,
        request: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        handle: Option<FileHandle>,
        _created: Option<SystemTime>,
        _changed: Option<SystemTime>,
        _backed_up: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let (this, caller) = (self.clone(), caller::of(request));
        let set = SetAttributes {
            mode: mode.map(|mode| mode & !TYPE_BITS),
            uid,
            gid,
            size,
            atime: attributes::set_time(atime),
            mtime: attributes::set_time(mtime),
        };
        self.spawn(async move {
            let is_open = handle.is_some();
            let answer = this.change(&caller, Inode(ino.0), set, is_open).await;
            this.attr(answer, reply);
        });
    }

    fn getxattr(
        &self,
        request: &Request,
        ino: INodeNo,
        name: &OsStr,
        size: u32,
        reply: ReplyXattr,
    ) {
        if !extended::is_ours(name) {
            // Asked before each write, for `security.capability`.
            return reply.error(fuser::Errno::ENODATA);
        }
        let (this, caller, name) = (self.clone(), caller::of(request), name.to_owned());
        self.spawn(async move {
            let answer = this.vfs.extended_attributes(&caller, Inode(ino.0)).await;
            extended::answer(answer.map(|all| extended::value(&all, &name)), size, reply);
        });
    }

    fn listxattr(&self, request: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        let (this, caller) = (self.clone(), caller::of(request));
        self.spawn(async move {
            let answer = this.vfs.extended_attributes(&caller, Inode(ino.0)).await;
            extended::answer(answer.map(|all| Some(extended::names(&all))), size, reply);
        });
    }

    fn readlink(&self, request: &Request, ino: INodeNo, reply: ReplyData) {
        let (this, caller) = (self.clone(), caller::of(request));
        self.spawn(async move {
            match this.vfs.read_link(&caller, Inode(ino.0)).await {
                Ok(target) => reply.data(target.as_bytes()),
                Err(e) => reply.error(errno::of(&e)),
            }
        });
    }

    fn mknod(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        _device: u32,
        reply: ReplyEntry,
    ) {
        let (this, caller, name) = (self.clone(), caller::of(request), name.to_owned());
        self.spawn(async move {
            let only = RegularOnly(mode);
            let answer = this.make_node(&caller, Inode(parent.0), &name, only).await;
            this.entry(answer, reply);
        });
    }

    fn mkdir(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        let (this, caller, name) = (self.clone(), caller::of(request), name.to_owned());
        self.spawn(async move {
            let answer = this.make_dir(&caller, Inode(parent.0), &name, mode).await;
            this.entry(answer, reply);
        });
    }

    fn symlink(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        target: &Path,
        reply: ReplyEntry,
    ) {
        let (this, caller, name) = (self.clone(), caller::of(request), name.to_owned());
        let target = target.as_os_str().to_owned();
        self.spawn(async move {
            let dir = Inode(parent.0);
            let answer = this.make_symlink(&caller, dir, &name, &target).await;
            this.entry(answer, reply);
        });
    }

    fn unlink(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let (this, caller, name) = (self.clone(), caller::of(request), name.to_owned());
        self.spawn(async move {
            empty(this.unlink(&caller, Inode(parent.0), &name).await, reply);
        });
    }

    fn rmdir(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let (this, caller, name) = (self.clone(), caller::of(request), name.to_owned());
        self.spawn(async move {
            let answer = this.remove_dir(&caller, Inode(parent.0), &name).await;
            empty(answer, reply);
        });
    }

    fn rename(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if !flags.is_empty() {
            return reply.error(fuser::Errno::EINVAL);
        }
        let (this, caller) = (self.clone(), caller::of(request));
        let moving = Moving {
            from: Inode(parent.0),
            from_name: name.to_owned(),
            to: Inode(newparent.0),
            to_name: newname.to_owned(),
        };
        self.spawn(async move { empty(this.rename(&caller, moving).await, reply) });
    }

    fn open(&self, request: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let (this, caller) = (self.clone(), caller::of(request));
        self.spawn(async move {
            let answer = this.open(&caller, Inode(ino.0), open_bits(flags)).await;
            opened(answer, reply);
        });
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        let (this, caller, name) = (self.clone(), caller::of(request), name.to_owned());
        let is_exclusive = flags & libc::O_EXCL != 0;
        self.spawn(async move {
            let dir = Inode(parent.0);
            let mode = mode & !TYPE_BITS;
            match this.create(&caller, dir, &name, (mode, is_exclusive)).await {
                Ok(made) => {
                    let (handle, flags) = (FileHandle(0), FopenFlags::empty());
                    let attributes = attributes::of(&made);
                    reply.created(&TTL, &attributes, GENERATION, handle, flags);
                }
                Err(e) => reply.error(errno::of(&e)),
            }
        });
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let this = self.clone();
        self.spawn(async move {
            match this.read(Inode(ino.0), offset, size).await {
                Ok(bytes) => reply.data(&bytes),
                Err(e) => reply.error(errno::of(&e)),
            }
        });
    }

    fn write(
        &self,
        request: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        flags: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let (this, caller) = (self.clone(), caller::of(request));
        let stability = if flags.0 & (libc::O_SYNC | libc::O_DSYNC) == 0 {
            Stability::Unstable
        } else {
            Stability::Stable
        };
        let writing = Writing {
            inode: Inode(ino.0),
            offset,
            bytes: Bytes::copy_from_slice(data),
            stability,
        };
        let written = u32::try_from(data.len()).unwrap_or(u32::MAX);
        self.spawn(async move {
            match this.write(&caller, writing).await {
                Ok(()) => reply.written(written),
                Err(e) => reply.error(errno::of(&e)),
            }
        });
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, request: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        let (this, caller) = (self.clone(), caller::of(request));
        self.spawn(async move {
            let answer = this.vfs.commit(&caller, Inode(ino.0)).await;
            empty(answer.map(|_| ()), reply);
        });
    }

    fn release(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        let this = self.clone();
        self.spawn(async move { empty(this.release(Inode(ino.0)).await, reply) });
    }

    fn opendir(&self, request: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let (this, caller) = (self.clone(), caller::of(request));
        self.spawn(async move {
            opened(this.open_dir(&caller, Inode(ino.0)).await, reply);
        });
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let this = self.clone();
        self.spawn(async move {
            match this.list(Inode(ino.0), offset, &mut reply).await {
                Ok(()) => reply.ok(),
                Err(e) => reply.error(errno::of(&e)),
            }
        });
    }

    fn fsyncdir(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        // Names are durable when their calls return.
        reply.ok();
    }

    fn access(&self, request: &Request, ino: INodeNo, mask: AccessFlags, reply: ReplyEmpty) {
        let (this, caller) = (self.clone(), caller::of(request));
        self.spawn(async move {
            let bits = u32::try_from(mask.bits()).unwrap_or(0);
            empty(this.access(&caller, Inode(ino.0), bits).await, reply);
        });
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let this = self.clone();
        self.spawn(async move {
            let usage = match this.vfs.usage().await {
                Ok(usage) => usage,
                Err(e) => return reply.error(errno::of(&e)),
            };
            let blocks = |bytes: u64| bytes / u64::from(BLOCK_LEN);
            let (total, free) = (blocks(usage.total_bytes), blocks(usage.free_bytes));
            let name_len = u32::try_from(vfs::NAME_LEN_MAX).unwrap_or(u32::MAX);
            let (inodes, free_inodes) = (usage.total_inodes, usage.free_inodes);
            reply.statfs(
                total,
                free,
                free,
                inodes,
                free_inodes,
                BLOCK_LEN,
                name_len,
                BLOCK_LEN,
            );
        });
    }
}
