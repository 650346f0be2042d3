//! The whole way: a gateway and its NFS clients behind NAT, everything else outside.

#![expect(clippy::print_stdout, reason = "figures for whoever asks for them")]

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use clock::Clock;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use testkit::{Guest, Place, Site, Tree, TreeEntry, python_with, run_ok, scratch_folder};

/// Files of the tree, besides the big ones.
const FILES: usize = 5_000;
const BIG: usize = 3;
const BIG_BYTES: u64 = 210 << 20;
const LIMIT: Duration = Duration::from_secs(600);

/// Copies a tree in, keeping modes, owners and times, and reads it back with nothing cached;
/// `sync` makes the client commit.
const COPY_IN: &str = "
mkdir /mnt/share
share() { mount -t nfs -o vers=3,proto=tcp,port=2049,mountport=2049,mountproto=tcp,nolock $HOST:/projects /mnt/share; }
share
cp -a /job/tree /mnt/share/tree
sync -f /mnt/share
umount /mnt/share
share
cd /mnt/share/tree
LISTING
cd / && umount /mnt/share
";

/// Reads the tree through a gateway that has never seen it.
const READ_OUT: &str = "
mkdir /mnt/share; mount -t nfs -o vers=3,proto=tcp,port=2049,mountport=2049,mountproto=tcp,nolock $HOST:/again /mnt/share
cd /mnt/share/tree
LISTING
cd / && umount /mnt/share
";

#[test]
fn a_tree_goes_in_through_one_gateway_and_comes_back_through_another() -> Result<()> {
    let (job, clock) = (scratch_folder()?, Clock::system());
    let tree = Tree::pick(&job.path().join("tree"), FILES, BIG, BIG_BYTES)?;
    ensure!(tree.file_count() >= FILES + BIG);
    let site = Site::up()?;
    let first = site.join_gateway("first")?;
    site.share(&first, "projects")?;

    let began = clock.now();
    let tell = |what: &str| println!("{what} after {:?}", clock.now().duration_since(began));
    ensure_same(&tree, &run_in_guest(&site, job.path(), COPY_IN)?)?;
    tell("copied in by Linux and read back");
    put_with_libnfs(&site, &job.path().join("tree"))?;
    tell("two big ones copied in and out by libnfs");
    site.wait_until_clean(&first, "projects", LIMIT)?;
    tell("uploaded");
    println!("{}", compare_with_bucket(&site, &tree)?.trim());
    tell("compared with the bucket");

    site.api
        .delete(&format!("/gateways/{}/shares/projects", first.id))?;
    site.wait_until_in_sync(&first)?;
    drop(first);
    let second = site.join_gateway("second")?;
    let of_first = json!({"bucket": site.bucket("projects/")});
    site.share_with(&second, "again", &of_first)?;
    ensure_same(&tree, &run_in_guest(&site, job.path(), READ_OUT)?)?;
    tell("read through a second gateway");
    println!("{} files in {} entries", tree.file_count(), tree.0.len());
    Ok(())
}

/// Runs a script that lists the tree as the guest sees it.
fn run_in_guest(site: &Site, job: &Path, script: &str) -> Result<Tree> {
    let listing = Tree::LISTING
        .replace("$LIST", "/job/list")
        .replace("$SUMS", "/job/sums");
    let script = script
        .replace("$HOST", Guest::HOST)
        .replace("LISTING", &listing);
    site.guest.run(&site.lab, job, &script, LIMIT)?;
    Tree::listed(&job.join("list"), &job.join("sums"))
}

fn ensure_same(tree: &Tree, seen: &Tree) -> Result<()> {
    let differences = tree.differences(seen);
    ensure!(tree == seen, "read back differently: {differences:#?}");
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
        let back = site.scratch.path().join("back");
        run_ok(site.lab.command(Place::Site, "nfs-cp").arg(&to).arg(&back))?;
        run_ok(Command::new("cmp").arg(&from).arg(&back))?;
        fs::remove_file(back)?;
    }
    Ok(())
}

/// The bucket holds the tree, and nothing else: bytes, attributes, content types.
fn compare_with_bucket(site: &Site, tree: &Tree) -> Result<String> {
    let folder = site.scratch.path();
    let (program, wanted) = (folder.join("compare.py"), folder.join("wanted"));
    fs::write(&program, include_str!("private_network/compare_bucket.py"))?;
    let objects = wanted_objects(tree)?;
    fs::write(&wanted, serde_json::to_vec(&objects)?)?;
    let mut command = site
        .lab
        .command(Place::Cloud, python_with("boto3", "1.44.8")?);
    command
        .arg(program)
        .arg(site.store_file()?)
        .arg("projects/");
    run_ok(command.arg(wanted)).context("comparing the bucket with the tree")
}

fn wanted_objects(tree: &Tree) -> Result<Vec<Value>> {
    let mut objects = Vec::new();
    for (path, entry) in &tree.0 {
        objects.push(wanted_object(tree, path, entry));
    }
    for name in ["big-0.bin", "big-1.bin"] {
        let sent = tree.0.get(name).context("a big file")?;
        objects.push(json!({
            "key": format!("projects/libnfs-{name}"), "sha256": sent.content, "required": true,
        }));
    }
    // The folder that holds the tree.
    objects.push(json!({"key": "projects/tree/", "required": false}));
    Ok(objects)
}

/// A directory needs an object of its own only where it is empty, or is not as any would be.
fn wanted_object(tree: &Tree, path: &str, entry: &TreeEntry) -> Value {
    let is_usual = (entry.mode, entry.uid, entry.gid) == (0o755, 0, 0);
    let (type_bits, suffix, sum, required) = match entry.kind {
        'd' => (
            0o040_000,
            "/",
            hex::encode(Sha256::digest("")),
            !is_usual || tree.is_empty_dir(path),
        ),
        'l' => (
            0o120_000,
            "",
            hex::encode(Sha256::digest(&entry.content)),
            true,
        ),
        _ => (0o100_000, "", entry.content.clone(), true),
    };
    json!({
        "key": format!("projects/tree/{path}{suffix}"),
        "required": required,
        "sha256": sum,
        "permissions": format!("{:07o}", type_bits | entry.mode),
        "owner": entry.uid.to_string(),
        "group": entry.gid.to_string(),
        "mtime": (entry.kind != 'd').then(|| format!("{}ns", entry.mtime_ns)),
        "content_type": (entry.kind == 'f').then(|| content_type(path)).flatten(),
    })
}

/// Of suffixes whose type is beyond doubt.
fn content_type(path: &str) -> Option<&'static str> {
    let (_, suffix) = path.rsplit_once('.')?;
    match suffix {
        "txt" => Some("text/plain"),
        "html" => Some("text/html"),
        "json" => Some("application/json"),
        "png" => Some("image/png"),
        "gz" => Some("application/gzip"),
        "bin" | "unheard-of" => Some("application/octet-stream"),
        _ => None,
    }
}
