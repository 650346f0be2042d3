//! The whole way: a gateway and its NFS clients behind NAT, everything else outside.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use testkit::{Guest, Place, Site, Tree, python_with, run_ok, scratch_folder};

/// Files of the tree, besides the big ones.
const FILES: usize = 5_000;
const BIG_BYTES: u64 = 210 << 20;
const LIMIT: Duration = Duration::from_secs(600);

/// Copies a tree in, keeping modes and times; `sync` makes the client commit.
const COPY_IN: &str = "
mkdir /mnt/share; mount -t nfs -o vers=3,proto=tcp,port=2049,mountport=2049,mountproto=tcp,nolock $HOST:/projects /mnt/share
cp -a /job/tree /mnt/share/tree
ln -s tree/big-0.bin /mnt/share/link
sync -f /mnt/share
umount /mnt/share
mount -t nfs -o vers=3,proto=tcp,port=2049,mountport=2049,mountproto=tcp,nolock $HOST:/projects /mnt/share
diff -r --no-dereference /job/tree /mnt/share/tree
test $(readlink /mnt/share/link) = tree/big-0.bin
umount /mnt/share
";

/// Reads the tree through a gateway that has never seen it.
const COPY_OUT: &str = "
mkdir /mnt/share; mount -t nfs -o vers=3,proto=tcp,port=2049,mountport=2049,mountproto=tcp,nolock $HOST:/again /mnt/share
cp -a /mnt/share/tree /job/back
test $(readlink /mnt/share/link) = tree/big-0.bin
umount /mnt/share
";

#[test]
fn a_tree_goes_in_through_one_gateway_and_comes_back_through_another() -> Result<()> {
    let job = scratch_folder()?;
    let tree = Tree::pick(&job.path().join("tree"), FILES, 3, BIG_BYTES)?;
    ensure!(tree.file_count() >= FILES + 3);
    let site = Site::up()?;
    let first = site.join_gateway("first")?;
    site.share(&first, "projects")?;

    let script = |text: &str| text.replace("$HOST", Guest::HOST);
    site.guest
        .run(&site.lab, job.path(), &script(COPY_IN), LIMIT)?;
    put_with_libnfs(&site, &job.path().join("tree"))?;
    site.wait_until_clean(&first, "projects", LIMIT)?;
    compare_with_bucket(&site, &tree)?;

    site.api
        .delete(&format!("/gateways/{}/shares/projects", first.id))?;
    site.wait_until_in_sync(&first)?;
    drop(first);
    let second = site.join_gateway("second")?;
    let of_first = json!({"bucket": site.bucket("projects/")});
    site.share_with(&second, "again", &of_first)?;
    site.guest
        .run(&site.lab, job.path(), &script(COPY_OUT), LIMIT)?;
    let back = Tree::read(&job.path().join("back"))?;
    ensure!(
        tree == back,
        "read back differently: {:#?}",
        tree.differences(&back)
    );
    Ok(())
}

/// A second real client, and one that names no user: libnfs' tools.
fn put_with_libnfs(site: &Site, tree: &Path) -> Result<()> {
    let url = |name: &str| {
        format!("nfs://127.0.0.1/projects/{name}?nfsport=2049&mountport=2049&version=3")
    };
    for name in ["big-0.bin", "big-1.bin"] {
        let (from, to) = (tree.join(name), url(&format!("libnfs-{name}")));
        run_ok(site.lab.command(Place::Site, "nfs-cp").arg(&from).arg(&to))?;
        let back = site.scratch.path().join(format!("back-{name}"));
        run_ok(site.lab.command(Place::Site, "nfs-cp").arg(&to).arg(&back))?;
        run_ok(Command::new("cmp").arg(&from).arg(&back))?;
    }
    Ok(())
}

/// Every object holds its file's bytes, mode, owner and time.
fn compare_with_bucket(site: &Site, tree: &Tree) -> Result<()> {
    let script = include_str!("private_network/compare_bucket.py");
    let (program, list) = (
        site.scratch.path().join("compare.py"),
        site.scratch.path().join("list"),
    );
    fs::write(&program, script)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700))?;
    let entries = tree.0.iter().filter(|(_, e)| e.kind == 'f').map(|(path, e)| {
        json!({"key": format!("projects/tree/{path}"), "sha256": e.content, "mode": e.mode, "mtime": e.mtime})
    });
    fs::write(&list, serde_json::to_vec(&entries.collect::<Vec<_>>())?)?;
    let store = site.store_file()?;
    let python = python_with("boto3")?;
    let printed = run_ok(
        site.lab
            .command(Place::Cloud, python)
            .arg(program)
            .arg(store)
            .arg(list),
    )
    .context("comparing the bucket with the tree")?;
    ensure!(
        printed.trim() == format!("{} objects are right", tree.file_count()),
        "{printed}"
    );
    Ok(())
}
