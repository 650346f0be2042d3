//! A client over anything that carries bytes: TLS, WebSocket, or both.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use mqtt_codec::{Limits, Packet, ProtocolVersion, ReasonCode, decode, encode};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use web_socket::{Decoder, Role, encode_binary, upgrade};

use crate::{
    kit::{Device, PATIENCE},
    raw::connect_packet,
};

pub(crate) trait Line: Read + Write {}
impl<T: Read + Write> Line for T {}

pub(crate) struct Wire(pub(crate) Box<dyn Line>);

pub(crate) fn socket(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

/// A certificate for `name` that vouches for itself, and its key.
pub(crate) struct Own {
    pub(crate) der: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Own {
    pub(crate) fn of(name: &str) -> Self {
        let own = rcgen::generate_simple_self_signed(vec![name.into()]).unwrap();
        let key = own.signing_key.serialize_der();
        let der = own.cert.der().clone();
        Self { der, key }
    }

    /// The same with an RSA key.
    pub(crate) fn rsa(name: &str) -> Self {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let params = rcgen::CertificateParams::new(vec![name.into()]).unwrap();
        let der = params.self_signed(&key).unwrap().der().clone();
        let key = key.serialize_der();
        Self { der, key }
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()))
    }

    pub(crate) fn server(&self) -> mqtt_broker::ServerCertificate {
        mqtt_broker::ServerCertificate {
            chain: vec![self.der.clone()],
            key: self.key(),
        }
    }
}

/// A TLS client of a server called `name`; fails as soon as the handshake does.
pub(crate) fn tls(
    socket: TcpStream,
    name: &str,
    trust: &CertificateDer<'static>,
    own: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    tls_of(rustls::DEFAULT_VERSIONS, socket, name, (trust, own))
}

/// What a client trusts, and how it shows who it is.
type Certificates<'t> = (
    &'t CertificateDer<'static>,
    Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
);

/// The same with some versions of TLS only.
pub(crate) fn tls_of(
    versions: &[&'static rustls::SupportedProtocolVersion],
    socket: TcpStream,
    name: &str,
    (trust, own): Certificates<'_>,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trust.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let config = match own {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
    };
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// A WebSocket on `line`, each frame with `frame_len` bytes at most.
pub(crate) fn web(mut line: impl Line + 'static, path: &str, frame_len: usize) -> Wire {
    let key = upgrade::key([7; 16]);
    let request = upgrade::request("localhost", path, &key);
    line.write_all(request.as_bytes()).unwrap();
    let mut head = Vec::new();
    while upgrade::parse_response(&head, &key).unwrap().is_none() {
        let mut byte = [0];
        line.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    Wire(Box::new(Web {
        line,
        frame_len,
        decoder: Decoder::of_server(),
    }))
}

/// A client over a WebSocket that has said CONNECT, and has read nothing yet.
pub(crate) fn web_deaf(address: SocketAddr, device: &Device) -> TcpStream {
    let mut line = socket(address);
    let request = upgrade::request("x", "/mqtt", &upgrade::key([1; 16]));
    line.write_all(request.as_bytes()).unwrap();
    let mut connect = Vec::new();
    let packet = Packet::Connect(connect_packet(device, ProtocolVersion::V5));
    encode(&packet, ProtocolVersion::V5, &mut connect).unwrap();
    let mut frame = Vec::new();
    encode_binary(Role::Client([0; 4]), &connect, &mut frame);
    line.write_all(&frame).unwrap();
    line
}

struct Web<L> {
    line: L,
    frame_len: usize,
    decoder: Decoder,
}

const MASK: [u8; 4] = [0xa5, 1, 0, 0x7f];

impl<L: Line> Read for Web<L> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let len = self.line.read(buf)?;
            let mut answer = Vec::new();
            let role = Role::Client(MASK);
            let decoded = self.decoder.decode(&mut buf[..len], role, &mut answer);
            let decoded = decoded.expect("the broker speaks WebSocket");
            if len == 0 || decoded.len > 0 {
                return Ok(decoded.len);
            }
        }
    }
}

impl<L: Line> Write for Web<L> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut frames = Vec::new();
        for part in bytes.chunks(self.frame_len) {
            encode_binary(Role::Client(MASK), part, &mut frames);
        }
        self.line.write_all(&frames)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.line.flush()
    }
}

impl Wire {
    /// The reason of CONNACK, or of DISCONNECT; an error if the broker hangs up instead.
    pub(crate) fn connect(
        &mut self,
        device: &Device,
        version: ProtocolVersion,
    ) -> io::Result<ReasonCode> {
        let packet = Packet::Connect(connect_packet(device, version));
        let mut bytes = Vec::new();
        encode(&packet, version, &mut bytes).unwrap();
        self.0.write_all(&bytes)?;
        self.recv(version, |packet| match packet {
            Packet::ConnAck(ack) => ack.reason,
            other => panic!("not a CONNACK: {other:?}"),
        })
    }

    pub(crate) fn send(&mut self, packet: &Packet<'_>, version: ProtocolVersion) {
        let mut bytes = Vec::new();
        encode(packet, version, &mut bytes).unwrap();
        self.0.write_all(&bytes).unwrap();
    }

    /// What `tell` makes of the next packet.
    pub(crate) fn recv<T>(
        &mut self,
        version: ProtocolVersion,
        tell: impl FnOnce(Packet<'_>) -> T,
    ) -> io::Result<T> {
        let limits = Limits {
            version,
            packet_len_max: u32::MAX,
        };
        let mut input = Vec::new();
        let mut buf = vec![0; 4_096];
        loop {
            if let Some((packet, _)) = decode(&input, limits).unwrap() {
                return Ok(tell(packet));
            }
            match self.0.read(&mut buf)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                len => input.extend_from_slice(&buf[..len]),
            }
        }
    }

    pub(crate) fn ping(&mut self, version: ProtocolVersion) {
        self.send(&Packet::PingReq, version);
        let pong = self.recv(version, |packet| matches!(packet, Packet::PingResp));
        assert!(pong.unwrap(), "PINGRESP");
    }
}
