//! The pages, driven in Chromium.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testkit::{Process, Ready, causeway_binary, run_ok, scratch_folder};

/// Ports of this test alone; tests of this crate run one at a time.
const NFS_PORT: u16 = 20_149;

#[test]
fn an_operator_can_do_the_daily_work_on_the_pages() -> Result<()> {
    let scratch = scratch_folder()?;
    let ready_file = scratch.path().join("ready.json");
    let mut up = Command::new(causeway_binary()?);
    up.arg("up").arg("--data").arg(scratch.path().join("data"));
    up.arg("--ready-file").arg(&ready_file);
    let flags = ["console", "broker-tls", "broker", "s3", "nfs"];
    up.args(
        flags
            .iter()
            .flat_map(|f| [format!("--{f}-address"), "127.0.0.1:0".to_owned()]),
    );
    let mut up = Process::start(&mut up, &scratch.path().join("log"))?;
    Ready::wait(&mut up, &ready_file)?;
    let ready: Value = serde_json::from_slice(&std::fs::read(&ready_file)?)?;

    // The new share is in the first bucket, beside the share `demo`.
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web");
    let folder = scratch.path().join("branch");
    std::fs::create_dir_all(&folder)?;
    let plan = json!({
        "ready": ready, "causeway": causeway_binary()?, "folder": folder, "nfs_port": NFS_PORT,
        "bucket": ready["object_store"]["bucket"],
        "pictures": web.join("../target/testbed/pictures"),
    });
    let plan_file = scratch.path().join("plan.json");
    std::fs::write(&plan_file, plan.to_string())?;
    let mut node = Command::new("node");
    let printed = run_ok(node.arg("e2e/pages.mjs").arg(&plan_file).current_dir(&web))?;
    ensure!(
        printed.contains("the pages do what an operator wants"),
        "{printed}"
    );
    up.terminate(Duration::from_secs(20))
}
