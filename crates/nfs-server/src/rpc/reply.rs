//! Reply messages (RFC 5531, section 9).

use bytes::Bytes;

use super::Denied;
use crate::xdr::{Writer, padding, wire_len};

const REPLY: u32 = 1;
const MSG_ACCEPTED: u32 = 0;
const MSG_DENIED: u32 = 1;
const AUTH_NONE: u32 = 0;
const RPC_MISMATCH: u32 = 0;
const AUTH_ERROR: u32 = 1;
const AUTH_BADCRED: u32 = 1;
const LAST_FRAGMENT: u32 = 1 << 31;

/// Room for most replies without growing.
const CAPACITY: usize = 512;

/// A reply, ready to be sent: a head, then a payload that was never copied into it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) head: Bytes,
    pub(crate) payload: Bytes,
}

impl Reply {
    /// Zero bytes that follow the payload.
    pub(crate) fn padding(&self) -> &'static [u8] {
        const ZEROS: [u8; 3] = [0; 3];
        ZEROS.get(..padding(self.payload.len())).unwrap_or_default()
    }

    /// Bytes in all.
    pub(crate) fn len(&self) -> usize {
        self.head
            .len()
            .saturating_add(self.payload.len())
            .saturating_add(self.padding().len())
    }
}

/// A call whose program is here but whose request is not right (`accept_stat`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// No such program here.
    ProgramUnavailable,
    /// The program is here in another version.
    ProgramMismatch { version: u32 },
    /// The program has no such procedure.
    ProcedureUnavailable,
    /// Arguments that cannot be decoded.
    GarbageArgs,
}

fn begin(xid: u32, status: u32) -> Writer {
    let mut writer = Writer::with_capacity(CAPACITY);
    writer.u32(0); // the record mark, when the length is known
    writer.u32(xid);
    writer.u32(REPLY);
    writer.u32(status);
    writer
}

fn finish(mut writer: Writer, payload: Bytes) -> Reply {
    let with_payload = writer
        .len()
        .saturating_sub(4)
        .saturating_add(payload.len())
        .saturating_add(padding(payload.len()));
    writer.set_first_word(LAST_FRAGMENT | wire_len(with_payload));
    Reply {
        head: writer.finish(),
        payload,
    }
}

/// The reply to a call that was carried out. `encode` writes the results, and returns the
/// bytes that end them if they are a payload.
pub(crate) fn accepted(xid: u32, encode: impl FnOnce(&mut Writer) -> Bytes) -> Reply {
    let mut writer = begin(xid, MSG_ACCEPTED);
    writer.u32(AUTH_NONE);
    writer.u32(0);
    writer.u32(0); // SUCCESS
    let payload = encode(&mut writer);
    finish(writer, payload)
}

/// The reply to a call that makes no sense here.
pub(crate) fn refused(xid: u32, why: Accepted) -> Reply {
    let mut writer = begin(xid, MSG_ACCEPTED);
    writer.u32(AUTH_NONE);
    writer.u32(0);
    match why {
        Accepted::ProgramUnavailable => writer.u32(1),
        Accepted::ProgramMismatch { version } => {
            writer.u32(2);
            writer.u32(version);
            writer.u32(version);
        }
        Accepted::ProcedureUnavailable => writer.u32(3),
        Accepted::GarbageArgs => writer.u32(4),
    }
    finish(writer, Bytes::new())
}

/// The reply to a call from nobody we know, or in an RPC we do not speak.
pub(crate) fn denied(xid: u32, why: Denied) -> Reply {
    let mut writer = begin(xid, MSG_DENIED);
    match why {
        Denied::RpcMismatch => {
            writer.u32(RPC_MISMATCH);
            writer.u32(2);
            writer.u32(2);
        }
        Denied::BadCredential => {
            writer.u32(AUTH_ERROR);
            writer.u32(AUTH_BADCRED);
        }
    }
    finish(writer, Bytes::new())
}
