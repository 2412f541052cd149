//! Writes a file: a [`Builder`] and the disk. Asynchronous, in the background class; one file at a time, one write in flight.

use crate::builder::{Builder, Chunk};
use crate::entry::Entry;
use crate::record::{FileId, TableRecord};
use crate::seal::FileSeal;
use runtime::{File, FileError, Runtime};
use std::path::Path;

const NAME_PREFIX: &str = "sstable-";

/// The name of a file in its directory.
pub fn file_name(file: FileId) -> String {
    format!("{NAME_PREFIX}{:016x}", file.0)
}

/// Which of so many data directories a file lies in.
///
/// # Panics
/// If there is none.
pub fn directory_of(file: FileId, directory_count: usize) -> usize {
    usize::try_from(file.0 % directory_count as u64).expect("a remainder is smaller than the count")
}

/// The file that has this name, if it is the name of one.
pub fn parse_file_name(name: &str) -> Option<FileId> {
    let digits = name.strip_prefix(NAME_PREFIX)?;
    let file = FileId(u64::from_str_radix(digits, 16).ok()?);
    (file_name(file) == name).then_some(file)
}

/// A file that is being written. Dropped before `finish`, or after an error, it leaves a file behind that nothing names: whoever
/// made it removes it.
pub struct TableWriter {
    runtime: Runtime,
    builder: Builder,
    file: File,
}

impl TableWriter {
    /// Creates the file, empty, under its own name in `directory`.
    pub async fn create(
        runtime: &Runtime,
        directory: &Path,
        file: FileId,
        seal: FileSeal,
    ) -> Result<TableWriter, FileError> {
        let path = directory.join(file_name(file));
        let made = runtime.create_file(&path, 0).await?;
        Ok(TableWriter { runtime: runtime.clone(), builder: Builder::new(file, seal), file: made })
    }

    /// Adds an entry; its key is greater than those before it. The caller writes from time to time.
    pub fn push(&mut self, key: &[u8], entry: Entry<'_>) {
        self.builder.push(key, entry);
    }

    /// Entries so far.
    pub fn entry_count(&self) -> u64 {
        self.builder.entry_count()
    }

    /// Bytes of file so far.
    pub fn file_bytes(&self) -> u64 {
        self.builder.file_bytes()
    }

    /// Writes what is complete. Cheap where nothing is; others have their turn between the steps of what takes long.
    pub async fn write(&mut self) -> Result<(), FileError> {
        while self.builder.advance() {
            self.runtime.yield_now().await;
        }
        while let Some(Chunk { offset, buffer }) = self.builder.take_chunk() {
            self.file.extend_to(offset + buffer.len() as u64).await?;
            let (buffer, written) = self.file.write_at(offset, buffer).await;
            written?;
            self.builder.give_back(buffer);
        }
        Ok(())
    }

    /// Completes the file, which has an entry. When this returns its bytes, its length and its name are durable.
    pub async fn finish(mut self) -> Result<TableRecord, FileError> {
        self.builder.end();
        self.write().await?;
        let record = self.builder.finish();
        self.write().await?;
        self.file.sync().await?;
        Ok(record)
    }
}
