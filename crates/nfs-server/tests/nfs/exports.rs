//! Who may reach an export, as whom, and what happens when exports change.

use std::sync::Arc;

use clock::Clock;
use model::{Squash, WriteAccess};
use nfs_server::ExportOptions;
use vfs::MemFs;

use crate::client::{Args, Client, MOUNT, options, rule, server};

const NO_ENT: u32 = 2;
const ACCES: u32 = 13;
const ROFS: u32 = 30;
const STALE: u32 = 70;

#[tokio::test]
async fn only_exports_are_mounted_and_only_from_allowed_addresses() {
    let server = server();
    let elsewhere = ExportOptions {
        access: vec![rule("10.0.0.0/8", WriteAccess::ReadWrite)],
        fs_id: 2,
        ..options()
    };
    let fs = Arc::new(MemFs::new(Clock::system()));
    server.export("/other", fs, elsewhere).unwrap();
    let mut client = Client::connect(&server).await;
    let root = client.mount().await;
    assert_eq!(client.try_mount("/nothing").await, Err(NO_ENT));
    assert_eq!(client.try_mount("/other").await, Err(ACCES));
    assert_eq!(client.try_mount("/m/").await, Ok(root.clone()));
    assert_eq!(client.try_mount("/m/none").await, Err(NO_ENT));

    let make = Args::new().opaque(&root).opaque(b"d").mode(0o755);
    client.nfs(9, make).await;
    let below = client.try_mount("/m/d").await.unwrap();
    assert_ne!(below, root);
}

#[tokio::test]
async fn mounts_and_exports_are_listed() {
    let server = server();
    let mut client = Client::connect(&server).await;
    client.mount().await;
    let mut list = client.call(MOUNT, (2, &Args::new())).await;
    assert_eq!(list.u32(), 1);
    assert_eq!(
        (list.opaque(), list.opaque()),
        (b"127.0.0.1".into(), b"/m".into())
    );
    assert_eq!(list.u32(), 0);
    let unmount = Args::new().opaque(b"/m");
    client.call(MOUNT, (3, &unmount)).await.end();
    assert_eq!(client.call(MOUNT, (2, &Args::new())).await.u32(), 0);

    let mut exports = client.call(MOUNT, (5, &Args::new())).await;
    assert_eq!((exports.u32(), exports.opaque()), (1, b"/m".into()));
    assert_eq!(
        (exports.u32(), exports.opaque()),
        (1, b"127.0.0.0/8".into())
    );
}

#[tokio::test]
async fn handles_follow_the_table_of_exports() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let root = client.mount().await;
    let fs = Arc::new(MemFs::new(Clock::system()));
    let status = async |client: &mut Client| client.nfs(1, Args::new().opaque(&root)).await.u32();
    assert_eq!(status(&mut client).await, 0);

    let elsewhere = ExportOptions {
        access: vec![rule("10.0.0.0/8", WriteAccess::ReadWrite)],
        ..options()
    };
    let again = Arc::clone(&fs);
    server.export("/m", again, elsewhere).unwrap();
    assert_eq!(status(&mut client).await, ACCES);
    assert!(server.unexport("/m", 1));
    assert_eq!(status(&mut client).await, STALE);
    server.export("/m", fs, options()).unwrap();
    assert_eq!(status(&mut client).await, 0, "the same handle as before");
}

#[tokio::test]
async fn a_read_only_rule_refuses_changes_and_says_so_in_access() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let root = client.mount().await;
    let fs = Arc::new(MemFs::new(Clock::system()));
    let read_only = ExportOptions {
        access: vec![
            rule("127.0.0.1", WriteAccess::ReadOnly),
            rule("127.0.0.0/8", WriteAccess::ReadWrite),
        ],
        ..options()
    };
    server.export("/m", fs, read_only).unwrap();
    let name = || Args::new().opaque(&root).opaque(b"f");
    for (procedure, args) in [
        (2, Args::new().opaque(&root).mode(0o700).u32(0)),
        (
            7,
            Args::new().opaque(&root).u64(0).u32(0).u32(0).opaque(b""),
        ),
        (8, name().u32(0).mode(0o600)),
        (9, name().mode(0o700)),
        (10, name().mode(0).opaque(b"t")),
        (12, name()),
        (13, name()),
        (14, name().opaque(&root).opaque(b"g")),
    ] {
        assert_eq!(client.nfs(procedure, args).await.u32(), ROFS, "{procedure}");
    }
    let mut access = client.nfs(4, Args::new().opaque(&root).u32(0x3f)).await;
    access.u32();
    access.post_op();
    assert_eq!(access.u32(), 0x03);
}

#[tokio::test]
async fn squashing_makes_root_nobody() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let root = client.mount().await;
    let open = Args::new().opaque(&root).mode(0o777).u32(0);
    assert_eq!(client.nfs(2, open).await.u32(), 0);
    let made_by = async |client: &mut Client, name: &str| {
        let file = client.create(&root, name).await;
        let mut found = client.nfs(1, Args::new().opaque(&file)).await;
        found.u32();
        let attributes = found.attributes();
        (attributes.uid, attributes.gid)
    };
    assert_eq!(made_by(&mut client, "a").await, (0, 0));
    client.uid = 7;
    assert_eq!(made_by(&mut client, "b").await, (7, 7));

    let fs: Arc<MemFs> = Arc::new(MemFs::new(Clock::system()));
    server
        .export("/m", Arc::clone(&fs) as Arc<_>, options())
        .unwrap();
    client.uid = 0;
    let open = Args::new().opaque(&root).mode(0o777).u32(0);
    assert_eq!(client.nfs(2, open).await.u32(), 0);
    for (squash, uid, want) in [
        (Squash::Root, 0, (65534, 65534)),
        (Squash::Root, 7, (7, 7)),
        (Squash::All, 7, (65534, 65534)),
    ] {
        let options = ExportOptions {
            squash,
            ..options()
        };
        server
            .export("/m", Arc::clone(&fs) as Arc<_>, options)
            .unwrap();
        client.uid = uid;
        let name = format!("{squash:?}{uid}");
        assert_eq!(made_by(&mut client, &name).await, want);
    }
}

#[tokio::test]
async fn an_export_counts_what_it_did_and_for_whom() {
    let server = server();
    assert!(server.export_status("/none").is_none());
    let mut client = Client::connect(&server).await;
    let root = client.mount().await;
    let file = client.create(&root, "f").await;
    let write = Args::new()
        .opaque(&file)
        .u64(0)
        .u32(5)
        .u32(0)
        .opaque(b"hello");
    client.nfs(7, write).await;
    client.nfs(6, Args::new().opaque(&file).u64(0).u32(3)).await;
    let status = server.export_status("/m").unwrap();
    assert_eq!(
        (status.operations, status.bytes_read, status.bytes_written),
        (3, 3, 5)
    );
    let [seen] = &status.clients[..] else {
        panic!("{status:?}");
    };
    assert!(seen.is_connected);
    assert_eq!(seen.address.to_string(), "127.0.0.1");
}
