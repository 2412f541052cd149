//! What can go wrong with a file, sorted by what the caller does about it.
//!
//! [`TableError::File`]: the disk does not answer; the request fails. [`TableError::Rot`]: the bytes are not those that were written; the
//! request fails and the file has to be repaired. Neither is retried here.

use runtime::FileError;
use security::NoKey;
use std::fmt;
use std::path::PathBuf;

/// What is wrong with a file's bytes, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Offset in the file of the block that is bad.
    pub offset: u64,
    /// What is wrong with it.
    pub kind: DamageKind,
}

/// What is wrong with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// The bytes are not those that the reference was made for.
    Checksum {
        /// What the reference says.
        expected: u64,
        /// What the bytes give.
        found: u64,
    },
    /// The file is shorter or longer than its record says.
    Length {
        /// What the record says, in bytes.
        expected: u64,
        /// What there is.
        found: u64,
    },
    /// A version of the format that this program does not know.
    Version(u16),
    /// The file says that it is not sealed.
    Unsealed,
    /// The bytes pass their checksum and are not what was sealed: changed by somebody who could compute it.
    NotAuthentic,
    /// The bytes pass their checksum and mean nothing: this part of the block.
    Malformed(&'static str),
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "at offset {}: ", self.offset)?;
        match self.kind {
            DamageKind::Checksum { expected, found } => {
                write!(formatter, "checksum {found:016x}, expected {expected:016x}")
            }
            DamageKind::Length { expected, found } => write!(formatter, "{found} bytes long, expected {expected}"),
            DamageKind::Version(version) => write!(formatter, "unknown format version {version}"),
            DamageKind::Unsealed => write!(formatter, "the file is not sealed"),
            DamageKind::NotAuthentic => write!(formatter, "the block does not open"),
            DamageKind::Malformed(part) => write!(formatter, "malformed {part}"),
        }
    }
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableError {
    /// The file cannot be read at all.
    File(FileError),
    /// The file does not say what was written to it.
    Rot {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        damage: Damage,
    },
    /// There is no key to open it.
    NoKey {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: NoKey,
    },
}

impl From<FileError> for TableError {
    fn from(error: FileError) -> TableError {
        TableError::File(error)
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TableError::File(error) => error.fmt(formatter),
            TableError::Rot { path, damage } => write!(formatter, "corrupt sstable: {} {damage}", path.display()),
            TableError::NoKey { path, reason } => write!(formatter, "sstable {}: {reason}", path.display()),
        }
    }
}

impl std::error::Error for TableError {}
