//! What can go wrong, sorted by what the caller does about it.
//!
//! [`JournalError`]: the journal does not open; say so and stop. [`AppendRefused`]: not now; refuse the request. [`ReadError`]: this record
//! cannot be served. A failed flush is none of them: it stops the node (`committer.rs`).

use crate::position::{Location, SegmentId};
use crate::walk::Damage;
use compression::Malformed;
use runtime::FileError;
use security::{NoKey, NotAuthentic};
use std::fmt;
use std::path::PathBuf;

/// Why a journal does not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalError {
    /// A file or directory cannot be used.
    File(FileError),
    /// A segment is damaged where its bytes were proven durable.
    Rot {
        /// The file.
        path: PathBuf,
        /// Which segment it is; `None` when its header does not tell.
        segment: Option<SegmentId>,
        /// What is wrong and where.
        damage: Damage,
        /// The sequence of the later flush that proves it, if it took one.
        proven_by: Option<u64>,
    },
    /// Segments that the log needs are not in any of the directories.
    MissingSegments {
        /// The first one.
        first: SegmentId,
        /// The last one of the gap.
        last: SegmentId,
    },
    /// Segments before the log that an owner names records of are not in any of the directories.
    MissingStore {
        /// Which ones, ascending.
        segments: Vec<SegmentId>,
    },
    /// Two files claim to be one segment.
    DuplicateSegment {
        /// Which one.
        segment: SegmentId,
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// A segment file of another journal, under another file's name, or of another length than it was given.
    ForeignSegment {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by another version of the program.
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u16,
    },
    /// A journal directory does not say whose it is, though the journal has segments.
    MissingIdentity {
        /// The directory.
        directory: PathBuf,
    },
    /// A journal directory's identity is damaged.
    DamagedIdentity {
        /// The file.
        path: PathBuf,
    },
    /// A journal directory belongs to another journal, core, or place in the list.
    WrongIdentity {
        /// The directory.
        directory: PathBuf,
        /// What it should say.
        expected: String,
        /// What it says.
        found: String,
    },
    /// A record passes its checksum and cannot be opened.
    Sealed {
        /// The file.
        path: PathBuf,
        /// Where it lies.
        location: Location,
        /// Why.
        reason: Unopened,
    },
    /// The caller's visitor refused a record.
    Refused {
        /// Where it lies.
        location: Location,
        /// Its words.
        reason: String,
    },
    /// The options make no sense.
    Options(&'static str),
}

impl From<FileError> for JournalError {
    fn from(error: FileError) -> JournalError {
        JournalError::File(error)
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JournalError::File(error) => error.fmt(formatter),
            JournalError::Rot { path, segment, damage, proven_by } => {
                write!(formatter, "corrupt journal: {} ", path.display())?;
                match segment {
                    Some(segment) => write!(formatter, "(segment {segment}) ")?,
                    None => write!(formatter, "(segment header unreadable) ")?,
                }
                write!(formatter, "{damage}")?;
                match proven_by {
                    Some(sequence) => write!(formatter, " (flush {sequence} proves that it was written)"),
                    None => Ok(()),
                }
            }
            JournalError::MissingSegments { first, last } => write!(
                formatter,
                "journal segments {first} to {last} are missing; give all data directories, with all their files"
            ),
            JournalError::MissingStore { segments } => {
                let names: Vec<String> = segments.iter().map(SegmentId::to_string).collect();
                write!(
                    formatter,
                    "journal segments {} are missing and hold live items; give all data directories, with all their files",
                    names.join(", ")
                )
            }
            JournalError::DuplicateSegment { segment, first, second } => write!(
                formatter,
                "{} and {} both claim to be journal segment {segment}; remove the copy",
                first.display(),
                second.display()
            ),
            JournalError::ForeignSegment { path } => {
                write!(
                    formatter,
                    "{} belongs to another journal or another file name, or was cut short or made longer; put it back as it was",
                    path.display()
                )
            }
            JournalError::Version { path, found } => {
                write!(formatter, "{} has format version {found}; use the program that wrote it", path.display())
            }
            JournalError::MissingIdentity { directory } => write!(
                formatter,
                "{} has no identity though the journal has data; is the disk mounted?",
                directory.display()
            ),
            JournalError::DamagedIdentity { path } => {
                write!(formatter, "{} is damaged; restore it from a copy", path.display())
            }
            JournalError::WrongIdentity { directory, expected, found } => write!(
                formatter,
                "{} is {found}, expected {expected}; give the same data directories in the same order as before",
                directory.display()
            ),
            JournalError::Sealed { path, location, reason } => {
                write!(formatter, "journal record in {} at {location}: {reason}", path.display())
            }
            JournalError::Refused { location, reason } => {
                write!(formatter, "journal record at {location}: {reason}")
            }
            JournalError::Options(what) => write!(formatter, "journal options: {what}"),
        }
    }
}

impl std::error::Error for JournalError {}

/// Why a record whose checksum is right cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unopened {
    /// Its key is not there.
    NoKey(NoKey),
    /// Its key does not open it: somebody has changed or moved it.
    NotAuthentic,
    /// The code in its segment's header is not the one that it was compressed by: somebody has changed that.
    Code,
}

impl fmt::Display for Unopened {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unopened::NoKey(reason) => reason.fmt(formatter),
            Unopened::NotAuthentic => write!(
                formatter,
                "it was changed or moved after it was written, for its key does not open it; restore the file from a copy"
            ),
            Unopened::Code => write!(
                formatter,
                "the code in the header of its segment was changed after it was written; restore the file from a copy"
            ),
        }
    }
}

impl From<Malformed> for Unopened {
    fn from(Malformed: Malformed) -> Unopened {
        Unopened::Code
    }
}

impl From<NoKey> for Unopened {
    fn from(reason: NoKey) -> Unopened {
        Unopened::NoKey(reason)
    }
}

impl From<NotAuthentic> for Unopened {
    fn from(_: NotAuthentic) -> Unopened {
        Unopened::NotAuthentic
    }
}

/// Why a record was not appended. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendRefused {
    /// All batch buffers are full: try again after the next flush (`Journal::on_durable`).
    Busy,
    /// No room is left in the segment and none could be prepared: `Journal::is_full` and `Journal::is_failing` say why.
    NoSpace,
    /// The payload is longer than `RECORD_PAYLOAD_BYTES_MAX`.
    TooLarge {
        /// Its length.
        payload_bytes: usize,
    },
    /// The journal is being closed.
    Closed,
    /// There is no key to seal a copy with: its group is gone.
    NoKey,
    /// A copy is not what was compressed: reading its record again tells.
    Malformed,
}

impl fmt::Display for AppendRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppendRefused::Busy => write!(formatter, "the journal's buffers are full"),
            AppendRefused::NoSpace => write!(formatter, "the journal has no room and no further segment"),
            AppendRefused::TooLarge { payload_bytes } => {
                write!(formatter, "a record of {payload_bytes} bytes is too large for the journal")
            }
            AppendRefused::Closed => write!(formatter, "the journal is closed"),
            AppendRefused::NoKey => write!(formatter, "no key of the table to seal a record with"),
            AppendRefused::Malformed => write!(formatter, "the record to copy cannot be opened: {Malformed}"),
        }
    }
}

impl std::error::Error for AppendRefused {}

/// Why a record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The file cannot be read.
    File(FileError),
    /// The bytes at the location do not pass their check.
    Rot {
        /// The file.
        path: PathBuf,
        /// Where.
        location: Location,
        /// What is wrong.
        damage: Damage,
    },
    /// The record at the location passes its checksum and cannot be opened.
    Sealed {
        /// The file.
        path: PathBuf,
        /// Where.
        location: Location,
        /// Why.
        reason: Unopened,
    },
    /// The location's segment is no longer part of the log.
    Released(Location),
    /// The location's record is not durable yet.
    NotDurable(Location),
}

impl fmt::Display for ReadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::File(error) => error.fmt(formatter),
            ReadError::Rot { path, location, damage } => {
                write!(formatter, "corrupt journal: {} ({location}) {damage}", path.display())
            }
            ReadError::Sealed { path, location, reason } => {
                write!(formatter, "journal record in {} at {location}: {reason}", path.display())
            }
            ReadError::Released(location) => write!(formatter, "the record at {location} was released"),
            ReadError::NotDurable(location) => write!(formatter, "the record at {location} is not durable yet"),
        }
    }
}

impl std::error::Error for ReadError {}
