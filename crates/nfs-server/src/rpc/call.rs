//! Call messages (RFC 5531, section 9) and their credentials.

use bytes::Bytes;
use thiserror::Error;

use crate::{
    limits::{AUTH_LEN_MAX, GROUPS_MAX, MACHINE_NAME_LEN_MAX},
    xdr::{Reader, XdrError},
};

const CALL: u32 = 0;
const RPC_VERSION: u32 = 2;
const AUTH_NONE: u32 = 0;
const AUTH_SYS: u32 = 1;

/// Who calls, as the client says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    /// Nobody in particular.
    None,
    /// A Unix user.
    Sys {
        uid: u32,
        gid: u32,
        groups: Vec<u32>,
    },
}

/// The header of a call; its arguments follow in the reader.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) xid: u32,
    pub(crate) program: u32,
    pub(crate) version: u32,
    pub(crate) procedure: u32,
    pub(crate) credential: Credential,
    pub(crate) args: Reader,
}

/// A call that is answered with a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Another version of RPC.
    RpcMismatch,
    /// A credential of a kind that we do not know, or a broken one.
    BadCredential,
}

/// Why a record is not a call that can be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum CallError {
    /// Nothing that can be answered: the connection is of no use.
    #[error("record is not an RPC call")]
    NotACall,
    /// The header stands, but the call is refused.
    #[error("call {xid} is refused: {why:?}")]
    Denied { xid: u32, why: Denied },
}

impl From<XdrError> for CallError {
    fn from(_: XdrError) -> Self {
        Self::NotACall
    }
}

impl Call {
    /// Decodes the header of a record.
    pub(crate) fn decode(record: Bytes) -> Result<Self, CallError> {
        let mut reader = Reader::new(record);
        let xid = reader.u32()?;
        if reader.u32()? != CALL {
            return Err(CallError::NotACall);
        }
        let deny = |why| CallError::Denied { xid, why };
        if reader.u32()? != RPC_VERSION {
            return Err(deny(Denied::RpcMismatch));
        }
        let (program, version, procedure) = (reader.u32()?, reader.u32()?, reader.u32()?);
        let flavor = reader.u32()?;
        let body = reader.opaque(AUTH_LEN_MAX)?;
        let credential =
            decode_credential(flavor, body).map_err(|_broken| deny(Denied::BadCredential))?;
        // The verifier of these flavors is empty; what a client puts there means nothing.
        reader.u32()?;
        reader.opaque(AUTH_LEN_MAX)?;
        Ok(Self {
            xid,
            program,
            version,
            procedure,
            credential,
            args: reader,
        })
    }
}

fn decode_credential(flavor: u32, body: Bytes) -> Result<Credential, XdrError> {
    match flavor {
        AUTH_NONE => Ok(Credential::None),
        AUTH_SYS => decode_sys(body),
        value => Err(XdrError::BadValue {
            what: "authentication flavor",
            value,
        }),
    }
}

fn decode_sys(body: Bytes) -> Result<Credential, XdrError> {
    let mut reader = Reader::new(body);
    reader.u32()?; // a stamp that only the client understands
    reader.opaque(MACHINE_NAME_LEN_MAX)?;
    let (uid, gid) = (reader.u32()?, reader.u32()?);
    let len = reader.u32()?;
    if len > GROUPS_MAX {
        let max = GROUPS_MAX;
        return Err(XdrError::TooLong { len, max });
    }
    let groups = (0..len).map(|_| reader.u32()).collect::<Result<_, _>>()?;
    Ok(Credential::Sys { uid, gid, groups })
}
