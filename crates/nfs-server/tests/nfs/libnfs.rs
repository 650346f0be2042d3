//! The tools of libnfs (Debian: libnfs-utils) as independent clients.

use std::process::{Command, Output};

use nfs_server::NfsServer;

use crate::client::server;

fn run(program: &str, args: &[&str]) -> Output {
    let output = Command::new(program).args(args).output();
    let output = output.unwrap_or_else(|e| panic!("{program}, of Debian's libnfs-utils: {e}"));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {error}");
    output
}

fn url(server: &NfsServer, path: &str) -> String {
    let port = server.address().port();
    format!("nfs://127.0.0.1{path}?nfsport={port}&mountport={port}&version=3")
}

#[tokio::test(flavor = "multi_thread")]
async fn files_go_in_and_come_out_whole() {
    let server = server();
    let dir = tempfile::tempdir().unwrap();
    let content: Vec<u8> = (0_u32..3_000_000).flat_map(|i| i.to_le_bytes()).collect();
    let local = dir.path().join("local");
    std::fs::write(&local, &content).unwrap();
    let copy = || {
        run(
            "nfs-cp",
            &[local.to_str().unwrap(), &url(&server, "/m/copy")],
        );
        let listed = run("nfs-ls", &[&url(&server, "/m")]);
        let listed = String::from_utf8(listed.stdout).unwrap();
        assert!(listed.contains("12000000 copy"), "{listed}");
        let read = run("nfs-cat", &[&url(&server, "/m/copy")]).stdout;
        assert!(read == content, "the copy differs");
    };
    tokio::task::block_in_place(copy);
    let status = server.export_status("/m").unwrap();
    assert_eq!(status.bytes_written, 12_000_000);
}
