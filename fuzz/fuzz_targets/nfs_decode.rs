//! See `fuzz_targets::nfs_decode`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz_targets::nfs_decode::check(input));
