//! A gateway against the real broker, with shares that pretend.

use std::{path::Path, sync::Arc, time::Duration};

use clock::Clock;
use model::{Downlink, Intent, Method, ReplyBody, ShareSettings, Timestamp};
use serde_json::{Value, json};

use super::{
    Gateway, OpenDir, StartError,
    cloud::{Cloud, command, credential, in_an_hour},
};
use crate::{
    DataDirError, GatewayConfig, GatewayPaths, JoinError,
    shares::fake::{FakeShares, World},
    shares::tests::share,
};

fn config(dir: &Path) -> GatewayConfig {
    let nfs = "127.0.0.1:0".parse().unwrap();
    GatewayConfig {
        keep_alive: Duration::from_secs(2),
        status_interval: Duration::from_millis(200),
        ..GatewayConfig::new(dir.join("data"), dir.join("cache"), nfs)
    }
}

/// A gateway whose shares pretend, in `world`.
async fn start(dir: &Path, world: &Arc<World>) -> Gateway {
    let (config, clock) = (config(dir), Clock::system());
    let opened = OpenDir::open(&config, clock.wall()).await.unwrap();
    let factory = Arc::new(FakeShares(Arc::clone(world)));
    let nfs = "127.0.0.1:2049".parse().unwrap();
    Gateway::start_with(opened, config, factory, nfs, clock).unwrap()
}

/// A gateway that has joined a cloud, with a share `a`.
struct Site {
    cloud: Cloud,
    world: Arc<World>,
    gateway: Gateway,
    dir: tempfile::TempDir,
}

impl Site {
    async fn start() -> Self {
        let (cloud, dir) = (Cloud::start().await, tempfile::tempdir().unwrap());
        cloud.join(&dir.path().join("data")).await;
        let world = Arc::default();
        let gateway = start(dir.path(), &world).await;
        let site = Self {
            cloud,
            world,
            gateway,
            dir,
        };
        site.want(1, &[share("a")]).await;
        site
    }

    async fn want(&self, version: u64, shares: &[ShareSettings]) {
        let intent = Intent {
            version,
            shares: shares.to_vec(),
            retired: Vec::new(),
        };
        self.cloud
            .send(model::INTENT, &Downlink::Intent(intent))
            .await;
        self.cloud.report_of(version).await;
    }

    async fn call(&self, method: Method, params: Value) -> ReplyBody {
        self.cloud.call(&command(method, params)).await
    }
}

#[tokio::test]
async fn intent_makes_shares_and_status_tells_of_them() {
    let site = Site::start().await;
    assert_eq!(site.world.served(), ["a"]);
    let status = site
        .cloud
        .until(|h| h.statuses.iter().find(|s| s.intent_version == 1).cloned())
        .await;
    assert_eq!(
        (status.gateway.as_str(), status.nfs_address.as_str()),
        ("gw-test", "127.0.0.1:2049")
    );
    assert_eq!(status.shares[0].name.as_str(), "a");
    assert!(status.memory_bytes > 0 && status.cache_disk.total_bytes > 0);
    site.gateway.shutdown().await;
}

#[tokio::test]
async fn after_a_restart_clients_wait_for_the_shares_that_have_been_open() {
    let site = Site::start().await;
    site.world
        .fail_bucket(Some(model::ErrorCode::BucketNotFound));
    site.want(2, &[share("a"), share("never")]).await;
    site.gateway.shutdown().await;
    let config = config(site.dir.path());
    let opened = OpenDir::open(&config, Clock::system().wall()).await;
    let awaited = opened.unwrap().awaited(&config).unwrap();
    let paths: Vec<&str> = awaited.iter().map(|a| a.path.as_str()).collect();
    assert_eq!(paths, ["/a"]);
}

#[tokio::test]
async fn a_removed_share_is_not_forgotten_while_the_cache_disk_is_away() {
    let site = Site::start().await;
    site.world.set_dirty("a", 5);
    site.want(2, &[]).await;
    let Site {
        world,
        gateway,
        dir,
        cloud: _cloud,
    } = site;
    gateway.shutdown().await;
    let (cache, away) = (dir.path().join("cache"), dir.path().join("away"));
    std::fs::rename(&cache, &away).unwrap();

    let clock = Clock::system();
    let reason = async |gateway: &Gateway, part: &str| {
        let end = clock.now() + Duration::from_secs(20);
        loop {
            let statuses = gateway.shares.snapshot().statuses();
            let states = statuses.into_iter().map(|s| format!("{:?}", s.state));
            let states: Vec<String> = states.collect();
            let is_so = match part {
                "" => states.is_empty(),
                part => states.iter().any(|state| state.contains(part)),
            };
            if is_so {
                return;
            }
            assert!(clock.now() < end, "{part}: {states:?}");
            clock.sleep(Duration::from_millis(5)).await;
        }
    };
    let gateway = start(dir.path(), &world).await;
    reason(&gateway, "is not the cache disk").await;
    gateway.shutdown().await;

    // Mounted again, it goes on; then lost for good.
    std::fs::remove_dir_all(&cache).unwrap();
    std::fs::rename(&away, &cache).unwrap();
    let gateway = start(dir.path(), &world).await;
    reason(&gateway, "5 bytes in 1 files").await;
    gateway.shutdown().await;
    std::fs::remove_dir_all(&cache).unwrap();
    std::fs::remove_file(dir.path().join("data").join("cache-disk.json")).unwrap();
    let gateway = start(dir.path(), &world).await;
    reason(&gateway, "").await;
    gateway.shutdown().await;
}

#[tokio::test]
async fn what_others_changed_reaches_the_share_it_concerns() {
    let site = Site::start().await;
    let notice = |share: &str, from: &str| model::ChangeNotice {
        share: share.parse().unwrap(),
        from: model::ChangeSource {
            gateway: from.parse().unwrap(),
            share: "theirs".parse().unwrap(),
        },
        at: Timestamp::from_millis(0),
        prefix: String::new(),
        batch: model::ChangeBatch {
            epoch: 1,
            sequence: 1,
            changes: Vec::new(),
        },
    };
    let express = model::EXPRESS;
    site.cloud.send(express, &json!({"share": "a"})).await;
    site.cloud.send(express, &notice("none", "gw-lost")).await;
    site.cloud.send(express, &notice("a", "gw-test")).await;
    site.cloud.send(express, &notice("a", "gw-other")).await;
    // It is answered after what came before it was taken.
    site.call(Method::StatusGet, json!({})).await;
    let clock = Clock::system();
    let end = clock.now() + Duration::from_secs(20);
    let heard = || {
        let log = site.world.log().into_iter();
        log.filter(|line| line.starts_with("hear"))
            .collect::<Vec<_>>()
    };
    while heard().is_empty() {
        assert!(clock.now() < end, "nothing is heard");
        clock.sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(heard(), ["hear gw-other for a"], "and nothing of our own");
    site.gateway.shutdown().await;
}

#[tokio::test]
async fn commands_are_answered_and_run_once() {
    let site = Site::start().await;
    let ReplyBody::Finished { result } = site.call(Method::StatusGet, json!({})).await else {
        panic!("status.get must finish");
    };
    assert_eq!(result["gateway"], "gw-test");
    let ReplyBody::Finished { result } = site.call(Method::ShareList, json!({})).await else {
        panic!("share.list must finish");
    };
    let shares: model::ShareTable = serde_json::from_value(result["shares"].clone()).unwrap();
    assert_eq!(shares.0[0].state, model::ShareState::Serving);

    let sync = command(Method::ShareSync, json!({"share": "a"}));
    let outcome = site.cloud.call(&sync).await;
    let ReplyBody::Finished { result } = &outcome else {
        panic!("share.sync must finish: {outcome:?}");
    };
    assert_eq!(result["listed"], 3);
    // The same message once more, then a reissue.
    site.cloud.send(model::CMD, &sync).await;
    let reissue = model::Command {
        id: command(Method::ShareSync, json!({})).id,
        generation: 1,
        ..sync.clone()
    };
    assert_eq!(site.cloud.call(&reissue).await, outcome);
    let syncs = site.world.log().iter().filter(|l| *l == "sync a").count();
    assert_eq!(syncs, 1);

    let asked = site.call(Method::CommandGet, json!({"id": sync.id})).await;
    let ReplyBody::Finished { result } = asked else {
        panic!("command.get must finish");
    };
    assert_eq!(result["type"], "finished");
    let ReplyBody::Failed { error } = site.call(Method::ShareSync, json!({"share": "x"})).await
    else {
        panic!("there is no share x");
    };
    assert_eq!(error.code, model::ErrorCode::NotFound);
    assert_eq!(
        site.call(Method::RestartShare, json!({"share": "a"})).await,
        ReplyBody::Finished { result: json!({}) }
    );
}

#[tokio::test]
async fn a_long_sync_keeps_no_quick_command_waiting() {
    let site = Site::start().await;
    site.world.slow_sync();
    let syncs: Vec<_> = (0..6)
        .map(|_| command(Method::ShareSync, json!({"share": "a"})))
        .collect();
    for sync in &syncs {
        site.cloud.send(model::CMD, sync).await;
    }
    site.call(Method::StatusGet, json!({})).await;
    let unanswered =
        |id| {
            site.cloud.until(move |h| {
                Some(h.replies.iter().all(|r| {
                    r.id != id || matches!(r.body, ReplyBody::Delivered | ReplyBody::Started)
                }))
            })
        };
    assert!(unanswered(syncs[0].id).await);
    for sync in &syncs {
        loop {
            site.world.sync_may_end.notify_waiters();
            tokio::select! {
                _ = site.cloud.outcome(sync.id) => break,
                () = short() => {}
            }
        }
    }
}

async fn short() {
    Clock::system().sleep(Duration::from_millis(20)).await;
}

#[tokio::test]
async fn a_cut_link_heals_and_nothing_that_waited_is_lost() {
    let site = Site::start().await;
    site.world.slow_sync();
    let sync = command(Method::ShareSync, json!({"share": "a"}));
    site.cloud.send(model::CMD, &sync).await;
    site.cloud
        .until(|h| {
            h.replies
                .iter()
                .any(|r| r.id == sync.id && r.body == ReplyBody::Started)
                .then_some(())
        })
        .await;
    let before = site.cloud.until(|h| Some(h.connects.len())).await;
    site.cloud.cut();
    site.world.sync_may_end.notify_waiters();
    site.cloud
        .until(|h| (h.connects.len() > before).then_some(()))
        .await;
    assert!(matches!(
        site.cloud.outcome(sync.id).await,
        ReplyBody::Finished { .. }
    ));
}

#[tokio::test]
async fn a_gateway_without_a_broker_serves_what_it_knows() {
    let site = Site::start().await;
    let Site {
        cloud,
        world,
        gateway,
        dir,
    } = site;
    gateway.shutdown().await;
    assert_eq!(world.served(), [""; 0]);
    drop(cloud);
    let gateway = start(dir.path(), &world).await;
    let clock = Clock::system();
    let end = clock.now() + Duration::from_secs(60);
    while world.served() != ["a"] {
        assert!(clock.now() < end, "the share is not served");
        clock.sleep(Duration::from_millis(5)).await;
    }
    gateway.shutdown().await;
}

#[tokio::test]
async fn a_new_credential_is_used_from_then_on() {
    let site = Site::start().await;
    let new = credential("second");
    site.cloud
        .bus
        .register(&site.cloud.client_id, &new, None)
        .await
        .unwrap();
    site.cloud
        .send(model::INTENT, &Downlink::Credential(new))
        .await;
    site.cloud
        .until(|h| (h.connects.last()? == "second").then_some(()))
        .await;
    let Site {
        cloud,
        world,
        gateway,
        dir,
    } = site;
    gateway.shutdown().await;
    let before = cloud.until(|h| Some(h.connects.len())).await;
    let gateway = start(dir.path(), &world).await;
    cloud
        .until(|h| (h.connects.len() > before).then_some(()))
        .await;
    assert_eq!(cloud.until(|h| h.connects.last().cloned()).await, "second");
    gateway.shutdown().await;
}

#[tokio::test]
async fn a_credential_that_the_broker_lost_does_not_lock_us_out() {
    let site = Site::start().await;
    let before = site.cloud.until(|h| Some(h.connects.len())).await;
    // Never registered: the broker does not know it.
    site.cloud
        .send(model::INTENT, &Downlink::Credential(credential("lost")))
        .await;
    site.cloud
        .until(|h| (h.connects.len() > before).then_some(()))
        .await;
    assert_eq!(
        site.cloud.until(|h| h.connects.last().cloned()).await,
        "first"
    );
    site.call(Method::StatusGet, json!({})).await;
}

#[tokio::test]
async fn messages_that_make_no_sense_do_no_harm() {
    let site = Site::start().await;
    for parent in [model::CMD, model::INTENT] {
        site.cloud
            .send(parent, &json!({"version": 99, "type": "nonsense"}))
            .await;
        site.cloud.send(parent, &json!("x".repeat(60_000))).await;
    }
    assert!(matches!(
        site.call(Method::StatusGet, json!({})).await,
        ReplyBody::Finished { .. }
    ));
}

#[tokio::test]
async fn two_gateways_on_one_data_directory_are_refused() {
    let site = Site::start().await;
    let again = OpenDir::open(&config(site.dir.path()), Timestamp::default())
        .await
        .unwrap_err();
    assert!(
        matches!(again, StartError::DataDir(DataDirError::InUse { .. })),
        "{again}"
    );
    let bundle = site.cloud.bundle("bundle", in_an_hour()).await;
    let again = refusal(&bundle, &site.dir.path().join("data")).await;
    assert!(again.contains("another gateway process"), "{again}");
}

#[tokio::test]
async fn a_gateway_that_has_not_joined_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let error = Gateway::start(config(dir.path()), Clock::system())
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("causeway gateway join"),
        "{error}"
    );
}

async fn refusal(bundle: &str, data_dir: &Path) -> String {
    let paths = GatewayPaths {
        data_dir: data_dir.to_owned(),
    };
    let refused = crate::join(bundle, &paths, Clock::system()).await;
    refused.unwrap_err().to_string()
}

#[tokio::test]
async fn a_bundle_joins_once() {
    let (cloud, dir) = (Cloud::start().await, tempfile::tempdir().unwrap());
    let bundle = cloud.bundle("bundle", in_an_hour()).await;
    let first = dir.path().join("first");
    let paths = GatewayPaths {
        data_dir: first.clone(),
    };
    let joined = crate::join(&bundle, &paths, Clock::system()).await.unwrap();
    assert!(joined.rotated);
    // The console withdraws the bundle's credential when it sees the new one.
    cloud
        .until(|h| (h.connects.last()? == "first").then_some(()))
        .await;
    short().await;
    let text = refusal(&bundle, &dir.path().join("second")).await;
    assert!(text.contains("make a new one in the console"), "{text}");
    let text = refusal(&bundle, &first).await;
    assert!(text.contains("already holds gateway gw-test"), "{text}");
}

#[tokio::test]
async fn bad_bundles_are_refused_with_what_to_do() {
    let (cloud, dir) = (Cloud::start().await, tempfile::tempdir().unwrap());
    let bundle = cloud.bundle("bundle", in_an_hour()).await;
    let data_dir = dir.path().join("data");
    let check = async |bundle: &str, want: &str| {
        let text = refusal(bundle, &data_dir).await;
        assert!(text.contains(want), "{text}");
        assert!(!data_dir.join("identity.json").try_exists().unwrap());
    };
    check("hello", "not an activation bundle").await;
    check(&bundle[..bundle.len() - 40], "was changed").await;
    let other = Cloud::start().await.bundle("bundle", in_an_hour()).await;
    let (body, _) = bundle.rsplit_once('.').unwrap();
    let (_, signature) = other.rsplit_once('.').unwrap();
    check(&format!("{body}.{signature}"), "was changed").await;
    let old = cloud.bundle("bundle", Timestamp::from_millis(1)).await;
    check(&old, "this host's clock says").await;
    let withdrawn = cloud.bundle("withdrawn", in_an_hour()).await;
    cloud
        .bus
        .withdraw(&cloud.client_id, "withdrawn")
        .await
        .unwrap();
    check(&withdrawn, "make a new one in the console").await;
    drop(cloud);
    check(&bundle, "allow outbound TCP to localhost:").await;
}

#[tokio::test]
async fn a_wrong_clock_is_told_apart_from_a_wrong_broker() {
    let (cloud, dir) = (Cloud::start().await, tempfile::tempdir().unwrap());
    let bundle = cloud.bundle("bundle", in_an_hour()).await;
    let paths = GatewayPaths {
        data_dir: dir.path().join("data"),
    };
    // An hour ahead: the bundle looks expired, and the message names this host's time.
    let ahead = Clock::manual(in_an_hour().plus(Duration::from_secs(1)));
    let refused = crate::join(&bundle, &paths, ahead).await.unwrap_err();
    assert!(matches!(refused, JoinError::Expired { .. }), "{refused}");
}
