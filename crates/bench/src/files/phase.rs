//! The parts of a round.

use clap::ValueEnum;
use serde::Serialize;

/// A part of a round, in the order of the round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Phase {
    /// Make, write and close files of 4 KiB, one at a time; name and content durable
    Create,
    /// The same by 16 callers side by side
    Create16,
    /// Find a file by its name, with its attributes
    Stat,
    /// List the directory, with the attributes of each file
    ReadDir,
    /// Rename a file, durable, one at a time
    Rename,
    /// Write a large file from its beginning, 1 MiB at a time; durable at the end
    SequentialWrite,
    /// Read it, from memory
    SequentialRead,
    /// Read it, from the disk
    ColdRead,
    /// Read 4 KiB at random places, from memory
    RandomRead,
    /// Write 4 KiB at random places; durable at the end
    RandomWrite,
    /// The same, each durable, one at a time
    DurableWrite,
}

impl Phase {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        Self::value_variants().iter().copied()
    }

    /// For people.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Create => "create, write, close 4 KiB, durable",
            Self::Create16 => "the same, 16 in parallel",
            Self::Stat => "stat by name",
            Self::ReadDir => "readdir with attributes, a name",
            Self::Rename => "rename, durable",
            Self::SequentialWrite => "sequential write, a MiB, fsync at the end",
            Self::SequentialRead => "sequential read, a MiB",
            Self::ColdRead => "sequential read from the disk, a MiB",
            Self::RandomRead => "random read, 4 KiB",
            Self::RandomWrite => "random write, 4 KiB, fsync at the end",
            Self::DurableWrite => "random write, 4 KiB, each durable",
        }
    }

    /// Time at most so many times that of the file system; `None` where nothing was promised.
    pub(super) const fn ratio_max(self) -> Option<f64> {
        match self {
            Self::Create16 => Some(2.0),
            Self::SequentialWrite
            | Self::SequentialRead
            | Self::ColdRead
            | Self::RandomRead
            | Self::RandomWrite => Some(1.3),
            Self::Create | Self::Stat | Self::ReadDir | Self::Rename | Self::DurableWrite => None,
        }
    }

    /// What it finds, another part must have made.
    pub(super) const fn needs(self) -> Option<Self> {
        match self {
            Self::Create | Self::Create16 | Self::SequentialWrite => None,
            Self::Stat | Self::ReadDir => Some(Self::Create16),
            Self::Rename => Some(Self::Create),
            Self::SequentialRead
            | Self::ColdRead
            | Self::RandomRead
            | Self::RandomWrite
            | Self::DurableWrite => Some(Self::SequentialWrite),
        }
    }
}

/// What one part of one round gave.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Figures {
    /// Operations.
    pub(super) count: u64,
    /// Microseconds of time for each.
    pub(super) time_us: f64,
    /// Microseconds of CPU time for each, of all threads.
    pub(super) cpu_us: f64,
}
