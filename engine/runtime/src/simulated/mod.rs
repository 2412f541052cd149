//! The simulated machine: seeded, deterministic, in one thread.
//!
//! The methods of [`Core`], [`File`] and [`DirectoryLock`] mirror those of `real`; `Runtime` and `file::File` call one
//! or the other. Every arrival given to `watch_arrival` is looked at by the scheduler before it takes a next step.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::mesh::Arrival;
use crate::{Buffer, CoreId, DirectoryEntry, FileError, FlushMethod, Instant, ShareClass, Signal, StopReason};

/// One simulated core.
pub struct Core {
    id: CoreId,
    core_count: usize,
}

/// An open file of a simulated disk.
pub struct File {
    path: PathBuf,
    len_bytes: u64,
}

/// The exclusive use of a simulated directory, until dropped.
pub struct DirectoryLock {}

fn no_disk(path: &Path, operation: &'static str) -> FileError {
    FileError::from_errno(path, operation, libc::ENODEV)
}

#[allow(clippy::unused_async, reason = "the shape that `Runtime` calls")]
impl Core {
    pub(crate) fn id(&self) -> CoreId {
        self.id
    }
    pub(crate) fn core_count(&self) -> usize {
        self.core_count
    }
    pub(crate) fn now(&self) -> Instant {
        Instant(0)
    }
    pub(crate) fn wall_clock_ms(&self) -> u64 {
        0
    }
    pub(crate) fn chance(&self) -> u64 {
        0
    }
    pub(crate) fn spawn(&self, _class: ShareClass, future: Pin<Box<dyn Future<Output = ()>>>) {
        drop(future);
    }
    pub(crate) async fn sleep(&self, _duration: Duration) {}
    pub(crate) async fn yield_now(&self) {}
    pub(crate) async fn stop(&self, _reason: StopReason) -> ! {
        std::future::pending().await
    }
    pub(crate) async fn create_directory(&self, path: &Path) -> Result<(), FileError> {
        Err(no_disk(path, "create"))
    }
    pub(crate) async fn list_directory(&self, path: &Path) -> Result<Vec<DirectoryEntry>, FileError> {
        Err(no_disk(path, "list"))
    }
    pub(crate) async fn remove_file(&self, path: &Path) -> Result<(), FileError> {
        Err(no_disk(path, "remove"))
    }
    pub(crate) async fn rename(&self, from: &Path, _to: &Path) -> Result<(), FileError> {
        Err(no_disk(from, "rename"))
    }
    pub(crate) async fn sync_directory(&self, path: &Path) -> Result<(), FileError> {
        Err(no_disk(path, "sync"))
    }
    pub(crate) async fn free_space_bytes(&self, path: &Path) -> Result<u64, FileError> {
        Err(no_disk(path, "free space"))
    }
    pub(crate) async fn lock_directory(&self, path: &Path) -> Result<DirectoryLock, FileError> {
        Err(no_disk(path, "lock"))
    }
    pub(crate) async fn create_file(&self, path: &Path, _len_bytes: u64) -> Result<File, FileError> {
        Err(no_disk(path, "create"))
    }
    pub(crate) async fn open_file(&self, path: &Path) -> Result<File, FileError> {
        Err(no_disk(path, "open"))
    }
    pub(crate) async fn probe_flush_method(&self, _directory: &Path) -> Result<FlushMethod, FileError> {
        Ok(FlushMethod::DurableWrite)
    }
    pub(crate) fn watch_arrival(&self, _arrival: Arc<Arrival>, _signal: Signal) {}
}

#[allow(clippy::unused_async, reason = "the shape that `File` calls")]
impl File {
    pub(crate) fn len_bytes(&self) -> u64 {
        self.len_bytes
    }
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
    pub(crate) async fn read_at(&self, _offset: u64, _len: usize) -> Result<Buffer, FileError> {
        Err(no_disk(&self.path, "read"))
    }
    pub(crate) async fn write_at(&self, _offset: u64, buffer: Buffer) -> (Buffer, Result<(), FileError>) {
        (buffer, Err(no_disk(&self.path, "write")))
    }
    pub(crate) async fn write_durable_at(&self, _offset: u64, buffer: Buffer) -> (Buffer, Result<(), FileError>) {
        (buffer, Err(no_disk(&self.path, "write")))
    }
    pub(crate) async fn sync(&self) -> Result<(), FileError> {
        Err(no_disk(&self.path, "sync"))
    }
}
