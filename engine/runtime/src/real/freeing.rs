//! Gives the blocks of removed files back in steps.
//!
//! Some file systems tell the disk of each stretch of blocks that becomes free (`discard`), and some disks do nothing else until they have dealt with it: 24 ms
//! for 64 MiB were seen, for which every flush of the journal waited. So a large file is held open while its name is removed, and its blocks are freed from
//! the end on, few at a time, with a pause behind each step. A crash in between leaves nothing: the file system frees what has no name. One queue a core.
//!
//! Deliberately not here: who else has the file open. It is freed when nobody has (`holders_of`), so whoever reads it still reads what is there.

use std::collections::VecDeque;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use io_uring::{opcode, types};
use rustix::io::Errno;

use super::core::Core;
use super::descriptor::FileDescriptor;
use super::operations::Payload;
use crate::{FileError, ShareClass};

/// Bytes that are freed at a time. Smaller files are freed at once.
const STEP_BYTES: u64 = 4 << 20;
/// The pause behind a step, as a multiple of what the step took: so the disk is busy with it for a quarter of the time at most.
const PAUSE_FACTOR: u32 = 3;
/// When a file that somebody else has open is looked at again.
const RETRY_DELAY: Duration = Duration::from_millis(200);
/// Files held at most: more are freed as they are removed.
const HELD_COUNT_MAX: usize = 256;

/// Files without a name whose blocks are still to be freed.
#[derive(Default)]
pub(super) struct Freeing {
    waiting: VecDeque<Removed>,
    is_running: bool,
}

/// One of them.
struct Removed {
    descriptor: Rc<FileDescriptor>,
    len_bytes: u64,
    /// The name that it had.
    path: Rc<Path>,
}

/// Whether a file may be freed.
enum Holders {
    Us,
    Others,
    /// The file system does not say.
    Unknown,
}

impl Core {
    /// Opens the file at `path`, which is about to be removed, if its blocks are to be freed in steps.
    pub(super) async fn hold_large(self: &Rc<Self>, path: &Path) -> Option<OwnedFd> {
        if self.freeing.borrow().waiting.len() >= HELD_COUNT_MAX {
            return None;
        }
        let descriptor = self.open_with(path, libc::O_RDWR | libc::O_CLOEXEC, "open").await.ok()?;
        (len_bytes(&descriptor) > STEP_BYTES).then_some(descriptor)
    }

    /// Frees the blocks of a file that has no name any more, by and by.
    pub(super) fn free_later(self: &Rc<Self>, descriptor: OwnedFd, path: &Path) {
        let len_bytes = len_bytes(&descriptor);
        let descriptor = Rc::new(FileDescriptor::new(descriptor, self));
        let mut freeing = self.freeing.borrow_mut();
        freeing.waiting.push_back(Removed { descriptor, len_bytes, path: Rc::from(path) });
        if !std::mem::replace(&mut freeing.is_running, true) {
            self.spawn(ShareClass::Background, Box::pin(free_all(self.clone())));
        }
    }

    /// Frees a file that nobody else has open; what fails is left to its closing.
    async fn free(self: &Rc<Self>, removed: &Removed) -> Result<(), FileError> {
        let mut end = removed.len_bytes;
        while end > STEP_BYTES {
            let begun = self.now();
            let start = (end - 1) / STEP_BYTES * STEP_BYTES;
            self.free_step(removed, start, end - start).await?;
            end = start;
            self.sleep(self.now().since(begun) * PAUSE_FACTOR).await;
        }
        Ok(())
    }

    /// Frees a stretch, and has the file system tell the disk now, not of many at once later.
    async fn free_step(&self, removed: &Removed, offset: u64, len_bytes: u64) -> Result<(), FileError> {
        let file = types::Fd(removed.descriptor.as_raw_fd());
        let payload = || Payload { file: Some(removed.descriptor.clone()), ..Payload::default() };
        let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        let entry = opcode::Fallocate::new(file, len_bytes).offset(offset).mode(mode).build();
        // SAFETY: the entry holds no address, and the payload keeps its descriptor open.
        unsafe { self.perform(entry, payload(), &removed.path, "free") }.await?;
        // SAFETY: as above.
        unsafe { self.perform(opcode::Fsync::new(file).build(), payload(), &removed.path, "fsync") }.await?;
        Ok(())
    }
}

/// The task that frees what waits; it ends when nothing does.
async fn free_all(core: Rc<Core>) {
    loop {
        let Some(removed) = next(&core) else { return };
        match holders_of(&removed) {
            Holders::Us => {
                if let Err(error) = core.free(&removed).await {
                    tracing::debug!(%error, "the blocks of a removed file are freed at once");
                }
            }
            Holders::Unknown => {}
            Holders::Others => {
                core.freeing.borrow_mut().waiting.push_back(removed);
                core.sleep(RETRY_DELAY).await;
            }
        }
    }
}

fn next(core: &Core) -> Option<Removed> {
    let mut freeing = core.freeing.borrow_mut();
    let next = freeing.waiting.pop_front();
    freeing.is_running = next.is_some();
    next
}

/// Who has the file open. The kernel gives a lease for writing to the only one who has, and a file without a name is opened by nobody any more. The lease is
/// given back at once: whoever breaks one sends a signal.
fn holders_of(removed: &Removed) -> Holders {
    // SAFETY: the descriptor is open, and the command takes a number.
    let lease = |kind: i32| unsafe { libc::fcntl(removed.descriptor.as_raw_fd(), libc::F_SETLEASE, kind) };
    if lease(libc::F_WRLCK) == 0 {
        lease(libc::F_UNLCK);
        return Holders::Us;
    }
    match Errno::from_io_error(&std::io::Error::last_os_error()) {
        Some(Errno::AGAIN) => Holders::Others,
        _ => Holders::Unknown,
    }
}

fn len_bytes(descriptor: &OwnedFd) -> u64 {
    let length = rustix::fs::fstat(descriptor).map_or(0, |facts| facts.st_size);
    u64::try_from(length).unwrap_or(0)
}
