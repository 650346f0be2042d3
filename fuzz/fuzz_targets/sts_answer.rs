//! Bytes of a service that lends keys, as each document that it answers with.

#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| sts::fuzzing::read_answer(body));
