//! Any bytes, as either version: decoding returns, and what it accepts can be said again.

use mqtt_codec::{Limits, Packet, ProtocolVersion, decode, encode};

/// Does all that with some bytes.
///
/// # Panics
/// A finding.
pub fn check(input: &[u8]) {
    for version in [ProtocolVersion::V311, ProtocolVersion::V5] {
        let limits = Limits {
            version,
            packet_len_max: 1 << 20,
        };
        let mut rest = input;
        while let Ok(Some((packet, len))) = decode(rest, limits) {
            // Packets are read to their last property and filter.
            let text = format!("{packet:?}");
            assert!(!text.is_empty());
            let version = match &packet {
                Packet::Connect(connect) => connect.version,
                _ => version,
            };
            let mut again = Vec::new();
            encode(&packet, version, &mut again).expect("what was received can be sent");
            let same = decode(&again, Limits { version, ..limits });
            assert_eq!(same, Ok(Some((packet, again.len()))));
            rest = &rest[len..];
        }
    }
}
