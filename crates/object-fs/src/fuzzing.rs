//! A door for fuzz targets: records of the index, and the metadata and keys of foreign objects.

use object_store::Metadata;
use vfs::{Attributes, FileTime, FileType, Inode};

use crate::{
    codec::Damaged,
    extents::{Extent, ExtentMap, PAGE_BLOCKS},
    keys::{self, Gone, KeyState},
    metadata,
    record::Record,
    scan::ImportProgress,
    upload::journal::{Begun, Part},
};

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

/// Reads `bytes` as records of the index, and text as metadata and the key of a foreign object.
///
/// # Panics
/// What was read is written so that it reads otherwise.
pub fn check(bytes: &[u8]) {
    read_record(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        read_object(FILE, text);
    }
}

/// Each kind of record; what is read is written so that it reads the same.
fn read_record(bytes: &[u8]) {
    same(bytes, Record::decode, Record::encode);
    same(bytes, KeyState::decode, KeyState::encode);
    same(bytes, Begun::decode, Begun::encode);
    same(bytes, Part::decode, Part::encode);
    same(bytes, ImportProgress::decode, ImportProgress::encode);
    same(bytes, Gone::decode, |gone| {
        gone.map_or_else(Vec::new, Gone::encode)
    });
    read_page(bytes);
}

/// A page of a file's map: what it says is kept when the map is changed.
fn read_page(bytes: &[u8]) {
    const PAGE: u64 = 3;
    const PAGE_END: u64 = (PAGE + 1) * PAGE_BLOCKS;
    let read = |bytes: &[u8]| {
        let mut map = ExtentMap::default();
        map.decode_page(PAGE, bytes).map(|()| map)
    };
    let Ok(map) = read(bytes) else {
        return;
    };
    let end = |(first, extent): (u64, Extent)| first + u64::from(extent.run.count);
    // What lies beyond the page is found by `fsck`.
    if map.iter().any(|found| end(found) > PAGE_END) {
        return;
    }
    let written = map.encode_page(PAGE).unwrap_or_default();
    assert_eq!(read(&written).as_ref(), Ok(&map));
    for (first, extent) in map.iter() {
        let end = first + u64::from(extent.run.count);
        assert_eq!(map.pieces(first..end).len(), 1);
        let mut changed = map.clone();
        changed.remove(first + 1..end);
        changed.insert(end - 1, extent);
        changed.remove(first..end + u64::from(extent.run.count));
    }
    let mut emptied = map;
    emptied.remove(PAGE * PAGE_BLOCKS..PAGE_END);
    assert_eq!(emptied, ExtentMap::default());
}

/// Metadata of an object that anybody may have written, `name` and value in turn, and a key.
fn read_object(attributes: Attributes, text: &str) {
    let mut lines = text.lines();
    let mut foreign = Metadata::new();
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        foreign.insert(name.into(), value.into());
    }
    let mut read = attributes;
    metadata::apply(&foreign, &mut read);
    let mut again = attributes;
    metadata::apply(&metadata::of_attributes(&read), &mut again);
    assert_eq!(again, read);
    if let Some(path) = keys::path_of(text) {
        let mut names = path.dirs.clone();
        names.push(path.name);
        assert_eq!(names.join("/"), text.strip_suffix('/').unwrap_or(text));
    }
}

fn same<T: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, Damaged>,
    encode: impl Fn(&T) -> Vec<u8>,
) {
    if let Ok(record) = decode(bytes) {
        assert_eq!(decode(&encode(&record)), Ok(record));
    }
}

#[cfg(test)]
mod tests {
    use testkit::Noise;

    #[test]
    fn records_and_objects_of_any_bytes_are_read_or_refused() {
        Noise::like_seeds_of("object_fs_decode").play(2_000, super::check);
    }
}
