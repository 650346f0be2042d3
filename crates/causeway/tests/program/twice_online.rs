//! One identity on two machines: each takes the other's place, and both sides say so.

use std::process::Command;

use testkit::{eventually, run};

use super::{
    separate::Cloud,
    support::{LIMIT, stdout},
};

#[test]
fn a_gateway_that_runs_twice_is_told_to_the_operator_and_in_its_log() {
    let cloud = Cloud::start();
    let bundle = cloud.bundle();
    stdout(&cloud.join(&bundle, "gateway"));
    // Somebody clones the machine.
    let folder = |name: &str| cloud.dir.path().join(name);
    let copy = run(Command::new("cp")
        .arg("-a")
        .arg(folder("gateway"))
        .arg(folder("clone")))
    .unwrap();
    assert!(copy.status.success(), "{copy:?}");
    let original = cloud.run_gateway();
    cloud.wait_for_state("online");
    let clone = cloud.run_gateway_named("clone", &[]);

    let event = eventually("an event about it", LIMIT, || {
        let events = cloud.json(&["event", "list", "site"]);
        let found = events["items"].as_array().into_iter().flatten().find(|e| {
            let message = e["message"].as_str().unwrap_or_default();
            message.contains("two processes run as this gateway")
        });
        Ok(found.cloned())
    })
    .unwrap();
    assert_eq!(event["severity"], "warning", "{event}");
    let message = event["message"].as_str().unwrap();
    assert!(message.contains("stop one of them"), "{message}");
    assert!(message.contains("127.0.0.1:"), "{message}");
    let said = "another process came in as this gateway";
    for gateway in [&original, &clone] {
        eventually("its log says so", LIMIT, || {
            Ok(gateway.process.printed().contains(said).then_some(()))
        })
        .unwrap();
    }

    // With one of them stopped the other one stays.
    let mut clone = clone;
    clone.process.end_by("TERM", LIMIT).unwrap();
    eventually("a command is done", LIMIT, || {
        let command = cloud.ctl(&["--json", "command", "issue", "site", "status.get"]);
        Ok(command.status.success().then_some(()))
    })
    .unwrap();
    cloud.stop(original);
}
