//! Bytes of the queue as a command for a gateway; what is taken says the same when it is
//! written again.

use model::{COMMAND_LEN_MAX, Command};
use mqtt_rpc::callee::decode;
use serde_json::Value;

/// Does all that with some bytes.
///
/// # Panics
/// A finding.
pub fn check(payload: &[u8]) {
    let Ok(command) = decode(payload) else {
        return;
    };
    // Fractions are read to the last bit but one.
    let command = Command {
        params: Value::Null,
        ..command
    };
    let again = serde_json::to_vec(&command).expect("a command is text and numbers");
    // Escapes may make it longer than the queue allows.
    if again.len() <= COMMAND_LEN_MAX {
        let same = decode(&again).expect("what was read can be read again");
        assert_eq!(format!("{same:?}"), format!("{command:?}"));
    }
}
