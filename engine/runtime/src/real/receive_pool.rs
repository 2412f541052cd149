//! The buffers that the kernel receives into: it picks one when bytes arrive, and gets it back when they are handled.
//!
//! One pool per core, shared by all its connections, so idle connections hold no memory. Deliberately not here: who
//! received what.
//!
//! ```text
//! entries   | address, length, id | address, length, id | ...      count x 16 B, a page at least; the kernel takes at
//!           '-- the last two bytes of entry 0 are the tail           its own head, we put at the tail
//! buffers   | id 0 | id 1 | ... | id count-1 |                      count x buffer_bytes
//! ```

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// The only group of buffers of a ring.
pub(crate) const BUFFER_GROUP: u16 = 0;

/// Anonymous memory, page-aligned and zero, until dropped.
struct Pages {
    start: NonNull<u8>,
    len: usize,
}

impl Pages {
    fn new(len: usize) -> io::Result<Pages> {
        let flags = MapFlags::PRIVATE;
        // SAFETY: with a null address the kernel chooses a place where nothing is.
        let start = unsafe { mmap_anonymous(std::ptr::null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, flags) }?;
        let start = NonNull::new(start.cast::<u8>()).expect("a successful mapping is not at address 0");
        Ok(Pages { start, len })
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, of this length, and no reference into it outlives its owner.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// A buffer that the kernel has filled and handed over. Not cloneable: it is ours until given to `recycle`.
#[derive(Debug)]
pub(crate) struct FilledBuffer {
    id: u16,
    len: usize,
}

/// The buffers of one core.
///
/// Invariants: 1. each id is either with the kernel (between head and tail) or in exactly one `FilledBuffer`.
/// 2. bytes of a buffer that is with the kernel are never referenced.
pub(crate) struct ReceivePool {
    entries: Pages,
    buffers: Pages,
    buffer_bytes: usize,
    /// A power of two.
    buffer_count: u16,
    tail: u16,
    /// How many are in a `FilledBuffer`.
    filled_count: u16,
}

impl ReceivePool {
    /// Registers a pool with the ring of `submitter`. It has to outlive the ring's last receive: drop it after the ring.
    pub(crate) fn new(submitter: &Submitter<'_>, buffer_count: u16, buffer_bytes: usize) -> io::Result<ReceivePool> {
        assert!(buffer_count.is_power_of_two() && buffer_count <= 1 << 15, "{buffer_count} receive buffers");
        let entries = Pages::new(usize::from(buffer_count) * size_of::<BufRingEntry>())?;
        let buffers = Pages::new(usize::from(buffer_count) * buffer_bytes)?;
        // SAFETY: `entries` holds `buffer_count` entries, page-aligned, and lives as long as the ring's receives.
        unsafe {
            submitter.register_buf_ring_with_flags(entries.start.as_ptr() as u64, buffer_count, BUFFER_GROUP, 0)?;
        }
        let mut pool = ReceivePool { entries, buffers, buffer_bytes, buffer_count, tail: 0, filled_count: 0 };
        (0..buffer_count).for_each(|id| pool.give(id));
        Ok(pool)
    }

    /// Takes over the buffer `id` that a completion has named, with `len` bytes in it.
    pub(crate) fn take(&mut self, id: u16, len: usize) -> FilledBuffer {
        assert!(id < self.buffer_count && len <= self.buffer_bytes, "buffer {id} of {len} bytes");
        self.filled_count += 1;
        FilledBuffer { id, len }
    }

    /// Where the bytes of a filled buffer are. Valid, and not written by anybody, until it is recycled.
    pub(crate) fn bytes(&self, buffer: &FilledBuffer) -> NonNull<[u8]> {
        let start = self.start_of(buffer.id);
        NonNull::slice_from_raw_parts(start, buffer.len)
    }

    /// Gives the buffer back to the kernel.
    pub(crate) fn recycle(&mut self, buffer: FilledBuffer) {
        self.filled_count -= 1;
        self.give(buffer.id);
    }

    /// Whether the kernel has a buffer to receive into.
    pub(crate) fn has_free(&self) -> bool {
        self.filled_count < self.buffer_count
    }

    fn start_of(&self, id: u16) -> NonNull<u8> {
        // SAFETY: `id < buffer_count`, so the offset lies inside `buffers`.
        unsafe { self.buffers.start.add(usize::from(id) * self.buffer_bytes) }
    }

    fn give(&mut self, id: u16) {
        let address = self.start_of(id).as_ptr() as u64;
        let length = u32::try_from(self.buffer_bytes).expect("a receive buffer is smaller than 4 GiB");
        let base = self.entries.start.cast::<BufRingEntry>();
        let place = usize::from(self.tail & (self.buffer_count - 1));
        // SAFETY: `place` is less than `buffer_count`. The kernel reads entries between its head and the tail only, and
        // invariant 1 keeps fewer than `buffer_count` there, so this one is ours until the tail moves past it. Entry 0
        // shares its last two bytes with the tail; the setters leave them alone.
        let entry = unsafe { base.add(place).as_mut() };
        entry.set_addr(address);
        entry.set_len(length);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: `base` is the first entry of the registered ring, as `BufRingEntry::tail` demands.
        let tail = unsafe { BufRingEntry::tail(base.as_ptr()) }.cast::<AtomicU16>();
        // SAFETY: the tail is 2-aligned, lives as long as `entries`, and is written by this thread alone. Release:
        // pairs with the kernel's acquire of the tail, so that it sees the entry.
        unsafe { (*tail).store(self.tail, Ordering::Release) };
    }
}
