//! TLS whose records the kernel makes and opens, once the handshake is done (Linux, `CONFIG_TLS`).
//!
//! What is read and written here is plain text; what the peer says to TLS itself comes apart.

use std::{
    io::{self, IoSlice, IoSliceMut},
    os::fd::AsRawFd as _,
    sync::OnceLock,
};

use mio::net::TcpStream;
use nix::{
    errno::Errno,
    libc,
    sys::socket::{
        ControlMessageOwned, MsgFlags, TlsGetRecordType, recvmsg, setsockopt,
        sockopt::{TcpTlsRx, TcpTlsTx, TcpUlp, TlsCryptoInfo},
    },
};
use socket2::{Domain, MsgHdr, SockRef, Socket, Type};
use tls_session::{
    ALERT, Alert, CLOSE_NOTIFY, Control, KernelCipher, KernelKey, Records, TlsError, hear_control,
    limits::{KEY_RECORDS_MAX, PLAIN_LEN_MAX},
};

use super::{retry, socket_read, socket_write};

/// More than any message to TLS that has a meaning here.
const CONTROL_LEN_MAX: usize = 64;

/// The kernel's side of a connection that was handed over.
#[derive(Debug)]
pub(super) struct KernelTls {
    /// By the key that it sends with, or a few more.
    records_sent: u64,
}

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// So many bytes, or none more in the middle of nothing: the peer is gone.
    Data(usize),
    /// Nothing for us.
    Nothing,
    /// The peer has said that this was all.
    End,
}

/// Whether this kernel can; it is asked once.
pub(crate) fn is_there() -> bool {
    static IS_THERE: OnceLock<bool> = OnceLock::new();
    *IS_THERE.get_or_init(|| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None);
        // Who knows TLS finds that the socket is not connected.
        socket.is_ok_and(|socket| {
            setsockopt(&socket, TcpUlp::default(), b"tls") == Err(Errno::ENOTCONN)
        })
    })
}

impl KernelTls {
    /// Hands a connection over, of which no part of a record waits on this side. `None`, and all is
    /// as before, if the kernel does not take it.
    ///
    /// # Errors
    /// The kernel took one direction only: the connection cannot go on.
    pub(super) fn take_over(socket: &TcpStream, records: &Records) -> io::Result<Option<Self>> {
        let Some(keys) = records.kernel_keys() else {
            return Ok(None);
        };
        let (Some(receive), Some(send)) = (crypto_info(keys.receive), crypto_info(keys.send))
        else {
            return Ok(None);
        };
        // A socket with the layer and without keys is as one without.
        if setsockopt(socket, TcpUlp::default(), b"tls").is_err()
            || setsockopt(socket, TcpTlsRx, &receive).is_err()
        {
            return Ok(None);
        }
        setsockopt(socket, TcpTlsTx, &send)?;
        Ok(Some(Self {
            records_sent: keys.send.sequence,
        }))
    }

    pub(super) fn read(&self, socket: &mut TcpStream, buf: &mut [u8]) -> io::Result<Heard> {
        match retry(|| socket_read(socket, buf)) {
            Ok(len) => Ok(Heard::Data(len)),
            Err(error) => match error.raw_os_error().map(Errno::from_raw) {
                // What comes next is not data.
                Some(Errno::EIO) => self.read_control(socket),
                Some(Errno::EBADMSG) => Err(self.end(socket, TlsError::BadRecord)),
                Some(Errno::EMSGSIZE) => Err(self.end(socket, TlsError::RecordTooLong)),
                _ => Err(error),
            },
        }
    }

    fn read_control(&self, socket: &TcpStream) -> io::Result<Heard> {
        let mut message = [0; CONTROL_LEN_MAX];
        let mut control = nix::cmsg_space!(TlsGetRecordType);
        let mut parts = [IoSliceMut::new(&mut message)];
        let (fd, none) = (socket.as_raw_fd(), MsgFlags::empty());
        let received = recvmsg::<()>(fd, &mut parts, Some(&mut control), none)?;
        let len = received.bytes;
        let content = received.cmsgs()?.find_map(|control| match control {
            ControlMessageOwned::TlsGetRecordType(content) => Some(number_of(content)),
            _ => None,
        });
        let message = message.get(..len).unwrap_or_default();
        match hear_control(content.unwrap_or_default(), message) {
            Ok(Control::Closed) => Ok(Heard::End),
            Ok(Control::Nothing) => Ok(Heard::Nothing),
            Err(error) => Err(self.end(socket, error)),
        }
    }

    pub(super) fn write(&mut self, socket: &mut TcpStream, plain: &[u8]) -> io::Result<usize> {
        if self.records_sent >= KEY_RECORDS_MAX {
            return Err(self.end(socket, TlsError::KeysUsedUp));
        }
        let len = retry(|| socket_write(socket, plain))?;
        let records = u64::try_from(len / PLAIN_LEN_MAX + 1).unwrap_or(u64::MAX);
        self.records_sent = self.records_sent.saturating_add(records);
        Ok(len)
    }

    /// Says that nothing more comes from here.
    pub(super) fn close(&self, socket: &TcpStream) {
        // The peer may be gone, which is no news then.
        self.say(socket, CLOSE_NOTIFY).ok();
    }

    /// Tells the peer what is wrong, and the caller.
    fn end(&self, socket: &TcpStream, error: TlsError) -> io::Error {
        if let Some(alert) = error.alert() {
            // It ends anyway.
            self.say(socket, alert).ok();
        }
        io::Error::new(io::ErrorKind::InvalidData, error)
    }

    fn say(&self, socket: &TcpStream, alert: Alert) -> io::Result<usize> {
        let (parts, control) = ([IoSlice::new(&alert)], record_type(ALERT));
        let message = MsgHdr::new().with_buffers(&parts).with_control(&control);
        SockRef::from(socket).sendmsg(&message, 0)
    }
}

fn crypto_info(key: KernelKey<'_>) -> Option<TlsCryptoInfo> {
    let info = |cipher_type| libc::tls_crypto_info {
        version: libc::TLS_1_3_VERSION,
        cipher_type,
    };
    let rec_seq = key.sequence.to_be_bytes();
    // Of the nonce, the kernel calls the first bytes salt.
    let (salt, iv) = key.iv.split_first_chunk()?;
    let iv = iv.try_into().ok()?;
    let (bytes, salt) = (key.key, *salt);
    Some(match key.cipher {
        KernelCipher::Aes128Gcm => TlsCryptoInfo::Aes128Gcm(libc::tls12_crypto_info_aes_gcm_128 {
            info: info(libc::TLS_CIPHER_AES_GCM_128),
            iv,
            key: bytes.try_into().ok()?,
            salt,
            rec_seq,
        }),
        KernelCipher::Aes256Gcm => TlsCryptoInfo::Aes256Gcm(libc::tls12_crypto_info_aes_gcm_256 {
            info: info(libc::TLS_CIPHER_AES_GCM_256),
            iv,
            key: bytes.try_into().ok()?,
            salt,
            rec_seq,
        }),
        KernelCipher::ChaCha20Poly1305 => {
            TlsCryptoInfo::Chacha20Poly1305(libc::tls12_crypto_info_chacha20_poly1305 {
                info: info(libc::TLS_CIPHER_CHACHA20_POLY1305),
                iv: *key.iv,
                key: bytes.try_into().ok()?,
                salt: [],
                rec_seq,
            })
        }
    })
}

/// The content type of a record (RFC 8446, B.1).
const fn number_of(content: TlsGetRecordType) -> u8 {
    match content {
        TlsGetRecordType::ChangeCipherSpec => 20,
        TlsGetRecordType::Alert => ALERT,
        TlsGetRecordType::Handshake => 22,
        TlsGetRecordType::ApplicationData => 23,
        TlsGetRecordType::Unknown(number) => number,
        _ => 0,
    }
}

/// `TLS_SET_RECORD_TYPE`: a `cmsghdr` and one byte.
fn record_type(content: u8) -> Vec<u8> {
    const TLS_SET_RECORD_TYPE: i32 = 1;
    let head = size_of::<usize>() + 2 * size_of::<i32>();
    let mut control = (head + 1).to_ne_bytes().to_vec();
    control.extend(libc::SOL_TLS.to_ne_bytes());
    control.extend(TLS_SET_RECORD_TYPE.to_ne_bytes());
    control.push(content);
    // To the next whole word.
    control.resize(head + size_of::<usize>(), 0);
    control
}
