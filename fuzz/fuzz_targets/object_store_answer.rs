//! Bytes of an object store as each document that it answers with.

#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| object_store_http::fuzzing::read_answer(body));
