//! `kill -9` of the broker alone, and of the console alone, while commands are under way.

use std::{fs, time::Duration};

use serde_json::json;
use testkit::{Api, Issuer, Moments, pause, runs, wait_for_a_run};

use super::{
    separate::Cloud,
    support::{LIMIT, stdout, text},
};

const KILLS: usize = 50;
/// A kill comes this long after the first command was run since the last one, or sooner.
const AT_WORK_MAX: Duration = Duration::from_millis(600);
/// Of so many kills one does not wait until a command was run.
const SURPRISES: u64 = 5;
/// Deadline of the commands: within it a result may still come by itself.
const DEADLINE_MS: u64 = 5_000;
/// Connections are short here, and a gateway that has a few short ones is in no hurry.
const IMPATIENT: [&str; 2] = ["--reconnect-pause-max-s", "1"];

#[test]
fn a_killed_broker_loses_no_command_and_repeats_none() {
    every_command_has_an_outcome_and_runs_once(|cloud| cloud.restart_broker(|_| ()));
}

#[test]
fn a_killed_console_loses_no_command_and_repeats_none() {
    every_command_has_an_outcome_and_runs_once(Cloud::restart_console);
}

#[expect(clippy::print_stdout, reason = "figures for whoever asks for them")]
fn every_command_has_an_outcome_and_runs_once(restart: impl Fn(&mut Cloud)) {
    let mut moments = Moments::seeded().unwrap();
    let mut cloud = Cloud::start();
    let bundle = cloud.bundle();
    stdout(&cloud.join(&bundle, "gateway"));
    let gateway = cloud.run_gateway_with(&IMPATIENT);
    cloud.wait_for_state("online");
    let api = log_in(&cloud);
    let shown = cloud.json(&["gateway", "show", "site"]);
    let command = json!({"method": "share.list", "params": {}, "deadline_ms": DEADLINE_MS});
    let issuer = Issuer::start(api.clone(), text(&shown, "/id"), command);
    for _ in 0..KILLS {
        if !moments.one_in(SURPRISES) {
            wait_for_a_run(&gateway.process, LIMIT).unwrap();
        }
        pause(moments.up_to(AT_WORK_MAX));
        restart(&mut cloud);
    }
    wait_for_a_run(&gateway.process, LIMIT).unwrap();
    let settled = issuer.finish().unwrap().settle(&api, LIMIT).unwrap();
    settled
        .ensure_gateway_agrees(&gateway.process.printed())
        .unwrap();
    for state in ["finished", "not_executed", "unknown"] {
        println!("{state}: {}", settled.count(state));
    }
    assert!(settled.count("finished") >= KILLS, "too little was run");

    settled.reissue(&api).unwrap();
    for (key, count) in runs(&gateway.process.printed()).unwrap() {
        assert_eq!(count, 1, "runs of the key {key}");
    }
    cloud.stop(gateway);
}

fn log_in(cloud: &Cloud) -> Api {
    let password = fs::read_to_string(cloud.dir.path().join("password")).unwrap();
    let url = text(&cloud.console.ready, "/url");
    Api::log_in(Vec::new(), url, ("admin", &password), cloud.dir.path()).unwrap()
}
