//! What the server answers to each kind of call, good and bad.

use std::collections::HashSet;

use crate::client::{Args, Client, MOUNT, NFS, PORTMAP, Reply, server};

const PERM: u32 = 1;
const NO_ENT: u32 = 2;
const EXIST: u32 = 17;
const INVAL: u32 = 22;
const NAME_TOO_LONG: u32 = 63;
const BAD_HANDLE: u32 = 10001;
const NOT_SYNC: u32 = 10002;
const TOO_SMALL: u32 = 10005;

#[tokio::test]
async fn one_port_serves_all_programs_and_says_so() {
    let server = server();
    let mut client = Client::connect(&server).await;
    for program in [NFS, MOUNT, PORTMAP] {
        client.call(program, (0, &Args::new())).await.end();
        let (number, version) = program;
        let asked = Args::new().u32(number).u32(version).u32(6).u32(0);
        let port = client.call(PORTMAP, (3, &asked)).await.u32();
        assert_eq!(port, u32::from(server.address().port()));
    }
    let udp = Args::new().u32(NFS.0).u32(3).u32(17).u32(0);
    assert_eq!(client.call(PORTMAP, (3, &udp)).await.u32(), 0);
}

#[tokio::test]
async fn calls_that_make_no_sense_are_refused_by_kind() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let short = Args::new().u32(8).u32(1);
    for (program, procedure, args, want) in [
        ((100_004, 3), 0, Args::new(), vec![1]),
        ((NFS.0, 4), 0, Args::new(), vec![2, 3, 3]),
        ((MOUNT.0, 1), 1, Args::new(), vec![2, 3, 3]),
        (NFS, 22, Args::new(), vec![3]),
        (NFS, 1, short, vec![4]),
        (MOUNT, 1, Args::new().u32(2000), vec![4]),
    ] {
        let mut reply = client.call_raw(program, (procedure, &args)).await;
        for _accepted_and_verifier in 0..3 {
            assert_eq!(reply.u32(), 0);
        }
        want.iter().for_each(|word| assert_eq!(reply.u32(), *word));
        reply.end();
    }
}

#[tokio::test]
async fn what_is_no_call_closes_the_connection() {
    let server = server();
    let mut client = Client::connect(&server).await;
    client.send_record(b"GET / HTTP/1.1\r\n\r\n").await;
    assert!(client.is_closed().await);

    let mut client = Client::connect(&server).await;
    let too_long = (1_u32 << 31) | (2 << 20);
    let mark = too_long.to_be_bytes();
    tokio::io::AsyncWriteExt::write_all(&mut client.stream, &mark)
        .await
        .unwrap();
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn bad_names_have_their_own_status() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let root = client.mount().await;
    let long = [b'x'; 256];
    let longest = [b'x'; 255];
    for (procedure, name, want) in [
        (3, &long[..], NAME_TOO_LONG),
        (3, &longest, NO_ENT),
        (3, b"\xff", INVAL),
        (3, b"a/b", INVAL),
        (3, b"", INVAL),
        (12, b"..", INVAL),
        (13, b".", INVAL),
        (8, &long, NAME_TOO_LONG),
        (8, b"..", EXIST),
        (9, b".", EXIST),
        (9, b"a\0b", INVAL),
    ] {
        let mut args = Args::new().opaque(&root).opaque(name);
        if procedure == 8 {
            args = args.u32(0);
        }
        let status = client.nfs(procedure, args.mode(0o644)).await.u32();
        assert_eq!(status, want, "{procedure} {}", name.escape_ascii());
    }
    for name in [".", ".."] {
        let args = Args::new().opaque(&root).opaque(name.as_bytes());
        let mut reply = client.nfs(3, args).await;
        assert_eq!((reply.u32(), reply.opaque()), (0, root.clone()));
    }
}

#[tokio::test]
async fn forged_handles_are_bad() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let root = client.mount().await;
    assert_eq!(client.nfs(1, Args::new().opaque(&root)).await.u32(), 0);
    let mut other_inode = root.clone();
    other_inode[19] ^= 1;
    for forged in [&other_inode[..], b"", &[0; 64]] {
        let status = client.nfs(1, Args::new().opaque(forged)).await.u32();
        assert_eq!(status, BAD_HANDLE);
    }
}

#[tokio::test]
async fn changes_tell_the_attributes_before_and_after() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let root = client.mount().await;
    let attributes = |mut reply: Reply| {
        assert_eq!(reply.u32(), 0);
        reply.attributes()
    };
    let before = attributes(client.nfs(1, Args::new().opaque(&root)).await);
    let args = Args::new().opaque(&root).opaque(b"d").mode(0o2750);
    let mut made = client.nfs(9, args).await;
    assert_eq!((made.u32(), made.u32()), (0, 1));
    let dir = made.opaque();
    let of_dir = made.post_op().unwrap();
    assert_eq!(
        (of_dir.file_type, of_dir.mode, of_dir.fs_id),
        (2, 0o2750, 1)
    );
    let (wcc_before, wcc_after) = made.wcc();
    made.end();
    assert_eq!(wcc_before, Some((before.size, before.mtime, before.ctime)));
    let after = attributes(client.nfs(1, Args::new().opaque(&root)).await);
    assert_eq!(wcc_after, Some(after));
    assert_eq!(after.link_count, before.link_count + 1);

    let rename = |from: &str, to: &str| {
        let from = Args::new().opaque(&root).opaque(from.as_bytes());
        from.opaque(&root).opaque(to.as_bytes())
    };
    let mut renamed = client.nfs(14, rename("d", "e")).await;
    assert_eq!(renamed.u32(), 0);
    assert_eq!(
        renamed.wcc().0,
        Some((after.size, after.mtime, after.ctime))
    );
    renamed.wcc();
    renamed.end();
    let mut missing = client.nfs(14, rename("d", "e")).await;
    assert_eq!(missing.u32(), NO_ENT);
    assert!(missing.wcc().1.is_some());
    assert_eq!(
        attributes(client.nfs(1, Args::new().opaque(&dir)).await).file_id,
        of_dir.file_id
    );
}

#[tokio::test]
async fn data_is_written_committed_and_read() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let root = client.mount().await;
    let file = client.create(&root, "f").await;
    let write = |stable, count| {
        let args = Args::new().opaque(&file).u64(3).u32(count);
        args.u32(stable).opaque(b"hello")
    };
    let mut verifiers = HashSet::new();
    for (stable, committed) in [(0, 0), (1, 2), (2, 2)] {
        let mut reply = client.nfs(7, write(stable, 5)).await;
        assert_eq!(reply.u32(), 0);
        assert_eq!(reply.wcc().1.unwrap().size, 8);
        assert_eq!((reply.u32(), reply.u32()), (5, committed));
        verifiers.insert(reply.u64());
        reply.end();
    }
    assert_eq!(client.nfs(7, write(0, 6)).await.u32(), INVAL);
    let mut commit = client
        .nfs(21, Args::new().opaque(&file).u64(0).u32(0))
        .await;
    assert_eq!(commit.u32(), 0);
    commit.wcc();
    verifiers.insert(commit.u64());
    assert_eq!(verifiers.len(), 1);

    let mut read = client
        .nfs(6, Args::new().opaque(&file).u64(1).u32(u32::MAX))
        .await;
    assert_eq!(read.u32(), 0);
    assert_eq!(read.post_op().unwrap().size, 8);
    assert_eq!((read.u32(), read.u32()), (7, 1));
    assert_eq!(read.opaque(), b"\0\0hello");
    read.end();
}

#[tokio::test]
async fn creation_keeps_its_verifier_and_setattr_its_guard() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let root = client.mount().await;
    let mut exclusive = async |verifier| {
        let args = Args::new().opaque(&root).opaque(b"x").u32(2).u64(verifier);
        client.nfs(8, args).await.u32()
    };
    assert_eq!(exclusive(1).await, 0);
    assert_eq!(exclusive(1).await, 0);
    assert_eq!(exclusive(2).await, EXIST);

    let file = client.create(&root, "f").await;
    let mut found = client.nfs(1, Args::new().opaque(&file)).await;
    found.u32();
    let ctime = found.attributes().ctime;
    let set = |guard: u64| Args::new().opaque(&file).mode(0o600).u32(1).u64(guard);
    assert_eq!(client.nfs(2, set(ctime ^ 1)).await.u32(), NOT_SYNC);
    let mut done = client.nfs(2, set(ctime)).await;
    assert_eq!(done.u32(), 0);
    assert_eq!(done.wcc().1.unwrap().mode, 0o600);
}

#[tokio::test]
async fn links_and_devices_are_not_permitted() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let root = client.mount().await;
    let file = client.create(&root, "f").await;
    let link = Args::new().opaque(&file).opaque(&root).opaque(b"g");
    assert_eq!(client.nfs(15, link).await.u32(), PERM);
    let pipe = Args::new().opaque(&root).opaque(b"p").u32(7).mode(0o600);
    assert_eq!(client.nfs(11, pipe).await.u32(), PERM);

    let link = Args::new()
        .opaque(&root)
        .opaque(b"s")
        .mode(0)
        .opaque(b"../t");
    let mut made = client.nfs(10, link).await;
    assert_eq!((made.u32(), made.u32()), (0, 1));
    let link = made.opaque();
    let mut read = client.nfs(5, Args::new().opaque(&link)).await;
    assert_eq!(read.u32(), 0);
    read.post_op();
    assert_eq!(read.opaque(), b"../t");
    assert_eq!(client.nfs(5, Args::new().opaque(&root)).await.u32(), INVAL);
}

/// Names of a directory by READDIR or READDIRPLUS, with one more name made after each page.
async fn list(client: &mut Client, dir: &[u8], plus: bool, count: u32) -> Vec<Vec<u8>> {
    let (mut names, mut cookie, mut end) = (Vec::new(), 0, 0);
    while end == 0 {
        let stale_verifier = 12345;
        let mut args = Args::new()
            .opaque(dir)
            .u64(cookie)
            .u64(stale_verifier)
            .u32(count);
        if plus {
            args = args.u32(count);
        }
        let mut page = client.nfs(if plus { 17 } else { 16 }, args).await;
        assert_eq!(page.u32(), 0);
        assert!(page.post_op().is_some());
        page.u64();
        while page.u32() == 1 {
            let file_id = page.u64();
            names.push(page.opaque());
            cookie = page.u64();
            if plus {
                assert_eq!(page.post_op().unwrap().file_id, file_id);
                assert_eq!(page.u32(), 1);
                page.opaque();
            }
        }
        end = page.u32();
        page.end();
    }
    names
}

#[tokio::test]
async fn listings_of_any_page_size_are_complete() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let root = client.mount().await;
    for i in 0..300 {
        client.create(&root, &format!("file-{i:03}")).await;
    }
    for (plus, count) in [
        (false, 140),
        (false, 4096),
        (false, u32::MAX),
        (true, 300),
        (true, 8192),
    ] {
        let names = list(&mut client, &root, plus, count).await;
        assert_eq!((&names[0][..], &names[1][..]), (&b"."[..], &b".."[..]));
        let unique: HashSet<_> = names.iter().collect();
        assert_eq!((names.len(), unique.len()), (302, 302), "{plus} {count}");
    }
    let too_small = Args::new().opaque(&root).u64(0).u64(0).u32(110);
    assert_eq!(client.nfs(16, too_small).await.u32(), TOO_SMALL);
}

#[tokio::test]
async fn the_file_system_tells_its_sizes() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let root = client.mount().await;
    let mut info = client.nfs(19, Args::new().opaque(&root)).await;
    assert_eq!(info.u32(), 0);
    info.post_op();
    let words: Vec<u32> = (0..7).map(|_| info.u32()).collect();
    assert_eq!(
        words,
        [1 << 20, 1 << 20, 4096, 1 << 20, 1 << 20, 4096, 128 << 10]
    );
    assert_eq!(info.u64(), i64::MAX.unsigned_abs());
    assert_eq!((info.u64(), info.u32()), (1, 0x1a));
    info.end();

    let mut stat = client.nfs(18, Args::new().opaque(&root)).await;
    stat.u32();
    stat.post_op();
    assert_eq!(stat.u64(), 4 << 30);

    let mut conf = client.nfs(20, Args::new().opaque(&root)).await;
    conf.u32();
    conf.post_op();
    assert_eq!((conf.u32(), conf.u32()), (1, 255));
}
