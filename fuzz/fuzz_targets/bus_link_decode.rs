//! Bytes of a link between console and broker through its framing.

#![no_main]

libfuzzer_sys::fuzz_target!(|stream: &[u8]| {
    // A frame is at least two lengths and the text of a message.
    assert!(bus_link::count_frames(stream) <= stream.len() / 10);
});
