//! The port's promises, against `s3-server` over HTTP, and against a directory that it keeps.

use std::sync::Arc;

use crate::common::{
    self, Fixture, Pattern, attributes, collect, copied, options, send_parts, source, with,
};
use futures::StreamExt as _;
use object_store::{CopyOptions, ETag, PartOf, Precondition, StoreErrorKind};

const MIB: u64 = 1 << 20;

/// Each is kept by both.
macro_rules! kept_by_both {
    ($($promise:ident),* $(,)?) => {
        mod over_http {
            $(
                #[tokio::test]
                async fn $promise() {
                    super::$promise(super::Fixture::start().await).await;
                }
            )*
        }

        mod in_a_directory {
            $(
                #[tokio::test]
                async fn $promise() {
                    super::$promise(super::Fixture::in_a_directory()).await;
                }
            )*
        }
    };
}

kept_by_both! {
    an_object_comes_back_with_its_metadata,
    large_objects_go_in_parts_and_come_back_whole,
    parts_of_an_object_become_parts_of_another_without_being_sent,
    uploads_under_way_are_listed_and_aborted,
    ranges_end_where_the_object_ends,
    a_precondition_guards_puts_and_completions,
    a_copy_keeps_metadata_and_content_type,
    a_copy_and_a_delete_are_bound_to_versions,
    a_delete_is_done_however_often_it_is_asked,
    a_listing_goes_on_after_a_key_and_stays_under_its_prefix,
    a_source_that_fails_leaves_nothing_behind,
}

async fn an_object_comes_back_with_its_metadata(fixture: Fixture) {
    let store = fixture.store("").await;
    for key in [
        "a",
        "dir/",
        "a/b",
        "ä ö/%2B+&=?#",
        " space ",
        "a//b",
        "/lead",
        "x\u{1}y",
    ] {
        let etag = store.put(key, &Pattern(11), &options()).await.unwrap();
        let head = store.head(key).await.unwrap();
        assert_eq!((head.size, head.etag), (11, Some(etag)), "{key:?}");
        assert_eq!(head.metadata.unwrap()["file-owner"], "1000");
        assert!(head.last_modified.is_some());
        assert_eq!(collect(&store, key, 0, 11).await, Pattern(11).all());
    }
    let page = store.list("", None).await.unwrap();
    let keys: Vec<&str> = page
        .objects
        .iter()
        .map(|object| object.key.as_str())
        .collect();
    assert_eq!(
        keys,
        [
            " space ",
            "/lead",
            "a",
            "a//b",
            "a/b",
            "dir/",
            "x\u{1}y",
            "ä ö/%2B+&=?#"
        ]
    );
}

async fn large_objects_go_in_parts_and_come_back_whole(fixture: Fixture) {
    let store = fixture.store("p/").await;
    for size in [1, 5 * MIB, 5 * MIB + 1, 21 * MIB + 5] {
        let (upload, parts) = send_parts(&store, "big", &Pattern(size)).await.unwrap();
        let whole = store
            .complete_upload(&upload, &parts, &Precondition::None)
            .await;
        let head = store.head("big").await.unwrap();
        assert_eq!((head.size, head.etag), (size, Some(whole.unwrap())));
        assert_eq!(head.metadata.unwrap(), options().metadata);
        assert_eq!(fixture.content_type("p/big"), "text/plain");
        assert!(collect(&store, "big", 0, size).await == Pattern(size).all());
    }
}

async fn parts_of_an_object_become_parts_of_another_without_being_sent(fixture: Fixture) {
    let store = fixture.store("p/").await;
    let size = 12 * MIB;
    let base = store.put("base", &Pattern(size), &options()).await.unwrap();
    let upload = store.begin_upload("ü next", &attributes()).await.unwrap();
    let part = |number, range| PartOf {
        upload: &upload,
        number,
        range,
    };
    let from = source("base", Some(&base));
    let first = store
        .copy_part(part(1, 3..5 * MIB + 3), from)
        .await
        .unwrap();
    let second = store
        .put_part(part(2, 7..107), &Pattern(size))
        .await
        .unwrap();
    let other = ETag("0".repeat(32));
    let refused = store
        .copy_part(part(3, 0..9), source("base", Some(&other)))
        .await;
    assert_eq!(
        refused.unwrap_err().kind(),
        StoreErrorKind::PreconditionFailed
    );
    let parts = [(1, first), (2, second)];
    store
        .complete_upload(&upload, &parts, &Precondition::Absent)
        .await
        .unwrap();
    let mut whole = Pattern(size).all()[3..].to_vec();
    whole.truncate(5 << 20);
    whole.extend_from_slice(&Pattern(size).all()[7..107]);
    assert!(collect(&store, "ü next", 0, size).await == whole);
}

async fn uploads_under_way_are_listed_and_aborted(fixture: Fixture) {
    let store = fixture.store("p/").await;
    let other = fixture
        .store("q/")
        .await
        .begin_upload("k", &attributes())
        .await
        .unwrap();
    let mut begun = Vec::new();
    for key in ["a b", "c/ü", "c/x"] {
        begun.push(store.begin_upload(key, &attributes()).await.unwrap());
    }
    let page = store.list_uploads("", None).await.unwrap();
    assert!(page.uploads.iter().all(|found| found.since.is_some()) && !page.more);
    let listed: Vec<_> = page.uploads.into_iter().map(|found| found.upload).collect();
    assert_eq!(
        listed,
        [begun[0].clone(), begun[2].clone(), begun[1].clone()]
    );
    let page = store.list_uploads("c/", Some(&begun[2])).await.unwrap();
    assert_eq!(page.uploads.len(), 1);
    for upload in begun.iter().chain(&begun) {
        store.abort_upload(upload).await.unwrap();
    }
    assert!(
        store
            .list_uploads("", None)
            .await
            .unwrap()
            .uploads
            .is_empty()
    );
    let left = fixture
        .store("q/")
        .await
        .list_uploads("", None)
        .await
        .unwrap();
    assert_eq!(left.uploads[0].upload, other);
    let parts = [(1, ETag("e".into()))];
    let lost = store.complete_upload(&begun[0], &parts, &Precondition::None);
    assert_eq!(lost.await.unwrap_err().kind(), StoreErrorKind::UploadLost);
}

async fn ranges_end_where_the_object_ends(fixture: Fixture) {
    let store = fixture.store("").await;
    let etag = store.put("a", &Pattern(10), &options()).await.unwrap();
    let all = Pattern(10).all();
    for (offset, len, expected) in [
        (0, 10, 0..10),
        (3, 4, 3..7),
        (8, 99, 8..10),
        (10, 1, 0..0),
        (99, 1, 0..0),
        (2, 0, 0..0),
    ] {
        assert_eq!(
            collect(&store, "a", offset, len).await,
            all[expected].to_vec(),
            "{offset} {len}"
        );
    }
    assert!(store.get("a", 0, 1, Some(&etag)).await.is_ok());
    let other = ETag("0".repeat(32));
    let error = store.get("a", 0, 1, Some(&other)).await.err().unwrap();
    assert_eq!(error.kind(), StoreErrorKind::PreconditionFailed);
    let error = store.get("none", 0, 1, None).await.err().unwrap();
    assert_eq!(error.kind(), StoreErrorKind::NotFound);
}

async fn a_precondition_guards_puts_and_completions(fixture: Fixture) {
    let store = fixture.store("").await;
    for in_parts in [false, true] {
        let key = format!("k{in_parts}");
        let put = async |key: &str, size, precondition: &Precondition| {
            if !in_parts {
                return store
                    .put(key, &Pattern(size), &with(precondition.clone()))
                    .await;
            }
            let (upload, parts) = send_parts(&store, key, &Pattern(size)).await?;
            store.complete_upload(&upload, &parts, precondition).await
        };
        let refused = async |key: &str, size, precondition: &Precondition| {
            let error = put(key, size, precondition).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::PreconditionFailed, "{error}");
        };
        let first = put(&key, 3, &Precondition::Absent).await.unwrap();
        refused(&key, 3, &Precondition::Absent).await;
        let same = Precondition::Matches(first.clone());
        let second = put(&key, 4, &same).await.unwrap();
        assert_ne!(first, second);
        refused(&key, 3, &same).await;
        refused("gone", 3, &same).await;
        assert_eq!(store.head(&key).await.unwrap().size, 4);
    }
}

async fn a_copy_keeps_metadata_and_content_type(fixture: Fixture) {
    let store = fixture.store("p/").await;
    store.put("from ü", &Pattern(5), &options()).await.unwrap();
    let plain = copied(Precondition::None);
    store
        .copy(source("from ü", None), "dir/to", &plain)
        .await
        .unwrap();
    let head = store.head("dir/to").await.unwrap();
    assert_eq!(head.metadata.unwrap(), options().metadata);
    assert_eq!(fixture.content_type("p/dir/to"), "text/plain");
    assert_eq!(collect(&store, "dir/to", 0, 5).await, Pattern(5).all());
    let error = store.copy(source("none", None), "x", &plain).await;
    assert_eq!(error.unwrap_err().kind(), StoreErrorKind::NotFound);
    let mut other = attributes();
    other.metadata.insert("file-owner".into(), "7".into());
    let replaced = CopyOptions {
        attributes: Some(other.clone()),
        precondition: Precondition::None,
    };
    let itself = source("dir/to", head.etag.as_ref());
    store.copy(itself, "dir/to", &replaced).await.unwrap();
    let head = store.head("dir/to").await.unwrap();
    assert_eq!((head.size, head.metadata.unwrap()), (5, other.metadata));
}

async fn a_copy_and_a_delete_are_bound_to_versions(fixture: Fixture) {
    let store = fixture.store("p/").await;
    let old = store.put("a", &Pattern(5), &options()).await.unwrap();
    let new = store.put("a", &Pattern(6), &options()).await.unwrap();
    let theirs = store.put("taken", &Pattern(7), &options()).await.unwrap();
    let absent = copied(Precondition::Absent);
    let matches = |etag: &ETag| copied(Precondition::Matches(etag.clone()));
    for (from, to, options) in [
        (source("a", Some(&old)), "b", &absent),
        (source("a", Some(&new)), "taken", &absent),
        (source("a", Some(&new)), "taken", &matches(&old)),
    ] {
        let error = store.copy(from, to, options).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::PreconditionFailed, "{error}");
    }
    store
        .copy(source("a", Some(&new)), "b", &absent)
        .await
        .unwrap();
    store
        .copy(source("a", Some(&new)), "taken", &matches(&theirs))
        .await
        .unwrap();
    let error = store.delete("a", Some(&old)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::PreconditionFailed, "{error}");
    store.delete("a", Some(&new)).await.unwrap();
    store.delete("a", Some(&new)).await.unwrap_or_else(|error| {
        assert_eq!(error.kind(), StoreErrorKind::PreconditionFailed, "{error}");
    });
    let page = store.list("", None).await.unwrap();
    let keys: Vec<_> = page.objects.into_iter().map(|object| object.key).collect();
    assert_eq!(keys, ["b", "taken"], "no probe stays");
}

async fn a_delete_is_done_however_often_it_is_asked(fixture: Fixture) {
    let store = fixture.store("").await;
    store.put("a", &Pattern(5), &options()).await.unwrap();
    store.delete("a", None).await.unwrap();
    store.delete("a", None).await.unwrap();
    assert_eq!(
        store.head("a").await.unwrap_err().kind(),
        StoreErrorKind::NotFound
    );
}

async fn a_listing_goes_on_after_a_key_and_stays_under_its_prefix(fixture: Fixture) {
    let (share, other) = (fixture.store("p/").await, fixture.store("q/").await);
    let put = |number: usize| {
        let share = Arc::clone(&share);
        async move {
            let key = format!("d/{number:04}");
            share.put(&key, &Pattern(1), &options()).await.unwrap();
        }
    };
    futures::stream::iter(0..1_005)
        .map(put)
        .buffer_unordered(32)
        .collect::<()>()
        .await;
    other.put("z", &Pattern(1), &options()).await.unwrap();
    let first = share.list("", None).await.unwrap();
    assert_eq!((first.objects.len(), first.more), (1_000, true));
    let last = &first.objects[999];
    assert_eq!(last.key, "d/0999");
    assert!(last.etag.is_some() && last.last_modified.is_some() && last.metadata.is_none());
    let second = share.list("", Some(&last.key)).await.unwrap();
    assert_eq!((second.objects.len(), second.more), (5, false));
    let page = share.list("d/000", Some("d/0007")).await.unwrap();
    assert_eq!(page.objects.len(), 2);
}

async fn a_source_that_fails_leaves_nothing_behind(fixture: Fixture) {
    let store = fixture.store("").await;
    let error = store
        .put("a", &common::Broken(20 * MIB), &options())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Source);
    assert_eq!(
        store.head("a").await.unwrap_err().kind(),
        StoreErrorKind::NotFound
    );
}

#[tokio::test]
async fn a_key_that_a_url_would_change_is_refused() {
    let fixture = Fixture::start().await;
    let store = fixture.store("").await;
    for key in ["", ".", "a/../b", &"x".repeat(1_024)] {
        let error = store.put(key, &Pattern(1), &options()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Other, "{key}");
    }
}

#[tokio::test]
async fn a_check_says_what_is_wrong_and_what_to_do() {
    let fixture = Fixture::start().await;
    fixture.store("p/").await.check().await.unwrap();
    assert!(
        fixture
            .store("")
            .await
            .list("", None)
            .await
            .unwrap()
            .objects
            .is_empty(),
        "no probe stays"
    );
    let check = |change: fn(&mut model::BucketSettings)| {
        let mut settings = fixture.settings("");
        change(&mut settings);
        async move {
            let store = common::open(&settings);
            let error = store.check().await.unwrap_err();
            (error.kind(), error.to_string())
        }
    };
    let (kind, text) = check(|s| s.bucket = "other".into()).await;
    assert_eq!(kind, StoreErrorKind::BucketNotFound);
    assert!(text.contains("no bucket `other`; create it"), "{text}");
    let (kind, text) = check(|s| s.access_key_id = "who".into()).await;
    assert_eq!(kind, StoreErrorKind::AccessDenied);
    assert!(text.contains("does not know access key id `who`"), "{text}");
    let (kind, text) = check(|s| s.secret_access_key = model::Secret::new("wrong")).await;
    assert_eq!(kind, StoreErrorKind::AccessDenied);
    assert!(text.contains("the secret does not belong to"), "{text}");
    let (kind, text) = check(|s| s.endpoint = "http://127.0.0.1:1".into()).await;
    assert_eq!(kind, StoreErrorKind::Unavailable);
    assert!(
        text.contains("cannot be reached") && text.contains("refused"),
        "{text}"
    );
}
