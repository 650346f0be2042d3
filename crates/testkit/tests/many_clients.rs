//! As many real TCP clients as there may be, and one broker process: in a Linux guest, whose
//! processes may open a million files each, whatever this machine allows.
//!
//! `CAUSEWAY_GUEST_CLIENTS=1000000` asks for a million of them, which takes 8 GB of memory, half
//! an hour, and `sysctl vm.max_map_count=2000000`. Slow, so for memory and correctness: whatever
//! does not arrive fails the run.

#![expect(
    clippy::print_stdout,
    reason = "figures for whoever asked for a long run"
)]

use std::{fs, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use testkit::{Guest, Lab, causeway_binary, scratch_folder};

const CLIENTS: u32 = 2_000;
/// Of the guest itself, and for each client: both ends of its connection, in its kernel and in
/// two processes.
const GUEST_MIB: u32 = 384;
const CLIENT_KIB: u32 = 11;
/// From here on the guest's processes, of which this machine maps each page by itself, have more
/// mappings than a process usually may.
const MANY_CLIENTS: u32 = 200_000;
/// What the broker may take for each of them, once they are many.
const IDLE_BYTES_MAX: f64 = 900.0;

/// A number from the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "a test has no main that could pass it"
)]
fn clients() -> Result<u32> {
    match std::env::var("CAUSEWAY_GUEST_CLIENTS") {
        Err(_) => Ok(CLIENTS),
        Ok(text) => Ok(text.parse()?),
    }
}

/// A kernel that is as slow as the guest's, with one processor for all, sends again what is only
/// late, and drops what its own packets leave no room for: then it does little else. So packets
/// are taken before anything else is done, they have room, and are waited for.
const PATIENT: &str = "
    chrt -f -p 1 $(grep -slx ksoftirqd/0 /proc/[0-9]*/comm | cut -d/ -f3)
    sysctl -qw net.core.netdev_max_backlog=100000
    for to in 127.0.0.0/8 127.0.0.1; do
      ip route change table local local $to dev lo proto kernel scope host src 127.0.0.1 rto_min 20s
    done";

/// Everything is in the guest: the broker, the processes of the clients, their addresses. What
/// is left of the memory is noted as long as they run.
fn script(clients: u32) -> String {
    format!(
        "{PATIENT}
         ulimit -n 1048576
         while sleep 1; do awk '/^Mem(Total|Available)/{{print $2}}' /proc/meminfo | xargs; done \
             > /tmp/memory & watch=$!
         ./causeway bench mqtt --json --subjects=causeway --clients={clients} --rounds=1 \
             --part-ms=5000 --parts=round-trip1,fan-out0 > /job/figures
         kill $watch
         awk '{{used = $1 - $2; if (used > most) most = used}} END {{print most}}' /tmp/memory"
    )
}

#[test]
fn each_of_many_clients_gets_its_messages() -> Result<()> {
    let clients = clients()?;
    ensure_mappings(clients)?;
    let (lab, job) = (Lab::up()?, scratch_folder()?);
    fs::copy(causeway_binary()?, job.path().join("causeway"))?;
    let memory_mib = GUEST_MIB + clients / 1_024 * CLIENT_KIB + 1;
    let guest = Guest::unpacked()?.with_memory_mib(memory_mib);
    let limit = Duration::from_secs(120) + Duration::from_millis(6) * clients;
    let most_kib = guest.run(&lab, job.path(), &script(clients), limit)?;
    let report: Value = serde_json::from_slice(&fs::read(job.path().join("figures"))?)?;
    let figures = report["figures"].as_array().context("figures")?;
    ensure!(figures.len() == 3, "three parts: {report}");
    for entry in figures {
        ensure!(entry["lost"] == 0, "nothing is lost: {entry}");
        println!("{entry}");
    }
    let count = |n: usize| figures.get(n).and_then(|entry| entry["count"].as_u64());
    ensure!(count(0) == Some(clients.into()), "all connect: {report}");
    ensure!(count(1) > Some(0), "commands are answered: {report}");
    println!("memory of the guest in use: {} MiB", used_mib(&most_kib)?);
    if clients >= 100_000 {
        let idle = figures.first().and_then(|e| e["idle_bytes"].as_f64());
        ensure!(idle.is_some_and(|b| b <= IDLE_BYTES_MAX), "{report}");
    }
    Ok(())
}

fn ensure_mappings(clients: u32) -> Result<()> {
    let needed = clients.saturating_mul(2);
    let max: u32 = fs::read_to_string("/proc/sys/vm/max_map_count")?
        .trim()
        .parse()?;
    ensure!(
        clients < MANY_CLIENTS || max >= needed,
        "{clients} clients need `sysctl vm.max_map_count={needed}` on this machine"
    );
    Ok(())
}

fn used_mib(kib: &str) -> Result<u64> {
    Ok(kib.trim().parse::<u64>()? / 1_024)
}
