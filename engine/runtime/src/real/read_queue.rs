//! Reads of the real machine that are taken together: a slot a read in a table of the core.
//!
//! A slot owns the buffer and keeps the descriptor open from the submission to the completion, whatever becomes of the queue. The driver
//! ends a read where it takes its completion: nothing is woken but whoever takes the outcomes. One table a core.

use std::os::fd::AsRawFd;
use std::path::Path;
use std::rc::Rc;

use io_uring::squeue::Entry;
use io_uring::{opcode, types};

use super::core::Core;
use super::descriptor::FileDescriptor;
use super::file::{File, ReadStep, TRANSFER_BYTES_MAX, read_step};
use super::read_memory::ReadMemory;
use super::ring::{Ring, Tag};
use crate::read_queue::{Outcomes, ReadBuffer};
use crate::{Buffer, FileError};

/// Reads that the kernel gets at once, not with the end of the turn: that may be a millisecond off, for which the disk would have less and less to do.
const EARLY_COUNT: usize = 4;

/// One end of the reads of a core.
pub(crate) struct ReadQueue {
    core: Rc<Core>,
    outcomes: Rc<Outcomes>,
}

/// The reads of one core that the kernel has.
#[derive(Default)]
pub(super) struct QueuedReads {
    slots: Vec<Option<QueuedRead>>,
    free: Vec<u32>,
    /// There since the first read.
    memory: Option<Rc<ReadMemory>>,
}

struct QueuedRead {
    outcomes: Rc<Outcomes>,
    token: u64,
    /// Keeps it open.
    descriptor: Rc<FileDescriptor>,
    path: Rc<Path>,
    offset: u64,
    /// As long as the read.
    buffer: ReadBuffer,
    done_bytes: usize,
}

impl ReadQueue {
    pub(crate) fn new(core: Rc<Core>, outcomes: Rc<Outcomes>) -> ReadQueue {
        ReadQueue { core, outcomes }
    }

    pub(crate) fn begin(&self, file: &File, (offset, len_bytes): (u64, usize), token: u64) {
        assert!(len_bytes <= TRANSFER_BYTES_MAX, "a read of {len_bytes} bytes");
        let mut reads = self.core.reads.borrow_mut();
        let buffer = reads.buffer(len_bytes, &self.core.ring.borrow());
        let read = QueuedRead {
            outcomes: Rc::clone(&self.outcomes),
            token,
            descriptor: Rc::clone(file.descriptor()),
            path: Rc::clone(file.shared_path()),
            offset,
            buffer,
            done_bytes: 0,
        };
        let index = reads.put(read);
        self.core.push_read(&mut reads, index);
        self.core.ring.borrow_mut().submit_early(EARLY_COUNT);
        self.core.call_driver();
    }
}

impl QueuedReads {
    /// How many reads the kernel has.
    pub(super) fn in_flight_count(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    fn buffer(&mut self, len_bytes: usize, ring: &Ring) -> ReadBuffer {
        match self.memory.get_or_insert_with(|| ReadMemory::new(ring)).take(len_bytes) {
            Some(piece) => ReadBuffer::Piece(piece),
            // SAFETY: it is given away when the kernel has written all of it, and dropped unread otherwise.
            None => ReadBuffer::Own(unsafe { Buffer::unfilled(len_bytes) }),
        }
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
        let (file, offset) = (types::Fd(self.descriptor.as_raw_fd()), self.offset + self.done_bytes as u64);
        match &mut self.buffer {
            ReadBuffer::Piece(piece) => piece.entry(file, offset, self.done_bytes),
            ReadBuffer::Own(buffer) => {
                let length = u32::try_from(buffer.len() - self.done_bytes).expect("at most TRANSFER_BYTES_MAX");
                // SAFETY: inside of the buffer.
                let rest = unsafe { buffer.as_mut_ptr().add(self.done_bytes) };
                opcode::Read::new(file, rest, length).offset(offset).build()
            }
        }
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
