//! See `fuzz_targets::mqtt_decode`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz_targets::mqtt_decode::check(input));
