//! Bytes of a cache disk as records of the index, and text of foreign objects as metadata and
//! keys.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| object_fs::fuzzing::check(bytes));
