//! A client that says exactly what a test wants said.

use std::{net::SocketAddr, sync::Arc};

use clock::Clock;
use model::{AccessRule, Squash, WriteAccess};
use nfs_server::{ExportOptions, HandleKey, NfsConfig, NfsServer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};
use vfs::{MemFs, Vfs};

pub(crate) const NFS: (u32, u32) = (100_003, 3);
pub(crate) const MOUNT: (u32, u32) = (100_005, 3);
pub(crate) const PORTMAP: (u32, u32) = (100_000, 2);

/// A server with a file system in memory at `/m`, open to loopback, nobody squashed.
pub(crate) fn server() -> NfsServer {
    server_of(Arc::new(MemFs::new(Clock::system())))
}

pub(crate) fn server_of(fs: Arc<dyn Vfs>) -> NfsServer {
    let config = NfsConfig {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        handle_key: HandleKey::new(model::Secret::new("key")),
        awaited: vec![],
    };
    let server = NfsServer::start(config, Clock::system()).unwrap();
    server.export("/m", fs, options()).unwrap();
    server
}

pub(crate) fn options() -> ExportOptions {
    ExportOptions {
        access: vec![rule("127.0.0.0/8", WriteAccess::ReadWrite)],
        squash: Squash::None,
        fs_id: 1,
    }
}

pub(crate) fn rule(cidr: &str, access: WriteAccess) -> AccessRule {
    AccessRule {
        cidr: cidr.to_owned(),
        access,
    }
}

/// Values to send.
#[derive(Clone, Debug, Default)]
pub(crate) struct Args(pub(crate) Vec<u8>);

impl Args {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn opaque(mut self, bytes: &[u8]) -> Self {
        self = self.u32(u32::try_from(bytes.len()).unwrap());
        self.0.extend(bytes);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// `sattr3` with a mode and nothing else.
    pub(crate) fn mode(self, mode: u32) -> Self {
        self.u32(1).u32(mode).u32(0).u32(0).u32(0).u32(0).u32(0)
    }
}

/// Values received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply(Vec<u8>);

impl Reply {
    fn take(&mut self, len: usize) -> Vec<u8> {
        let rest = self.0.split_off(len);
        std::mem::replace(&mut self.0, rest)
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.take(4).try_into().unwrap())
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.take(8).try_into().unwrap())
    }

    pub(crate) fn opaque(&mut self) -> Vec<u8> {
        let len = usize::try_from(self.u32()).unwrap();
        let padded = self.take(len.next_multiple_of(4));
        padded[..len].to_vec()
    }

    /// `fattr3`.
    pub(crate) fn attributes(&mut self) -> Attributes {
        let found = Attributes {
            file_type: self.u32(),
            mode: self.u32(),
            link_count: self.u32(),
            uid: self.u32(),
            gid: self.u32(),
            size: self.u64(),
            used: self.u64(),
            device: self.u64(),
            fs_id: self.u64(),
            file_id: self.u64(),
            atime: self.u64(),
            mtime: self.u64(),
            ctime: self.u64(),
        };
        assert_eq!(found.device, 0);
        found
    }

    pub(crate) fn post_op(&mut self) -> Option<Attributes> {
        (self.u32() == 1).then(|| self.attributes())
    }

    /// Size, mtime, ctime before; attributes after.
    pub(crate) fn wcc(&mut self) -> (Option<(u64, u64, u64)>, Option<Attributes>) {
        let before = (self.u32() == 1).then(|| (self.u64(), self.u64(), self.u64()));
        (before, self.post_op())
    }

    pub(crate) fn end(&self) {
        assert!(self.0.is_empty(), "{} bytes too many", self.0.len());
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) file_type: u32,
    pub(crate) mode: u32,
    pub(crate) link_count: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) size: u64,
    pub(crate) used: u64,
    pub(crate) device: u64,
    pub(crate) fs_id: u64,
    pub(crate) file_id: u64,
    pub(crate) atime: u64,
    pub(crate) mtime: u64,
    pub(crate) ctime: u64,
}

/// A connection, and the user that speaks through it.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    pub(crate) uid: u32,
    pub(crate) next_xid: u32,
}

impl Client {
    pub(crate) async fn connect(server: &NfsServer) -> Self {
        Self::connect_from(server, [127, 0, 0, 1]).await
    }

    /// From another address of this host.
    pub(crate) async fn connect_from(server: &NfsServer, address: [u8; 4]) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((address, 0).into()).unwrap();
        let stream = socket.connect(server.address()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            uid: 0,
            next_xid: 1000,
        }
    }

    /// The record of a call, without its mark.
    pub(crate) fn record(
        &self,
        xid: u32,
        (program, version): (u32, u32),
        call: (u32, &Args),
    ) -> Args {
        let (procedure, args) = call;
        let credential = Args::new()
            .u32(0)
            .opaque(b"test")
            .u32(self.uid)
            .u32(self.uid)
            .u32(0);
        let mut record = Args::new().u32(xid).u32(0).u32(2);
        record = record.u32(program).u32(version).u32(procedure);
        record = record.u32(1).opaque(&credential.0).u32(0).u32(0);
        record.0.extend(&args.0);
        record
    }

    pub(crate) async fn send_record(&mut self, record: &[u8]) {
        let mark = u32::try_from(record.len()).unwrap() | 1 << 31;
        self.stream.write_all(&mark.to_be_bytes()).await.unwrap();
        self.stream.write_all(record).await.unwrap();
    }

    pub(crate) async fn send(&mut self, xid: u32, program: (u32, u32), call: (u32, &Args)) {
        let record = self.record(xid, program, call);
        self.send_record(&record.0).await;
    }

    /// The next reply and its number.
    pub(crate) async fn receive(&mut self) -> (u32, Reply) {
        let mark = self.stream.read_u32().await.unwrap();
        assert_eq!(mark >> 31, 1, "one fragment");
        let mut record = vec![0; usize::try_from(mark & !(1 << 31)).unwrap()];
        self.stream.read_exact(&mut record).await.unwrap();
        let mut reply = Reply(record);
        let xid = reply.u32();
        assert_eq!(reply.u32(), 1, "a reply");
        (xid, reply)
    }

    /// Calls and answers what follows the number.
    pub(crate) async fn call_raw(&mut self, program: (u32, u32), call: (u32, &Args)) -> Reply {
        self.next_xid += 1;
        let xid = self.next_xid;
        self.send(xid, program, call).await;
        let (answered, reply) = self.receive().await;
        assert_eq!(answered, xid);
        reply
    }

    /// Calls and answers the results of a call that was accepted.
    pub(crate) async fn call(&mut self, program: (u32, u32), call: (u32, &Args)) -> Reply {
        accepted(self.call_raw(program, call).await)
    }

    pub(crate) async fn nfs(&mut self, procedure: u32, args: Args) -> Reply {
        self.call(NFS, (procedure, &args)).await
    }

    /// Status and handle of a mount.
    pub(crate) async fn try_mount(&mut self, path: &str) -> Result<Vec<u8>, u32> {
        let args = Args::new().opaque(path.as_bytes());
        let mut reply = self.call(MOUNT, (1, &args)).await;
        match reply.u32() {
            0 => Ok(reply.opaque()),
            status => Err(status),
        }
    }

    pub(crate) async fn mount(&mut self) -> Vec<u8> {
        self.try_mount("/m").await.unwrap()
    }

    /// Makes a file with mode 0644 and answers its handle.
    pub(crate) async fn create(&mut self, dir: &[u8], name: &str) -> Vec<u8> {
        let args = Args::new().opaque(dir).opaque(name.as_bytes());
        let mut reply = self.nfs(8, args.u32(1).mode(0o644)).await;
        assert_eq!(reply.u32(), 0);
        assert_eq!(reply.u32(), 1);
        reply.opaque()
    }

    /// Whether the server has closed the connection.
    pub(crate) async fn is_closed(&mut self) -> bool {
        matches!(self.stream.read(&mut [0; 64]).await, Ok(0) | Err(_))
    }
}

/// The results of a call that was accepted.
pub(crate) fn accepted(mut reply: Reply) -> Reply {
    for _accepted_verifier_success in 0..4 {
        assert_eq!(reply.u32(), 0);
    }
    reply
}
