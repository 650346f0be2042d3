//! A share whose objects are encrypted: the same files, and nothing of them in the bucket.

use ::model::FileState;

use super::*;

const PART: u64 = 64 << 10;

async fn encrypted() -> Bench {
    over(Arc::new(MemStore::new(Clock::system())), Cipher::new(7)).await
}

async fn over(store: Arc<MemStore>, cipher: Cipher) -> Bench {
    let mut settings = config();
    settings.uploads.part_bytes = PART;
    let mut bench = Bench::on(store, settings).await;
    bench.stop().await;
    bench.cipher = Some(cipher);
    bench.start().await;
    bench.imported().await;
    bench
}

impl Bench {
    async fn state(&self, path: &str) -> FileState {
        self.fs().file_status(path).await.unwrap().state
    }
}

#[tokio::test]
async fn files_are_what_they_were_and_objects_tell_nothing() {
    let mut bench = encrypted().await;
    let large = pattern(1, 5 * PART as usize + 77);
    bench.make_dir("d").await.unwrap();
    bench.put("d/large", large.clone()).await;
    bench.put("small", "the plan").await;
    bench.put("empty", "").await;
    bench.symlink("link", "d/large").await.unwrap();
    bench.drain().await;
    for (key, object) in bench.store.objects() {
        let seen = |text: &[u8]| object.bytes.windows(text.len()).any(|w| w == text);
        assert!(
            !seen(b"the plan") && !seen(b"d/large") && !seen(&large[..32]),
            "{key}"
        );
    }
    // Another gateway, which only has the bucket and the key: lengths come with the listing.
    let gets = bench.store.counts().gets;
    let other = bench.second().await;
    assert_eq!(
        other.find("d/large").await.unwrap().size,
        large.len() as u64
    );
    assert_eq!(other.find("small").await.unwrap().size, 8);
    assert_eq!(bench.store.counts().gets, gets);
    assert!(other.read("d/large").await.unwrap() == large);
    assert_eq!(other.read("small").await.unwrap(), b"the plan");
    assert_eq!(other.read("empty").await.unwrap(), b"");
    let link = other.find("link").await.unwrap();
    assert_eq!(
        other.fs().read_link(&root(), link.inode).await.unwrap(),
        "d/large"
    );
    let found = other.fs().sync(None).await.unwrap();
    assert_eq!((found.added, found.changed, found.removed), (0, 0, 0));
    bench.stop().await;
    bench.assert_sound().await;
}

#[tokio::test]
async fn a_changed_file_is_put_whole_even_if_it_is_not_in_the_cache() {
    let bench = encrypted().await;
    let mut whole = pattern(2, 6 * PART as usize);
    bench.put("f", whole.clone()).await;
    bench.drain().await;
    bench.fs().evict("/").await.unwrap();
    bench.write("f", 2 * PART + 5, "changed").await.unwrap();
    bench.commit("f").await.unwrap();
    bench.drain().await;
    whole[2 * PART as usize + 5..][..7].copy_from_slice(b"changed");
    assert_eq!(bench.store.counts().part_copies, 0);
    assert!(bench.second().await.read("f").await.unwrap() == whole);
}

#[tokio::test]
async fn renames_and_attributes_leave_the_bytes_where_they_are() {
    let bench = encrypted().await;
    bench.put("f", pattern(3, 9_000)).await;
    bench.drain().await;
    let before = bench.object("f");
    bench.rename("f", "g").await.unwrap();
    bench.chmod("g", 0o600).await.unwrap();
    bench.drain().await;
    assert_eq!(bench.keys(), ["g"]);
    assert!(bench.object("g") == before);
    let other = bench.second().await;
    assert_eq!(other.find("g").await.unwrap().mode, 0o600);
    assert!(other.read("g").await.unwrap() == pattern(3, 9_000));
}

#[tokio::test]
async fn what_cannot_be_opened_is_an_error_with_a_reason_and_stays() {
    let bench = encrypted().await;
    bench.put("f", pattern(4, 30_000)).await;
    bench.drain().await;
    let mut tampered = bench.object("f").to_vec();
    tampered[20_000] ^= 1;
    bench.insert("tampered", tampered.clone());
    bench.insert("open", "never encrypted");
    bench.insert("cut", tampered[..64 + 2 * (4_096 + 16)].to_vec());
    bench.fs().sync(None).await.unwrap();
    for (path, why) in [
        ("tampered", "chunk 4"),
        ("open", "not encrypted"),
        ("cut", "chunk 1"),
    ] {
        fails(bench.read(path).await, ErrorKind::Io);
        let state = bench.state(path).await;
        let FileState::Unreadable { reason } = state else {
            panic!("{path}: {state:?}");
        };
        assert!(reason.contains(why), "{reason}");
    }
    // What is changed in part needs the rest: of its block at once, of the file for its upload,
    // which waits and says why. The object stays.
    fails(bench.write("tampered", 20_000, "new").await, ErrorKind::Io);
    bench.write("tampered", 0, vec![7; 4_096]).await.unwrap();
    bench.commit("tampered").await.unwrap();
    bench
        .until("the upload fails", |bench| {
            bench.fs().status().uploads_failing > 0
        })
        .await;
    let state = bench.state("tampered").await;
    assert!(
        matches!(&state, FileState::Failed { reason, .. } if reason.contains("cannot be opened")),
        "{state:?}"
    );
    assert!(bench.object("tampered") == tampered);
    // What is written anew needs nothing of it.
    bench.resize("open", 0).await.unwrap();
    bench.write("open", 0, "now encrypted").await.unwrap();
    bench.commit("open").await.unwrap();
    bench
        .until("it is put", |bench| bench.object("open").len() > 64)
        .await;
    assert_eq!(bench.state("open").await, FileState::Clean);
    assert_eq!(bench.opened("open"), "now encrypted");
}

#[tokio::test]
async fn with_another_key_nothing_is_read_and_nothing_overwritten() {
    let bench = encrypted().await;
    bench.put("f", pattern(5, 10_000)).await;
    bench.drain().await;
    let before = bench.object("f");
    let other = over(Arc::clone(&bench.store), Cipher::new(8)).await;
    fails(other.read("f").await, ErrorKind::Io);
    fails(other.write("f", 100, "x").await, ErrorKind::Io);
    other.write("f", 4_096, vec![7; 4_096]).await.unwrap();
    other.commit("f").await.unwrap();
    other
        .until("the upload fails", |bench| {
            bench.fs().status().uploads_failing > 0
        })
        .await;
    assert!(bench.object("f") == before);
    assert_eq!(other.fs().status().conflicts, 0);
}

#[tokio::test]
async fn a_link_that_was_never_encrypted_is_a_file_that_cannot_be_opened() {
    let bench = encrypted().await;
    let link = Metadata::from([("mode".to_owned(), "41380".to_owned())]);
    // Longer than what an encrypted object has besides its content.
    bench.store.insert("l", "far/".repeat(40), link);
    bench.put("f", "text").await;
    bench.drain().await;
    bench.fs().sync(None).await.unwrap();
    assert_eq!(bench.list("").await, ["f", "l"]);
    let found = bench.find("l").await.unwrap();
    assert_eq!(found.file_type, vfs::FileType::Regular);
    fails(bench.read("l").await, ErrorKind::Io);
    bench.remove("l").await.unwrap();
    bench.drain().await;
    assert_eq!(bench.keys(), ["f"]);
}
