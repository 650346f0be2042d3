//! The line between site and cloud is lost, and comes back.

use std::{process::Command, time::Duration};

use anyhow::{Result, ensure};
use clock::Clock;
use serde_json::json;
use testkit::{Lab, Place, Site, eventually, run_ok};

/// Default keep alive of the agent, twice.
const TWO_KEEP_ALIVES: Duration = Duration::from_secs(20);
const REFUSED_WITHIN: Duration = Duration::from_millis(100);
const REFUSALS: usize = 5;

fn nfs(lab: &Lab, program: &str, words: &[&str]) -> Command {
    let mut command = lab.command(Place::Site, program);
    command.args(words);
    command
}

fn url(share: &str, name: &str) -> String {
    format!("nfs://127.0.0.1/{share}/{name}?nfsport=2049&mountport=2049&version=3")
}

#[test]
fn a_cut_line_is_seen_and_clients_work_on_and_intent_arrives_later() -> Result<()> {
    let site = Site::up()?;
    let gateway = site.join_gateway("edge")?;
    site.share(&gateway, "before")?;
    let note = site.scratch.path().join("note");
    std::fs::write(&note, "written while the line was cut")?;

    site.lab.cut()?;
    let clock = Clock::system();
    site.wait_for_state(&gateway, "offline", TWO_KEEP_ALIVES)?;
    let seen = site.api.get(&format!("/gateways/{}", gateway.id))?;
    let age_ms = clock.wall().as_millis() - seen["status_at"].as_u64().unwrap_or_default();
    ensure!(
        age_ms < 60_000 && seen["status"].is_object(),
        "the last status keeps its age: {seen}"
    );

    // The best of a few: the machine may be busy with something else, the answer may not.
    let commands = format!("/gateways/{}/commands", gateway.id);
    let mut took = Duration::MAX;
    for _ in 0..REFUSALS {
        let began = clock.now();
        let refused = site
            .api
            .post(&commands, &json!({"method": "status.get", "params": {}}));
        took = took.min(clock.now().duration_since(began));
        let refused = format!("{:#}", refused.expect_err("nobody is there"));
        ensure!(refused.contains("OFFLINE"), "{refused}");
    }
    ensure!(took < REFUSED_WITHIN, "refused after {took:?}");

    // Clients work on: write, read back.
    let source = note.display().to_string();
    run_ok(&mut nfs(
        &site.lab,
        "nfs-cp",
        &[&source, &url("before", "note")],
    ))?;
    let text = run_ok(&mut nfs(&site.lab, "nfs-cat", &[&url("before", "note")]))?;
    ensure!(text == "written while the line was cut", "{text}");

    // The operator changes settings meanwhile: accepted, and due.
    let settings = json!({
        "name": "after", "bucket": site.bucket("after/"), "squash": "none",
        "access": [{"cidr": "127.0.0.0/8", "access": "read_write"}],
    });
    site.api
        .post(&format!("/gateways/{}/shares", gateway.id), &settings)?;
    site.lab.heal()?;
    eventually(
        "the new share is served with nobody's help",
        Duration::from_secs(90),
        || {
            let copied = run_ok(&mut nfs(
                &site.lab,
                "nfs-cp",
                &[&source, &url("after", "note")],
            ));
            Ok(copied.is_ok().then_some(()))
        },
    )?;
    site.wait_until_in_sync(&gateway)?;
    site.wait_until_clean(&gateway, "before", Duration::from_secs(60))
}
