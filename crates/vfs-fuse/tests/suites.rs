//! Other people's suites for file systems, on the engine over a bucket in memory.
//!
//! They need `/dev/fuse`, root, and the programs that `cargo xtask packages` installs; where one
//! is missing they fail and say so.

#![expect(clippy::unwrap_used, reason = "what helps a test may fail like one")]
#![expect(clippy::print_stdout, reason = "a long run says how far it is")]

#[path = "suites/exceptions.rs"]
mod exceptions;
#[path = "suites/share.rs"]
mod share;

use std::{path::PathBuf, process::Command};

use crate::share::{Share, tool};

/// How many of its tests pjdfstest must at least have passed: less means that it was not run.
const PASSED_MIN: usize = 180;
/// Operations of fsx where nobody says how many.
const FSX_OPERATIONS: u64 = 20_000;
/// Of one run of it: it keeps all its mappings of the file, and each makes all others slower.
const FSX_OPERATIONS_TOGETHER: u64 = 20_000;
const FSX_SEED: u64 = 20_261_124;

/// What pjdfstest is told of the machine: Debian's users, and what the kernel offers.
const PJDFSTEST_SETTINGS: &str = r#"
[features]
posix_fallocate = {}
utime_now = {}
utimensat = {}
rename_ctime = {}
[settings]
naptime = 0.02
allow_remount = false
[dummy_auth]
entries = [["nobody", "nogroup"], ["daemon", "daemon"]]
"#;

/// All kinds of access to one file, in a mix of reading and writing. At least a byte each: an
/// allocation of none is an error (POSIX, `posix_fallocate`), at which fsx gives up.
const FSX_SETTINGS: &str = r"
flen = 1048576
[opsize]
min = 1
max = 65536
[weights]
close_open = 1.0
invalidate = 1.0
mapread = 10.0
mapwrite = 10.0
read = 10.0
write = 10.0
truncate = 5.0
fsync = 1.0
fdatasync = 1.0
posix_fallocate = 1.0
copy_file_range = 2.0
";

/// A number from the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "a test has no main that could pass it"
)]
fn setting(name: &str, default: u64) -> u64 {
    let text = std::env::var(name);
    text.map_or(default, |text| text.parse().expect("a number"))
}

/// Runs a program to its end, without holding up the file system it uses.
async fn output(mut command: Command) -> (bool, String) {
    let run = move || command.output().expect("the program starts");
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (output.status.success(), text)
}

fn settings_file(share: &Share, content: &str) -> PathBuf {
    let path = share.scratch().join("settings.toml");
    std::fs::write(&path, content).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pjdfstest_passes_but_for_what_a_decision_names() {
    let share = Share::mount().await;
    let mut command = Command::new(tool("pjdfstest"));
    command
        .arg("-c")
        .arg(settings_file(&share, PJDFSTEST_SETTINGS));
    command.arg("-p").arg(share.path());
    let (_, text) = output(command).await;
    let (mut passed, mut failed) = (0, Vec::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        match line
            .split_once(' ')
            .map(|(name, result)| (name, result.trim()))
        {
            Some((_, "ok")) => passed += 1,
            Some((name, "FAILED")) => {
                let words = lines.next().unwrap_or_default();
                if !exceptions::is_named(name, words) {
                    failed.push(format!("{name}: {}", words.trim()));
                }
            }
            _ => {}
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(passed >= PASSED_MIN, "only {passed} passed\n{text}");
    share.unmount().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fsx_finds_every_byte_where_it_was_put() {
    let share = Share::mount().await;
    let file = share.path().join("exercised");
    let settings = settings_file(&share, FSX_SETTINGS);
    let mut left = setting("CAUSEWAY_FSX_OPERATIONS", FSX_OPERATIONS);
    let mut seed = setting("CAUSEWAY_FSX_SEED", FSX_SEED);
    while left > 0 {
        let operations = left.min(FSX_OPERATIONS_TOGETHER);
        let mut command = Command::new(tool("fsx"));
        command.args(["-N", &operations.to_string()]);
        command.args(["-S", &seed.to_string()]);
        command.arg("-f").arg(&settings);
        command.arg("-P").arg(share.scratch());
        command.arg(&file);
        let (is_fine, text) = output(command).await;
        let end = text.len().saturating_sub(20_000);
        let text = text.get(end..).unwrap_or(&text);
        assert!(is_fine, "seed {seed}: {text}");
        // What is in the bucket in the end is what the file has.
        let content = tokio::fs::read(&file).await.unwrap();
        share.drained().await;
        let object = share.store().object("exercised").unwrap();
        assert!(object.bytes == content, "the object is not the file");
        (left, seed) = (left - operations, seed + 1);
        println!("{operations} operations of fsx, {left} to come");
    }
    share.unmount().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mounted_file_tells_its_state_by_extended_attributes() {
    let share = Share::mount().await;
    let file = share.path().join("told");
    tokio::fs::write(&file, "content").await.unwrap();
    share.drained().await;
    let told = move || {
        let mut names = vec![0; 4_096];
        let len = rustix::fs::listxattr(&file, &mut names[..]).unwrap();
        let names = String::from_utf8_lossy(&names[..len]).into_owned();
        let value = |name: &str| {
            let mut value = vec![0; 4_096];
            let len = rustix::fs::getxattr(&file, name, &mut value[..]);
            len.map(|len| String::from_utf8_lossy(&value[..len]).into_owned())
        };
        let mut no_room = [0; 2];
        let short = rustix::fs::getxattr(&file, "user.causeway.state", &mut no_room[..]);
        assert_eq!(short, Err(rustix::io::Errno::RANGE));
        let set = rustix::fs::setxattr(
            &file,
            "user.causeway.state",
            b"dirty",
            rustix::fs::XattrFlags::empty(),
        );
        assert_eq!(set, Err(rustix::io::Errno::OPNOTSUPP));
        assert_eq!(value("user.other"), Err(rustix::io::Errno::NODATA));
        (
            names,
            value("user.causeway.state"),
            value("user.causeway.key"),
        )
    };
    let (names, state, key) = tokio::task::spawn_blocking(told).await.unwrap();
    assert!(
        names.contains("user.causeway.state\0user.causeway.key\0"),
        "{names:?}"
    );
    assert_eq!(
        (state.unwrap(), key.unwrap()),
        ("clean".into(), "told".into())
    );
    share.unmount().await;
}
