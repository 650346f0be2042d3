//! Each rule against the users it tells apart.

use super::*;
use crate::Inode;

const T0: FileTime = FileTime {
    seconds: 100,
    nanos: 0,
};
const T1: FileTime = FileTime {
    seconds: 200,
    nanos: 0,
};

fn owned(file_type: FileType, mode: u32, uid: u32, gid: u32) -> Attributes {
    Attributes {
        inode: Inode(u64::from(uid) << 32 | u64::from(mode)),
        file_type,
        mode,
        link_count: 1,
        uid,
        gid,
        size: 10,
        used_bytes: 10,
        atime: T0,
        mtime: T0,
        ctime: T0,
    }
}

fn file(mode: u32) -> Attributes {
    owned(FileType::Regular, mode, 1, 1)
}

fn dir(mode: u32, uid: u32) -> Attributes {
    owned(FileType::Directory, mode, uid, 1)
}

fn user(uid: u32) -> Caller {
    Caller {
        uid,
        gid: uid,
        groups: vec![],
    }
}

fn member(uid: u32, group: u32) -> Caller {
    Caller {
        groups: vec![group],
        ..user(uid)
    }
}

fn kind<T: std::fmt::Debug>(result: VfsResult<T>) -> Option<ErrorKind> {
    result.err().map(|e| e.kind())
}

#[test]
fn mode_bits_are_those_of_the_first_class_that_fits() {
    let check = |caller: &Caller, mode, bits, allowed: bool| {
        assert_eq!(require(caller, &file(mode), bits).is_ok(), allowed);
    };
    check(&user(1), 0o077, READ, false);
    check(&member(2, 1), 0o707, READ, false);
    check(&user(2), 0o770, READ, false);
    check(&user(2), 0o004, READ, true);
    check(&member(2, 1), 0o060, READ | WRITE, true);
    check(&Caller::root(), 0o000, READ | WRITE, true);
    check(&Caller::root(), 0o000, EXECUTE, false);
    check(&Caller::root(), 0o001, EXECUTE, true);
}

#[test]
fn owners_read_and_write_whatever_the_mode() {
    assert!(may_read(&user(1), &file(0)).is_ok());
    assert!(may_write(&user(1), &file(0)).is_ok());
    assert_eq!(
        kind(may_read(&user(2), &file(0))),
        Some(ErrorKind::AccessDenied)
    );
    assert!(may_read(&user(2), &file(0o001)).is_ok());
    assert_eq!(
        kind(may_write(&user(2), &dir(0o777, 1))),
        Some(ErrorKind::IsDirectory)
    );
}

#[test]
fn sticky_directories_protect_what_others_own() {
    let check = |caller: &Caller, dir_mode, dir_uid, want| {
        let got = kind(may_remove_file(
            caller,
            &dir(dir_mode, dir_uid),
            &file(0o644),
        ));
        assert_eq!(got, want);
    };
    check(&user(2), 0o777, 3, None);
    check(&user(2), 0o1777, 3, Some(ErrorKind::NotPermitted));
    check(&user(2), 0o1777, 2, None);
    check(&user(1), 0o1777, 3, None);
    check(&Caller::root(), 0o1777, 3, None);
    check(&user(1), 0o1755, 3, Some(ErrorKind::AccessDenied));
}

#[test]
fn rename_checks_both_directories_and_the_kinds() {
    let (from, to) = (dir(0o777, 8), dir(0o777, 9));
    let check = |caller: &Caller, source: &Attributes, target: Option<&Attributes>| {
        kind(may_rename(
            caller,
            RenameSubjects {
                from_dir: &from,
                source,
                to_dir: &to,
                target,
            },
        ))
    };
    let (a_file, a_dir) = (file(0o644), dir(0o755, 1));
    assert_eq!(check(&user(2), &a_file, None), None);
    assert_eq!(
        check(&user(2), &a_file, Some(&a_dir)),
        Some(ErrorKind::IsDirectory)
    );
    assert_eq!(
        check(&user(1), &a_dir, Some(&a_file)),
        Some(ErrorKind::NotDirectory)
    );
    assert_eq!(
        check(&user(2), &a_dir, None),
        Some(ErrorKind::AccessDenied),
        "its `..` changes"
    );
    assert_eq!(check(&user(1), &a_dir, None), None);
}

#[test]
fn set_gid_directories_hand_their_group_down() {
    let parent = dir(0o2777, 5);
    let set = SetAttributes {
        mode: Some(0o2770),
        uid: Some(77),
        ..SetAttributes::default()
    };
    let made = |caller: &Caller, kind| ownership_of_new(caller, &parent, kind, &set);
    let want = |mode, uid| Ownership { mode, uid, gid: 1 };
    assert_eq!(made(&user(2), FileType::Directory), want(0o2770, 2));
    assert_eq!(made(&user(2), FileType::Regular), want(0o770, 2));
    assert_eq!(made(&member(2, 1), FileType::Regular), want(0o2770, 2));
    assert_eq!(made(&Caller::root(), FileType::Regular), want(0o2770, 77));
    assert_eq!(made(&user(2), FileType::Symlink).mode, 0o777);
}

#[test]
fn only_the_superuser_gives_files_away() {
    let set = |uid, gid| SetAttributes {
        uid,
        gid,
        ..SetAttributes::default()
    };
    let check = |caller: &Caller, uid, gid| {
        let next = apply_set(caller, &file(0o6755), &set(uid, gid), T1);
        next.map(|a| (a.uid, a.gid, a.mode)).map_err(|e| e.kind())
    };
    assert_eq!(check(&user(1), Some(2), None), Err(ErrorKind::NotPermitted));
    assert_eq!(check(&user(1), None, Some(5)), Err(ErrorKind::NotPermitted));
    assert_eq!(check(&member(1, 5), None, Some(5)), Ok((1, 5, 0o755)));
    assert_eq!(
        check(&Caller::root(), Some(2), Some(3)),
        Ok((2, 3, 0o755)),
        "set-uid never follows a file to another owner"
    );
}

#[test]
fn writes_by_users_clear_set_uid_and_executable_set_gid() {
    assert_eq!(mode_after_write(&user(1), &file(0o6755)), 0o755);
    assert_eq!(mode_after_write(&user(1), &file(0o2644)), 0o2644);
    assert_eq!(mode_after_write(&Caller::root(), &file(0o6755)), 0o6755);
}

#[test]
fn times_now_need_write_and_other_times_need_the_owner() {
    let check = |caller: &Caller, mode, mtime| {
        let set = SetAttributes {
            mtime,
            ..SetAttributes::default()
        };
        apply_set(caller, &file(mode), &set, T1)
            .map(|a| a.mtime)
            .map_err(|e| e.kind())
    };
    assert_eq!(check(&user(2), 0o666, SetTime::Now), Ok(T1));
    assert_eq!(
        check(&user(2), 0o644, SetTime::Now),
        Err(ErrorKind::AccessDenied)
    );
    assert_eq!(
        check(&user(2), 0o666, SetTime::To(T0)),
        Err(ErrorKind::NotPermitted)
    );
    assert_eq!(check(&user(1), 0o000, SetTime::To(T1)), Ok(T1));
    let broken = FileTime {
        seconds: 1,
        nanos: 1_000_000_000,
    };
    assert_eq!(
        check(&user(1), 0o644, SetTime::To(broken)),
        Err(ErrorKind::Invalid)
    );
}

#[test]
fn a_new_size_moves_mtime_and_has_a_limit() {
    let set = |size| SetAttributes {
        size: Some(size),
        ..SetAttributes::default()
    };
    let cut = apply_set(&user(1), &file(0o4755), &set(3), T1).unwrap();
    assert_eq!((cut.size, cut.mtime, cut.mode), (3, T1, 0o755));
    assert_eq!(
        kind(apply_set(
            &user(1),
            &file(0o644),
            &set(FILE_SIZE_MAX + 1),
            T1
        )),
        Some(ErrorKind::TooBig)
    );
    assert_eq!(
        kind(end_of_write(u64::MAX, 1)),
        Some(ErrorKind::TooBig),
        "no overflow"
    );
}

#[test]
fn ctime_always_moves_forward() {
    assert_eq!(next_ctime(T0, T1), T1);
    let late = FileTime {
        seconds: 5,
        nanos: 999_999_999,
    };
    assert_eq!(
        next_ctime(late, T0.min(late)),
        FileTime {
            seconds: 6,
            nanos: 0
        }
    );
    assert!(next_ctime(T1, T0) > T1);
}

#[test]
fn the_guard_is_the_exact_ctime() {
    assert!(check_guard(&file(0), None).is_ok());
    assert!(check_guard(&file(0), Some(T0)).is_ok());
    assert_eq!(
        kind(check_guard(&file(0), Some(T1))),
        Some(ErrorKind::NotSync)
    );
}
