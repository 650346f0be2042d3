//! See `fuzz_targets::rpc_envelope_decode`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz_targets::rpc_envelope_decode::check(input));
