//! Any bytes as a script: what a client, other clients and time do to one MQTT session.
//!
//! Run: `cargo +nightly fuzz run mqtt_session`.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mqtt_broker::fuzzing::Sessions;

static SESSIONS: LazyLock<Sessions> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("there is a directory for temporary files");
    Sessions::new(dir.path())
});

fuzz_target!(|script: &[u8]| SESSIONS.play(script));
