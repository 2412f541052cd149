//! Directories of the real machine: names, space, and the lock.
//!
//! What may take long (removing, renaming, syncing) goes through the ring; what is done once at the start is an
//! ordinary system call.

use std::ffi::CString;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

use io_uring::{opcode, types};
use rustix::fs::{FlockOperation, Mode, OFlags};

use super::core::Core;
use super::descriptor::FileDescriptor;
use super::file::c_path;
use super::operations::Payload;
use crate::{DirectoryEntry, FileError};

#[allow(clippy::unused_async, reason = "the same shape as on the simulated machine")]
impl Core {
    pub(crate) async fn create_directory(self: &Rc<Self>, path: &Path) -> Result<(), FileError> {
        let failed = |error: std::io::Error| FileError::from_io(path, "create directory", &error);
        let missing: Vec<&Path> = path.ancestors().take_while(|ancestor| !ancestor.exists()).collect();
        std::fs::create_dir_all(path).map_err(failed)?;
        // A name is durable when the directory that holds it is.
        for created in missing {
            let parent = created.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            self.sync_directory(parent).await?;
        }
        Ok(())
    }

    pub(crate) async fn list_directory(&self, path: &Path) -> Result<Vec<DirectoryEntry>, FileError> {
        let failed = |error: std::io::Error| FileError::from_io(path, "list directory", &error);
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let facts = match entry.metadata() {
                Ok(facts) => facts,
                // Removed while we looked.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            };
            if let Ok(name) = entry.file_name().into_string() {
                let is_directory = facts.is_dir();
                entries.push(DirectoryEntry {
                    name,
                    len_bytes: if is_directory { 0 } else { facts.len() },
                    is_directory,
                });
            }
        }
        entries.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(entries)
    }

    pub(crate) async fn remove_file(self: &Rc<Self>, path: &Path) -> Result<(), FileError> {
        let held = self.hold_large(path).await;
        let name = c_path(path)?;
        let entry = opcode::UnlinkAt::new(types::Fd(libc::AT_FDCWD), name.as_ptr()).build();
        let payload = Payload { paths: Some((name, CString::default())), ..Payload::default() };
        // SAFETY: the entry points to the name, which the payload owns and which does not move with it.
        unsafe { self.perform(entry, payload, path, "remove") }.await?;
        if let Some(held) = held {
            self.free_later(held, path);
        }
        Ok(())
    }

    pub(crate) async fn rename(&self, from: &Path, to: &Path) -> Result<(), FileError> {
        let (old, new) = (c_path(from)?, c_path(to)?);
        let here = types::Fd(libc::AT_FDCWD);
        let entry = opcode::RenameAt::new(here, old.as_ptr(), here, new.as_ptr()).build();
        let payload = Payload { paths: Some((old, new)), ..Payload::default() };
        // SAFETY: the entry points to the names, which the payload owns and which do not move with it.
        unsafe { self.perform(entry, payload, from, "rename") }.await.map(drop)
    }

    pub(crate) async fn sync_directory(self: &Rc<Self>, path: &Path) -> Result<(), FileError> {
        let descriptor = Rc::new(FileDescriptor::new(open_directory(path)?, self));
        let entry = opcode::Fsync::new(types::Fd(descriptor.as_raw_fd())).build();
        let payload = Payload { file: Some(descriptor), ..Payload::default() };
        // SAFETY: the entry holds no address, and the payload keeps its descriptor open.
        unsafe { self.perform(entry, payload, path, "fsync") }.await.map(drop)
    }

    pub(crate) async fn lock_directory(&self, path: &Path) -> Result<OwnedFd, FileError> {
        let descriptor = open_directory(path)?;
        match rustix::fs::flock(&descriptor, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(descriptor),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(FileError::Locked { path: path.to_path_buf() }),
            Err(error) => Err(errno(path, "flock", error)),
        }
    }
}

fn open_directory(path: &Path) -> Result<OwnedFd, FileError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(|error| errno(path, "open directory", error))
}

fn errno(path: &Path, operation: &'static str, error: rustix::io::Errno) -> FileError {
    FileError::from_errno(path, operation, error.raw_os_error())
}
