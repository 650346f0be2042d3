//! See `fuzz_targets::proxy_protocol_decode`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz_targets::proxy_protocol_decode::check(input));
