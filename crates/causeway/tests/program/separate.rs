//! Broker, console and gateway as processes of their own.

use std::{fs, path::Path, process::Output};

use serde_json::Value;
use tempfile::TempDir;
use testkit::{Process, eventually, run};

use super::support::{
    LIMIT, Up, causeway, nfs_copy, nfs_url, port, ready, stderr, stdout, text, wait_for_content,
};

const ANY: &str = "127.0.0.1:0";

/// A running role, and what it said when it was ready.
pub(super) struct Role {
    pub(super) process: Process,
    pub(super) ready: Value,
}

fn role(dir: &TempDir, name: &str, words: &[&str]) -> Role {
    let ready_path = dir.path().join(format!("{name}.ready"));
    let mut command = causeway(words);
    command.arg("--data").arg(dir.path().join(name));
    command.arg("--ready-file").arg(&ready_path);
    let log = dir.path().join(format!("{name}.log"));
    let mut process = Process::start(&mut command, &log).unwrap();
    let ready = ready(&mut process, &ready_path);
    Role { process, ready }
}

fn broker(dir: &TempDir, host: &str, (tls, link): (&str, &str), more: &[&str]) -> Role {
    let mut words = vec!["broker", "--host", host, "--tls-address", tls];
    words.extend(["--link-address", link]);
    words.extend(more);
    role(dir, "broker", &words)
}

fn console(dir: &TempDir, link: &str, address: &str) -> Role {
    let words = ["console", "--broker-link", link, "--address", address];
    role(dir, "console", &words)
}

/// A broker, a console, and `ctl` as its first user.
pub(super) struct Cloud {
    pub(super) dir: TempDir,
    /// What gateways call the broker.
    host: String,
    pub(super) broker: Role,
    pub(super) console: Role,
}

impl Cloud {
    pub(super) fn start() -> Self {
        Self::start_as("127.0.0.1")
    }

    /// With these settings of the broker, too.
    pub(super) fn start_with(more: &[&str]) -> Self {
        Self::start_of("127.0.0.1", more)
    }

    /// With a broker that gateways know by the name `host`.
    pub(super) fn start_as(host: &str) -> Self {
        Self::start_of(host, &[])
    }

    fn start_of(host: &str, more: &[&str]) -> Self {
        let dir = testkit::scratch_folder().unwrap();
        let broker = broker(&dir, host, (ANY, ANY), more);
        let console = console(&dir, text(&broker.ready, "/link_file"), ANY);
        let password = dir.path().join("password");
        fs::write(&password, text(&console.ready, "/password")).unwrap();
        let cloud = Self {
            dir,
            host: host.to_owned(),
            broker,
            console,
        };
        let password = password.display().to_string();
        stdout(&cloud.ctl(&["login", "--password-file", &password]));
        cloud
    }

    /// Ends the broker as `kill -9` does and starts it on the same ports.
    pub(super) fn restart_broker(&mut self, meanwhile: impl FnOnce(&Self)) {
        self.broker.process.kill().unwrap();
        fs::remove_file(self.dir.path().join("broker.ready")).unwrap();
        meanwhile(self);
        self.start_broker();
    }

    /// Starts the broker again, on the ports that it had.
    pub(super) fn start_broker(&mut self) {
        let address = |name: &str| text(&self.broker.ready, name).to_owned();
        let (tls, link) = (address("/tls_address"), address("/link_address"));
        self.broker = broker(&self.dir, &self.host, (&tls, &link), &[]);
    }

    /// Ends the console as `kill -9` does and starts it on the same port.
    pub(super) fn restart_console(&mut self) {
        self.console.process.kill().unwrap();
        fs::remove_file(self.dir.path().join("console.ready")).unwrap();
        self.start_console();
    }

    /// Starts the console again, on the port that it had.
    pub(super) fn start_console(&mut self) {
        let url = text(&self.console.ready, "/url").to_owned();
        let link = text(&self.broker.ready, "/link_file");
        self.console = console(&self.dir, link, url.trim_start_matches("http://"));
    }

    pub(super) fn ctl(&self, words: &[&str]) -> Output {
        let url = text(&self.console.ready, "/url");
        let mut command = causeway(&["ctl", "--url", url]);
        let login = self.dir.path().join("admin.json");
        run(command.args(words).env("CAUSEWAY_CTL_CONFIG", login)).unwrap()
    }

    pub(super) fn json(&self, words: &[&str]) -> Value {
        let words: Vec<&str> = ["--json"].iter().chain(words).copied().collect();
        serde_json::from_str(&stdout(&self.ctl(&words))).unwrap()
    }

    /// Waits until the gateway `site` is as wanted.
    fn wait(&self, what: &str, wanted: impl Fn(&Value) -> bool) {
        let seen = || Ok(wanted(&self.json(&["gateway", "show", "site"])).then_some(()));
        eventually(what, LIMIT, seen).unwrap();
    }

    pub(super) fn wait_for_state(&self, state: &str) {
        self.wait(state, |gateway| gateway["state"] == state);
    }

    /// Makes the gateway `site`; the file with its bundle.
    pub(super) fn bundle(&self) -> String {
        let path = self.dir.path().join("bundle");
        let added = self.json(&["gateway", "add", "site"]);
        fs::write(&path, text(&added, "/bundle")).unwrap();
        path.display().to_string()
    }

    pub(super) fn join(&self, bundle: &str, name: &str) -> Output {
        self.join_with(bundle, name, &[])
    }

    /// The same with more flags.
    pub(super) fn join_with(&self, bundle: &str, name: &str, more: &[&str]) -> Output {
        let mut command = causeway(&["gateway", "join", "--file", bundle, "--data"]);
        run(command.arg(self.dir.path().join(name)).args(more)).unwrap()
    }

    pub(super) fn run_gateway(&self) -> Role {
        self.run_gateway_with(&[])
    }

    pub(super) fn run_gateway_with(&self, flags: &[&str]) -> Role {
        self.run_gateway_named("gateway", flags)
    }

    /// The gateway that joined under `name`.
    pub(super) fn run_gateway_named(&self, name: &str, flags: &[&str]) -> Role {
        let words = [&["gateway", "run", "--nfs-address", ANY], flags].concat();
        role(&self.dir, name, &words)
    }

    pub(super) fn stop(mut self, mut gateway: Role) {
        gateway.process.terminate(LIMIT).unwrap();
        self.console.process.terminate(LIMIT).unwrap();
        self.broker.process.terminate(LIMIT).unwrap();
    }
}

#[test]
fn a_gateway_far_from_broker_and_console_serves_a_share() {
    // The object store comes from an `up` of its own.
    let store_dir = testkit::scratch_folder().unwrap();
    let store = Up::start(&store_dir);
    let cloud = Cloud::start();
    let bundle = cloud.bundle();
    assert!(stdout(&cloud.join(&bundle, "gateway")).contains("(site)"));
    let gateway = cloud.run_gateway();
    cloud.wait_for_state("online");

    create_share(&cloud, &store);
    let local = cloud.dir.path().join("local");
    fs::write(&local, b"from far away").unwrap();
    let nfs = port(&gateway.ready, "/nfs_address");
    nfs_copy(&local.display().to_string(), &nfs_url(nfs, "/files/letter"));
    let objects = Path::new(text(&store.ready, "/object_store/directory")).to_owned();
    wait_for_content(&objects.join("far/letter"), b"from far away");
    cloud.stop(gateway);
    store.stop();
}

#[test]
fn a_bundle_is_good_for_one_join() {
    let cloud = Cloud::start();
    let bundle = cloud.bundle();
    stdout(&cloud.join(&bundle, "gateway"));
    // The console withdraws the bundle's credential once it has seen the new one in use.
    cloud.wait("activated", |gateway| gateway["activated_at"].is_u64());
    let again = cloud.join(&bundle, "second");
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    assert!(stderr(&again).contains("make a new one"), "{again:?}");
    let changed = fs::read_to_string(&bundle).unwrap().replacen('A', "B", 1);
    fs::write(&bundle, changed).unwrap();
    let tampered = cloud.join(&bundle, "third");
    assert!(
        stderr(&tampered).contains("was changed on its way"),
        "{tampered:?}"
    );
}

#[test]
fn console_and_gateway_find_a_broker_that_comes_back() {
    let mut cloud = Cloud::start();
    let bundle = cloud.bundle();
    stdout(&cloud.join(&bundle, "gateway"));
    let gateway = cloud.run_gateway();
    cloud.wait_for_state("online");
    cloud.restart_broker(|cloud| {
        cloud.wait_for_state("offline");
        let refused = cloud.ctl(&["command", "issue", "site", "status.get"]);
        let said = stderr(&refused);
        assert!(said.contains("message queue cannot be reached"), "{said}");
    });
    cloud.wait_for_state("online");
    let command = cloud.json(&["command", "issue", "site", "status.get"]);
    assert_eq!(command["state"], "finished", "{command}");
    cloud.stop(gateway);
}

fn create_share(cloud: &Cloud, store: &Up) {
    let of_store = |key: &str| text(&store.ready, &format!("/object_store/{key}"));
    let key_file = cloud.dir.path().join("key");
    fs::write(&key_file, of_store("secret_access_key")).unwrap();
    let key_file = key_file.display().to_string();
    let mut words = vec!["share", "create", "site", "files", "--allow", "127.0.0.0/8"];
    words.extend([
        "--endpoint",
        of_store("endpoint"),
        "--bucket",
        of_store("bucket"),
    ]);
    words.extend([
        "--access-key-id",
        of_store("access_key_id"),
        "--prefix",
        "far/",
    ]);
    words.extend(["--secret-key-file", &key_file, "--squash", "none"]);
    words.extend(["--upload-delay-ms", "100"]);
    stdout(&cloud.ctl(&words));
    eventually("the share is served", LIMIT, || {
        let share = cloud.json(&["share", "show", "site", "files"]);
        Ok((share["status"]["state"] == "serving").then_some(()))
    })
    .unwrap();
}
