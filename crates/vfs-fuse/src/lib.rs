//! A FUSE mount of any [`vfs::Vfs`], so that programs made for file systems can test ours.
//!
//! Not here: a way to serve users (that is `nfs-server`); rights (the engine has them all, the
//! kernel is asked for none); caching (every time to live is zero, so each call reaches the
//! engine).
//! Invariant: nothing of the product depends on this crate.
//! Start at [`Mount`]. Tested by `tests`, with pjdfstest and fsx over `object-fs`.

mod attributes;
mod caller;
mod errno;
mod filesystem;
mod opens;

use std::{io, path::Path, sync::Arc};

use fuser::{BackgroundSession, Config, MountOption, SessionACL};
use vfs::Vfs;

use crate::{filesystem::Filesystem, opens::Opens};

/// A mounted file system; dropping it unmounts.
#[derive(Debug)]
pub struct Mount {
    _session: BackgroundSession,
}

impl Mount {
    /// Mounts `vfs` at a directory. Calls run on the tokio runtime this is called in.
    ///
    /// # Errors
    /// If there is no `/dev/fuse`, or this process may not mount.
    pub fn new(vfs: Arc<dyn Vfs>, at: &Path) -> io::Result<Self> {
        let filesystem = Filesystem {
            vfs,
            opens: Arc::new(Opens::default()),
            runtime: tokio::runtime::Handle::current(),
        };
        let mut config = Config::default();
        config.mount_options = vec![
            MountOption::FSName("causeway".into()),
            MountOption::Suid,
            MountOption::Dev,
        ];
        config.acl = SessionACL::All;
        Ok(Self {
            _session: fuser::spawn_mount(filesystem, at, &config)?,
        })
    }
}
