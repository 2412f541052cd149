//! Chunks that memtables have left, for those to come.
//!
//! Memory that is given back to the allocator goes back to the kernel in its time, and the next memtable takes it page by page from there: both keep a
//! core from turning for milliseconds. So a worker keeps what its memtables have left, and the next ones take that first. One a worker; memtables
//! hold it too, for they may be dropped anywhere. A lock that nobody else holds, once for each chunk, is nothing beside the filling of it.
//!
//! Not here: how many bytes are worth keeping, and when to look (the engine).

use crate::arena::{allocate_chunk, free_chunk, nominal_layout};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A shelf of chunks. Clones are the same; the default keeps nothing.
#[derive(Clone, Default)]
pub struct SpareChunks {
    shelf: Option<Arc<Mutex<Shelf>>>,
}

/// Chunks by their size: those of number 0, and so on to those of the full size.
#[derive(Default)]
struct Shelf {
    chunks: Vec<Vec<SpareChunk>>,
    bytes: usize,
}

/// Invariant: an allocation of `nominal_layout` of the size's number, which nobody else has.
struct SpareChunk(NonNull<u8>);

// SAFETY: it is an allocation without an owner, and any thread may have it.
unsafe impl Send for SpareChunk {}

impl SpareChunks {
    /// An empty shelf that keeps what it gets.
    pub fn keeping() -> SpareChunks {
        SpareChunks { shelf: Some(Arc::default()) }
    }

    /// Bytes that it keeps.
    pub fn bytes(&self) -> usize {
        self.lock().map_or(0, |shelf| shelf.bytes)
    }

    /// Gives one chunk back to the allocator if there are more bytes than these: a bounded piece of work, to be repeated.
    pub fn release_above(&self, bytes_max: usize) {
        let Some(mut shelf) = self.lock().filter(|shelf| shelf.bytes > bytes_max) else { return };
        let Some(size) = shelf.chunks.iter().rposition(|chunks| !chunks.is_empty()) else { return };
        let chunk = shelf.take(size);
        drop(shelf);
        // SAFETY: `SpareChunk`'s invariant.
        chunk.into_iter().for_each(|chunk| unsafe { free_chunk(chunk, nominal_layout(size)) });
    }

    /// A chunk of the size's number: one that was left, or a new one.
    pub(crate) fn take(&self, size: usize) -> NonNull<u8> {
        let left = self.lock().and_then(|mut shelf| shelf.take(size));
        left.unwrap_or_else(|| allocate_chunk(nominal_layout(size)))
    }

    /// Keeps a chunk of the size's number, or gives it back to the allocator.
    ///
    /// # Safety
    /// It came from `take` of the same size, and nobody uses it any more.
    pub(crate) unsafe fn put(&self, size: usize, chunk: NonNull<u8>) {
        match self.lock() {
            Some(mut shelf) => shelf.put(size, SpareChunk(chunk)),
            // SAFETY: the caller's promise.
            None => unsafe { free_chunk(chunk, nominal_layout(size)) },
        }
    }

    fn lock(&self) -> Option<MutexGuard<'_, Shelf>> {
        // Whoever panicked with it has left it whole: nothing between two changes of it can panic.
        self.shelf.as_ref().map(|shelf| shelf.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shelf {
    fn take(&mut self, size: usize) -> Option<NonNull<u8>> {
        let SpareChunk(chunk) = self.chunks.get_mut(size)?.pop()?;
        self.bytes -= nominal_layout(size).size();
        Some(chunk)
    }

    fn put(&mut self, size: usize, chunk: SpareChunk) {
        if self.chunks.len() <= size {
            self.chunks.resize_with(size + 1, Vec::new);
        }
        self.chunks[size].push(chunk);
        self.bytes += nominal_layout(size).size();
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        for (size, chunks) in self.chunks.iter_mut().enumerate() {
            // SAFETY: `SpareChunk`'s invariant.
            chunks.drain(..).for_each(|chunk| unsafe { free_chunk(chunk.0, nominal_layout(size)) });
        }
    }
}

impl std::fmt::Debug for SpareChunks {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "SpareChunks({} bytes)", self.bytes())
    }
}
