//! Facts about encrypted objects, over a bucket in memory.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the numbers of a test are small"
)]

use std::{
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use clock::Clock;
use futures::TryStreamExt as _;
use model::Secret;
use object_store::{MemStore, Metadata};

use super::*;
use crate::decrypt;

/// So small that objects of some chunks are.
const CHUNK: u64 = 4 << 10;

struct Counted(AtomicU64);

impl Salts for Counted {
    fn next(&self) -> StoreResult<[u8; SALT_LEN]> {
        let mut salt = [0; SALT_LEN];
        salt[..8].copy_from_slice(&self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        Ok(salt)
    }
}

struct Plain(Bytes);

#[async_trait]
impl PartSource for Plain {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    async fn read(&self, offset: u64, len: u64) -> std::io::Result<Bytes> {
        let start = usize::try_from(offset).unwrap();
        Ok(self.0.slice(start..start + usize::try_from(len).unwrap()))
    }
}

fn key(digit: char) -> ShareKey {
    let digits = format!("{:064x}", u64::from(u32::from(digit)));
    ShareKey::parse(&Secret::new(digits)).unwrap()
}

fn text(len: u64) -> Bytes {
    let words = (0..).flat_map(|n: u32| n.to_be_bytes());
    words.take(usize::try_from(len).unwrap()).collect()
}

struct Bench {
    bucket: Arc<MemStore>,
    store: CipherStore,
}

impl Bench {
    fn new() -> Self {
        let bucket = Arc::new(MemStore::new(Clock::system()));
        let store = Self::over(&bucket, key('a'));
        Self { bucket, store }
    }

    fn over(bucket: &Arc<MemStore>, key: ShareKey) -> CipherStore {
        let salts = Arc::new(Counted(AtomicU64::new(1)));
        CipherStore::new(Arc::clone(bucket) as _, key, Layout::of_log2(12), salts)
    }

    async fn put(&self, name: &str, content: Bytes) -> ETag {
        let options = PutOptions {
            content_type: "text/plain".into(),
            metadata: Metadata::from([("file-owner".to_owned(), "7".to_owned())]),
            precondition: Precondition::None,
        };
        self.store
            .put(name, &Plain(content), &options)
            .await
            .unwrap()
    }

    async fn put_in_parts(&self, name: &str, content: &Bytes, parts: &[Range<u64>]) {
        let attributes = ObjectAttributes::default();
        let upload = self.store.begin_upload(name, &attributes).await.unwrap();
        let mut sent = Vec::new();
        for (number, range) in (1..).zip(parts) {
            let part = PartOf {
                upload: &upload,
                number,
                range: range.clone(),
            };
            let etag = self.store.put_part(part, &Plain(content.clone())).await;
            sent.push((number, etag.unwrap()));
        }
        let joined = self
            .store
            .complete_upload(&upload, &sent, &Precondition::None);
        joined.await.unwrap();
    }

    async fn get(&self, name: &str, range: Range<u64>) -> StoreResult<Vec<u8>> {
        read(&self.store, name, range).await
    }

    fn raw(&self, name: &str) -> Vec<u8> {
        self.bucket.object(name).unwrap().bytes.to_vec()
    }

    /// What is said of an object whose bytes are these.
    async fn refused(&self, raw: Vec<u8>) -> StoreErrorKind {
        let size = self.store.layout.plain_len(raw.len() as u64);
        self.bucket.insert("changed", raw, Metadata::new());
        let len = size.unwrap_or(1 << 20).max(1);
        let read = self.get("changed", 0..len).await;
        read.unwrap_err().kind()
    }
}

async fn read(store: &CipherStore, name: &str, range: Range<u64>) -> StoreResult<Vec<u8>> {
    let tag = store.head(name).await?.etag;
    let len = range.end - range.start;
    let body = store.get(name, range.start, len, tag.as_ref()).await?;
    let pieces: Vec<Bytes> = body.try_collect().await?;
    Ok(pieces.concat())
}

#[tokio::test]
async fn what_is_put_comes_back_whole_and_in_ranges() {
    let bench = Bench::new();
    for len in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK, 5 * CHUNK + 77] {
        let content = text(len);
        bench.put("f", content.clone()).await;
        let listed = bench.store.list("", None).await.unwrap();
        assert_eq!(listed.objects[0].size, len);
        let head = bench.store.head("f").await.unwrap();
        assert_eq!((head.size, head.metadata.unwrap().len()), (len, 1));
        for start in [0, 1, CHUNK - 1, CHUNK, 2 * CHUNK + 5, 5 * CHUNK] {
            for end in [start + 1, start + CHUNK, 3 * CHUNK, len + 1, 100 * CHUNK] {
                let (from, to) = (start.min(len), end.min(len));
                let wanted = &content[from as usize..to.max(from) as usize];
                if start < len && start < end {
                    assert_eq!(bench.get("f", start..end).await.unwrap(), wanted);
                }
            }
        }
    }
}

#[tokio::test]
async fn nothing_of_a_file_is_seen_in_its_object() {
    let bench = Bench::new();
    let secret = Bytes::from("the recipe, and the recipe again".repeat(1_000));
    bench.put("one", secret.clone()).await;
    bench.put("two", secret.clone()).await;
    let (one, two) = (bench.raw("one"), bench.raw("two"));
    for raw in [&one, &two] {
        assert!(!raw.windows(10).any(|window| window == b"the recipe"));
    }
    // Of two puts of the same bytes nothing is the same but the beginning of the header.
    let same = one.iter().zip(&two).filter(|(a, b)| a == b).count();
    assert!(same < HEADER_LEN + one.len() / 64, "{same}");
}

#[tokio::test]
async fn parts_make_the_object_that_one_put_makes() {
    let bench = Bench::new();
    let len = 10 * CHUNK + 5;
    let content = text(len);
    let parts = [0..4 * CHUNK, 4 * CHUNK..8 * CHUNK, 8 * CHUNK..len];
    bench.put_in_parts("f", &content, &parts).await;
    assert_eq!(bench.get("f", 0..len).await.unwrap(), content);
    let middle = 3 * CHUNK + 9..9 * CHUNK;
    let wanted = &content[middle.start as usize..middle.end as usize];
    assert_eq!(bench.get("f", middle).await.unwrap(), wanted);
    let mut opened = Vec::new();
    decrypt(&key('a'), &bench.raw("f")[..], &mut opened).unwrap();
    assert_eq!(opened, content);
}

#[tokio::test]
async fn a_part_that_does_not_fit_is_refused() {
    let bench = Bench::new();
    let attributes = ObjectAttributes::default();
    let upload = bench.store.begin_upload("f", &attributes).await.unwrap();
    let put = |upload: Upload, range: Range<u64>| {
        let store = &bench.store;
        async move {
            let part = PartOf {
                upload: &upload,
                number: 1,
                range,
            };
            let sent = store.put_part(part, &Plain(text(3 * CHUNK))).await;
            sent.unwrap_err().kind()
        }
    };
    let odd = put(upload.clone(), 0..CHUNK + 1).await;
    assert_eq!(odd, StoreErrorKind::Other);
    let listed = bench.store.list_uploads("", None).await.unwrap();
    let listed = listed.uploads[0].upload.clone();
    assert_eq!(bench.store.as_listed(&upload), listed);
    // One that another program began, or this one before it had a key.
    assert_eq!(put(listed, 0..CHUNK).await, StoreErrorKind::UploadLost);
    bench.store.abort_upload(&upload).await.unwrap();
    assert!(bench.bucket.uploads().is_empty());
}

#[tokio::test]
async fn an_object_that_was_changed_in_any_way_is_refused() {
    let bench = Bench::new();
    bench.put("f", text(3 * CHUNK + 100)).await;
    bench.put("g", text(3 * CHUNK + 100)).await;
    let (raw, other) = (bench.raw("f"), bench.raw("g"));
    let chunk = index_of_chunk;
    let undecipherable = StoreErrorKind::Undecipherable;
    for at in (0..raw.len()).step_by(97).chain(0..HEADER_LEN) {
        let mut changed = raw.clone();
        changed[at] ^= 1;
        assert_eq!(bench.refused(changed).await, undecipherable, "byte {at}");
    }
    for len in [
        0,
        1,
        63,
        64,
        79,
        chunk(1),
        chunk(2),
        chunk(3),
        raw.len() - 1,
    ] {
        let cut = raw[..len].to_vec();
        assert_eq!(bench.refused(cut).await, undecipherable, "cut to {len}");
    }
    let mut swapped = raw.clone();
    swapped[chunk(0)..chunk(2)].rotate_left(chunk(1) - chunk(0));
    assert_eq!(bench.refused(swapped).await, undecipherable);
    let mut mixed = raw.clone();
    mixed[chunk(1)..chunk(2)].copy_from_slice(&other[chunk(1)..chunk(2)]);
    assert_eq!(bench.refused(mixed).await, undecipherable);
    let mut longer = raw.clone();
    longer.extend_from_slice(&raw[chunk(2)..]);
    assert_eq!(bench.refused(longer).await, undecipherable);
    let mut of_other_salt = raw;
    of_other_salt[..HEADER_LEN].copy_from_slice(&other[..HEADER_LEN]);
    assert_eq!(bench.refused(of_other_salt).await, undecipherable);
}

fn index_of_chunk(index: u64) -> usize {
    usize::try_from(Layout::of_log2(12).chunk_start(index)).unwrap()
}

#[tokio::test]
async fn a_read_in_the_middle_is_refused_as_well() {
    let bench = Bench::new();
    bench.put("f", text(4 * CHUNK)).await;
    let mut raw = bench.raw("f");
    raw[index_of_chunk(2) + 7] ^= 1;
    bench.bucket.insert("f", raw, Metadata::new());
    let before = bench.get("f", 0..2 * CHUNK).await.unwrap();
    assert_eq!(before, text(2 * CHUNK));
    let kind = |read: StoreResult<Vec<u8>>| read.unwrap_err().kind();
    let undecipherable = StoreErrorKind::Undecipherable;
    assert_eq!(
        kind(bench.get("f", 2 * CHUNK..3 * CHUNK).await),
        undecipherable
    );
    let behind = bench.get("f", 3 * CHUNK..4 * CHUNK).await.unwrap();
    assert_eq!(behind, text(4 * CHUNK)[3 * CHUNK as usize..]);
}

#[tokio::test]
async fn another_key_and_what_is_not_encrypted_are_told_apart() {
    let bench = Bench::new();
    bench.put("f", text(100)).await;
    bench.bucket.insert("open", text(100), Metadata::new());
    let other = Bench::over(&bench.bucket, key('b'));
    let say = |error: StoreError| (error.kind(), error.to_string());
    let (kind, text) = say(read(&other, "f", 0..100).await.unwrap_err());
    assert_eq!(kind, StoreErrorKind::Undecipherable);
    assert!(text.contains(&key('a').id().to_string()) && text.contains(&key('b').id().to_string()));
    let (kind, text) = say(bench.get("open", 0..100).await.unwrap_err());
    assert_eq!(kind, StoreErrorKind::Undecipherable);
    assert!(text.contains("not encrypted"), "{text}");
    let mut nowhere = Vec::new();
    let refused = decrypt(&key('b'), &bench.raw("f")[..], &mut nowhere);
    assert!(refused.is_err() && nowhere.is_empty());
}

#[tokio::test]
async fn copies_and_markers_are_what_they_were() {
    let bench = Bench::new();
    bench.put("d/", Bytes::new()).await;
    assert!(bench.raw("d/").is_empty());
    bench.put("f", text(2 * CHUNK)).await;
    let (from, options) = (
        CopySource {
            key: "f",
            if_match: None,
        },
        CopyOptions {
            attributes: None,
            precondition: Precondition::None,
        },
    );
    bench.store.copy(from, "g", &options).await.unwrap();
    let copied = bench.get("g", 0..2 * CHUNK).await.unwrap();
    assert_eq!(copied, text(2 * CHUNK));
}

#[tokio::test]
async fn reads_one_after_the_other_ask_for_the_header_once() {
    let bench = Bench::new();
    bench.put("f", text(9 * CHUNK)).await;
    let before = bench.bucket.counts().gets;
    for at in 3..9 {
        let range = at * CHUNK..(at + 1) * CHUNK;
        bench.get("f", range).await.unwrap();
    }
    assert_eq!(bench.bucket.counts().gets - before, 7);
    bench.put("f", text(9 * CHUNK + 1)).await;
    let range = 8 * CHUNK..9 * CHUNK + 1;
    let newer = bench.get("f", range.clone()).await.unwrap();
    assert_eq!(newer, text(9 * CHUNK + 1)[range.start as usize..]);
}
