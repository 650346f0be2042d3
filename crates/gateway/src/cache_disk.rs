//! Whether the cache disk is the one that this gateway has filled.
//!
//! The cache directory is there when its disk is not mounted, too: it is the mount point then, and
//! empty. A removed share whose directory is not there would be taken for done and forgotten, with
//! all that it still has to upload. So the cache directory and the data directory both hold the
//! same random number, written at the first start.
//!
//! A disk that is lost looks the same as one that is not mounted; only the operator knows. He says
//! so by removing the number in the data directory.

use std::{
    io,
    path::{Path, PathBuf},
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use crate::files;

/// Of the number in the cache directory.
const FILE: &str = ".causeway-cache.json";

/// A cache directory, and where its number is noted outside of it.
#[derive(Clone, Debug)]
pub(crate) struct CacheDisk {
    dir: PathBuf,
    note: PathBuf,
}

impl CacheDisk {
    pub(crate) fn new(dir: PathBuf, note: PathBuf) -> Self {
        Self { dir, note }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn note(&self) -> &Path {
        &self.note
    }

    /// Makes the directory, and notes which it is if that was not noted before. Blocks.
    pub(crate) fn take_up(&self) -> io::Result<()> {
        std::fs::create_dir_all(&self.dir)?;
        if self.noted()?.is_some() {
            return Ok(());
        }
        let id = match self.found()? {
            Some(id) => id,
            None => {
                let id = format!("{:032x}", StdRng::from_os_rng().random::<u128>());
                files::write_json(&self.dir.join(FILE), &id)?;
                id
            }
        };
        files::write_json(&self.note, &id)
    }

    /// Whether it may be another disk than the one that was noted. Blocks.
    pub(crate) fn is_strange(&self) -> io::Result<bool> {
        let noted = self.noted()?;
        Ok(noted.is_some() && noted != self.found()?)
    }

    fn noted(&self) -> io::Result<Option<String>> {
        files::read_json(&self.note)
    }

    fn found(&self) -> io::Result<Option<String>> {
        files::read_json(&self.dir.join(FILE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_strange_unless_it_has_the_number_that_was_noted() {
        let dir = tempfile::tempdir().unwrap();
        let (cache, away) = (dir.path().join("cache"), dir.path().join("away"));
        let disk = CacheDisk::new(cache.clone(), dir.path().join("note.json"));
        let strange = || {
            disk.take_up().unwrap();
            disk.is_strange().unwrap()
        };
        assert!(!strange());
        assert!(!strange(), "at the second start");
        std::fs::rename(&cache, &away).unwrap();
        assert!(strange(), "it is not mounted");
        assert!(strange(), "nothing is noted there");
        std::fs::remove_dir(&cache).unwrap();
        std::fs::rename(&away, &cache).unwrap();
        assert!(!strange());
        std::fs::remove_file(cache.join(FILE)).unwrap();
        assert!(strange(), "it was made anew");
        std::fs::remove_file(disk.note()).unwrap();
        assert!(!strange(), "the operator says that it is lost");
        std::fs::remove_file(disk.note()).unwrap();
        assert!(!strange(), "the data directory was lost");
    }
}
