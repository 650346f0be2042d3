//! What a listing says, put into the index.

use std::{
    collections::{HashMap, HashSet},
    ops::Bound,
    sync::Arc,
};

use cache::{Batch, KeyRange, Run, Table, Ticket};
use object_store::ObjectMeta;
use parking_lot::MutexGuard;
use vfs::{Attributes, ErrorKind, FileTime, FileType, Inode, VfsError, VfsResult};

use super::{Page, Source, known::Known, mtime_of, recent::STALE_MAX, vanish::Vanished};
use crate::{
    engine::{DIR_SIZE, Engine, Namespace, ROOT, touch_dir},
    fault,
    fs::{SyncError, SyncSummary},
    keys::{self, KeyPath, KeyState},
    metadata,
    node::Node,
    record::{Content, Knowledge, Record, Remote},
};

/// Mode of files and directories of which nothing is known.
const FILE_MODE: u32 = 0o644;
const DIR_MODE: u32 = 0o755;
/// Objects taken in at a time, so that others come to the names in between.
const STEP: usize = 128;

/// Directories that were found or made, by their keys.
type DirCache<'a> = HashMap<&'a str, Inode>;

/// Where something new goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) dir: Inode,
    pub(crate) name: &'a str,
}

/// What a page changes.
#[derive(Default)]
struct Changes {
    /// Blocks that are free when all that was submitted is durable.
    freed: Vec<(Arc<Node>, Vec<Run>)>,
    /// Keys of which a listing says what is not believed before the object was looked at.
    suspects: Vec<String>,
    /// What was submitted last.
    last: Option<Ticket>,
}

/// A part of a page that is taken in while the names are ours.
struct Step<'a> {
    page: &'a Page<'a>,
    namespace: MutexGuard<'a, Namespace>,
    known: Known<'a>,
    /// Directories may be renamed and removed between two steps.
    dirs: DirCache<'a>,
    /// The directory that got a name last, and shows it by its times.
    touched: Option<Inode>,
    /// Files that nobody can know of yet: they are submitted together.
    batch: Batch,
    changes: &'a mut Changes,
    summary: &'a mut SyncSummary,
}

impl Engine {
    /// Puts a page into the index; what was put last, which need not be durable yet.
    pub(super) async fn apply_page(
        self: &Arc<Self>,
        page: &Page<'_>,
        summary: &mut SyncSummary,
    ) -> VfsResult<Option<Ticket>> {
        let mut suspects = Vec::new();
        // Before the others come: where nothing was, there is nothing to look through.
        self.remove_missing(page, &mut suspects, summary).await?;
        self.apply_objects(page, suspects, summary).await
    }

    /// The objects of a page, by their keys; what the page leaves out, nothing is said about.
    pub(super) async fn apply_objects(
        self: &Arc<Self>,
        page: &Page<'_>,
        suspects: Vec<String>,
        summary: &mut SyncSummary,
    ) -> VfsResult<Option<Ticket>> {
        let mut changes = Changes {
            suspects,
            ..Changes::default()
        };
        for objects in page.objects.chunks(STEP) {
            let namespace = self.namespace.lock();
            let mut step = Step {
                page,
                namespace,
                known: Known::load(self, objects)?,
                dirs: DirCache::default(),
                touched: None,
                batch: Batch::default(),
                changes: &mut changes,
                summary,
            };
            for object in objects {
                step.summary.objects_listed += 1;
                // After the index was read: what was changed since then is left out too.
                if !self.is_passed_over(page, &object.key, &mut step.changes.suspects) {
                    self.apply_object(&mut step, object)?;
                }
            }
            self.submit(&mut step);
        }
        if let Some(ticket) = changes.last
            && !changes.freed.is_empty()
        {
            self.durable(ticket).await?;
        }
        for (node, runs) in changes.freed {
            self.release(&node, runs);
        }
        self.look_at_suspects(changes.suspects, summary).await?;
        Ok(changes.last)
    }

    /// Lets everybody see what a step has gathered, the step itself among them.
    fn submit(&self, step: &mut Step<'_>) {
        let mut batch = std::mem::take(&mut step.batch);
        if !batch.is_empty() {
            step.namespace.save(&mut batch);
            step.changes.last = Some(self.index.submit(batch));
        }
    }

    /// The same, and waits until it is durable.
    pub(super) async fn take_page(
        self: &Arc<Self>,
        page: &Page<'_>,
        summary: &mut SyncSummary,
    ) -> VfsResult<()> {
        match self.apply_page(page, summary).await? {
            Some(ticket) => self.durable(ticket).await,
            None => Ok(()),
        }
    }

    /// Whether a page has nothing to say about a key, or must not be believed before the object
    /// was looked at. If it is what another gateway told, the key is noted: a page that was asked
    /// for before says nothing about it any more.
    pub(super) fn is_passed_over(
        &self,
        page: &Page<'_>,
        key: &str,
        suspects: &mut Vec<String>,
    ) -> bool {
        let Source::Told(author) = page.source else {
            return self.is_older(page, key);
        };
        let now = self.clock.now();
        let is_contested = self.recent.is_contested(key, author, now);
        if is_contested {
            suspects.push(key.to_owned());
        } else {
            self.recent.mark_by(author, key, now);
        }
        is_contested
    }

    /// Whether the page was asked for before the key was changed last.
    fn is_older(&self, page: &Page<'_>, key: &str) -> bool {
        match page.source {
            Source::Listing(_) | Source::Object => self.recent.is_changed_since(key, page.sequence),
            Source::Told(_) => false,
        }
    }

    /// Whether a listing says otherwise than we know of our own last change.
    fn is_doubtful(&self, page: &Page<'_>, key: &str) -> bool {
        matches!(page.source, Source::Listing(_)) && self.recent.is_doubtful(key, self.clock.now())
    }

    /// Asks the bucket for what a listing should not be believed.
    pub(super) async fn look_at_suspects(
        self: &Arc<Self>,
        suspects: Vec<String>,
        summary: &mut SyncSummary,
    ) -> VfsResult<()> {
        for key in suspects {
            let found = Box::pin(self.look_at_key(&key)).await;
            let found = found.map_err(|e| match e {
                SyncError::Store(e) => fault::of_store(e),
                SyncError::Index(e) => VfsError::caused_by(ErrorKind::Io, "cannot look", e),
            })?;
            // It was counted when it was listed.
            *summary = summary.plus(SyncSummary {
                objects_listed: 0,
                ..found
            });
        }
        Ok(())
    }

    fn apply_object<'a>(&self, step: &mut Step<'a>, object: &'a ObjectMeta) -> VfsResult<()> {
        if object.key.starts_with(keys::RESERVED_PREFIX) {
            return Ok(());
        }
        let source = step.page.source;
        match step.known.key_state(&object.key)? {
            // Being written or deleted by us: what comes of it, we shall see.
            Some(KeyState::Claimed { .. } | KeyState::Tomb { .. }) => return Ok(()),
            Some(KeyState::Held { inode }) => return self.compare(step, object, inode),
            // Deleted here, where the share says that objects stay.
            Some(KeyState::Kept { etag }) if etag.is_none() || etag == object.etag => {
                return Ok(());
            }
            // Its last upload ended after the delete.
            Some(KeyState::Kept { .. }) if source == Source::Object && self.is_ours(object) => {
                let etag = object.etag.clone();
                let kept = KeyState::Kept { etag }.encode();
                step.batch.put(Table::Keys, &object.key, kept);
                return Ok(());
            }
            // Deleted by us; the listing may be from before.
            Some(KeyState::Kept { .. } | KeyState::Gone) if source != Source::Object => {
                step.changes.suspects.push(object.key.clone());
                return Ok(());
            }
            Some(KeyState::Kept { .. } | KeyState::Gone) => {
                step.batch.remove(Table::Keys, &object.key);
                step.batch.remove(Table::Tombstones, &object.key);
            }
            None => {}
        }
        let Some(path) = keys::path_of(&object.key) else {
            step.summary.skipped += 1;
            return Ok(());
        };
        self.add(step, object, &path)
    }

    /// An object we know: has it changed?
    fn compare(&self, step: &mut Step<'_>, object: &ObjectMeta, inode: Inode) -> VfsResult<()> {
        let node = self.node(inode)?;
        let mut state = node.lock()?;
        let Some(remote) = &state.record.remote else {
            return Ok(());
        };
        if *remote.key != *object.key {
            return Ok(());
        }
        let is_dirty = state.record.is_dirty();
        if remote.etag == object.etag && remote.size == object.size {
            if !is_dirty && learn_more(&mut state.record, object, self.now()) {
                let mut batch = Batch::default();
                self.save(&state, &mut batch);
                step.changes.last = Some(self.index.submit(batch));
            }
            return Ok(());
        }
        if step.page.source != Source::Object
            && (is_dirty || self.is_doubtful(step.page, &object.key))
        {
            step.changes.suspects.push(object.key.clone());
            return Ok(());
        }
        if is_dirty {
            // Changed here too: the upload will do what the policy says. It may as well be our
            // own, from an upload whose answer got lost.
            step.summary.conflicts += u64::from(!self.is_of(&node, object));
            return Ok(());
        }
        step.summary.changed += 1;
        let mut batch = Batch::default();
        let runs = self.take_content(&mut state, object, &mut batch)?;
        learn(&mut state.record, object);
        self.save(&state, &mut batch);
        // While it is locked: what somebody else changes next must come after.
        step.changes.last = Some(self.index.submit(batch));
        drop(state);
        step.changes.freed.push((node, runs));
        Ok(())
    }

    /// An object we do not know.
    fn add<'a>(
        &self,
        step: &mut Step<'a>,
        object: &'a ObjectMeta,
        path: &KeyPath<'a>,
    ) -> VfsResult<()> {
        let Some(dir) = self.ensure_dirs(step, &object.key, path)? else {
            // A file is where a directory would have to be.
            step.summary.skipped += 1;
            return Ok(());
        };
        let place = Place {
            dir,
            name: path.name,
        };
        let found = step.known.find(place)?;
        if path.file_type != FileType::Directory && found.is_none() {
            step.summary.added += 1;
            let inode = self.import_file(&mut step.namespace, place, object, &mut step.batch);
            step.known.note(place, inode);
            return self.note_new_name(step, dir);
        }
        // From here on nodes are looked at that the step itself may have gathered.
        self.submit(step);
        match (path.file_type, found) {
            (FileType::Directory, Some(inode)) => self.adopt_marker(step, inode, object)?,
            (FileType::Directory, None) => {
                step.summary.added += 1;
                self.import_dir(step, place, Some(object))?;
            }
            (FileType::Regular | FileType::Symlink, Some(inode)) => {
                // A file of ours is on its way there, or a directory is there.
                let is_dir =
                    self.node(inode)?.lock()?.record.attributes.file_type == FileType::Directory;
                step.summary.skipped += u64::from(is_dir);
            }
            (FileType::Regular | FileType::Symlink, None) => {}
        }
        Ok(())
    }

    /// A client that remembers that a name was not there looks again when the directory's times
    /// have changed. While the bucket is listed for the first time nobody can know names, and it
    /// would be one more record for each.
    fn note_new_name(&self, step: &mut Step<'_>, dir: Inode) -> VfsResult<()> {
        if step.touched == Some(dir) || !self.import.read().is_complete {
            return Ok(());
        }
        step.touched = Some(dir);
        let parent = self.node(dir)?;
        let mut parent = parent.lock()?;
        touch_dir(&mut parent, self.now(), 0);
        let mut batch = Batch::default();
        self.save(&parent, &mut batch);
        step.changes.last = Some(self.index.submit(batch));
        Ok(())
    }

    /// A marker for a directory that is there.
    fn adopt_marker(
        &self,
        step: &mut Step<'_>,
        inode: Inode,
        object: &ObjectMeta,
    ) -> VfsResult<()> {
        let node = self.node(inode)?;
        let mut state = node.lock()?;
        let record = &mut state.record;
        if record.attributes.file_type != FileType::Directory {
            step.summary.skipped += 1;
            return Ok(());
        }
        if record.remote.is_some() || record.claim.is_some() || record.is_attributes_dirty() {
            return Ok(());
        }
        record.remote = Some(remote_of(object));
        learn(record, object);
        let mut batch = Batch::default();
        let held = KeyState::Held { inode }.encode();
        batch.put(Table::Keys, &object.key, held);
        self.save(&state, &mut batch);
        step.changes.last = Some(self.index.submit(batch));
        Ok(())
    }

    /// The directory of a path, made where it is missing; `None` if a file is in the way.
    fn ensure_dirs<'a>(
        &self,
        step: &mut Step<'a>,
        key: &'a str,
        path: &KeyPath<'a>,
    ) -> VfsResult<Option<Inode>> {
        let (mut dir, mut end) = (ROOT, 0);
        // Most objects lie beside the one before.
        let whole: usize = path.dirs.iter().map(|name| name.len() + 1).sum();
        if let Some(known) = key.get(..whole).and_then(|above| step.dirs.get(above)) {
            return Ok(Some(*known));
        }
        for name in &path.dirs {
            end += name.len() + 1;
            let above = key.get(..end).unwrap_or(key);
            let known = match step.dirs.get(above) {
                Some(known) => Some(*known),
                None => self.ensure_dir(step, Place { dir, name })?,
            };
            let Some(next) = known else { return Ok(None) };
            step.dirs.insert(above, next);
            dir = next;
        }
        Ok(Some(dir))
    }

    /// A directory, made if it is missing; `None` if a file is in the way.
    fn ensure_dir(&self, step: &mut Step<'_>, place: Place<'_>) -> VfsResult<Option<Inode>> {
        // A file in the way may be one that the step has gathered.
        self.submit(step);
        if let Some(inode) = step.known.find(place)? {
            let node = self.node(inode)?;
            let state = node.lock()?;
            let is_dir = state.record.attributes.file_type == FileType::Directory;
            return Ok(is_dir.then_some(inode));
        }
        // Seen by everybody at once: what comes next is below it.
        self.import_dir(step, place, None).map(Some)
    }

    fn import_dir(
        &self,
        step: &mut Step<'_>,
        place: Place<'_>,
        marker: Option<&ObjectMeta>,
    ) -> VfsResult<Inode> {
        let parent = self.node(place.dir)?;
        let mut parent = parent.lock()?;
        let inode = step.namespace.new_inode();
        let mtime = marker.and_then(mtime_of).unwrap_or_else(|| self.now());
        let mut record = Record::new(dir_attributes(inode, mtime), place.dir, place.name);
        record.clean_attributes_version = record.attributes_version;
        let mut batch = Batch::default();
        if let Some(marker) = marker {
            record.remote = Some(remote_of(marker));
            learn(&mut record, marker);
            let held = KeyState::Held { inode }.encode();
            batch.put(Table::Keys, &marker.key, held);
        }
        self.put_name(&record, &mut batch);
        batch.put(Table::Inodes, keys::of_inode(inode), record.encode());
        touch_dir(&mut parent, self.now(), 1);
        self.save(&parent, &mut batch);
        step.namespace.save(&mut batch);
        step.known.note(place, inode);
        // While its directory is locked: what somebody else changes next must come after.
        step.changes.last = Some(self.index.submit(batch));
        Ok(inode)
    }

    /// A file that was seen in the bucket; its inode.
    pub(crate) fn import_file(
        &self,
        namespace: &mut Namespace,
        place: Place<'_>,
        object: &ObjectMeta,
        batch: &mut Batch,
    ) -> Inode {
        let inode = namespace.new_inode();
        let mtime = mtime_of(object).unwrap_or_else(|| self.now());
        let mut record = Record::new(
            Attributes {
                file_type: FileType::Regular,
                mode: FILE_MODE,
                link_count: 1,
                size: object.size,
                ..dir_attributes(inode, mtime)
            },
            place.dir,
            place.name,
        );
        record.content = Content::of_object(object.size, 0);
        record.clean_generation = record.content.changed;
        record.clean_attributes_version = record.attributes_version;
        record.remote = Some(remote_of(object));
        learn(&mut record, object);
        let held = KeyState::Held { inode }.encode();
        batch.put(Table::Keys, &object.key, held);
        self.put_name(&record, batch);
        batch.put(Table::Inodes, keys::of_inode(inode), record.encode());
        inode
    }

    /// What the index has in the range of a page and the page has not, is gone.
    pub(super) async fn remove_missing(
        self: &Arc<Self>,
        page: &Page<'_>,
        suspects: &mut Vec<String>,
        summary: &mut SyncSummary,
    ) -> VfsResult<()> {
        let listed: HashSet<&str> = page.objects.iter().map(|o| o.key.as_str()).collect();
        let mut range = KeyRange::prefix(page.prefix.as_bytes());
        if let Some(after) = page.after {
            range = range.after(after.as_bytes().to_vec());
        }
        if let Some(up_to) = page.up_to {
            range.to = Bound::Included(up_to.as_bytes().to_vec());
        }
        loop {
            let known = self.index.scan(Table::Keys, &range, STEP);
            let known = known.map_err(fault::of_cache)?;
            let Some(last) = known.last() else {
                return Ok(());
            };
            range = range.after(last.key.to_vec());
            let mut vanished = Vanished::default();
            let looked: VfsResult<()> = known.iter().try_for_each(|entry| {
                let key = std::str::from_utf8(&entry.key).unwrap_or(keys::RESERVED_PREFIX);
                let is_there = listed.contains(key) || key.starts_with(keys::RESERVED_PREFIX);
                if is_there || self.is_older(page, key) {
                    return Ok(());
                }
                let state = KeyState::decode(&entry.value)?;
                let gone = self.take_for_gone(page, (key, state), suspects, &mut vanished)?;
                summary.removed += u64::from(gone);
                Ok(())
            });
            self.finish_vanished(vanished).await?;
            looked?;
        }
    }

    /// A page does not have a key that the index has. Whether an inode went with it.
    fn take_for_gone(
        &self,
        page: &Page<'_>,
        (key, state): (&str, KeyState),
        suspects: &mut Vec<String>,
        vanished: &mut Vanished,
    ) -> VfsResult<bool> {
        match state {
            KeyState::Held { .. } if self.is_doubtful(page, key) => suspects.push(key.to_owned()),
            KeyState::Held { inode } if self.would_lose_base(page, inode)? => {
                suspects.push(key.to_owned());
            }
            KeyState::Held { inode } => return self.vanish(inode, key, vanished),
            // A listing that lags behind must not bring it back with the next one.
            KeyState::Kept { .. } if page.source != Source::Object => {
                suspects.push(key.to_owned());
            }
            KeyState::Kept { .. } => self.forget_kept(key)?,
            KeyState::Gone => self.forget_deletion(key.as_bytes(), |gone| {
                // The listing began after it, and the next one cannot be from before it either.
                let is_later = matches!(page.source, Source::Listing(Some(n)) if gone.listing < n);
                is_later && gone.age(self.clock.wall()) >= STALE_MAX
            })?,
            KeyState::Claimed { .. } | KeyState::Tomb { .. } => {}
        }
        Ok(false)
    }
}

/// Takes attributes from an object's metadata, where it came along; else they are asked for when
/// somebody needs them.
fn learn(record: &mut Record, object: &ObjectMeta) {
    record.knowledge = Knowledge::ListedOnly;
    let Some(found) = &object.metadata else {
        return;
    };
    let mut attributes = record.attributes;
    metadata::apply(found, &mut attributes);
    // Where a link leads is in its bytes.
    if attributes.file_type != FileType::Symlink {
        record.attributes = attributes;
        record.knowledge = Knowledge::Known;
    }
}

/// The same for an object whose content is as it was; whether that was news. A listing does not
/// tell attributes, so only whoever looked at the object, or changed it, knows.
fn learn_more(record: &mut Record, object: &ObjectMeta, now: FileTime) -> bool {
    let before = (record.attributes, record.knowledge);
    if object.metadata.is_none() || before.0.file_type == FileType::Symlink {
        return false;
    }
    learn(record, object);
    if before.0.file_type == FileType::Directory {
        // The times of its names are ours.
        record.attributes.mtime = record.attributes.mtime.max(before.0.mtime);
    }
    if record.attributes != before.0 {
        record.attributes.ctime = vfs::posix::next_ctime(before.0.ctime, now);
    }
    (record.attributes, record.knowledge) != before
}

pub(crate) fn remote_of(object: &ObjectMeta) -> Remote {
    Remote {
        key: object.key.as_str().into(),
        etag: object.etag.clone(),
        size: object.size,
    }
}

fn dir_attributes(inode: Inode, mtime: FileTime) -> Attributes {
    Attributes {
        inode,
        file_type: FileType::Directory,
        mode: DIR_MODE,
        link_count: 2,
        uid: 0,
        gid: 0,
        size: DIR_SIZE,
        used_bytes: 0,
        atime: mtime,
        mtime,
        ctime: mtime,
    }
}
