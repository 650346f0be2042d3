//! How a share's engine works, said by `causeway ctl` and seen by NFS clients and the bucket.

mod encryption;

use std::{fs, path::PathBuf, time::Duration};

use clock::Clock;
use model::Secret;
use s3_server::{S3Server, S3ServerConfig};
use serde_json::Value;
use tempfile::TempDir;
use testkit::eventually;

use super::{
    fake_bucket::FakeBucket,
    support::{LIMIT, Up, nfs_copy, nfs_url, port, stderr, stdout, text, wait_for_content},
};

/// Not compressible to anything, and not a multiple of anything.
fn content(len: u32) -> Vec<u8> {
    (0..len).map(|n| n.to_le_bytes()[n as usize % 3]).collect()
}

/// `causeway up` and its object store, for shares beside `demo`.
struct Site {
    up: Up,
    nfs: u16,
    dir: TempDir,
}

impl Site {
    fn start() -> Self {
        let dir = testkit::scratch_folder().unwrap();
        let up = Up::start(&dir);
        let nfs = port(&up.ready, "/gateway/nfs_address");
        Self { up, nfs, dir }
    }

    /// Writes a secret where `ctl` reads it.
    fn file(&self, name: &str, secret: &str) -> String {
        let path = self.dir.path().join(name);
        fs::write(&path, secret).unwrap();
        path.display().to_string()
    }

    /// `share VERB demo NAME` over the object store of `up`.
    fn words(&self, verb: &str, name: &str, more: &[&str]) -> Vec<String> {
        let store = |pointer: &str| text(&self.up.ready, &format!("/object_store/{pointer}"));
        let key_file = self.file("key", store("secret_access_key"));
        let prefix = format!("{name}/");
        let mut words = vec!["share", verb, "demo", name, "--endpoint", store("endpoint")];
        words.extend(["--bucket", store("bucket"), "--prefix", &prefix]);
        words.extend(["--access-key-id", store("access_key_id")]);
        words.extend(["--secret-key-file", &key_file, "--allow", "127.0.0.0/8"]);
        words.extend(["--cache-size", "1GiB"]);
        words.extend(more);
        words.into_iter().map(str::to_owned).collect()
    }

    fn create(&self, name: &str, more: &[&str]) {
        let words = self.words("create", name, more);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        stdout(&self.up.ctl(&words));
        self.wait_until_served(name);
    }

    /// The newest settings have reached the gateway, and clients get in.
    fn wait_until_served(&self, name: &str) {
        eventually("the share is served", LIMIT, || {
            let share = self.shown(name);
            let is_served = share["status"]["state"] == "serving" && share["in_sync"] == true;
            Ok(is_served.then_some(()))
        })
        .unwrap();
    }

    fn edit(&self, name: &str, more: &[&str]) {
        let words: Vec<&str> = ["share", "edit", "demo", name]
            .iter()
            .chain(more)
            .copied()
            .collect();
        stdout(&self.up.ctl(&words));
        self.wait_until_served(name);
    }

    fn shown(&self, name: &str) -> Value {
        self.up.ctl_json(&["share", "show", "demo", name])
    }

    /// Copies a file of `len` bytes onto a share; what was copied.
    fn write(&self, path: &str, len: u32) -> Vec<u8> {
        let content = content(len);
        let local = self.dir.path().join("local");
        fs::write(&local, &content).unwrap();
        nfs_copy(&local.display().to_string(), &nfs_url(self.nfs, path));
        content
    }

    fn read(&self, path: &str) -> Vec<u8> {
        let back = self.dir.path().join("back");
        nfs_copy(&nfs_url(self.nfs, path), &back.display().to_string());
        let content = fs::read(&back).unwrap();
        fs::remove_file(back).unwrap();
        content
    }

    fn object(&self, key: &str) -> PathBuf {
        PathBuf::from(text(&self.up.ready, "/object_store/directory")).join(key)
    }
}

#[test]
fn the_settings_of_an_engine_are_taken_shown_changed_and_refused() {
    let site = Site::start();
    let settings = [
        "--mode=replication",
        "--ignore-delete=true",
        "--upload-limit=40MiB",
        "--line-window=mon-fri,08:00-18:30,up=1MiB,down=2MiB",
        "--utc-offset=-03:30",
        "--rest-max-ms=30000",
        "--part-size=16MiB",
        "--requests-max=12",
    ];
    site.create("second", &settings);
    let engine = site.shown("second")["settings"]["engine"].clone();
    let at = |pointer: &str| engine.pointer(pointer).cloned().unwrap_or_default();
    assert_eq!(at("/mode"), "replication");
    assert_eq!(at("/ignore_delete"), true);
    assert_eq!(at("/encryption/method"), "bucket_default");
    assert_eq!(at("/bandwidth/limits/upload_bytes_per_s"), 40 << 20);
    assert_eq!(at("/bandwidth/windows/0/to_minute"), 18 * 60 + 30);
    assert_eq!(at("/bandwidth/utc_offset_minutes"), -210);
    assert_eq!(at("/uploads/rest_max_ms"), 30_000);
    assert_eq!(at("/uploads/part_bytes"), 16 << 20);
    assert_eq!(at("/uploads/requests_max"), 12);
    let told = stdout(&site.up.ctl(&["share", "show", "demo", "second"]));
    for word in ["replication", "40.0 MiB/s", "monday", "16.0 MiB"] {
        assert!(told.contains(word), "no {word} in {told}");
    }

    site.edit("second", &["--mode=cache", "--line-window=none"]);
    let engine = site.shown("second")["settings"]["engine"].clone();
    assert_eq!(engine["mode"], "cache");
    assert_eq!(engine["bandwidth"]["windows"], Value::Array(vec![]));
    assert_eq!(
        engine["uploads"]["requests_max"], 12,
        "what is not given stays"
    );

    for (flag, says) in [
        ("--part-size=1MiB", "5 to 64 MiB"),
        ("--requests-max=0", "1 to 1,024"),
        ("--upload-limit=1KiB", "16 KiB"),
        ("--encryption=kms:a key", "printable characters"),
        // By the bucket: that of `causeway up` does not encrypt.
        ("--encryption=store-keys", "not encrypted here"),
    ] {
        let refused = site.up.ctl(&["share", "edit", "demo", "second", flag]);
        assert_eq!(refused.status.code(), Some(1), "{flag}: {refused:?}");
        let printed = [refused.stdout.as_slice(), &refused.stderr].concat();
        let printed = String::from_utf8_lossy(&printed).into_owned();
        assert!(printed.contains(says), "{flag}: {printed}");
    }
    for flag in ["--mode=safe", "--line-window=always", "--utc-offset=8"] {
        let refused = site.up.ctl(&["share", "edit", "demo", "second", flag]);
        assert_eq!(refused.status.code(), Some(2), "{flag}: {refused:?}");
        assert!(stderr(&refused).contains(flag.split('=').next().unwrap()));
    }
    site.up.stop();
}

#[test]
fn in_write_through_mode_a_closed_file_is_in_the_bucket() {
    let site = Site::start();
    let an_hour = "--upload-delay-ms=3600000";
    site.create("through", &["--mode=write-through", an_hour]);
    site.create("behind", &["--mode=cache", an_hour]);
    let content = site.write("/through/closed", 3_000_007);
    site.write("/behind/closed", 1_000);
    // Nothing waits here: it is there when the client's COMMIT has returned.
    assert!(fs::read(site.object("through/closed")).unwrap() == content);
    assert!(!site.object("behind/closed").try_exists().unwrap());
    site.up.stop();
}

#[test]
fn a_line_carries_no_more_than_it_may_until_that_is_changed() {
    const LEN: u32 = 4 << 20;
    /// 4 MiB at 2 MiB a second, and what a machine that is busy may be early.
    const AT_LEAST: Duration = Duration::from_millis(1_700);
    let (site, clock) = (Site::start(), Clock::system());
    let limits = ["--upload-limit=2MiB", "--download-limit=2MiB"];
    let at_once = "--upload-delay-ms=0";
    site.create("thin", &[limits[0], limits[1], at_once]);
    let began = clock.now();
    let content = site.write("/thin/a", LEN);
    wait_for_content(&site.object("thin/a"), &content);
    let took = clock.now() - began;
    assert!(took >= AT_LEAST, "{took:?}");

    stdout(&site.up.ctl(&["share", "evict", "demo", "thin", "/"]));
    let began = clock.now();
    assert!(site.read("/thin/a") == content);
    let took = clock.now() - began;
    assert!(took >= AT_LEAST, "{took:?}");

    // 48 MiB would take 24 s.
    site.edit("thin", &["--upload-limit=0", "--download-limit=0"]);
    let began = clock.now();
    let content = site.write("/thin/b", 12 * LEN);
    wait_for_content(&site.object("thin/b"), &content);
    let took = clock.now() - began;
    assert!(took < Duration::from_secs(20), "{took:?}");
    site.up.stop();
}

#[test]
fn keys_are_replaced_while_a_share_has_something_to_upload() {
    let site = Site::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let directory = site.dir.path().join("elsewhere");
    let start = |address: &str, id: &str| {
        let config = S3ServerConfig {
            address: address.parse().unwrap(),
            directory: directory.clone(),
            buckets: vec!["bucket".into()],
            access_key_id: id.into(),
            secret: Secret::new(format!("secret of {id}")),
        };
        let server = runtime.block_on(S3Server::start(config, Clock::system()));
        server.unwrap()
    };
    let server = start("127.0.0.1:0", "first");
    let address = server.address().to_string();
    let endpoint = format!("http://{address}");
    let elsewhere = ["--endpoint", &endpoint, "--bucket=bucket"];
    let keys = |id: &str| {
        let file = site.file(id, &format!("secret of {id}"));
        [
            format!("--access-key-id={id}"),
            format!("--secret-key-file={file}"),
        ]
    };
    let mut words = vec!["share", "create", "demo", "lent", "--allow=127.0.0.0/8"];
    let first = keys("first");
    words.extend(elsewhere);
    words.extend(first.iter().map(String::as_str));
    words.push("--upload-delay-ms=0");
    stdout(&site.up.ctl(&words));
    site.wait_until_served("lent");
    let before = site.write("/lent/before", 100_000);
    wait_for_content(&directory.join("bucket/before"), &before);

    runtime.block_on(server.shutdown());
    let server = start(&address, "second");
    let after = site.write("/lent/after", 200_000);
    eventually("the old keys are refused", LIMIT, || {
        let status = site.shown("lent")["status"].clone();
        let error = status["last_upload_error"].as_str().unwrap_or_default();
        Ok(error.contains("`first`").then_some(()))
    })
    .unwrap();
    let second = keys("second");
    site.edit("lent", &[&second[0], &second[1]]);
    wait_for_content(&directory.join("bucket/after"), &after);
    assert!(site.read("/lent/before") == before);
    site.up.stop();
    runtime.block_on(server.shutdown());
}

#[test]
fn requests_are_signed_and_encrypted_as_the_share_says() {
    let site = Site::start();
    let bucket = FakeBucket::start();
    let endpoint = bucket.endpoint();
    let (key, token) = (site.file("key", "secret"), site.file("token", "lent-token"));
    let check = |more: &[&str]| {
        let mut words = vec!["share", "check", "demo", "other", "--endpoint", &endpoint];
        words.extend([
            "--bucket=b",
            "--access-key-id=AK1",
            "--secret-key-file",
            &key,
        ]);
        words.extend(more);
        stdout(&site.up.ctl(&words));
        bucket.taken("PUT")
    };
    let plain = check(&[]);
    assert!(
        plain
            .header("authorization")
            .starts_with("AWS4-HMAC-SHA256 "),
        "{plain:?}"
    );
    assert_eq!(plain.header("x-amz-security-token"), "");
    assert_eq!(plain.header("x-amz-server-side-encryption"), "");
    let lent = check(&["--session-token-file", &token, "--encryption=kms:key-7"]);
    assert_eq!(lent.header("x-amz-security-token"), "lent-token");
    assert_eq!(lent.header("x-amz-server-side-encryption"), "aws:kms");
    let key_id = "x-amz-server-side-encryption-aws-kms-key-id";
    assert_eq!(lent.header(key_id), "key-7");
    let oss = ["--provider=oss", "--region=cn-hangzhou"];
    let old = check(&[oss[0], oss[1], "--signature=v1", "--encryption=store-keys"]);
    assert!(
        old.header("authorization").starts_with("OSS AK1:"),
        "{old:?}"
    );
    assert_eq!(old.header("x-oss-server-side-encryption"), "AES256");
    let new = check(&[oss[0], oss[1], "--session-token-file", &token]);
    assert!(
        new.header("authorization").starts_with("OSS4-HMAC-SHA256 "),
        "{new:?}"
    );
    assert_eq!(new.header("x-oss-security-token"), "lent-token");
    site.up.stop();
}
