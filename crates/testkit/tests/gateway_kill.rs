//! `kill -9` of a gateway while a Linux client writes, renames and removes, and while the object
//! store fails some of its calls.
//!
//! `CAUSEWAY_KILL_SECONDS=600` goes on for that long, with a kill every two seconds and one call
//! in twenty that fails.

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use clock::Clock;
use serde_json::json;
use testkit::{
    Guest, Lab, Place, Process, Site, SiteGateway, eventually, pause, python_with, run_ok,
    scratch_folder,
};

const KILLS: u32 = 50;
/// Between two kills of a long run.
const LONG_PAUSE: Duration = Duration::from_secs(2);
/// Where the failing store listens; the cloud's own is behind it.
const FAILING_PORT: u16 = 9_001;
/// The part of its calls that fails: in a short run, which has few, more of them.
const FAILING: &str = "0.2";
const FAILING_LONG: &str = "0.05";
const SOON: Duration = Duration::from_secs(30);

/// Writes files of all sizes until told to stop. A file is noted only after its `fsync`
/// returned; what is noted must be whole, whatever happens after. Before it is noted every
/// fifth is overwritten in its middle, every seventh appended to, and every tenth lies in a
/// directory that is renamed; every third time an older one is removed, which is noted too.
const WRITER: &str = include_str!("gateway_kill/writer.sh");

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
    eventually("the client writes", Duration::from_secs(60), || {
        ensure!(
            writer.is_running()?,
            "the client ended: {}",
            writer.printed()
        );
        Ok(job.path().join("writing").try_exists()?.then_some(()))
    })?;
    kill_often(&site, &mut gateway)?;
    fs::write(job.path().join("stop"), "")?;
    let limit = Duration::from_secs(240) + long_run()?.unwrap_or_default();
    let printed = site.guest.finish(writer, job.path(), limit)?;
    ensure!(printed.contains("files are whole"), "{printed}");

    site.wait_for_state(&gateway, "online", Duration::from_secs(60))?;
    site.wait_until_clean(&gateway, "crash", Duration::from_secs(120))?;
    let has_failed = site.scratch.path().join("failed").try_exists()?;
    ensure!(has_failed, "the store has not failed once");
    compare_with_bucket(&site, job.path())
}

fn kill_often(site: &Site, gateway: &mut SiteGateway) -> Result<()> {
    if let Some(length) = long_run()? {
        let clock = Clock::system();
        let end = clock.now() + length;
        while clock.now() < end {
            pause(LONG_PAUSE);
            site.restart_gateway(gateway)?;
        }
        return Ok(());
    }
    let mut moment = 1_u64;
    for _ in 0..KILLS {
        // Moments without a pattern between 50 ms and 1.5 s after the start.
        moment = moment
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        pause(Duration::from_millis(50 + (moment >> 33) % 1_450));
        site.restart_gateway(gateway)?;
    }
    Ok(())
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
    let mut command = site.lab.command(Place::Cloud, python_with("boto3")?);
    command
        .arg(program)
        .arg(site.store_file()?)
        .arg(job.join("expected"));
    let printed = run_ok(&mut command).context("comparing the bucket")?;
    ensure!(printed.contains("objects are right"), "{printed}");
    run_ok(Command::new("test").arg("-s").arg(job.join("expected")))?;
    Ok(())
}
