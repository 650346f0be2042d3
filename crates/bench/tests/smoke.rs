//! The program itself, with few clients: everything that is sent arrives.

#![expect(
    clippy::unwrap_used,
    reason = "the kit of a test fails the test; clippy knows only functions with #[test]"
)]

use std::process::Command;

use serde_json::Value;

fn bench(words: &[&str]) -> Value {
    let out = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(words)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{words:?}: {errors}");
    serde_json::from_slice(&out.stdout).unwrap()
}

#[test]
fn every_part_of_a_run_delivers_all_messages() {
    let figures = bench(&[
        "mqtt",
        "--json",
        "--subjects=floor,causeway",
        "--clients=60",
        "--processes=2",
        "--rounds=1",
        "--part-ms=200",
        "--turns=3",
    ]);
    let verdicts = figures["verdicts"].as_array().unwrap();
    let figures = figures["figures"].as_array().unwrap();
    assert_eq!(figures.len(), 24, "twelve parts of two subjects");
    assert!(
        verdicts.iter().any(|v| v["phase"] == "pairs1"),
        "{verdicts:?}"
    );
    for entry in figures {
        assert_eq!(entry["lost"], 0, "{entry}");
        assert!(entry["count"].as_u64().unwrap() > 0, "{entry}");
        assert!(entry["cpu_us"].as_f64().unwrap() > 0.0, "{entry}");
        let once = ["connect", "saturation"]
            .map(Value::from)
            .contains(&entry["phase"]);
        let turns = entry["turns_cpu_us"].as_array().unwrap();
        assert_eq!(turns.len(), if once { 1 } else { 3 }, "{entry}");
        assert!(turns.iter().all(|us| us.as_f64() > Some(0.0)), "{entry}");
    }
    let connect = |entry: &&Value| entry["phase"] == "connect";
    for entry in figures.iter().filter(connect) {
        assert_eq!(entry["count"], 60, "{entry}");
    }
}

#[test]
fn clients_come_with_tls_too() {
    let figures = bench(&[
        "mqtt",
        "--json",
        "--tls",
        "--subjects=causeway,mosquitto",
        "--clients=40",
        "--processes=2",
        "--rounds=1",
        "--part-ms=100",
    ]);
    let figures = figures["figures"].as_array().unwrap();
    assert_eq!(figures.len(), 24, "twelve parts of two subjects");
    for entry in figures {
        assert_eq!(entry["lost"], 0, "{entry}");
        assert!(entry["count"].as_u64().unwrap() > 0, "{entry}");
    }
}

#[test]
fn system_calls_are_counted() {
    let figures = bench(&[
        "mqtt",
        "--json",
        "--system-calls",
        "--subjects=floor",
        "--clients=20",
        "--rounds=1",
        "--part-ms=100",
        "--parts=ping",
    ]);
    let ping = &figures["figures"][1];
    let of = |call: &str| ping["system_calls"][call].as_f64().unwrap();
    // One PINGREQ to a read, or on a busy machine more, and each read answered by one send.
    let (received, sent) = (of("recvfrom"), of("sendto"));
    assert!(
        (f64::MIN_POSITIVE..1.1).contains(&received),
        "a read each: {ping}"
    );
    assert!((received - sent).abs() < 0.05, "a send to a read: {ping}");
}

#[test]
fn sessions_without_sockets_get_all_messages() {
    // What does not arrive ends the run in an error.
    let figures = bench(&["mqtt", "--json", "--in-memory=300"]);
    assert_eq!(figures["sessions"], 300);
    assert!(figures["command"]["p99_us"].as_f64().unwrap() > 0.0);
    assert!(figures["broadcast"]["last_us"].as_f64().unwrap() > 0.0);
}

#[test]
fn the_engine_and_the_disk_do_all_parts_with_the_same_count() {
    let dir = env!("CARGO_TARGET_TMPDIR");
    let figures = bench(&[
        "files",
        "--json",
        "--dir",
        dir,
        "--files=64",
        "--data-mib=4",
        "--random=50",
        "--rounds=1",
    ]);
    assert!(figures["file_system"].is_string(), "{figures}");
    assert_eq!(figures["verdicts"].as_array().unwrap().len(), 6);
    let figures = figures["figures"].as_array().unwrap();
    assert_eq!(figures.len(), 22, "eleven parts of two subjects");
    let (ours, theirs) = figures.split_at(11);
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(ours["phase"], theirs["phase"]);
        assert_eq!(ours["count"], theirs["count"], "{ours} {theirs}");
        assert!(ours["time_us"].as_f64().unwrap() > 0.0, "{ours}");
    }
    let left = std::fs::read_dir(dir).unwrap();
    let left = left.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with("causeway-bench-")
    });
    assert_eq!(left.count(), 0, "all that was made is removed");
}
