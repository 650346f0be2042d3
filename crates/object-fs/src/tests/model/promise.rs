//! What was promised of the content of files.

use std::{
    collections::{BTreeMap, HashSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use super::{Operation, pattern};

/// Content of one file: as it is, and as it was since the last commit.
#[derive(Clone, Debug, Default)]
pub(super) struct Promised {
    pub(super) current: Vec<u8>,
    since_commit: Vec<Vec<u8>>,
}

impl Promised {
    fn change(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        self.since_commit.push(self.current.clone());
        change(&mut self.current);
    }

    /// After a power cut: as it was promised, or as it was after one of the writes since.
    pub(super) fn may_be(&self, read: &[u8]) -> bool {
        self.current == read || self.since_commit.iter().any(|content| content == read)
    }

    /// What was read after a power cut is what there is from now on.
    pub(super) fn settle(&mut self, read: Vec<u8>) {
        self.since_commit.clear();
        self.current = read;
    }
}

/// All files, by path.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) by_path: BTreeMap<String, Promised>,
    /// Hashes of all content that any file ever had: an object must be one of these, whole.
    ever: HashSet<u64>,
    /// Whatever was the path of a file at some time.
    paths: HashSet<String>,
}

impl Files {
    /// An operation was carried out, and if `is_answered` its promise was given.
    pub(super) fn apply(&mut self, operation: &Operation, is_answered: bool) {
        match operation {
            Operation::Create(path) => {
                self.by_path.entry(path.clone()).or_default();
                self.remember(path);
            }
            Operation::Write {
                path,
                offset,
                seed,
                len,
            } => {
                let (start, bytes) = (*offset as usize, pattern(*seed, *len));
                let end = start + len;
                self.file(path).change(|content| {
                    content.resize(content.len().max(end), 0);
                    content[start..end].copy_from_slice(&bytes);
                });
                self.remember(path);
            }
            Operation::Resize { path, size } => {
                self.file(path)
                    .change(|content| content.resize(*size as usize, 0));
                self.remember(path);
                // A new size is durable, and with it all that was written before.
                if is_answered {
                    self.file(path).since_commit.clear();
                }
            }
            Operation::Commit(path) if is_answered => self.file(path).since_commit.clear(),
            Operation::Remove(path) => drop(self.by_path.remove(path)),
            Operation::Rename { from, to } if from != to => self.rename(from, to),
            Operation::Commit(_)
            | Operation::Rename { .. }
            | Operation::MakeDir(_)
            | Operation::Symlink(_)
            | Operation::RemoveDir(_)
            | Operation::Chmod { .. }
            | Operation::Read(_)
            | Operation::Sync
            | Operation::Pause(_) => {}
        }
    }

    /// An operation on content was under way when the power went off.
    pub(super) fn interrupt(&mut self, operation: &Operation) {
        match operation {
            Operation::Write { .. } | Operation::Resize { .. } => self.apply(operation, false),
            _ => {}
        }
    }

    fn file(&mut self, path: &str) -> &mut Promised {
        self.by_path.get_mut(path).expect("drawn from these")
    }

    fn remember(&mut self, path: &str) {
        let hash = hash_of(&self.by_path[path].current);
        self.ever.insert(hash);
        self.paths.insert(path.to_owned());
    }

    /// Whether some file once had this content.
    pub(super) fn ever_had(&self, content: &[u8]) -> bool {
        self.ever.contains(&hash_of(content))
    }

    /// Whether some file was there once.
    pub(super) fn was_at(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    fn rename(&mut self, from: &str, to: &str) {
        self.by_path.remove(to);
        let below = format!("{from}/");
        for (path, content) in std::mem::take(&mut self.by_path) {
            let moved = match path.strip_prefix(&below) {
                Some(rest) => format!("{to}/{rest}"),
                None if path == from => to.to_owned(),
                None => path,
            };
            self.paths.insert(moved.clone());
            self.by_path.insert(moved, content);
        }
    }
}

fn hash_of(content: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}
