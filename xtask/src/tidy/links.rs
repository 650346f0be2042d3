//! Links between documents lead to files that are there.

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
    }
    Ok(found)
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
    fn links_to_files_are_found() {
        let text = "see [a](docs/a.md#top), [b](https://example.org) and f(x)[1](y z)";
        assert_eq!(targets(text).collect::<Vec<_>>(), ["docs/a.md#top"]);
    }
}
