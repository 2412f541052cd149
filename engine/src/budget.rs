//! The memory of a worker: one figure, of which data gets what buffers and the allocator leave.
//!
//! ```text
//! | memtables: up to a half | open files: what they need | cache: the rest, a tenth at least | buffers, allocator, what merges and connections hold: three tenths |
//! ```
//!
//! What memtables have left stays for those to come, up to two flushes of it: fetching memory from the kernel, and giving it back, would keep the core from turning.
//!
//! Memtables that reach a quarter of what data has ask for a flush; at a half writes are held until one is done. The cache gives way.
//!
//! What buffers and the allocator leave is seen, not known: when the process comes near to its limit, data has less until it is back, and then again what it had.

use foldhash::fast::FixedState;
use memtable::SpareChunks;
use model::table::PartitionId;
use partition::{Partition, Reads};
use runtime::Instant;
use std::collections::HashMap;
use std::time::Duration;

/// Percent of all memory that data may have: allocations are rounded up, and freed ones are not given back at once.
const DATA_PERCENT: u64 = 70;
/// Share of the memory of data that memtables may have: one part in so many.
const MEMTABLE_SHARE: u64 = 2;
/// Share at which they are flushed whatever they hold.
const FLUSH_SHARE: u64 = 4;
/// Bytes of one partition's memtables that are worth a flush.
const FLUSH_BYTES: u64 = 64 << 20;
/// Share that the cache has at least.
const CACHE_SHARE: u64 = 10;
/// How often the memory of the whole process is looked at.
const LOOK_PERIOD: Duration = Duration::from_secs(1);
/// Percent of the limit above which data has less ...
const NEAR_PERCENT: u64 = 90;
/// ... and below which it has more again.
const FAR_PERCENT: u64 = 86;
/// What is freed leaves the process over some ten seconds: of what is too much, one part in so many at each look.
const STEP_SHARE: u64 = 4;
/// Of the limit, one part in so many comes back at each look.
const RETURN_SHARE: u64 = 256;

/// Bytes that gathered entries may take: enough for all of a common round of cleaning ...
const GATHERED_BYTES_MAX: usize = 32 << 20;
/// ... or this part of what data may take, if that is less.
const GATHERED_SHARE: u64 = 16;

/// See the front page. One a worker.
#[derive(Debug)]
pub(crate) struct Budget {
    /// Of the process.
    limit_bytes: u64,
    core_count: u64,
    /// Of data, on this core.
    bytes_max: u64,
    looked_at: Option<Instant>,
    memtable_bytes: u64,
    /// Of the memtables that no flush is writing.
    unflushed_bytes: u64,
    fixed_bytes: u64,
    cache_bytes: u64,
    /// What memtables have left.
    spare: SpareChunks,
}

impl Budget {
    /// A worker of a process that may have so much memory, on one of so many cores.
    pub(crate) fn new(limit_bytes: u64, core_count: u64) -> Self {
        Self {
            limit_bytes,
            core_count,
            bytes_max: data_bytes(limit_bytes, core_count),
            looked_at: None,
            memtable_bytes: 0,
            unflushed_bytes: 0,
            fixed_bytes: 0,
            cache_bytes: 0,
            spare: SpareChunks::keeping(),
        }
    }

    /// Where the memory of this worker's memtables comes from.
    pub(crate) fn spare(&self) -> SpareChunks {
        self.spare.clone()
    }

    /// Gives back some of what memtables have left, if it is too much. At each turn, for it is a bounded piece of work.
    pub(crate) fn release_spare(&self) {
        self.spare.release_above(to_usize(2 * self.flush_bytes()));
    }

    /// What the cache may have before anything else is there.
    pub(crate) fn cache_bytes_at_start(&self) -> usize {
        to_usize(self.bytes_max / MEMTABLE_SHARE)
    }

    /// Bytes that a merge may gather of what it is to move. Not counted: it is of the share of the process that is not data's.
    pub(crate) fn gathered_bytes_max(&self) -> usize {
        GATHERED_BYTES_MAX.min(to_usize(self.bytes_max / GATHERED_SHARE))
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

    /// Whether memtables have all the memory that data ever has, because no flush makes room: what grows them has to be refused. Where data has less for the
    /// moment, writes are held and no more: what is there was let in when it had more.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.memtable_bytes > data_bytes(self.limit_bytes, self.core_count)
    }

    /// Bytes held at the last look.
    pub(crate) fn bytes(&self) -> u64 {
        self.memtable_bytes + self.fixed_bytes + self.cache_bytes
    }

    /// Now and then: whether the memory of the process is to be told to [`Budget::follow`].
    pub(crate) fn wants_resident(&mut self, now: Instant) -> bool {
        let is_due = self.looked_at.is_none_or(|at| now.since(at) >= LOOK_PERIOD);
        if is_due {
            self.looked_at = Some(now);
        }
        is_due
    }

    /// Gives data less while the process has nearly all that it may have, and what it had when that is over.
    pub(crate) fn follow(&mut self, resident_bytes: u64) {
        let whole = data_bytes(self.limit_bytes, self.core_count);
        let over = resident_bytes.saturating_sub(self.limit_bytes * NEAR_PERCENT / 100);
        if over > 0 {
            self.bytes_max = self.bytes_max.saturating_sub(over / STEP_SHARE / self.core_count).max(whole / 2);
        } else if resident_bytes < self.limit_bytes * FAR_PERCENT / 100 {
            self.bytes_max = (self.bytes_max + self.limit_bytes / RETURN_SHARE / self.core_count).min(whole);
        }
    }

    /// Looks at what there is, and gives the cache what is left.
    pub(crate) fn observe(&mut self, partitions: &HashMap<PartitionId, Partition, FixedState>, reads: &mut Reads) {
        self.memtable_bytes = partitions.values().map(|partition| partition.memtable_bytes() as u64).sum();
        self.unflushed_bytes = partitions.values().map(|partition| partition.unflushed_bytes() as u64).sum();
        self.fixed_bytes = partitions.values().map(|partition| partition.fixed_memory_bytes() as u64).sum();
        self.fixed_bytes += self.spare.bytes() as u64;
        let left = self.bytes_max.saturating_sub(self.memtable_bytes + self.fixed_bytes);
        reads.cache().set_bytes_max(to_usize(left.max(self.bytes_max / CACHE_SHARE)));
        self.cache_bytes = reads.memory_bytes() as u64;
    }
}

/// What data may have on each core.
fn data_bytes(limit_bytes: u64, core_count: u64) -> u64 {
    limit_bytes / core_count * DATA_PERCENT / 100
}

fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 1 << 30;

    #[test]
    fn data_gives_way_while_the_process_is_near_its_limit_and_gets_it_back_afterwards() {
        let mut budget = Budget::new(LIMIT, 2);
        let whole = budget.bytes_max;
        budget.follow(LIMIT / 2);
        assert_eq!(budget.bytes_max, whole, "never more than that");
        budget.follow(LIMIT * 88 / 100);
        assert_eq!(budget.bytes_max, whole, "near, and not too near");
        (0..4).for_each(|_| budget.follow(LIMIT));
        let given = 2 * (whole - budget.bytes_max);
        assert!((LIMIT / 12..LIMIT / 8).contains(&given), "{given} of {LIMIT} given in four looks");
        (0..1_000).for_each(|_| budget.follow(2 * LIMIT));
        assert_eq!(budget.bytes_max, whole / 2, "something is left to work with");
        (0..200).for_each(|_| budget.follow(LIMIT / 2));
        assert_eq!(budget.bytes_max, whole);
    }

    /// A slow flush is no reason to refuse what waits for it.
    #[test]
    fn what_was_let_in_is_held_and_not_refused_when_data_has_less() {
        let mut budget = Budget::new(LIMIT, 2);
        budget.memtable_bytes = budget.memtable_bytes_max() + (8 << 20);
        assert!(budget.is_used_up() && !budget.is_exhausted());
        (0..1_000).for_each(|_| budget.follow(2 * LIMIT));
        assert!(budget.is_used_up() && !budget.is_exhausted());
        budget.memtable_bytes = data_bytes(LIMIT, 2) + 1;
        assert!(budget.is_exhausted());
    }
}
