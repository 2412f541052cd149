//! Files with direct I/O, and the lock of a data directory.
//!
//! In the way of a request a file is where the journal's batch becomes durable. Every operation owns its buffer until
//! its completion, so a future may be dropped at any time. Deliberately not here: caching, and retries.

use std::path::Path;
use std::rc::Rc;

use crate::{BLOCK_BYTES, Buffer, FileError, real, simulated};

/// How `write_durable_at` makes bytes durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlushMethod {
    /// One write that returns when the bytes are on the medium (`RWF_DSYNC`).
    DurableWrite,
    /// A write, then `fdatasync`.
    WriteThenSync,
}

/// An entry of a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DirectoryEntry {
    /// The name, without the directory. Names that are not UTF-8 are left out of listings.
    pub name: String,
    /// The length of a file in bytes; 0 for a directory.
    pub len_bytes: u64,
    /// Whether it is itself a directory.
    pub is_directory: bool,
}

/// The exclusive use of a directory, until dropped or until the process ends, however it ends.
pub struct DirectoryLock {
    /// Held for its drop alone.
    _held: DirectoryLockKind,
}

pub(crate) enum DirectoryLockKind {
    Real {
        _directory: std::os::fd::OwnedFd,
    },
    #[allow(dead_code, reason = "held for its drop")]
    Simulated(simulated::DirectoryLock),
}

impl DirectoryLock {
    pub(crate) fn new(held: DirectoryLockKind) -> DirectoryLock {
        DirectoryLock { _held: held }
    }
}

/// An open file of this core. Clones are the same file; it is closed when the last is gone and nothing is in flight.
///
/// Offsets and lengths are multiples of [`BLOCK_BYTES`].
#[derive(Clone)]
pub struct File {
    kind: FileKind,
}

/// A stretch of a file that is to be read.
#[derive(Clone)]
pub struct FileSpan {
    /// The file.
    pub file: File,
    /// Where it starts, a multiple of [`BLOCK_BYTES`].
    pub offset: u64,
    /// Its length, a multiple of [`BLOCK_BYTES`].
    pub len_bytes: usize,
}

#[derive(Clone)]
pub(crate) enum FileKind {
    Real(Rc<real::File>),
    Simulated(Rc<simulated::File>),
}

impl File {
    pub(crate) fn new(kind: FileKind) -> File {
        File { kind }
    }

    pub(crate) fn kind(&self) -> &FileKind {
        &self.kind
    }

    /// The length in bytes.
    pub fn len_bytes(&self) -> u64 {
        match &self.kind {
            FileKind::Real(file) => file.len_bytes(),
            FileKind::Simulated(file) => file.len_bytes(),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        match &self.kind {
            FileKind::Real(file) => file.path(),
            FileKind::Simulated(file) => file.path(),
        }
    }

    /// Makes the file `len_bytes` long, which is no less than it was: the new bytes are reserved and read as zeros, but they
    /// are not written. For files that are written once, in large pieces, and then synced: the first write to reserved bytes
    /// changes the file system's own records as well, which makes a durable write twice as slow.
    pub async fn extend_to(&self, len_bytes: u64) -> Result<(), FileError> {
        assert!(len_bytes.is_multiple_of(BLOCK_BYTES as u64), "a length of {len_bytes} bytes is not whole blocks");
        assert!(len_bytes >= self.len_bytes(), "{} bytes are not cut to {len_bytes}", self.len_bytes());
        match &self.kind {
            FileKind::Real(file) => file.extend_to(len_bytes).await,
            FileKind::Simulated(file) => file.extend_to(len_bytes).await,
        }
    }

    /// Reads exactly `len` bytes at `offset`.
    pub async fn read_at(&self, offset: u64, len: usize) -> Result<Buffer, FileError> {
        assert_blocks(offset, len);
        match &self.kind {
            FileKind::Real(file) => file.read_at(offset, len).await,
            FileKind::Simulated(file) => file.read_at(offset, len).await,
        }
    }

    /// Writes the whole buffer at `offset` and gives it back. Durable only after `sync`.
    pub async fn write_at(&self, offset: u64, buffer: Buffer) -> (Buffer, Result<(), FileError>) {
        assert_blocks(offset, buffer.len());
        match &self.kind {
            FileKind::Real(file) => file.write_at(offset, buffer).await,
            FileKind::Simulated(file) => file.write_at(offset, buffer).await,
        }
    }

    /// Writes the whole buffer at `offset`; when it is given back without an error the bytes are on the medium.
    /// After an error nothing is known of them: stop, never retry.
    pub async fn write_durable_at(&self, offset: u64, buffer: Buffer) -> (Buffer, Result<(), FileError>) {
        assert_blocks(offset, buffer.len());
        match &self.kind {
            FileKind::Real(file) => file.write_durable_at(offset, buffer).await,
            FileKind::Simulated(file) => file.write_durable_at(offset, buffer).await,
        }
    }

    /// Makes everything written before durable. After an error: stop, never retry.
    pub async fn sync(&self) -> Result<(), FileError> {
        match &self.kind {
            FileKind::Real(file) => file.sync().await,
            FileKind::Simulated(file) => file.sync().await,
        }
    }
}

pub(crate) fn assert_blocks(offset: u64, len: usize) {
    assert!(offset.is_multiple_of(BLOCK_BYTES as u64), "offset {offset} is not at a block");
    assert!(len.is_multiple_of(BLOCK_BYTES) && len > 0, "length {len} is not whole blocks");
}
