//! `kill -9` of the broker alone, and of the console alone, while commands are under way.

use std::{fs, time::Duration};

use serde_json::json;
use testkit::{Api, Ledger, ensure_none_ran_twice, pause};

use super::{
    separate::{Cloud, Role},
    support::{LIMIT, stdout, text},
};

const KILLS: u64 = 5;
const COMMANDS_PER_KILL: usize = 6;
/// Deadline of the commands: within it a result may still come by itself.
const DEADLINE_MS: u64 = 5_000;

#[test]
fn a_killed_broker_loses_no_command_and_repeats_none() {
    every_command_has_an_outcome_and_runs_once(|cloud| cloud.restart_broker(|_| ()));
}

#[test]
fn a_killed_console_loses_no_command_and_repeats_none() {
    every_command_has_an_outcome_and_runs_once(Cloud::restart_console);
}

fn every_command_has_an_outcome_and_runs_once(restart: impl Fn(&mut Cloud)) {
    let mut cloud = Cloud::start();
    let bundle = cloud.bundle();
    stdout(&cloud.join(&bundle, "gateway"));
    let gateway = cloud.run_gateway();
    cloud.wait_for_state("online");
    let api = log_in(&cloud);
    let shown = cloud.json(&["gateway", "show", "site"]);
    let mut ledger = Ledger::new(text(&shown, "/id"));
    let command = json!({"method": "status.get", "params": {}, "deadline_ms": DEADLINE_MS});
    for round in 0..KILLS {
        cloud.wait_for_state("online");
        ledger.issue(&api, COMMANDS_PER_KILL, &command);
        // From "not yet sent" to "results on their way".
        pause(Duration::from_millis(7 * round));
        restart(&mut cloud);
    }
    cloud.wait_for_state("online");
    assert!(!ledger.is_empty(), "no command was accepted");
    let settled = ledger.settle(&api, LIMIT).unwrap();
    ensure_none_ran_twice(&log_of(&gateway)).unwrap();
    ledger.reissue(&api, &settled).unwrap();
    ensure_none_ran_twice(&log_of(&gateway)).unwrap();
    cloud.stop(gateway);
}

fn log_in(cloud: &Cloud) -> Api {
    let password = fs::read_to_string(cloud.dir.path().join("password")).unwrap();
    let url = text(&cloud.console.ready, "/url");
    Api::log_in(Vec::new(), url, ("admin", &password), cloud.dir.path()).unwrap()
}

fn log_of(gateway: &Role) -> String {
    gateway.process.printed()
}
