//! Inodes: their place in the tree, their numbers, their objects.

use cache::{Batch, Entry, KeyRange, Table};
use vfs::{Attributes, FileType, Inode, VfsResult};

use super::{
    Check, Checker, STEP, called,
    counters::{Counters, LOST_AND_FOUND},
    tables::is_name,
};
use crate::{
    engine::{DIR_SIZE, ROOT, is_default_dir},
    extents::{ExtentMap, blocks_of},
    keys::{self, KeyState},
    record::Record,
    upload::{Need, need_of},
};

impl Checker<'_> {
    /// One inode.
    pub(super) fn look_at_inode(&mut self, entry: &Entry) -> VfsResult<()> {
        let number = keys::number(&entry.key).ok();
        let record = Record::decode(&entry.value).ok();
        let record = record.filter(|record| Some(record.attributes.inode.0) == number);
        let Some(record) = record else {
            self.find_damaged(Table::Inodes, entry);
            return Ok(());
        };
        let inode = record.attributes.inode;
        self.inodes += 1;
        self.last_inode = self.last_inode.max(inode.0);
        if record.attributes.file_type == FileType::Directory {
            self.look_at_links(&record)?;
        }
        if inode == ROOT {
            return Ok(());
        }
        if !self.look_at_place(&record)? {
            return Ok(());
        }
        if record.attributes.file_type == FileType::Regular {
            self.look_at_content(&record)?;
        }
        if self.look_at_remote(&record)? {
            self.look_at_need(&record)?;
        }
        Ok(())
    }

    /// Whether it is where it says, and that is below the root.
    fn look_at_place(&mut self, record: &Record) -> VfsResult<bool> {
        let inode = record.attributes.inode;
        let taken = self.tables.name(record.parent, &record.name)?;
        let place = format!(
            "{} in directory {}",
            called(inode, Some(&record.name)),
            record.parent.0
        );
        if !self.tables.is_dir(record.parent)? {
            let fix = self.move_to_lost_and_found(record)?;
            self.find(Check::ParentMissing, place, fix);
            return Ok(false);
        }
        if !is_name(&record.name) {
            let fix = self.move_to_lost_and_found(record)?;
            self.find(Check::NameInvalid, place, fix);
            return Ok(false);
        }
        if taken != Some(inode) {
            let fix = match taken {
                None => {
                    let mut fix = Batch::default();
                    put_name(record, &mut fix);
                    fix
                }
                Some(_) => self.move_to_lost_and_found(record)?,
            };
            self.find(Check::InodeWithoutEntry, place, fix);
            return Ok(false);
        }
        let listing = keys::of_listing(record.parent, inode);
        let listed = self.tables.get(Table::Listing, &listing)?;
        if listed.as_deref() != Some(record.name.as_bytes()) {
            let mut fix = Batch::default();
            fix.put(Table::Listing, listing, record.name.as_bytes());
            self.find(Check::ListingMissing, place.clone(), fix);
        }
        if self.tables.dir_path(record.parent)?.is_some() {
            return Ok(true);
        }
        if self.is_first_of_cycle(record)? {
            let fix = self.move_to_lost_and_found(record)?;
            self.find(Check::Cycle, place, fix);
        }
        Ok(false)
    }

    /// Whether the way up comes back here, and this is the lowest number on it: a circle is
    /// one finding.
    fn is_first_of_cycle(&self, record: &Record) -> VfsResult<bool> {
        let inode = record.attributes.inode;
        let mut at = record.parent;
        for _ in 0..keys::KEY_LEN_MAX {
            if at == inode {
                return Ok(true);
            }
            if at < inode {
                return Ok(false);
            }
            match self.tables.record(at)? {
                Some(above) => at = above.parent,
                None => return Ok(false),
            }
        }
        Ok(false)
    }

    fn look_at_links(&mut self, record: &Record) -> VfsResult<()> {
        let dir = record.attributes.inode;
        let mut subdirs = 0_u32;
        let mut range = KeyRange::prefix(&keys::of_inode(dir));
        loop {
            let listed = self.tables.scan(Table::Listing, &range, STEP)?;
            let Some(last) = listed.last() else { break };
            range = range.after(last.key.to_vec());
            for line in &listed {
                if let Ok((_, child)) = keys::pair(&line.key) {
                    subdirs += u32::from(self.tables.is_dir(Inode(child))?);
                }
            }
        }
        let right = subdirs.saturating_add(2);
        if record.attributes.link_count != right {
            let mut fixed = record.clone();
            fixed.attributes.link_count = right;
            let mut fix = Batch::default();
            fix.put(Table::Inodes, keys::of_inode(dir), fixed.encode());
            let what = format!(
                "{} has {right} links and says {}",
                called(dir, Some(&record.name)),
                record.attributes.link_count
            );
            self.find(Check::LinkCount, what, fix);
        }
        Ok(())
    }

    /// Generations and lengths of a file.
    fn look_at_content(&mut self, record: &Record) -> VfsResult<()> {
        let inode = record.attributes.inode;
        let content = record.content;
        let path = self.tables.path(record)?;
        let what = called(inode, path.as_deref());
        let newest = content
            .changed
            .max(record.clean_generation.saturating_add(1));
        if content.generation < newest {
            let mut fixed = record.clone();
            fixed.content.generation = newest;
            let mut fix = Batch::default();
            fix.put(Table::Inodes, keys::of_inode(inode), fixed.encode());
            self.find(Check::GenerationReuse, what.clone(), fix);
        }
        let of_object = record.remote.as_ref().map_or(0, |remote| remote.size);
        let right = content.base_len.min(content.size).min(of_object);
        if content.base_len > right {
            let is_lost = self.has_gap(inode, right..content.base_len.min(content.size))?;
            let mut fixed = record.clone();
            fixed.content.base_len = right;
            let mut fix = Batch::default();
            fix.put(Table::Inodes, keys::of_inode(inode), fixed.encode());
            self.find(Check::SizeBeyondObject, what, fix);
            self.note_lost(path.filter(|_| is_lost));
        }
        Ok(())
    }

    /// Whether a part of a range is not in the cache.
    fn has_gap(&self, inode: Inode, bytes: std::ops::Range<u64>) -> VfsResult<bool> {
        if bytes.is_empty() {
            return Ok(false);
        }
        let mut map = ExtentMap::default();
        let mut range = KeyRange::prefix(&keys::of_inode(inode));
        loop {
            let pages = self.tables.scan(Table::Extents, &range, STEP)?;
            let Some(last) = pages.last() else { break };
            range = range.after(last.key.to_vec());
            for page in &pages {
                let (_, number) = keys::pair(&page.key)?;
                // A damaged page is a finding of its own.
                map.decode_page(number, &page.value).unwrap_or_default();
            }
        }
        let pieces = map.pieces(blocks_of(&bytes));
        Ok(pieces.iter().any(|piece| piece.extent.is_none()))
    }

    /// The finding before this one has lost bytes of a file.
    pub(super) fn note_lost(&mut self, path: Option<String>) {
        if let Some(finding) = self.found.last_mut() {
            finding.lost = path;
        }
    }

    /// The notes on its objects; whether they fit.
    fn look_at_remote(&mut self, record: &Record) -> VfsResult<bool> {
        let inode = record.attributes.inode;
        let mut fits = true;
        if let Some(remote) = &record.remote {
            let state = self.tables.key_state(&remote.key)?;
            let what = format!("object `{}` of inode {}", remote.key, inode.0);
            match state {
                Some(KeyState::Held { inode: of } | KeyState::Claimed { inode: of, .. })
                    if of == inode => {}
                Some(KeyState::Held { inode: of } | KeyState::Claimed { inode: of, .. })
                    if self.has_object(of, &remote.key)? =>
                {
                    fits = false;
                    let fix = self.lose_object(record);
                    self.find(Check::RemoteKeyDuplicate, what, fix);
                    let path = self.tables.path(record)?;
                    let is_lost = self.has_gap(inode, 0..record.content.base_len)?;
                    self.note_lost(path.filter(|_| is_lost));
                }
                Some(_) | None => {
                    fits = false;
                    let mut fix = Batch::default();
                    fix.put(Table::Keys, &*remote.key, KeyState::Held { inode }.encode());
                    fix.remove(Table::Tombstones, &*remote.key);
                    self.find(Check::ObjectWithoutKey, what, fix);
                }
            }
        }
        if let Some(claim) = &record.claim {
            fits &= self.look_at_claim(record, claim)?;
        }
        Ok(fits)
    }

    fn look_at_claim(&mut self, record: &Record, claim: &str) -> VfsResult<bool> {
        let inode = record.attributes.inode;
        let mut fix = Batch::default();
        match self.tables.key_state(claim)? {
            Some(KeyState::Held { inode: of } | KeyState::Claimed { inode: of, .. })
                if of == inode =>
            {
                return Ok(true);
            }
            Some(KeyState::Held { .. } | KeyState::Claimed { .. }) => {
                let mut fixed = record.clone();
                fixed.claim = None;
                fix.put(Table::Inodes, keys::of_inode(inode), fixed.encode());
            }
            Some(KeyState::Tomb { .. } | KeyState::Kept { .. } | KeyState::Gone) | None => {
                let expected = None;
                let claimed = KeyState::Claimed { inode, expected };
                fix.put(Table::Keys, claim, claimed.encode());
                fix.remove(Table::Tombstones, claim);
            }
        }
        self.promise(&mut fix, record);
        let what = format!("object `{claim}` of inode {}", inode.0);
        self.find(Check::UnfinishedUpload, what, fix);
        Ok(false)
    }

    fn has_object(&self, inode: Inode, key: &str) -> VfsResult<bool> {
        let record = self.tables.record(inode)?;
        let remote = record.and_then(|record| record.remote);
        Ok(remote.is_some_and(|remote| *remote.key == *key))
    }

    /// Another inode has the object: what is here is all that this one has.
    fn lose_object(&self, record: &Record) -> Batch {
        let mut fixed = record.clone();
        fixed.remote = None;
        fixed.content.base_len = 0;
        fixed.content.next_base_len = None;
        fixed.content.changed = fixed.content.generation;
        fixed.clean_generation = 0;
        let mut fix = Batch::default();
        self.promise(&mut fix, &fixed);
        let inode = record.attributes.inode;
        fix.put(Table::Inodes, keys::of_inode(inode), fixed.encode());
        fix
    }

    /// Whether somebody sees to it that its object is brought up to date.
    fn look_at_need(&mut self, record: &Record) -> VfsResult<()> {
        let inode = record.attributes.inode;
        let Some(dir) = self.tables.dir_path(record.parent)? else {
            return Ok(());
        };
        let is_dir = record.attributes.file_type == FileType::Directory;
        let slash = if is_dir { "/" } else { "" };
        let key = format!("{}{}{slash}", dir.prefix, record.name);
        let is_elsewhere = |at: Option<&str>| at.is_some_and(|at| at != key);
        let has_stale_key = is_elsewhere(record.remote.as_ref().map(|r| &*r.key))
            || is_elsewhere(record.claim.as_deref());
        let is_walked = is_dir
            && self
                .tables
                .get(Table::Walks, &keys::of_inode(inode))?
                .is_some();
        if has_stale_key && (dir.is_walked || is_walked) {
            return Ok(());
        }
        let is_empty = is_dir && {
            let range = KeyRange::prefix(&keys::of_inode(inode));
            self.tables.scan(Table::Listing, &range, 1)?.is_empty()
        };
        // A claim alone may stay: what may be in the bucket is noted, and not needed.
        let is_behind = has_stale_key || need_of(record, &key, is_empty) != Need::Nothing;
        let is_promised = self
            .tables
            .get(Table::Dirty, &keys::of_inode(inode))?
            .is_some();
        if is_behind && !is_promised {
            let mut fix = Batch::default();
            self.promise(&mut fix, record);
            let what = called(inode, Some(&key));
            self.find(Check::DirtyWithoutQueueEntry, what, fix);
        }
        Ok(())
    }

    /// Gives an inode that nobody can reach a place where it is found.
    pub(super) fn move_to_lost_and_found(&self, record: &Record) -> VfsResult<Batch> {
        let mut fix = Batch::default();
        let inode = record.attributes.inode;
        let dir = match self.tables.name(ROOT, LOST_AND_FOUND)? {
            Some(found) if self.tables.is_dir(found)? => found,
            // Something else has that name: by its number it is found all the same.
            Some(_) => ROOT,
            None => self.make_lost_and_found(&mut fix)?,
        };
        if self.tables.name(record.parent, &record.name)? == Some(inode) {
            let name = keys::of_name(record.parent, &record.name);
            fix.remove(Table::Names, name);
        }
        fix.remove(Table::Listing, keys::of_listing(record.parent, inode));
        let mut moved = record.clone();
        moved.parent = dir;
        moved.name = format!("#{}", inode.0).into();
        put_name(&moved, &mut fix);
        self.promise(&mut fix, &moved);
        fix.put(Table::Inodes, keys::of_inode(inode), moved.encode());
        Ok(fix)
    }

    fn make_lost_and_found(&self, fix: &mut Batch) -> VfsResult<Inode> {
        let mut counters = Counters::load(&self.tables)?;
        let inode = Inode(counters.next_inode.max(self.last_inode + 1));
        counters.next_inode = inode.0 + 1;
        counters.inodes += 1;
        let root = self.tables.record(ROOT)?;
        let time = root.map(|root| root.attributes.ctime).unwrap_or_default();
        let attributes = Attributes {
            inode,
            file_type: FileType::Directory,
            mode: 0o700,
            link_count: 2,
            uid: 0,
            gid: 0,
            size: DIR_SIZE,
            used_bytes: 0,
            atime: time,
            mtime: time,
            ctime: time,
        };
        let record = Record::new(attributes, ROOT, LOST_AND_FOUND);
        debug_assert!(!is_default_dir(&record), "its mode needs a marker");
        put_name(&record, fix);
        self.promise(fix, &record);
        fix.put(Table::Inodes, keys::of_inode(inode), record.encode());
        counters.save(fix);
        Ok(inode)
    }
}

fn put_name(record: &Record, fix: &mut Batch) {
    let inode = record.attributes.inode;
    let by_name = keys::of_name(record.parent, &record.name);
    fix.put(Table::Names, by_name, keys::of_inode(inode));
    let by_cookie = keys::of_listing(record.parent, inode);
    fix.put(Table::Listing, by_cookie, record.name.as_bytes());
}
