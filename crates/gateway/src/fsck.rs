//! Checks of the caches on this host's disk, while no gateway runs on them.

use std::{
    io,
    path::{Path, PathBuf},
};

use clock::Clock;
use model::ShareCheck;
use object_fs::{FsckError, FsckOptions};
use thiserror::Error;

/// What was found in one share's cache.
#[derive(Clone, Debug)]
pub struct CheckedShare {
    /// The share's name.
    pub share: String,
    /// Its directory on the cache disk.
    pub dir: PathBuf,
    /// What was found.
    pub report: ShareCheck,
}

/// Why caches cannot be checked.
#[derive(Debug, Error)]
pub enum CheckError {
    /// The cache disk cannot be read.
    #[error("cannot list the cache directory `{}`", dir.display())]
    Disk {
        /// The directory.
        dir: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// There is nothing to check.
    #[error("there is no cache of {what} below `{}`", dir.display())]
    NotFound {
        /// Of which share, if one was asked for.
        what: String,
        /// The directory.
        dir: PathBuf,
    },
    /// One of them cannot be checked.
    #[error("cannot check `{}`; is a gateway running on it?", dir.display())]
    Share {
        /// Its directory.
        dir: PathBuf,
        /// The cause.
        #[source]
        source: FsckError,
    },
}

/// Checks the caches of all shares below a cache directory, or that of one.
///
/// # Errors
/// If one of them is in use, or the disk fails.
pub async fn fsck(
    cache_dir: &Path,
    share: Option<&str>,
    options: FsckOptions,
    clock: &Clock,
) -> Result<Vec<CheckedShare>, CheckError> {
    let disk = |source| CheckError::Disk {
        dir: cache_dir.to_owned(),
        source,
    };
    let mut checked = Vec::new();
    for (name, dir) in places(cache_dir).map_err(disk)? {
        if share.is_some_and(|share| share != name) {
            continue;
        }
        let report = object_fs::fsck(&dir, options, clock).await;
        let report = report.map_err(|source| CheckError::Share {
            dir: dir.clone(),
            source,
        })?;
        checked.push(CheckedShare {
            share: name,
            dir,
            report,
        });
    }
    if checked.is_empty() {
        let what = share.map_or_else(|| "any share".to_owned(), |share| format!("`{share}`"));
        let dir = cache_dir.to_owned();
        return Err(CheckError::NotFound { what, dir });
    }
    Ok(checked)
}

/// Directories of shares with the names of these, in order.
fn places(cache_dir: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut places = Vec::new();
    for entry in std::fs::read_dir(cache_dir)? {
        let entry = entry?;
        let name = entry.file_name();
        // See `Place`: the share's name, a dot, and which bucket it is.
        let share = name.to_str().and_then(|name| name.rsplit_once('.'));
        if let Some((share, _)) = share
            && entry.file_type()?.is_dir()
            && entry.path().join("index").try_exists()?
        {
            places.push((share.to_owned(), entry.path()));
        }
    }
    places.sort();
    Ok(places)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use model::{ConflictPolicy, Writers};
    use object_fs::{ObjectFs, ObjectFsConfig, UploadSettings};
    use object_store::MemStore;
    use vfs::{Caller, CreateMode, Name, SetAttributes, Vfs as _};

    use super::*;

    #[tokio::test]
    async fn caches_on_a_disk_are_checked_unless_a_gateway_has_them() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let config = ObjectFsConfig {
            name: "docs".parse().unwrap(),
            dir: dir.path().join("docs.0123456789ab"),
            cache_bytes_max: 64 << 20,
            upload_delay: Duration::from_secs(5),
            rescan_interval: None,
            express_sync: false,
            refresh_after: None,
            holder: String::new(),
            writers: Writers::Many,
            conflicts: ConflictPolicy::KeepBoth,
            mode: model::ShareMode::Cache,
            ignore_delete: false,
            uploads: UploadSettings::default(),
        };
        let store = Arc::new(MemStore::new(clock.clone()));
        let fs = ObjectFs::open(config, store, clock.clone()).await.unwrap();
        let (name, set) = (Name::from_bytes(b"f").unwrap(), SetAttributes::default());
        fs.create(&Caller::root(), fs.root(), &name, CreateMode::Guarded, set)
            .await
            .unwrap();
        // What the gateway marks the disk with.
        std::fs::write(dir.path().join(".causeway-cache.json"), "0").unwrap();
        let options = FsckOptions::default();
        let running = fsck(dir.path(), None, options, &clock).await.unwrap_err();
        assert!(matches!(running, CheckError::Share { .. }), "{running}");
        fs.close().await;
        drop(fs);
        let checked = fsck(dir.path(), Some("docs"), options, &clock).await;
        let checked = checked.unwrap();
        assert_eq!(checked[0].share, "docs");
        assert!(checked[0].report.is_clean(), "{checked:?}");
        assert!(checked[0].report.records > 4, "{checked:?}");
        let none = fsck(dir.path(), Some("other"), options, &clock).await;
        assert!(matches!(none, Err(CheckError::NotFound { .. })));
    }
}
