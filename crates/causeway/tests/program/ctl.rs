//! `causeway ctl` against a console that runs.

use std::fs;

use serde_json::Value;
use testkit::run;

use super::support::{Up, causeway, run_with_input, stderr, stdout, text};

#[test]
fn every_noun_answers_people_and_programs() {
    let dir = testkit::scratch_folder().unwrap();
    let up = Up::start(&dir);
    let id = text(&up.ready, "/gateway/id").to_owned();
    for words in [
        &["overview"][..],
        &["gateway", "list"],
        &["gateway", "show", "demo"],
        &["share", "list", "demo"],
        &["share", "show", &id, "demo"],
        &["command", "issue", "demo", "status.get"],
        &["command", "list", "--gateway", "demo"],
        &["share", "sync", "demo", "demo"],
        &["share", "restart", "demo", "demo"],
        &["event", "list", "demo"],
        &["audit", "list"],
        &["audit", "verify"],
        &["user", "list"],
    ] {
        let shown = stdout(&up.ctl(words));
        assert!(!shown.trim().is_empty(), "{words:?}");
        assert!(!shown.starts_with('{'), "{words:?}: {shown}");
        assert!(up.ctl_json(words).is_object(), "{words:?}");
    }
    let shown = stdout(&up.ctl(&["gateway", "list"]));
    assert!(shown.contains(&id) && shown.contains("online"), "{shown}");
    let shown = stdout(&up.ctl(&["share", "list", "demo"]));
    assert!(
        shown.contains("serving") && shown.contains("yes"),
        "{shown}"
    );
    up.stop();
}

#[test]
fn a_share_is_checked_made_changed_and_deleted() {
    let dir = testkit::scratch_folder().unwrap();
    let up = Up::start(&dir);
    let key_file = dir.path().join("key");
    fs::write(
        &key_file,
        text(&up.ready, "/object_store/secret_access_key"),
    )
    .unwrap();
    let key_file = key_file.display().to_string();
    let store = |pointer: &str| text(&up.ready, &format!("/object_store/{pointer}")).to_owned();
    let (endpoint, bucket) = (store("endpoint"), store("bucket"));
    let key_id = store("access_key_id");
    let create = |prefix: &str, more: &[&str]| {
        let mut words = vec!["share", "create", "demo", "second", "--endpoint", &endpoint];
        words.extend(["--bucket", &bucket, "--access-key-id", &key_id]);
        words.extend(["--secret-key-file", &key_file, "--prefix", prefix]);
        words.extend(["--allow", "127.0.0.0/8", "--cache-size", "1GiB"]);
        words.extend(more);
        up.ctl(&words)
    };

    // The share `demo` has all keys below `demo/`.
    let refused = create("demo/inner/", &[]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let checks = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(
        checks.contains("overlap") && checks.contains("no"),
        "{checks}"
    );

    let dirty = up.ctl(&["share", "delete", "demo", "demo"]);
    assert_eq!(dirty.status.code(), Some(1), "asked for --yes: {dirty:?}");
    assert!(stderr(&dirty).contains("--yes"));
    let dry = stdout(&up.ctl(&["share", "delete", "demo", "demo", "--dry-run"]));
    assert!(dry.contains("Nothing was changed"), "{dry}");
    stdout(&up.ctl(&["share", "delete", "demo", "demo", "--yes"]));

    let dry = stdout(&create("second/", &["--dry-run"]));
    assert!(!dry.contains("mount"), "{dry}");
    let made = stdout(&create("second/", &[]));
    assert!(made.contains("CHECK") && made.contains("mount"), "{made}");
    stdout(&up.ctl(&[
        "share",
        "edit",
        "demo",
        "second",
        "--upload-delay-ms",
        "250",
    ]));
    let share = up.ctl_json(&["share", "show", "demo", "second"]);
    assert_eq!(share["settings"]["upload_delay_ms"], 250);
    assert_eq!(share["settings"]["cache_bytes_max"], 1 << 30);
    assert!(!share.to_string().contains(&store("secret_access_key")));
    up.stop();
}

#[test]
fn gateways_and_users_come_and_go() {
    let dir = testkit::scratch_folder().unwrap();
    let up = Up::start(&dir);
    let added = up.ctl_json(&["gateway", "add", "london"]);
    assert!(text(&added, "/bundle").starts_with("causeway1."));
    stdout(&up.ctl(&["gateway", "rename", "london", "paris"]));
    let bundle = stdout(&up.ctl(&["gateway", "bundle", "paris", "--yes"]));
    assert!(
        bundle.contains("causeway gateway join causeway1."),
        "{bundle}"
    );
    let offline = up.ctl(&["--json", "command", "issue", "paris", "status.get"]);
    assert_eq!(offline.status.code(), Some(1));
    assert!(stderr(&offline).contains("OFFLINE"), "{offline:?}");
    let body: Value = serde_json::from_slice(&offline.stdout).unwrap();
    assert_eq!(text(&body, "/error/code"), "OFFLINE");
    stdout(&up.ctl(&["gateway", "delete", "paris", "--yes"]));
    let gone = up.ctl(&["gateway", "show", "paris"]);
    assert_eq!(gone.status.code(), Some(2), "{gone:?}");

    let password = "a long enough password";
    let mut add = causeway(&["ctl", "--data"]);
    add.arg(&up.data);
    add.args([
        "user",
        "add",
        "ada",
        "--role",
        "auditor",
        "--password-file",
        "-",
    ]);
    stdout(&run_with_input(&mut add, password));
    assert!(stdout(&up.ctl(&["user", "list"])).contains("auditor"));

    let config = dir.path().join("ada.json");
    let as_ada = |words: &[&str]| {
        let mut command = causeway(&["ctl"]);
        command.args(words).env("CAUSEWAY_CTL_CONFIG", &config);
        command.env("CAUSEWAY_URL", text(&up.ready, "/console/url"));
        command.env("CAUSEWAY_PASSWORD", password);
        run(&mut command).unwrap()
    };
    let stranger = as_ada(&["user", "list"]);
    assert!(stderr(&stranger).contains("ctl login"), "{stranger:?}");
    stdout(&as_ada(&["login", "--user", "ada"]));
    assert!(stdout(&as_ada(&["audit", "list"])).contains("ctl"));
    let refused = as_ada(&["gateway", "add", "rome"]);
    assert!(stderr(&refused).contains("FORBIDDEN"), "{refused:?}");
    stdout(&as_ada(&["logout"]));
    assert!(!config.try_exists().unwrap());
    stdout(&up.ctl(&["user", "delete", "ada", "--yes"]));
    up.stop();
}

#[test]
fn watch_prints_what_happens() {
    let dir = testkit::scratch_folder().unwrap();
    let up = Up::start(&dir);
    let mut command = causeway(&["ctl", "--json", "--data"]);
    command.arg(&up.data).arg("watch");
    let watch = testkit::Process::start(&mut command, &dir.path().join("watch.log")).unwrap();
    testkit::eventually(
        "an audit event on the stream",
        super::support::LIMIT,
        || {
            // Until the stream stands, what happens is not on it.
            up.ctl_json(&["command", "issue", "demo", "status.get"]);
            Ok(watch
                .printed()
                .contains("\"event\":\"command\"")
                .then_some(()))
        },
    )
    .unwrap();
    for line in watch.printed().lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
    up.stop();
}
