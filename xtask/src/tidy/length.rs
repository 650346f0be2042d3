//! Files stay short: at most 600 lines, tests and generated files apart.

use std::fs;

use anyhow::Result;

use crate::shell;

const LINES_MAX: usize = 600;

/// Files that are longer, with the reason; the list only shrinks.
const LONGER: &[(&str, &str)] = &[];

pub(super) fn check() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for path in shell::files(&[".rs", ".ts", ".tsx"])? {
        let name = path.display().to_string();
        let apart = ["/tests/", "/tests.rs", "/generated/", "/fuzz/"]
            .iter()
            .any(|p| name.contains(p));
        let lines = fs::read_to_string(&path)?.lines().count();
        if !apart && lines > LINES_MAX && !LONGER.iter().any(|(known, _)| *known == name) {
            found.push(format!(
                "{name} has {lines} lines; {LINES_MAX} are the limit"
            ));
        }
    }
    Ok(found)
}
