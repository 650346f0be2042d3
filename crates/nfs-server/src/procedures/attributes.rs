//! GETATTR, SETATTR, ACCESS, FSSTAT, FSINFO, PATHCONF.

use model::WriteAccess;
use vfs::{Attributes, FileTime, FileType, SetAttributes, posix};

use super::Scope;
use crate::nfs3::{Failed, FileSystemInfo, FileSystemUse, Outcome, PostOp, Wcc, access};

impl Scope<'_> {
    pub(super) async fn get_attr(self) -> Outcome<Attributes, ()> {
        let found = self.export.fs.attributes(self.inode).await;
        found.map_err(|error| Failed {
            status: self.status_of(&error),
            attributes: (),
        })
    }

    pub(super) async fn set_attr(
        self,
        set: SetAttributes,
        guard: Option<FileTime>,
    ) -> Outcome<Wcc, Wcc> {
        let fs = &self.export.fs;
        let setting = fs.set_attributes(&self.caller, self.inode, set, guard);
        self.changed(setting).await.map(|(_, wcc)| wcc)
    }

    pub(super) async fn access(self, wanted: u32) -> Outcome<(PostOp, u32), PostOp> {
        match self.export.fs.attributes(self.inode).await {
            Ok(of) => {
                let bits = self.caller.allowed_bits(&of);
                let allowed = access_bits(of.file_type, bits, self.access);
                Ok((Some(of), allowed & wanted))
            }
            Err(error) => Err(Failed {
                status: self.status_of(&error),
                attributes: None,
            }),
        }
    }

    pub(super) async fn fs_stat(self) -> Outcome<FileSystemUse, PostOp> {
        match self.export.fs.usage().await {
            Ok(usage) => Ok(FileSystemUse {
                attributes: self.post_op().await,
                usage,
            }),
            Err(error) => Err(self.failed(self.status_of(&error)).await),
        }
    }

    /// FSINFO and PATHCONF: all that varies is whether the file is there.
    pub(super) async fn fs_info(self) -> Outcome<FileSystemInfo, PostOp> {
        match self.export.fs.attributes(self.inode).await {
            Ok(of) => Ok(FileSystemInfo {
                attributes: Some(of),
            }),
            Err(error) => Err(Failed {
                status: self.status_of(&error),
                attributes: None,
            }),
        }
    }
}

/// The bits of ACCESS that mode bits give (RFC 1813, 3.3.4). Names in a directory may be
/// removed by who may write and search it.
fn access_bits(file_type: FileType, bits: u32, write_access: WriteAccess) -> u32 {
    let when = |needed: u32, gives: u32| if bits & needed == needed { gives } else { 0 };
    let is_dir = file_type == FileType::Directory;
    let read = when(posix::READ, access::READ);
    let execute = when(
        posix::EXECUTE,
        if is_dir {
            access::LOOKUP
        } else {
            access::EXECUTE
        },
    );
    let write = match write_access {
        WriteAccess::ReadOnly => 0,
        WriteAccess::ReadWrite if is_dir => {
            when(posix::WRITE, access::MODIFY | access::EXTEND)
                | when(posix::WRITE | posix::EXECUTE, access::DELETE)
        }
        WriteAccess::ReadWrite => when(posix::WRITE, access::MODIFY | access::EXTEND),
    };
    read | execute | write
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_follows_mode_bits_and_the_export() {
        let check = |file_type, bits, write_access, want| {
            assert_eq!(access_bits(file_type, bits, write_access), want);
        };
        let (file, dir) = (FileType::Regular, FileType::Directory);
        check(file, 7, WriteAccess::ReadWrite, 0x2d);
        check(file, 7, WriteAccess::ReadOnly, 0x21);
        check(file, 0, WriteAccess::ReadWrite, 0);
        check(dir, 7, WriteAccess::ReadWrite, 0x1f);
        check(dir, 7, WriteAccess::ReadOnly, 0x03);
        check(dir, 2, WriteAccess::ReadWrite, 0x0c);
    }
}
