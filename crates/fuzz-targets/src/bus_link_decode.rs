//! Bytes of a link between console and broker through its framing.

/// Does all that with some bytes.
///
/// # Panics
/// A finding.
pub fn check(stream: &[u8]) {
    // A frame is at least two lengths and the text of a message.
    assert!(bus_link::count_frames(stream) <= stream.len() / 10);
}
