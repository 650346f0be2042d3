//! See `fuzz_targets::iscsi_decode`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz_targets::iscsi_decode::check(input));
