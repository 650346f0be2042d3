//! Port mapper version 2 (RFC 1833, section 3), for clients that ask this port where the
//! others are: they are all here.

use crate::{
    nfs3,
    xdr::{Reader, Writer, XdrError},
};

pub(crate) const PROGRAM: u32 = 100_000;
pub(crate) const VERSION: u32 = 2;

const PROTOCOL_TCP: u32 = 6;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Args {
    Null,
    GetPort {
        program: u32,
        version: u32,
        protocol: u32,
    },
    Dump,
}

impl Args {
    /// `None` for a procedure that is not here: nobody registers ports with us.
    pub(crate) fn decode(procedure: u32, reader: &mut Reader) -> Option<Result<Self, XdrError>> {
        match procedure {
            0 => Some(Ok(Self::Null)),
            3 => Some(decode_get_port(reader)),
            4 => Some(Ok(Self::Dump)),
            _ => None,
        }
    }
}

fn decode_get_port(reader: &mut Reader) -> Result<Args, XdrError> {
    let (program, version, protocol) = (reader.u32()?, reader.u32()?, reader.u32()?);
    reader.u32()?; // the port, which is what is asked for
    Ok(Args::GetPort {
        program,
        version,
        protocol,
    })
}

/// Programs of this server, with their versions.
const HERE: [(u32, u32); 3] = [
    (PROGRAM, VERSION),
    (nfs3::PROGRAM, nfs3::VERSION),
    (crate::mount3::PROGRAM, crate::mount3::VERSION),
];

/// Writes the answer of a server that listens on `port`.
pub(crate) fn encode(args: Args, port: u16, writer: &mut Writer) {
    match args {
        Args::Null => {}
        Args::GetPort {
            program,
            version,
            protocol,
        } => {
            let found = protocol == PROTOCOL_TCP && HERE.contains(&(program, version));
            writer.u32(if found { u32::from(port) } else { 0 });
        }
        Args::Dump => {
            for (program, version) in HERE {
                writer.bool(true);
                writer.u32(program);
                writer.u32(version);
                writer.u32(PROTOCOL_TCP);
                writer.u32(u32::from(port));
            }
            writer.bool(false);
        }
    }
}
