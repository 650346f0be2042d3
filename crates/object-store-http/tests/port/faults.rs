//! What a store may do wrong, and what comes of it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use clock::{Task, spawn_named};
use object_store::{ETag, ObjectStore, Precondition, StoreErrorKind, StoreResult};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::common::{Pattern, copied, open, options, send_parts, settings, source, with};

const MIB: u64 = 1 << 20;

/// What the server does with a request.
pub(crate) enum Act {
    Answer(String),
    Close,
    Silence,
}

use Act::{Answer, Close, Silence};

pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Act {
    let length = body.len();
    Answer(format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}"
    ))
}

fn stored() -> Act {
    answer("200 OK", "etag: \"e\"\r\n", "")
}

fn slow_down() -> Act {
    answer("503 Slow Down", "", "")
}

fn failed() -> Act {
    answer("412 Precondition Failed", "", "")
}

/// An answer to a head of what is not there, or not to be had.
fn untold() -> Act {
    answer("404 Not Found", "", "")
}

fn missing(code: &str) -> Act {
    let body = format!("<Error><Code>{code}</Code></Error>");
    answer("404 Not Found", "", &body)
}

/// What somebody on the way says who knows nothing of objects.
fn proxy() -> Act {
    answer(
        "404 Not Found",
        "",
        "<html><body>No such page</body></html>",
    )
}

/// An answer to a head.
fn there(etag: &str) -> Act {
    Answer(format!(
        "HTTP/1.1 200 OK\r\netag: \"{etag}\"\r\ncontent-length: 3\r\n\r\n"
    ))
}

/// Acts its script out, a request each; tells what it was asked.
pub(crate) struct Script {
    endpoint: String,
    pub(crate) store: Arc<dyn ObjectStore>,
    asked: Arc<Mutex<Vec<String>>>,
    _serving: Task,
}

impl Script {
    pub(crate) async fn new(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let mut acts: VecDeque<Act> = acts.into_iter().collect();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        let serving = spawn_named("script", async move {
            let mut silent = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                // One request to a connection, so that no attempt meets a stale one.
                let Some(line) = read_request(&mut stream).await else {
                    continue;
                };
                heard.lock().unwrap().push(line);
                match acts.pop_front() {
                    Some(Answer(text)) => stream.write_all(text.as_bytes()).await.unwrap(),
                    Some(Silence) => silent.push(stream),
                    Some(Close) | None => {}
                }
            }
        });
        Self {
            store: open(&settings(&endpoint, "")),
            endpoint,
            asked,
            _serving: serving,
        }
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Reads head and body; the request line.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |text| text.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    let line = head.lines().next().unwrap();
    Some(
        line.trim_end_matches(" HTTP/1.1")
            .split('?')
            .next()
            .unwrap()
            .to_owned(),
    )
}

#[tokio::test]
async fn a_store_that_is_busy_for_a_moment_is_asked_again() {
    let script = Script::new([slow_down(), Close, stored()]).await;
    let etag = script
        .store
        .put("a", &Pattern(3), &options())
        .await
        .unwrap();
    assert_eq!(etag.0, "e");
    assert_eq!(script.asked(), ["PUT /bucket/a"; 3]);
}

#[tokio::test]
async fn a_store_that_stays_busy_is_unavailable() {
    let script = Script::new((0..9).map(|_| slow_down())).await;
    let error = script
        .store
        .put("a", &Pattern(3), &options())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.to_string().contains("503"), "{error}");
    assert_eq!(script.asked().len(), 4);
}

#[tokio::test]
async fn what_will_not_pass_is_not_tried_again() {
    let denied = answer(
        "403 Forbidden",
        "",
        "<Error><Code>AccessDenied</Code></Error>",
    );
    let script = Script::new([denied]).await;
    let error = copy(&script, Precondition::None).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::AccessDenied);
    assert_eq!(script.asked(), ["PUT /bucket/b"]);
}

#[tokio::test]
async fn a_store_that_is_silent_is_unavailable() {
    let script = Script::new([Silence, Silence, Silence, Silence]).await;
    let impatient = object_store_http::Patience {
        pause: Duration::from_millis(1),
        connect_timeout: Duration::from_millis(50),
        answer_timeout: Duration::from_millis(50),
        ..Default::default()
    };
    let settings = settings(&script.endpoint, "");
    let store = object_store_http::open_with(&settings, impatient).unwrap();
    let error = store.head("a").await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.to_string().contains("silent"), "{error}");
}

#[tokio::test]
async fn a_put_whose_answer_was_lost_is_known_by_its_etag() {
    // MD5 of the bytes 0, 1, 2.
    let md5 = "b95f67f61ebb03619622d798f45fc2d3";
    let script = Script::new([Close, failed(), there(md5)]).await;
    let put = put_absent(&script).await.unwrap();
    assert_eq!(put.0, md5);

    let other = there(&"0".repeat(32));
    let script = Script::new([Close, failed(), other]).await;
    let error = put_absent(&script).await.unwrap_err();
    assert_eq!(
        error.kind(),
        StoreErrorKind::PreconditionFailed,
        "somebody else's object"
    );

    let script = Script::new([failed()]).await;
    let error = put_absent(&script).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::PreconditionFailed);
    assert_eq!(
        script.asked(),
        ["PUT /bucket/a"],
        "a first refusal is final"
    );
}

async fn copy(script: &Script, precondition: Precondition) -> StoreResult<ETag> {
    let options = copied(precondition);
    script.store.copy(source("a", None), "b", &options).await
}

async fn put_absent(script: &Script) -> StoreResult<ETag> {
    script
        .store
        .put("a", &Pattern(3), &with(Precondition::Absent))
        .await
}

/// What a store that looks at conditions, or one that does not, answers while it is tried out.
fn tried_out(checks: bool) -> [Act; 4] {
    let refused_or = |otherwise: Act| if checks { failed() } else { otherwise };
    let copied = answer("200 OK", "", "<Copied><ETag>e</ETag></Copied>");
    let deleted = || answer("204 No Content", "", "");
    [
        stored(),
        refused_or(copied),
        refused_or(deleted()),
        deleted(),
    ]
}

#[tokio::test]
async fn only_the_store_says_that_an_object_is_gone() {
    for (code, kind) in [
        ("NoSuchKey", StoreErrorKind::NotFound),
        ("NoSuchBucket", StoreErrorKind::BucketNotFound),
    ] {
        let script = Script::new([untold(), missing(code)]).await;
        let error = script.store.head("a").await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(script.asked(), ["HEAD /bucket/a", "GET /bucket/a"]);
    }

    let script = Script::new((0..8).flat_map(|_| [untold(), proxy()])).await;
    let error = script.store.head("a").await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");

    let script = Script::new((0..8).map(|_| proxy())).await;
    let error = script.store.get("a", 0, 10, None).await.err().unwrap();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");

    let cut = || Answer("HTTP/1.1 404 Not Found\r\ncontent-length: 99\r\n\r\n<Error>".into());
    let found = answer("206 Partial Content", "", "0123456789");
    let script = Script::new([cut(), found]).await;
    assert!(script.store.get("a", 0, 10, None).await.is_ok());

    let first = answer("206 Partial Content", "", "0");
    let script = Script::new([untold(), first, there("e")]).await;
    let meta = script.store.head("a").await.unwrap();
    assert_eq!(meta.size, 3, "it came between the two requests");
}

#[tokio::test]
async fn a_store_that_ignores_conditions_is_looked_at_first() {
    let copied = || answer("200 OK", "", "<Copied><ETag>e</ETag></Copied>");
    let acts = tried_out(false).into_iter();
    let then = [untold(), missing("NoSuchKey"), copied()];
    let then = then.into_iter().chain([there("theirs"), there("x")]);
    let script = Script::new(acts.chain(then)).await;
    copy(&script, Precondition::Absent).await.unwrap();
    let error = copy(&script, Precondition::Absent).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::PreconditionFailed, "{error}");
    let etag = ETag("e".into());
    let error = script.store.delete("b", Some(&etag)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::PreconditionFailed, "{error}");
    let asked = script.asked();
    let looks = [
        "HEAD /bucket/b",
        "GET /bucket/b",
        "PUT /bucket/b",
        "HEAD /bucket/b",
        "HEAD /bucket/b",
    ];
    assert_eq!(asked[4..], looks, "it is tried out once");
}

#[tokio::test]
async fn a_store_that_checks_conditions_is_not_looked_at() {
    let acts = tried_out(true).into_iter().chain([failed(), failed()]);
    let script = Script::new(acts).await;
    let error = copy(&script, Precondition::Absent).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::PreconditionFailed, "{error}");
    let etag = ETag("e".into());
    let error = script.store.delete("b", Some(&etag)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::PreconditionFailed, "{error}");
    assert_eq!(script.asked()[4..], ["PUT /bucket/b", "DELETE /bucket/b"]);
}

#[tokio::test]
async fn a_completion_whose_answer_was_lost_is_known_by_its_etag() {
    use md5::Digest as _;
    let part_etag = "00".repeat(16);
    let joined = hex::encode(md5::Md5::digest([0; 32])) + "-2";
    let script = |after: Vec<Act>| {
        let begun = "<Initiated><UploadId>u1</UploadId></Initiated>";
        let part = || answer("200 OK", &format!("etag: \"{part_etag}\"\r\n"), "");
        let acts = [answer("200 OK", "", begun), part(), part(), Close];
        Script::new(
            acts.into_iter()
                .chain([missing("NoSuchUpload")])
                .chain(after),
        )
    };
    let completed = async |script: Script| {
        let large = Pattern(9 * MIB);
        let (upload, parts) = send_parts(&script.store, "a", &large).await.unwrap();
        let none = Precondition::None;
        script.store.complete_upload(&upload, &parts, &none).await
    };
    let done = completed(script(vec![there(&joined)]).await).await;
    assert_eq!(done.unwrap().0, joined);
    let lost = completed(script(vec![there("another")]).await).await;
    assert_eq!(lost.unwrap_err().kind(), StoreErrorKind::UploadLost);
}

#[tokio::test]
async fn half_a_listing_is_asked_for_again() {
    let half = answer("200 OK", "", "<ListBucketResult>");
    let whole = answer("200 OK", "", "<ListBucketResult></ListBucketResult>");
    let script = Script::new([half, whole]).await;
    let page = script.store.list("", None).await.unwrap();
    assert!(page.objects.is_empty() && !page.more);
}

#[tokio::test]
async fn a_copy_that_fails_inside_a_success_is_a_failure() {
    let late = answer("200 OK", "", "<Error><Code>InternalError</Code></Error>");
    let done = answer("200 OK", "", "<Copied><ETag>e</ETag></Copied>");
    let script = Script::new([late, done]).await;
    assert_eq!(copy(&script, Precondition::None).await.unwrap().0, "e");
    assert_eq!(script.asked().len(), 2);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_unavailable() {
    let short = Answer("HTTP/1.1 206 Partial\r\ncontent-length: 10\r\n\r\nabc".into());
    let script = Script::new([short]).await;
    let stream = script.store.get("a", 0, 10, None).await.unwrap();
    let chunks: Vec<_> = futures::StreamExt::collect(stream).await;
    let last: &StoreResult<bytes::Bytes> = chunks.last().unwrap();
    assert_eq!(
        last.as_ref().unwrap_err().kind(),
        StoreErrorKind::Unavailable
    );
}
