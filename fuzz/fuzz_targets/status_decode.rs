//! See `fuzz_targets::status_decode`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz_targets::status_decode::check(input));
