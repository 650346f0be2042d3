//! Frames to send.

use crate::{error::CloseCode, limits::CONTROL_LEN_MAX};

pub(crate) const FIN: u8 = 0x80;
pub(crate) const MASKED: u8 = 0x80;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PONG: u8 = 10;
/// The length follows in two, or in eight bytes.
pub(crate) const LEN_16: u8 = 126;
pub(crate) const LEN_64: u8 = 127;

/// Which side speaks. A client masks each frame with a number that nobody can foresee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The side that was connected to.
    Server,
    /// The side that connected, with the mask of the next frame.
    Client([u8; 4]),
}

/// Appends one binary frame with `payload` to `out`.
pub fn encode_binary(role: Role, payload: &[u8], out: &mut Vec<u8>) {
    encode(role, BINARY, payload, out);
}

/// Appends a close frame to `out`.
pub fn encode_close(role: Role, code: CloseCode, out: &mut Vec<u8>) {
    encode(role, CLOSE, &code.value().to_be_bytes(), out);
}

/// Appends a control frame; a payload beyond its bound is cut.
pub(crate) fn encode_control(role: Role, opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    let payload = payload.get(..CONTROL_LEN_MAX).unwrap_or(payload);
    encode(role, opcode, payload, out);
}

fn encode(role: Role, opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.reserve(payload.len().saturating_add(14));
    out.push(FIN | opcode);
    let masked = match role {
        Role::Server => 0,
        Role::Client(_) => MASKED,
    };
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(len), _) if len < LEN_16 => out.push(masked | len),
        (_, Ok(len)) => {
            out.push(masked | LEN_16);
            out.extend_from_slice(&len.to_be_bytes());
        }
        _ => {
            out.push(masked | LEN_64);
            let len = u64::try_from(payload.len()).unwrap_or(u64::MAX);
            out.extend_from_slice(&len.to_be_bytes());
        }
    }
    let Role::Client(mask) = role else {
        return out.extend_from_slice(payload);
    };
    out.extend_from_slice(&mask);
    let start = out.len();
    out.extend_from_slice(payload);
    unmask(out.get_mut(start..).unwrap_or_default(), mask, 0);
}

/// Masks or unmasks `bytes`, the first of which is the `offset`th of its frame.
pub(crate) fn unmask(bytes: &mut [u8], mask: [u8; 4], offset: usize) {
    let mut mask = mask;
    mask.rotate_left(offset & 3);
    for (byte, mask) in bytes.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}
