//! The words of several tools for the same attributes.

use vfs::Inode;

use super::*;

fn blank() -> Attributes {
    let time = FileTime::default();
    Attributes {
        inode: Inode(2),
        file_type: FileType::Regular,
        mode: 0o644,
        link_count: 1,
        uid: 0,
        gid: 0,
        size: 0,
        used_bytes: 0,
        atime: time,
        mtime: time,
        ctime: time,
    }
}

#[track_caller]
fn check(pairs: &[(&str, &str)], change: impl FnOnce(&mut Attributes)) {
    let metadata = pairs
        .iter()
        .map(|(k, v)| ((*k).into(), (*v).into()))
        .collect();
    let (mut read, mut expected) = (blank(), blank());
    apply(&metadata, &mut read);
    change(&mut expected);
    assert_eq!(read, expected);
}

#[test]
fn what_we_write_we_read() {
    let mut attributes = blank();
    attributes.file_type = FileType::Symlink;
    attributes.mode = 0o1751;
    attributes.uid = 1000;
    attributes.gid = 65534;
    attributes.mtime = FileTime {
        seconds: -3,
        nanos: 1,
    };
    let metadata = of_attributes(&attributes);
    assert_eq!(metadata["file-permissions"], "0121751");
    assert_eq!(metadata["file-mtime"], "-2999999999ns");
    let mut read = blank();
    apply(&metadata, &mut read);
    assert_eq!(read, attributes);
}

#[test]
fn the_keys_of_s3fs_and_rclone_are_read() {
    check(
        &[
            ("mode", "33261"),
            ("uid", "5"),
            ("gid", "6"),
            ("mtime", "1600000000"),
        ],
        |a| {
            a.mode = 0o755;
            (a.uid, a.gid) = (5, 6);
            a.mtime.seconds = 1_600_000_000;
        },
    );
    check(&[("mode", "100600"), ("mtime", "1600000000.25")], |a| {
        a.mode = 0o600;
        a.mtime = FileTime {
            seconds: 1_600_000_000,
            nanos: 250_000_000,
        };
    });
    check(&[("file-mtime", "1600000000000000001")], |a| {
        a.mtime = FileTime {
            seconds: 1_600_000_000,
            nanos: 1,
        };
    });
}

#[test]
fn what_s3fs_writes_of_a_link_is_no_directory_in_octal() {
    check(&[("mode", "41471")], |a| {
        a.mode = 0o777;
        a.file_type = FileType::Symlink;
    });
    let dir = Attributes {
        file_type: FileType::Directory,
        ..blank()
    };
    for (mode, bits) in [("40750", 0o750), ("16872", 0o750)] {
        let mut read = dir;
        apply(&Metadata::from([("mode".into(), mode.into())]), &mut read);
        assert_eq!(read, Attributes { mode: bits, ..dir });
    }
}

#[test]
fn nonsense_is_passed_over() {
    check(
        &[
            ("mode", "x"),
            ("uid", "-1"),
            ("mtime", "soon"),
            ("file-permissions", "9"),
        ],
        |_| (),
    );
}

#[test]
fn a_time_beyond_all_times_is_passed_over() {
    let extremes = [i128::MIN.to_string(), i128::MAX.to_string()];
    for text in &extremes {
        for key in ["mtime", "file-mtime"] {
            check(&[(key, text)], |_| ());
            check(&[(key, &format!("{text}ns"))], |_| ());
            check(&[(key, &format!("{text}.5"))], |_| ());
        }
    }
}
