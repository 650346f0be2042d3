//! Facts about the database, on a SQLite file.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use audit_log::{Action, AuditLog as _, Outcome};
use database::{
    BorrowFailure, Borrowed, CommandFilter, CommandRecord, CommandState, CredentialRecord,
    CredentialState, Database, DatabaseConfig, DatabaseErrorKind, EntryOutcome, GATEWAY_SERIES,
    GatewayRecord, Point, SessionRecord, ShareChange, UserRecord,
};
use model::{
    BucketSettings, CommandId, Credential, ErrorCode, Failure, GatewayId, LentKeys, Location,
    Method, Provider, Role, Secret, ShareSettings, Timestamp, Writers,
};
use serde_json::json;
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

struct Fixture {
    database: Database,
    directory: tempfile::TempDir,
}

async fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    for id in ["gw-one", "gw-two"] {
        database.create_gateway(&gateway(id)).await.unwrap();
    }
    Fixture {
        database,
        directory,
    }
}

async fn open(directory: &tempfile::TempDir) -> Database {
    let config = DatabaseConfig::in_directory(directory.path());
    Database::connect(&config).await.unwrap()
}

fn gateway(id: &str) -> GatewayRecord {
    GatewayRecord {
        id: id.parse().unwrap(),
        name: format!("Site {id}"),
        location: Location::OnPremises,
        client_id: format!("GID_csg_local@@@{id}").parse().unwrap(),
        intent_version: 0,
        created_at: NOW,
        activated_at: None,
        last_seen_at: None,
        address: None,
    }
}

fn id(text: &str) -> GatewayId {
    text.parse().unwrap()
}

fn share(name: &str, prefix: &str) -> ShareSettings {
    let bucket = BucketSettings {
        provider: Provider::S3,
        endpoint: "https://store.example".into(),
        region: "r".into(),
        bucket: "files".into(),
        prefix: prefix.into(),
        access_key_id: "AK".into(),
        secret_access_key: Secret::new("very-secret-key"),
        session_token: Secret::new("very-secret-token"),
        signature: model::OssSignature::default(),
        role: None,
    };
    ShareSettings {
        cache_bytes_max: 1 << 30,
        upload_delay_ms: 0,
        rescan_interval_s: 0,
        squash: model::Squash::None,
        ..ShareSettings::new(name.parse().unwrap(), bucket)
    }
}

fn command(gateway: &str) -> CommandRecord {
    CommandRecord {
        id: CommandId(Uuid::now_v7()),
        gateway: id(gateway),
        method: Method::ShareSync,
        params: json!({"share": "a"}),
        idempotency_key: Uuid::new_v4(),
        generation: 1,
        noreply: false,
        issued_by: "ada".into(),
        audit_entry: 1,
        deadline: NOW,
        state: CommandState::Pending,
        accepted_at: NOW,
        delivered_at: None,
        started_at: None,
        finished_at: None,
        inquiries: 0,
        check_at: Some(NOW),
        result: None,
        error: None,
        reissue_of: None,
        reissued_as: None,
    }
}

#[tokio::test]
async fn each_change_of_shares_bumps_the_version_and_survives_a_restart() {
    let f = fixture().await;
    let one = id("gw-one");
    let change = |c| {
        let (database, one) = (&f.database, &one);
        async move { database.change_shares(one, &c).await.unwrap() }
    };
    assert_eq!(change(ShareChange::Create(share("a", "a/"))).await, 1);
    let mut wider = share("a", "a/");
    wider.cache_bytes_max = 5;
    assert_eq!(change(ShareChange::Replace(wider.clone())).await, 2);
    f.database.shutdown().await.unwrap();

    let again = open(&f.directory).await;
    let intent = again.intent(&one, NOW).await.unwrap();
    assert_eq!((intent.version, intent.shares), (2, vec![wider]));
    let remove = ShareChange::Remove("a".parse().unwrap());
    assert_eq!(again.change_shares(&one, &remove).await.unwrap(), 3);
    assert_eq!(again.intent(&one, NOW).await.unwrap().shares, vec![]);
}

#[tokio::test]
async fn two_shares_never_fight_for_the_same_objects_not_even_on_two_gateways() {
    let f = fixture().await;
    let create = |gateway: &'static str, settings| {
        let database = &f.database;
        async move {
            let change = ShareChange::Create(settings);
            database
                .change_shares(&id(gateway), &change)
                .await
                .map_err(|e| e.kind())
        }
    };
    assert_eq!(create("gw-one", share("a", "a/")).await, Ok(1));
    let overlap = Err(DatabaseErrorKind::PrefixOverlap);
    let with = |prefix, writers| ShareSettings {
        writers,
        ..share("b", prefix)
    };
    assert_eq!(create("gw-one", share("b", "a/")).await, overlap);
    assert_eq!(create("gw-one", with("a/", Writers::None)).await, overlap);
    assert_eq!(create("gw-two", share("b", "a/deeper/")).await, overlap);
    assert_eq!(create("gw-two", share("b", "")).await, overlap);
    assert_eq!(create("gw-two", with("a/", Writers::Many)).await, overlap);
    assert_eq!(create("gw-two", share("b", "ab/")).await, Ok(1));
    let again = create("gw-one", share("a", "other/")).await;
    assert_eq!(again, Err(DatabaseErrorKind::Conflict));
    let nobody = create("gw-none", share("a", "z/")).await;
    assert_eq!(nobody, Err(DatabaseErrorKind::NotFound));
    let refused = f.database.intent(&id("gw-two"), NOW).await.unwrap();
    assert_eq!(refused.version, 1, "a refused change changes nothing");
}

#[tokio::test]
async fn gateways_have_objects_in_common_where_it_is_clear_who_writes() {
    let f = fixture().await;
    let database = &f.database;
    let create = async |gateway, prefix, writers| {
        let change = ShareChange::Create(ShareSettings {
            writers,
            ..share("a", prefix)
        });
        let made = database.change_shares(&id(gateway), &change).await;
        let removed = ShareChange::Remove("a".parse().unwrap());
        if made.is_ok() {
            database
                .change_shares(&id(gateway), &removed)
                .await
                .unwrap();
        }
        made.is_ok()
    };
    let first = ShareChange::Create(share("a", "a/"));
    database.change_shares(&id("gw-one"), &first).await.unwrap();
    assert!(
        create("gw-two", "a/", Writers::One).await,
        "one lease for both"
    );
    assert!(create("gw-two", "a/", Writers::None).await);
    assert!(create("gw-two", "", Writers::None).await);
    assert!(!create("gw-two", "a/b/", Writers::One).await);
    assert!(!create("gw-two", "a/", Writers::Many).await);
    let many = ShareChange::Replace(ShareSettings {
        writers: Writers::Many,
        ..share("a", "a/")
    });
    database.change_shares(&id("gw-one"), &many).await.unwrap();
    assert!(create("gw-two", "a/b/", Writers::Many).await);
    assert!(!create("gw-two", "a/", Writers::One).await);
    let mut other_words = share("a", "a/");
    other_words.bucket.endpoint = "HTTPS://store.example:443/".into();
    let second = ShareChange::Create(ShareSettings {
        writers: Writers::Many,
        ..other_words
    });
    database
        .change_shares(&id("gw-two"), &second)
        .await
        .unwrap();
    let places = database.share_places(None).await.unwrap();
    assert_eq!(places.len(), 2);
    let endpoint = &places[0].settings.bucket.endpoint;
    assert!(
        places
            .iter()
            .all(|p| p.settings.bucket.endpoint == *endpoint)
    );
    assert!(
        places
            .iter()
            .all(|p| p.settings.bucket.secret_access_key.is_empty())
    );
    let two = database.share_places(Some(&id("gw-two"))).await.unwrap();
    assert_eq!((two.len(), &two[0].gateway), (1, &id("gw-two")));
}

#[tokio::test]
async fn secrets_are_nowhere_in_the_files_of_the_database() {
    let f = fixture().await;
    let create = ShareChange::Create(share("a", "a/"));
    f.database
        .change_shares(&id("gw-one"), &create)
        .await
        .unwrap();
    let credential = CredentialRecord {
        gateway: id("gw-one"),
        credential: Credential {
            access_key_id: "k1".into(),
            secret: Secret::new("very-secret-credential"),
        },
        state: CredentialState::Bundle,
        created_at: NOW,
        expires_at: Some(NOW),
    };
    f.database.add_credential(&credential, &[]).await.unwrap();
    assert_eq!(f.database.credentials().await.unwrap(), [credential]);
    f.database.shutdown().await.unwrap();
    for file in std::fs::read_dir(f.directory.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(11).any(|w| w == b"very-secret"));
    }
}

#[tokio::test]
async fn a_used_credential_withdraws_all_others_of_its_gateway() {
    let f = fixture().await;
    let add = |key: &'static str, gateway: &'static str, state| CredentialRecord {
        gateway: id(gateway),
        credential: Credential {
            access_key_id: key.into(),
            secret: Secret::new("s"),
        },
        state,
        created_at: NOW,
        expires_at: None,
    };
    let db = &f.database;
    for new in [
        add("other", "gw-two", CredentialState::Active),
        add("b1", "gw-one", CredentialState::Bundle),
        add("b2", "gw-one", CredentialState::Bundle),
    ] {
        db.add_credential(&new, &[CredentialState::Bundle])
            .await
            .unwrap();
    }
    db.add_credential(&add("new", "gw-one", CredentialState::Offered), &[])
        .await
        .unwrap();
    assert_eq!(
        states(db, "gw-one").await,
        "b1=Withdrawn b2=Bundle new=Offered"
    );
    db.use_credential(&id("gw-one"), "new").await.unwrap();
    assert_eq!(
        states(db, "gw-one").await,
        "b1=Withdrawn b2=Withdrawn new=Active"
    );
    assert_eq!(states(db, "gw-two").await, "other=Active");
}

async fn states(database: &Database, gateway: &str) -> String {
    let mut all: Vec<String> = database
        .credentials_of(&id(gateway))
        .await
        .unwrap()
        .iter()
        .map(|c| format!("{}={:?}", c.credential.access_key_id, c.state))
        .collect();
    all.sort();
    all.join(" ")
}

#[tokio::test]
async fn a_command_is_updated_by_one_at_a_time_and_linked_to_its_reissue() {
    let f = fixture().await;
    let db = &f.database;
    let first = command("gw-one");
    db.create_command(&first).await.unwrap();
    let same_key = CommandRecord {
        id: CommandId(Uuid::now_v7()),
        ..first.clone()
    };
    let refused = db.create_command(&same_key).await.unwrap_err();
    assert_eq!(refused.kind(), DatabaseErrorKind::Conflict);

    let second = CommandRecord {
        generation: 2,
        reissue_of: Some(first.id),
        check_at: None,
        ..same_key
    };
    db.create_command(&second).await.unwrap();
    let latest = db
        .command_by_key(&first.gateway, first.idempotency_key)
        .await;
    assert_eq!(latest.unwrap(), Some(second.clone()));

    let adds = (0..8).map(|_| {
        db.update_command(first.id, |c| {
            c.inquiries += 1;
            (true, ())
        })
    });
    for done in futures_join(adds).await {
        done.unwrap();
    }
    let stored = db.command(first.id).await.unwrap().unwrap();
    assert_eq!((stored.inquiries, stored.reissued_as), (8, Some(second.id)));
    let filter = CommandFilter {
        before: Some(second.id),
        ..CommandFilter::default()
    };
    let older = db.commands(&filter, 10).await.unwrap();
    assert_eq!(older, [stored]);
    assert_eq!(db.due_commands(NOW, 10).await.unwrap(), older);
}

/// Runs all at once on this task.
async fn futures_join<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut open: Vec<_> = all.map(Box::pin).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|cx| {
        open.retain_mut(|f| match f.as_mut().poll(cx) {
            std::task::Poll::Ready(value) => {
                done.push(value);
                false
            }
            std::task::Poll::Pending => true,
        });
        if open.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done
}

#[tokio::test]
async fn samples_are_thinned_by_the_time_they_are_kept() {
    let f = fixture().await;
    let gateway = id("gw-one");
    let sample = |ms| Point {
        at: Timestamp::from_millis(ms),
        dirty_bytes: ms,
        round_trip_ms: Some(3),
        ..Point::default()
    };
    let kept = |ms, keep: u64| {
        let series = GATEWAY_SERIES.to_owned();
        (
            gateway.clone(),
            series,
            sample(ms),
            Timestamp::from_millis(keep),
        )
    };
    let points = [kept(1, 100), kept(2, 60), kept(2, 50), kept(3, 100)];
    f.database.add_points(&points).await.unwrap();
    let times = async || {
        let (from, to) = (Timestamp::from_millis(0), Timestamp::from_millis(9));
        let points = f.database.points(&gateway, "", from, to).await.unwrap();
        points.iter().map(|p| p.dirty_bytes).collect::<Vec<_>>()
    };
    assert_eq!(times().await, [1, 2, 3]);
    f.database
        .thin_points(Timestamp::from_millis(51))
        .await
        .unwrap();
    assert_eq!(times().await, [1, 3]);
}

fn action() -> Action {
    Action {
        actor: "ada".into(),
        source: "local".into(),
        channel: "api".into(),
        action: "share.create".into(),
        target: "gateway/gw-one/share/a".into(),
        details: json!({"b": 1, "a": {"z": 1, "y": [2]}}),
    }
}

#[tokio::test]
async fn the_audit_chain_goes_on_after_a_restart_and_is_whole() {
    let f = fixture().await;
    let first = f.database.open(NOW, action()).await.unwrap();
    let second = f.database.open(NOW, action()).await.unwrap();
    f.database
        .close(NOW, first, Outcome::Succeeded)
        .await
        .unwrap();
    assert_eq!(f.database.open_audit_entries().await.unwrap(), [second]);
    f.database.shutdown().await.unwrap();

    let again = open(&f.directory).await;
    let third = again.open(NOW, action()).await.unwrap();
    assert_eq!(third.0, 4);
    let report = again.verify_audit().await.unwrap();
    assert_eq!((report.records, report.broken_at), (4, None));
    let entries = again.audit_entries(Some(third.0), 10).await.unwrap();
    let ids: Vec<u64> = entries.iter().map(|e| e.id.0).collect();
    assert_eq!(ids, [2, 1]);
    assert_eq!(entries[0].outcome, EntryOutcome::Open);
    assert!(matches!(entries[1].outcome, EntryOutcome::Closed { .. }));
}

#[tokio::test]
async fn an_audit_record_that_was_changed_is_found() {
    let f = fixture().await;
    for _ in 0..3 {
        f.database.open(NOW, action()).await.unwrap();
    }
    f.database.shutdown().await.unwrap();
    let url = format!("sqlite://{}/console.db", f.directory.path().display());
    let raw = sea_orm::Database::connect(url).await.unwrap();
    let forge = "UPDATE audit_records SET body = replace(body, 'ada', 'eve') WHERE sequence = 2";
    sea_orm::ConnectionTrait::execute_unprepared(&raw, forge)
        .await
        .unwrap();
    raw.close().await.unwrap();
    let report = open(&f.directory).await.verify_audit().await.unwrap();
    assert_eq!((report.records, report.broken_at), (1, Some(2)));
}

#[tokio::test]
async fn a_deleted_user_has_no_session_any_more() {
    let f = fixture().await;
    let db = &f.database;
    let user = UserRecord {
        name: "ada".into(),
        role: Role::Admin,
        password_hash: "h".into(),
        created_at: NOW,
    };
    db.create_user(&user).await.unwrap();
    let taken = db.create_user(&user).await.unwrap_err();
    assert_eq!(taken.kind(), DatabaseErrorKind::Conflict);
    let session = SessionRecord {
        token_hash: "t".into(),
        user_name: "ada".into(),
        source: "local".into(),
        created_at: NOW,
        expires_at: NOW.plus(Duration::from_secs(1)),
    };
    db.create_session(&session).await.unwrap();
    let found = db.session("t", NOW).await.unwrap();
    assert_eq!(found, Some((session.clone(), user)));
    assert_eq!(db.session("t", session.expires_at).await.unwrap(), None);
    db.delete_user("ada").await.unwrap();
    assert_eq!(db.session("t", NOW).await.unwrap(), None);
}

/// `share` with a role.
fn share_with_role(name: &str, prefix: &str) -> ShareSettings {
    let mut settings = share(name, prefix);
    settings.bucket.session_token = Secret::default();
    let role = json!({"arn": "arn:aws:iam::123456789012:role/gateway"});
    settings.bucket.role = Some(serde_json::from_value(role).unwrap());
    settings
}

fn borrowed(number: u64) -> Borrowed {
    Borrowed {
        keys: LentKeys {
            access_key_id: format!("LENT{number}"),
            secret_access_key: Secret::new(format!("lent-secret-{number}")),
            session_token: Secret::new(format!("lent-token-{number}")),
            expires_at: NOW.plus(Duration::from_secs(60 * number)),
        },
        at: NOW,
        due_at: NOW.plus(Duration::from_secs(40 * number)),
    }
}

/// Makes share `a`, with the first keys from its role.
async fn share_with_lent_keys(database: &Database, gateway: &GatewayId) {
    let create = ShareChange::Create(share_with_role("a", "a/"));
    let first = borrowed(1);
    let made = database.change_shares_with(gateway, &create, Some(&first));
    assert_eq!(made.await.unwrap(), 1);
}

/// Access key id, secret and token of the first share of a gateway's intent.
async fn sent_keys(database: &Database, now: Timestamp) -> [String; 3] {
    let intent = database.intent(&id("gw-one"), now).await.unwrap();
    let bucket = intent.shares[0].bucket.clone();
    assert_eq!(bucket.role, None, "a gateway knows of no role");
    let (secret, token) = (bucket.secret_access_key, bucket.session_token);
    [
        bucket.access_key_id,
        secret.expose().into(),
        token.expose().into(),
    ]
}

#[tokio::test]
async fn a_gateway_gets_lent_keys_or_none_and_never_those_that_assume_the_role() {
    let f = fixture().await;
    let (database, one) = (&f.database, id("gw-one"));
    let create = ShareChange::Create(share_with_role("a", "a/"));
    assert_eq!(database.change_shares(&one, &create).await.unwrap(), 1);
    let none = [const { String::new() }; 3];
    assert_eq!(sent_keys(database, NOW).await, none, "nothing is lent yet");
    let due = database.due_keys(NOW, 10).await.unwrap();
    assert_eq!((due.len(), due[0].keys.clone()), (1, None));

    let by = share_with_role("a", "a/").bucket;
    let name = "a".parse().unwrap();
    let renewed = database.renew_keys(&one, &name, (&by, &borrowed(1))).await;
    assert_eq!(renewed.unwrap(), Some(2), "a new version of the intent");
    let lent = ["LENT1", "lent-secret-1", "lent-token-1"].map(str::to_owned);
    assert_eq!(sent_keys(database, NOW).await, lent);
    let over = NOW.plus(Duration::from_secs(60));
    assert_eq!(sent_keys(database, over).await, none, "they are over");
    assert_eq!(database.due_keys(NOW, 10).await.unwrap(), vec![]);
    let later = NOW.plus(Duration::from_secs(40));
    assert_eq!(database.due_keys(later, 10).await.unwrap().len(), 1);
    database.shutdown().await.unwrap();

    let again = open(&f.directory).await;
    assert_eq!(sent_keys(&again, NOW).await, lent, "after a restart, too");
    let file = std::fs::read(f.directory.path().join("console.db")).unwrap();
    for secret in ["lent-secret-1", "lent-token-1", "very-secret-key"] {
        let is_there = file.windows(secret.len()).any(|w| w == secret.as_bytes());
        assert!(!is_there, "{secret} is readable in the database");
    }
}

#[tokio::test]
async fn keys_are_not_stored_for_a_share_that_has_changed_meanwhile() {
    let f = fixture().await;
    let (database, one) = (&f.database, id("gw-one"));
    let name = "a".parse().unwrap();
    share_with_lent_keys(database, &one).await;
    let old = share_with_role("a", "a/").bucket;
    let renew = async || {
        let renewed = database.renew_keys(&one, &name, (&old, &borrowed(2))).await;
        renewed.unwrap()
    };
    let mut other = share_with_role("a", "a/");
    other.bucket.secret_access_key = Secret::new("another");
    let replace = ShareChange::Replace(other);
    database.change_shares(&one, &replace).await.unwrap();
    assert_eq!(renew().await, None, "the keys of the settings of before");
    let record = database.lent_keys(&one, &name).await.unwrap().unwrap();
    assert_eq!(record.keys, None, "those went with the settings");

    let replace = ShareChange::Replace(share("a", "a/"));
    database.change_shares(&one, &replace).await.unwrap();
    assert_eq!(database.lent_keys(&one, &name).await.unwrap(), None);
    assert_eq!(renew().await, None, "it has no role any more");
    let remove = ShareChange::Remove(name.clone());
    database.change_shares(&one, &remove).await.unwrap();
    assert_eq!(renew().await, None, "it is gone");

    let create = ShareChange::Create(share_with_role("a", "a/"));
    database.change_shares(&one, &create).await.unwrap();
    database.delete_gateway(&one).await.unwrap();
    assert_eq!(database.due_keys(NOW, 10).await.unwrap(), vec![]);
}

#[tokio::test]
async fn a_share_that_is_retired_is_lent_keys_until_it_is_removed() {
    let f = fixture().await;
    let (one, name) = (id("gw-one"), "a".parse().unwrap());
    share_with_lent_keys(&f.database, &one).await;
    let retire = ShareChange::Retire("a".parse().unwrap());
    assert_eq!(f.database.change_shares(&one, &retire).await.unwrap(), 2);
    f.database.shutdown().await.unwrap();

    let database = open(&f.directory).await;
    let by = share_with_role("a", "a/").bucket;
    let renewed = database.renew_keys(&one, &name, (&by, &borrowed(2))).await;
    assert_eq!(renewed.unwrap(), Some(3));
    let intent = database.intent(&one, NOW).await.unwrap();
    assert_eq!((intent.version, intent.shares), (3, vec![]));
    assert_eq!(intent.retired[0].bucket.access_key_id, "LENT2");
    // To retire it again changes nothing of that, and it is not removed as if it held nothing.
    assert_eq!(database.change_shares(&one, &retire).await.unwrap(), 4);
    let remove = ShareChange::Remove("a".parse().unwrap());
    let refused = database.change_shares(&one, &remove).await.unwrap_err();
    assert_eq!(refused.kind(), DatabaseErrorKind::Conflict);
    // It can be mended without being wanted.
    let mut mended = share_with_role("a", "a/");
    mended.bucket.secret_access_key = Secret::new("another");
    let replace = ShareChange::Replace(mended);
    database.change_shares(&one, &replace).await.unwrap();
    let retired = database.retired_shares().await.unwrap().remove(0);
    assert_eq!(
        (retired.gateway, retired.retired_in),
        (one.clone(), Some(2))
    );
    let taken = ShareChange::Create(share("b", "a/deeper/"));
    let taken = database.change_shares(&id("gw-two"), &taken).await;
    assert_eq!(taken.unwrap_err().kind(), DatabaseErrorKind::PrefixOverlap);

    let removed = database.remove_retired(&one, &name, 2).await;
    assert_eq!(removed.unwrap(), Some(6));
    assert_eq!(database.intent(&one, NOW).await.unwrap().retired, vec![]);
    let later = NOW.plus(Duration::from_secs(3_600));
    assert_eq!(database.due_keys(later, 10).await.unwrap(), vec![]);
    assert_eq!(database.retired_shares().await.unwrap(), vec![]);
}

#[tokio::test]
async fn a_share_that_is_retired_is_wanted_again_over_the_same_objects_only() {
    let f = fixture().await;
    let (database, one, name) = (&f.database, id("gw-one"), "a".parse().unwrap());
    let create = async |settings| {
        let create = ShareChange::Create(settings);
        let made = database.change_shares(&one, &create).await;
        made.map_err(|e| e.kind())
    };
    assert_eq!(create(share_with_role("a", "a/")).await, Ok(1));
    let wanted = Err(DatabaseErrorKind::Conflict);
    assert_eq!(create(share_with_role("a", "a/")).await, wanted);
    let remove = ShareChange::Remove("a".parse().unwrap());
    let refused = database.change_shares(&one, &remove).await.unwrap_err();
    assert_eq!(refused.kind(), DatabaseErrorKind::Conflict, "it has a role");
    let retire = ShareChange::Retire("a".parse().unwrap());
    database.change_shares(&one, &retire).await.unwrap();
    assert_eq!(create(share_with_role("a", "b/")).await, wanted);
    assert_eq!(create(share_with_role("a", "a/")).await, Ok(3));
    let removed = database.remove_retired(&one, &name, 2).await.unwrap();
    assert_eq!(removed, None, "the share of now is another");
    let intent = database.intent(&one, NOW).await.unwrap();
    assert_eq!((intent.shares.len(), intent.retired.len()), (1, 0));
}

#[tokio::test]
async fn a_failure_to_borrow_is_remembered_until_it_goes_well() {
    let f = fixture().await;
    let (database, one) = (&f.database, id("gw-one"));
    let name = "a".parse().unwrap();
    share_with_lent_keys(database, &one).await;
    let failure = BorrowFailure {
        error: Failure::new(ErrorCode::BucketAccessDenied, "no"),
        at: NOW,
        due_at: NOW.plus(Duration::from_secs(5)),
        failures: 1,
    };
    let noted = database.note_borrow_failure(&one, &name, &failure).await;
    noted.unwrap();
    let record = database.lent_keys(&one, &name).await.unwrap().unwrap();
    assert_eq!(record.error, Some(failure.error));
    assert_eq!((record.failures, record.due_at), (1, failure.due_at));
    assert_eq!(record.good_keys(NOW), Some(&borrowed(1).keys), "they stay");
    let version = database.gateway(&one).await.unwrap().intent_version;
    assert_eq!(version, 1, "the gateway has nothing to learn");

    let by = share_with_role("a", "a/").bucket;
    let renewed = database.renew_keys(&one, &name, (&by, &borrowed(2))).await;
    assert_eq!(renewed.unwrap(), Some(2));
    let record = database.lent_keys_of(&one).await.unwrap().remove(0);
    assert_eq!((record.error, record.failures), (None, 0));
}
