//! Trees of files: picked from this machine, made, and compared.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};

/// One entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeEntry {
    /// `f` file, `d` directory, `l` symbolic link.
    pub kind: char,
    /// Permission bits.
    pub mode: u32,
    /// Length of a file.
    pub size: u64,
    /// Seconds since the epoch of the last change; 0 for directories, whose times change with
    /// every copy.
    pub mtime: i64,
    /// SHA-256 of a file's bytes, or the target of a link.
    pub content: String,
}

/// A tree, by path relative to its root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree(pub BTreeMap<String, TreeEntry>);

/// Folders of a Debian machine with many small files of all kinds.
const SOURCES: [&str; 6] = [
    "/usr/share/doc",
    "/usr/include",
    "/usr/lib/python3",
    "/usr/lib/python3.11",
    "/usr/share/perl",
    "/usr/share/icons",
];

impl Tree {
    /// Copies files of this machine to `to` until there are at least `files`, and adds
    /// `big` files of `big_bytes` each.
    ///
    /// # Errors
    /// A file cannot be copied, or there are not enough.
    pub fn pick(to: &Path, files: usize, big: usize, big_bytes: u64) -> Result<Self> {
        fs::create_dir_all(to)?;
        let mut left = files;
        for source in SOURCES.iter().map(Path::new).filter(|s| s.is_dir()) {
            let name = source
                .strip_prefix("/")?
                .to_string_lossy()
                .replace('/', "-");
            left = copy_some(source, &to.join(name), left)?;
        }
        ensure!(
            left == 0,
            "this machine has {left} files too few for the test"
        );
        for number in 0..big {
            write_noise(
                &to.join(format!("big-{number}.bin")),
                big_bytes,
                number as u64 + 1,
            )?;
        }
        Self::read(to)
    }

    /// Reads a tree.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        tree.read_below(root, root)?;
        Ok(tree)
    }

    /// Number of regular files.
    #[must_use]
    pub fn file_count(&self) -> usize {
        self.0.values().filter(|entry| entry.kind == 'f').count()
    }

    /// The first differences to `other`, for an error message.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let paths = self.0.keys().chain(other.0.keys());
        let mut differ: Vec<String> = paths
            .filter(|path| self.0.get(*path) != other.0.get(*path))
            .map(|path| format!("{path}: {:?} / {:?}", self.0.get(path), other.0.get(path)))
            .collect();
        differ.dedup();
        differ.truncate(10);
        differ
    }

    fn read_below(&mut self, root: &Path, folder: &Path) -> Result<()> {
        for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            let metadata = fs::symlink_metadata(&path)?;
            let (kind, content) = if metadata.is_dir() {
                ('d', String::new())
            } else if metadata.is_symlink() {
                ('l', fs::read_link(&path)?.to_string_lossy().into_owned())
            } else {
                ('f', sha256(&path)?)
            };
            let size = if kind == 'f' { metadata.len() } else { 0 };
            let mtime = if kind == 'd' { 0 } else { metadata.mtime() };
            let mode = metadata.permissions().mode() & 0o7777;
            let entry = TreeEntry {
                kind,
                mode,
                size,
                mtime,
                content,
            };
            self.0.insert(
                path.strip_prefix(root)?.to_string_lossy().into_owned(),
                entry,
            );
            if kind == 'd' {
                self.read_below(root, &path)?;
            }
        }
        Ok(())
    }
}

/// Copies up to `left` regular files below `from`; gives how many are still wanted.
fn copy_some(from: &Path, to: &Path, mut left: usize) -> Result<usize> {
    let mut folders: Vec<(PathBuf, PathBuf)> = vec![(from.into(), to.into())];
    while let Some((from, to)) = folders.pop().filter(|_| left > 0) {
        fs::create_dir_all(&to)?;
        let mut entries: Vec<_> = fs::read_dir(&from)?.collect::<Result<_, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (source, target) = (entry.path(), to.join(entry.file_name()));
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push((source, target));
            } else if kind.is_file() && left > 0 {
                fs::copy(&source, &target)?;
                left -= 1;
            }
        }
    }
    Ok(left)
}

/// Bytes that do not compress and differ with the seed (xorshift).
fn write_noise(path: &Path, bytes: u64, seed: u64) -> Result<()> {
    let mut file = std::io::BufWriter::new(fs::File::create(path)?);
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for _ in 0..bytes.div_ceil(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        file.write_all(&state.to_le_bytes())?;
    }
    file.into_inner()?.set_len(bytes)?;
    Ok(())
}

fn sha256(path: &Path) -> Result<String> {
    let mut digest = Sha256::new();
    std::io::copy(&mut fs::File::open(path)?, &mut digest)?;
    Ok(hex::encode(digest.finalize()))
}
