//! READ, WRITE, COMMIT, READLINK.

use bytes::Bytes;
use model::WriteAccess;
use vfs::Stability;

use super::Scope;
use crate::{
    limits::DATA_LEN_MAX,
    nfs3::{Failed, Outcome, PostOp, ReadDone, Wcc, WriteDone},
    status::Status,
};

/// Arguments of WRITE.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) offset: u64,
    pub(super) count: u32,
    pub(super) stability: Stability,
    pub(super) bytes: Bytes,
}

impl Scope<'_> {
    pub(super) async fn read(self, offset: u64, count: u32) -> Outcome<ReadDone, PostOp> {
        let (fs, count) = (&self.export.fs, count.min(DATA_LEN_MAX));
        match fs.read(&self.caller, self.inode, offset, count).await {
            Ok(reply) => {
                self.export.counters.count_read(bytes_of(&reply.bytes));
                Ok(ReadDone {
                    attributes: self.post_op().await,
                    bytes: reply.bytes,
                    end: reply.end,
                })
            }
            Err(error) => Err(self.failed(self.status_of(&error)).await),
        }
    }

    pub(super) async fn write(self, write: Write) -> Outcome<WriteDone, Wcc> {
        let len = usize::try_from(write.count).unwrap_or(usize::MAX);
        if len > write.bytes.len() {
            return Err(self.unchanged(Status::Inval).await);
        }
        if self.access == WriteAccess::ReadOnly {
            return Err(self.unchanged(Status::Rofs).await);
        }
        // Not `change`: the write itself answers the attributes after it.
        let window = self.service.windows.open(self.target());
        let before = self.post_op().await;
        let fs = &self.export.fs;
        let bytes = write.bytes.slice(..len);
        let stability = write.stability;
        // The verifier of before the write: if the server restarts its engine meanwhile, the
        // client must see the old one at COMMIT time and send the data again.
        let verifier = fs.write_verifier();
        let written = fs.write(&self.caller, self.inode, write.offset, bytes, stability);
        let written = written.await;
        let before = before.filter(|_| window.is_alone()).map(Into::into);
        match written {
            Ok(after) => {
                self.export.counters.count_written(u64::from(write.count));
                Ok(WriteDone {
                    wcc: Wcc {
                        before,
                        after: Some(after),
                    },
                    count: write.count,
                    committed: stability,
                    verifier,
                })
            }
            Err(error) => {
                let status = self.status_of(&error);
                let after = self.post_op().await;
                let attributes = Wcc { before, after };
                Err(Failed { status, attributes })
            }
        }
    }

    /// Allowed at a read-only export too: the client may have written before it became so.
    pub(super) async fn commit(self) -> Outcome<(Wcc, u64), Wcc> {
        let fs = &self.export.fs;
        match fs.commit(&self.caller, self.inode).await {
            Ok(after) => {
                let wcc = Wcc {
                    before: None,
                    after: Some(after),
                };
                Ok((wcc, fs.write_verifier()))
            }
            Err(error) => Err(self.unchanged(self.status_of(&error)).await),
        }
    }

    pub(super) async fn read_link(self) -> Outcome<(PostOp, String), PostOp> {
        match self.export.fs.read_link(&self.caller, self.inode).await {
            Ok(target) => Ok((self.post_op().await, target)),
            Err(error) => Err(self.failed(self.status_of(&error)).await),
        }
    }
}

fn bytes_of(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
