//! See `fuzz_targets::object_cipher_open`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz_targets::object_cipher_open::check(input));
