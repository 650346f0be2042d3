//! What carries the bytes of a client: a socket, with or without TLS 1.3.

use std::{
    io::{self, Read as _, Write as _},
    net::IpAddr,
    path::Path,
    sync::Arc,
};

use mio::net::TcpStream;
use rustls::{ClientConfig, ClientConnection, RootCertStore, client::Resumption, version::TLS13};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};

use crate::error::BenchError;

#[derive(Debug)]
pub(super) enum Wire {
    Plain(TcpStream),
    Secure(Box<Secure>),
}

#[derive(Debug)]
pub(super) struct Secure {
    socket: TcpStream,
    records: ClientConnection,
}

/// How clients of one broker use TLS.
#[derive(Clone, Debug)]
pub(super) struct Trust {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Trust {
    /// TLS 1.3 with whole handshakes, to the broker at `address` that has the certificate of
    /// this file.
    pub(super) fn of(certificate: &Path, address: IpAddr) -> Result<Self, BenchError> {
        let certificate = CertificateDer::from_pem_file(certificate).map_err(BenchError::tls)?;
        let mut roots = RootCertStore::empty();
        roots.add(certificate).map_err(BenchError::tls)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder
            .with_protocol_versions(&[&TLS13])
            .map_err(BenchError::tls)?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(Self {
            config: Arc::new(config),
            name: ServerName::from(address),
        })
    }
}

impl Wire {
    pub(super) fn new(socket: TcpStream, trust: Option<&Trust>) -> Result<Self, BenchError> {
        let Some(Trust { config, name }) = trust else {
            return Ok(Self::Plain(socket));
        };
        let records = ClientConnection::new(Arc::clone(config), name.clone());
        let records = records.map_err(BenchError::tls)?;
        Ok(Self::Secure(Box::new(Secure { socket, records })))
    }

    pub(super) fn socket(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Secure(secure) => &mut secure.socket,
        }
    }

    pub(super) fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buf),
            Self::Secure(secure) => secure.read(buf),
        }
    }

    /// Whether reading `len` of `wanted` bytes says that there is no more.
    pub(super) const fn is_drained_by(&self, len: usize, wanted: usize) -> bool {
        match self {
            Self::Plain(_) => len < wanted,
            Self::Secure(_) => false,
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Secure(secure) => secure.write(bytes),
        }
    }

    /// Records that the socket has not taken yet.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Secure(secure) => secure.flush(),
        }
    }
}

impl Secure {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.records.reader().read(buf) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            if self.records.read_tls(&mut self.socket)? == 0 {
                return Ok(0);
            }
            self.records
                .process_new_packets()
                .map_err(io::Error::other)?;
            self.flush()?;
        }
    }

    /// Until the handshake is over, what is written waits for it.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.records.writer().write(bytes)?;
        self.flush()?;
        if len == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.records.wants_write() {
            match self.records.write_tls(&mut self.socket) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
                Ok(_) => {}
            }
        }
        Ok(())
    }
}
