//! Open files and directory locks of a simulated node.
//!
//! Handles only: the bytes are the disk's. They belong to one life of their node, as the core that opened them.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::disk::Request;
use super::namespace::InodeId;
use super::worker::Core;
use super::world::{Origin, World};
use crate::{Buffer, FileError};

/// An open file.
pub(crate) struct File {
    core: Core,
    inode: InodeId,
    path: PathBuf,
    len_bytes: Cell<u64>,
    /// Opened for reading alone.
    is_to_read: bool,
}

impl File {
    pub(super) fn new(core: Core, inode: InodeId, path: &Path, len_bytes: u64) -> File {
        File { core, inode, path: path.to_path_buf(), len_bytes: Cell::new(len_bytes), is_to_read: false }
    }

    /// The same file, for reading alone.
    pub(super) fn into_read_only(self) -> File {
        File { is_to_read: true, ..self }
    }

    pub(crate) fn len_bytes(&self) -> u64 {
        self.len_bytes.get()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) async fn extend_to(&self, len_bytes: u64) -> Result<(), FileError> {
        self.check_writable("allocate")?;
        if len_bytes > self.len_bytes.get() {
            self.core.submit(&self.path, "allocate", Request::Allocate { inode: self.inode, len_bytes }).await?;
            self.len_bytes.set(self.len_bytes.get().max(len_bytes));
        }
        Ok(())
    }

    pub(crate) async fn read_at(&self, offset: u64, len: usize) -> Result<Buffer, FileError> {
        let bytes = self.core.submit(&self.path, "read", Request::Read { inode: self.inode, offset, len }).await?;
        if bytes.len() < len {
            return Err(FileError::PastEnd { path: self.path.clone(), offset, len });
        }
        let mut buffer = Buffer::zeroed(len);
        buffer.as_mut_slice().copy_from_slice(&bytes);
        Ok(buffer)
    }

    pub(crate) async fn write_at(&self, offset: u64, buffer: Buffer) -> (Buffer, Result<(), FileError>) {
        self.write(offset, buffer, false).await
    }

    pub(crate) async fn write_durable_at(&self, offset: u64, buffer: Buffer) -> (Buffer, Result<(), FileError>) {
        self.write(offset, buffer, true).await
    }

    pub(crate) async fn sync(&self) -> Result<(), FileError> {
        self.core.submit(&self.path, "sync", Request::Sync { inode: self.inode }).await.map(drop)
    }

    async fn write(&self, offset: u64, buffer: Buffer, is_durable: bool) -> (Buffer, Result<(), FileError>) {
        if let Err(error) = self.check_writable("write") {
            return (buffer, Err(error));
        }
        let end = offset + buffer.len() as u64;
        let len_bytes = self.len_bytes.get();
        assert!(end <= len_bytes, "write up to {end} of {}: extend it first", self.path.display());
        let bytes = Rc::from(buffer.as_slice());
        let request = Request::Write { inode: self.inode, offset, bytes, is_durable };
        let result = self.core.submit(&self.path, "write", request).await;
        (buffer, result.map(drop))
    }

    fn check_writable(&self, operation: &'static str) -> Result<(), FileError> {
        if self.is_to_read { Err(FileError::from_errno(&self.path, operation, libc::EBADF)) } else { Ok(()) }
    }
}

/// A directory held by one life of a node. Given back when dropped, or when that life ends.
pub(crate) struct DirectoryLock {
    world: Rc<World>,
    origin: Origin,
    path: PathBuf,
}

impl DirectoryLock {
    pub(super) fn new(world: Rc<World>, origin: Origin, path: &Path) -> DirectoryLock {
        DirectoryLock { world, origin, path: path.to_path_buf() }
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        self.world.with(|state| {
            if state.is_alive(self.origin) {
                state.disk(self.origin.node).unlock(&self.path);
            }
        });
    }
}
