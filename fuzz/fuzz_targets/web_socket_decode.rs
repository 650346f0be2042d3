//! See `fuzz_targets::web_socket_decode`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz_targets::web_socket_decode::check(input));
