//! Reads of the real machine that are taken together: a slot a read in a table of the core, and buffers that are used again.
//!
//! A slot owns the buffer and keeps the descriptor open from the submission to the completion, whatever becomes of the queue. The driver
//! ends a read where it takes its completion: nothing is woken but whoever takes the outcomes. One table a core.

use std::cell::RefCell;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::rc::Rc;

use io_uring::squeue::Entry;
use io_uring::{opcode, types};

use super::core::Core;
use super::descriptor::FileDescriptor;
use super::file::{File, ReadStep, TRANSFER_BYTES_MAX, read_step};
use super::ring::Tag;
use crate::read_queue::Outcomes;
use crate::{Buffer, FileError};

/// Bytes of a buffer that is used again; a longer read has one of its own.
const SPARE_BYTES: usize = 8 << 10;
/// Reads that the kernel gets at once, not with the end of the turn: that may be a millisecond off, for which the disk would have less and less to do.
const EARLY_COUNT: usize = 4;
/// Buffers that are kept, half a megabyte in all.
const SPARE_COUNT_MAX: usize = 64;

/// One end of the reads of a core.
pub(crate) struct ReadQueue {
    core: Rc<Core>,
    outcomes: Rc<Outcomes>,
    spare: RefCell<Vec<Buffer>>,
}

/// The reads of one core that the kernel has.
#[derive(Default)]
pub(super) struct QueuedReads {
    slots: Vec<Option<QueuedRead>>,
    free: Vec<u32>,
}

struct QueuedRead {
    outcomes: Rc<Outcomes>,
    token: u64,
    /// Keeps it open.
    descriptor: Rc<FileDescriptor>,
    path: Rc<Path>,
    offset: u64,
    /// As long as the read.
    buffer: Buffer,
    done_bytes: usize,
}

impl ReadQueue {
    pub(crate) fn new(core: Rc<Core>, outcomes: Rc<Outcomes>) -> ReadQueue {
        ReadQueue { core, outcomes, spare: RefCell::default() }
    }

    pub(crate) fn begin(&self, file: &File, (offset, len_bytes): (u64, usize), token: u64) {
        assert!(len_bytes <= TRANSFER_BYTES_MAX, "a read of {len_bytes} bytes");
        let read = QueuedRead {
            outcomes: Rc::clone(&self.outcomes),
            token,
            descriptor: Rc::clone(file.descriptor()),
            path: Rc::clone(file.shared_path()),
            offset,
            buffer: self.buffer(len_bytes),
            done_bytes: 0,
        };
        let mut reads = self.core.reads.borrow_mut();
        let index = reads.put(read);
        self.core.push_read(&mut reads, index);
        self.core.ring.borrow_mut().submit_early(EARLY_COUNT);
        self.core.call_driver();
    }

    pub(crate) fn give_back(&self, mut buffer: Buffer) {
        buffer.restore();
        let mut spare = self.spare.borrow_mut();
        if buffer.len() == SPARE_BYTES && spare.len() < SPARE_COUNT_MAX {
            spare.push(buffer);
        }
    }

    fn buffer(&self, len_bytes: usize) -> Buffer {
        if len_bytes > SPARE_BYTES {
            // SAFETY: it is given away when the kernel has written all of it, and dropped unread otherwise.
            return unsafe { Buffer::unfilled(len_bytes) };
        }
        // Zeros, for behind a read's end there is more of it when it is given back.
        let mut buffer = self.spare.borrow_mut().pop().unwrap_or_else(|| Buffer::zeroed(SPARE_BYTES));
        buffer.truncate(len_bytes);
        buffer
    }
}

impl QueuedReads {
    /// How many reads the kernel has.
    pub(super) fn in_flight_count(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    fn put(&mut self, read: QueuedRead) -> u32 {
        if let Some(index) = self.free.pop() {
            self.slots[index as usize] = Some(read);
            return index;
        }
        self.slots.push(Some(read));
        u32::try_from(self.slots.len() - 1).expect("fewer than 4 billion reads in flight")
    }

    fn get_mut(&mut self, index: u32) -> &mut QueuedRead {
        self.slots[index as usize].as_mut().expect("a read completes once")
    }

    fn remove(&mut self, index: u32) -> QueuedRead {
        let read = self.slots[index as usize].take().expect("a read completes once");
        self.free.push(index);
        read
    }
}

impl QueuedRead {
    /// What reads the rest of it.
    fn entry(&mut self) -> Entry {
        let length = u32::try_from(self.buffer.len() - self.done_bytes).expect("at most TRANSFER_BYTES_MAX");
        // SAFETY: inside of the buffer.
        let rest = unsafe { self.buffer.as_mut_ptr().add(self.done_bytes) };
        let entry = opcode::Read::new(types::Fd(self.descriptor.as_raw_fd()), rest, length);
        entry.offset(self.offset + self.done_bytes as u64).build()
    }

    /// Tells whoever waits.
    fn end(self, step: ReadStep) {
        let result = match step {
            ReadStep::Whole => Ok(self.buffer),
            ReadStep::Failed(errno) => Err(FileError::from_errno(&self.path, "read", errno)),
            ReadStep::PastEnd | ReadStep::Rest => {
                let (path, len) = (self.path.to_path_buf(), self.buffer.len());
                Err(FileError::PastEnd { path, offset: self.offset, len })
            }
        };
        self.outcomes.add(self.token, result);
    }
}

impl Core {
    /// The kernel has done what was asked of it for a read: all of it, most often.
    pub(super) fn complete_read(&self, index: u32, result: i32) {
        let mut reads = self.reads.borrow_mut();
        let read = reads.get_mut(index);
        let step = read_step(result, &mut read.done_bytes, read.buffer.len());
        if matches!(step, ReadStep::Rest) {
            self.push_read(&mut reads, index);
            return;
        }
        let read = reads.remove(index);
        drop(reads);
        read.end(step);
    }

    /// The same when the core ends, and nobody reads on.
    pub(super) fn abandon_read(&self, index: u32) {
        let read = self.reads.borrow_mut().remove(index);
        drop(read);
    }

    fn push_read(&self, reads: &mut QueuedReads, index: u32) {
        let entry = reads.get_mut(index).entry();
        // SAFETY: the slot keeps the buffer, whose memory does not move, and the descriptor until the completion was taken.
        unsafe { self.ring.borrow_mut().push(entry, Tag::Read(index)) };
    }
}
