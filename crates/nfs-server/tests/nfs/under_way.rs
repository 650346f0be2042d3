//! Many requests at once, the same request twice, and a server that stops meanwhile.

use std::{collections::HashSet, sync::Arc};

use crate::{
    client::{Args, Client, NFS, accepted, server_of},
    gated_fs::GatedFs,
};

const NULL: u32 = 0;
const READ: u32 = 6;
const WRITE: u32 = 7;
const REMOVE: u32 = 12;

#[tokio::test]
async fn a_slow_read_does_not_block_the_connection() {
    let fs = Arc::new(GatedFs::new());
    let server = server_of(Arc::clone(&fs) as Arc<_>);
    let mut client = Client::connect(&server).await;
    let root = client.mount().await;
    let file = client.create(&root, "f").await;
    let read = Args::new().opaque(&file).u64(0).u32(10);
    client.send(1, NFS, (READ, &read)).await;
    fs.wait_for(1).await;
    let get_attr = Args::new().opaque(&file);
    client.send(2, NFS, (1, &get_attr)).await;
    assert_eq!(client.receive().await.0, 2);
    fs.gate.add_permits(1);
    assert_eq!(client.receive().await.0, 1);
}

#[tokio::test]
async fn a_connection_has_a_bounded_number_of_requests_under_way() {
    let fs = Arc::new(GatedFs::new());
    let server = server_of(Arc::clone(&fs) as Arc<_>);
    let mut client = Client::connect(&server).await;
    let root = client.mount().await;
    let file = client.create(&root, "f").await;
    let read = Args::new().opaque(&file).u64(0).u32(10);
    for xid in 1..=200 {
        client.send(xid, NFS, (READ, &read)).await;
    }
    fs.wait_for(128).await;
    // Another connection is served while this one waits.
    let mut other = Client::connect(&server).await;
    other.nfs(1, Args::new().opaque(&file)).await;
    assert_eq!(*fs.arrived.borrow(), 128);
    fs.gate.add_permits(200);
    let mut answered = HashSet::new();
    for _ in 0..200 {
        answered.insert(client.receive().await.0);
    }
    assert_eq!(answered.len(), 200);
}

#[tokio::test]
async fn a_repeated_call_is_carried_out_once() {
    let fs = Arc::new(GatedFs::new());
    let server = server_of(Arc::clone(&fs) as Arc<_>);
    let mut client = Client::connect(&server).await;
    let root = client.mount().await;
    client.create(&root, "f").await;
    let remove = Args::new().opaque(&root).opaque(b"f");
    client.send(1, NFS, (REMOVE, &remove)).await;
    fs.wait_for(1).await;

    // The connection is lost with the call under way; the client asks again over another.
    drop(client);
    let mut again = Client::connect(&server).await;
    again.send(1, NFS, (REMOVE, &remove)).await;
    again.nfs(1, Args::new().opaque(&root)).await;
    assert_eq!(*fs.arrived.borrow(), 1);
    fs.gate.add_permits(2);
    let (xid, reply) = again.receive().await;
    assert_eq!((xid, accepted(reply.clone()).u32()), (1, 0));

    again.send(1, NFS, (REMOVE, &remove)).await;
    assert_eq!(again.receive().await, (1, reply));
    again.send(2, NFS, (REMOVE, &remove)).await;
    assert_eq!(accepted(again.receive().await.1).u32(), 2, "a new call");
}

#[tokio::test]
async fn a_repeated_write_is_carried_out_once() {
    let fs = Arc::new(GatedFs::new());
    let server = server_of(Arc::clone(&fs) as Arc<_>);
    let mut client = Client::connect(&server).await;
    let root = client.mount().await;
    let file = client.create(&root, "f").await;
    let write = |bytes: &[u8]| {
        let len = u32::try_from(bytes.len()).unwrap();
        let at = Args::new().opaque(&file).u64(0);
        at.u32(len).u32(0).opaque(bytes)
    };
    let old = write(&[1; 4096]);
    client.send(1, NFS, (WRITE, &old)).await;
    fs.wait_for(1).await;

    drop(client);
    let mut again = Client::connect(&server).await;
    again.send(1, NFS, (WRITE, &old)).await;
    again.nfs(1, Args::new().opaque(&root)).await;
    assert_eq!(*fs.arrived.borrow(), 1);
    fs.gate.add_permits(4);
    let (xid, reply) = again.receive().await;
    assert_eq!((xid, accepted(reply.clone()).u32()), (1, 0));

    // The same number again, now that the file has changed: answered, and the change stays.
    let new = write(&[2; 4096]);
    assert_eq!(again.nfs(WRITE, new).await.u32(), 0);
    again.send(1, NFS, (WRITE, &old)).await;
    assert_eq!(again.receive().await, (1, reply));
    let mut read = again
        .nfs(READ, Args::new().opaque(&file).u64(0).u32(1))
        .await;
    assert_eq!(read.u32(), 0);
    read.post_op();
    read.u32();
    read.u32();
    assert_eq!(read.opaque(), [2]);
}

#[tokio::test]
async fn another_write_with_the_same_number_is_another_call() {
    let fs = Arc::new(GatedFs::new());
    fs.gate.add_permits(8);
    let server = server_of(Arc::clone(&fs) as Arc<_>);
    let mut client = Client::connect(&server).await;
    let root = client.mount().await;
    let file = client.create(&root, "f").await;
    let long = [[1; 4096], [2; 4096]].concat();
    for (offset, bytes) in [(0, &[1; 4096][..]), (0, &[2; 4096]), (0, &long), (1, &long)] {
        let len = u32::try_from(bytes.len()).unwrap();
        let write = Args::new().opaque(&file).u64(offset);
        let write = write.u32(len).u32(0).opaque(bytes);
        client.send(1, NFS, (WRITE, &write)).await;
        assert_eq!(accepted(client.receive().await.1).u32(), 0);
    }
    assert_eq!(*fs.arrived.borrow(), 4);
}

#[tokio::test]
async fn what_one_client_has_under_way_leaves_room_for_others() {
    let fs = Arc::new(GatedFs::new());
    let server = server_of(Arc::clone(&fs) as Arc<_>);
    let mut client = Client::connect(&server).await;
    let root = client.mount().await;
    let file = client.create(&root, "f").await;
    let read = Args::new().opaque(&file).u64(0).u32(1 << 20);
    let mut clients = vec![client];
    while clients.len() < 17 {
        clients.push(Client::connect(&server).await);
    }
    for client in &mut clients {
        for xid in 0..40 {
            client.send(xid, NFS, (READ, &read)).await;
        }
    }
    // All 17 together could have so many, 1 MiB each, if the server were theirs alone.
    let crowd = fs.wait_for(511);
    let moment = std::time::Duration::from_millis(500);
    let is_crowded = tokio::time::timeout(moment, crowd).await.is_ok();
    let mut other = Client::connect_from(&server, [127, 0, 0, 2]).await;
    let answered = other.nfs(NULL, Args::new());
    let patience = std::time::Duration::from_secs(2);
    tokio::time::timeout(patience, answered).await.unwrap();
    assert!(!is_crowded);
}

#[tokio::test]
async fn another_call_with_the_same_number_is_another_call() {
    let fs = Arc::new(GatedFs::new());
    fs.gate.add_permits(2);
    let server = server_of(Arc::clone(&fs) as Arc<_>);
    let mut client = Client::connect(&server).await;
    let root = client.mount().await;
    for name in ["f", "g"] {
        client.create(&root, name).await;
        let remove = Args::new().opaque(&root).opaque(name.as_bytes());
        client.send(1, NFS, (REMOVE, &remove)).await;
        assert_eq!(accepted(client.receive().await.1).u32(), 0);
    }
}

#[tokio::test]
async fn shutdown_answers_what_is_under_way_and_closes() {
    let fs = Arc::new(GatedFs::new());
    let server = server_of(Arc::clone(&fs) as Arc<_>);
    let mut client = Client::connect(&server).await;
    let root = client.mount().await;
    let file = client.create(&root, "f").await;
    let read = Args::new().opaque(&file).u64(0).u32(10);
    client.send(1, NFS, (READ, &read)).await;
    fs.wait_for(1).await;
    let answered = async {
        fs.gate.add_permits(1);
        assert_eq!(client.receive().await.0, 1);
        assert!(client.is_closed().await);
    };
    tokio::join!(server.shutdown(), answered);
}

#[tokio::test]
async fn one_address_has_a_bounded_number_of_connections() {
    let server = server_of(Arc::new(GatedFs::new()));
    let mut clients = Vec::new();
    for _ in 0..128 {
        let mut client = Client::connect(&server).await;
        client.mount().await;
        clients.push(client);
    }
    let mut refused = Client::connect(&server).await;
    assert!(refused.is_closed().await);
    clients[0].mount().await;
}

#[tokio::test]
async fn nobody_is_served_after_shutdown() {
    let server = server_of(Arc::new(GatedFs::new()));
    server.shutdown().await;
    let late = tokio::net::TcpStream::connect(server.address()).await;
    assert!(late.is_err());
}
