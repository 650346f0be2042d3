//! PROXY protocol version 2: a load balancer says whom it connects, before the first byte of the
//! connection itself.
//!
//! Not here: which peers may say so; whoever is believed can claim any address.
//! Start at [`decode`].
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;

/// First bytes of every header.
pub const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Longest header that is taken: addresses, and what balancers tell about TLS.
pub const HEADER_LEN_MAX: usize = 4 * 1024;
/// Signature, version and command, family, length.
const FIXED_LEN: usize = 16;

/// Whom a balancer connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Itself: a check of health.
    Balancer,
    /// A peer whose address is of no kind that counts here.
    Unknown,
    /// This peer.
    Peer(SocketAddr),
}

/// What is not a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// Something else.
    #[error("not a header of PROXY protocol version 2")]
    Signature,
    /// A command that has no meaning.
    #[error("unknown version or command {0:#04x}")]
    Command(u8),
    /// Longer than [`HEADER_LEN_MAX`].
    #[error("a header of {0} bytes is too long")]
    TooLong(usize),
    /// Shorter than its addresses.
    #[error("the header is shorter than its addresses")]
    TooShort,
}

/// Reads a header from the front of `input`: whom it names, and its length. `None` if more of it
/// must come.
///
/// # Errors
/// It is no header; the connection cannot be used.
pub fn decode(input: &[u8]) -> Result<Option<(Source, usize)>, DecodeError> {
    if input.iter().zip(SIGNATURE).any(|(&a, b)| a != b) {
        return Err(DecodeError::Signature);
    }
    let Some((fixed, rest)) = input.split_first_chunk::<FIXED_LEN>() else {
        return Ok(None);
    };
    let [.., command, family, high, low] = *fixed;
    let len = usize::from(u16::from_be_bytes([high, low]));
    let end = len.saturating_add(FIXED_LEN);
    if end > HEADER_LEN_MAX {
        return Err(DecodeError::TooLong(end));
    }
    let proxied = match command {
        0x20 => false,
        0x21 => true,
        other => return Err(DecodeError::Command(other)),
    };
    let Some(addresses) = rest.get(..len) else {
        return Ok(None);
    };
    let source = match (proxied, family) {
        (false, _) => Source::Balancer,
        (true, 0x11) => Source::Peer(ipv4(addresses).ok_or(DecodeError::TooShort)?),
        (true, 0x21) => Source::Peer(ipv6(addresses).ok_or(DecodeError::TooShort)?),
        (true, _) => Source::Unknown,
    };
    Ok(Some((source, end)))
}

/// Source and destination address, source and destination port.
fn ipv4(addresses: &[u8]) -> Option<SocketAddr> {
    let (source, rest) = addresses.split_first_chunk::<4>()?;
    let (_, rest) = rest.split_first_chunk::<4>()?;
    let (port, rest) = rest.split_first_chunk::<2>()?;
    rest.first_chunk::<2>()?;
    let ip = IpAddr::V4(Ipv4Addr::from(*source));
    Some(SocketAddr::new(ip, u16::from_be_bytes(*port)))
}

fn ipv6(addresses: &[u8]) -> Option<SocketAddr> {
    let (source, rest) = addresses.split_first_chunk::<16>()?;
    let (_, rest) = rest.split_first_chunk::<16>()?;
    let (port, rest) = rest.split_first_chunk::<2>()?;
    rest.first_chunk::<2>()?;
    let ip = IpAddr::V6(Ipv6Addr::from(*source));
    Some(SocketAddr::new(ip, u16::from_be_bytes(*port)))
}

#[cfg(test)]
mod tests;
