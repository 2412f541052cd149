//! The second io_uring ring of a core: entries go in, completions come out, one system call per turn for both; reads and durable writes of files may go in before.
//!
//! Owned by the core's `Core`; only the core's thread touches it (the kernel enforces that: single issuer). Completions
//! are made only inside `enter` (deferred task work), so nothing changes behind the back of the core while it computes.
//!
//! Deliberately not here: what an entry is for. That is told apart by [`Tag`].

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{Ordering, fence};

use io_uring::squeue::Entry;
use io_uring::{EnterFlags, IoUring, opcode, types};

use crate::StartError;

/// Entries that one call to the kernel can take. More wait in the backlog for the next.
const SUBMISSION_COUNT: u32 = 1024;
/// Completions that the kernel can leave without the slow path. A multishot receive makes many for one entry.
const COMPLETION_COUNT: u32 = 8192;

/// What a completion belongs to: kept in the kernel's `user_data`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tag {
    /// A slot of `Operations`: files, timers.
    Operation(u32),
    /// A slot of `QueuedReads`.
    Read(u32),
    /// The multishot accept of a listener.
    Accept(u32),
    /// The multishot receive of a connection.
    Receive(u32),
    /// The send in flight of a connection.
    Send(u32),
    /// A cancellation, shutdown or close: nobody waits for it.
    Forgotten,
}

impl Tag {
    /// Kind in the upper half, index in the lower.
    pub(crate) fn to_user_data(self) -> u64 {
        let (kind, index) = match self {
            Tag::Operation(index) => (1u64, index),
            Tag::Accept(index) => (2, index),
            Tag::Receive(index) => (3, index),
            Tag::Send(index) => (4, index),
            Tag::Forgotten => (5, 0),
            Tag::Read(index) => (6, index),
        };
        kind << 32 | u64::from(index)
    }

    pub(crate) fn from_user_data(user_data: u64) -> Tag {
        let index = u32::try_from(user_data & u64::from(u32::MAX)).expect("masked to 32 bits");
        match user_data >> 32 {
            1 => Tag::Operation(index),
            2 => Tag::Accept(index),
            3 => Tag::Receive(index),
            4 => Tag::Send(index),
            5 => Tag::Forgotten,
            6 => Tag::Read(index),
            kind => panic!("the kernel returned a tag of kind {kind} that was never given to it"),
        }
    }
}

/// A completion, copied out of the ring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Completion {
    pub(crate) tag: Tag,
    /// Bytes or a descriptor if not negative, else minus the error number.
    pub(crate) result: i32,
    pub(crate) flags: u32,
}

impl Completion {
    /// Whether the same entry will complete again.
    pub(crate) fn has_more(&self) -> bool {
        io_uring::cqueue::more(self.flags)
    }

    /// The provided buffer that the kernel has filled.
    pub(crate) fn buffer_id(&self) -> Option<u16> {
        io_uring::cqueue::buffer_select(self.flags)
    }
}

/// The ring of one core.
pub(crate) struct Ring {
    ring: IoUring,
    /// Entries that found the submission queue full, in order. Bounded by what may be in flight: two entries per
    /// connection, one per operation.
    backlog: VecDeque<Entry>,
}

impl Ring {
    /// Makes the ring of this thread and lets its completions ring `doorbell` (an eventfd) while that is enabled.
    pub(crate) fn new(doorbell: BorrowedFd<'_>) -> Result<Ring, StartError> {
        let mut builder = IoUring::builder();
        builder
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_coop_taskrun()
            .setup_taskrun_flag()
            .setup_submit_all()
            .setup_cqsize(COMPLETION_COUNT);
        let ring = builder.build(SUBMISSION_COUNT).map_err(|error| explain_setup_error(&error))?;
        if !ring.params().is_feature_nodrop() {
            return Err(StartError::IoUringTooOld { missing: "lossless completion queue" });
        }
        ring.submitter()
            .register_eventfd(doorbell.as_raw_fd())
            .map_err(|error| io_start_error("io_uring_register(EVENTFD)", &error))?;
        let ring = Ring { ring, backlog: VecDeque::new() };
        Ok(ring)
    }

    /// Lets the kernel's worker threads run on any CPU of `cpus` instead of on this core's alone, where they would
    /// take time from it. A kernel that refuses is no reason to stop.
    pub(crate) fn free_kernel_workers(&self, cpus: &[usize]) {
        // SAFETY: `cpu_set_t` is an array of integers; all bits zero is the empty set.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        for cpu in cpus.iter().filter(|cpu| **cpu < libc::CPU_SETSIZE as usize) {
            // SAFETY: `cpu` is less than CPU_SETSIZE, the number of bits in `set`.
            unsafe { libc::CPU_SET(*cpu, &mut set) };
        }
        if let Err(error) = self.ring.submitter().register_iowq_aff(&set) {
            tracing::debug!(%error, "the kernel's io workers stay on their core");
        }
    }

    /// The submitter, for registrations.
    pub(crate) fn submitter(&self) -> io_uring::Submitter<'_> {
        self.ring.submitter()
    }

    /// Queues an entry for the next `enter`.
    ///
    /// # Safety
    /// Every address in `entry` must stay valid, and be left alone as the operation demands, until the entry's last
    /// completion has been taken out of this ring.
    pub(crate) unsafe fn push(&mut self, entry: Entry, tag: Tag) {
        let entry = entry.user_data(tag.to_user_data());
        if !self.backlog.is_empty() {
            self.backlog.push_back(entry);
            return;
        }
        // SAFETY: the caller's promise, word for word.
        if unsafe { self.ring.submission().push(&entry) }.is_err() {
            self.backlog.push_back(entry);
        }
    }

    /// Queues the cancellation of whatever matches.
    pub(crate) fn push_cancel(&mut self, target: types::CancelBuilder) {
        let entry = opcode::AsyncCancel2::new(target).build();
        // SAFETY: a cancellation holds no address.
        unsafe { self.push(entry, Tag::Forgotten) };
    }

    /// Whether an `enter` would do anything: entries to submit, or completions to be made.
    pub(crate) fn needs_enter(&mut self) -> bool {
        let submission = self.ring.submission();
        !submission.is_empty() || !self.backlog.is_empty() || submission.taskrun() || submission.cq_overflow()
    }

    /// Whether completions wait to be taken.
    pub(crate) fn has_completions(&mut self) -> bool {
        !self.ring.completion().is_empty()
    }

    /// Submits what is queued and lets the kernel make completions; waits for `wait_count` of them.
    pub(crate) fn enter(&mut self, wait_count: u32) {
        self.call(wait_count, EnterFlags::GETEVENTS);
    }

    /// Submits what is queued if that is so many entries or more, and has no completion made.
    pub(crate) fn submit_early(&mut self, count_min: usize) {
        if self.ring.submission().len() >= count_min {
            self.call(0, EnterFlags::empty());
        }
    }

    fn call(&mut self, wait_count: u32, flags: EnterFlags) {
        self.refill();
        let length = self.ring.submission().len();
        let to_submit = u32::try_from(length).expect("at most SUBMISSION_COUNT entries");
        // SAFETY: there is no argument for the kernel to read, and the entries are covered by `push`.
        let outcome =
            unsafe { self.ring.submitter().enter::<libc::sigset_t>(to_submit, wait_count, flags.bits(), None) };
        if let Err(error) = outcome {
            // Interrupted; or the completions have to be taken first. What was not submitted is still in the queue.
            let is_passing = matches!(error.raw_os_error(), Some(libc::EINTR | libc::EAGAIN | libc::EBUSY));
            assert!(is_passing, "io_uring_enter failed: {error}");
        }
    }

    /// Moves every completion there is to the end of `into`.
    pub(crate) fn take_completions(&mut self, into: &mut Vec<Completion>) {
        for completion in self.ring.completion() {
            let tag = Tag::from_user_data(completion.user_data());
            into.push(Completion { tag, result: completion.result(), flags: completion.flags() });
        }
    }

    /// From here on completions ring the doorbell. Look at `needs_enter` and `has_completions` afterwards: what came
    /// before does not ring.
    pub(crate) fn enable_doorbell(&mut self) {
        self.ring.completion().enable_eventfd();
        // The flag must be visible before the caller looks for work; pairs with the kernel's barrier between marking
        // work and reading the flag.
        fence(Ordering::SeqCst);
    }

    /// From here on completions are silent: the core looks by itself.
    pub(crate) fn disable_doorbell(&mut self) {
        self.ring.completion().disable_eventfd();
    }

    fn refill(&mut self) {
        let mut submission = self.ring.submission();
        while let Some(entry) = self.backlog.front() {
            // SAFETY: promised by whoever pushed the entry first.
            if unsafe { submission.push(entry) }.is_err() {
                break;
            }
            self.backlog.pop_front();
        }
    }
}

/// Says what is wrong with io_uring here.
fn explain_setup_error(error: &io::Error) -> StartError {
    match error.raw_os_error() {
        Some(libc::ENOSYS) => StartError::NoIoUring,
        Some(libc::EPERM | libc::EACCES) => StartError::IoUringForbidden { sysctl: io_uring_disabled() },
        Some(libc::EINVAL) => StartError::IoUringTooOld { missing: "deferred task work (IORING_SETUP_DEFER_TASKRUN)" },
        Some(libc::ENOMEM) => super::memory_lock_error(1),
        _ => io_start_error("io_uring_setup", error),
    }
}

pub(crate) fn io_start_error(operation: &'static str, error: &io::Error) -> StartError {
    StartError::Io { operation, errno: error.raw_os_error().unwrap_or(0), cause: error.to_string() }
}

fn io_uring_disabled() -> Option<u8> {
    #[allow(clippy::disallowed_methods, reason = "once, when the start has failed")]
    std::fs::read("/proc/sys/kernel/io_uring_disabled").ok().and_then(|text| match text.first() {
        Some(digit @ b'0'..=b'9') => Some(digit - b'0'),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn tags_survive_the_kernel() {
        for index in [0, 1, 77, u32::MAX] {
            for tag in [Tag::Operation, Tag::Read, Tag::Accept, Tag::Receive, Tag::Send].map(|kind| kind(index)) {
                assert_eq!(Tag::from_user_data(tag.to_user_data()), tag);
            }
        }
        assert_eq!(Tag::from_user_data(Tag::Forgotten.to_user_data()), Tag::Forgotten);
    }

    #[test]
    fn entries_go_early_once_they_are_enough() {
        let doorbell = rustix::event::eventfd(0, rustix::event::EventfdFlags::empty()).unwrap();
        let mut ring = Ring::new(doorbell.as_fd()).unwrap();
        let waiting = (1..=6).map(|_| {
            // SAFETY: the entry holds no address.
            unsafe { ring.push(opcode::Nop::new().build(), Tag::Forgotten) };
            ring.submit_early(3);
            ring.ring.submission().len()
        });
        assert_eq!(waiting.collect::<Vec<_>>(), [1, 2, 0, 1, 2, 0]);
    }

    #[test]
    fn each_refusal_of_the_kernel_names_its_remedy() {
        let check = |errno: i32, expect: &str| {
            let text = explain_setup_error(&io::Error::from_raw_os_error(errno)).to_string();
            assert!(text.contains(expect), "{errno}: {text}");
        };
        check(libc::ENOSYS, "CONFIG_IO_URING");
        check(libc::EPERM, "seccomp");
        check(libc::EINVAL, "6.1");
        check(libc::ENOMEM, "ulimit -l");
        check(libc::EMFILE, "io_uring_setup failed");
    }
}
