//! A share whose cache disk is really full, while the object store cannot be reached.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Result, ensure};
use serde_json::json;
use testkit::{Guest, Site, run, run_ok, scratch_folder};

const DISK: &str = "size=400m,mode=0700";
/// What the share may use of it by its settings: not what makes it full.
const CACHE_BYTES: u64 = 256 << 20;
/// What another program takes of the disk afterwards.
const BALLAST: &str = "330m";

/// Writes files until the disk is full, and notes those whose `fsync` returned. What was
/// refused must have been refused with ENOSPC, and what was noted must be whole.
const FILLER: &str = r#"
mkdir /mnt/share
mount -t nfs -o vers=3,proto=tcp,port=2049,mountport=2049,mountproto=tcp,nolock,hard $HOST:/full /mnt/share
cd /mnt/share
number=0
while :; do
  number=$((number + 1))
  [ $number -lt 60 ] || { echo "the disk was never full"; exit 1; }
  head -c 4000000 /dev/urandom > /tmp/body
  if dd if=/tmp/body of=file-$number bs=64k conv=fsync 2> /tmp/said; then
    echo "$(sha256sum < /tmp/body | cut -d' ' -f1)  file-$number" >> /job/committed
  else
    cat /tmp/said; grep -q 'No space left on device' /tmp/said; break
  fi
done
sha256sum --quiet -c /job/committed
# Names are refused in words too, or taken: never a hang, never another error.
mkdir after-$number 2> /tmp/said || grep -q 'No space left on device' /tmp/said
# Removing works on a full disk, and so does looking.
rm file-1; sed -i '/ file-1$/d' /job/committed
ls > /dev/null
cd / && umount /mnt/share
echo "full after $number files"
"#;

/// What was committed is there, and there is room again.
const READER: &str = r#"
mkdir /mnt/share
mount -t nfs -o vers=3,proto=tcp,port=2049,mountport=2049,mountproto=tcp,nolock,hard $HOST:/full /mnt/share
cd /mnt/share
sha256sum --quiet -c /job/committed
head -c 4000000 /dev/urandom > /tmp/body
dd if=/tmp/body of=late bs=64k conv=fsync
cmp /tmp/body late
cd / && umount /mnt/share
echo "room again"
"#;

/// A file system of its own, gone with the test.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mounted(at: &Path) -> Result<Self> {
        fs::create_dir_all(at)?;
        run_ok(
            Command::new("mount")
                .args(["-t", "tmpfs", "-o", DISK, "tmpfs"])
                .arg(at),
        )?;
        Ok(Self(at.to_path_buf()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the gateway may still be about to end.
        drop(run(Command::new("umount").arg("-l").arg(&self.0)));
    }
}

#[test]
fn a_full_disk_is_said_and_nothing_committed_is_lost() -> Result<()> {
    let job = scratch_folder()?;
    let site = Site::up()?;
    let _disk = SmallDisk::mounted(&site.scratch.path().join("full/data/cache"))?;
    let mut gateway = site.join_gateway("full")?;
    site.share_with(&gateway, "full", &json!({"cache_bytes_max": CACHE_BYTES}))?;
    let ballast = site.scratch.path().join("full/data/cache/ballast");
    run_ok(Command::new("fallocate").args(["-l", BALLAST]).arg(ballast))?;

    site.lab.cut()?;
    let limit = Duration::from_secs(180);
    let script = FILLER.replace("$HOST", Guest::HOST);
    let printed = site.guest.run(&site.lab, job.path(), &script, limit)?;
    ensure!(printed.contains("full after"), "{printed}");
    ensure!(
        gateway.process.is_running()?,
        "{}",
        gateway.process.printed()
    );

    site.lab.heal()?;
    site.wait_for_state(&gateway, "online", Duration::from_secs(90))?;
    site.wait_until_clean(&gateway, "full", Duration::from_secs(120))?;
    let script = READER.replace("$HOST", Guest::HOST);
    let printed = site.guest.run(&site.lab, job.path(), &script, limit)?;
    ensure!(printed.contains("room again"), "{printed}");
    Ok(())
}
