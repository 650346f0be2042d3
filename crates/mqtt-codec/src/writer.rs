//! Fields of a packet, written one after the other.

use crate::{EncodeError, REMAINING_LEN_MAX};

pub(crate) fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(crate) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(crate) fn put_binary(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), EncodeError> {
    let Ok(len) = u16::try_from(bytes.len()) else {
        return Err(EncodeError::FieldTooLong(bytes.len()));
    };
    put_u16(out, len);
    out.extend_from_slice(bytes);
    Ok(())
}

pub(crate) fn put_variable(out: &mut Vec<u8>, value: usize) -> Result<(), EncodeError> {
    let mut left = u32::try_from(value)
        .ok()
        .filter(|v| *v <= REMAINING_LEN_MAX)
        .ok_or(EncodeError::PacketTooLong(value))?;
    loop {
        let low = u8::try_from(left & 0x7f).unwrap_or(0x7f);
        left >>= 7;
        if left == 0 {
            out.push(low);
            return Ok(());
        }
        out.push(low | 0x80);
    }
}

/// Writes `first`, the remaining length and what `body` writes.
pub(crate) fn put_packet(
    out: &mut Vec<u8>,
    first: u8,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = out.len();
    // One byte for the length, which is right for most packets; moved when it is not.
    out.extend_from_slice(&[first, 0]);
    let body_start = out.len();
    if let Err(error) = body(out) {
        out.truncate(start);
        return Err(error);
    }
    let len = out.len().saturating_sub(body_start);
    let mut prefix = Vec::new();
    if len < 0x80 {
        if let (Some(slot), Ok(len)) = (out.get_mut(start.saturating_add(1)), u8::try_from(len)) {
            *slot = len;
        }
        return Ok(());
    }
    if let Err(error) = put_variable(&mut prefix, len) {
        out.truncate(start);
        return Err(error);
    }
    out.splice(start.saturating_add(1)..body_start, prefix);
    Ok(())
}
