//! Files of the real machine: direct I/O through the core's ring.
//!
//! Each operation is one entry in the turn's one system call, but what makes bytes durable has one of its own. The
//! operation's slot owns the buffer and keeps the descriptor open until the completion, so a dropped future leaves
//! nothing dangling.

use std::cell::Cell;
use std::ffi::CString;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use io_uring::opcode;
use io_uring::squeue::Entry;
use io_uring::types::{self, FsyncFlags};

use super::core::Core;
use super::descriptor::FileDescriptor;
use super::flush_method::FlushChoice;
use super::operations::Payload;
use crate::{BLOCK_BYTES, Buffer, FileError, FlushMethod};

/// Zeros written in one step when a file is created: what a request's flush may have to wait behind.
const ZERO_STEP_BYTES: usize = 256 << 10;
/// Who may open the files that are made: this user alone. There are keys among them.
const FILE_MODE: u32 = 0o600;
/// The most that one operation moves.
pub(super) const TRANSFER_BYTES_MAX: usize = 1 << 30;

/// When the kernel gets an operation.
#[derive(Clone, Copy)]
enum Submission {
    /// With all else that came up in the turn.
    WithTheTurn,
    /// Now: many wait for it, and the disk may have nothing else to do until the turn ends.
    AtOnce,
}

/// An open file.
pub(crate) struct File {
    core: Rc<Core>,
    descriptor: Rc<FileDescriptor>,
    path: Rc<Path>,
    len_bytes: Cell<u64>,
    flush_choice: Arc<FlushChoice>,
}

impl File {
    pub(crate) fn len_bytes(&self) -> u64 {
        self.len_bytes.get()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) async fn extend_to(&self, len_bytes: u64) -> Result<(), FileError> {
        let offset = self.len_bytes.get();
        if len_bytes > offset {
            let entry = opcode::Fallocate::new(self.raw(), len_bytes - offset).offset(offset).build();
            // SAFETY: the entry holds no address, and the payload keeps its descriptor open.
            unsafe { self.core.perform(entry, self.payload(None), &self.path, "fallocate") }.await?;
            self.len_bytes.set(self.len_bytes.get().max(len_bytes));
        }
        Ok(())
    }

    pub(crate) async fn read_at(&self, offset: u64, len: usize) -> Result<Buffer, FileError> {
        assert!(len <= TRANSFER_BYTES_MAX, "a read of {len} bytes");
        // SAFETY: it is given away when the kernel has written all of it, and dropped unread otherwise.
        let mut buffer = unsafe { Buffer::unfilled(len) };
        let mut done_bytes = 0;
        while done_bytes < len {
            let length = u32::try_from(len - done_bytes).expect("at most TRANSFER_BYTES_MAX");
            // SAFETY: inside of the buffer.
            let rest = unsafe { buffer.as_mut_ptr().add(done_bytes) };
            let entry = opcode::Read::new(self.raw(), rest, length);
            let entry = entry.offset(offset + done_bytes as u64).build();
            // SAFETY: the entry reads into `buffer`, which goes along.
            let (result, returned) = unsafe { self.transfer(entry, buffer, Submission::WithTheTurn) }.await;
            buffer = returned;
            match read_step(result, &mut done_bytes, len) {
                ReadStep::Whole | ReadStep::Rest => {}
                ReadStep::PastEnd => return Err(FileError::PastEnd { path: self.path.to_path_buf(), offset, len }),
                ReadStep::Failed(errno) => return Err(self.error("read", errno)),
            }
        }
        Ok(buffer)
    }

    pub(crate) async fn write_at(&self, offset: u64, buffer: Buffer) -> (Buffer, Result<(), FileError>) {
        self.write_with(offset, buffer, 0, Submission::WithTheTurn).await
    }

    pub(crate) async fn write_durable_at(&self, offset: u64, buffer: Buffer) -> (Buffer, Result<(), FileError>) {
        let (method, start) = (self.flush_choice.next(), self.core.now());
        let (buffer, outcome) = self.write_durable_by(method, offset, buffer).await;
        if outcome.is_ok() {
            self.flush_choice.note(method, self.core.now().since(start));
        }
        (buffer, outcome)
    }

    pub(super) async fn write_durable_by(
        &self,
        method: FlushMethod,
        offset: u64,
        buffer: Buffer,
    ) -> (Buffer, Result<(), FileError>) {
        match method {
            FlushMethod::DurableWrite => self.write_with(offset, buffer, libc::RWF_DSYNC, Submission::AtOnce).await,
            FlushMethod::WriteThenSync => {
                let (buffer, outcome) = self.write_with(offset, buffer, 0, Submission::AtOnce).await;
                match outcome {
                    Ok(()) => (buffer, self.sync().await),
                    Err(error) => (buffer, Err(error)),
                }
            }
        }
    }

    pub(crate) async fn sync(&self) -> Result<(), FileError> {
        let entry = opcode::Fsync::new(self.raw()).flags(FsyncFlags::DATASYNC).build();
        // SAFETY: the entry holds no address, and the payload keeps its descriptor open.
        let sync = unsafe { self.core.submit(entry, self.payload(None)) };
        self.core.ring.borrow_mut().submit_early(1);
        let (result, _) = sync.await;
        if result < 0 { Err(self.error("fdatasync", -result)) } else { Ok(()) }
    }

    pub(super) fn flush_choice(&self) -> &FlushChoice {
        &self.flush_choice
    }

    async fn write_with(
        &self,
        offset: u64,
        mut buffer: Buffer,
        flags: i32,
        submission: Submission,
    ) -> (Buffer, Result<(), FileError>) {
        let len = buffer.len();
        assert!(len <= TRANSFER_BYTES_MAX, "a write of {len} bytes");
        let mut done_bytes = 0;
        while done_bytes < len {
            let rest = &buffer.as_slice()[done_bytes..];
            let length = u32::try_from(rest.len()).expect("at most TRANSFER_BYTES_MAX");
            let entry = opcode::Write::new(self.raw(), rest.as_ptr(), length);
            let entry = entry.offset(offset + done_bytes as u64).rw_flags(flags).build();
            // SAFETY: the entry writes from `buffer`, which goes along.
            let (result, returned) = unsafe { self.transfer(entry, buffer, submission) }.await;
            buffer = returned;
            match usize::try_from(result) {
                Ok(0) => return (buffer, Err(self.error("write", libc::EIO))),
                Ok(moved_bytes) => done_bytes += moved_bytes,
                Err(_) => return (buffer, Err(self.error("write", -result))),
            }
        }
        (buffer, Ok(()))
    }

    /// Runs one read or write.
    ///
    /// # Safety
    /// The addresses in `entry` lie in `buffer`, the descriptor is this file's.
    async unsafe fn transfer(&self, entry: Entry, buffer: Buffer, submission: Submission) -> (i32, Buffer) {
        // SAFETY: the payload owns the buffer, whose memory does not move with it, and the descriptor.
        let transfer = unsafe { self.core.submit(entry, self.payload(Some(buffer))) };
        if matches!(submission, Submission::AtOnce) {
            self.core.ring.borrow_mut().submit_early(1);
        }
        let (result, payload) = transfer.await;
        (result, payload.buffer.expect("given above"))
    }

    pub(super) fn descriptor(&self) -> &Rc<FileDescriptor> {
        &self.descriptor
    }

    pub(super) fn shared_path(&self) -> &Rc<Path> {
        &self.path
    }

    fn payload(&self, buffer: Option<Buffer>) -> Payload {
        Payload { buffer, file: Some(self.descriptor.clone()), ..Payload::default() }
    }

    fn raw(&self) -> types::Fd {
        types::Fd(self.descriptor.as_raw_fd())
    }

    fn error(&self, operation: &'static str, errno: i32) -> FileError {
        FileError::from_errno(&self.path, operation, errno)
    }
}

impl Core {
    pub(crate) async fn open_file(self: &Rc<Self>, path: &Path) -> Result<File, FileError> {
        let descriptor = self.open_direct(path, libc::O_RDWR, "open").await?;
        self.known_file(descriptor, path)
    }

    pub(crate) async fn open_file_to_read(self: &Rc<Self>, path: &Path) -> Result<File, FileError> {
        let descriptor = self.open_direct(path, libc::O_RDONLY, "open").await?;
        self.known_file(descriptor, path)
    }

    /// A file that was there, with the length that it has.
    fn known_file(self: &Rc<Self>, descriptor: OwnedFd, path: &Path) -> Result<File, FileError> {
        let length = rustix::fs::fstat(&descriptor)
            .map_err(|error| FileError::from_errno(path, "stat", error.raw_os_error()))?;
        let len_bytes = u64::try_from(length.st_size).expect("a length is not negative");
        self.new_file(descriptor, path, len_bytes)
    }

    pub(crate) async fn create_file(self: &Rc<Self>, path: &Path, len_bytes: u64) -> Result<File, FileError> {
        assert!(len_bytes.is_multiple_of(BLOCK_BYTES as u64), "a file of {len_bytes} bytes is not whole blocks");
        let descriptor = self.open_direct(path, libc::O_RDWR | libc::O_CREAT | libc::O_EXCL, "create").await?;
        let file = self.new_file(descriptor, path, 0)?;
        file.extend_to(len_bytes).await?;
        let mut zeros = Buffer::zeroed(ZERO_STEP_BYTES);
        let mut offset = 0;
        while offset < len_bytes {
            let left = usize::try_from(len_bytes - offset).unwrap_or(usize::MAX);
            zeros.truncate(left);
            let step_bytes = zeros.len() as u64;
            let (returned, outcome) = file.write_at(offset, zeros).await;
            outcome?;
            zeros = returned;
            offset += step_bytes;
            self.yield_now().await;
        }
        // The length is metadata, which fdatasync covers as far as reading the file back needs it.
        file.sync().await?;
        self.sync_directory(parent_of(path)).await?;
        Ok(file)
    }

    /// Buffered, for a length that is no whole number of blocks, and because where it lies may know no direct I/O.
    #[allow(clippy::unused_async, reason = "the same shape as on the simulated machine")]
    pub(crate) async fn read_whole(&self, path: &Path, bytes_max: usize) -> Result<Vec<u8>, FileError> {
        let failed = |error: std::io::Error| FileError::from_io(path, "read", &error);
        let file = std::fs::OpenOptions::new().read(true).open(path).map_err(failed)?;
        // As much as may be needed at once: what grew would leave copies of it behind.
        let mut bytes = Vec::with_capacity(bytes_max + 1);
        file.take(bytes_max as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() > bytes_max {
            return Err(FileError::from_errno(path, "read", libc::EFBIG));
        }
        Ok(bytes)
    }

    /// Runs an operation whose success is a count or a descriptor.
    ///
    /// # Safety
    /// As for `submit`: `payload` owns the memory that `entry` points to, and keeps its descriptor open.
    pub(super) async unsafe fn perform(
        &self,
        entry: Entry,
        payload: Payload,
        path: &Path,
        operation: &'static str,
    ) -> Result<i32, FileError> {
        // SAFETY: the caller's promise, word for word.
        let (result, _) = unsafe { self.submit(entry, payload) }.await;
        if result < 0 { Err(FileError::from_errno(path, operation, -result)) } else { Ok(result) }
    }

    async fn open_direct(&self, path: &Path, flags: i32, operation: &'static str) -> Result<OwnedFd, FileError> {
        let flags = flags | libc::O_CLOEXEC;
        match self.open_with(path, flags | libc::O_DIRECT, operation).await {
            // A file system in memory may have no direct I/O, and nothing to gain from it. A file that was there would
            // have been refused before, so one that is there now is what the first attempt has left.
            Err(FileError::Io { errno: libc::EINVAL, .. }) => {
                self.open_with(path, flags & !libc::O_EXCL, operation).await
            }
            outcome => outcome,
        }
    }

    pub(super) async fn open_with(
        &self,
        path: &Path,
        flags: i32,
        operation: &'static str,
    ) -> Result<OwnedFd, FileError> {
        let name = c_path(path)?;
        let directory = types::Fd(libc::AT_FDCWD);
        let entry = opcode::OpenAt::new(directory, name.as_ptr()).flags(flags).mode(FILE_MODE).build();
        let payload = Payload { paths: Some((name, CString::default())), ..Payload::default() };
        // SAFETY: the entry points to the name, which the payload owns and which does not move with it.
        let raw = unsafe { self.perform(entry, payload, path, operation) }.await?;
        // SAFETY: a successful open has made this descriptor and given it to us alone.
        Ok(unsafe { OwnedFd::from_raw_fd(raw) })
    }

    fn new_file(self: &Rc<Self>, descriptor: OwnedFd, path: &Path, len_bytes: u64) -> Result<File, FileError> {
        let flush_choice = self
            .node
            .flush_methods
            .of(descriptor.as_fd())
            .map_err(|error| FileError::from_errno(path, "stat", error.raw_os_error()))?;
        let descriptor = Rc::new(FileDescriptor::new(descriptor, self));
        Ok(File { core: self.clone(), descriptor, path: Rc::from(path), len_bytes: Cell::new(len_bytes), flush_choice })
    }
}

/// What one completion says of a read.
pub(super) enum ReadStep {
    /// All is there.
    Whole,
    /// Some is there: what is missing has to be asked for.
    Rest,
    /// The file ends before it.
    PastEnd,
    /// The error's number.
    Failed(i32),
}

/// Takes in the result of reading what was missing of `len_bytes` after `done_bytes`.
pub(super) fn read_step(result: i32, done_bytes: &mut usize, len_bytes: usize) -> ReadStep {
    let Ok(moved_bytes) = usize::try_from(result) else { return ReadStep::Failed(-result) };
    *done_bytes += moved_bytes;
    if *done_bytes >= len_bytes {
        ReadStep::Whole
    } else if moved_bytes == 0 || !done_bytes.is_multiple_of(BLOCK_BYTES) {
        // Direct reads end inside a block only at the end of the file.
        ReadStep::PastEnd
    } else {
        ReadStep::Rest
    }
}

/// The path as the kernel takes it.
pub(super) fn c_path(path: &Path) -> Result<CString, FileError> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| FileError::from_errno(path, "name", libc::EINVAL))
}

/// The directory that holds `path`.
fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
