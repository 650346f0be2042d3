//! A share whose keys a role lends: console, broker and gateway as processes of their own.

use std::{fs, path::Path};

use serde_json::Value;
use testkit::{FakeSts, eventually};

use super::{
    lent_bucket::LentBucket,
    separate::{Cloud, Role},
    support::{LIMIT, nfs_copy, nfs_url, port, stdout},
};

const ID: &str = "AKIA-long-lived";
const SECRET: &str = "the-long-lived-secret";
/// How long keys are good for: the console looks every second, and a machine may be busy.
const LIFE: std::time::Duration = std::time::Duration::from_secs(9);

/// A gateway with a share over a bucket that wants lent keys.
struct Site {
    cloud: Cloud,
    gateway: Role,
    service: FakeSts,
    bucket: LentBucket,
}

impl Site {
    fn start() -> Self {
        let service = FakeSts::start(ID, SECRET);
        service.lend_for(LIFE);
        let bucket = LentBucket::start(&service);
        let cloud = Cloud::start();
        let bundle = cloud.bundle();
        stdout(&cloud.join(&bundle, "gateway"));
        let gateway = cloud.run_gateway();
        cloud.wait_for_state("online");
        Self {
            cloud,
            gateway,
            service,
            bucket,
        }
    }

    fn create_share(&self) {
        let key_file = self.cloud.dir.path().join("key");
        fs::write(&key_file, SECRET).unwrap();
        let key_file = key_file.display().to_string();
        let (store, service) = (self.bucket.endpoint(), self.service.endpoint());
        let mut words = vec!["share", "create", "site", "files", "--allow=127.0.0.0/8"];
        words.extend(["--endpoint", store, "--bucket=b", "--prefix=p/"]);
        words.extend(["--access-key-id", ID, "--secret-key-file", &key_file]);
        words.extend(["--role-arn=arn:aws:iam::123456789012:role/gateway"]);
        words.extend(["--sts-endpoint", service, "--role-lifetime-s=900"]);
        words.extend(["--squash=none", "--upload-delay-ms=0", "--cache-size=1GiB"]);
        words.extend(["--writers=many"]);
        stdout(&self.cloud.ctl(&words));
        self.wait("the share is served", |share| {
            share["status"]["state"] == "serving" && share["in_sync"] == true
        });
    }

    fn wait(&self, what: &str, wanted: impl Fn(&Value) -> bool) {
        let seen = || {
            let share = self.cloud.json(&["share", "show", "site", "files"]);
            Ok(wanted(&share).then_some(()))
        };
        eventually(what, LIMIT, seen).unwrap();
    }

    /// Ends the gateway as `kill -9` does and starts it again.
    fn restart_gateway(&mut self) {
        self.gateway.process.kill().unwrap();
        fs::remove_file(self.cloud.dir.path().join("gateway.ready")).unwrap();
        self.gateway = self.cloud.run_gateway();
    }

    fn shares(&self) -> Value {
        self.cloud.json(&["share", "list", "site"])["items"].clone()
    }

    fn url(&self, name: &str) -> String {
        nfs_url(
            port(&self.gateway.ready, "/nfs_address"),
            &format!("/files/{name}"),
        )
    }

    /// Copies a file onto the share; what was copied.
    fn write(&self, name: &str) -> Vec<u8> {
        let content = name.repeat(10_000).into_bytes();
        let local = self.cloud.dir.path().join("local");
        fs::write(&local, &content).unwrap();
        nfs_copy(&local.display().to_string(), &self.url(name));
        content
    }

    fn read(&self, name: &str) -> Vec<u8> {
        let back = self.cloud.dir.path().join("back");
        nfs_copy(&self.url(name), &back.display().to_string());
        let content = fs::read(&back).unwrap();
        fs::remove_file(back).unwrap();
        content
    }

    fn wait_for_object(&self, name: &str, content: &[u8]) {
        let key = format!("p/{name}");
        let there = || Ok((self.bucket.object(&key).as_deref() == Some(content)).then_some(()));
        eventually("the object in the bucket", LIMIT, there).unwrap();
    }
}

/// The files below a directory that have this text.
fn files_with(dir: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if let Ok(bytes) = fs::read(&path)
            && bytes.windows(text.len()).any(|w| w == text.as_bytes())
        {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn uploads_go_on_with_lent_keys_and_the_gateway_never_has_others() {
    let mut site = Site::start();
    site.create_share();
    // Keys of three loans: two renewals, while files are written.
    let mut written = 0;
    while site.bucket.keys_used() < 3 {
        let name = format!("file-{written}");
        let content = site.write(&name);
        site.wait_for_object(&name, &content);
        written += 1;
    }
    // A machine that is very busy may renew too late; then a request waits for others.
    let refusals = site.bucket.refusals();
    let are_of_time = refusals.iter().all(|code| *code == "ExpiredToken");
    assert!(are_of_time, "{refusals:?}");

    // Nobody lends: that is seen, files are served and taken, and wait.
    site.service.refuse(403, "AccessDenied");
    site.wait("the keys are over", |share| share["keys"]["good"] == false);
    let card = stdout(&site.cloud.ctl(&["share", "show", "site", "files"]));
    assert!(
        card.contains("AccessDenied") && card.contains("sts:AssumeRole"),
        "{card}"
    );
    let events = site.cloud.json(&["event", "list", "site"]).to_string();
    assert!(events.contains("its role lends no keys"), "{events}");
    let waiting = site.write("waiting");
    site.gateway.process.terminate(LIMIT).unwrap();
    site.gateway = site.cloud.run_gateway();
    site.wait("the gateway says that it has no keys", |share| {
        let failing = share["status"]["last_upload_error"].as_str();
        failing.is_some_and(|text| text.contains("no keys"))
            && share["status"]["state"] == "serving"
    });
    assert!(site.read("waiting") == waiting, "what is cached is served");
    assert_eq!(site.bucket.object("p/waiting"), None);

    // It lends again: all goes on by itself.
    site.service.relent();
    site.wait_for_object("waiting", &waiting);
    site.wait("nothing is wrong any more", |share| {
        share["keys"]["good"] == true && share["error"].is_null() && share["in_sync"] == true
    });

    let gateway = site.cloud.dir.path().join("gateway");
    let lent = site.service.lent().pop().unwrap().id;
    assert!(
        !files_with(&gateway, &lent).is_empty(),
        "what it has is found"
    );
    for text in [SECRET, ID] {
        assert_eq!(files_with(&gateway, text), Vec::<String>::new(), "{text}");
    }
    for request in site.bucket.seen() {
        let text = format!("{request:?}");
        assert!(!text.contains(SECRET) && !text.contains(ID), "{text}");
        let signature = testkit::SignatureV4::of(&request).unwrap();
        assert!(!signature.is_made_by(SECRET, &request), "{text}");
    }
    site.cloud.stop(site.gateway);
}

#[test]
fn a_removed_share_uploads_what_it_holds_with_keys_that_are_lent_after_its_removal() {
    let mut site = Site::start();
    site.create_share();
    let content = site.write("before");
    site.wait_for_object("before", &content);
    site.bucket.be_away(true);
    let left = site.write("left");
    site.wait("bytes are unprotected", |share| {
        share["status"]["dirty_bytes"].as_u64() > Some(0)
    });
    let delete = ["share", "delete", "site", "files", "--yes"];
    // Once more, and by force, changes nothing: only `--give-up` would.
    let forced = [&delete[..], &["--force"]].concat();
    for words in [&delete[..], &forced[..]] {
        let said = stdout(&site.cloud.ctl(words));
        assert!(said.contains("is being removed"), "{said}");
    }
    let is_left = |share: &Value| {
        let reason = share["status"]["reason"].as_str().unwrap_or_default();
        share["removing"] == true && reason.contains("bytes in 1 files are still to be uploaded")
    };
    site.wait("what is left is told", is_left);

    // All that was lent before it was removed is over, whoever was killed meanwhile.
    let before = site.service.lent();
    let last = before.iter().map(|keys| keys.expires_at).max().unwrap();
    site.cloud.restart_console();
    site.restart_gateway();
    eventually("the keys of before are over", LIMIT, || {
        Ok((clock::Clock::system().wall() > last).then_some(()))
    })
    .unwrap();
    site.wait("what is left is told again", is_left);
    assert_eq!(site.bucket.object("p/left"), None);

    site.bucket.be_away(false);
    site.wait_for_object("left", &left);
    let used = site.bucket.newest_key_used().unwrap();
    assert!(before.iter().all(|keys| keys.id != used), "{used}");
    eventually("the share is gone", LIMIT, || {
        Ok((site.shares() == serde_json::json!([])).then_some(()))
    })
    .unwrap();
    let listed = |words: &[&str]| site.cloud.json(words).to_string();
    assert!(listed(&["event", "list", "site"]).contains("all it held is in its bucket"));
    assert!(listed(&["audit", "list"]).contains("share.forget"));
    let cache = fs::read_dir(site.cloud.dir.path().join("gateway/cache")).unwrap();
    let mut left = cache.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(
        !left.any(|name| name.starts_with("files.")),
        "its cache went"
    );
    site.cloud.stop(site.gateway);
}
