//! Trees of files: read, as seen by somebody else, and compared.

mod pick;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt as _,
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
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length of a file.
    pub size: u64,
    /// Nanoseconds since the epoch of the last change; 0 for directories, whose times change
    /// with every copy.
    pub mtime_ns: i64,
    /// SHA-256 of a file's bytes, or the target of a link.
    pub content: String,
}

/// A tree, by path relative to its root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree(pub BTreeMap<String, TreeEntry>);

impl Tree {
    /// What a shell runs in a folder so that [`Tree::listed`] understands it: `$LIST` and `$SUMS`
    /// name the files it writes.
    pub const LISTING: &str = r"
find . -mindepth 1 -printf '%y %m %U %G %T@ %s %l\0%P\0' > $LIST
find . -type f -printf '%P\0' | xargs -0 sha256sum -z > $SUMS
";

    /// Reads a tree.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        tree.read_below(root, root)?;
        Ok(tree)
    }

    /// A tree that another machine has listed by [`Tree::LISTING`].
    ///
    /// # Errors
    /// The files do not hold such a list.
    pub fn listed(list: &Path, sums: &Path) -> Result<Self> {
        let (list, sums) = (fs::read_to_string(list)?, fs::read_to_string(sums)?);
        let sums = sums
            .split_terminator('\0')
            .map(|line| line.split_once("  "));
        let sums: Option<BTreeMap<&str, &str>> = sums.map(|sum| sum.map(|(s, p)| (p, s))).collect();
        let sums = sums.context("lines of sha256sum")?;
        let mut tree = Self::default();
        let mut words = list.split_terminator('\0');
        while let (Some(about), Some(path)) = (words.next(), words.next()) {
            let entry = listed_entry(about, sums.get(path).copied());
            tree.0.insert(
                path.to_owned(),
                entry.with_context(|| format!("{about} {path}"))?,
            );
        }
        Ok(tree)
    }

    /// Number of regular files.
    #[must_use]
    pub fn file_count(&self) -> usize {
        self.0.values().filter(|entry| entry.kind == 'f').count()
    }

    /// Whether nothing of the tree lies below the directory `path`.
    #[must_use]
    pub fn is_empty_dir(&self, path: &str) -> bool {
        let below = format!("{path}/");
        let next = self.0.range(below.clone()..).next();
        next.is_none_or(|(path, _)| !path.starts_with(&below))
    }

    /// The first differences to `other`, for an error message.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let paths = self.0.keys().chain(other.0.keys());
        let mut differ: Vec<String> = paths
            .filter(|path| self.0.get(*path) != other.0.get(*path))
            .map(|path| format!("{path}: {:?} / {:?}", self.0.get(path), other.0.get(path)))
            .collect();
        differ.sort();
        differ.dedup();
        differ.truncate(10);
        differ
    }

    fn read_below(&mut self, root: &Path, folder: &Path) -> Result<()> {
        for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            let entry = read_entry(&path)?;
            let (kind, relative) = (entry.kind, path.strip_prefix(root)?);
            self.0
                .insert(relative.to_string_lossy().into_owned(), entry);
            if kind == 'd' {
                self.read_below(root, &path)?;
            }
        }
        Ok(())
    }
}

fn read_entry(path: &PathBuf) -> Result<TreeEntry> {
    let metadata = fs::symlink_metadata(path)?;
    let (kind, content) = if metadata.is_dir() {
        ('d', String::new())
    } else if metadata.is_symlink() {
        ('l', fs::read_link(path)?.to_string_lossy().into_owned())
    } else {
        ('f', sha256(path)?)
    };
    Ok(TreeEntry {
        kind,
        mode: metadata.mode() & 0o7777,
        uid: metadata.uid(),
        gid: metadata.gid(),
        size: if kind == 'f' { metadata.len() } else { 0 },
        mtime_ns: if kind == 'd' {
            0
        } else {
            metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec()
        },
        content,
    })
}

/// From the words that `find` prints.
fn listed_entry(about: &str, sum: Option<&str>) -> Result<TreeEntry> {
    let words: Vec<&str> = about.splitn(7, ' ').collect();
    let [kind, mode, uid, gid, mtime, size, target] = words[..] else {
        anyhow::bail!("seven words are expected");
    };
    let kind = kind.chars().next().context("a kind")?;
    let (seconds, fraction) = mtime.split_once('.').context("a fraction")?;
    let nanos: i64 = fraction.get(..9).context("nine digits")?.parse()?;
    let content = match kind {
        'f' => sum.context("the sum of a file")?,
        'l' => target,
        _ => "",
    };
    ensure!("fdl".contains(kind), "an unexpected kind of file");
    Ok(TreeEntry {
        kind,
        mode: u32::from_str_radix(mode, 8)?,
        uid: uid.parse()?,
        gid: gid.parse()?,
        size: if kind == 'f' { size.parse()? } else { 0 },
        mtime_ns: if kind == 'd' {
            0
        } else {
            seconds.parse::<i64>()? * 1_000_000_000 + nanos
        },
        content: content.to_owned(),
    })
}

fn sha256(path: &Path) -> Result<String> {
    let mut digest = Sha256::new();
    std::io::copy(&mut fs::File::open(path)?, &mut digest)?;
    Ok(hex::encode(digest.finalize()))
}

#[cfg(test)]
mod tests;
