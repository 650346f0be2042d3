//! Bytes of a cache disk as records of the index, and text of foreign objects as metadata and
//! keys.

#![no_main]

use vfs::{Attributes, FileTime, FileType, Inode};

const TIME: FileTime = FileTime {
    seconds: 0,
    nanos: 0,
};
const FILE: Attributes = Attributes {
    inode: Inode(7),
    file_type: FileType::Regular,
    mode: 0o644,
    link_count: 1,
    uid: 0,
    gid: 0,
    size: 0,
    used_bytes: 0,
    atime: TIME,
    mtime: TIME,
    ctime: TIME,
};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    object_fs::fuzzing::read_record(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        object_fs::fuzzing::read_object(FILE, text);
    }
});
