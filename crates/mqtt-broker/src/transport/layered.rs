//! A socket with more above it: the word of a balancer, TLS, WebSocket, in this order.
//!
//! What comes goes up through the layers in one buffer, which the caller lends; what remains is
//! less than a record. What goes down is kept only while the socket does not take it.

use std::{io, net::SocketAddr, ops::Range, sync::Arc};

use mio::net::TcpStream;
use proxy_protocol::Source;
use tls_session::{Established, Handshake, Progress, Records};
use web_socket::{CloseCode, Decoder, Role, encode_binary, encode_close, upgrade};

use super::{
    Layers, Sent,
    kernel_tls::{self, Heard, KernelTls},
    retry, socket_read, socket_write,
};
use crate::{client_certificate::ClientCertificate, limits::PENDING_LEN_MAX};

/// Plain text that is made into records or frames at once.
const PART_LEN: usize = 32 * 1024;

#[derive(Debug)]
pub(crate) struct Layered {
    pub(super) socket: TcpStream,
    balancer: Balancer,
    tls: Option<Tls>,
    /// Whether the kernel is to be asked.
    offer: bool,
    web: Option<Web>,
    certificate: Option<Box<ClientCertificate>>,
    /// The beginning of what cannot be used before more comes.
    input: Vec<u8>,
    /// What the socket has not taken yet.
    pending: Vec<u8>,
    sent: usize,
    reading: Reading,
}

#[derive(Debug)]
enum Balancer {
    /// None, or it names nobody.
    Silent,
    /// Its first bytes will say whom it connects.
    Expected,
    Named(Box<SocketAddr>),
}

#[derive(Debug)]
enum Tls {
    Handshaking(Box<Handshake>),
    Open(Records),
    /// `Open` ── nothing waits on this side ──▶ `Kernel`, where it may and can.
    Kernel(KernelTls),
}

#[derive(Debug)]
enum Web {
    Upgrading { path: Arc<str>, head: Vec<u8> },
    Open(Decoder),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// The socket may have more.
    More,
    /// The socket gave less than was asked for.
    Drained,
    /// The peer has said that this was all.
    Ended,
}

impl Layered {
    pub(super) fn new(socket: TcpStream, layers: &Layers) -> io::Result<Self> {
        let handshake = layers.tls.as_ref().map(|c| Handshake::new(Arc::clone(c)));
        let handshake = handshake.transpose().map_err(io::Error::other)?;
        let web = layers.web_path.as_ref().map(|path| Web::Upgrading {
            path: Arc::clone(path),
            head: Vec::new(),
        });
        Ok(Self {
            socket,
            balancer: if layers.balancer {
                Balancer::Expected
            } else {
                Balancer::Silent
            },
            tls: handshake.map(|h| Tls::Handshaking(Box::new(h))),
            offer: layers.kernel_tls && kernel_tls::is_there(),
            web,
            certificate: None,
            input: Vec::new(),
            pending: Vec::new(),
            sent: 0,
            reading: Reading::More,
        })
    }

    pub(super) fn peer(&self) -> io::Result<SocketAddr> {
        match &self.balancer {
            Balancer::Named(address) => Ok(**address),
            Balancer::Silent | Balancer::Expected => self.socket.peer_addr(),
        }
    }

    pub(super) fn certificate(&self) -> Option<&ClientCertificate> {
        self.certificate.as_deref()
    }

    pub(super) fn forget_certificate(&mut self) {
        self.certificate = None;
    }

    pub(super) fn is_drained(&self) -> bool {
        self.reading == Reading::Drained
    }

    pub(super) fn wants_write(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether the peer must take its answers before it is read again.
    pub(super) fn is_full(&self) -> bool {
        self.pending.len().saturating_sub(self.sent) >= PENDING_LEN_MAX
    }

    /// Reads the socket once. `Interrupted` is an answer, too: nothing for MQTT came, and there may
    /// be more. Whoever sends only that must not keep the others waiting.
    pub(super) fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.is_full() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if self.reading == Reading::Ended {
            return Ok(0);
        }
        let kept = self.input.len();
        let room = buf.get_mut(kept..).unwrap_or_default();
        let wanted = room.len();
        let Some(len) = self.receive(room)? else {
            return Err(io::ErrorKind::Interrupted.into());
        };
        if len == 0 {
            return Ok(0);
        }
        // The kernel's TLS gives less also where a record of another kind follows.
        let is_whole = len == wanted || matches!(self.tls, Some(Tls::Kernel(_)));
        self.reading = if is_whole {
            Reading::More
        } else {
            Reading::Drained
        };
        let input = std::mem::take(&mut self.input);
        if let Some(front) = buf.get_mut(..kept) {
            front.copy_from_slice(&input);
        }
        let result = self.go_up(buf, kept + len);
        // Handshake messages, or the alert or frame that says what is wrong.
        self.flush()?;
        if self.offer {
            self.hand_over()?;
        }
        match (result?, self.reading) {
            (0, Reading::Ended) => Ok(0),
            (0, Reading::Drained) => Err(io::ErrorKind::WouldBlock.into()),
            (0, Reading::More) => Err(io::ErrorKind::Interrupted.into()),
            (len, _) => Ok(len),
        }
    }

    /// What the socket has, 0 at its end; `None` if that was nothing for us.
    fn receive(&mut self, room: &mut [u8]) -> io::Result<Option<usize>> {
        let Some(Tls::Kernel(kernel)) = &self.tls else {
            return retry(|| socket_read(&self.socket, room)).map(Some);
        };
        match kernel.read(&mut self.socket, room)? {
            Heard::Data(len) => Ok(Some(len)),
            Heard::Nothing => Ok(None),
            Heard::End => {
                self.reading = Reading::Ended;
                Ok(Some(0))
            }
        }
    }

    /// Offers the connection to the kernel, once, when no part of a record waits on this side.
    fn hand_over(&mut self) -> io::Result<()> {
        let Some(Tls::Open(records)) = &self.tls else {
            return Ok(());
        };
        if !self.input.is_empty() || !self.pending.is_empty() || self.reading == Reading::Ended {
            return Ok(());
        }
        self.offer = false;
        if let Some(kernel) = KernelTls::take_over(&self.socket, records)? {
            self.tls = Some(Tls::Kernel(kernel));
            // Whatever comes from now on is found by the next read only.
            self.reading = Reading::More;
        }
        Ok(())
    }

    /// Takes the first `len` bytes of `buf`, which came from the socket, up through the layers;
    /// says how many bytes for MQTT are at its front then.
    fn go_up(&mut self, buf: &mut [u8], len: usize) -> io::Result<usize> {
        let Some(start) = self.hear_balancer(buf.get(..len).unwrap_or_default())? else {
            return Ok(0);
        };
        let plain = self.open_tls(buf, start..len)?;
        let start = plain.start;
        let len = self.open_web(buf.get_mut(plain).unwrap_or_default())?;
        buf.copy_within(start..start + len, 0);
        Ok(len)
    }

    /// Where the connection itself begins, if that came.
    fn hear_balancer(&mut self, bytes: &[u8]) -> io::Result<Option<usize>> {
        if !matches!(self.balancer, Balancer::Expected) {
            return Ok(Some(0));
        }
        let Some((source, len)) = proxy_protocol::decode(bytes).map_err(invalid)? else {
            self.input = bytes.to_vec();
            return Ok(None);
        };
        self.balancer = match source {
            Source::Peer(address) => Balancer::Named(Box::new(address)),
            Source::Balancer | Source::Unknown => Balancer::Silent,
        };
        Ok(Some(len))
    }

    /// Where the plain text is in `buf`.
    fn open_tls(&mut self, buf: &mut [u8], bytes: Range<usize>) -> io::Result<Range<usize>> {
        match self.tls.take() {
            None => Ok(bytes),
            Some(Tls::Kernel(kernel)) => {
                self.tls = Some(Tls::Kernel(kernel));
                Ok(bytes)
            }
            Some(Tls::Open(records)) => {
                self.tls = Some(Tls::Open(records));
                self.open_records(buf, bytes)
            }
            Some(Tls::Handshaking(handshake)) => {
                let bytes = buf.get(bytes).unwrap_or_default();
                match handshake.advance(bytes, &mut self.pending) {
                    Err(error) => Err(invalid(error)),
                    Ok(Progress::More(handshake)) => {
                        self.tls = Some(Tls::Handshaking(handshake));
                        Ok(0..0)
                    }
                    Ok(Progress::Done(established)) => self.establish(established, buf),
                }
            }
        }
    }

    fn establish(&mut self, done: Established, buf: &mut [u8]) -> io::Result<Range<usize>> {
        let certificate = done.peer_certificates.first();
        let certificate = certificate.map(ClientCertificate::parse).transpose();
        self.certificate = certificate.map_err(invalid)?.map(Box::new);
        self.tls = Some(Tls::Open(done.records));
        let (plain, rest) = (done.plain.len(), done.rest.len());
        // Both are bounded far below a read buffer.
        let room = buf.get_mut(..plain + rest);
        let room = room.ok_or(io::ErrorKind::InvalidData)?;
        let (front, back) = room.split_at_mut(plain);
        front.copy_from_slice(&done.plain);
        back.copy_from_slice(&done.rest);
        let opened = self.open_records(buf, plain..plain + rest)?;
        Ok(0..opened.end)
    }

    fn open_records(&mut self, buf: &mut [u8], bytes: Range<usize>) -> io::Result<Range<usize>> {
        let Some(Tls::Open(records)) = &mut self.tls else {
            return Ok(0..0);
        };
        let start = bytes.start;
        let sealed = buf.get_mut(bytes).unwrap_or_default();
        let opened = records.open(sealed, &mut self.pending).map_err(invalid)?;
        let rest = sealed.get(opened.used..).unwrap_or_default();
        if opened.closed {
            self.reading = Reading::Ended;
        } else if !rest.is_empty() {
            self.input = rest.to_vec();
        }
        Ok(start..start + opened.plain_len)
    }

    /// How many bytes for MQTT are at the front of `plain` then.
    fn open_web(&mut self, plain: &mut [u8]) -> io::Result<usize> {
        let mut answer = Vec::new();
        let result = match &mut self.web {
            None => return Ok(plain.len()),
            Some(Web::Upgrading { .. }) => self.upgrade(plain, &mut answer),
            Some(Web::Open(decoder)) => decode_frames(decoder, plain, &mut answer),
        };
        self.put(&answer)?;
        let (len, closed) = result?;
        if closed {
            self.reading = Reading::Ended;
        }
        Ok(len)
    }

    fn upgrade(&mut self, plain: &mut [u8], answer: &mut Vec<u8>) -> io::Result<(usize, bool)> {
        let Some(Web::Upgrading { path, head }) = &mut self.web else {
            return Ok((plain.len(), false));
        };
        head.extend_from_slice(plain);
        let accepted = match upgrade::parse_request(head, path) {
            Ok(None) => return Ok((0, false)),
            Ok(Some(accepted)) => accepted,
            Err(error) => {
                answer.extend_from_slice(error.response().as_bytes());
                return Err(invalid(error));
            }
        };
        answer.extend_from_slice(accepted.response.as_bytes());
        // The head ends in what came last, so frames behind it have room there.
        let frames = head.get(accepted.len..).unwrap_or_default();
        let room = plain.get_mut(..frames.len());
        let room = room.ok_or(io::ErrorKind::InvalidData)?;
        room.copy_from_slice(frames);
        let mut decoder = Decoder::of_client();
        let decoded = decode_frames(&mut decoder, room, answer);
        self.web = Some(Web::Open(decoder));
        decoded
    }

    /// Sends as much of `bytes` as goes.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<Sent> {
        let mut len = 0;
        loop {
            if self.flush()? {
                return Ok(Sent { len, blocked: true });
            }
            let rest = bytes.get(len..).unwrap_or_default();
            let Some(part) = rest.chunks(PART_LEN).next() else {
                return Ok(Sent {
                    len,
                    blocked: false,
                });
            };
            self.put_data(part)?;
            len += part.len();
        }
    }

    fn put_data(&mut self, data: &[u8]) -> io::Result<()> {
        match &self.web {
            None => self.put(data),
            // Nothing can be said before there is a WebSocket.
            Some(Web::Upgrading { .. }) => Ok(()),
            Some(Web::Open(_)) => {
                let mut frame = Vec::new();
                encode_binary(Role::Server, data, &mut frame);
                self.put(&frame)
            }
        }
    }

    fn put(&mut self, plain: &[u8]) -> io::Result<()> {
        match &mut self.tls {
            None | Some(Tls::Kernel(_)) => self.pending.extend_from_slice(plain),
            // Nothing can be said before there is a key.
            Some(Tls::Handshaking(_)) => {}
            Some(Tls::Open(records)) => {
                records.seal(plain, &mut self.pending).map_err(invalid)?;
            }
        }
        Ok(())
    }

    /// Whether the socket took less than there is.
    fn flush(&mut self) -> io::Result<bool> {
        while self.sent < self.pending.len() {
            let rest = self.pending.get(self.sent..).unwrap_or_default();
            let written = match &mut self.tls {
                Some(Tls::Kernel(kernel)) => kernel.write(&mut self.socket, rest),
                _ => retry(|| socket_write(&self.socket, rest)),
            };
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => self.sent += len,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(e) => return Err(e),
            }
        }
        self.pending = Vec::new();
        self.sent = 0;
        Ok(false)
    }

    /// Says goodbye in each layer, once: the peer may be gone, which is no news then.
    pub(super) fn say_goodbye(&mut self) {
        if let Some(Web::Open(_)) = &self.web {
            let mut frame = Vec::new();
            encode_close(Role::Server, CloseCode::Normal, &mut frame);
            self.put(&frame).ok();
        }
        if let Some(Tls::Open(records)) = &mut self.tls {
            records.close(&mut self.pending);
        }
        let all_sent = self.flush().is_ok_and(|blocked| !blocked);
        if let Some(Tls::Kernel(kernel)) = &self.tls
            && all_sent
        {
            kernel.close(&self.socket);
        }
    }
}

fn decode_frames(
    decoder: &mut Decoder,
    bytes: &mut [u8],
    answer: &mut Vec<u8>,
) -> io::Result<(usize, bool)> {
    match decoder.decode(bytes, Role::Server, answer) {
        Ok(decoded) => Ok((decoded.len, decoded.closed)),
        Err(error) => {
            encode_close(Role::Server, error.close_code(), answer);
            Err(invalid(error))
        }
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
