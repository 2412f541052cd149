//! Where the files of a worker's partitions are, and how they are made, opened and removed.
//!
//! One a worker; clones are the same. A file lies in the data directory that its id says, so that several disks share the files evenly. Deliberately
//! not here: which files there are (`file_set.rs`).

use crate::pace::Pace;
use crate::run::RunFiles;
use journal::{GroupId, Journal, Location, ReadError};
use runtime::{FileError, Instant, Leftovers, Runtime};
use sstable::{Entry, FileId, FileSeal, Table, TableError, TableRecord, TableWriter};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// Bytes after which a run goes on in a further file, at the least ...
const FILE_BYTES_MIN: u64 = 64 << 20;
/// ... or such a part of what the run has in files already: so a run of a terabyte has some 130 of them, and the checkpoint that names them fits a record.
const FILE_SHARE: u64 = 16;
/// How long files go elsewhere after one could not be written to a directory.
const FAILING_DELAY: Duration = Duration::from_secs(60);

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
    /// Bytes of memory for entries that a merge gathers before it moves their records: the fewer, the more often the victims are read.
    pub gathered_bytes_max: usize,
    /// What could not be removed.
    pub leftovers: Rc<Leftovers>,
    /// Where files could not be written.
    pub failing: Rc<FailingDirectories>,
}

/// The data directories, by their places, in which a file could not be written: until when new ones go elsewhere.
#[derive(Debug, Default)]
pub struct FailingDirectories(RefCell<BTreeMap<usize, Instant>>);

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
        &self.directories[self.place_of(file)]
    }

    fn place_of(&self, file: FileId) -> usize {
        sstable::directory_of(file, self.directories.len())
    }

    /// The id of a new file. Its directory is one in which files can be written, as far as is known, if there is one.
    fn draw_file(&self) -> FileId {
        let failing = self.failing.at(self.runtime.now());
        loop {
            let file = FileId(self.runtime.chance());
            if failing.len() == self.directories.len() || !failing.contains(&self.place_of(file)) {
                return file;
            }
        }
    }

    /// A file could not be written: if that was for the directory's sake, new ones go elsewhere for a while.
    fn note_failure(&self, error: &StorageError) {
        let is_of_directory = |error: &&FileError| error.is_of_disk() || matches!(error, FileError::NoSpace { .. });
        let Some(error) = error.file_error().filter(is_of_directory) else { return };
        if let Some(place) = self.directories.iter().position(|directory| error.path().starts_with(directory)) {
            self.failing.note(place, self.runtime.now());
        }
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

impl FailingDirectories {
    fn note(&self, place: usize, now: Instant) {
        self.0.borrow_mut().insert(place, now + FAILING_DELAY);
    }

    fn at(&self, now: Instant) -> BTreeSet<usize> {
        let mut until = self.0.borrow_mut();
        until.retain(|_, until| now < *until);
        until.keys().copied().collect()
    }
}

/// Writes a sorted run of a group, as several files where it is long.
pub(crate) struct RunWriter {
    storage: Storage,
    group: GroupId,
    writer: Option<TableWriter>,
    made: Vec<FileId>,
    files: RunFiles,
    /// Bytes of the files that are complete.
    run_bytes: u64,
}

impl RunWriter {
    pub(crate) fn new(storage: &Storage, group: GroupId) -> Self {
        Self {
            storage: storage.clone(),
            group,
            writer: None,
            made: Vec::new(),
            files: RunFiles::default(),
            run_bytes: 0,
        }
    }

    /// Adds an entry; its key is greater than those before it.
    pub(crate) async fn push(&mut self, key: &[u8], entry: Entry<'_>) -> Result<(), StorageError> {
        self.write(key, entry).await.inspect_err(|error| self.storage.note_failure(error))
    }

    async fn write(&mut self, key: &[u8], entry: Entry<'_>) -> Result<(), StorageError> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let file = self.storage.draw_file();
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
        if writer.file_bytes() >= file_bytes_max(self.run_bytes) {
            self.complete_file().await?;
        }
        Ok(())
    }

    /// Completes the run: its files are durable and open.
    pub(crate) async fn finish(&mut self) -> Result<RunFiles, StorageError> {
        self.complete_file().await.inspect_err(|error| self.storage.note_failure(error))?;
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
        self.run_bytes += record.file_bytes();
        let table = self.storage.open(self.group, record).await?;
        Ok(self.files.push(table).await?)
    }
}

/// Bytes after which a run that has so many in files goes on in a further one.
fn file_bytes_max(run_bytes: u64) -> u64 {
    FILE_BYTES_MIN.max(run_bytes / FILE_SHARE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::simulated::Machine;

    #[test]
    fn a_long_run_has_few_files() {
        let (mut run_bytes, mut file_count) = (0, 0);
        while run_bytes < 1 << 40 {
            run_bytes += file_bytes_max(run_bytes);
            file_count += 1;
        }
        assert!((100..150).contains(&file_count), "{file_count} files");
    }

    #[test]
    fn a_directory_that_fails_is_passed_over_for_a_while() {
        let failing = FailingDirectories::default();
        let now = Machine::new(1).runtime().now();
        failing.note(1, now);
        assert_eq!(failing.at(now + FAILING_DELAY / 2), [1].into());
        failing.note(0, now + FAILING_DELAY / 2);
        assert_eq!(failing.at(now + FAILING_DELAY), [0].into());
        assert_eq!(failing.at(now + FAILING_DELAY * 2), [].into());
    }
}
