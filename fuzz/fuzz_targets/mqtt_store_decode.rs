//! Bytes of a broker's disk: records of the offline store and of the registry.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mqtt_broker::fuzzing::check_records(bytes));
