//! Each Rust file opens with a sentence about itself; `tests.rs` has said it with its name.

use std::fs;

use anyhow::Result;

use crate::shell;

pub(super) fn check() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for path in shell::files(&[".rs"])? {
        if path.file_name().is_some_and(|name| name == "tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let first = text
            .lines()
            .find(|line| !line.trim().is_empty())
            .unwrap_or_default();
        if !first.starts_with("//!") {
            found.push(format!("{} does not open with `//!`", path.display()));
        }
    }
    Ok(found)
}
