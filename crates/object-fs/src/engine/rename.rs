//! Renames: one local transaction, whatever moves; the bucket follows.

use std::sync::Arc;

use cache::{Batch, KeyRange, Run, Table, Ticket};
use vfs::{Caller, ErrorKind, FileType, Inode, Rename, VfsResult, posix};

use super::{Engine, make::touch_dir};
use crate::{
    fault, keys,
    node::{Locked, Node},
    upload::Work,
};

/// Entries below a directory that are looked at before it gets a longer path: a few
/// milliseconds.
const ENTRIES_CHECKED: usize = 2_048;

/// Nodes that a rename touches.
struct Subjects {
    from: Arc<Node>,
    to: Arc<Node>,
    source: Arc<Node>,
    target: Option<Arc<Node>>,
}

impl Engine {
    pub(crate) async fn rename(
        self: &Arc<Self>,
        caller: &Caller,
        rename: Rename<'_>,
    ) -> VfsResult<()> {
        self.require_writable()?;
        let from = self.known_node(rename.from).await?;
        posix::may_lookup(caller, &from.lock()?.record.attributes())?;
        let to = self.known_node(rename.to).await?;
        posix::may_lookup(caller, &to.lock()?.record.attributes())?;
        let source = self.shown_child(rename.from, rename.from_name).await?;
        let source = source.ok_or(ErrorKind::NotFound)?;
        let target = self.shown_child(rename.to, rename.to_name).await?;
        if target.as_ref().is_some_and(|t| t.inode == source.inode) {
            return Ok(());
        }
        self.check_key(rename.to, rename.to_name.as_str())?;
        self.check_keys_below(&source, &rename)?;
        let subjects = Subjects {
            from,
            to,
            source,
            target,
        };
        let (ticket, runs) = self.rename_now(caller, &rename, &subjects)?;
        match &subjects.target {
            Some(target) => self.finish_removal(target, ticket, runs).await,
            None => self.durable(ticket).await,
        }
    }

    /// Refuses to rename a directory to where a path below it would be too long for an object.
    /// Of a large directory only the first entries are looked at; the upload of a file that is
    /// too deep after all says so by name.
    fn check_keys_below(&self, source: &Node, rename: &Rename<'_>) -> VfsResult<()> {
        if source.lock()?.record.attributes.file_type != FileType::Directory {
            return Ok(());
        }
        let old = self.desired_key(source.inode)?.unwrap_or_default();
        let above = self.desired_key(rename.to)?.unwrap_or_default();
        let new = format!("{above}{}/", rename.to_name.as_str());
        if new.len() <= old.len() {
            return Ok(());
        }
        let (mut dirs, mut left) = (vec![(source.inode, new)], ENTRIES_CHECKED);
        while let Some((dir, prefix)) = dirs.pop() {
            let range = KeyRange::prefix(&keys::of_inode(dir));
            let listed = self.index.scan(Table::Listing, &range, left);
            for entry in listed.map_err(fault::of_cache)? {
                left -= 1;
                let (_, inode) = keys::pair(&entry.key)?;
                let key = format!("{prefix}{}", String::from_utf8_lossy(&entry.value));
                if key.len() > self.store.key_bytes_max() {
                    return Err(self.key_too_long(&key));
                }
                let record = self.load_record(Inode(inode))?;
                if record.is_some_and(|r| r.attributes.file_type == FileType::Directory) {
                    dirs.push((Inode(inode), key + "/"));
                }
            }
        }
        Ok(())
    }

    fn rename_now(
        &self,
        caller: &Caller,
        rename: &Rename<'_>,
        subjects: &Subjects,
    ) -> VfsResult<(Ticket, Vec<Run>)> {
        let mut namespace = self.namespace.lock();
        self.require_unchanged(rename, subjects)?;
        if self.is_ancestor(subjects.source.inode, rename.to)? {
            return Err(ErrorKind::Invalid.into());
        }
        let mut nodes = vec![&subjects.from, &subjects.to, &subjects.source];
        nodes.extend(&subjects.target);
        let mut locked = Locked::new(&nodes)?;
        may_rename(caller, subjects, &mut locked)?;
        let mut batch = Batch::default();
        let mut runs = Vec::new();
        let now = self.now();
        if let Some(target) = &subjects.target {
            let is_dir = locked.get(target)?.record.attributes.file_type == FileType::Directory;
            if is_dir {
                self.require_empty(target.inode)?;
            }
            runs = self.unlink(locked.get(target)?, self.fate_of_removed(), &mut batch)?;
            touch_dir(locked.get(&subjects.to)?, now, -i32::from(is_dir));
            self.count_removed(&mut namespace, &mut batch);
        }
        self.move_entry(rename, subjects, &mut locked, &mut batch)?;
        Ok((self.index.submit(batch), runs))
    }

    /// The names still lead to the nodes whose attributes were looked at.
    fn require_unchanged(&self, rename: &Rename<'_>, subjects: &Subjects) -> VfsResult<()> {
        let source = self.find(rename.from, rename.from_name.as_str())?;
        let target = self.find(rename.to, rename.to_name.as_str())?;
        if source != Some(subjects.source.inode) {
            return Err(ErrorKind::NotFound.into());
        }
        if target != subjects.target.as_ref().map(|node| node.inode) {
            return Err(ErrorKind::Unavailable.into());
        }
        Ok(())
    }

    fn move_entry(
        &self,
        rename: &Rename<'_>,
        subjects: &Subjects,
        locked: &mut Locked<'_>,
        batch: &mut Batch,
    ) -> VfsResult<()> {
        let now = self.now();
        let file_type = {
            let source = locked.get(&subjects.source)?;
            let inode = source.record.attributes.inode;
            let old_name = keys::of_name(source.record.parent, &source.record.name);
            batch.remove(Table::Names, old_name);
            batch.remove(
                Table::Listing,
                keys::of_listing(source.record.parent, inode),
            );
            source.record.parent = rename.to;
            source.record.name = rename.to_name.as_str().into();
            let attributes = &mut source.record.attributes;
            attributes.ctime = posix::next_ctime(attributes.ctime, now);
            self.put_name(&source.record, batch);
            self.save(source, batch);
            // Marker or object: its key is another one now.
            self.mark_dirty(source, batch);
            source.record.attributes.file_type
        };
        if file_type == FileType::Directory {
            let inode = subjects.source.inode;
            // The value tells this rename from later ones of the same directory.
            let stamp = self.clock.wall_nanos().to_be_bytes();
            batch.put(Table::Walks, keys::of_inode(inode), stamp);
            self.queue
                .touch(Work::Walk(inode), 0, self.clock.wall(), self.clock.now());
        }
        let source = subjects.source.inode;
        self.leave_dir(locked.get(&subjects.from)?, source, file_type, batch)?;
        let to = locked.get(&subjects.to)?;
        touch_dir(to, now, i32::from(file_type == FileType::Directory));
        self.save(to, batch);
        Ok(())
    }
}

fn may_rename(caller: &Caller, subjects: &Subjects, locked: &mut Locked<'_>) -> VfsResult<()> {
    let from_dir = locked.get(&subjects.from)?.record.attributes();
    let source = locked.get(&subjects.source)?.record.attributes();
    let to_dir = locked.get(&subjects.to)?.record.attributes();
    let target = match &subjects.target {
        Some(node) => Some(locked.get(node)?.record.attributes()),
        None => None,
    };
    posix::may_rename(
        caller,
        posix::RenameSubjects {
            from_dir: &from_dir,
            source: &source,
            to_dir: &to_dir,
            target: target.as_ref(),
        },
    )
}
