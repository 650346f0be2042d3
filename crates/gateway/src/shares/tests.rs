//! The reconciler, with shares that pretend.

use std::{path::Path, sync::Arc, time::Duration};

use clock::{Clock, Task};
use model::{
    BucketSettings, ErrorCode, Intent, Provider, ShareName, ShareSettings, ShareState, Timestamp,
};

use super::{
    Reconciler, ReconcilerConfig, SharesHandle, WantedFile,
    fake::{FakeShares, World},
};
use crate::{agent::Outbox, cache_disk::CacheDisk};

/// Longest time anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn share(name: &str) -> ShareSettings {
    let bucket = BucketSettings {
        provider: Provider::S3,
        endpoint: "http://127.0.0.1:9000".into(),
        region: "local".into(),
        bucket: "bucket".into(),
        prefix: format!("{name}/"),
        access_key_id: "k".into(),
        secret_access_key: model::Secret::new("s"),
        session_token: model::Secret::default(),
        signature: model::OssSignature::default(),
        role: None,
    };
    ShareSettings {
        cache_bytes_max: 1 << 30,
        upload_delay_ms: 0,
        rescan_interval_s: 0,
        ..ShareSettings::new(name.parse().unwrap(), bucket)
    }
}

fn intent(version: u64, shares: &[ShareSettings]) -> Intent {
    Intent {
        version,
        shares: shares.to_vec(),
        retired: Vec::new(),
    }
}

/// A reconciler on a directory.
struct Site {
    world: Arc<World>,
    handle: SharesHandle,
    clock: Clock,
    loop_: Task,
}

impl Site {
    fn start(dir: &Path, world: &Arc<World>) -> Self {
        Self::start_with_room(dir, world, 0)
    }

    fn start_with_room(dir: &Path, world: &Arc<World>, cache_free_bytes_min: u64) -> Self {
        let clock = Clock::manual(Timestamp::from_millis(1_000));
        let (handle, loop_) = Reconciler::start(ReconcilerConfig {
            cache: CacheDisk::new(dir.join("cache"), dir.join("cache-disk.json")),
            cache_free_bytes_min,
            wanted: WantedFile(dir.join("wanted.json")),
            factory: Arc::new(FakeShares(Arc::clone(world))),
            outbox: Arc::new(Outbox::new("gw-test".parse().unwrap())),
            clock: clock.clone(),
        })
        .unwrap();
        Self {
            world: Arc::clone(world),
            handle,
            clock,
            loop_,
        }
    }

    /// Waits until `what` holds, while the hands of the clock move.
    async fn until(&self, what: impl Fn(&Self) -> bool) {
        let system = Clock::system();
        let end = system.now() + PATIENCE;
        while !what(self) {
            assert!(
                system.now() < end,
                "in vain: {:?} {:?}",
                self.handle.snapshot(),
                self.world.log()
            );
            self.clock.advance(Duration::from_millis(100));
            system.sleep(Duration::from_millis(1)).await;
        }
    }

    async fn reaches(&self, version: u64) {
        self.until(|site| site.handle.snapshot().report.version == version)
            .await;
    }

    fn error_of(&self, share: &str) -> Option<ErrorCode> {
        let snapshot = self.handle.snapshot();
        let report = snapshot
            .report
            .shares
            .iter()
            .find(|r| r.name.as_str() == share)
            .unwrap();
        report.error.as_ref().map(|e| e.code)
    }

    fn state_of(&self, share: &str) -> Option<ShareState> {
        let statuses = self.handle.snapshot().statuses();
        statuses
            .into_iter()
            .find(|s| s.name.as_str() == share)
            .map(|s| s.state)
    }

    async fn stop(self) {
        self.handle.shutdown().await;
        self.loop_.join().await.unwrap();
    }
}

#[tokio::test]
async fn shares_come_and_go_with_the_intent() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::default());
    let site = Site::start(dir.path(), &world);
    assert!(site.handle.want(intent(1, &[share("a"), share("b")])).await);
    site.reaches(1).await;
    assert_eq!(world.served(), ["a", "b"]);
    assert!(site.handle.want(intent(2, &[share("b")])).await);
    site.reaches(2).await;
    site.until(|site| site.state_of("a").is_none()).await;
    assert_eq!(world.served(), ["b"]);
    let left: Vec<_> = std::fs::read_dir(dir.path().join("cache"))
        .unwrap()
        .collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[tokio::test]
async fn shares_are_served_after_a_restart_without_anybody() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::default());
    let site = Site::start(dir.path(), &world);
    site.handle.want(intent(1, &[share("a")])).await;
    site.reaches(1).await;
    site.stop().await;
    assert_eq!(world.served(), [""; 0]);
    // Not even the bucket needs to be there.
    world.fail_bucket(Some(ErrorCode::BucketUnreachable));
    let site = Site::start(dir.path(), &world);
    site.reaches(1).await;
    assert_eq!(
        (world.served(), site.error_of("a")),
        (vec!["a".to_owned()], None)
    );
}

#[tokio::test]
async fn a_new_share_without_a_bucket_fails_alone_and_recovers() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::default());
    let site = Site::start(dir.path(), &world);
    site.handle.want(intent(1, &[share("a")])).await;
    site.reaches(1).await;
    world.fail_bucket(Some(ErrorCode::BucketNotFound));
    site.handle.want(intent(2, &[share("a"), share("b")])).await;
    site.reaches(2).await;
    assert_eq!(site.error_of("b"), Some(ErrorCode::BucketNotFound));
    assert!(matches!(
        site.state_of("b"),
        Some(ShareState::Failed { .. })
    ));
    assert_eq!(world.served(), ["a"]);
    world.fail_bucket(None);
    site.until(|site| site.error_of("b").is_none()).await;
    assert_eq!(world.served(), ["a", "b"]);
}

#[tokio::test]
async fn a_share_whose_engine_panics_fails_and_is_tried_again() {
    for call in ["check", "open"] {
        let (dir, world) = (tempfile::tempdir().unwrap(), Arc::<World>::default());
        world.panic_in(Some(call));
        let site = Site::start(dir.path(), &world);
        site.handle.want(intent(1, &[share("a")])).await;
        site.reaches(1).await;
        let Some(ShareState::Failed { reason }) = site.state_of("a") else {
            panic!("it must have failed");
        };
        assert!(reason.contains("meets what it did not"), "{reason}");
        assert_eq!(site.error_of("a"), Some(ErrorCode::Internal));
        world.panic_in(None);
        site.until(|site| site.error_of("a").is_none()).await;
        assert_eq!(world.served(), ["a"]);
    }
}

#[tokio::test]
async fn a_repair_that_panics_is_answered_and_its_share_is_served_again() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::<World>::default());
    let site = Site::start(dir.path(), &world);
    site.handle.want(intent(1, &[share("a")])).await;
    site.reaches(1).await;
    world.panic_in(Some("repair"));
    let report = site.handle.repair("a".parse().unwrap(), false).await;
    assert_eq!(report.unwrap_err().code, ErrorCode::Internal);
    site.until(|site| site.world.served() == ["a"]).await;
}

#[tokio::test]
async fn a_share_whose_engine_panics_while_it_is_closed_is_closed() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::<World>::default());
    let site = Site::start(dir.path(), &world);
    site.handle.want(intent(1, &[share("a")])).await;
    site.reaches(1).await;
    world.panic_in(Some("close"));
    site.handle.want(intent(2, &[])).await;
    site.until(|site| site.state_of("a").is_none()).await;
}

#[tokio::test]
async fn a_bucket_that_is_taken_away_is_reported_while_its_share_is_served() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::default());
    let site = Site::start(dir.path(), &world);
    site.handle.want(intent(1, &[share("a")])).await;
    site.reaches(1).await;
    world.fail_bucket(Some(ErrorCode::BucketAccessDenied));
    let mut rotated = share("a");
    rotated.bucket.access_key_id = "other".into();
    site.handle.want(intent(2, &[rotated])).await;
    site.reaches(2).await;
    site.until(|site| site.error_of("a") == Some(ErrorCode::BucketAccessDenied))
        .await;
    assert_eq!(world.served(), ["a"]);
    world.fail_bucket(None);
    site.until(|site| site.error_of("a").is_none()).await;
    assert_eq!(world.log(), ["open a", "serve a", "serve a"]);
}

#[tokio::test]
async fn a_removed_share_is_emptied_first_even_across_a_restart() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::default());
    let site = Site::start(dir.path(), &world);
    site.handle.want(intent(1, &[share("a")])).await;
    site.reaches(1).await;
    world.set_dirty("a", 5);
    site.handle.want(intent(2, &[])).await;
    site.until(|_| world.served().is_empty()).await;
    let Some(ShareState::Failed { reason }) = site.state_of("a") else {
        panic!("it must be listed as removed");
    };
    assert!(reason.contains("5 bytes in 1 files"), "{reason}");
    site.stop().await;

    let site = Site::start(dir.path(), &world);
    site.until(|site| matches!(site.state_of("a"), Some(ShareState::Failed { reason }) if reason.contains("5 bytes"))).await;
    assert_eq!(world.served(), [""; 0]);
    world.set_dirty("a", 0);
    site.until(|site| site.state_of("a").is_none()).await;
    let left: Vec<_> = std::fs::read_dir(dir.path().join("cache"))
        .unwrap()
        .collect();
    assert!(left.is_empty(), "{left:?}");
    site.stop().await;
    let site = Site::start(dir.path(), &world);
    assert_eq!(site.state_of("a"), None);
}

/// An intent without shares that still has these keys for share `a`.
fn retiring(version: u64, key: &str) -> Intent {
    let mut retired = share("a");
    retired.bucket.access_key_id = key.into();
    Intent {
        retired: vec![retired],
        ..intent(version, &[])
    }
}

#[tokio::test]
async fn a_removed_share_is_emptied_with_the_keys_that_are_lent_meanwhile() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::default());
    let site = Site::start(dir.path(), &world);
    site.handle.want(intent(1, &[share("a")])).await;
    site.reaches(1).await;
    world.set_dirty("a", 5);
    site.handle.want(retiring(2, "second")).await;
    site.until(|_| world.log().len() == 3).await;
    site.handle.want(retiring(3, "third")).await;
    site.until(|_| world.log().len() == 4).await;
    let keys = ["keys second for a", "keys third for a"];
    assert_eq!(world.log()[2..], keys, "it is not opened anew for them");
    site.stop().await;

    let site = Site::start(dir.path(), &world);
    site.until(|_| world.log().len() == 6).await;
    site.handle.want(retiring(4, "third")).await;
    site.handle.want(retiring(5, "fifth")).await;
    site.until(|_| world.log().len() == 7).await;
    let log = ["close a", "open a", "keys fifth for a"];
    assert_eq!(world.log()[4..], log, "it has the keys of before");
    world.set_dirty("a", 0);
    site.until(|site| site.state_of("a").is_none()).await;

    site.handle.want(retiring(6, "sixth")).await;
    site.reaches(6).await;
    assert_eq!(site.state_of("a"), None, "what is gone stays gone");
    assert_eq!(world.log().last().unwrap(), "close a");
}

#[tokio::test]
async fn a_removed_share_is_emptied_by_settings_that_were_corrected() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::default());
    let site = Site::start(dir.path(), &world);
    site.handle.want(intent(1, &[share("a")])).await;
    site.reaches(1).await;
    world.set_dirty("a", 5);
    site.handle.want(retiring(2, "k")).await;
    site.until(|_| world.served().is_empty()).await;
    let mut slower = retiring(3, "k");
    let limits = &mut slower.retired[0].engine.bandwidth.limits;
    limits.upload_bytes_per_s = 1 << 20;
    let limits = *limits;
    site.handle.want(slower.clone()).await;
    site.until(|_| world.limits() == limits).await;
    slower.version = 4;
    slower.retired[0].bucket.region = "elsewhere".into();
    site.handle.want(slower).await;
    site.until(|_| world.log().iter().filter(|l| *l == "open a").count() == 2)
        .await;
    let log = ["open a", "serve a", "keys k for a", "close a", "open a"];
    assert_eq!(world.log(), log);
    world.set_dirty("a", 0);
    site.until(|site| site.state_of("a").is_none()).await;
}

#[tokio::test]
async fn a_removed_share_that_only_the_cache_disk_knows_is_emptied() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::default());
    let site = Site::start(dir.path(), &world);
    site.handle.want(intent(1, &[share("a")])).await;
    site.reaches(1).await;
    world.set_dirty("a", 5);
    site.stop().await;
    std::fs::remove_file(dir.path().join("wanted.json")).unwrap();
    let site = Site::start(dir.path(), &world);
    let mut wanted = retiring(2, "k");
    let mut unknown = share("b");
    unknown.bucket.access_key_id = "k".into();
    wanted.retired.push(unknown);
    site.handle.want(wanted).await;
    site.reaches(2).await;
    assert!(site.state_of("a").is_some(), "it still holds something");
    assert_eq!(site.state_of("b"), None, "it never was here");
    world.set_dirty("a", 0);
    site.until(|site| site.state_of("a").is_none()).await;
}

#[tokio::test]
async fn a_removed_share_waits_for_calls_that_are_under_way_and_for_what_they_leave() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::default());
    let site = Site::start(dir.path(), &world);
    site.handle.want(intent(1, &[share("a")])).await;
    site.reaches(1).await;
    world.set_busy("a", true);
    for _ in 0..3 {
        site.handle.want(intent(2, &[])).await;
    }
    assert!(world.served().is_empty());
    assert!(site.state_of("a").is_some());
    assert_eq!(world.log(), ["open a", "serve a"]);
    world.set_dirty("a", 5);
    world.set_busy("a", false);
    site.handle.want(intent(2, &[])).await;
    assert_eq!(world.log(), ["open a", "serve a"]);
    world.set_dirty("a", 0);
    site.until(|site| site.state_of("a").is_none()).await;
}

#[tokio::test]
async fn a_removed_share_that_has_something_left_when_it_is_closed_is_opened_again() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::<World>::default());
    let site = Site::start(dir.path(), &world);
    site.handle.want(intent(1, &[share("a")])).await;
    site.reaches(1).await;
    world.dirty_at_close(5);
    site.handle.want(intent(2, &[])).await;
    site.until(|_| world.log().len() == 4).await;
    assert_eq!(world.log(), ["open a", "serve a", "close a", "open a"]);
    assert_eq!(
        std::fs::read_dir(dir.path().join("cache")).unwrap().count(),
        1
    );
    world.set_dirty("a", 0);
    site.until(|site| site.state_of("a").is_none()).await;
    assert_eq!(
        std::fs::read_dir(dir.path().join("cache")).unwrap().count(),
        0
    );
}

#[tokio::test]
async fn nobody_waits_for_a_removed_share_unless_another_takes_its_path() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::<World>::default());
    world.fail_bucket(Some(ErrorCode::BucketNotFound));
    let site = Site::start(dir.path(), &world);
    let shares = [share("a"), share("b")];
    site.handle.want(intent(1, &shares)).await;
    site.reaches(1).await;
    let mut elsewhere = share("b");
    elsewhere.bucket.prefix = "elsewhere/".into();
    site.handle.want(intent(2, &[elsewhere])).await;
    assert_eq!(world.given_up(), ["/a"]);
}

#[tokio::test]
async fn a_removed_share_that_is_wanted_again_keeps_what_it_holds() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::default());
    let site = Site::start(dir.path(), &world);
    site.handle.want(intent(1, &[share("a")])).await;
    site.reaches(1).await;
    world.set_dirty("a", 5);
    site.handle.want(intent(2, &[])).await;
    site.until(|_| world.served().is_empty()).await;
    site.handle.want(intent(3, &[share("a")])).await;
    site.until(|_| world.served() == ["a"]).await;
    assert!(
        !world.log().contains(&"close a".to_owned()),
        "{:?}",
        world.log()
    );
}

#[tokio::test]
async fn a_share_over_the_objects_of_a_removed_one_waits_for_it() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::default());
    let site = Site::start(dir.path(), &world);
    site.handle.want(intent(1, &[share("a")])).await;
    site.reaches(1).await;
    world.set_dirty("a", 5);
    let renamed = ShareSettings {
        name: "b".parse().unwrap(),
        ..share("a")
    };
    site.handle.want(intent(2, &[renamed])).await;
    site.reaches(2).await;
    assert_eq!(site.error_of("b"), Some(ErrorCode::Conflict));
    world.set_dirty("a", 0);
    site.until(|_| world.served() == ["b"]).await;
}

#[tokio::test]
async fn the_end_of_a_removed_share_leaves_a_new_one_of_its_name_alone() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::default());
    let site = Site::start(dir.path(), &world);
    site.handle.want(intent(1, &[share("a")])).await;
    site.reaches(1).await;
    world.set_dirty("a", 5);
    let mut elsewhere = share("a");
    elsewhere.bucket.prefix = "elsewhere/".into();
    let wanted = intent(2, std::slice::from_ref(&elsewhere));
    site.handle.want(wanted).await;
    site.reaches(2).await;
    assert_eq!(world.rules("a").as_ref(), Some(&elsewhere));
    world.set_dirty("a", 0);
    let directories = || std::fs::read_dir(dir.path().join("cache")).unwrap().count();
    site.until(|_| directories() == 1).await;
    assert_eq!(world.rules("a").as_ref(), Some(&elsewhere));
}

#[tokio::test]
async fn overlapping_prefixes_are_refused() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::default());
    let site = Site::start(dir.path(), &world);
    let mut inner = share("b");
    inner.bucket.prefix = "a/inner/".into();
    site.handle.want(intent(1, &[share("a"), inner])).await;
    site.reaches(1).await;
    assert_eq!(site.error_of("b"), Some(ErrorCode::PrefixOverlap));
    assert_eq!(world.served(), ["a"]);
}

#[tokio::test]
async fn a_full_cache_disk_is_told() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::default());
    let site = Site::start_with_room(dir.path(), &world, u64::MAX);
    site.handle.want(intent(1, &[share("a")])).await;
    site.reaches(1).await;
    assert_eq!(site.error_of("a"), Some(ErrorCode::CacheDiskFull));
}

#[tokio::test]
async fn an_older_intent_changes_nothing() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::default());
    let site = Site::start(dir.path(), &world);
    site.handle.want(intent(2, &[share("a")])).await;
    site.reaches(2).await;
    assert!(site.handle.want(intent(1, &[])).await);
    assert!(site.handle.want(intent(2, &[share("a")])).await);
    site.until(|site| site.state_of("a") == Some(ShareState::Serving))
        .await;
    assert_eq!(world.log(), ["open a", "serve a"]);
}

#[tokio::test]
async fn new_rules_for_clients_do_not_interrupt_a_share() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::default());
    let site = Site::start(dir.path(), &world);
    site.handle.want(intent(1, &[share("a")])).await;
    site.reaches(1).await;
    let squashed = ShareSettings {
        squash: model::Squash::All,
        ..share("a")
    };
    site.handle
        .want(intent(2, std::slice::from_ref(&squashed)))
        .await;
    site.reaches(2).await;
    site.until(|_| world.rules("a").as_ref() == Some(&squashed))
        .await;
    assert_eq!(world.log(), ["open a", "serve a", "serve a"]);
}

#[tokio::test]
async fn a_repair_mends_a_cache_while_its_share_is_closed() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::default());
    let site = Site::start(dir.path(), &world);
    assert!(site.handle.want(intent(1, &[share("a")])).await);
    site.reaches(1).await;
    let report = site.handle.repair("a".parse().unwrap(), true).await;
    assert_eq!(report.unwrap().repaired, 7);
    let log = world.log().join(", ");
    let expected = "open a, serve a, close a, repair, open a";
    assert!(log.starts_with(expected), "{log}");
    site.until(|site| site.world.served() == ["a"]).await;
    // The next start has nothing to mend.
    site.handle.restart("a".parse().unwrap()).await.unwrap();
    assert_eq!(
        world.log().iter().filter(|line| *line == "repair").count(),
        1
    );
    let unknown = site.handle.repair("b".parse().unwrap(), false).await;
    assert_eq!(unknown.unwrap_err().code, ErrorCode::NotFound);
    site.stop().await;
}

#[tokio::test]
async fn a_restart_closes_a_share_and_serves_it_again() {
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::default());
    let site = Site::start(dir.path(), &world);
    site.handle.want(intent(1, &[share("a")])).await;
    site.reaches(1).await;
    let name: ShareName = "a".parse().unwrap();
    let restarted = tokio::join!(
        site.handle.restart(name.clone()),
        site.until(|_| world.log().len() == 5)
    );
    assert_eq!(
        (restarted.0, world.log().join(", ").as_str()),
        (Ok(()), "open a, serve a, close a, open a, serve a")
    );
    let unknown = site.handle.restart("b".parse().unwrap()).await.unwrap_err();
    assert_eq!(unknown.code, ErrorCode::NotFound);
}
