//! The test programs of the workspace: what cargo built, run and told about.

use std::{
    collections::VecDeque,
    fs::{self, File},
    panic::resume_unwind,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::shell::{self, now};

/// A test program that runs longer hangs.
const LIMIT: Duration = Duration::from_secs(15 * 60);
const POLL: Duration = Duration::from_millis(100);
/// Its tests are about the whole system, with networks and kernels of their own, and mostly wait.
const WHOLE_SYSTEM: &str = "testkit";

/// Those that take longest begin first, so that the lanes end together.
const SLOWEST: [&str; 3] = [
    "testkit private_network",
    "causeway program",
    "object-fs object_fs",
];

const HELD_BRIEFLY: &str = "nobody panics with it";

/// A test program.
struct Program {
    /// Package and target: `nfs-server nfs`.
    name: String,
    /// Where its package is, and where it runs.
    folder: PathBuf,
    executable: PathBuf,
}

/// Builds all test programs. It is one selection of packages, and so one build.
pub(crate) fn build() -> Result<()> {
    list().map(|_| ())
}

/// What a lane has still to run.
type Lane = Mutex<VecDeque<Program>>;

/// Runs them all, also when some fail: those of the whole system, which mostly wait, in one lane,
/// and the others in a second one beside it.
pub(crate) fn run() -> Result<()> {
    let mut programs = list()?;
    programs.sort_by_key(|program| !SLOWEST.contains(&program.name.as_str()));
    let count = programs.len();
    ensure!(count > 0, "cargo built no test programs");
    let is_whole = |program: &Program| program.is_of(WHOLE_SYSTEM);
    let (whole, parts): (VecDeque<_>, VecDeque<_>) = programs.into_iter().partition(is_whole);
    let (whole, parts) = (Mutex::new(whole), Mutex::new(parts));
    let failed = thread::scope(|scope| {
        let lanes = [
            scope.spawn(|| run_lane(&whole, &parts)),
            scope.spawn(|| run_lane(&parts, &whole)),
        ];
        let ended = lanes.map(|lane| lane.join().unwrap_or_else(|panic| resume_unwind(panic)));
        ended.into_iter().collect::<Result<Vec<_>>>()
    })?;
    let failed = failed.concat();
    ensure!(
        failed.is_empty(),
        "of {count} test programs failed: {}",
        failed.join(", ")
    );
    Ok(())
}

/// Runs a lane to its end, and helps the other then. The names of those that failed.
fn run_lane(own: &Lane, other: &Lane) -> Result<Vec<String>> {
    let mut failed = Vec::new();
    let next = || {
        let first = own.lock().expect(HELD_BRIEFLY).pop_front();
        first.or_else(|| other.lock().expect(HELD_BRIEFLY).pop_back())
    };
    while let Some(program) = next() {
        if !program.run()? {
            failed.push(program.name);
        }
    }
    Ok(failed)
}

impl Program {
    fn is_of(&self, package: &str) -> bool {
        self.name
            .split_once(' ')
            .is_some_and(|(of, _)| of == package)
    }

    /// Whether all its tests passed. What it prints is shown when it has ended, as others print
    /// meanwhile.
    fn run(&self) -> Result<bool> {
        let log = shell::root().join("target/test-logs");
        fs::create_dir_all(&log)?;
        let log = log.join(format!("{}.log", self.name.replace(' ', "-")));
        let file = File::create(&log)?;
        println!("...            {}", self.name);
        let began = now();
        let mut child = Command::new(&self.executable)
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("starting {}", self.executable.display()))?;
        let status = wait(&mut child, began)?;
        let took = now().duration_since(began).as_secs_f64();
        let passed = status.is_some_and(|status| status.success());
        let printed = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        if !passed {
            println!("{printed}");
        }
        let outcome = match status {
            Some(status) if status.success() => summary(&printed),
            Some(status) => format!("FAILED, with {status}: its output is above"),
            None => format!("FAILED: still running after {} s", LIMIT.as_secs()),
        };
        println!("{took:>7.1} s      {}: {outcome}", self.name);
        Ok(passed)
    }
}

/// How it ended; none if it had to be ended.
#[expect(
    clippy::disallowed_methods,
    reason = "no runtime here whose clock could be waited for"
)]
fn wait(child: &mut Child, began: Instant) -> Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if now().duration_since(began) > LIMIT {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}

/// What libtest says at the end.
fn summary(printed: &str) -> String {
    const HEAD: &str = "test result: ok. ";
    let lines = printed.lines().filter_map(|line| line.strip_prefix(HEAD));
    let passed = lines.filter_map(|line| line.split(';').next()).next_back();
    passed.unwrap_or("passed").to_owned()
}

/// What cargo says of a thing it built (`--message-format=json`).
#[derive(Deserialize)]
struct Message {
    reason: String,
    manifest_path: Option<PathBuf>,
    target: Option<Target>,
    profile: Option<Profile>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// Builds what is not built, and says what there is.
fn list() -> Result<Vec<Program>> {
    let messages = shell::output(
        "cargo",
        &[
            "test",
            "--release",
            "--locked",
            "--quiet",
            "--workspace",
            "--no-run",
            "--message-format=json-render-diagnostics",
        ],
    )?;
    let programs = messages.lines().map(program);
    programs.filter_map(Result::transpose).collect()
}

fn program(line: &str) -> Result<Option<Program>> {
    let message: Message = serde_json::from_str(line).context("cargo speaks another JSON")?;
    let (Some(manifest), Some(target), Some(executable)) =
        (message.manifest_path, message.target, message.executable)
    else {
        return Ok(None);
    };
    if message.reason != "compiler-artifact" || !message.profile.is_some_and(|p| p.test) {
        return Ok(None);
    }
    let folder = manifest.parent().context("a manifest lies in a folder")?;
    let package = folder.file_name().and_then(|name| name.to_str());
    Ok(Some(Program {
        name: format!("{} {}", package.context("a package's name")?, target.name),
        folder: folder.to_path_buf(),
        executable,
    }))
}
