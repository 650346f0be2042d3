//! A door for fuzz targets: records of the index, and the metadata and keys of foreign objects.

use object_store::Metadata;
use vfs::Attributes;

use crate::{
    codec::Damaged,
    extents::{Extent, ExtentMap, PAGE_BLOCKS},
    keys::{self, Gone, KeyState},
    metadata,
    record::Record,
    scan::ImportProgress,
    upload::journal::{Begun, Part},
};

/// Reads `bytes` as each kind of record; what is read is written so that it reads the same.
///
/// # Panics
/// What was read is written so that it reads otherwise.
pub fn read_record(bytes: &[u8]) {
    check(bytes, Record::decode, Record::encode);
    check(bytes, KeyState::decode, KeyState::encode);
    check(bytes, Begun::decode, Begun::encode);
    check(bytes, Part::decode, Part::encode);
    check(bytes, ImportProgress::decode, ImportProgress::encode);
    check(bytes, Gone::decode, |gone| {
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

/// Reads metadata of an object that anybody may have written, `name` and value in turn, and a
/// key.
///
/// # Panics
/// What was read is written so that it reads otherwise.
pub fn read_object(attributes: Attributes, text: &str) {
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

fn check<T: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, Damaged>,
    encode: impl Fn(&T) -> Vec<u8>,
) {
    if let Ok(record) = decode(bytes) {
        assert_eq!(decode(&encode(&record)), Ok(record));
    }
}
