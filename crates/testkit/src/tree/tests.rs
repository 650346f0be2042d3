use std::process::Command;

use super::*;
use crate::{run_ok, scratch_folder};

#[test]
fn a_tree_is_the_same_whether_read_or_listed_and_has_what_was_asked_for() {
    let folder = scratch_folder().unwrap();
    let (root, list, sums) = (
        folder.path().join("tree"),
        folder.path().join("list"),
        folder.path().join("sums"),
    );
    let tree = Tree::pick(&root, 200, 1, 1_000_001).unwrap();
    assert!(tree.file_count() > 200);
    let script = Tree::LISTING
        .replace("$LIST", &list.display().to_string())
        .replace("$SUMS", &sums.display().to_string());
    run_ok(
        Command::new("bash")
            .args(["-c", &script])
            .current_dir(&root),
    )
    .unwrap();
    let listed = Tree::listed(&list, &sums).unwrap();
    assert_eq!(tree.differences(&listed), [""; 0]);
    assert!(tree.is_empty_dir("special/empty"));
    assert!(!tree.is_empty_dir("special"));
}
