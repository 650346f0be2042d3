use model::Secret;
use tempfile::TempDir;

use super::*;

fn register(n: usize) -> Change {
    Change::Register {
        client_id: format!("GID_test@@@gw-{n}").parse().unwrap(),
        access_key_id: format!("key-{n}"),
        secret: Secret::new("s"),
        expires_at: None,
        created_at: None,
        rights: None,
    }
}

/// A directory whose journal says `register(0..count)`.
fn written(count: usize) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(dir.path()).unwrap();
    (0..count).for_each(|n| journal.append(&[register(n)]).unwrap());
    dir
}

fn edit(dir: &TempDir, change: impl FnOnce(&mut Vec<u8>)) {
    let path = dir.path().join(JOURNAL);
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(&path, bytes).unwrap();
}

fn read(dir: &TempDir) -> Vec<Change> {
    Journal::open(dir.path()).unwrap().1
}

#[test]
fn what_was_appended_is_there_again() {
    let dir = written(3);
    assert_eq!(read(&dir), (0..3).map(register).collect::<Vec<_>>());
}

#[test]
fn a_record_cut_anywhere_is_forgotten_and_those_before_it_stay() {
    let whole = fs::read(written(3).path().join(JOURNAL)).unwrap();
    let two = fs::read(written(2).path().join(JOURNAL)).unwrap();
    for len in two.len()..whole.len() {
        let dir = written(0);
        edit(&dir, |bytes| *bytes = whole[..len].to_vec());
        assert_eq!(read(&dir), [register(0), register(1)], "cut at {len}");
        // The cut is lasting: what is appended now is found behind the second.
        let (mut journal, _) = Journal::open(dir.path()).unwrap();
        journal.append(&[register(7)]).unwrap();
        drop(journal);
        assert_eq!(read(&dir), [register(0), register(1), register(7)]);
    }
}

#[test]
fn of_changes_that_belong_together_a_cut_leaves_all_or_none() {
    let before = fs::read(written(1).path().join(JOURNAL)).unwrap();
    let dir = written(1);
    let (mut journal, _) = Journal::open(dir.path()).unwrap();
    journal
        .append(&[register(1), register(2), register(3)])
        .unwrap();
    drop(journal);
    let whole = fs::read(dir.path().join(JOURNAL)).unwrap();
    assert_eq!(read(&dir), (0..4).map(register).collect::<Vec<_>>());
    for len in before.len()..whole.len() {
        edit(&dir, |bytes| *bytes = whole[..len].to_vec());
        assert_eq!(read(&dir), [register(0)], "cut at {len}");
    }
}

#[test]
fn a_journal_with_each_change_in_a_record_of_its_own_is_read() {
    let dir = written(0);
    edit(&dir, |bytes| {
        for n in 0..3 {
            put(&serde_json::to_vec(&register(n)).unwrap(), bytes);
        }
    });
    assert_eq!(read(&dir), (0..3).map(register).collect::<Vec<_>>());
}

#[test]
fn a_damaged_record_before_others_is_an_error_that_names_the_place() {
    let dir = written(3);
    let second = fs::read(written(1).path().join(JOURNAL)).unwrap().len();
    edit(&dir, |bytes| bytes[second + 20] ^= 1);
    let error = Journal::open(dir.path()).unwrap_err();
    assert!(matches!(error, RegistryError::Damaged { offset, .. } if offset == second as u64));
}

#[test]
fn a_rewritten_journal_replaces_the_old_one_and_goes_on() {
    let dir = written(50);
    let (mut journal, _) = Journal::open(dir.path()).unwrap();
    let before = journal.len();
    journal.rewrite(&[register(1)]).unwrap();
    assert!(journal.len() < before / 10);
    journal.append(&[register(2)]).unwrap();
    drop(journal);
    assert_eq!(read(&dir), [register(1), register(2)]);
}

#[test]
fn the_rest_of_a_rewrite_that_was_interrupted_does_no_harm() {
    let dir = written(2);
    fs::write(dir.path().join(JOURNAL_NEW), b"half a rec").unwrap();
    let (mut journal, changes) = Journal::open(dir.path()).unwrap();
    assert_eq!(changes.len(), 2);
    journal.rewrite(&changes).unwrap();
    drop(journal);
    assert_eq!(read(&dir), [register(0), register(1)]);
}
