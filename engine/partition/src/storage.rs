//! Where the files of a worker's partitions are, and how they are made, opened and removed.
//!
//! One a worker; clones are the same. A file lies in the data directory that its id says, so that several disks share the files evenly. Deliberately
//! not here: which files there are (`partition.rs`).

use crate::pace::Pace;
use crate::run::RunFiles;
use journal::{GroupId, Journal, Location, ReadError};
use runtime::{FileError, Leftovers, Runtime};
use sstable::{Entry, FileId, FileSeal, Table, TableError, TableRecord, TableWriter};
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Bytes after which a run goes on in a further file.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// See the front page.
#[derive(Clone)]
pub struct Storage {
    /// Of the worker.
    pub runtime: Runtime,
    /// Holds the keys, and what the files point to.
    pub journal: Journal,
    /// One in each data directory, always in the same order.
    pub directories: Rc<[PathBuf]>,
    /// Of merges.
    pub pace: Pace,
    /// What could not be removed.
    pub leftovers: Rc<Leftovers>,
}

/// Why files cannot be written or read.
#[derive(Debug)]
pub enum StorageError {
    /// A file that is written.
    File(FileError),
    /// A file that is read.
    Table(TableError),
    /// A record that a file points to.
    Record(Location, ReadError),
    /// The journal takes no copy of a record.
    Append(journal::AppendRefused),
    /// There is no key to seal with: the table is gone.
    NoKey,
}

impl fmt::Display for StorageError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(out),
            Self::Table(error) => error.fmt(out),
            Self::Record(_, error) => error.fmt(out),
            Self::Append(refused) => refused.fmt(out),
            Self::NoKey => write!(out, "no key of the table to seal a file with"),
        }
    }
}

impl std::error::Error for StorageError {}

impl StorageError {
    /// Whether there is no room on the disk.
    pub fn is_no_space(&self) -> bool {
        matches!(self.file_error(), Some(FileError::NoSpace { .. }))
    }

    /// The record that cannot be read, if that is the reason.
    pub fn bad_record(&self) -> Option<Location> {
        match self {
            Self::Record(location, _) => Some(*location),
            _ => None,
        }
    }

    /// Whether a file of a run does not say what was written to it: reading it again brings the same.
    pub fn is_lasting(&self) -> bool {
        let Self::Table(error) = self else { return false };
        matches!(error, TableError::Rot { .. } | TableError::NoKey { .. } | TableError::File(FileError::PastEnd { .. }))
    }

    /// The file of a run that cannot be read, if that is the reason.
    pub fn bad_file(&self) -> Option<&Path> {
        match self {
            Self::Table(TableError::Rot { path, .. } | TableError::NoKey { path, .. }) => Some(path),
            Self::Table(TableError::File(error)) => Some(error.path()),
            _ => None,
        }
    }

    /// What the disk said, if it was the disk.
    pub fn file_error(&self) -> Option<&FileError> {
        match self {
            Self::File(error) | Self::Table(TableError::File(error)) | Self::Record(_, ReadError::File(error)) => {
                Some(error)
            }
            _ => None,
        }
    }
}

impl From<FileError> for StorageError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl From<TableError> for StorageError {
    fn from(error: TableError) -> Self {
        Self::Table(error)
    }
}

impl Storage {
    /// The folder of a file.
    pub fn directory_of(&self, file: FileId) -> &Path {
        let count = self.directories.len() as u64;
        let place = usize::try_from(file.0 % count).expect("a remainder is smaller than the count");
        &self.directories[place]
    }

    /// Opens a file of a group.
    ///
    /// # Errors
    /// If it is not there, or not as it was written.
    pub async fn open(&self, group: GroupId, record: TableRecord) -> Result<Rc<Table>, TableError> {
        let file = record.file;
        let key = |version| self.journal.file_key(group, version, file.0);
        Table::open(&self.runtime, self.directory_of(file), record, key).await.map(Rc::new)
    }

    /// Removes a file that nothing names any more. One that cannot be removed now is at the next start.
    pub async fn remove(&self, file: FileId) {
        let path = self.directory_of(file).join(sstable::file_name(file));
        if let Err(error) = self.runtime.remove_file(&path).await {
            self.leftovers.note(&error, self.runtime.now());
        }
    }
}

/// Writes a sorted run of a group, as several files where it is long.
pub(crate) struct RunWriter {
    storage: Storage,
    group: GroupId,
    writer: Option<TableWriter>,
    made: Vec<FileId>,
    files: RunFiles,
}

impl RunWriter {
    pub(crate) fn new(storage: &Storage, group: GroupId) -> Self {
        Self { storage: storage.clone(), group, writer: None, made: Vec::new(), files: RunFiles::default() }
    }

    /// Adds an entry; its key is greater than those before it.
    pub(crate) async fn push(&mut self, key: &[u8], entry: Entry<'_>) -> Result<(), StorageError> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let file = FileId(self.storage.runtime.chance());
                let sealing = self.storage.journal.sealing_file_key(self.group, file.0);
                let (version, key) = sealing.ok_or(StorageError::NoKey)?;
                self.made.push(file);
                let (runtime, directory) = (&self.storage.runtime, self.storage.directory_of(file));
                let writer = TableWriter::create(runtime, directory, file, FileSeal { version, key }).await?;
                self.writer.insert(writer)
            }
        };
        writer.push(key, entry);
        writer.write().await?;
        if writer.file_bytes() >= FILE_BYTES_MAX {
            self.complete_file().await?;
        }
        Ok(())
    }

    /// Completes the run: its files are durable and open.
    pub(crate) async fn finish(&mut self) -> Result<RunFiles, StorageError> {
        self.complete_file().await?;
        Ok(std::mem::take(&mut self.files))
    }

    /// It has failed: what was made goes.
    pub(crate) async fn discard(mut self) {
        drop(self.writer.take());
        for file in self.made {
            self.storage.remove(file).await;
        }
    }

    async fn complete_file(&mut self) -> Result<(), StorageError> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let record = writer.finish().await?;
        let table = self.storage.open(self.group, record).await?;
        Ok(self.files.push(table).await?)
    }
}
