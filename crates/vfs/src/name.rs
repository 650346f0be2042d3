//! Names of directory entries.

use std::fmt;

use crate::{ErrorKind, VfsError};

/// Longest name, in bytes.
pub const NAME_LEN_MAX: usize = 255;
/// Longest target of a symbolic link, in bytes.
pub const SYMLINK_LEN_MAX: usize = 1024;

/// A name that can be created: UTF-8, 1 to 255 bytes, no `/`, no NUL, not `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<str>);

impl Name {
    /// Checks bytes from a client.
    ///
    /// # Errors
    /// [`ErrorKind::NameTooLong`], or [`ErrorKind::Invalid`] for all other reasons.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, VfsError> {
        if bytes.len() > NAME_LEN_MAX {
            let message = format!("name has {} bytes; at most {NAME_LEN_MAX} fit", bytes.len());
            return Err(VfsError::new(ErrorKind::NameTooLong, message));
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|e| VfsError::caused_by(ErrorKind::Invalid, "name is not UTF-8", e))?;
        if matches!(text, "" | "." | "..") || text.contains(['/', '\0']) {
            return Err(VfsError::new(
                ErrorKind::Invalid,
                format!("name {text:?} is not allowed"),
            ));
        }
        Ok(Self(text.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
