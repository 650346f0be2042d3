//! Tells the console, for other gateways, what a share changed in its bucket.

use std::sync::Arc;

use clock::{Clock, Timestamp};
use model::{ChangeBatch, ChangeReport, Event, EventKind, ShareName};
use object_fs::ObjectFs;
use tokio::sync::watch;

use crate::{
    agent::{Connection, Outbox},
    limits::{CHANGES_GATHER, CHANGES_REPEAT},
};

/// What tells for one share.
pub(super) struct Teller {
    pub(super) share: ShareName,
    pub(super) fs: Arc<ObjectFs>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) clock: Clock,
}

/// Why it looks at the share.
enum Cause {
    Changes,
    /// It is connected anew, was just opened, or has not said anything for a while.
    Repeat,
}

impl Teller {
    /// Tells for ever. Its first word on each connection is the number of the last batch: so the
    /// others see what they have missed, and the console that this share wants to hear of theirs.
    pub(super) async fn run(self) {
        let mut connection = self.outbox.connection();
        let mut greeted = 0;
        loop {
            let now = *connection.borrow_and_update();
            if !now.is_there {
                self.fs.forget_changes();
                if connection.changed().await.is_err() {
                    return;
                }
                continue;
            }
            if now.number != greeted {
                greeted = now.number;
                self.fs.forget_changes();
                self.repeat();
            }
            match self.wait(&mut connection).await {
                Cause::Changes => self.tell_all(&connection).await,
                Cause::Repeat => self.repeat(),
            }
        }
    }

    async fn wait(&self, connection: &mut watch::Receiver<Connection>) -> Cause {
        tokio::select! {
            () = self.fs.something_to_tell() => {
                self.clock.sleep(CHANGES_GATHER).await;
                Cause::Changes
            }
            () = self.clock.sleep(CHANGES_REPEAT) => Cause::Repeat,
            // The loop looks at it.
            _changed = connection.changed() => Cause::Changes,
        }
    }

    async fn tell_all(&self, connection: &watch::Receiver<Connection>) {
        loop {
            if !connection.borrow().is_there {
                return;
            }
            // More than the line takes waits in the share, where it is bounded.
            if !self.outbox.has_room_for_changes() {
                self.clock.sleep(CHANGES_GATHER).await;
                continue;
            }
            let Some((at, batch)) = self.fs.take_changes() else {
                return;
            };
            self.push(at, batch);
        }
    }

    fn repeat(&self) {
        self.push(self.clock.wall(), self.fs.repeat_changes());
    }

    fn push(&self, at: Timestamp, batch: ChangeBatch) {
        let share = self.share.clone();
        self.outbox.push_changes(&Event {
            at,
            kind: EventKind::Changes(ChangeReport { share, batch }),
        });
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, time::Duration};

    use model::{ObjectChange, ShareMode, Writers};
    use object_fs::{ObjectFsConfig, UploadSettings};
    use object_store::MemStore;
    use vfs::{Caller, CreateMode, Name, SetAttributes, Vfs as _};

    use super::*;

    async fn open(dir: &Path) -> Arc<ObjectFs> {
        let clock = Clock::system();
        let config = ObjectFsConfig {
            name: "a".parse().unwrap(),
            dir: dir.to_owned(),
            cache_bytes_max: 64 << 20,
            upload_delay: Duration::from_millis(1),
            rescan_interval: None,
            refresh_after: None,
            express_sync: true,
            holder: "gw-test".into(),
            writers: Writers::Many,
            conflicts: model::ConflictPolicy::default(),
            mode: ShareMode::Cache,
            ignore_delete: false,
            uploads: UploadSettings::default(),
        };
        let store = Arc::new(MemStore::new(clock.clone()));
        ObjectFs::open(config, store, clock).await.unwrap()
    }

    /// Makes an empty file and waits until it is in the bucket.
    async fn put(fs: &ObjectFs, name: &str) {
        let (root, set) = (Caller::root(), SetAttributes::default());
        let name = Name::from_bytes(name.as_bytes()).unwrap();
        let made = fs.create(&root, fs.root(), &name, CreateMode::Unchecked, set);
        made.await.unwrap();
        let clock = Clock::system();
        while fs.status().upload_queue > 0 {
            clock.sleep(Duration::from_millis(2)).await;
        }
    }

    /// The number and the keys of the next message.
    async fn told(outbox: &Outbox) -> (u64, Vec<String>) {
        let event: Event = serde_json::from_slice(&outbox.next().await.payload).unwrap();
        let EventKind::Changes(report) = event.kind else {
            panic!("changes and nothing else");
        };
        let keys = report.batch.changes.iter().map(ObjectChange::key);
        (report.batch.sequence, keys.map(str::to_owned).collect())
    }

    #[tokio::test]
    async fn changes_are_told_while_there_is_a_connection_and_leave_a_gap_otherwise() {
        let dir = tempfile::tempdir().unwrap();
        let fs = open(dir.path()).await;
        let outbox = Arc::new(Outbox::new("gw-test".parse().unwrap()));
        let teller = Teller {
            share: "a".parse().unwrap(),
            fs: Arc::clone(&fs),
            outbox: Arc::clone(&outbox),
            clock: Clock::system(),
        };
        let _teller = clock::spawn_named("teller", teller.run());
        outbox.note_connection(true);
        assert_eq!(told(&outbox).await, (0, vec![]));
        put(&fs, "one").await;
        assert_eq!(told(&outbox).await, (1, vec!["one".to_owned()]));
        outbox.note_connection(false);
        put(&fs, "two").await;
        outbox.note_connection(true);
        assert_eq!(told(&outbox).await, (2, vec![]));
        put(&fs, "three").await;
        assert_eq!(told(&outbox).await, (3, vec!["three".to_owned()]));
        fs.close().await;
    }
}
