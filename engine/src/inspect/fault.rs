//! What is wrong: with the directory as a whole, and with single things in it. One line each.

use crate::open::OpenError;
use journal::{JournalError, Location, SegmentId};
use runtime::{CoreId, FileError};
use sstable::{FileId, TableError};
use std::fmt;
use std::path::PathBuf;

/// Why a directory cannot be looked at. Each says what to do.
#[derive(Debug)]
pub enum InspectError {
    /// The directory is not there.
    NoDirectory(PathBuf),
    /// The directory is named twice.
    NamedTwice(PathBuf),
    /// No server has written to the directory.
    NoData(PathBuf),
    /// A server runs on the directory, or somebody else looks at it.
    InUse(PathBuf),
    /// The worker has no such segment.
    NoSegment(CoreId, SegmentId),
    /// No checkpoint names the file.
    NoFile(FileId),
    /// What a server would say as well.
    Open(OpenError),
}

impl fmt::Display for InspectError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDirectory(path) => {
                write!(out, "{} does not exist; name the data directories of the server, all of them", path.display())
            }
            Self::NamedTwice(path) => write!(out, "{} is named twice; name each directory once", path.display()),
            Self::NoData(path) => {
                write!(out, "there is no data in {}; name the directory that the server was given", path.display())
            }
            Self::InUse(path) => {
                write!(out, "{} is in use by a server; stop it, or inspect a copy of the data", path.display())
            }
            Self::NoSegment(core, segment) => {
                write!(
                    out,
                    "worker {} has no segment {segment}; without options, inspect lists those there are",
                    core.0
                )
            }
            Self::NoFile(file) => {
                write!(out, "nothing names a file {:016x}; without options, inspect lists those there are", file.0)
            }
            Self::Open(error) => error.fmt(out),
        }
    }
}

impl std::error::Error for InspectError {}

/// One thing that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The worker whose it is.
    pub core: CoreId,
    /// What is wrong.
    pub cause: FaultCause,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultCause {
    /// A file that cannot be read.
    File(FileError),
    /// A segment, or a record in it.
    Journal(JournalError),
    /// A sorted file.
    Table(TableError),
    /// A record that is whole and means nothing.
    Contents {
        /// Where it lies.
        location: Location,
        /// What cannot be read.
        cause: String,
    },
    /// Changes of the catalog that contradict each other.
    Catalog(String),
    /// Entries of a file that name records of a segment that is not there.
    MissingSegment {
        /// The file.
        path: PathBuf,
        /// The segment.
        segment: SegmentId,
        /// How many entries.
        entry_count: u64,
    },
    /// An entry of a file that names a record that is not there.
    Place {
        /// The file.
        path: PathBuf,
        /// The log index of the change that made the entry.
        version: u64,
        /// Where the record should be.
        location: Location,
        /// What is there.
        cause: String,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "worker {}: ", self.core.0)?;
        match &self.cause {
            FaultCause::File(error) => error.fmt(out),
            FaultCause::Journal(error) => error.fmt(out),
            FaultCause::Table(error) => error.fmt(out),
            FaultCause::Contents { location, cause } => write!(out, "journal record at {location}: {cause}"),
            FaultCause::Catalog(cause) => out.write_str(cause),
            FaultCause::MissingSegment { path, segment, entry_count } => write!(
                out,
                "segment {segment} is missing, and {entry_count} entries of {} name records in it",
                path.display()
            ),
            FaultCause::Place { path, version, location, cause } => write!(
                out,
                "an entry of {} (version {version}) names the record at {location}: {cause}",
                path.display()
            ),
        }
    }
}
