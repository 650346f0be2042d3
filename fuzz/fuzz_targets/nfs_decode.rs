//! Bytes of a connection through record marking, RPC, and the arguments of all programs.

#![no_main]

libfuzzer_sys::fuzz_target!(|stream: &[u8]| {
    let calls = nfs_server::count_calls(stream);
    // A call is at least a mark, six words of header, and two empty authentications.
    assert!(calls <= stream.len() / 40);
});
