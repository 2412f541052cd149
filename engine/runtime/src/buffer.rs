//! Memory that a direct read or write can use: aligned, owned, of fixed capacity.
//!
//! A buffer is moved into an operation and comes back with its completion, so the kernel never sees memory that
//! something else may free. Deliberately not here: pooling. Who writes often keeps its buffers and uses them again.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// Direct I/O moves whole blocks of this many bytes, at offsets that are multiples of it.
pub const BLOCK_BYTES: usize = 4096;

/// An owned piece of memory whose first byte is aligned to [`BLOCK_BYTES`].
///
/// Invariants: 1. `memory` is an allocation of its own of `capacity` bytes, aligned to [`BLOCK_BYTES`]; it never moves. 2. `len <= capacity`, and the first
/// `capacity` bytes are initialized, but in a buffer that a read is still to fill, which nobody else has.
pub struct Buffer {
    memory: NonNull<u8>,
    capacity: usize,
    len: usize,
}

impl Buffer {
    /// A buffer of `len` zero bytes. For I/O `len` has to be a multiple of [`BLOCK_BYTES`].
    pub fn zeroed(len: usize) -> Buffer {
        // SAFETY: the layout has at least one byte.
        Buffer::allocated(len, |layout| unsafe { alloc_zeroed(layout) })
    }

    /// A buffer of `len` bytes that are anything.
    ///
    /// # Safety
    /// All of it is written before any of it is read, or it is given up.
    pub(crate) unsafe fn unfilled(len: usize) -> Buffer {
        // SAFETY: the layout has at least one byte.
        Buffer::allocated(len, |layout| unsafe { alloc(layout) })
    }

    fn allocated(len: usize, allocate: impl FnOnce(Layout) -> *mut u8) -> Buffer {
        let layout = layout_of(len);
        let Some(memory) = NonNull::new(allocate(layout)) else { handle_alloc_error(layout) };
        Buffer { memory, capacity: len, len }
    }

    /// Its first byte, for the kernel to write to.
    pub(crate) fn as_mut_ptr(&mut self) -> *mut u8 {
        self.memory.as_ptr()
    }

    /// The length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the buffer holds no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: invariants 1 and 2.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr(), self.len) }
    }

    /// The bytes, to be changed.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: invariants 1 and 2; whoever has the buffer mutably has it alone.
        unsafe { std::slice::from_raw_parts_mut(self.memory.as_ptr(), self.len) }
    }

    /// Shortens the buffer to `len` bytes; a longer `len` changes nothing. The memory is kept.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Undoes every `truncate`: the buffer has its first length again, and behind the cut the bytes it had there.
    pub fn restore(&mut self) {
        self.len = self.capacity;
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout, and nobody has it any more.
        unsafe { dealloc(self.memory.as_ptr(), layout_of(self.capacity)) }
    }
}

// SAFETY: it owns its memory alone, and bytes may be used by any thread.
unsafe impl Send for Buffer {}
// SAFETY: through a shared buffer its bytes are only read.
unsafe impl Sync for Buffer {}

/// How the memory of a buffer of `len` bytes is allocated. No allocation is empty.
fn layout_of(len: usize) -> Layout {
    Layout::from_size_align(len.max(1), BLOCK_BYTES).expect("far less than half of all addresses")
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Buffer({} bytes)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_aligned_zeroed_and_keeps_its_bytes_when_moved() {
        for len in [0, 1, 4096, 4097, 1 << 20] {
            let mut buffer = Buffer::zeroed(len);
            assert_eq!(buffer.as_slice().as_ptr() as usize % BLOCK_BYTES, 0);
            assert!(buffer.as_slice().iter().all(|byte| *byte == 0));
            buffer.as_mut_slice().fill(7);
            let address = buffer.as_slice().as_ptr();
            let mut moved = Box::new(buffer);
            assert_eq!(moved.as_slice().as_ptr(), address);
            moved.truncate(len / 2);
            assert_eq!(moved.as_slice(), vec![7u8; len / 2]);
            moved.truncate(len);
            assert_eq!(moved.len(), len / 2);
            moved.restore();
            assert_eq!(moved.as_slice(), vec![7u8; len]);
        }
    }
}
