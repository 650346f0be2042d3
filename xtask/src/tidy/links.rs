//! Links between documents lead to files that are there, and so do paths that they name.

use std::{fs, path::Path};

use anyhow::Result;

use crate::shell;

pub(super) fn check() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for path in shell::files(&[".md"])? {
        let text = fs::read_to_string(&path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for target in targets(&text) {
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !folder.join(file).try_exists()? {
                found.push(format!(
                    "{} links to {target}, which is not there",
                    path.display()
                ));
            }
        }
        for named in paths(&text) {
            if !Path::new(named).try_exists()? {
                found.push(format!(
                    "{} names {named}, which is not there",
                    path.display()
                ));
            }
        }
    }
    Ok(found)
}

/// Folders of this repository whose files documents name.
const FOLDERS: [&str; 6] = ["crates/", "deploy/", "docs/", "fuzz/", "web/", "xtask/"];

/// Paths between backticks, from the root of the repository.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|word| {
        let is_path = FOLDERS.iter().any(|folder| word.starts_with(folder));
        is_path && !word.contains([' ', '<', '*', '{', '\n'])
    })
}

/// What `](…)` names, other than addresses on the network.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    let after = text.split("](").skip(1);
    let inside = after
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target);
    inside.filter(|target| !target.contains("://") && !target.contains(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_from_the_root_are_found() {
        let text = "see `crates/vfs/src` and `docs/<name>.md`, `src/api`, `cargo test crates/x`";
        assert_eq!(paths(text).collect::<Vec<_>>(), ["crates/vfs/src"]);
    }

    #[test]
    fn links_to_files_are_found() {
        let text = "see [a](docs/a.md#top), [b](https://example.org) and f(x)[1](y z)";
        assert_eq!(targets(text).collect::<Vec<_>>(), ["docs/a.md#top"]);
    }
}
