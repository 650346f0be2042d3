//! `kill -9` of a gateway while two clients write, and while the object store fails some of its
//! calls: Linux, which writes, renames and removes, and libnfs' tools, which connect anew for each
//! file and so are at work again as soon as the gateway is.
//!
//! `CAUSEWAY_KILL_SECONDS=600` goes on for that long, with a kill every few seconds and one call
//! in twenty that fails.

#![expect(clippy::print_stdout, reason = "figures for whoever asks for them")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use clock::Clock;
use serde_json::json;
use testkit::{
    Guest, Lab, Moments, Place, Process, Site, SiteGateway, eventually, pause, python_with, run_ok,
    scratch_folder,
};

/// So many while a file is being written.
const KILLS: usize = 50;
/// Kills between two files do not count.
const KILLS_MAX: usize = 3 * KILLS;
/// After a file was committed a kill waits this long, or shorter, and then for the next file.
const AT_WORK_MAX: Duration = Duration::from_millis(200);
/// The same in a long run.
const AT_WORK_LONG: Duration = Duration::from_secs(3);
/// A kill comes this long after a file was begun, or sooner: no longer than it takes to write.
const IN_FILE_MAX: Duration = Duration::from_millis(30);
/// Where the failing store listens; the cloud's own is behind it.
const FAILING_PORT: u16 = 9_001;
/// The part of its calls that fails: in a short run, which has few, more of them.
const FAILING: &str = "0.2";
const FAILING_LONG: &str = "0.05";
const SOON: Duration = Duration::from_secs(30);
const MINUTE: Duration = Duration::from_secs(60);

/// Writes files of all sizes until told to stop. A file is noted only after its `fsync`
/// returned; what is noted must be whole, whatever happens after. Before it is noted every
/// fifth is overwritten in its middle, every seventh appended to, and every tenth lies in a
/// directory that is renamed; every third time an older one is removed, which is noted too.
const WRITER: &str = include_str!("gateway_kill/writer.sh");

/// Puts files with libnfs' tools, and tells from outside when one is being written.
const LIBNFS_WRITER: &str = include_str!("gateway_kill/libnfs_writer.sh");

/// A number from the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "a test has no main that could pass it"
)]
fn long_run() -> Result<Option<Duration>> {
    match std::env::var("CAUSEWAY_KILL_SECONDS") {
        Err(_) => Ok(None),
        Ok(seconds) => Ok(Some(Duration::from_secs(seconds.parse()?))),
    }
}

#[test]
fn what_was_committed_is_whole_after_fifty_kills() -> Result<()> {
    let mut moments = Moments::seeded()?;
    let job = scratch_folder()?;
    let site = Site::up()?;
    let _store = failing_store(&site)?;
    let mut gateway = site.join_gateway("crash")?;
    let mut bucket = site.bucket("crash/");
    bucket["endpoint"] = format!("http://{}:{FAILING_PORT}", Lab::CLOUD).into();
    site.share_with(&gateway, "crash", &json!({ "bucket": bucket }))?;
    let part = long_run()?.map_or(FAILING, |_| FAILING_LONG);
    fs::write(site.scratch.path().join("fail"), part)?;

    let script = WRITER.replace("$HOST", Guest::HOST);
    let mut writer = site.guest.start(&site.lab, job.path(), &script)?;
    eventually("the client writes", MINUTE, || {
        ensure!(
            writer.is_running()?,
            "the client ended: {}",
            writer.printed()
        );
        Ok(job.path().join("writing").try_exists()?.then_some(()))
    })?;
    let mut libnfs = LibnfsWriter::start(&site, &job.path().join("libnfs"))?;
    kill_often(&site, &mut gateway, &libnfs, &mut moments)?;
    libnfs.stop()?;
    fs::write(job.path().join("stop"), "")?;
    let limit = Duration::from_secs(240) + long_run()?.unwrap_or_default();
    let printed = site.guest.finish(writer, job.path(), limit)?;
    ensure!(printed.contains("files are whole"), "{printed}");
    println!("{} by Linux and libnfs", printed.trim());

    site.wait_for_state(&gateway, "online", MINUTE)?;
    site.wait_until_clean(&gateway, "crash", Duration::from_secs(120))?;
    let has_failed = site.scratch.path().join("failed").try_exists()?;
    ensure!(has_failed, "the store has not failed once");
    compare_with_bucket(&site, job.path())
}

/// Kills until enough of the kills came while a file was being written. Before each, a file was
/// committed since the last one.
fn kill_often(
    site: &Site,
    gateway: &mut SiteGateway,
    libnfs: &LibnfsWriter,
    moments: &mut Moments,
) -> Result<()> {
    let clock = Clock::system();
    let end = long_run()?.map(|length| clock.now() + length);
    let longest = end.map_or(AT_WORK_MAX, |_| AT_WORK_LONG);
    let (mut kills, mut in_writes) = (0, 0);
    let enough = |in_writes| end.map_or(in_writes >= KILLS, |end| clock.now() >= end);
    while !enough(in_writes) {
        ensure!(
            end.is_some() || kills < KILLS_MAX,
            "of {kills} kills only {in_writes} came while a file was being written"
        );
        libnfs.wait_for_one_more()?;
        pause(moments.up_to(longest));
        libnfs.wait_for_a_beginning()?;
        pause(moments.up_to(IN_FILE_MAX));
        let begun = libnfs.begun()?;
        kills += 1;
        fs::write(libnfs.folder.join("kills"), ".".repeat(kills))?;
        gateway.process.kill()?;
        in_writes += usize::from(begun > libnfs.ended()?);
        site.restart_gateway(gateway)?;
    }
    libnfs.wait_for_one_more()?;
    println!("{in_writes} of {kills} kills came while a file was being written");
    Ok(())
}

/// libnfs' tools at work in the site.
struct LibnfsWriter {
    folder: PathBuf,
    process: Process,
}

impl LibnfsWriter {
    fn start(site: &Site, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("writer.sh"), LIBNFS_WRITER)?;
        fs::write(folder.join("kills"), "")?;
        let mut command = site.lab.command(Place::Site, "bash");
        command.arg(folder.join("writer.sh"));
        command.arg("nfs://127.0.0.1/crash/NAME?nfsport=2049&mountport=2049&version=3");
        command.arg(folder);
        Ok(Self {
            process: Process::start(&mut command, &folder.join("log"))?,
            folder: folder.to_path_buf(),
        })
    }

    /// How many files it has begun to write.
    fn begun(&self) -> Result<u64> {
        self.length("begun")
    }

    /// Of how many the writing has ended, with or without success.
    fn ended(&self) -> Result<u64> {
        self.length("ended")
    }

    fn length(&self, name: &str) -> Result<u64> {
        let path = self.folder.join(name);
        Ok(if path.try_exists()? {
            fs::metadata(path)?.len()
        } else {
            0
        })
    }

    /// Waits in short steps: it is about a moment.
    fn wait_for_a_beginning(&self) -> Result<()> {
        let (before, clock) = (self.begun()?, Clock::system());
        let end = clock.now() + MINUTE;
        while self.begun()? == before {
            ensure!(clock.now() < end, "no file is begun");
            pause(Duration::from_millis(1));
        }
        Ok(())
    }

    fn wait_for_one_more(&self) -> Result<()> {
        let before = self.length("committed")?;
        eventually("a file is committed", MINUTE, || {
            Ok((self.length("committed")? > before).then_some(()))
        })
        .with_context(|| self.process.printed())
    }

    fn stop(&mut self) -> Result<()> {
        fs::write(self.folder.join("stop"), "")?;
        eventually("the writer ends", MINUTE, || {
            Ok((!self.process.is_running()?).then_some(()))
        })
    }
}

/// A store that fails when it is told to, in front of the cloud's own.
fn failing_store(site: &Site) -> Result<Process> {
    let folder = site.scratch.path();
    let program = folder.join("failing_store.py");
    fs::write(&program, include_str!("gateway_kill/failing_store.py"))?;
    let mut command = site.lab.command(Place::Cloud, "python3");
    command.arg(program).arg(Lab::CLOUD);
    command.arg(FAILING_PORT.to_string());
    command.arg(site.ready.text("/object_store/endpoint"));
    command.arg(folder);
    let mut store = Process::start(&mut command, &folder.join("failing_store.log"))?;
    eventually("the failing store listens", SOON, || {
        ensure!(store.is_running()?, "it ended: {}", store.printed());
        Ok(folder.join("listening").try_exists()?.then_some(()))
    })?;
    Ok(store)
}

/// The objects are those files too: none torn, none missing, none left over.
fn compare_with_bucket(site: &Site, job: &Path) -> Result<()> {
    let program = site.scratch.path().join("compare.py");
    fs::write(&program, include_str!("gateway_kill/compare_bucket.py"))?;
    let mut command = site
        .lab
        .command(Place::Cloud, python_with("boto3", "1.44.8")?);
    command
        .arg(program)
        .arg(site.store_file()?)
        .arg(job.join("expected"));
    let printed = run_ok(&mut command).context("comparing the bucket")?;
    ensure!(printed.contains("objects are right"), "{printed}");
    run_ok(Command::new("test").arg("-s").arg(job.join("expected")))?;
    Ok(())
}
