//! The memory of a worker: one figure, of which data gets what buffers and the allocator leave.
//!
//! ```text
//! | memtables: up to a half | open files, collections: what they need | cache: the rest, a tenth at least | buffers, allocator: a quarter |
//! ```
//!
//! Memtables that reach a quarter of what data has ask for a flush; at a half writes are held until one is done. The cache gives way.

use foldhash::fast::FixedState;
use model::table::PartitionId;
use partition::{Partition, Reads};
use std::collections::HashMap;

/// Percent of all memory that data may have: allocations are rounded up, and freed ones are not given back at once.
const DATA_PERCENT: u64 = 75;
/// Share of the memory of data that memtables may have: one part in so many.
const MEMTABLE_SHARE: u64 = 2;
/// Share at which they are flushed whatever they hold.
const FLUSH_SHARE: u64 = 4;
/// Bytes of one partition's memtables that are worth a flush.
const FLUSH_BYTES: u64 = 64 << 20;
/// Share that the cache has at least.
const CACHE_SHARE: u64 = 10;

/// See the front page. One a worker.
#[derive(Debug)]
pub(crate) struct Budget {
    /// Of data.
    bytes_max: u64,
    memtable_bytes: u64,
    /// Of the memtables that no flush is writing.
    unflushed_bytes: u64,
    fixed_bytes: u64,
    cache_bytes: u64,
}

impl Budget {
    /// A worker that may have so much memory.
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self {
            bytes_max: bytes_max * DATA_PERCENT / 100,
            memtable_bytes: 0,
            unflushed_bytes: 0,
            fixed_bytes: 0,
            cache_bytes: 0,
        }
    }

    /// What the cache may have before anything else is there.
    pub(crate) fn cache_bytes_at_start(&self) -> usize {
        to_usize(self.bytes_max / MEMTABLE_SHARE)
    }

    /// Bytes that memtables may have.
    pub(crate) fn memtable_bytes_max(&self) -> u64 {
        self.bytes_max / MEMTABLE_SHARE
    }

    /// Bytes of a partition's memtables that make a flush.
    pub(crate) fn flush_bytes(&self) -> u64 {
        FLUSH_BYTES.min(self.bytes_max / FLUSH_SHARE / 2)
    }

    /// Whether memtables together have so much that some are to be flushed. What is being flushed does not count: it would have small ones flushed
    /// that need not be.
    pub(crate) fn wants_flush(&self) -> bool {
        self.unflushed_bytes > self.bytes_max / FLUSH_SHARE
    }

    /// Whether memtables have all that they may have.
    pub(crate) fn is_used_up(&self) -> bool {
        self.memtable_bytes > self.memtable_bytes_max()
    }

    /// Bytes held at the last look.
    pub(crate) fn bytes(&self) -> u64 {
        self.memtable_bytes + self.fixed_bytes + self.cache_bytes
    }

    /// Looks at what there is, and gives the cache what is left.
    pub(crate) fn observe(&mut self, partitions: &HashMap<PartitionId, Partition, FixedState>, reads: &mut Reads) {
        self.memtable_bytes = partitions.values().map(|partition| partition.memtable_bytes() as u64).sum();
        self.unflushed_bytes = partitions.values().map(|partition| partition.unflushed_bytes() as u64).sum();
        self.fixed_bytes = partitions.values().map(|partition| partition.fixed_memory_bytes() as u64).sum();
        let left = self.bytes_max.saturating_sub(self.memtable_bytes + self.fixed_bytes);
        reads.cache().set_bytes_max(to_usize(left.max(self.bytes_max / CACHE_SHARE)));
        self.cache_bytes = reads.memory_bytes() as u64;
    }
}

fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
