//! What these tests share.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use testkit::{Process, eventually, run};

/// Long enough for a slow machine that runs other tests as well; nothing waits for it to pass.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The program, in an environment that says nothing to it.
pub(crate) fn causeway(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_causeway"));
    command.args(words);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CAUSEWAY_") {
            command.env_remove(name);
        }
    }
    command
}

/// Waits for a role's ready file.
pub(crate) fn ready(process: &mut Process, path: &Path) -> Value {
    eventually("the ready file", LIMIT, || {
        anyhow::ensure!(process.is_running()?, "ended: {}", process.printed());
        if !path.try_exists()? {
            return Ok(None);
        }
        Ok(Some(serde_json::from_slice(&std::fs::read(path)?)?))
    })
    .unwrap()
}

/// Text at a JSON pointer.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("no {pointer} in {value}"))
}

/// The port of an address at a JSON pointer.
pub(crate) fn port(value: &Value, pointer: &str) -> u16 {
    let address = text(value, pointer).parse::<std::net::SocketAddr>();
    address.unwrap().port()
}

/// `causeway up` on free ports.
#[derive(Debug)]
pub(crate) struct Up {
    pub(crate) process: Process,
    pub(crate) ready: Value,
    pub(crate) ready_path: PathBuf,
    pub(crate) data: PathBuf,
}

impl Up {
    /// The command that [`Self::start`] runs, and where its ready file will be.
    pub(crate) fn command(dir: &TempDir) -> (Command, PathBuf) {
        let ready_path = dir.path().join("ready.json");
        let any = "127.0.0.1:0";
        let mut command = causeway(&["up", "--console-address", any, "--s3-address", any]);
        command.args(["--broker-tls-address", any, "--broker-address", any]);
        command.args(["--nfs-address", any]);
        command.arg("--data").arg(dir.path().join("data"));
        command.arg("--ready-file").arg(&ready_path);
        (command, ready_path)
    }

    pub(crate) fn start(dir: &TempDir) -> Self {
        let (mut command, ready_path) = Self::command(dir);
        let log = dir.path().join("up.log");
        let mut process = Process::start(&mut command, &log).unwrap();
        let ready = ready(&mut process, &ready_path);
        Self {
            process,
            ready,
            ready_path,
            data: dir.path().join("data"),
        }
    }

    /// Runs `causeway ctl --data …`.
    pub(crate) fn ctl(&self, words: &[&str]) -> Output {
        let mut command = causeway(&["ctl", "--data"]);
        run(command.arg(&self.data).args(words)).unwrap()
    }

    /// The API's answer.
    pub(crate) fn ctl_json(&self, words: &[&str]) -> Value {
        let words: Vec<&str> = ["--json"].iter().chain(words).copied().collect();
        let output = self.ctl(&words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub(crate) fn stop(mut self) {
        self.process.terminate(LIMIT).unwrap();
        assert!(
            !self.ready_path.try_exists().unwrap(),
            "the ready file went with it"
        );
    }
}

/// A file of a share as libnfs names it.
pub(crate) fn nfs_url(nfs_port: u16, path: &str) -> String {
    format!("nfs://127.0.0.1{path}?nfsport={nfs_port}&mountport={nfs_port}&version=3")
}

/// Copies by NFS, with Debian's libnfs-utils.
pub(crate) fn nfs_copy(from: &str, to: &str) {
    let output = run(Command::new("nfs-cp").args([from, to])).unwrap();
    assert!(output.status.success(), "nfs-cp {from} {to}: {output:?}");
}

/// Waits until a file has this content.
pub(crate) fn wait_for_content(path: &Path, content: &[u8]) {
    eventually("the object in the bucket", LIMIT, || {
        let there = path.try_exists()? && std::fs::read(path)? == content;
        Ok(there.then_some(()))
    })
    .unwrap();
}

/// Runs a program with this on its standard input.
pub(crate) fn run_with_input(command: &mut Command, input: &str) -> Output {
    use std::io::Write as _;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
