//! See `fuzz_targets::express_decode`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz_targets::express_decode::check(input));
