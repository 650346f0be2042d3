//! Ctrl-C and SIGTERM: every program ends with success, and its next start picks up.

use std::path::Path;

use super::{
    separate::Cloud,
    support::{LIMIT, Up, stdout, text},
};

const SIGNALS: [&str; 2] = ["INT", "TERM"];

fn is_there(cloud: &Cloud, ready_file: &str) -> bool {
    let path: &Path = cloud.dir.path();
    path.join(ready_file).try_exists().unwrap()
}

#[test]
fn separate_programs_end_with_success_and_pick_up() {
    let mut cloud = Cloud::start();
    let bundle = cloud.bundle();
    stdout(&cloud.join(&bundle, "gateway"));
    let mut gateway = cloud.run_gateway();
    cloud.wait_for_state("online");
    let id = text(&cloud.json(&["gateway", "show", "site"]), "/id").to_owned();
    for signal in SIGNALS {
        gateway.process.end_by(signal, LIMIT).unwrap();
        assert!(!is_there(&cloud, "gateway.ready"), "SIG{signal}");
        cloud.wait_for_state("offline");
        gateway = cloud.run_gateway();
        cloud.wait_for_state("online");

        cloud.broker.process.end_by(signal, LIMIT).unwrap();
        assert!(!is_there(&cloud, "broker.ready"), "SIG{signal}");
        cloud.start_broker();
        cloud.wait_for_state("online");

        cloud.console.process.end_by(signal, LIMIT).unwrap();
        assert!(!is_there(&cloud, "console.ready"), "SIG{signal}");
        cloud.start_console();
        // The session of before is still good, and so is what the console knew.
        cloud.wait_for_state("online");
        let command = cloud.json(&["command", "issue", "site", "status.get"]);
        assert_eq!(command["state"], "finished", "SIG{signal}: {command}");
    }
    assert_eq!(text(&cloud.json(&["gateway", "show", "site"]), "/id"), id);
    cloud.stop(gateway);
}

#[test]
fn everything_in_one_process_ends_with_success_and_picks_up() {
    let dir = testkit::scratch_folder().unwrap();
    let mut gateways = Vec::new();
    for signal in SIGNALS {
        let mut up = Up::start(&dir);
        gateways.push(text(&up.ready, "/gateway/id").to_owned());
        up.process.end_by(signal, LIMIT).unwrap();
        assert!(!up.ready_path.try_exists().unwrap(), "SIG{signal}");
    }
    let up = Up::start(&dir);
    assert!(
        gateways
            .iter()
            .all(|id| id == text(&up.ready, "/gateway/id"))
    );
    let command = up.ctl_json(&["command", "issue", "demo", "status.get"]);
    assert_eq!(command["state"], "finished", "{command}");
    up.stop();
}

#[test]
fn watching_ends_with_success() {
    let dir = testkit::scratch_folder().unwrap();
    let up = Up::start(&dir);
    for signal in SIGNALS {
        let mut command = super::support::causeway(&["ctl", "--json", "watch", "--data"]);
        let log = dir.path().join(format!("watch-{signal}"));
        let mut watch = testkit::Process::start(command.arg(&up.data), &log).unwrap();
        testkit::eventually("something is seen", LIMIT, || {
            up.ctl_json(&["command", "issue", "demo", "status.get"]);
            Ok(watch.printed().contains("command").then_some(()))
        })
        .unwrap();
        watch.end_by(signal, LIMIT).unwrap();
    }
    up.stop();
}
