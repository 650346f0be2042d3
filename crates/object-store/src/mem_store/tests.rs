//! The model does what it says, so that tests which lean on it mean something.

use async_trait::async_trait;
use futures::StreamExt as _;

use super::*;
use crate::{
    CopyOptions, CopySource, ObjectStore as _, PartOf, PartSource, Precondition, PutOptions,
    StoreErrorKind,
};

struct Whole(&'static [u8]);

#[async_trait]
impl PartSource for Whole {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
    async fn read(&self, offset: u64, len: u64) -> std::io::Result<Bytes> {
        let content = Content::from(Bytes::from_static(self.0));
        Ok(content.slice(&(offset..offset + len)).whole())
    }
}

fn options(precondition: Precondition) -> PutOptions {
    PutOptions {
        content_type: "text/plain".into(),
        metadata: Metadata::from([("file-owner".into(), "7".into())]),
        precondition,
    }
}

async fn put(store: &MemStore, text: &'static str, when: Precondition) -> StoreResult<ETag> {
    store
        .put("k", &Whole(text.as_bytes()), &options(when))
        .await
}

#[tokio::test]
async fn a_put_happens_only_under_its_precondition() {
    let store = MemStore::new(Clock::system());
    let first = put(&store, "one", Precondition::Absent).await.unwrap();
    let refused = put(&store, "two", Precondition::Absent).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::PreconditionFailed);
    put(&store, "two", Precondition::Matches(first.clone()))
        .await
        .unwrap();
    let refused = put(&store, "three", Precondition::Matches(first))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::PreconditionFailed);
    assert_eq!(store.object("k").unwrap().bytes, "two");
    assert_eq!(
        store.head("k").await.unwrap().metadata.unwrap()["file-owner"],
        "7"
    );
}

#[tokio::test]
async fn a_lost_reply_has_had_its_effect_and_a_refused_call_has_not() {
    let store = MemStore::new(Clock::system());
    store.set_faults(Faults {
        refused_permille: 1_000,
        ..Faults::default()
    });
    put(&store, "one", Precondition::None).await.unwrap_err();
    assert_eq!(store.object("k"), None);
    store.set_faults(Faults {
        lost_reply_permille: 1_000,
        ..Faults::default()
    });
    put(&store, "one", Precondition::None).await.unwrap_err();
    assert_eq!(store.object("k").unwrap().bytes, "one");
}

#[tokio::test]
async fn a_listing_goes_on_after_the_last_key_of_a_page() {
    let store = MemStore::new(Clock::system());
    for n in 0..2_500 {
        store.insert(&format!("d/{n:05}"), "", Metadata::new());
    }
    store.insert("e", "", Metadata::new());
    let (mut seen, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = store.list("d/", after.as_deref()).await.unwrap();
        seen.extend(page.objects.into_iter().map(|o| o.key));
        after = seen.last().cloned();
        if !page.more {
            break;
        }
    }
    assert_eq!(seen.len(), 2_500);
    assert!(seen.is_sorted() && seen.last().unwrap() == "d/02499");
}

#[tokio::test]
async fn a_range_is_bound_to_the_version_asked_for() {
    let store = MemStore::new(Clock::system());
    let etag = store.insert("k", "hello world", Metadata::new());
    let body = store.get("k", 6, 100, Some(&etag)).await.unwrap();
    let bytes: Vec<_> = body.map(|chunk| chunk.unwrap()).collect().await;
    assert_eq!(bytes.concat(), b"world");
    store.insert("k", "changed", Metadata::new());
    let refused = store.get("k", 0, 1, Some(&etag)).await.err().unwrap();
    assert_eq!(refused.kind(), StoreErrorKind::PreconditionFailed);
}

fn source<'a>(key: &'a str, if_match: Option<&'a ETag>) -> CopySource<'a> {
    CopySource { key, if_match }
}

#[tokio::test]
async fn a_copy_and_a_delete_are_bound_to_versions() {
    let store = MemStore::new(Clock::system());
    let old = store.insert("a", "old", Metadata::new());
    let new = store.insert("a", "new", Metadata::new());
    store.insert("taken", "theirs", Metadata::new());
    let options = CopyOptions {
        attributes: None,
        precondition: Precondition::Absent,
    };
    for (from, to) in [
        (source("a", Some(&old)), "b"),
        (source("a", Some(&new)), "taken"),
    ] {
        let refused = store.copy(from, to, &options).await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::PreconditionFailed, "{to}");
    }
    store
        .copy(source("a", Some(&new)), "b", &options)
        .await
        .unwrap();
    let refused = store.delete("a", Some(&old)).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::PreconditionFailed);
    store.delete("a", Some(&new)).await.unwrap();
    store.delete("a", Some(&new)).await.unwrap();
    assert_eq!(
        store.objects().into_keys().collect::<Vec<_>>(),
        ["b", "taken"]
    );
}

#[tokio::test]
async fn an_upload_in_parts_appears_whole_and_under_its_precondition() {
    let store = MemStore::new(Clock::system());
    let base = store.insert("base", "0123456789", Metadata::new());
    let upload = store
        .begin_upload("k", &ObjectAttributes::default())
        .await
        .unwrap();
    let part = |number, range| PartOf {
        upload: &upload,
        number,
        range,
    };
    let first = store
        .copy_part(part(1, 2..6), source("base", Some(&base)))
        .await
        .unwrap();
    let second = store.put_part(part(2, 1..3), &Whole(b"abc")).await.unwrap();
    assert_eq!(
        store.uploads().into_values().collect::<Vec<_>>(),
        [vec![1, 2]]
    );
    assert_eq!(store.object("k"), None);
    let parts = [(1, first), (2, second)];
    store.insert("k", "theirs", Metadata::new());
    let refused = store
        .complete_upload(&upload, &parts, &Precondition::Absent)
        .await;
    assert_eq!(
        refused.unwrap_err().kind(),
        StoreErrorKind::PreconditionFailed
    );
    store.remove("k");
    store
        .complete_upload(&upload, &parts, &Precondition::Absent)
        .await
        .unwrap();
    assert_eq!(store.object("k").unwrap().bytes, "2345bc");
    let gone = store
        .complete_upload(&upload, &parts, &Precondition::None)
        .await;
    assert_eq!(gone.unwrap_err().kind(), StoreErrorKind::UploadLost);
    assert!(
        store
            .list_uploads("", None)
            .await
            .unwrap()
            .uploads
            .is_empty()
    );
}

#[tokio::test]
async fn a_torn_completion_leaves_an_upload_that_cannot_be_completed() {
    let store = MemStore::new(Clock::system());
    let upload = store
        .begin_upload("k", &ObjectAttributes::default())
        .await
        .unwrap();
    let part = PartOf {
        upload: &upload,
        number: 1,
        range: 0..3,
    };
    let parts = [(1, store.put_part(part, &Whole(b"abc")).await.unwrap())];
    store.set_faults(Faults {
        torn_upload_permille: 1_000,
        ..Faults::default()
    });
    let torn = store
        .complete_upload(&upload, &parts, &Precondition::None)
        .await;
    assert_eq!(torn.unwrap_err().kind(), StoreErrorKind::Unavailable);
    store.set_faults(Faults::default());
    let lost = store
        .complete_upload(&upload, &parts, &Precondition::None)
        .await;
    assert_eq!(lost.unwrap_err().kind(), StoreErrorKind::UploadLost);
    store.abort_upload(&upload).await.unwrap();
    store.abort_upload(&upload).await.unwrap();
    assert!(store.uploads().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stale_listing_tells_how_it_was() {
    let clock = Clock::of_runtime(Timestamp::from_millis(0));
    let store = MemStore::new(clock.clone());
    store.insert("kept", "old", Metadata::new());
    store.insert("gone", "", Metadata::new());
    store.set_faults(Faults {
        stale_list_permille: 1_000,
        stale_by: std::time::Duration::from_secs(10),
        ..Faults::default()
    });
    clock.sleep(std::time::Duration::from_secs(60)).await;
    store.remove("gone");
    store.insert("kept", "newer", Metadata::new());
    store.insert("new", "", Metadata::new());
    let listed = async || {
        let page = store.list("", None).await.unwrap();
        let objects = page.objects.into_iter();
        objects.map(|o| (o.key, o.size)).collect::<Vec<_>>()
    };
    let now = [("kept".to_owned(), 5), ("new".to_owned(), 0)];
    assert_eq!(
        listed().await,
        [("gone".to_owned(), 0), ("kept".to_owned(), 3)]
    );
    clock.sleep(std::time::Duration::from_secs(11)).await;
    assert_eq!(listed().await, now);
}

#[tokio::test(start_paused = true)]
async fn all_bodies_share_one_line() {
    let clock = Clock::of_runtime(Timestamp::from_millis(0));
    let store = MemStore::new(clock.clone());
    store.insert("k", vec![0; 3 << 20], Metadata::new());
    store.set_bandwidth(Some(1 << 20));
    let began = clock.now();
    let read = async || {
        let body = store.get("k", 0, 3 << 20, None).await.unwrap();
        body.for_each(|_| std::future::ready(())).await;
    };
    futures::join!(read(), read());
    let took = clock.now() - began;
    assert_eq!(took.as_secs_f64().round(), 6.0, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn too_many_calls_at_a_time_are_refused() {
    let clock = Clock::of_runtime(Timestamp::from_millis(0));
    let store = MemStore::new(clock);
    store.set_latency(Latency {
        per_call: std::time::Duration::from_millis(20),
        ..Latency::default()
    });
    store.set_faults(Faults {
        calls_at_once_max: Some(3),
        ..Faults::default()
    });
    let calls = (0..5).map(|_| store.check());
    let answers = futures::future::join_all(calls).await;
    let refused = answers.iter().filter_map(|a| a.as_ref().err());
    let kinds: Vec<_> = refused.map(crate::StoreError::kind).collect();
    assert_eq!(kinds, [StoreErrorKind::Throttled; 2]);
    assert_eq!(store.counts().at_once_max, 5);
}

#[tokio::test]
async fn damaged_bytes_are_kept_and_the_sender_is_told() {
    let store = MemStore::new(Clock::system());
    store.set_faults(Faults {
        damaged_permille: 1_000,
        ..Faults::default()
    });
    let put = store
        .put("k", &Whole(b"abc"), &options(Precondition::None))
        .await;
    assert_eq!(put.unwrap_err().kind(), StoreErrorKind::Damaged);
    assert_eq!(store.object("k").unwrap().bytes, "abb");
}

#[tokio::test]
async fn what_is_overwritten_can_be_kept() {
    let store = MemStore::new(Clock::system());
    store.keep_versions();
    for text in ["one", "two"] {
        store.insert("k", text, Metadata::new());
    }
    store.remove("k");
    let versions = store.versions("k");
    let texts: Vec<&[u8]> = versions.iter().map(|v| &v.bytes[..]).collect();
    assert_eq!(texts, [b"one", b"two"]);
}
