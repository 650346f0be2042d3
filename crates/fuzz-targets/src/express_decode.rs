//! Bytes of the queue as what a gateway changed in a bucket, on both sides of the console; a key
//! that is put below a prefix is the same again when seen from there.

use model::{ChangeNotice, ChangeReport, ObjectChange};

/// Does all that with some bytes.
///
/// # Panics
/// A finding.
pub fn check(payload: &[u8]) {
    if let Ok(report) = serde_json::from_slice::<ChangeReport>(payload) {
        let again = serde_json::to_vec(&report).expect("a report is text and numbers");
        assert_eq!(
            serde_json::from_slice::<ChangeReport>(&again).ok(),
            Some(report)
        );
    }
    if let Ok(notice) = serde_json::from_slice::<ChangeNotice>(payload) {
        let again = serde_json::to_vec(&notice).expect("a notice is text and numbers");
        assert_eq!(
            serde_json::from_slice::<ChangeNotice>(&again).as_ref().ok(),
            Some(&notice)
        );
        for change in notice.batch.changes {
            let moved = change.clone().below(&notice.prefix);
            assert_eq!(ObjectChange::within(moved, &notice.prefix), Some(change));
        }
    }
}
