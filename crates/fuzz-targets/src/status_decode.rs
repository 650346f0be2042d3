//! Bytes of the queue as a gateway's status, with its shares as a table: what is read says the
//! same when it is written again.

use model::{ShareTable, StatusMessage};

/// Does all that with some bytes.
///
/// # Panics
/// A finding.
pub fn check(payload: &[u8]) {
    if let Ok(table) = serde_json::from_slice::<ShareTable>(payload) {
        let again = serde_json::to_vec(&table).expect("a table is text and numbers");
        assert_eq!(
            serde_json::from_slice::<ShareTable>(&again).ok(),
            Some(table)
        );
    }
    if let Ok(status) = serde_json::from_slice::<StatusMessage>(payload) {
        let again = serde_json::to_vec(&status).expect("a status is text and numbers");
        assert_eq!(
            serde_json::from_slice::<StatusMessage>(&again).ok(),
            Some(status)
        );
    }
}
