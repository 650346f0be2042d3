//! Any bytes, as either version: decoding returns, and what it accepts can be said again. A topic
//! that is known changes nothing of that.

use mqtt_codec::{Limits, Packet, ProtocolVersion, decode, decode_behind, encode};

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
        let (mut rest, mut known) = (input, None);
        loop {
            let decoded = decode(rest, limits);
            assert_eq!(decode_behind(rest, limits, known), decoded);
            let Ok(Some((packet, len))) = decoded else {
                break;
            };
            known = match &packet {
                Packet::Publish(publish) if !publish.topic.is_empty() => Some(publish.topic),
                _ => known,
            };
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
