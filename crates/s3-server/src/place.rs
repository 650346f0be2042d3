//! Where the bytes of a key lie.

use std::path::{Component, Path, PathBuf};

use crate::limits::FILE_NAME_BYTES_MAX;

/// Whether an object is a plain file at its key's path, or hidden under its file id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    #[default]
    Plain,
    Hidden,
}

/// The path of `key` below the bucket's directory, if it can be one: it must be the only path
/// that this key has, and no other key may have it.
pub(crate) fn plain_path(key: &str) -> Option<PathBuf> {
    let fits = |name: &str| {
        !matches!(name, "" | "." | "..")
            && name.len() <= FILE_NAME_BYTES_MAX
            && !name.contains('\0')
    };
    key.split('/').all(fits).then(|| PathBuf::from(key))
}

/// The key of a file at `relative` below the bucket's directory; nothing if it is not UTF-8.
pub(crate) fn key_of(relative: &Path) -> Option<String> {
    let names: Option<Vec<&str>> = relative
        .components()
        .map(|component| match component {
            Component::Normal(name) => name.to_str(),
            Component::Prefix(_)
            | Component::RootDir
            | Component::CurDir
            | Component::ParentDir => None,
        })
        .collect();
    Some(names?.join("/")).filter(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_that_are_one_path_lie_there() {
        for key in ["a", "a/b", "ä/ö ü", "a/.b", "...", "a\nb"] {
            let path = plain_path(key).unwrap();
            assert_eq!(key_of(&path).as_deref(), Some(key));
        }
        for key in [
            "", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "a/.", "a\0",
        ] {
            assert_eq!(plain_path(key), None, "{key:?}");
        }
        assert_eq!(plain_path(&"x".repeat(256)), None);
    }
}
