//! LOOKUP, CREATE, MKDIR, SYMLINK, MKNOD, REMOVE, RMDIR, RENAME, LINK.

use std::convert::Infallible;

use bytes::Bytes;
use vfs::{Attributes, CreateMode, Name, Rename, SetAttributes, VfsResult};

use super::Scope;
use crate::{
    nfs3::{CreateHow, Failed, Made, NewNode, Outcome, PostOp, Wcc},
    status::Status,
};

/// Mode of a file between an exclusive CREATE, which cannot tell it, and the SETATTR that
/// follows: nobody else may get in before.
const EXCLUSIVE_MODE: u32 = 0o600;

impl Scope<'_> {
    pub(super) async fn lookup(self, name: Bytes) -> Outcome<Made<PostOp>, PostOp> {
        let fs = &self.export.fs;
        let found = match lookup_name(&name) {
            Ok(name) => fs.lookup(&self.caller, self.inode, name).await,
            Err(error) => Err(error),
        };
        match found {
            Ok(attributes) => Ok(Made {
                handle: self.handle_of(attributes.inode),
                attributes,
                dir: self.post_op().await,
            }),
            Err(error) => Err(self.failed(self.status_of(&error)).await),
        }
    }

    pub(super) async fn create(self, name: Bytes, how: CreateHow) -> Outcome<Made<Wcc>, Wcc> {
        let name = self.new_name(&name).await?;
        let (mode, set) = match how {
            CreateHow::Unchecked(set) => (CreateMode::Unchecked, set),
            CreateHow::Guarded(set) => (CreateMode::Guarded, set),
            CreateHow::Exclusive(verifier) => {
                let set = SetAttributes {
                    mode: Some(EXCLUSIVE_MODE),
                    ..SetAttributes::default()
                };
                (CreateMode::Exclusive(verifier), set)
            }
        };
        let fs = &self.export.fs;
        self.made(fs.create(&self.caller, self.inode, &name, mode, set))
            .await
    }

    pub(super) async fn make_dir(self, name: Bytes, set: SetAttributes) -> Outcome<Made<Wcc>, Wcc> {
        let name = self.new_name(&name).await?;
        let fs = &self.export.fs;
        self.made(fs.make_dir(&self.caller, self.inode, &name, set))
            .await
    }

    pub(super) async fn make_symlink(
        self,
        name: Bytes,
        set: SetAttributes,
        target: Bytes,
    ) -> Outcome<Made<Wcc>, Wcc> {
        let name = self.new_name(&name).await?;
        let Ok(target) = std::str::from_utf8(&target) else {
            return Err(self.unchanged(Status::Inval).await);
        };
        let fs = &self.export.fs;
        self.made(fs.make_symlink(&self.caller, self.inode, &name, target, set))
            .await
    }

    /// Objects have no devices and no pipes. As mknod(2) words it: "does not support the type of
    /// node requested" is `EPERM`. RFC 1813's `NFS3ERR_NOTSUPP` would reach users of Linux as
    /// "Unknown error 524".
    pub(super) async fn make_node(self, node: NewNode) -> Outcome<Made<Wcc>, Wcc> {
        let status = match node {
            NewNode::Device | NewNode::Pipe => Status::Perm,
            NewNode::Other => Status::BadType,
        };
        Err(self.unchanged(status).await)
    }

    pub(super) async fn remove(self, name: Bytes) -> Outcome<Wcc, Wcc> {
        let name = self.old_name(&name).await?;
        let fs = &self.export.fs;
        let removing = fs.remove(&self.caller, self.inode, &name);
        self.changed(removing).await.map(|((), wcc)| wcc)
    }

    pub(super) async fn remove_dir(self, name: Bytes) -> Outcome<Wcc, Wcc> {
        let name = self.old_name(&name).await?;
        let fs = &self.export.fs;
        let removing = fs.remove_dir(&self.caller, self.inode, &name);
        self.changed(removing).await.map(|((), wcc)| wcc)
    }

    pub(super) async fn rename(
        self,
        from_name: Bytes,
        to: Result<Self, Status>,
        to_name: Bytes,
    ) -> Outcome<(Wcc, Wcc), (Wcc, Wcc)> {
        let to = match to {
            Ok(to) => to,
            Err(status) => return Err(self.not_renamed(None, status).await),
        };
        if to.export.fs_id != self.export.fs_id {
            return Err(self.not_renamed(Some(&to), Status::XDev).await);
        }
        let names = Name::from_bytes(&from_name).and_then(|from_name| {
            let to_name = Name::from_bytes(&to_name)?;
            Ok((from_name, to_name))
        });
        let (from_name, to_name) = match names {
            Ok(names) => names,
            Err(error) => {
                let status = self.status_of(&error);
                return Err(self.not_renamed(Some(&to), status).await);
            }
        };
        let rename = Rename {
            from: self.inode,
            from_name: &from_name,
            to: to.inode,
            to_name: &to_name,
        };
        let renaming = self.export.fs.rename(&self.caller, rename);
        if self.inode == to.inode {
            let (outcome, wcc) = self.change(renaming).await;
            return attach(outcome, (wcc, wcc));
        }
        // The inner change fails with a status of its own; it becomes the outer one's value.
        let inner = async { Ok(to.change(renaming).await) };
        let (outer, from_wcc) = self.change(inner).await;
        let (outcome, to_wcc) = match outer {
            Ok(inner) => inner,
            Err(status) => return Err(self.not_renamed(Some(&to), status).await),
        };
        attach(outcome, (from_wcc, to_wcc))
    }

    /// Files have one name: an object has one key. `EPERM` as of link(2), for the reason of
    /// [`Self::make_node`].
    pub(super) async fn link(
        self,
        dir: Result<Self, Status>,
    ) -> Outcome<Infallible, (PostOp, Wcc)> {
        let (status, dir) = match dir {
            Ok(dir) => (Status::Perm, dir.post_op().await),
            Err(status) => (status, None),
        };
        let wcc = Wcc {
            before: None,
            after: dir,
        };
        Err(Failed {
            status,
            attributes: (self.post_op().await, wcc),
        })
    }

    async fn not_renamed(&self, to: Option<&Self>, status: Status) -> Failed<(Wcc, Wcc)> {
        let to = match to {
            Some(to) => to.unchanged(status).await.attributes,
            None => Wcc::default(),
        };
        Failed {
            status,
            attributes: (self.unchanged(status).await.attributes, to),
        }
    }

    async fn made(
        &self,
        making: impl Future<Output = VfsResult<Attributes>>,
    ) -> Outcome<Made<Wcc>, Wcc> {
        let (attributes, dir) = self.changed(making).await?;
        Ok(Made {
            handle: self.handle_of(attributes.inode),
            attributes,
            dir,
        })
    }

    /// A name to make. `.` and `..` are there already (RFC 1813, 3.3.9).
    async fn new_name(&self, bytes: &[u8]) -> Result<Name, Failed<Wcc>> {
        match Name::from_bytes(bytes) {
            Ok(name) => Ok(name),
            Err(_) if matches!(bytes, b"." | b"..") => Err(self.unchanged(Status::Exist).await),
            Err(error) => Err(self.unchanged(self.status_of(&error)).await),
        }
    }

    /// A name to take away.
    async fn old_name(&self, bytes: &[u8]) -> Result<Name, Failed<Wcc>> {
        match Name::from_bytes(bytes) {
            Ok(name) => Ok(name),
            Err(error) => Err(self.unchanged(self.status_of(&error)).await),
        }
    }
}

fn attach<A>(outcome: Result<(), Status>, attributes: A) -> Outcome<A, A> {
    match outcome {
        Ok(()) => Ok(attributes),
        Err(status) => Err(Failed { status, attributes }),
    }
}

/// A name to look up: also `.` and `..`.
fn lookup_name(bytes: &[u8]) -> VfsResult<&str> {
    match bytes {
        b"." => Ok("."),
        b".." => Ok(".."),
        other => {
            Name::from_bytes(other)?;
            // Checked just now; the name is borrowed rather than the copy.
            Ok(std::str::from_utf8(other).unwrap_or_default())
        }
    }
}
