//! The procedures of NFS: each finds its file, checks the export, asks the file system, and
//! gathers the attributes that RFC 1813 wants beside the answer.

mod attributes;
mod data;
mod listing;
mod names;

use std::{net::IpAddr, sync::Arc};

use model::WriteAccess;
use tracing::{debug, warn};
use vfs::{Caller, ErrorKind, Inode, VfsError, VfsResult};

use crate::{
    access::caller_of,
    exports::{Export, Found},
    file_handle::HandleTarget,
    nfs3::{Args, Failed, Handle, Outcome, PostOp, Results, Wcc},
    rpc::Credential,
    service::Service,
    status::Status,
};

/// Who calls, and whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) service: &'a Arc<Service>,
    pub(crate) client: IpAddr,
    pub(crate) credential: &'a Credential,
}

/// Results, and the file system whose files they tell of.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) fs_id: u64,
    pub(crate) results: Results,
}

/// A file of an export that the client may reach, and the user that it is there.
#[derive(Clone, Debug)]
struct Scope<'a> {
    service: &'a Arc<Service>,
    export: Arc<Export>,
    access: WriteAccess,
    caller: Caller,
    inode: Inode,
}

impl<'a> Request<'a> {
    #[expect(
        clippy::too_many_lines,
        reason = "a table: one line for each procedure"
    )]
    pub(crate) async fn answer(self, args: Args) -> Answer {
        match args {
            Args::Null => Answer {
                fs_id: 0,
                results: Results::Void,
            },
            Args::GetAttr(object) => self.on(&object, Results::GetAttr, |s| s.get_attr()).await,
            Args::SetAttr { object, set, guard } => {
                self.on(&object, Results::Changed, |s| s.set_attr(set, guard))
                    .await
            }
            Args::Lookup(at) => {
                self.on(&at.dir, Results::Lookup, |s| s.lookup(at.name))
                    .await
            }
            Args::Access { object, wanted } => {
                self.on(&object, Results::Access, |s| s.access(wanted))
                    .await
            }
            Args::ReadLink(link) => self.on(&link, Results::ReadLink, |s| s.read_link()).await,
            Args::Read {
                file,
                offset,
                count,
            } => {
                self.on(&file, Results::Read, |s| s.read(offset, count))
                    .await
            }
            Args::Write {
                file,
                offset,
                count,
                stability,
                bytes,
            } => {
                let write = data::Write {
                    offset,
                    count,
                    stability,
                    bytes,
                };
                self.on(&file, Results::Write, |s| s.write(write)).await
            }
            Args::Create { place, how } => {
                self.on(&place.dir, Results::Made, |s| s.create(place.name, how))
                    .await
            }
            Args::MkDir { place, set } => {
                self.on(&place.dir, Results::Made, |s| s.make_dir(place.name, set))
                    .await
            }
            Args::SymLink { place, set, target } => {
                let link = |s: Scope<'a>| s.make_symlink(place.name, set, target);
                self.on(&place.dir, Results::Made, link).await
            }
            Args::MkNod { place, node } => {
                self.on(&place.dir, Results::Made, |s| s.make_node(node))
                    .await
            }
            Args::Remove(at) => {
                self.on(&at.dir, Results::Changed, |s| s.remove(at.name))
                    .await
            }
            Args::RmDir(at) => {
                self.on(&at.dir, Results::Changed, |s| s.remove_dir(at.name))
                    .await
            }
            Args::Rename { from, to } => {
                let target = self.scope(&to.dir);
                let rename = |s: Scope<'a>| s.rename(from.name, target, to.name);
                self.on(&from.dir, Results::Rename, rename).await
            }
            Args::Link { file, place } => {
                let dir = self.scope(&place.dir);
                let link = |outcome: Outcome<std::convert::Infallible, _>| match outcome {
                    Err(failed) => Results::Link(failed),
                    Ok(never) => match never {},
                };
                self.on(&file, link, |s| s.link(dir)).await
            }
            Args::ReadDir { dir, cookie, count } => {
                let asked = listing::Asked::names(cookie, count);
                self.on(&dir, Results::Listing, |s| s.list(asked)).await
            }
            Args::ReadDirPlus {
                dir,
                cookie,
                dir_count,
                max_count,
            } => {
                let asked = listing::Asked::plus(cookie, dir_count, max_count);
                self.on(&dir, Results::Listing, |s| s.list(asked)).await
            }
            Args::FsStat(root) => self.on(&root, Results::FsStat, |s| s.fs_stat()).await,
            Args::FsInfo(root) => self.on(&root, Results::FsInfo, |s| s.fs_info()).await,
            Args::PathConf(object) => self.on(&object, Results::PathConf, |s| s.fs_info()).await,
            Args::Commit(file) => self.on(&file, Results::Commit, |s| s.commit()).await,
        }
    }

    /// Runs a procedure on the file of `handle`, if there is one for this client.
    async fn on<T, A, F>(
        self,
        handle: &Handle,
        results: impl FnOnce(Outcome<T, A>) -> Results,
        run: impl FnOnce(Scope<'a>) -> F,
    ) -> Answer
    where
        A: Default,
        F: Future<Output = Outcome<T, A>>,
    {
        match self.scope(handle) {
            Ok(scope) => {
                let counters = &scope.export.counters;
                counters.count_operation(self.client, self.service.clock.wall());
                Answer {
                    fs_id: scope.export.fs_id,
                    results: results(run(scope).await),
                }
            }
            Err(status) => Answer {
                fs_id: 0,
                results: results(Err(Failed {
                    status,
                    attributes: A::default(),
                })),
            },
        }
    }

    /// Checks the handle and the client's address, at every call: both the table of exports
    /// and their rules may have changed since the mount.
    fn scope(&self, handle: &Handle) -> Result<Scope<'a>, Status> {
        let target = self.service.handles.open(handle);
        let target = target.ok_or(Status::BadHandle)?;
        let export = match self.service.exports.by_fs_id(target.fs_id) {
            Found::Exported(export) => export,
            // Not stale: the client would give up files that are there in a moment.
            Found::Awaited => return Err(Status::Jukebox),
            Found::Unknown => return Err(Status::Stale),
        };
        let access = export.access.access_of(self.client);
        Ok(Scope {
            service: self.service,
            access: access.ok_or(Status::Acces)?,
            caller: caller_of(self.credential, export.squash),
            inode: target.inode,
            export,
        })
    }
}

impl Scope<'_> {
    fn target(&self) -> HandleTarget {
        HandleTarget {
            fs_id: self.export.fs_id,
            inode: self.inode,
        }
    }

    fn handle_of(&self, inode: Inode) -> bytes::Bytes {
        self.service.handles.seal(HandleTarget {
            fs_id: self.export.fs_id,
            inode,
        })
    }

    async fn post_op(&self) -> PostOp {
        self.export.fs.attributes(self.inode).await.ok()
    }

    /// A failure with the file's attributes.
    async fn failed(&self, status: Status) -> Failed<PostOp> {
        Failed {
            status,
            attributes: self.post_op().await,
        }
    }

    /// The word for a failure, and its line in the log.
    fn status_of(&self, error: &VfsError) -> Status {
        let path = self.export.path.as_str();
        let inode = self.inode.0;
        match error.kind() {
            ErrorKind::Io => {
                let error = error as &dyn std::error::Error;
                warn!(export.path = path, inode, error, "file system failed");
            }
            kind => debug!(export.path = path, inode, ?kind, %error, "call refused"),
        }
        error.kind().into()
    }

    /// Runs a change of this file or directory, between looks at its attributes.
    async fn change<T>(&self, run: impl Future<Output = VfsResult<T>>) -> (Result<T, Status>, Wcc) {
        if self.access == WriteAccess::ReadOnly {
            let after = self.post_op().await;
            let before = None;
            return (Err(Status::Rofs), Wcc { before, after });
        }
        let window = self.service.windows.open(self.target());
        let before = self.post_op().await;
        let outcome = run.await.map_err(|error| self.status_of(&error));
        let after = self.post_op().await;
        let before = before.filter(|_| window.is_alone()).map(Into::into);
        (outcome, Wcc { before, after })
    }

    /// [`Scope::change`] as the results of a procedure.
    async fn changed<T>(&self, run: impl Future<Output = VfsResult<T>>) -> Outcome<(T, Wcc), Wcc> {
        let (outcome, attributes) = self.change(run).await;
        match outcome {
            Ok(value) => Ok((value, attributes)),
            Err(status) => Err(Failed { status, attributes }),
        }
    }

    /// A change that is refused before it begins.
    async fn unchanged(&self, status: Status) -> Failed<Wcc> {
        let after = self.post_op().await;
        let before = None;
        Failed {
            status,
            attributes: Wcc { before, after },
        }
    }
}
