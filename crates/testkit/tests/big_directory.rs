//! A directory of 100,000 names, read by real clients.

#![expect(clippy::print_stdout, reason = "figures for whoever asks for them")]

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use clock::Clock;
use serde_json::json;
use testkit::{Guest, Place, Site, run_ok, scratch_folder};

const NAMES: usize = 100_000;
const LIMIT: Duration = Duration::from_secs(180);

/// Lists it twice, the second time from the server again, and looks into one of its files.
const LIST: &str = "
mkdir /mnt/share; mount -t nfs -o vers=3,proto=tcp,port=2049,mountport=2049,mountproto=tcp,nolock $HOST:/many /mnt/share
names() { ls -f /mnt/share | grep -v '^[.]*$' | LC_ALL=C sort | cmp - /job/names; }
names
echo 3 > /proc/sys/vm/drop_caches
names
cat /mnt/share/entry-077777
umount /mnt/share
";

#[test]
fn each_of_100_000_names_is_listed_once() -> Result<()> {
    let job = scratch_folder()?;
    let mut site = Site::up()?;
    let names = fill_bucket(&mut site)?;
    fs::write(job.path().join("names"), &names)?;
    let gateway = site.join_gateway("edge")?;
    site.share(&gateway, "many")?;
    // Once the bucket has been listed.
    let command =
        json!({"method": "share.sync", "params": {"share": "many"}, "deadline_ms": 60_000});
    let path = format!("/gateways/{}/commands?wait_ms=60000", gateway.id);
    let synced = site.api.post(&path, &command)?;
    ensure!(synced["state"] == "finished", "{synced}");

    let clock = Clock::system();
    let began = clock.now();
    let script = LIST.replace("$HOST", Guest::HOST);
    let printed = site.guest.run(&site.lab, job.path(), &script, LIMIT)?;
    ensure!(printed == "77777\n", "{printed}");
    println!(
        "listed twice by Linux, which had to boot, in {:?}",
        clock.now().duration_since(began)
    );

    let began = clock.now();
    let url = "nfs://127.0.0.1/many?nfsport=2049&mountport=2049&version=3";
    let printed = run_ok(site.lab.command(Place::Site, "nfs-ls").arg(url))?;
    let mut listed: Vec<&str> = printed
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .collect();
    listed.sort_unstable();
    ensure!(listed.into_iter().eq(names.lines()), "libnfs lists others");
    println!(
        "listed by libnfs in {:?}",
        clock.now().duration_since(began)
    );
    Ok(())
}

/// Lays files into the store's folder, which become objects when it starts; gives their names.
fn fill_bucket(site: &mut Site) -> Result<String> {
    let folder = Path::new(site.ready.text("/object_store/directory")).join("many");
    fs::create_dir_all(&folder)?;
    let mut names = String::new();
    for number in 0..NAMES {
        let name = format!("entry-{number:06}");
        fs::write(folder.join(&name), format!("{number}\n")).context("filling the bucket")?;
        writeln!(names, "{name}")?;
    }
    site.restart_cloud()?;
    Ok(names)
}
