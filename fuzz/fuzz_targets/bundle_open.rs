//! See `fuzz_targets::bundle_open`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz_targets::bundle_open::check(input));
