//! Measurements that the program itself starts, small: each with all the processes it needs.

use std::process::Command;

use serde_json::Value;

#[test]
fn the_program_measures_broker_and_file_engine() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mqtt = [
        "mqtt",
        "--subjects=causeway",
        "--clients=20",
        "--part-ms=100",
    ];
    let files = ["files", "--files=16", "--data-mib=1", "--random=10"];
    for (words, parts) in [(mqtt, 12), (files, 22)] {
        let out = Command::new(env!("CARGO_BIN_EXE_causeway"))
            .arg("bench")
            .args(words)
            .args(["--json", "--rounds=1"])
            .env("TMPDIR", dir.path())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{words:?}: {errors}");
        let report: Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(report["figures"].as_array().unwrap().len(), parts);
    }
}
