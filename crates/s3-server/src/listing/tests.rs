//! Pages together are what a plain walk over all keys gives.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::entry::{Attributes, FileId, Stamp};

fn index(keys: &[&str]) -> BTreeMap<String, Entry> {
    let dir = tempfile::tempdir().unwrap();
    let stamp = Stamp::of(&dir.path().metadata().unwrap());
    let entry = Entry {
        file: FileId::new(),
        stamp,
        etag: "e".into(),
        modified: stamp.modified(),
        attributes: Attributes::default().into(),
        place: crate::place::Place::Plain,
    };
    keys.iter()
        .map(|key| ((*key).to_owned(), entry.clone()))
        .collect()
}

fn all_pages(
    index: &BTreeMap<String, Entry>,
    prefix: &str,
    delimiter: &str,
    keys_max: usize,
) -> Vec<String> {
    let mut from = String::new();
    let mut found = Vec::new();
    loop {
        let query = Query {
            prefix,
            delimiter,
            from,
            keys_max,
        };
        let page = list(index, &query);
        assert!(page.objects.len() + page.common_prefixes.len() <= keys_max);
        let mut names: Vec<String> = page.objects.into_iter().map(|(key, _)| key).collect();
        names.extend(page.common_prefixes);
        names.sort();
        assert_eq!(names.last(), page.last.as_ref());
        found.extend(names);
        match page.next {
            Some(next) => from = next,
            None => return found,
        }
    }
}

#[test]
fn a_delimiter_rolls_up_what_lies_below() {
    let index = index(&["a", "a/", "a/b", "a/c/d", "a0", "b/x", "\u{10FFFF}/y"]);
    assert_eq!(
        all_pages(&index, "", "/", 2),
        ["a", "a/", "a0", "b/", "\u{10FFFF}/"]
    );
    assert_eq!(all_pages(&index, "a/", "/", 1), ["a/", "a/b", "a/c/"]);
    assert_eq!(all_pages(&index, "a/", "", 10), ["a/", "a/b", "a/c/d"]);
}

#[test]
fn nothing_is_asked_of_a_page_of_no_keys() {
    assert_eq!(list(&index(&["a"]), &Query::default()).objects.len(), 0);
}

proptest! {
    #[test]
    fn pages_are_the_whole(
        keys in proptest::collection::btree_set("[ab/\u{10FFFF}]{0,5}", 0..40),
        prefix in "[ab/]{0,2}",
        delimiter in "/?",
        keys_max in 1_usize..5,
    ) {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let index = index(&keys);
        let expected: BTreeSet<String> = keys
            .iter()
            .filter_map(|key| key.strip_prefix(prefix.as_str()))
            .map(|rest| match rest.find('/').filter(|_| !delimiter.is_empty()) {
                Some(at) => format!("{prefix}{}", &rest[..=at]),
                None => format!("{prefix}{rest}"),
            })
            .collect();
        let expected: Vec<String> = expected.into_iter().collect();
        prop_assert_eq!(all_pages(&index, &prefix, &delimiter, keys_max), expected);
    }
}
