//! The memory of one memtable: chunks that are only ever added, and freed all at once.
//!
//! ```text
//!   chunks[0]   chunks[1]     chunks[2]            ...  chunks[count - 1]
//!   4 KiB       8 KiB         16 KiB               ...  2 MiB each
//!   +-----+     +---------+   +-----------------+
//!   |#####|     |####     |   | null until it is needed
//!   +-----+     +---------+   +-----------------+
//!                    ^ filled by the writer, in whole units of 8 bytes
//! ```
//!
//! A place in the arena is a [`Place`]: 8 bits of chunk, 20 bits of unit within the chunk. The writer's end is
//! [`Space`], which fills chunks; the shared end is [`Chunks`], which turns a place into a pointer. There is
//! no free list: nothing is given back before the memtable is dropped, and then to those that come after it (`spare.rs`). Chunks of the full size lie in huge pages where the kernel has some: a
//! lookup goes anywhere in a memtable, and with pages of 4 KiB each step of it misses the processor's table of pages as well as its cache.
//!
//! Not here: what lies in the memory (`node.rs`), who may reach it (`memtable.rs`).

use crate::spare::SpareChunks;
use crate::sync::{AtomicPtr, Ordering};
use rustix::mm::{Advice, madvise};
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::{self, NonNull};

/// Everything in the arena begins at a multiple of this many bytes.
pub(crate) const UNIT_BYTES: usize = 8;
/// The first chunk: an almost empty memtable costs no more than this.
const CHUNK_BYTES_MIN: usize = 4 << 10;
/// Chunks double up to this, the size of a huge page.
pub(crate) const CHUNK_BYTES_MAX: usize = 2 << 20;
/// Chunks before the first of `CHUNK_BYTES_MAX`.
const DOUBLING_COUNT: usize = (CHUNK_BYTES_MAX.trailing_zeros() - CHUNK_BYTES_MIN.trailing_zeros()) as usize;
/// Bits of a place that name the unit within its chunk.
const UNIT_BITS: u32 = 20;
/// Bits of a place that name its chunk.
const CHUNK_BITS: u32 = 8;
/// Bits of a place.
pub(crate) const PLACE_BITS: u32 = CHUNK_BITS + UNIT_BITS;
/// The last chunk number stays free, so that a place of all ones is nowhere.
const CHUNK_COUNT_MAX: usize = (1 << CHUNK_BITS) - 1;
/// The most memory that one arena can address.
pub(crate) const ARENA_BYTES_MAX: usize = chunk_start(CHUNK_COUNT_MAX);

const _: () = assert!(CHUNK_BYTES_MAX / UNIT_BYTES <= 1 << UNIT_BITS);
const _: () = assert!(PLACE_BITS <= u32::BITS);

/// Where something lies in the arena: chunk number and unit within the chunk, in `PLACE_BITS` bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(u32);

impl Place {
    /// The first unit of the arena, where no node begins: the head stands for it.
    pub(crate) const HEAD: Place = Place(0);

    #[inline(always)]
    pub(crate) fn from_bits(bits: u32) -> Place {
        Place(bits)
    }

    #[inline(always)]
    pub(crate) fn bits(self) -> u32 {
        self.0
    }

    #[inline(always)]
    fn chunk(self) -> usize {
        (self.0 >> UNIT_BITS) as usize
    }

    #[inline(always)]
    fn byte_offset(self) -> usize {
        (self.0 & ((1 << UNIT_BITS) - 1)) as usize * UNIT_BYTES
    }

    fn new(chunk: usize, byte_offset: usize) -> Place {
        assert!(chunk < CHUNK_COUNT_MAX, "chunk {chunk} has no place");
        assert!(
            byte_offset.is_multiple_of(UNIT_BYTES) && byte_offset < CHUNK_BYTES_MAX,
            "offset {byte_offset} has no place"
        );
        let bits = (chunk << UNIT_BITS) | (byte_offset / UNIT_BYTES);
        Place(u32::try_from(bits).expect("a place has PLACE_BITS bits"))
    }

    /// The place `bytes` further on in the same chunk.
    pub(crate) fn advanced(self, bytes: usize) -> Place {
        Place::new(self.chunk(), self.byte_offset() + bytes)
    }
}

/// The number of a chunk's size: from `DOUBLING_COUNT` on they are all alike.
fn size_of_chunk(chunk: usize) -> usize {
    chunk.min(DOUBLING_COUNT)
}

/// How a chunk of the size's number is allocated, if the arena's bound does not cut it.
pub(crate) fn nominal_layout(size: usize) -> Layout {
    layout_of(CHUNK_BYTES_MIN << size)
}

fn layout_of(bytes: usize) -> Layout {
    let align = if bytes == CHUNK_BYTES_MAX { CHUNK_BYTES_MAX } else { 64 };
    Layout::from_size_align(bytes, align).expect("a chunk is small and its alignment a power of two")
}

/// Memory for a chunk, uninitialised.
pub(crate) fn allocate_chunk(layout: Layout) -> NonNull<u8> {
    assert!(layout.size() > 0, "no chunk is empty");
    // SAFETY: the layout is not empty.
    let Some(chunk) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
    advise(chunk.as_ptr(), layout, Advice::LinuxHugepage);
    chunk
}

/// Gives the memory of a chunk back to the allocator.
///
/// # Safety
/// It came from `allocate_chunk` with this layout, and nobody uses it any more.
pub(crate) unsafe fn free_chunk(chunk: NonNull<u8>, layout: Layout) {
    advise(chunk.as_ptr(), layout, Advice::LinuxNoHugepage);
    // SAFETY: the caller's promise.
    unsafe { dealloc(chunk.as_ptr(), layout) };
}

/// Bytes in all chunks before number `chunk`, were there no bound.
const fn chunk_start(chunk: usize) -> usize {
    if chunk <= DOUBLING_COUNT {
        (CHUNK_BYTES_MIN << chunk) - CHUNK_BYTES_MIN
    } else {
        chunk_start(DOUBLING_COUNT) + (chunk - DOUBLING_COUNT) * CHUNK_BYTES_MAX
    }
}

/// The shared end: one per memtable, read by every core, added to by the writer alone.
///
/// Invariants: 1. `chunks[i]` is null, or points to `self.layout(i)` of memory that lives until `self` is
/// dropped. 2. A chunk once set is never changed.
pub(crate) struct Chunks {
    chunks: Box<[AtomicPtr<u8>]>,
    /// The chunks together never hold more.
    bytes_max: usize,
    /// Where chunks come from, and go to.
    spare: SpareChunks,
}

impl Chunks {
    /// An arena that will hold at most `bytes_max` bytes; it holds none yet.
    pub(crate) fn new(bytes_max: usize, spare: SpareChunks) -> Chunks {
        let bytes_max = bytes_max & !(UNIT_BYTES - 1);
        let count = (0..CHUNK_COUNT_MAX).find(|chunk| chunk_start(*chunk) >= bytes_max).unwrap_or(CHUNK_COUNT_MAX);
        let chunks = (0..count).map(|_| AtomicPtr::new(ptr::null_mut())).collect();
        Chunks { chunks, bytes_max, spare }
    }

    /// The memory at `place`, which lies in a chunk that this thread has come to know by following a link.
    #[inline(always)]
    pub(crate) fn resolve(&self, place: Place) -> NonNull<u8> {
        // Relaxed: the chunk was set before the Release in `Memtable::link` that made the place known, and this
        // thread did the Acquire in `Node::follow` that pairs with it (or it is the writer itself).
        let chunk = self.chunks[place.chunk()].load(Ordering::Relaxed);
        if cfg!(any(loom, debug_assertions)) {
            assert!(!chunk.is_null(), "a place in a chunk that is not there");
        }
        // SAFETY: a place is only made by `Space::take`, after its chunk was set (invariant 1) and within that
        // chunk's size; the chunk is visible here by the pairing above. So the sum stays inside the allocation
        // and is not null.
        unsafe { NonNull::new_unchecked(chunk.add(place.byte_offset())) }
    }

    fn layout(&self, chunk: usize) -> Layout {
        let start = chunk_start(chunk);
        layout_of(chunk_start(chunk + 1).min(self.bytes_max) - start)
    }

    /// Whether the arena's bound cuts the chunk, so that no other arena could use it.
    fn is_cut(&self, chunk: usize) -> bool {
        self.layout(chunk) != nominal_layout(size_of_chunk(chunk))
    }

    /// Bytes of the fixed part: the table of chunks.
    pub(crate) fn table_bytes(&self) -> usize {
        size_of_val(&*self.chunks)
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        for (number, chunk) in self.chunks.iter().enumerate() {
            // Relaxed: whoever drops the memtable holds its last handle, and the counter of handles (or the epoch)
            // ordered every use before this.
            let Some(pointer) = NonNull::new(chunk.load(Ordering::Relaxed)) else { continue };
            if self.is_cut(number) {
                // SAFETY: invariant 1: `Space::grow` allocated it with this layout; and it goes once, for `drop` has the last reference.
                unsafe { free_chunk(pointer, self.layout(number)) };
            } else {
                // SAFETY: as above, but that `Space::grow` took it from there.
                unsafe { self.spare.put(size_of_chunk(number), pointer) };
            }
        }
    }
}

/// The writer's end: the next free byte. Lives in the `Writer`, one per memtable.
pub(crate) struct Space {
    chunk: usize,
    /// Bytes taken of the current chunk.
    taken_bytes: usize,
    /// Bytes of the current chunk; 0 before the first.
    chunk_bytes: usize,
    /// Bytes of all chunks so far.
    pub(crate) held_bytes: usize,
}

impl Space {
    pub(crate) fn new() -> Space {
        Space { chunk: 0, taken_bytes: 0, chunk_bytes: 0, held_bytes: 0 }
    }

    /// `bytes` of memory, uninitialised, at a multiple of [`UNIT_BYTES`]; `None` when the bound is reached.
    pub(crate) fn take(&mut self, chunks: &Chunks, bytes: usize) -> Option<(Place, NonNull<u8>)> {
        assert!(bytes.is_multiple_of(UNIT_BYTES) && bytes > 0, "{bytes} bytes are not whole units");
        if self.chunk_bytes - self.taken_bytes < bytes {
            self.grow(chunks, bytes)?;
        }
        let place = Place::new(self.chunk, self.taken_bytes);
        self.taken_bytes += bytes;
        Some((place, chunks.resolve(place)))
    }

    /// Goes on to the next chunk that has room for `bytes`; smaller ones before it are passed over for good.
    fn grow(&mut self, chunks: &Chunks, bytes: usize) -> Option<()> {
        let first = if self.chunk_bytes == 0 { 0 } else { self.chunk + 1 };
        let next = (first..chunks.chunks.len()).find(|chunk| chunks.layout(*chunk).size() >= bytes)?;
        let layout = chunks.layout(next);
        let pointer = match chunks.is_cut(next) {
            true => allocate_chunk(layout),
            false => chunks.spare.take(size_of_chunk(next)),
        };
        // Relaxed: published by the Release in `Memtable::link` of the first node in this chunk.
        chunks.chunks[next].store(pointer.as_ptr(), Ordering::Relaxed);
        self.chunk = next;
        self.taken_bytes = 0;
        self.chunk_bytes = layout.size();
        self.held_bytes += layout.size();
        Some(())
    }
}

/// Says of a chunk of the full size whether huge pages are wanted: who has its memory next may use little of it.
fn advise(chunk: *mut u8, layout: Layout, advice: Advice) {
    if layout.size() == CHUNK_BYTES_MAX && cfg!(not(loom)) {
        // SAFETY: the range is one allocation, at its own alignment of whole pages, and these pieces of advice change no content of it.
        // A kernel without huge pages refuses: then it is as it was.
        let _ = unsafe { madvise(chunk.cast(), layout.size(), advice) };
    }
}

/// The largest piece that an empty arena of this bound can hold.
pub(crate) fn piece_bytes_max(bytes_max: usize) -> usize {
    let chunks = Chunks::new(bytes_max, SpareChunks::default());
    (0..chunks.chunks.len()).map(|chunk| chunks.layout(chunk).size()).max().unwrap_or(0)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn chunks_fill_the_bound_exactly() {
        for bytes_max in [64, 4096, 4104, 100_000, 4 << 20, 16 << 20, ARENA_BYTES_MAX] {
            let chunks = Chunks::new(bytes_max, SpareChunks::default());
            let total: usize = (0..chunks.chunks.len()).map(|chunk| chunks.layout(chunk).size()).sum();
            assert_eq!(total, bytes_max);
        }
    }

    #[test]
    fn a_place_names_its_chunk_and_offset() {
        for (chunk, byte_offset) in [(0, 0), (0, 8), (1, 4088), (CHUNK_COUNT_MAX - 1, CHUNK_BYTES_MAX - 8)] {
            let place = Place::new(chunk, byte_offset);
            assert_eq!((place.chunk(), place.byte_offset()), (chunk, byte_offset));
            assert!(place.bits() < (1 << PLACE_BITS) - 1);
        }
    }

    #[test]
    fn pieces_do_not_overlap_and_the_bound_holds() {
        let chunks = Chunks::new(64 << 10, SpareChunks::default());
        let mut space = Space::new();
        let mut taken: Vec<(usize, usize)> = Vec::new();
        for round in 0.. {
            let bytes = 8 + 8 * (round % 37);
            let Some((_, pointer)) = space.take(&chunks, bytes) else {
                break;
            };
            let start = pointer.as_ptr() as usize;
            assert!(start.is_multiple_of(UNIT_BYTES));
            assert!(taken.iter().all(|(from, to)| start + bytes <= *from || start >= *to));
            taken.push((start, start + bytes));
        }
        assert!(space.held_bytes <= 64 << 10);
        assert!(taken.len() > 300);
    }
}
