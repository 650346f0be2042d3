//! Objects that cannot be looked at, and objects that are not what they say: what is beside them
//! is served, and they can be put away.

use ::model::JobState;
use object_store::StoreErrorKind;

use super::*;

/// A directory with one object that may not be looked at, one that the store fails to show, and
/// one like any other.
async fn with_hidden_objects() -> Bench {
    let bench = Bench::new().await;
    bench.imported().await;
    let refused = StoreErrorKind::AccessDenied;
    bench.gate.refuse_head("d/denied", refused);
    bench.gate.refuse_head("d/odd", StoreErrorKind::Other);
    for name in ["denied", "odd", "plain"] {
        bench.insert(&format!("d/{name}"), "text");
    }
    bench.fs().sync(None).await.unwrap();
    bench
}

#[tokio::test]
async fn a_directory_is_listed_with_objects_that_cannot_be_looked_at() {
    let bench = with_hidden_objects().await;
    assert_eq!(bench.list("d").await, ["denied", "odd", "plain"]);
    for name in ["denied", "odd"] {
        let found = bench.find(&format!("d/{name}")).await.unwrap();
        assert_eq!((found.size, found.file_type), (4, vfs::FileType::Regular));
    }
}

#[tokio::test]
async fn attributes_that_are_not_known_let_nobody_in() {
    let bench = with_hidden_objects().await;
    fails(bench.read("d/denied").await, ErrorKind::Unavailable);
    fails(bench.read("d/odd").await, ErrorKind::Io);
    fails(bench.write("d/odd", 0, "new").await, ErrorKind::Io);
    fails(bench.chmod("d/odd", 0o777).await, ErrorKind::Io);
}

#[tokio::test]
async fn an_object_that_cannot_be_looked_at_is_renamed_and_removed() {
    let bench = with_hidden_objects().await;
    bench.rename("d/denied", "d/shown").await.unwrap();
    bench.rename("d/plain", "d/odd").await.unwrap();
    assert_eq!(bench.list("d").await, ["odd", "shown"]);
    assert_eq!(bench.read("d/odd").await.unwrap(), b"text");
    bench.remove("d/shown").await.unwrap();
    bench.remove("d/odd").await.unwrap();
    assert!(bench.list("d").await.is_empty());
}

#[tokio::test]
async fn a_store_that_is_away_is_not_taken_for_one_that_hides_an_object() {
    let bench = with_hidden_objects().await;
    let away = StoreErrorKind::Unavailable;
    bench.gate.refuse_head("d/plain", away);
    fails(bench.find("d/plain").await, ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_tree_is_fetched_but_for_what_cannot_be_looked_at() {
    let bench = with_hidden_objects().await;
    bench.fs().prefetch("d").await.unwrap();
    let reason = |bench: &Bench| match bench.fs().status().cache.jobs.remove(0).state {
        JobState::Failed { reason } => reason,
        _ => String::new(),
    };
    bench
        .until("the job says what it could not fetch", |bench| {
            reason(bench).contains("is not shown")
        })
        .await;
    let status = bench.fs().file_status("d/plain").await.unwrap();
    assert_eq!(status.cached_bytes, 4_096);
}

#[tokio::test]
async fn a_tree_of_which_nothing_can_be_had_is_given_up() {
    let bench = Bench::new().await;
    bench.imported().await;
    for n in 0..200 {
        let key = format!("d/{n}");
        bench.insert(&key, "text");
        bench.gate.refuse_head(&key, StoreErrorKind::AccessDenied);
    }
    bench.fs().sync(None).await.unwrap();
    bench.fs().prefetch("d").await.unwrap();
    let failed = |bench: &Bench| {
        let state = bench.fs().status().cache.jobs.remove(0).state;
        matches!(state, JobState::Failed { .. })
    };
    bench.until("the job has failed", failed).await;
    let asked = bench.gate.refused_heads();
    assert!((16..40).contains(&asked), "{asked} of 200");
}

#[tokio::test]
async fn an_object_that_says_it_is_a_link_and_is_none_is_a_file() {
    let bench = Bench::new().await;
    bench.imported().await;
    let link = || Metadata::from([("file-permissions".to_owned(), "0120644".to_owned())]);
    let objects = [
        ("empty", Vec::new()),
        ("long", vec![b'x'; 2_000]),
        ("no text", vec![0xff, 0xfe]),
    ];
    for (key, bytes) in &objects {
        bench.store.insert(key, bytes.clone(), link());
    }
    bench.fs().sync(None).await.unwrap();
    assert_eq!(bench.list("").await, ["empty", "long", "no text"]);
    for (key, bytes) in &objects {
        let found = bench.find(key).await.unwrap();
        let shown = (found.file_type, found.size, found.mode);
        assert_eq!(shown, (vfs::FileType::Regular, bytes.len() as u64, 0o644));
        assert_eq!(&bench.read(key).await.unwrap(), bytes);
    }
    bench.remove("long").await.unwrap();
    bench.rename("empty", "moved").await.unwrap();
    bench.drain().await;
    assert_eq!(bench.keys(), ["moved", "no text"]);
}
