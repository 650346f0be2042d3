//! Code in comments is text: what shall be tested is a test, since `cargo xtask test` runs no code
//! out of comments.

use std::fs;

use anyhow::Result;

use crate::shell;

const FENCE: &str = "```";

pub(super) fn check() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for path in shell::files(&[".rs"])? {
        let text = fs::read_to_string(&path)?;
        let mut inside = false;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_start();
            let comment = line.strip_prefix("//!").or(line.strip_prefix("///"));
            let Some(language) = comment.and_then(|c| c.trim_start().strip_prefix(FENCE)) else {
                continue;
            };
            inside = !inside;
            if inside && language.trim() != "text" {
                let place = format!("{}:{}", path.display(), number + 1);
                found.push(format!(
                    "{place} opens code with `{FENCE}`, not `{FENCE}text`"
                ));
            }
        }
    }
    Ok(found)
}
