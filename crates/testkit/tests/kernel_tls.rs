//! TLS that the kernel makes: in a Linux guest whose kernel can, with the broker and many clients
//! in it, and one that wants new keys.

use std::{collections::BTreeMap, fs, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use testkit::{Guest, Lab, causeway_binary, scratch_folder};

const CLIENTS: u64 = 100;

/// `K` asks for new keys, in both directions, once the kernel has the connection: that of the guest
/// cannot take such.
const SCRIPT: &str = r#"
    modprobe tls
    ./causeway bench mqtt --json --tls=kernel --subjects=causeway --clients=100 --rounds=1 \
        --part-ms=500 --parts=round-trip1,fan-out0,fan-in1 > figures
    ./causeway broker --host=localhost --data=/tmp/broker --tls-address=127.0.0.1:8885 \
        --link-address=127.0.0.1:8884 \
        --listener=name=kernel,protocol=tls,address=127.0.0.1:8883,kernel_tls=true,handshake_timeout_s=300 > broker.log 2>&1 & broker=$!
    until (exec 3<>/dev/tcp/127.0.0.1/8883) 2> no-port; do sleep 0.1; done
    > new-keys
    { until grep -q 'TlsCurrRxSw.*1' /proc/net/tls_stat; do sleep 0.1; done
      echo K
      until grep -q closed new-keys; do sleep 0.1; done } |
        openssl s_client -tls1_3 -connect 127.0.0.1:8883 > new-keys 2>&1
    cp /proc/net/tls_stat .
    kill $broker
"#;

#[test]
fn the_kernel_makes_and_opens_the_records() -> Result<()> {
    let (lab, job) = (Lab::up()?, scratch_folder()?);
    fs::copy(causeway_binary()?, job.path().join("causeway"))?;
    let read = |name: &str| fs::read_to_string(job.path().join(name)).unwrap_or_default();
    let run = Guest::unpacked()?.run(&lab, job.path(), SCRIPT, Duration::from_secs(180));
    run.with_context(|| ["broker.log", "new-keys", "console"].map(read).join("\n"))?;
    let report: Value = serde_json::from_str(&read("figures"))?;
    let figures = report["figures"].as_array().context("figures")?;
    ensure!(figures.len() == 4, "all parts: {report}");
    for entry in figures {
        ensure!(entry["lost"] == 0 && entry["count"] != 0, "{entry}");
    }
    let tls_stat = read("tls_stat");
    let counted = counters(&tls_stat)?;
    for name in ["TlsTxSw", "TlsRxSw"] {
        ensure!(counted.get(name) > Some(&CLIENTS), "{name}: {counted:?}");
    }
    ensure!(counted.get("TlsDecryptError") == Some(&0), "{counted:?}");
    let said = read("new-keys");
    ensure!(said.contains("KEYUPDATE"), "new keys are asked for: {said}");
    ensure!(
        said.trim_end().ends_with("closed"),
        "it is told to connect anew: {said}"
    );
    Ok(())
}

fn counters(text: &str) -> Result<BTreeMap<&str, u64>> {
    let lines = text.lines().map(|line| {
        let (name, count) = line.split_once(char::is_whitespace).context("a counter")?;
        Ok((name, count.trim().parse()?))
    });
    lines.collect()
}
