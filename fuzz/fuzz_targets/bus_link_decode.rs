//! See `fuzz_targets::bus_link_decode`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz_targets::bus_link_decode::check(input));
