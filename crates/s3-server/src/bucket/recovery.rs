//! From the journal and the files to the index, at start.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
    sync::Arc,
};

use super::{Dirs, remove, settle, sync_files};
use crate::{
    entry::{Entry, FileId, Stamp},
    journal::{Journal, Record, write_anew},
    place::{Place, key_of, plain_path},
};

/// A bucket as it is after recovery.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) index: BTreeMap<String, Entry>,
    /// Lines in the journal.
    pub(super) lines: usize,
}

/// Does what was committed and not done, then looks at every file.
pub(super) fn recover(dirs: &Dirs) -> io::Result<Recovered> {
    let back = Journal::read(&dirs.journal())?;
    if back.bad_lines > 0 {
        tracing::error!(
            journal = %dirs.journal().display(),
            lines = back.bad_lines,
            "the journal has bad lines; what they said is lost, files without a line are kept"
        );
    }
    let lines = back.records.len() + back.bad_lines;
    let mut replay = Replay::new(back.records);
    replay.settle_bodies(dirs)?;
    replay.match_files(dirs)?;
    if back.bad_lines == 0 {
        replay.remove_strays(dirs)?;
    }
    let index = replay.index;
    let rewrite = replay.adopted > 0 || lines != index.len();
    if rewrite {
        sync_files(dirs)?;
        write_anew(&dirs.journal(), index.iter().map(|(k, e)| (k.as_str(), e)))?;
    }
    let lines = index.len();
    Ok(Recovered { index, lines })
}

struct Replay {
    index: BTreeMap<String, Entry>,
    /// Last version of keys that were deleted: its file may still be there.
    deleted: BTreeMap<String, Stamp>,
    adopted: usize,
}

impl Replay {
    fn new(records: Vec<Record>) -> Self {
        let (mut index, mut deleted) = (BTreeMap::new(), BTreeMap::new());
        for record in records {
            match record {
                Record::Put { key, entry } => {
                    index.insert(key, entry);
                }
                Record::Delete { key } => {
                    if let Some(Entry { stamp, .. }) = index.remove(&key) {
                        deleted.insert(key, stamp);
                    }
                }
            }
        }
        let adopted = 0;
        Self {
            index,
            deleted,
            adopted,
        }
    }

    /// Renames that a crash prevented.
    fn settle_bodies(&mut self, dirs: &Dirs) -> io::Result<()> {
        for (key, entry) in &self.index {
            if dirs.temp().join(entry.file.as_str()).try_exists()? {
                settle(dirs, key, &entry.file)?;
            }
        }
        Ok(())
    }

    /// Compares index and plain files, both ways.
    fn match_files(&mut self, dirs: &Dirs) -> io::Result<()> {
        let mut seen = BTreeSet::new();
        let hidden = names(&dirs.hidden())?;
        let mut ahead = vec![dirs.plain.clone()];
        while let Some(dir) = ahead.pop() {
            for item in fs::read_dir(&dir)? {
                let item = item?;
                let (path, kind) = (item.path(), item.file_type()?);
                if kind.is_dir() {
                    ahead.push(path);
                    continue;
                }
                let relative = path.strip_prefix(&dirs.plain).unwrap_or(&path);
                let key = key_of(relative).filter(|key| plain_path(key).is_some());
                let (Some(key), true) = (key, kind.is_file()) else {
                    tracing::warn!(path = %path.display(), "not a plain file with a name in UTF-8: not served");
                    continue;
                };
                let stamp = Stamp::of(&item.metadata()?);
                if self.match_file(&key, stamp, &path, &hidden) {
                    seen.insert(key);
                }
            }
        }
        let lost = |key: &String, entry: &Entry| {
            !seen.contains(key) && !hidden.contains(entry.file.as_str())
        };
        for entry in self.index.values_mut() {
            if hidden.contains(entry.file.as_str()) {
                entry.place = Place::Hidden;
            }
        }
        let gone: Vec<String> = self
            .index
            .iter()
            .filter(|(k, e)| lost(k, e))
            .map(|(k, _)| k.clone())
            .collect();
        for key in gone {
            tracing::warn!(key, "its file was removed by hand: no object any more");
            self.index.remove(&key);
        }
        Ok(())
    }

    /// Whether the file is an object's.
    fn match_file(
        &mut self,
        key: &str,
        stamp: Stamp,
        path: &Path,
        hidden: &BTreeSet<String>,
    ) -> bool {
        match self.index.get(key) {
            Some(entry) if hidden.contains(entry.file.as_str()) => {
                tracing::warn!(key, "a file at the path of a hidden object: not served");
                return false;
            }
            Some(entry) if entry.stamp == stamp => return true,
            None if self.deleted.get(key) == Some(&stamp) => {
                remove(path);
                return false;
            }
            Some(_) | None => {}
        }
        tracing::info!(key, "a file laid or changed here by hand is now an object");
        self.adopted += 1;
        let entry = Entry {
            file: FileId::new(),
            stamp,
            etag: stamp.etag(),
            modified: stamp.modified(),
            attributes: Arc::default(),
            place: Place::Plain,
        };
        self.index.insert(key.to_owned(), entry);
        true
    }

    /// Bodies that were never committed, or whose object is gone.
    fn remove_strays(&self, dirs: &Dirs) -> io::Result<()> {
        let live: BTreeSet<&str> = self.index.values().map(|e| e.file.as_str()).collect();
        for dir in [dirs.temp(), dirs.hidden()] {
            for name in names(&dir)? {
                if !live.contains(name.as_str()) {
                    remove(&dir.join(name));
                }
            }
        }
        Ok(())
    }
}

fn names(dir: &Path) -> io::Result<BTreeSet<String>> {
    fs::read_dir(dir)?
        .map(|item| Ok(item?.file_name().to_string_lossy().into_owned()))
        .collect()
}
