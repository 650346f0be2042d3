//! `kill -9` of console and broker together while commands are under way.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use testkit::{Issuer, Moments, Site, pause, runs, wait_for_a_run};

const KILLS: usize = 10;
/// A kill comes this long after the first command was run since the last one, or sooner.
const AT_WORK_MAX: Duration = Duration::from_millis(600);
/// Deadline of the commands: within it a result may still come by itself.
const DEADLINE_MS: u64 = 5_000;
const MINUTE: Duration = Duration::from_secs(60);
/// Connections are short here, and a gateway that has a few short ones is in no hurry.
const IMPATIENT: [&str; 2] = ["--reconnect-pause-max-s", "1"];

#[test]
fn no_command_is_lost_without_an_outcome_and_none_runs_twice() -> Result<()> {
    let mut moments = Moments::seeded()?;
    let mut site = Site::up()?;
    let gateway = site.join_gateway_with("edge", &IMPATIENT)?;
    site.share(&gateway, "projects")?;
    let sync = json!({"method": "share.sync", "params": {"share": "projects"}, "deadline_ms": DEADLINE_MS});
    let issuer = Issuer::start(site.api.clone(), &gateway.id, sync);
    for _ in 0..KILLS {
        wait_for_a_run(&gateway.process, MINUTE)?;
        pause(moments.up_to(AT_WORK_MAX));
        site.restart_cloud()?;
    }
    wait_for_a_run(&gateway.process, MINUTE)?;
    let settled = issuer.finish()?.settle(&site.api, MINUTE)?;
    settled.ensure_gateway_agrees(&gateway.process.printed())?;
    ensure!(settled.count("finished") >= KILLS, "too little was run");

    // What has no result is reissued, and runs at most once all the same.
    settled.reissue(&site.api)?;
    for (key, count) in runs(&gateway.process.printed())? {
        ensure!(
            count == 1,
            "the command with the key {key} ran {count} times"
        );
    }
    Ok(())
}
