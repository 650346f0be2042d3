//! Express sync: gateways over one bucket, none of which ever looks into it by itself.
//!
//! Figures are asked for by the environment: `CAUSEWAY_EXPRESS_FILES=40000` makes so many files at
//! one gateway, `CAUSEWAY_EXPRESS_CHANGES=120000` has a gateway that is not ours tell so many
//! changes, 2,000 a second; and the delays with which three others see them are printed.

#![expect(clippy::print_stdout, reason = "figures for whoever asked for them")]

use std::{fs, io::Write as _, process::Command, time::Duration};

use clock::Clock;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Process, eventually, pause, run};

use super::{
    nfs_calls::Maker,
    peer::Login,
    support::{LIMIT, Up, causeway, nfs_copy, nfs_url, port, ready, stdout, text},
};

const SHARE: &str = "common";
/// Made at once, unless another number is asked for.
const FILES: u32 = 200;
/// Told by a gateway that is not ours, unless another number is asked for.
const CHANGES: u32 = 1_000;
/// One batch of them …
const BATCH: u32 = 50;
/// … as often as that: 2,000 a second.
const BATCH_INTERVAL: Duration = Duration::from_millis(25);
/// What is wanted of 99 in 100 changes, where they are measured.
const DELAY_MAX: Duration = Duration::from_secs(1);

/// A gateway beside that of `up`.
struct Edge {
    name: &'static str,
    process: Process,
    nfs: u16,
}

/// A console, a queue and a bucket, and gateways that share it.
struct Common {
    dir: TempDir,
    up: Up,
    nfs: u16,
    edges: Vec<Edge>,
}

impl Common {
    fn start(names: &[&'static str]) -> Self {
        let dir = testkit::scratch_folder().unwrap();
        let up = Up::start(&dir);
        let nfs = port(&up.ready, "/gateway/nfs_address");
        let mut common = Self {
            dir,
            up,
            nfs,
            edges: Vec::new(),
        };
        common.share("demo");
        for name in names {
            common.join(name);
            let edge = common.run_edge(name);
            common.edges.push(edge);
            common.share(name);
        }
        common
    }

    /// Makes a gateway in the console, and its identity.
    fn join(&self, name: &str) {
        let added = self.up.ctl_json(&["gateway", "add", name]);
        let bundle = self.dir.path().join("bundle");
        fs::write(&bundle, text(&added, "/bundle")).unwrap();
        let mut join = causeway(&["gateway", "join", "--file"]);
        join.arg(&bundle).arg("--data");
        stdout(&run(join.arg(self.dir.path().join(name))).unwrap());
    }

    fn run_edge(&self, name: &'static str) -> Edge {
        let ready_path = self.dir.path().join(format!("{name}.ready"));
        let mut command = causeway(&["gateway", "run", "--nfs-address", "127.0.0.1:0"]);
        command.args(["--status-interval-s", "1"]);
        command.arg("--data").arg(self.dir.path().join(name));
        command.arg("--ready-file").arg(&ready_path);
        let log = self.dir.path().join(format!("{name}.log"));
        let mut process = Process::start(&mut command, &log).unwrap();
        let ready = ready(&mut process, &ready_path);
        let nfs = port(&ready, "/nfs_address");
        fs::remove_file(&ready_path).unwrap();
        Edge { name, process, nfs }
    }

    /// The share that all have: nobody looks for changes by itself.
    fn share(&self, gateway: &str) {
        self.create_share(gateway);
        eventually("the share is served", LIMIT, || {
            let share = self.shown(gateway);
            Ok((share["status"]["state"] == "serving").then_some(()))
        })
        .unwrap();
    }

    fn create_share(&self, gateway: &str) {
        let of_store = |key: &str| text(&self.up.ready, &format!("/object_store/{key}"));
        let key_file = self.dir.path().join("key");
        fs::write(&key_file, of_store("secret_access_key")).unwrap();
        let mut words = vec!["share", "create", gateway, SHARE, "--allow", "127.0.0.0/8"];
        words.extend(["--endpoint", of_store("endpoint")]);
        words.extend(["--bucket", of_store("bucket"), "--prefix", "common/"]);
        words.extend(["--access-key-id", of_store("access_key_id")]);
        words.extend(["--secret-key-file", key_file.to_str().unwrap()]);
        words.extend(["--writers", "many", "--squash", "none"]);
        words.extend(["--rescan-interval-s", "0", "--upload-delay-ms", "1"]);
        stdout(&self.up.ctl(&words));
    }

    fn shown(&self, gateway: &str) -> Value {
        self.up.ctl_json(&["share", "show", gateway, SHARE])
    }

    /// Writes a file by NFS.
    fn write(&self, nfs: u16, name: &str, content: &str) {
        let local = self.dir.path().join("local");
        fs::write(&local, content).unwrap();
        nfs_copy(
            local.to_str().unwrap(),
            &nfs_url(nfs, &format!("/{SHARE}/{name}")),
        );
    }

    /// Waits until a gateway has a file with this content.
    fn wait_for(&self, nfs: u16, name: &str, content: &str) {
        let back = self.dir.path().join("back");
        eventually(name, LIMIT, || {
            if back.try_exists()? {
                fs::remove_file(&back)?;
            }
            let from = nfs_url(nfs, &format!("/{SHARE}/{name}"));
            let copied = run(Command::new("nfs-cp").arg(from).arg(&back))?;
            let there = copied.status.success() && fs::read(&back)? == content.as_bytes();
            Ok(there.then_some(()))
        })
        .unwrap();
    }

    /// Makes files at the gateway of `up`, where there were `before`, and waits until all have them; how long that took.
    fn make(&self, files: u32, before: u64) -> Duration {
        let clock = Clock::system();
        let goal = before + u64::from(files);
        let begin = clock.now();
        let quarter = files.div_ceil(4);
        std::thread::scope(|scope| {
            for part in 0..4 {
                let mut maker = Maker::mount(self.nfs, &format!("/{SHARE}"));
                let (from, to) = (part * quarter, (part + 1) * quarter);
                scope.spawn(move || maker.make(from.min(files)..to.min(files)));
            }
        });
        self.wait_for_inodes(goal);
        clock.now() - begin
    }

    fn inodes(&self, gateway: &str) -> u64 {
        let shown = self.shown(gateway);
        shown["status"]["inodes"].as_u64().unwrap()
    }

    fn wait_for_inodes(&self, goal: u64) {
        for edge in &self.edges {
            let what = format!("{} has all files", edge.name);
            eventually(&what, LIMIT, || {
                Ok((self.inodes(edge.name) >= goal).then_some(()))
            })
            .unwrap();
        }
    }

    /// Speaks as a gateway that changes much, by a client of the queue that is not ours; how long
    /// it took until all others had it.
    fn tell(&self, changes: u32) -> Duration {
        self.join("teller");
        self.create_share("teller");
        let identity = fs::read(self.dir.path().join("teller/identity.json")).unwrap();
        let mut identity: Value = serde_json::from_slice(&identity).unwrap();
        let mut issued = identity["credential"].take();
        issued["client_id"] = identity["client_id"].clone();
        let topic = format!("csg_event/{}", text(&identity, "/gateway"));
        let queue = port(&self.up.ready, "/broker/tcp_address");
        let mut client = Login::of_device(&issued).publish_lines(queue, &topic);
        let mut lines = client.stdin.take().unwrap();
        let clock = Clock::system();
        let mut tell = |sequence: u32, changes: &[Value]| {
            let event = json!({
                "at": clock.wall(), "type": "changes", "share": SHARE,
                "epoch": 1, "sequence": sequence, "changes": changes,
            });
            writeln!(lines, "{event}").unwrap();
        };
        // The first word is a gap. What is told next is in no bucket, so that listing must be over.
        tell(0, &[]);
        self.wait_for_listing();
        let (begin, goal) = (clock.now(), 1 + u64::from(changes));
        for batch in 0..changes.div_ceil(BATCH) {
            let names = batch * BATCH..changes.min((batch + 1) * BATCH);
            let puts: Vec<Value> = names.map(change).collect();
            tell(batch + 1, &puts);
            let due = begin + BATCH_INTERVAL * (batch + 1);
            pause(due.saturating_duration_since(clock.now()));
        }
        self.wait_for_inodes(goal);
        let took = clock.now() - begin;
        drop(lines);
        assert!(client.wait().unwrap().success());
        took
    }

    /// Waits until each has heard of all others, and has reported once more since: the listing
    /// because of that takes a moment, and reports come every few seconds.
    fn wait_for_listing(&self) {
        let others = self.edges.len() as u64 + 1;
        for edge in &self.edges {
            let mut met_at = None;
            eventually("the others are met", LIMIT, || {
                let shown = self.shown(edge.name);
                let at = shown["status_at"].as_u64();
                if shown["status"]["express"]["gaps"].as_u64() < Some(others) {
                    return Ok(None);
                }
                let met_at = *met_at.get_or_insert(at);
                Ok((at > met_at).then_some(()))
            })
            .unwrap();
        }
    }

    fn print_delays(&self) {
        for edge in &self.edges {
            let express = self.shown(edge.name)["status"]["express"].clone();
            println!("{}: {express}", edge.name);
            let delay = express["delay_p99_ms"].as_u64().map(Duration::from_millis);
            assert!(delay < Some(DELAY_MAX), "{express}");
        }
    }

    fn stop(mut self) {
        for edge in &mut self.edges {
            edge.process.terminate(LIMIT).unwrap();
        }
        self.up.stop();
    }
}

#[test]
fn what_one_gateway_writes_the_others_have_without_looking_into_the_bucket() {
    let mut common = Common::start(&["edge-one", "edge-two", "edge-three"]);
    let (one, two) = (common.edges[0].nfs, common.edges[1].nfs);
    common.write(common.nfs, "letter", "from the first");
    common.wait_for(one, "letter", "from the first");
    common.wait_for(two, "letter", "from the first");
    common.write(one, "answer", "from another");
    common.wait_for(common.nfs, "answer", "from another");
    common.wait_for(two, "answer", "from another");

    let files = asked_for("CAUSEWAY_EXPRESS_FILES");
    let took = common.make(files.unwrap_or(FILES), 3);
    if let Some(files) = files {
        let rate = f64::from(files) / took.as_secs_f64();
        println!("{files} files in {took:.1?}, {rate:.0} a second, seen by all");
        common.print_delays();
    }

    // Who is away misses something, and finds it when it is back.
    common.edges[1].process.kill().unwrap();
    common.write(one, "missed", "while one was away");
    common.wait_for(common.nfs, "missed", "while one was away");
    common.edges[1] = common.run_edge("edge-two");
    common.wait_for(common.edges[1].nfs, "missed", "while one was away");
    eventually("its status tells that it listed", LIMIT, || {
        let share = common.shown("edge-two");
        let scans = share["status"]["express"]["scans"].as_u64();
        Ok((scans > Some(0)).then_some(()))
    })
    .unwrap();
    let shown = stdout(&common.up.ctl(&["share", "show", "edge-one", SHARE]));
    assert!(shown.contains("changes heard"), "{shown}");
    common.stop();
}

#[test]
fn changes_that_are_told_are_seen_by_all_who_have_the_objects() {
    let common = Common::start(&["edge-one", "edge-two", "edge-three"]);
    let changes = asked_for("CAUSEWAY_EXPRESS_CHANGES");
    let took = common.tell(changes.unwrap_or(CHANGES));
    if let Some(changes) = changes {
        let rate = f64::from(changes) / took.as_secs_f64();
        println!("{changes} changes in {took:.1?}, {rate:.0} a second, seen by all");
        common.print_delays();
    }
    common.stop();
}

/// A file as other gateways are told of it.
fn change(number: u32) -> Value {
    json!({
        "change": "put", "key": format!("{number:06}"), "size": 4_096,
        "etag": format!("{number:032x}"),
        "metadata": {
            "file-owner": "1000", "file-group": "1000", "file-permissions": "0100644",
            "file-mtime": "1795478400123456789ns",
        },
    })
}

/// A number from the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "a test has no main that could pass it"
)]
fn asked_for(variable: &str) -> Option<u32> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap())
}
