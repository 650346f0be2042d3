//! The table of exports. It changes while the server runs.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use clock::Timestamp;
use model::{AccessRule, Squash};
use parking_lot::{Mutex, RwLock};
use thiserror::Error;
use tokio::sync::Notify;
use vfs::Vfs;

use crate::{
    access::{AccessList, CidrError},
    limits::{CLIENTS_MAX, EXPORTS_MAX},
};

/// Who may reach an export, and as whom.
#[derive(Clone, Debug)]
pub struct ExportOptions {
    /// First match decides; nobody if empty.
    pub access: Vec<AccessRule>,
    /// Whose rights users get.
    pub squash: Squash,
    /// Number of the file system in its file handles: the same at every start, and never that
    /// of another.
    pub fs_id: u64,
}

/// Why something is not exported.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExportError {
    /// The path is not absolute, or has empty parts.
    #[error("export path `{0}` is not like /name")]
    BadPath(String),
    /// An access rule cannot be read.
    #[error("access rule of export `{path}` cannot be read")]
    BadRule {
        /// The export.
        path: String,
        /// Which and why.
        #[source]
        source: CidrError,
    },
    /// Two exports would have the same handles.
    #[error("file system number {fs_id} is taken by export `{by}`")]
    FsIdTaken {
        /// The number.
        fs_id: u64,
        /// Who has it.
        by: String,
    },
    /// The table is full.
    #[error("there are {EXPORTS_MAX} exports already")]
    TooMany,
}

/// What an export has done since it was exported first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportStatus {
    /// NFS calls.
    pub operations: u64,
    /// Bytes that clients have read.
    pub bytes_read: u64,
    /// Bytes that clients have written.
    pub bytes_written: u64,
    /// Clients, by address.
    pub clients: Vec<ClientStatus>,
}

/// A client of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientStatus {
    /// Its address.
    pub address: IpAddr,
    /// Its last call.
    pub last_seen: Timestamp,
    /// Whether it has a connection now.
    pub is_connected: bool,
}

/// Counters of an export; they live on when it is exported again with other options.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    operations: AtomicU64,
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
    clients: Mutex<HashMap<IpAddr, Timestamp>>,
}

impl Counters {
    pub(crate) fn count_operation(&self, client: IpAddr, now: Timestamp) {
        self.operations.fetch_add(1, Ordering::Relaxed);
        let mut clients = self.clients.lock();
        if clients.len() >= CLIENTS_MAX && !clients.contains_key(&client) {
            let oldest = clients.iter().min_by_key(|(_, seen)| **seen);
            if let Some(address) = oldest.map(|(address, _)| *address) {
                clients.remove(&address);
            }
        }
        clients.insert(client, now);
    }

    pub(crate) fn count_read(&self, bytes: u64) {
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn count_written(&self, bytes: u64) {
        self.bytes_written.fetch_add(bytes, Ordering::Relaxed);
    }

    fn status(&self, is_connected: impl Fn(IpAddr) -> bool) -> ExportStatus {
        let seen = self.clients.lock().clone();
        let mut clients: Vec<ClientStatus> = seen
            .into_iter()
            .map(|(address, last_seen)| ClientStatus {
                address,
                last_seen,
                is_connected: is_connected(address),
            })
            .collect();
        clients.sort_by_key(|client| client.address);
        ExportStatus {
            operations: self.operations.load(Ordering::Relaxed),
            bytes_read: self.bytes_read.load(Ordering::Relaxed),
            bytes_written: self.bytes_written.load(Ordering::Relaxed),
            clients,
        }
    }
}

/// One export.
pub(crate) struct Export {
    pub(crate) path: String,
    pub(crate) fs_id: u64,
    pub(crate) fs: Arc<dyn Vfs>,
    pub(crate) access: AccessList,
    /// The rules as text, for MOUNT's EXPORT.
    pub(crate) groups: Vec<String>,
    pub(crate) squash: Squash,
    pub(crate) counters: Arc<Counters>,
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Export")
            .field("path", &self.path)
            .field("fs_id", &self.fs_id)
            .finish_non_exhaustive()
    }
}

/// A file system that will be exported soon: it is being opened, or opened again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// The path it will have.
    pub path: String,
    /// Its number, as in [`ExportOptions`]. `None` if only opening it tells: until then any number
    /// that is not exported may be its.
    pub fs_id: Option<u64>,
}

/// What a file system number stands for.
#[derive(Debug)]
pub(crate) enum Found {
    /// It is exported.
    Exported(Arc<Export>),
    /// It will be: the client waits and asks again.
    Awaited,
    /// It is not, and will not be.
    Unknown,
}

#[derive(Debug, Default)]
struct Tables {
    exports: BTreeMap<String, Arc<Export>>,
    awaited: Vec<Awaited>,
}

impl Tables {
    fn take(&mut self, path: &str, fs_id: u64) -> Option<Arc<Export>> {
        let is_it = self.exports.get(path)?.fs_id == fs_id;
        is_it.then(|| self.exports.remove(path)).flatten()
    }
}

/// All exports, by path.
#[derive(Debug, Default)]
pub(crate) struct ExportTable {
    tables: RwLock<Tables>,
    changed: Notify,
}

impl ExportTable {
    /// A table with nothing in it yet but what is to come.
    pub(crate) fn awaiting(awaited: Vec<Awaited>) -> Self {
        let exports = BTreeMap::new();
        Self {
            tables: RwLock::new(Tables { exports, awaited }),
            changed: Notify::new(),
        }
    }

    /// Exports `fs`, or changes the export of that path.
    pub(crate) fn insert(
        &self,
        path: &str,
        fs: Arc<dyn Vfs>,
        options: &ExportOptions,
    ) -> Result<(), ExportError> {
        let is_good = path.len() > 1 && path.split('/').skip(1).all(|part| !part.is_empty());
        if !path.starts_with('/') || !is_good {
            return Err(ExportError::BadPath(path.to_owned()));
        }
        let access = AccessList::parse(&options.access).map_err(|source| ExportError::BadRule {
            path: path.to_owned(),
            source,
        })?;
        let mut tables = self.tables.write();
        let table = &mut tables.exports;
        let same_id = |other: &&Arc<Export>| other.fs_id == options.fs_id && other.path != path;
        if let Some(other) = table.values().find(same_id) {
            return Err(ExportError::FsIdTaken {
                fs_id: options.fs_id,
                by: other.path.clone(),
            });
        }
        let before = table.get(path).map(|export| Arc::clone(&export.counters));
        if before.is_none() && table.len() >= EXPORTS_MAX {
            return Err(ExportError::TooMany);
        }
        let export = Export {
            path: path.to_owned(),
            fs_id: options.fs_id,
            fs,
            access,
            groups: options.access.iter().map(|r| r.cidr.clone()).collect(),
            squash: options.squash,
            counters: before.unwrap_or_default(),
        };
        table.insert(path.to_owned(), Arc::new(export));
        tables.awaited.retain(|awaited| awaited.path != path);
        drop(tables);
        self.changed.notify_waiters();
        Ok(())
    }

    /// Ends the export of this path and number, or that it is awaited. Another file system may have
    /// taken the path over; that one stays.
    pub(crate) fn remove(&self, path: &str, fs_id: u64) -> bool {
        let mut tables = self.tables.write();
        let is_it = |a: &Awaited| a.path == path && a.fs_id == Some(fs_id);
        tables.awaited.retain(|awaited| !is_it(awaited));
        let removed = tables.take(path, fs_id).is_some();
        drop(tables);
        self.changed.notify_waiters();
        removed
    }

    /// Nothing is awaited as this path any more.
    pub(crate) fn give_up(&self, path: &str) {
        let mut tables = self.tables.write();
        tables.awaited.retain(|awaited| awaited.path != path);
        drop(tables);
        self.changed.notify_waiters();
    }

    /// Takes the export of this path and number away for a while.
    pub(crate) fn suspend(&self, path: &str, fs_id: u64) -> bool {
        let mut tables = self.tables.write();
        if tables.take(path, fs_id).is_none() {
            return false;
        }
        let (path, fs_id) = (path.to_owned(), Some(fs_id));
        tables.awaited.push(Awaited { path, fs_id });
        true
    }

    pub(crate) fn by_fs_id(&self, fs_id: u64) -> Found {
        let tables = self.tables.read();
        let export = tables.exports.values().find(|e| e.fs_id == fs_id);
        match export {
            Some(export) => Found::Exported(Arc::clone(export)),
            None => {
                let may_be = |a: &Awaited| a.fs_id.is_none_or(|awaited| awaited == fs_id);
                if tables.awaited.iter().any(may_be) {
                    Found::Awaited
                } else {
                    Found::Unknown
                }
            }
        }
    }

    /// Returns once nothing that `path` is in is awaited any more.
    pub(crate) async fn settled(&self, path: &str) {
        loop {
            let changed = self.changed.notified();
            let is_in = |a: &Awaited| {
                let rest = path.strip_prefix(a.path.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            if !self.tables.read().awaited.iter().any(is_in) {
                return;
            }
            changed.await;
        }
    }

    /// The export that `path` is in, and the path below it.
    pub(crate) fn by_path<'a>(&self, path: &'a str) -> Option<(Arc<Export>, &'a str)> {
        let tables = self.tables.read();
        let table = &tables.exports;
        let below = |export: &Arc<Export>| {
            let rest = path.strip_prefix(export.path.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then(|| (Arc::clone(export), rest))
        };
        // A path sorts before all that it is a prefix of, so the last that fits is the longest.
        table.values().rev().find_map(below)
    }

    pub(crate) fn is_any_open_to(&self, address: IpAddr) -> bool {
        let tables = self.tables.read();
        let may = |export: &Arc<Export>| export.access.access_of(address).is_some();
        !tables.awaited.is_empty() || tables.exports.values().any(may)
    }

    pub(crate) fn all(&self) -> Vec<Arc<Export>> {
        self.tables.read().exports.values().cloned().collect()
    }

    pub(crate) fn status(
        &self,
        path: &str,
        is_connected: impl Fn(IpAddr) -> bool,
    ) -> Option<ExportStatus> {
        let counters = Arc::clone(&self.tables.read().exports.get(path)?.counters);
        Some(counters.status(is_connected))
    }
}

#[cfg(test)]
mod tests {
    use clock::Clock;
    use vfs::MemFs;

    use super::*;

    fn export(table: &ExportTable, path: &str, fs_id: u64) -> Result<(), ExportError> {
        let options = ExportOptions {
            access: vec![],
            squash: Squash::Root,
            fs_id,
        };
        table.insert(path, Arc::new(MemFs::new(Clock::system())), &options)
    }

    #[test]
    fn paths_below_an_export_belong_to_it() {
        let table = ExportTable::default();
        export(&table, "/a", 1).unwrap();
        export(&table, "/a/b", 2).unwrap();
        export(&table, "/a-b", 3).unwrap();
        let check = |path: &str, want: Option<(u64, &str)>| {
            let found = table.by_path(path);
            assert_eq!(found.as_ref().map(|(e, rest)| (e.fs_id, *rest)), want);
        };
        check("/a", Some((1, "")));
        check("/a/c/d", Some((1, "/c/d")));
        check("/a/b/c", Some((2, "/c")));
        check("/a-b", Some((3, "")));
        check("/a/bc", Some((1, "/bc")));
        check("/ab", None);
    }

    #[test]
    fn what_is_awaited_is_neither_there_nor_unknown() {
        let path = "/a".to_owned();
        let fs_id = Some(1);
        let table = ExportTable::awaiting(vec![Awaited { path, fs_id }]);
        let check = |want: &str| assert!(format!("{:?}", table.by_fs_id(1)).starts_with(want));
        check("Awaited");
        export(&table, "/a", 1).unwrap();
        check("Exported");
        assert!(table.suspend("/a", 1));
        check("Awaited");
        export(&table, "/a", 1).unwrap();
        assert!(table.remove("/a", 1));
        check("Unknown");
        export(&table, "/a", 1).unwrap();
        assert!(table.suspend("/a", 1));
        assert!(!table.remove("/a", 1), "it was not exported");
        check("Unknown");
    }

    #[test]
    fn the_end_of_an_export_is_not_that_of_its_successor() {
        let table = ExportTable::default();
        export(&table, "/a", 1).unwrap();
        export(&table, "/a", 2).unwrap();
        assert!(!table.remove("/a", 1));
        assert!(!table.suspend("/a", 1));
        assert!(matches!(table.by_fs_id(1), Found::Unknown));
        assert!(matches!(table.by_fs_id(2), Found::Exported(_)));
        assert!(table.suspend("/a", 2));
        assert!(!table.remove("/a", 1));
        assert!(matches!(table.by_fs_id(2), Found::Awaited));
    }

    #[test]
    fn a_number_may_be_that_of_an_export_that_has_not_told_its_own() {
        let path = "/a".to_owned();
        let table = ExportTable::awaiting(vec![Awaited { path, fs_id: None }]);
        let check = |fs_id, want: &str| {
            let found = format!("{:?}", table.by_fs_id(fs_id));
            assert!(found.starts_with(want), "{found}");
        };
        export(&table, "/b", 2).unwrap();
        check(1, "Awaited");
        check(2, "Exported");
        export(&table, "/a", 1).unwrap();
        check(1, "Exported");
        check(3, "Unknown");
    }

    #[test]
    fn what_is_given_up_is_unknown() {
        let awaited = ["/a", "/b"].map(|path| Awaited {
            path: path.to_owned(),
            fs_id: None,
        });
        let table = ExportTable::awaiting(awaited.into());
        table.give_up("/a");
        assert!(matches!(table.by_fs_id(1), Found::Awaited));
        table.give_up("/b");
        assert!(matches!(table.by_fs_id(1), Found::Unknown));
    }

    #[test]
    fn bad_exports_are_refused() {
        let table = ExportTable::default();
        for path in ["", "/", "a", "/a/", "//a"] {
            let want = ExportError::BadPath(path.to_owned());
            assert_eq!(export(&table, path, 1), Err(want));
        }
        export(&table, "/a", 1).unwrap();
        export(&table, "/a", 1).unwrap();
        assert!(matches!(
            export(&table, "/b", 1),
            Err(ExportError::FsIdTaken { fs_id: 1, .. })
        ));
        assert!(table.remove("/a", 1));
        assert!(!table.remove("/a", 1));
    }

    #[test]
    fn the_client_not_seen_for_longest_is_forgotten() {
        let counters = Counters::default();
        for i in 0..=u32::try_from(CLIENTS_MAX).unwrap() {
            let address = IpAddr::from(i.to_be_bytes());
            counters.count_operation(address, Timestamp::from_millis(u64::from(i)));
        }
        let status = counters.status(|_| false);
        assert_eq!(status.clients.len(), CLIENTS_MAX);
        assert_eq!(status.clients[0].address, IpAddr::from([0, 0, 0, 1]));
        assert_eq!(status.operations, u64::try_from(CLIENTS_MAX).unwrap() + 1);
    }
}
