//! Extended attributes: what a file system says of a file beyond what POSIX has words for.

/// One of them. Nobody can change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedAttribute {
    /// Its whole name, as clients see it: `user.…`.
    pub name: &'static str,
    /// Its value: text, at most 64 KiB.
    pub value: String,
}
