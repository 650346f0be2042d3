//! Calls about names.

use std::{ffi::OsStr, ffi::OsString, os::unix::ffi::OsStrExt as _};

use fuser::{INodeNo, ReplyDirectory};
use vfs::{
    Attributes, Caller, Cookie, CreateMode, ErrorKind, Inode, Name, Rename, SetAttributes,
    VfsError, VfsResult,
    posix::{self, RenameSubjects},
};

use super::{Filesystem, TYPE_BITS};
use crate::{
    attributes,
    opens::{Hidden, Opens},
};

/// Entries asked of the engine at a time.
const LIST_LEN: usize = 256;
/// Places in a listing of `.` and `..`, which the port does not list.
const DOT: u64 = 1;
const DOT_DOT: u64 = 2;

/// The `st_mode` of a node that is to be made; regular files are all there is.
pub(super) struct RegularOnly(pub(super) u32);

/// A rename as the kernel asks for it.
pub(super) struct Moving {
    pub(super) from: Inode,
    pub(super) from_name: OsString,
    pub(super) to: Inode,
    pub(super) to_name: OsString,
}

fn name_of(name: &OsStr) -> VfsResult<Name> {
    Name::from_bytes(name.as_bytes())
}

fn text_of(text: &OsStr) -> VfsResult<&str> {
    let not_utf8 = |e| VfsError::caused_by(ErrorKind::Invalid, "not UTF-8", e);
    std::str::from_utf8(text.as_bytes()).map_err(not_utf8)
}

fn with_mode(mode: u32) -> SetAttributes {
    SetAttributes {
        mode: Some(mode & !TYPE_BITS),
        ..SetAttributes::default()
    }
}

impl Filesystem {
    pub(super) async fn find(
        &self,
        caller: &Caller,
        dir: Inode,
        name: &OsStr,
    ) -> VfsResult<Attributes> {
        if name.len() > vfs::NAME_LEN_MAX {
            return Err(ErrorKind::NameTooLong.into());
        }
        self.vfs.lookup(caller, dir, text_of(name)?).await
    }

    pub(super) async fn make_node(
        &self,
        caller: &Caller,
        dir: Inode,
        name: &OsStr,
        RegularOnly(mode): RegularOnly,
    ) -> VfsResult<Attributes> {
        if mode & TYPE_BITS != libc::S_IFREG {
            return Err(ErrorKind::NotSupported.into());
        }
        let (name, set) = (name_of(name)?, with_mode(mode));
        self.vfs
            .create(caller, dir, &name, CreateMode::Guarded, set)
            .await
    }

    /// Creates and opens. The mode says nothing about this first opening.
    pub(super) async fn create(
        &self,
        caller: &Caller,
        dir: Inode,
        name: &OsStr,
        (mode, is_exclusive): (u32, bool),
    ) -> VfsResult<Attributes> {
        let (name, set) = (name_of(name)?, with_mode(mode));
        let how = if is_exclusive {
            CreateMode::Guarded
        } else {
            CreateMode::Unchecked
        };
        let made = self.vfs.create(caller, dir, &name, how, set).await?;
        self.opens.open(made.inode);
        Ok(made)
    }

    pub(super) async fn make_dir(
        &self,
        caller: &Caller,
        dir: Inode,
        name: &OsStr,
        mode: u32,
    ) -> VfsResult<Attributes> {
        let name = name_of(name)?;
        self.vfs.make_dir(caller, dir, &name, with_mode(mode)).await
    }

    pub(super) async fn make_symlink(
        &self,
        caller: &Caller,
        dir: Inode,
        name: &OsStr,
        target: &OsStr,
    ) -> VfsResult<Attributes> {
        let (name, set) = (name_of(name)?, SetAttributes::default());
        let target = text_of(target)?;
        self.vfs.make_symlink(caller, dir, &name, target, set).await
    }

    pub(super) async fn unlink(&self, caller: &Caller, dir: Inode, name: &OsStr) -> VfsResult<()> {
        let name = name_of(name)?;
        let found = self.vfs.lookup(caller, dir, name.as_str()).await?;
        if self.opens.is_open(found.inode) {
            let of_dir = self.vfs.attributes(dir).await?;
            posix::may_remove_file(caller, &of_dir, &found)?;
            return self.hide(dir, &name, found.inode).await;
        }
        self.vfs.remove(caller, dir, &name).await
    }

    /// Takes a file that is open away from its name, until it is closed.
    async fn hide(&self, dir: Inode, name: &Name, inode: Inode) -> VfsResult<()> {
        let hidden = Hidden {
            dir: self.vfs.root(),
            name: Name::from_bytes(Opens::hidden_name(inode).as_bytes())?,
        };
        let rename = Rename {
            from: dir,
            from_name: name,
            to: hidden.dir,
            to_name: &hidden.name,
        };
        self.vfs.rename(&Caller::root(), rename).await?;
        self.opens.hide(inode, hidden);
        Ok(())
    }

    pub(super) async fn remove_dir(
        &self,
        caller: &Caller,
        dir: Inode,
        name: &OsStr,
    ) -> VfsResult<()> {
        self.vfs.remove_dir(caller, dir, &name_of(name)?).await
    }

    pub(super) async fn rename(&self, caller: &Caller, moving: Moving) -> VfsResult<()> {
        let (from_name, to_name) = (name_of(&moving.from_name)?, name_of(&moving.to_name)?);
        let (from, to) = (moving.from, moving.to);
        match self.vfs.lookup(caller, to, to_name.as_str()).await {
            Ok(target) if self.opens.is_open(target.inode) => {
                let source = self.vfs.lookup(caller, from, from_name.as_str()).await?;
                if source.inode == target.inode {
                    return Ok(());
                }
                let subjects = RenameSubjects {
                    from_dir: &self.vfs.attributes(from).await?,
                    source: &source,
                    to_dir: &self.vfs.attributes(to).await?,
                    target: Some(&target),
                };
                posix::may_rename(caller, subjects)?;
                self.hide(to, &to_name, target.inode).await?;
            }
            Ok(_) | Err(_) => {}
        }
        let rename = Rename {
            from,
            from_name: &from_name,
            to,
            to_name: &to_name,
        };
        self.vfs.rename(caller, rename).await
    }

    pub(super) async fn open_dir(&self, caller: &Caller, dir: Inode) -> VfsResult<()> {
        posix::may_list(caller, &self.vfs.attributes(dir).await?)
    }

    /// Fills a reply with what comes after `offset`.
    pub(super) async fn list(
        &self,
        dir: Inode,
        offset: u64,
        reply: &mut ReplyDirectory,
    ) -> VfsResult<()> {
        let root = Caller::root(); // Whoever opened it was allowed to.
        for (place, name) in [(DOT, "."), (DOT_DOT, "..")] {
            if offset < place {
                let at = self.vfs.lookup(&root, dir, name).await?.inode;
                let kind = fuser::FileType::Directory;
                if reply.add(INodeNo(at.0), place, kind, name) {
                    return Ok(());
                }
            }
        }
        let mut after = Cookie(if offset > DOT_DOT { offset } else { 0 });
        loop {
            let page = self.vfs.read_dir(&root, dir, after, LIST_LEN).await?;
            for entry in page.entries {
                after = entry.cookie;
                if Opens::is_hidden_name(entry.name.as_str()) {
                    continue;
                }
                let inode = INodeNo(entry.attributes.inode.0);
                let kind = attributes::kind_of(entry.attributes.file_type);
                if reply.add(inode, after.0, kind, entry.name.as_str()) {
                    return Ok(());
                }
            }
            if page.end {
                return Ok(());
            }
        }
    }
}
