//! A connection after its handshake: records in, plain text out, and back.
//!
//! ```text
//! Open ── close_notify of the peer ──▶ PeerClosed
//! ```

use std::fmt;

use rustls::{ExtractedSecrets, kernel::KernelConnection, server::ServerConnectionData};

use crate::{
    TlsError,
    alert::{self, Heard},
    header::{ContentType, HEADER_LEN, Header},
    kernel::KernelKeys,
    keys::{Key, Version},
    limits::{KEY_RECORDS_MAX, PLAIN_LEN_MAX},
};

/// What makes the next keys (RFC 8446, 7.2).
type Successor = Box<KernelConnection<ServerConnectionData>>;

/// An established connection.
pub struct Records {
    receive: Key,
    send: Key,
    /// In TLS 1.3 only.
    successor: Option<Successor>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    PeerClosed,
}

/// What came of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Bytes of plain text at the front of the buffer.
    pub plain_len: usize,
    /// Bytes of records that were used; what follows them is not a whole record.
    pub used: usize,
    /// The peer sends nothing more.
    pub closed: bool,
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Records({:?}, {:?})", self.send.version(), self.state)
    }
}

impl Records {
    pub(crate) fn new(
        version: Version,
        secrets: ExtractedSecrets,
        connection: KernelConnection<ServerConnectionData>,
    ) -> Result<Self, TlsError> {
        Ok(Self {
            receive: Key::new(version, secrets.rx)?,
            send: Key::new(version, secrets.tx)?,
            successor: (version == Version::Tls13).then(|| Box::new(connection)),
            state: State::Open,
        })
    }

    /// Decrypts the whole records at the front of `buf` and moves their plain text to its front.
    /// What the peer must be told is appended to `out`, also after an error.
    ///
    /// # Errors
    /// The connection cannot go on.
    pub fn open(&mut self, buf: &mut [u8], out: &mut Vec<u8>) -> Result<Opened, TlsError> {
        let result = self.open_records(buf, out);
        if let Some(alert) = result.as_ref().err().and_then(TlsError::alert) {
            // It ends anyway.
            self.seal_all(ContentType::Alert, &alert, out).ok();
        }
        result
    }

    fn open_records(&mut self, buf: &mut [u8], out: &mut Vec<u8>) -> Result<Opened, TlsError> {
        let mut schedule = self.receive.schedule()?;
        let (mut plain_len, mut used) = (0_usize, 0_usize);
        let (mut answer_update, mut updates) = (false, 0_u32);
        while self.state == State::Open {
            let rest = buf.get(used..).unwrap_or_default();
            let Some(header) = Header::decode(rest)? else {
                break;
            };
            let end = used.saturating_add(HEADER_LEN).saturating_add(header.len);
            if end > buf.len() {
                break;
            }
            if self.receive.version() == Version::Tls13
                && header.content != ContentType::ApplicationData
            {
                return Err(TlsError::Unexpected);
            }
            let room = buf.get_mut(plain_len..end).unwrap_or_default();
            let (content, len) = self.receive.open(&schedule, &header, room)?;
            used = end;
            let message = room.get(..len).unwrap_or_default();
            match content {
                ContentType::ApplicationData => plain_len = plain_len.saturating_add(len),
                ContentType::Alert => match alert::hear(message)? {
                    Heard::Close => self.state = State::PeerClosed,
                    Heard::Nothing => {}
                },
                ContentType::Handshake => {
                    answer_update |= key_update(message)?;
                    updates = updates.saturating_add(1);
                    if updates > KEY_UPDATES_TOGETHER_MAX {
                        return Err(TlsError::Unexpected);
                    }
                    self.update_receive()?;
                    schedule = self.receive.schedule()?;
                }
            }
        }
        if answer_update {
            // One for all that were asked for (RFC 8446, 4.6.3).
            self.update_send(out)?;
        }
        Ok(Opened {
            plain_len,
            used,
            closed: self.state == State::PeerClosed,
        })
    }

    fn update_receive(&mut self) -> Result<(), TlsError> {
        // TLS 1.2 has no such message: a new handshake is not made here.
        let successor = self.successor.as_mut().ok_or(TlsError::Unexpected)?;
        let secrets = successor.update_rx_secret();
        self.receive = Key::new(Version::Tls13, secrets.map_err(TlsError::Handshake)?)?;
        Ok(())
    }

    /// Says that new keys follow, and uses them.
    fn update_send(&mut self, out: &mut Vec<u8>) -> Result<(), TlsError> {
        let Some(successor) = self.successor.as_mut() else {
            return Err(TlsError::KeysUsedUp);
        };
        let secrets = successor.update_tx_secret();
        let next = Key::new(Version::Tls13, secrets.map_err(TlsError::Handshake)?)?;
        let schedule = self.send.schedule()?;
        let message = (ContentType::Handshake, &KEY_UPDATE[..]);
        self.send.seal(&schedule, message, out)?;
        self.send = next;
        Ok(())
    }

    /// Appends records with `plain` to `out`.
    ///
    /// # Errors
    /// A key of TLS 1.2 is used up, or the library fails; the connection cannot go on.
    pub fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), TlsError> {
        if self.send.sequence >= KEY_RECORDS_MAX {
            self.update_send(out)?;
        }
        self.seal_all(ContentType::ApplicationData, plain, out)
    }

    /// What a kernel goes on with from here, once every record that came or was made is used: then
    /// this must not be used any more. In TLS 1.2 there is none: the kernel would count explicit
    /// nonces up, where ours are the sequence number XOR the IV, and one could come twice.
    #[must_use]
    pub fn kernel_keys(&self) -> Option<KernelKeys<'_>> {
        let may = self.send.version() == Version::Tls13 && self.state == State::Open;
        may.then(|| KernelKeys {
            receive: self.receive.of_kernel(),
            send: self.send.of_kernel(),
        })
    }

    /// Says that nothing more comes from here.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        let close = self.seal_all(ContentType::Alert, &alert::CLOSE_NOTIFY, out);
        // A failure leaves the peer without this word, which TCP says as well.
        close.ok();
    }

    fn seal_all(
        &mut self,
        content: ContentType,
        plain: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), TlsError> {
        let schedule = self.send.schedule()?;
        for part in plain.chunks(PLAIN_LEN_MAX) {
            self.send.seal(&schedule, (content, part), out)?;
        }
        Ok(())
    }
}

/// Each costs far more than the record that it comes in, and nobody needs two.
const KEY_UPDATES_TOGETHER_MAX: u32 = 32;
/// `update_not_requested` (RFC 8446, 4.6.3).
const KEY_UPDATE: [u8; 5] = [24, 0, 0, 1, 0];

/// Whether the peer wants an update in return. No other message comes after a handshake.
fn key_update(message: &[u8]) -> Result<bool, TlsError> {
    match message {
        [24, 0, 0, 1, 0] => Ok(false),
        [24, 0, 0, 1, 1] => Ok(true),
        _ => Err(TlsError::Unexpected),
    }
}

#[cfg(test)]
impl Records {
    pub(crate) fn expire_send_key(&mut self) {
        self.send.sequence = KEY_RECORDS_MAX;
    }
}
