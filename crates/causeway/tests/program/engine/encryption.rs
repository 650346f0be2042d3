//! A share whose gateway encrypts: seen by NFS clients, by the bucket, and without a gateway.

use std::os::unix::fs::PermissionsExt as _;

use testkit::run;

use super::*;
use crate::program::support::{causeway, run_with_input};

#[test]
fn an_encrypted_share_is_read_by_clients_and_by_those_who_have_its_key() {
    let site = Site::start();
    let at_once = "--upload-delay-ms=0";
    site.create("sealed", &["--encrypt", at_once]);
    let key_id = text(&site.shown("sealed"), "/settings/client_encryption/key_id").to_owned();
    // In one piece, and in parts.
    for (name, len) in [("small", 100_000), ("large", 20_000_003)] {
        let content = site.write(&format!("/sealed/{name}"), len);
        let sealed_len = 64 + content.len() + 16 * content.len().div_ceil(64 << 10);
        let object = wait_for_object(&site.object(&format!("sealed/{name}")), sealed_len);
        assert!(!has_piece_of(&object, &content), "{name} is in the clear");
        stdout(&site.up.ctl(&["share", "evict", "demo", "sealed", "/"]));
        assert!(site.read(&format!("/sealed/{name}")) == content);
        opens_without_a_gateway(&site, name, &content);
    }
    assert!(!format!("{:?}", site.shown("sealed")).contains(&key_of(&site)));

    // Another share can have the same key.
    let same = ["--writers=none", "--encryption-key-id", &key_id];
    let words = site.words("create", "again", &same);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    stdout(&site.up.ctl(&words));
    site.wait_until_served("again");
    let shown = site.shown("again");
    assert_eq!(text(&shown, "/settings/client_encryption/key_id"), key_id);

    // A byte of the object changes its place: an error for the reader, and a reason.
    let tampered = site.object("sealed/small");
    let whole = fs::read(&tampered).unwrap();
    let mut bytes = whole.clone();
    bytes.swap(40_000, 40_001);
    fs::write(&tampered, &bytes).unwrap();
    let url = nfs_url(site.nfs, "/sealed/small");
    let back = site.dir.path().join("tampered");
    stdout(&site.up.ctl(&["share", "evict", "demo", "sealed", "/"]));
    let read = run(std::process::Command::new("nfs-cp").args([&url, &back.display().to_string()]));
    assert!(!read.unwrap().status.success());
    let words = ["share", "file-status", "demo", "sealed", "/small"];
    let status = stdout(&site.up.ctl(&words));
    assert!(
        status.contains("unreadable") && status.contains("chunk 0"),
        "{status}"
    );
    assert!(
        fs::read(&tampered).unwrap() == bytes,
        "nothing overwrites it"
    );

    // The key is not lost by the way.
    let delete = ["share", "delete", "demo", "again", "--yes"];
    stdout(&site.up.ctl(&delete));
    let delete = ["share", "delete", "demo", "sealed", "--yes", "--force"];
    let refused = site.up.ctl(&delete);
    assert!(stderr(&refused).contains("export-key"), "{refused:?}");
    site.up.stop();
}

/// The object of what was written, when it is there.
fn wait_for_object(path: &std::path::Path, len: usize) -> Vec<u8> {
    let read = eventually("the object in the bucket", LIMIT, || {
        Ok(fs::read(path).ok().filter(|object| object.len() == len))
    });
    read.unwrap()
}

fn has_piece_of(object: &[u8], content: &[u8]) -> bool {
    let pieces = content.chunks(64).step_by(1_000);
    pieces.into_iter().any(|piece| {
        object
            .windows(piece.len())
            .step_by(16)
            .any(|window| window == piece)
    })
}

fn key_of(site: &Site) -> String {
    let exported = stdout(&site.up.ctl(&["share", "export-key", "demo", "sealed"]));
    exported.trim().to_owned()
}

fn opens_without_a_gateway(site: &Site, name: &str, content: &[u8]) {
    let key = site.dir.path().join("sealed.key");
    let key = key.to_str().unwrap();
    let told = stdout(
        &site
            .up
            .ctl(&["share", "export-key", "demo", "sealed", "--file", key]),
    );
    assert!(!told.contains(&key_of(site)), "{told}");
    let mode = fs::metadata(key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let object = site.object(&format!("sealed/{name}"));
    let object = object.to_str().unwrap();
    let file = site.dir.path().join(format!("{name}.open"));
    let words = ["decrypt", "--key-file", key, object, file.to_str().unwrap()];
    let done = run(&mut causeway(&words)).unwrap();
    assert!(done.status.success(), "{done:?}");
    assert!(fs::read(&file).unwrap() == content);
    // It overwrites nothing, …
    assert_eq!(run(&mut causeway(&words)).unwrap().status.code(), Some(1));
    // … and streams.
    let words = ["decrypt", "--key-file", key];
    let refused = run_with_input(&mut causeway(&words), "no object of ours");
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("not encrypted by Causeway"));
}
