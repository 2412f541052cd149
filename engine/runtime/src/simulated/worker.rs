//! What is behind a core's `Runtime` on the simulated machine.
//!
//! One per handle that the machine gave out, shared by its clones; belongs to one life of its node. Once that life is over,
//! nothing asked of it is ever answered, and nothing spawned on it runs: its code is not to notice.

use std::future::{pending, poll_fn};
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::disk::{DiskError, Request};
use super::events::{Awaited, Event, Pending};
use super::file::{DirectoryLock, File};
use super::machine::Halt;
use super::namespace::{Entry, NameChange};
use super::tasks::{TaskFuture, TaskOwner};
use super::world::{Origin, World};
use crate::mesh::Arrival;
use crate::{CoreId, DirectoryEntry, FileError, FlushMethod, Instant, ShareClass, Signal, StopReason};

/// A core of a simulated node, in one of the node's lives.
pub(crate) struct Core {
    world: Rc<World>,
    origin: Origin,
}

impl Core {
    pub(super) fn new(world: Rc<World>, origin: Origin) -> Core {
        Core { world, origin }
    }

    pub(crate) fn id(&self) -> CoreId {
        self.origin.core
    }

    pub(crate) fn core_count(&self) -> usize {
        usize::from(self.world.with(|state| state.options().core_count))
    }

    pub(crate) fn now(&self) -> Instant {
        Instant(self.world.with(|state| state.now_ns()))
    }

    pub(crate) fn wall_clock_ms(&self) -> u64 {
        self.world.with(|state| state.wall_clock_ms())
    }

    pub(crate) fn chance(&self) -> u64 {
        self.world.with(|state| state.core_chance(self.origin))
    }

    pub(crate) fn fill_secret(&self, out: &mut [u8]) {
        for piece in out.chunks_mut(8) {
            piece.copy_from_slice(&self.chance().to_le_bytes()[..piece.len()]);
        }
    }

    #[track_caller]
    pub(crate) fn spawn(&self, class: ShareClass, future: TaskFuture) {
        let owner = TaskOwner { origin: Some(self.origin), class, spawned_at: Location::caller() };
        self.world.with(|state| {
            if state.is_alive(self.origin) {
                state.add_task(owner, Some(future));
            } else {
                state.bury(future);
            }
        });
    }

    pub(crate) async fn sleep(&self, duration: Duration) {
        let pending = Pending::new();
        let awaited = Awaited::new(pending.clone());
        let at = self.now() + duration;
        self.world.with(|state| state.add_event(at.0, Event::Timer(pending)));
        awaited.await;
    }

    pub(crate) async fn yield_now(&self) {
        let mut has_yielded = false;
        poll_fn(|context| {
            if std::mem::replace(&mut has_yielded, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    pub(crate) async fn stop(&self, reason: StopReason) -> ! {
        self.world.with(|state| {
            if state.is_alive(self.origin) {
                state.end_process(self.origin.node, Halt::Stopped(reason));
            }
        });
        loop {
            pending::<()>().await;
        }
    }

    /// Notifies `signal` some time after `arrival` is set.
    pub(crate) fn watch_arrival(&self, arrival: Arc<Arrival>, signal: Signal) {
        self.world.with(|state| state.watch_arrival(self.origin, arrival, signal));
    }

    pub(crate) async fn create_directory(&self, path: &Path) -> Result<(), FileError> {
        let missing: Vec<PathBuf> = self.world.with(|state| {
            let names = state.disk(self.origin.node).live();
            path.ancestors().take_while(|ancestor| !names.is_directory(ancestor)).map(Path::to_path_buf).collect()
        });
        for directory in missing.into_iter().rev() {
            let change = NameChange::CreateDirectory { path: directory.clone() };
            match self.submit(&directory, "create", Request::Names(change)).await {
                // Two tasks may create the same one.
                Ok(_) | Err(FileError::AlreadyExists { .. }) => {}
                Err(error) => return Err(error),
            }
            self.sync_directory(directory.parent().expect("the root is always there")).await?;
        }
        Ok(())
    }

    pub(crate) async fn list_directory(&self, path: &Path) -> Result<Vec<DirectoryEntry>, FileError> {
        self.pause().await;
        self.world.with(|state| {
            let disk = state.disk(self.origin.node);
            if disk.is_lost(path) {
                return Err(FileError::from_errno(path, "list directory", libc::EIO));
            }
            if !disk.live().is_directory(path) {
                return Err(FileError::NotFound { path: path.to_path_buf() });
            }
            let entries = disk.live().list(path).filter_map(|(entry_path, entry)| {
                let name = entry_path.file_name()?.to_str()?.to_string();
                Some(match entry {
                    Entry::Directory => DirectoryEntry { name, len_bytes: 0, is_directory: true },
                    Entry::File(inode) => {
                        DirectoryEntry { name, len_bytes: disk.contents(inode).len_bytes(), is_directory: false }
                    }
                })
            });
            Ok(entries.collect())
        })
    }

    pub(crate) async fn remove_file(&self, path: &Path) -> Result<(), FileError> {
        let change = NameChange::Remove { path: path.to_path_buf() };
        self.submit(path, "remove", Request::Names(change)).await.map(drop)
    }

    pub(crate) async fn rename(&self, from: &Path, to: &Path) -> Result<(), FileError> {
        assert_eq!(from.parent(), to.parent(), "a file stays in its directory");
        let change = NameChange::Rename { from: from.to_path_buf(), to: to.to_path_buf() };
        self.submit(from, "rename", Request::Names(change)).await.map(drop)
    }

    pub(crate) async fn sync_directory(&self, path: &Path) -> Result<(), FileError> {
        let request = Request::SyncDirectory { path: path.to_path_buf() };
        self.submit(path, "sync of the directory", request).await.map(drop)
    }

    pub(crate) async fn lock_directory(&self, path: &Path) -> Result<DirectoryLock, FileError> {
        self.pause().await;
        self.world.with(|state| {
            let disk = state.disk(self.origin.node);
            if disk.is_lost(path) {
                return Err(FileError::from_errno(path, "lock", libc::EIO));
            }
            if !disk.live().is_directory(path) {
                return Err(FileError::NotFound { path: path.to_path_buf() });
            }
            if !disk.lock(path) {
                return Err(FileError::Locked { path: path.to_path_buf() });
            }
            Ok(())
        })?;
        Ok(DirectoryLock::new(self.world.clone(), self.origin, path))
    }

    pub(crate) async fn create_file(&self, path: &Path, len_bytes: u64) -> Result<File, FileError> {
        let inode = self.world.with(|state| state.disk(self.origin.node).new_inode());
        let create = NameChange::CreateFile { path: path.to_path_buf(), inode };
        self.submit(path, "create", Request::Names(create)).await?;
        self.submit(path, "allocate", Request::Allocate { inode, len_bytes }).await?;
        self.submit(path, "sync", Request::Sync { inode }).await?;
        self.sync_directory(path.parent().unwrap_or(path)).await?;
        Ok(self.file(path, inode, len_bytes))
    }

    pub(crate) async fn open_file(&self, path: &Path) -> Result<File, FileError> {
        self.pause().await;
        let found = self.world.with(|state| {
            let disk = state.disk(self.origin.node);
            if disk.is_lost(path) {
                return Err(FileError::from_errno(path, "open", libc::EIO));
            }
            Ok(disk.live().file(path).map(|inode| (inode, disk.contents(inode).len_bytes())))
        })?;
        found
            .map(|(inode, len_bytes)| self.file(path, inode, len_bytes))
            .ok_or_else(|| FileError::NotFound { path: path.to_path_buf() })
    }

    /// As on the real machine, the kernel refuses every change through it.
    pub(crate) async fn open_file_to_read(&self, path: &Path) -> Result<File, FileError> {
        Ok(self.open_file(path).await?.into_read_only())
    }

    pub(crate) async fn read_whole(&self, path: &Path, bytes_max: usize) -> Result<Vec<u8>, FileError> {
        let file = self.open_file(path).await?;
        let len = usize::try_from(file.len_bytes()).unwrap_or(usize::MAX);
        if len > bytes_max {
            return Err(FileError::from_errno(path, "read", libc::EFBIG));
        }
        Ok(file.read_at(0, len).await?.as_slice().to_vec())
    }

    /// Both ways are the same on a simulated disk.
    pub(crate) async fn probe_flush_method(&self, _directory: &Path) -> Result<FlushMethod, FileError> {
        self.pause().await;
        Ok(FlushMethod::DurableWrite)
    }

    /// Asks the disk, and waits as long as the disk takes. What a read brings; nothing for the other operations.
    pub(super) async fn submit(
        &self,
        path: &Path,
        operation: &'static str,
        request: Request,
    ) -> Result<Vec<u8>, FileError> {
        let pending = self.world.with(|state| state.submit(self.origin, path, request));
        let outcome = Awaited::new(pending).await;
        outcome.map_err(|error| {
            let errno = match error {
                DiskError::NotFound => libc::ENOENT,
                DiskError::AlreadyExists => libc::EEXIST,
                DiskError::NoSpace => libc::ENOSPC,
                DiskError::NoFile => libc::EMFILE,
                DiskError::Io => libc::EIO,
            };
            FileError::from_errno(path, operation, errno)
        })
    }

    fn file(&self, path: &Path, inode: super::namespace::InodeId, len_bytes: u64) -> File {
        File::new(Core::new(self.world.clone(), self.origin), inode, path, len_bytes)
    }

    /// The time of a question to the file system that changes nothing. For ever, once this life is over.
    async fn pause(&self) {
        let duration_ns = self.world.with(|state| state.timing().draw_question_ns());
        self.sleep(Duration::from_nanos(duration_ns)).await;
        if !self.world.with(|state| state.is_alive(self.origin)) {
            pending::<()>().await;
        }
    }
}
