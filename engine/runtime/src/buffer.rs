//! Memory that a direct read or write can use: aligned, owned, of fixed capacity.
//!
//! A buffer is moved into an operation and comes back with its completion, so the kernel never sees memory that
//! something else may free. Deliberately not here: pooling. Who writes often keeps its buffers and uses them again.

/// Direct I/O moves whole blocks of this many bytes, at offsets that are multiples of it.
pub const BLOCK_BYTES: usize = 4096;

/// An owned piece of memory whose first byte is aligned to [`BLOCK_BYTES`].
///
/// Invariant: `start + len <= memory.len()`, and `memory` never grows, so the address stays the same for life.
pub struct Buffer {
    memory: Vec<u8>,
    start: usize,
    len: usize,
}

impl Buffer {
    /// A buffer of `len` zero bytes. For I/O `len` has to be a multiple of [`BLOCK_BYTES`].
    pub fn zeroed(len: usize) -> Buffer {
        let memory = vec![0u8; len + BLOCK_BYTES - 1];
        let start = memory.as_ptr().align_offset(BLOCK_BYTES);
        assert!(start < BLOCK_BYTES, "a byte pointer can always be aligned, offset {start}");
        Buffer { memory, start, len }
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
        &self.memory[self.start..self.start + self.len]
    }

    /// The bytes, to be changed.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.len]
    }

    /// Shortens the buffer to `len` bytes; a longer `len` changes nothing. The memory is kept.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Undoes every `truncate`: the buffer has its first length again, and behind the cut the bytes it had there.
    pub fn restore(&mut self) {
        self.len = self.memory.len() - (BLOCK_BYTES - 1);
    }
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
