//! Bytes that change on their way.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use clock::{Task, spawn_named};
use object_store::{ObjectStore, PartOf, StoreError, StoreErrorKind};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{
    common::{Fixture, Pattern, attributes, collect, open, options, settings},
    faults::{Script, answer},
};

/// A line to a server that changes the last byte of each body while it is told to.
struct BadLine {
    store: Arc<dyn ObjectStore>,
    is_bad: Arc<AtomicBool>,
    _serving: Task,
}

impl BadLine {
    async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let is_bad = Arc::new(AtomicBool::new(true));
        let bad = Arc::clone(&is_bad);
        let serving = spawn_named("bad-line", async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A client that gives up ends only its own connection.
                drop(pass(stream, &server, bad.load(Ordering::Relaxed)).await);
            }
        });
        Self {
            store: open(&settings(&endpoint, "")),
            is_bad,
            _serving: serving,
        }
    }
}

/// One request there and its answer back.
async fn pass(mut client: TcpStream, server: &str, is_bad: bool) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let text = String::from_utf8(head).unwrap();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |text| text.parse().unwrap())];
    client.read_exact(&mut body).await?;
    if let Some(last) = body.last_mut().filter(|_| is_bad) {
        *last ^= 1;
    }
    let mut onward = TcpStream::connect(server).await?;
    let head = text.trim_end_matches("\r\n");
    let request = format!("{head}\r\nconnection: close\r\n\r\n");
    onward.write_all(request.as_bytes()).await?;
    onward.write_all(&body).await?;
    tokio::io::copy(&mut onward, &mut client).await?;
    Ok(())
}

#[track_caller]
fn assert_damaged(error: &StoreError) {
    assert_eq!(error.kind(), StoreErrorKind::Damaged, "{error}");
    assert!(
        error.to_string().contains("damaged on their way"),
        "{error}"
    );
}

#[tokio::test]
async fn a_store_refuses_what_was_damaged_on_its_way_and_takes_it_whole() {
    let fixture = Fixture::start().await;
    let line = BadLine::to(fixture.address()).await;
    let source = Pattern(100_000);
    let refused = line.store.put("k", &source, &options()).await;
    assert_damaged(&refused.unwrap_err());
    let upload = line.store.begin_upload("parts", &attributes()).await;
    let upload = upload.unwrap();
    let part = PartOf {
        upload: &upload,
        number: 1,
        range: 0..source.0,
    };
    let refused = line.store.put_part(part.clone(), &source).await;
    assert_damaged(&refused.unwrap_err());
    line.is_bad.store(false, Ordering::Relaxed);
    line.store.put("k", &source, &options()).await.unwrap();
    line.store.put_part(part, &source).await.unwrap();
    assert_eq!(collect(&line.store, "k", 0, source.0).await, source.all());
}

#[tokio::test]
async fn a_store_that_has_other_bytes_than_were_sent_says_so_by_its_checksum() {
    let crc = |bytes: &[u8]| BASE64_STANDARD.encode(crc32c::crc32c(bytes).to_be_bytes());
    let source = Pattern(1_000);
    let told = |crc: String| {
        let headers = format!("etag: \"e\"\r\nx-amz-checksum-crc32c: {crc}\r\n");
        answer("200 OK", &headers, "")
    };
    let script = Script::new([told(crc(b"other")), told(crc(&source.all()))]).await;
    let put = script.store.put("k", &source, &options()).await;
    let error = put.unwrap_err();
    assert_damaged(&error);
    assert!(error.to_string().contains(&crc(b"other")), "{error}");
    let put = script.store.put("k", &source, &options()).await;
    assert_eq!(put.unwrap().0, "e");
    assert_eq!(script.asked().len(), 2, "whoever called decides when");
}

#[tokio::test]
async fn an_etag_that_is_not_the_md5_tells_of_damage_only_where_etags_are_md5s() {
    let source = Pattern(3);
    let md5 = "54c58f0dd4eb2d1f8c6fcb0b4ba5ba7e";
    let own = {
        use md5::{Digest as _, Md5};
        hex::encode(Md5::digest(source.all()))
    };
    let with =
        |etag: &str, more: &str| answer("200 OK", &format!("etag: \"{etag}\"\r\n{more}"), "");
    let encrypted = "x-amz-server-side-encryption: aws:kms\r\n";
    let script = Script::new([
        with(md5, ""),
        with(&own, ""),
        with(md5, encrypted),
        with(md5, ""),
    ]);
    let script = script.await;
    for etag in [md5, own.as_str(), md5] {
        let put = script.store.put("k", &source, &options()).await;
        assert_eq!(put.unwrap().0, etag);
    }
    let put = script.store.put("k", &source, &options()).await;
    assert_damaged(&put.unwrap_err());
}
