//! From the first byte of a peer to [`Records`].

use std::{fmt, sync::Arc};

use rustls::{
    ProtocolVersion, ServerConfig,
    server::UnbufferedServerConnection,
    unbuffered::{ConnectionState, EncodeError, EncodeTlsData, UnbufferedStatus},
};
use rustls_pki_types::CertificateDer;

use crate::{Records, TlsError, keys::Version, limits::HANDSHAKE_INPUT_LEN_MAX};

/// A handshake under way.
pub struct Handshake {
    connection: UnbufferedServerConnection,
    input: Vec<u8>,
    /// What the peer sent right behind its last handshake message.
    plain: Vec<u8>,
}

/// How far a handshake is.
#[derive(Debug)]
pub enum Progress {
    /// More must come.
    More(Box<Handshake>),
    /// It is done.
    Done(Established),
}

/// A handshake that is done.
#[derive(Debug)]
pub struct Established {
    /// The connection.
    pub records: Records,
    /// What the peer has said already.
    pub plain: Vec<u8>,
    /// Records that are to be opened next.
    pub rest: Vec<u8>,
    /// The peer's certificate and those that lead to its authority, verified; empty without.
    pub peer_certificates: Vec<CertificateDer<'static>>,
}

enum Step {
    Again,
    NeedsMore,
    Done,
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handshake({} bytes wait)", self.input.len())
    }
}

impl Handshake {
    /// Waits for a client. `config` must allow its secrets to be extracted and promise no
    /// session tickets.
    ///
    /// # Errors
    /// The configuration cannot be used.
    pub fn new(config: Arc<ServerConfig>) -> Result<Self, TlsError> {
        let connection = UnbufferedServerConnection::new(config).map_err(TlsError::Handshake)?;
        Ok(Self {
            connection,
            input: Vec::new(),
            plain: Vec::new(),
        })
    }

    /// Takes what the peer sent. What it must be told is appended to `out`, also after an error.
    ///
    /// # Errors
    /// There will be no connection.
    pub fn advance(
        mut self: Box<Self>,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Progress, TlsError> {
        if self.input.len().saturating_add(bytes.len()) > HANDSHAKE_INPUT_LEN_MAX {
            return Err(TlsError::HandshakeTooLong);
        }
        self.input.extend_from_slice(bytes);
        loop {
            match self.step(out) {
                Ok(Step::Again) => {}
                Ok(Step::NeedsMore) => return Ok(Progress::More(self)),
                Ok(Step::Done) => return self.finish().map(Progress::Done),
                Err(error) => {
                    self.take_alert(out);
                    return Err(error);
                }
            }
        }
    }

    fn step(&mut self, out: &mut Vec<u8>) -> Result<Step, TlsError> {
        let UnbufferedStatus { discard, state } =
            self.connection.process_tls_records(&mut self.input);
        let step = match state.map_err(TlsError::Handshake)? {
            ConnectionState::EncodeTlsData(mut data) => {
                encode(&mut data, out)?;
                Step::Again
            }
            ConnectionState::TransmitTlsData(data) => {
                data.done();
                Step::Again
            }
            ConnectionState::ReadTraffic(mut traffic) => {
                while let Some(record) = traffic.next_record() {
                    let record = record.map_err(TlsError::Handshake)?;
                    self.plain.extend_from_slice(record.payload);
                }
                Step::Again
            }
            ConnectionState::BlockedHandshake => Step::NeedsMore,
            // A server may speak before the peer has proved anything; we do not.
            ConnectionState::WriteTraffic(_) => Step::Done,
            // A peer that closes at once, and early data, which is never offered.
            _ => return Err(TlsError::Unfinished),
        };
        self.input.drain(..discard.min(self.input.len()));
        Ok(match step {
            Step::Done if self.connection.is_handshaking() => Step::NeedsMore,
            other => other,
        })
    }

    /// What rustls wants to say about an error.
    fn take_alert(&mut self, out: &mut Vec<u8>) {
        // With all that it has seen: it remembers where in the input a message has begun, and
        // looks for it there if it has nothing to say.
        let status = self.connection.process_tls_records(&mut self.input);
        if let Ok(ConnectionState::EncodeTlsData(mut data)) = status.state {
            // Without it the peer sees a closed connection.
            encode(&mut data, out).ok();
        }
    }

    fn finish(self) -> Result<Established, TlsError> {
        let version = match self.connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => Version::Tls13,
            _ => Version::Tls12,
        };
        let certificates = self.connection.peer_certificates().unwrap_or_default();
        let peer_certificates = certificates.iter().cloned().map(CertificateDer::into_owned);
        let peer_certificates = peer_certificates.collect();
        let (secrets, connection) = self
            .connection
            .dangerous_into_kernel_connection()
            .map_err(TlsError::Handshake)?;
        Ok(Established {
            records: Records::new(version, secrets, connection)?,
            plain: self.plain,
            rest: self.input,
            peer_certificates,
        })
    }
}

fn encode<D>(data: &mut EncodeTlsData<'_, D>, out: &mut Vec<u8>) -> Result<(), TlsError> {
    let start = out.len();
    let len = match data.encode(&mut []) {
        Ok(len) => len,
        Err(EncodeError::InsufficientSize(size)) => {
            out.resize(start.saturating_add(size.required_size), 0);
            let room = out.get_mut(start..).unwrap_or_default();
            data.encode(room).ok().ok_or(TlsError::Crypto)?
        }
        Err(EncodeError::AlreadyEncoded) => 0,
    };
    out.truncate(start.saturating_add(len));
    Ok(())
}
