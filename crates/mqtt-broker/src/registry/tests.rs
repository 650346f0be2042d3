use model::{Credential, GroupId, ParentTopic, Secret, Timestamp};

use super::*;

fn open(dir: &Path) -> Registry {
    Registry::open(dir, Clock::manual(Timestamp::from_millis(1_000))).unwrap()
}

fn credential(key: &str) -> Credential {
    Credential {
        access_key_id: key.into(),
        secret: Secret::new("s"),
    }
}

#[test]
fn everything_is_there_after_reopening_and_after_a_rewrite() {
    let dir = tempfile::tempdir().unwrap();
    let group: GroupId = "GID_test".parse().unwrap();
    let client: ClientId = "GID_test@@@gw-1".parse().unwrap();
    let check = |registry: &Registry| {
        assert!(registry.rules().has_group("GID_test"));
        assert_eq!(
            registry.rules().granted("GID_test", "csg_cmd"),
            Some(Access::PublishAndSubscribe)
        );
        assert_eq!(
            registry.rules().granted("GID_test", "csg_event"),
            Some(Access::Publish)
        );
        assert!(registry.holds(&client, "new") && !registry.holds(&client, "old"));
    };
    {
        let registry = open(dir.path());
        registry.ensure_fleet_group(&group).unwrap();
        let parent: ParentTopic = "csg_cmd".parse().unwrap();
        registry
            .grant(&group, &parent, Access::PublishAndSubscribe)
            .unwrap();
        let both = ["old", "new"].map(|key| (client.clone(), credential(key), None));
        registry.register(&both).unwrap();
        registry.withdraw(&client, "old").unwrap();
        check(&registry);
        assert_eq!(registry.epoch(), 1);
    }
    let registry = open(dir.path());
    // What an operator granted is not taken back at the next start.
    registry.ensure_fleet_group(&group).unwrap();
    check(&registry);
    registry.rewrite(&mut registry.journal.lock()).unwrap();
    drop(registry);
    let registry = open(dir.path());
    check(&registry);
    assert_eq!(registry.epoch(), 3);
}

#[test]
fn the_journal_does_not_grow_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let registry = open(dir.path());
    let client: ClientId = "GID_test@@@gw-1".parse().unwrap();
    let again = vec![(client.clone(), credential("key"), None); 1_000];
    (0..40).for_each(|_| registry.register(&again).unwrap());
    assert!(registry.journal.lock().journal.len() < JOURNAL_LEN_MIN + 200_000);
    assert!(registry.holds(&client, "key"));
}

#[test]
fn expired_credentials_make_room_for_new_ones() {
    let dir = tempfile::tempdir().unwrap();
    let registry = open(dir.path());
    let client: ClientId = "GID_test@@@gw-1".parse().unwrap();
    let past = Some(Timestamp::from_millis(999));
    for n in 0..crate::limits::CREDENTIALS_MAX * 2 {
        registry
            .register(&[(client.clone(), credential(&n.to_string()), past)])
            .unwrap();
    }
    registry.clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(registry.identities.read().credentials.changes().count(), 1);
}

#[test]
fn a_credential_that_cannot_be_used_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let registry = open(dir.path());
    let client: ClientId = "GID_test@@@gw-1".parse().unwrap();
    let check = |credential: Credential, words: &str| {
        let error = registry
            .register(&[(client.clone(), credential, None)])
            .unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    };
    check(credential(""), "access key id");
    check(credential("a|b"), "access key id");
    check(credential(&"k".repeat(65)), "access key id");
    check(
        Credential {
            access_key_id: "k".into(),
            secret: Secret::default(),
        },
        "empty",
    );
}

/// A power cut in the middle of the write.
#[test]
fn a_device_whose_credential_is_replaced_has_the_old_or_the_new_one_wherever_the_write_ends() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("registry.journal");
    let client: ClientId = "GID_test@@@gw-1".parse().unwrap();
    let registry = open(dir.path());
    registry.create_group(&"GID_test".parse().unwrap()).unwrap();
    let old = registry.register_device(&client, None).unwrap();
    let before = std::fs::read(&journal).unwrap().len();
    let new = registry.refresh_device(&client).unwrap();
    drop(registry);
    let whole = std::fs::read(&journal).unwrap();
    for len in before..=whole.len() {
        std::fs::write(&journal, &whole[..len]).unwrap();
        let registry = open(dir.path());
        let holds = [&old, &new].map(|it| registry.holds(&client, &it.access_key_id));
        let is_whole = len == whole.len();
        assert_eq!(holds, [!is_whole, is_whole], "cut at {len}");
    }
}
