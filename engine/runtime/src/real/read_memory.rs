//! The memory that reads of a core use again and again: registered with its ring, so that the kernel does not look up, pin and let go its pages for each read.
//!
//! ```text
//! region, registered once: | piece | piece | ... |      take -> the kernel fills it -> whoever sees the outcome -> free again
//! ```
//!
//! A piece has a read of up to two blocks; longer reads, and those beyond so many, have memory of their own. Where the kernel refuses to register (a limit on
//! locked memory), pieces are memory like any other.

use std::cell::RefCell;
use std::ptr::NonNull;
use std::rc::Rc;

use io_uring::squeue::Entry;
use io_uring::{opcode, types};

use super::ring::Ring;
use crate::{BLOCK_BYTES, Buffer};

/// Bytes of a piece.
const PIECE_BYTES: usize = 2 * BLOCK_BYTES;
/// Pieces of a core, half a megabyte in all.
const PIECE_COUNT: u16 = 64;
/// The region's place in the ring's table.
const REGION: u16 = 0;

/// See the front page. The ring that it is registered with is dropped before the core lets it go; pieces may outlive both.
pub(super) struct ReadMemory {
    /// Nobody but the pieces uses its bytes, each those of its index.
    first: NonNull<u8>,
    free: RefCell<Vec<u16>>,
    is_registered: bool,
    _region: Buffer,
}

/// Memory of one read.
///
/// Invariant: no other piece of `memory` has its index, and the index is not free.
pub(crate) struct Piece {
    memory: Rc<ReadMemory>,
    index: u16,
    len_bytes: usize,
}

impl ReadMemory {
    pub(super) fn new(ring: &Ring) -> Rc<ReadMemory> {
        let mut region = Buffer::zeroed(usize::from(PIECE_COUNT) * PIECE_BYTES);
        let first = NonNull::new(region.as_mut_ptr()).expect("allocated");
        let whole = libc::iovec { iov_base: first.as_ptr().cast(), iov_len: region.len() };
        // SAFETY: whoever makes it lets it go after the ring; pieces hold it as well.
        let outcome = unsafe { ring.submitter().register_buffers(&[whole]) };
        if let Err(error) = &outcome {
            tracing::debug!(%error, "memory of reads is not registered with the kernel");
        }
        let free = RefCell::new((0..PIECE_COUNT).rev().collect());
        Rc::new(ReadMemory { first, free, is_registered: outcome.is_ok(), _region: region })
    }

    /// Memory for a read of so many bytes; `None` if it is too long, or all is taken.
    pub(super) fn take(self: &Rc<Self>, len_bytes: usize) -> Option<Piece> {
        if len_bytes > PIECE_BYTES {
            return None;
        }
        let index = self.free.borrow_mut().pop()?;
        Some(Piece { memory: Rc::clone(self), index, len_bytes })
    }
}

impl Piece {
    pub(crate) fn len(&self) -> usize {
        self.len_bytes
    }

    /// What a read has left here, or what was here before where none has filled it.
    pub(crate) fn as_slice(&self) -> &[u8] {
        // SAFETY: nobody else uses these bytes (the invariant); the region was zeros at first, and stays as long as `memory` does.
        unsafe { std::slice::from_raw_parts(self.first_byte(), self.len_bytes) }
    }

    /// What reads on from `offset` of a file, where so many bytes of the read are done.
    pub(super) fn entry(&mut self, file: types::Fd, offset: u64, done_bytes: usize) -> Entry {
        let length = u32::try_from(self.len_bytes - done_bytes).expect("a piece is short");
        // SAFETY: inside of the piece, for no more than all of it is done.
        let rest = unsafe { self.first_byte().add(done_bytes) };
        if self.memory.is_registered {
            opcode::ReadFixed::new(file, rest, length, REGION).offset(offset).build()
        } else {
            opcode::Read::new(file, rest, length).offset(offset).build()
        }
    }

    fn first_byte(&self) -> *mut u8 {
        // SAFETY: inside of the region, for the index is less than PIECE_COUNT.
        unsafe { self.memory.first.as_ptr().add(usize::from(self.index) * PIECE_BYTES) }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.memory.free.borrow_mut().push(self.index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::real::ring::Tag;
    use std::fs::File;
    use std::io::Write;
    use std::os::fd::{AsFd, AsRawFd};

    /// Reads two blocks from `offset` in two parts.
    fn read(ring: &mut Ring, file: &File, piece: &mut Piece, offset: u64) {
        for done_bytes in [BLOCK_BYTES, 0] {
            let entry = piece.entry(types::Fd(file.as_raw_fd()), offset + done_bytes as u64, done_bytes);
            // SAFETY: the piece and the file outlive the wait for the completion.
            unsafe { ring.push(entry, Tag::Read(0)) };
            let mut completions = Vec::new();
            ring.enter(1);
            ring.take_completions(&mut completions);
            assert_eq!(completions[0].result, i32::try_from(PIECE_BYTES - done_bytes).unwrap());
        }
    }

    #[test]
    fn pieces_are_apart_and_used_again_registered_or_not() {
        let doorbell = rustix::event::eventfd(0, rustix::event::EventfdFlags::empty()).unwrap();
        let mut ring = Ring::new(doorbell.as_fd()).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = (0..=250u8).flat_map(|byte| [byte; 131]).take(3 * PIECE_BYTES).collect();
        file.write_all(&bytes).unwrap();
        // A ring has one table: the kernel refuses the second.
        let both = [ReadMemory::new(&ring), ReadMemory::new(&ring)];
        assert_eq!(both.each_ref().map(|memory| memory.is_registered), [true, false]);
        for memory in both {
            assert!(memory.take(PIECE_BYTES + 1).is_none());
            for _ in 0..2 {
                let mut pieces: Vec<_> = (0..PIECE_COUNT).map(|_| memory.take(PIECE_BYTES).unwrap()).collect();
                assert!(memory.take(1).is_none());
                let places = [0, 1, usize::from(PIECE_COUNT) - 1];
                for (number, place) in places.into_iter().enumerate() {
                    read(&mut ring, &file, &mut pieces[place], (number * PIECE_BYTES) as u64);
                }
                for (place, expected) in places.into_iter().zip(bytes.chunks(PIECE_BYTES)) {
                    assert_eq!(pieces[place].as_slice(), expected);
                }
            }
        }
    }
}
