//! A journal is read back as far as it was answered, and no further.

use proptest::prelude::*;

use super::*;

fn delete(key: &str) -> Record {
    Record::Delete {
        key: key.to_owned(),
    }
}

fn written(keys: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let journal = Journal::open(path.clone(), 0).unwrap();
    for key in keys {
        journal.append(&delete(key)).unwrap();
    }
    (dir, path)
}

#[test]
fn a_torn_last_line_is_passed_over() {
    let (_dir, path) = written(&["a", "b\nc"]);
    let whole = std::fs::read(&path).unwrap();
    for cut in 1..20 {
        std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
        let back = Journal::read(&path).unwrap();
        assert_eq!((back.records, back.bad_lines), (vec![delete("a")], 1));
    }
}

#[test]
fn a_damaged_line_costs_no_other() {
    let (_dir, path) = written(&["a", "b", "c"]);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let back = Journal::read(&path).unwrap();
    assert_eq!(
        (back.records, back.bad_lines),
        (vec![delete("a"), delete("c")], 1)
    );
}

proptest! {
    #[test]
    fn any_line_is_decoded_or_refused(line in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _unread = decode(&line);
    }

    #[test]
    fn a_record_reads_back_as_written(key in ".*") {
        prop_assert_eq!(decode(&encode(&delete(&key))), Some(delete(&key)));
    }
}
