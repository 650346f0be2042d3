//! Words that must not stand in the project.

use std::fs;

use anyhow::Result;

use crate::shell;

/// Each in two parts, so that this file does not hold what it looks for.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("TO", "DO", "finish it"),
    ("FIX", "ME", "finish it"),
    ("todo", "!(", "finish it"),
    ("unimplemented", "!(", "finish it"),
    ("#[igno", "re", "run the test or remove it"),
    (" /wo", "rk/", "name no folder of a machine"),
    ("\"/wo", "rk/", "name no folder of a machine"),
];

pub(super) fn check() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for path in shell::files(&[".rs", ".ts", ".tsx", ".mjs", ".sh", ".toml", ".md"])? {
        let text = fs::read_to_string(&path)?;
        for (number, line) in text.lines().enumerate() {
            for (head, tail, advice) in FORBIDDEN {
                let word = format!("{head}{tail}");
                if line.contains(&word) {
                    let place = format!("{}:{}", path.display(), number + 1);
                    found.push(format!("{place} has `{}`: {advice}", word.trim()));
                }
            }
        }
    }
    Ok(found)
}
