//! Attributes of files, and who asks.

/// Number of a file: stable, never used again for another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Inode(pub u64);

/// Nanoseconds since the epoch, as two fields that protocols use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileTime {
    /// Seconds since the epoch; negative before it.
    pub seconds: i64,
    /// Nanoseconds within the second, below 1,000,000,000.
    pub nanos: u32,
}

impl FileTime {
    /// From nanoseconds since the epoch, as [`clock::Clock::wall_nanos`] gives them.
    #[must_use]
    pub fn from_nanos(nanos: u128) -> Self {
        Self {
            seconds: i64::try_from(nanos / 1_000_000_000).unwrap_or(i64::MAX),
            nanos: u32::try_from(nanos % 1_000_000_000).unwrap_or(0),
        }
    }
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileType {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
}

/// Attributes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Its number.
    pub inode: Inode,
    /// What it is.
    pub file_type: FileType,
    /// Permission bits, at most 0o7777.
    pub mode: u32,
    /// Names that lead to it.
    pub link_count: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length in bytes.
    pub size: u64,
    /// Bytes it takes on the cache disk.
    pub used_bytes: u64,
    /// Last read.
    pub atime: FileTime,
    /// Last change of content.
    pub mtime: FileTime,
    /// Last change of anything; moves forward with every change.
    pub ctime: FileTime,
}

/// How to set a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SetTime {
    /// Leave it.
    #[default]
    Keep,
    /// The server's time (any writer may).
    Now,
    /// This time (the owner may).
    To(FileTime),
}

/// Changes to attributes; what is `None` stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetAttributes {
    /// Permission bits.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Length.
    pub size: Option<u64>,
    /// Last read.
    pub atime: SetTime,
    /// Last change of content.
    pub mtime: SetTime,
}

/// Who asks, after squashing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// User.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// Further groups.
    pub groups: Vec<u32>,
}

impl Caller {
    /// The superuser.
    #[must_use]
    pub const fn root() -> Self {
        Self {
            uid: 0,
            gid: 0,
            groups: Vec::new(),
        }
    }

    /// Whether the caller is in `gid`.
    #[must_use]
    pub fn is_in_group(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }

    /// The access bits (4 read, 2 write, 1 execute or search) that `attributes` give this
    /// caller. The superuser reads and writes all, and executes what anybody may.
    #[must_use]
    pub fn allowed_bits(&self, attributes: &Attributes) -> u32 {
        if self.uid == 0 {
            let search =
                attributes.file_type == FileType::Directory || attributes.mode & 0o111 != 0;
            return if search { 7 } else { 6 };
        }
        let shift = if self.uid == attributes.uid {
            6
        } else if self.is_in_group(attributes.gid) {
            3
        } else {
            0
        };
        attributes.mode >> shift & 7
    }
}
