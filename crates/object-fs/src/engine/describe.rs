//! What there is to say of one file, and of the queue.

use std::sync::Arc;

use model::{FileState, FileStatus, QueueItem};
use vfs::{Caller, ExtendedAttribute, FileType, Inode, VfsResult, posix};

use super::Engine;
use crate::{
    keys,
    manage::Unprotected,
    node::Node,
    upload::{ItemStatus, Work},
};

impl Engine {
    /// The state of a file or directory.
    pub(crate) async fn file_status(self: &Arc<Self>, path: &str) -> VfsResult<FileStatus> {
        let inode = self.resolve(path).await?;
        self.status_of(&self.node(inode)?)
    }

    /// The same, in words for those who only have the file system.
    pub(crate) async fn extended_attributes(
        self: &Arc<Self>,
        caller: &Caller,
        inode: Inode,
    ) -> VfsResult<Vec<ExtendedAttribute>> {
        let node = self.known_node(inode).await?;
        posix::may_read(caller, &node.lock()?.record.attributes())?;
        let status = self.status_of(&node)?;
        let yes_no = |is: bool| (if is { "yes" } else { "no" }).to_owned();
        let told = [
            ("user.causeway.state", Some(status.state.to_string())),
            ("user.causeway.key", status.object),
            ("user.causeway.etag", status.etag),
            (
                "user.causeway.cached-bytes",
                Some(status.cached_bytes.to_string()),
            ),
            (
                "user.causeway.dirty-bytes",
                Some(status.dirty_bytes.to_string()),
            ),
            ("user.causeway.pinned", Some(yes_no(status.is_pinned))),
        ];
        let told = told.into_iter();
        let known = told.filter_map(|(name, value)| value.map(|value| (name, value)));
        Ok(known
            .map(|(name, value)| ExtendedAttribute { name, value })
            .collect())
    }

    fn status_of(&self, node: &Arc<Node>) -> VfsResult<FileStatus> {
        let inode = node.inode;
        let cached_bytes = self.cached_bytes(node)?;
        let is_pinned = self.is_pinned(inode)?;
        let path = self.path_of(inode)?;
        let item = self.queue.item(&Work::Inode(inode));
        let ranges = self.lost_ranges(node)?;
        let mut state = node.lock()?;
        let is_file = state.record.attributes.file_type == FileType::Regular;
        let clean = state.record.clean_generation;
        let dirty_blocks = match state.data_mut() {
            Some(data) => data.extents.dirty_blocks(clean),
            None => 0,
        };
        let record = &state.record;
        Ok(FileStatus {
            inode: inode.0,
            is_dir: record.attributes.file_type == FileType::Directory,
            size: record.attributes().size,
            state: match state_of(item.as_ref(), &path) {
                _ if !ranges.is_empty() => FileState::Lost { ranges },
                FileState::Clean => match self.why_unreadable(inode, record) {
                    Some(reason) => FileState::Unreadable { reason },
                    None => FileState::Clean,
                },
                safe => safe,
            },
            cached_bytes,
            dirty_bytes: if is_file {
                (dirty_blocks * cache::BLOCK_LEN).min(record.content.size)
            } else {
                0
            },
            dirty_since: item.map(|item| item.since_ms),
            is_pinned,
            object: record.remote.as_ref().map(|r| r.key.to_string()),
            etag: record
                .remote
                .as_ref()
                .and_then(|r| r.etag.as_ref().map(|etag| etag.0.clone())),
            path,
        })
    }

    /// The oldest pieces of work for the object store.
    pub(crate) fn queue_items(&self, limit: usize) -> Vec<QueueItem> {
        let mut lines = self.lost_items(limit.div_ceil(2));
        let listed = self.queue.items(limit.saturating_sub(lines.len()));
        let items = listed.into_iter().map(|(work, item)| {
            let (kind, what) = match work {
                Work::Inode(inode) => ("upload", self.path_of(inode).unwrap_or_default()),
                Work::Walk(inode) => ("rename", self.path_of(inode).unwrap_or_default()),
                Work::Tombstone(key) => ("delete", key.into()),
            };
            QueueItem {
                kind: kind.to_owned(),
                what,
                bytes: item.bytes,
                since: item.since_ms,
                is_running: item.is_running,
                percent: item.percent,
                failures: item.failures,
                error: item.error,
            }
        });
        lines.extend(items);
        lines
    }

    /// Files whose content is here alone, those that wait longest first: the first names, and how
    /// many there are. Beyond the first [`LOOKED_AT_MAX`] everything that waits counts.
    pub(crate) fn unprotected(&self, names_max: usize) -> VfsResult<Unprotected> {
        let waiting = self.queue.waiting_inodes(LOOKED_AT_MAX);
        let mut alone = Unprotected {
            files: self.queue.status().dirty_files,
            names: Vec::new(),
        };
        for inode in waiting {
            let record = self.load_record(inode)?;
            let is_alone = record.is_some_and(|record| {
                let is_dir = record.attributes.file_type == FileType::Directory;
                !is_dir && (record.is_content_dirty() || record.remote.is_none())
            });
            if !is_alone {
                alone.files = alone.files.saturating_sub(1);
            } else if alone.names.len() < names_max {
                alone
                    .names
                    .extend(Some(self.path_of(inode)?).filter(|path| !path.is_empty()));
            }
        }
        alone.files = alone.files.max(alone.names.len() as u64);
        Ok(alone)
    }

    /// The path of an inode, without a slash at either end.
    pub(crate) fn path_of(&self, inode: Inode) -> VfsResult<String> {
        let key = self.desired_key(inode)?.unwrap_or_default();
        Ok(key.trim_end_matches('/').to_owned())
    }
}

/// Inodes that are looked at for what is here alone.
const LOOKED_AT_MAX: usize = 20_000;

fn state_of(item: Option<&ItemStatus>, path: &str) -> FileState {
    let is_copy = path
        .split_once('/')
        .is_some_and(|(dir, _)| keys::is_conflicts_dir(dir));
    match item {
        Some(item) if item.failures > 0 => FileState::Failed {
            reason: item.error.clone().unwrap_or_default(),
            failures: item.failures,
        },
        Some(item) if item.is_running => FileState::Uploading {
            percent: item.percent,
        },
        Some(_) => FileState::Dirty,
        None if is_copy => FileState::Conflict,
        None => FileState::Clean,
    }
}
