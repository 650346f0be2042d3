//! `kill -9` of console and broker together while commands are under way.

use std::{fs, time::Duration};

use anyhow::{Result, ensure};
use serde_json::json;
use testkit::{Ledger, Site, ensure_none_ran_twice, pause};

const KILLS: usize = 7;
const COMMANDS_PER_KILL: usize = 6;
/// Deadline of the commands: within it a result may still come by itself.
const DEADLINE_MS: u64 = 5_000;
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn no_command_is_lost_without_an_outcome_and_none_runs_twice() -> Result<()> {
    let mut site = Site::up()?;
    let gateway = site.join_gateway("edge")?;
    site.share(&gateway, "projects")?;
    let sync = json!({"method": "share.sync", "params": {"share": "projects"}, "deadline_ms": DEADLINE_MS});
    let mut ledger = Ledger::new(&gateway.id);
    for round in 0..KILLS {
        site.wait_for_state(&gateway, "online", MINUTE)?;
        ledger.issue(&site.api, COMMANDS_PER_KILL, &sync);
        // From "not yet sent" to "results on their way".
        pause(Duration::from_millis(17 * (round as u64 % 7)));
        site.restart_cloud()?;
    }
    site.wait_for_state(&gateway, "online", MINUTE)?;
    ensure!(
        ledger.len() > KILLS,
        "too few commands were accepted to show anything"
    );
    let settled = ledger.settle(&site.api, MINUTE)?;
    ensure_none_ran_twice(&fs::read_to_string(gateway.log())?)?;
    // What has no result is reissued, and runs at most once all the same.
    ledger.reissue(&site.api, &settled)?;
    ensure_none_ran_twice(&fs::read_to_string(gateway.log())?)
}
