//! Modes of a share, and deletes that are ignored, as a Linux client meets them.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use testkit::{Guest, Place, Site, SiteGateway, eventually, run_ok, scratch_folder};

const LIMIT: Duration = Duration::from_secs(120);
const FILES: usize = 40;

/// What `fsync` promises differs; what `rm` does to the object, too.
const SCRIPT: &str = r#"
for share in through kept; do
  mkdir /mnt/$share
  mount -t nfs -o vers=3,proto=tcp,port=2049,mountport=2049,mountproto=tcp,nolock,hard $HOST:/$share /mnt/$share
done
dd if=/job/body of=/mnt/through/synced bs=64k conv=fsync 2> /dev/null
touch /job/synced
until [ -e /job/seen ]; do sleep 0.1; done
cd /mnt/kept
[ "$(cat old)" = 'older than the share' ]
rm old
rm replaced && echo 'in its place' > replaced
mv moved elsewhere
[ "$(ls | sort | tr '\n' ' ')" = 'elsewhere replaced ' ]
cd / && umount /mnt/through /mnt/kept
echo "all modes were met"
"#;

#[test]
fn a_linux_client_meets_what_each_mode_promises() -> Result<()> {
    let job = scratch_folder()?;
    let mut site = Site::up()?;
    let bucket = PathBuf::from(site.ready.text("/object_store/directory"));
    fill(&mut site, &bucket)?;
    let gateway = site.join_gateway("edge")?;
    let engine = |engine: Value| json!({"engine": engine});
    let an_hour = json!({"upload_delay_ms": 3_600_000, "engine": {"mode": "write_through"}});
    site.share_with(&gateway, "through", &an_hour)?;
    site.share_with(&gateway, "kept", &engine(json!({"ignore_delete": true})))?;
    site.share_with(&gateway, "replica", &engine(json!({"mode": "replication"})))?;

    let body: Vec<u8> = (0..3_000_007_u32)
        .map(|n| n.to_le_bytes()[n as usize % 3])
        .collect();
    fs::write(job.path().join("body"), &body)?;
    let script = SCRIPT.replace("$HOST", Guest::HOST);
    let mut kernel = site.guest.start(&site.lab, job.path(), &script)?;
    eventually("fsync has returned", LIMIT, || {
        ensure!(kernel.is_running()?, "ended: {}", kernel.printed());
        Ok(job.path().join("synced").try_exists()?.then_some(()))
    })?;
    // No waiting here: it was there before the client went on.
    ensure!(
        fs::read(bucket.join("through/synced"))? == body,
        "write-through is behind"
    );
    fs::write(job.path().join("seen"), "")?;
    let printed = site.guest.finish(kernel, job.path(), LIMIT)?;
    ensure!(printed.contains("all modes were met"), "{printed}");

    site.wait_until_clean(&gateway, "kept", LIMIT)?;
    objects_stay(&site, &gateway, &bucket)?;
    a_replica_needs_no_bucket(&mut site, &gateway)
}

/// Lays files into the store's folder, which become objects when it starts.
fn fill(site: &mut Site, bucket: &Path) -> Result<()> {
    for share in ["kept", "replica"] {
        fs::create_dir_all(bucket.join(share))?;
    }
    for name in ["old", "replaced", "moved"] {
        fs::write(bucket.join("kept").join(name), "older than the share\n")?;
    }
    for number in 0..FILES {
        fs::write(
            bucket.join("replica").join(number.to_string()),
            text(number),
        )?;
    }
    site.restart_cloud()
}

fn text(number: usize) -> String {
    format!("file {number}\n").repeat(5_000)
}

/// The object of what was deleted is there, and no file of it, even after a listing.
fn objects_stay(site: &Site, gateway: &SiteGateway, bucket: &Path) -> Result<()> {
    let kept = bucket.join("kept");
    ensure!(fs::read_to_string(kept.join("old"))? == "older than the share\n");
    ensure!(fs::read_to_string(kept.join("replaced"))? == "in its place\n");
    ensure!(fs::read_to_string(kept.join("elsewhere"))? == "older than the share\n");
    ensure!(!kept.join("moved").try_exists()?, "a rename is no delete");
    let path = format!("/gateways/{}/commands?wait_ms=10000", gateway.id);
    let ask = json!({"method": "share.sync", "params": {"share": "kept"}});
    let synced = site.api.post(&path, &ask)?;
    ensure!(synced["state"] == "finished", "{synced}");
    let names = listed(site, "kept")?;
    ensure!(names == ["elsewhere", "replaced"], "{names:?}");
    Ok(())
}

fn listed(site: &Site, share: &str) -> Result<Vec<String>> {
    let url = format!("nfs://127.0.0.1/{share}?nfsport=2049&mountport=2049&version=3");
    let printed = run_ok(site.lab.command(Place::Site, "nfs-ls").arg(url))?;
    let last = |line: &str| line.split_whitespace().last().map(str::to_owned);
    let mut names: Vec<String> = printed.lines().filter_map(last).collect();
    names.sort_unstable();
    Ok(names)
}

/// All its files are read while the object store is gone.
fn a_replica_needs_no_bucket(site: &mut Site, gateway: &SiteGateway) -> Result<()> {
    let bytes: usize = (0..FILES).map(|number| text(number).len()).sum();
    let path = format!("/gateways/{}/shares/replica", gateway.id);
    eventually("all is fetched", LIMIT, || {
        let share = site.api.get(&path)?;
        let fetched = share["status"]["downloaded_bytes"]
            .as_u64()
            .context("a status")?;
        Ok((fetched >= bytes as u64).then_some(()))
    })?;
    site.cloud.kill()?;
    for number in 0..FILES {
        let back = site.scratch.path().join(format!("back-{number}"));
        let url = format!("nfs://127.0.0.1/replica/{number}?nfsport=2049&mountport=2049&version=3");
        let mut copy = site.lab.command(Place::Site, "nfs-cp");
        run_ok(copy.arg(url).arg(&back))?;
        ensure!(fs::read_to_string(&back)? == text(number), "file {number}");
    }
    Ok(())
}
