//! The checks, by name.

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// A record of the index cannot be read.
    RecordDamaged,
    /// There is no root directory.
    RootMissing,
    /// A name leads to no inode.
    EntryWithoutInode,
    /// No name leads to an inode.
    InodeWithoutEntry,
    /// An inode is in a directory that is none.
    ParentMissing,
    /// A name leads to an inode that says that it is elsewhere.
    ParentMismatch,
    /// Two names lead to one inode.
    DuplicateName,
    /// A name that no file can have.
    NameInvalid,
    /// A name is missing in the listing of its directory.
    ListingMissing,
    /// A directory lists what has no name in it.
    ListingWithoutEntry,
    /// A directory is below itself.
    Cycle,
    /// A directory counts its subdirectories wrongly.
    LinkCount,
    /// What is written next would count as uploaded.
    GenerationReuse,
    /// A file counts on bytes of its object that the object does not have.
    SizeBeyondObject,
    /// A map of data belongs to no file.
    ExtentWithoutInode,
    /// A map of data leads to where no data can be.
    ExtentOutOfRange,
    /// Data lies behind the end of its file.
    ExtentBeyondSize,
    /// Two files, or two places of one, have the same block.
    ExtentOverlap,
    /// A block is not on the disk.
    ExtentMissingBlock,
    /// A block is not what was written.
    BlockCrc,
    /// Blocks that nobody names take room.
    LeakedBlock,
    /// Nobody notes that an object belongs to an inode.
    ObjectWithoutKey,
    /// An object is noted to belong to an inode that does not know it.
    KeyWithoutInode,
    /// Two inodes have the same object.
    RemoteKeyDuplicate,
    /// An upload began and nobody notes where it wrote.
    UnfinishedUpload,
    /// A deletion is promised of an object that is in use.
    TombstoneWithLiveEntry,
    /// An object waits to be deleted, and nobody is going to.
    DeletionWithoutPromise,
    /// An inode's object is behind, and nobody is going to bring it up to date.
    DirtyWithoutQueueEntry,
    /// An upload is promised of an inode that is no more.
    QueueEntryWithoutInode,
    /// A renamed directory is to be looked through that is no more.
    PendingRenameWithoutTarget,
    /// What is no more is to stay in the cache.
    PinWithoutInode,
    /// The number of inodes, or the next one's, is wrong.
    CounterWrong,
}

impl Check {
    /// All of them.
    pub const ALL: [Self; 32] = [
        Self::RecordDamaged,
        Self::RootMissing,
        Self::EntryWithoutInode,
        Self::InodeWithoutEntry,
        Self::ParentMissing,
        Self::ParentMismatch,
        Self::DuplicateName,
        Self::NameInvalid,
        Self::ListingMissing,
        Self::ListingWithoutEntry,
        Self::Cycle,
        Self::LinkCount,
        Self::GenerationReuse,
        Self::SizeBeyondObject,
        Self::ExtentWithoutInode,
        Self::ExtentOutOfRange,
        Self::ExtentBeyondSize,
        Self::ExtentOverlap,
        Self::ExtentMissingBlock,
        Self::BlockCrc,
        Self::LeakedBlock,
        Self::ObjectWithoutKey,
        Self::KeyWithoutInode,
        Self::RemoteKeyDuplicate,
        Self::UnfinishedUpload,
        Self::TombstoneWithLiveEntry,
        Self::DeletionWithoutPromise,
        Self::DirtyWithoutQueueEntry,
        Self::QueueEntryWithoutInode,
        Self::PendingRenameWithoutTarget,
        Self::PinWithoutInode,
        Self::CounterWrong,
    ];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RecordDamaged => "record-damaged",
            Self::RootMissing => "root-missing",
            Self::EntryWithoutInode => "entry-without-inode",
            Self::InodeWithoutEntry => "inode-without-entry",
            Self::ParentMissing => "parent-missing",
            Self::ParentMismatch => "parent-mismatch",
            Self::DuplicateName => "duplicate-name",
            Self::NameInvalid => "name-invalid",
            Self::ListingMissing => "listing-missing",
            Self::ListingWithoutEntry => "listing-without-entry",
            Self::Cycle => "cycle",
            Self::LinkCount => "link-count",
            Self::GenerationReuse => "generation-reuse",
            Self::SizeBeyondObject => "size-beyond-object",
            Self::ExtentWithoutInode => "extent-without-inode",
            Self::ExtentOutOfRange => "extent-out-of-range",
            Self::ExtentBeyondSize => "extent-beyond-size",
            Self::ExtentOverlap => "extent-overlap",
            Self::ExtentMissingBlock => "extent-missing-block",
            Self::BlockCrc => "block-crc",
            Self::LeakedBlock => "leaked-block",
            Self::ObjectWithoutKey => "object-without-key",
            Self::KeyWithoutInode => "key-without-inode",
            Self::RemoteKeyDuplicate => "remote-key-duplicate",
            Self::UnfinishedUpload => "unfinished-upload",
            Self::TombstoneWithLiveEntry => "tombstone-with-live-entry",
            Self::DeletionWithoutPromise => "deletion-without-promise",
            Self::DirtyWithoutQueueEntry => "dirty-without-queue-entry",
            Self::QueueEntryWithoutInode => "queue-entry-without-inode",
            Self::PendingRenameWithoutTarget => "pending-rename-without-target",
            Self::PinWithoutInode => "pin-without-inode",
            Self::CounterWrong => "counter-wrong",
        }
    }
}
