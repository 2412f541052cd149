//! A data block in memory: checked when it is made, then searched without failure.
//!
//! ```text
//! [header][interval 0: key, entry, entry ..][interval 1: ..] .. [where interval 0 starts, where interval 1 starts ..]
//! ```
//!
//! A search goes by halves over the intervals' first keys, which are whole, then along one interval of at most 16. Shared by whoever
//! reads it and the cache, on one core. Deliberately not here: checksums (`seal.rs`), and walking (`block_cursor.rs`).

use crate::block_cursor::BlockCursor;
use crate::bytes::{u16_at, u32_at, u64_at};
use crate::entry::{Entry, StoredEntry};
use crate::stored_key::{SoughtInInterval, StoredKey};
use runtime::{CACHE_LINE_BYTES, prefetch};
use std::cmp::Ordering;
use std::rc::Rc;

/// Bytes before the first entry.
pub(crate) const HEADER_BYTES: usize = 16;
/// Entries whose keys are shortened against the same first key.
pub(crate) const INTERVAL_ENTRY_COUNT: usize = 16;
/// Bytes that say where an interval starts.
pub(crate) const INTERVAL_BYTES: usize = 4;

/// Intervals whose first keys are asked for together.
const PREFETCH_COUNT_MAX: usize = 16;

const CHECKED: &str = "every entry was decoded when the block was made";

/// The payload of a data block.
///
/// Invariants, held from `decode` on: 1. `bytes` is as FORMAT.md has it: every entry decodes, and intervals start where the
/// last bytes say. 2. Entry `n` is number `n % 16` of interval `n / 16`. 3. Every key can be put together
/// with its interval's first key.
#[derive(Debug)]
pub struct Block {
    bytes: Box<[u8]>,
    entry_count: usize,
    interval_count: usize,
    base: u64,
}

impl Block {
    /// Takes a payload.
    ///
    /// # Errors
    /// The part of it that is not as FORMAT.md has it.
    pub(crate) fn decode(bytes: Box<[u8]>) -> Result<Block, &'static str> {
        if bytes.len() < HEADER_BYTES || u32_at(&bytes, 0) as usize != bytes.len() {
            return Err("header");
        }
        let interval_count = usize::from(u16_at(&bytes, 4));
        let entry_count = usize::from(u16_at(&bytes, 6));
        let base = u64_at(&bytes, 8);
        if entry_count == 0 || interval_count != entry_count.div_ceil(INTERVAL_ENTRY_COUNT) {
            return Err("counts");
        }
        if bytes.len() < HEADER_BYTES + interval_count * INTERVAL_BYTES {
            return Err("header");
        }
        let block = Block { bytes, entry_count, interval_count, base };
        block.check()?;
        Ok(block)
    }

    /// How many entries it has.
    pub fn entry_count(&self) -> usize {
        self.entry_count
    }

    /// Bytes of memory that it holds.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Block>() + self.bytes.len()
    }

    /// Calls `visit` with the key and the entry of each, in order.
    pub fn visit(self: &Rc<Self>, visit: &mut dyn FnMut(&[u8], Entry<'_>)) {
        let mut cursor = BlockCursor::new(Rc::clone(self));
        for number in 0..self.entry_count {
            cursor.place_at(number);
            visit(cursor.key(), cursor.entry());
        }
    }

    /// The entry of `key`. Nothing is allocated and no key is put together: those that are stored without their hash are compared without it.
    pub fn find(&self, key: &[u8]) -> Option<Entry<'_>> {
        let interval = self.interval_of(key)?;
        let mut rest = self.interval_bytes(interval);
        let head = self.take(&mut rest);
        if head.key.suffix == key {
            return Some(head.entry);
        }
        let sought = SoughtInInterval::new(head.key.suffix, key);
        let mut others = (1..self.entries_in_interval(interval)).map(|_| self.take(&mut rest));
        others.find(|stored| stored.key.is(&sought)).map(|stored| stored.entry)
    }

    /// The number of the first entry whose key is not less than `key`, or the count of entries; and that entry if it
    /// is `key`'s.
    pub(crate) fn seek(&self, key: &[u8]) -> (usize, Option<Entry<'_>>) {
        let Some(interval) = self.interval_of(key) else { return (0, None) };
        let first = interval * INTERVAL_ENTRY_COUNT;
        let mut rest = self.interval_bytes(interval);
        let head = self.take(&mut rest);
        if head.key.suffix == key {
            return (first, Some(head.entry));
        }
        let sought = SoughtInInterval::new(head.key.suffix, key);
        let mut assembled = Vec::new();
        for number in first + 1..first + self.entries_in_interval(interval) {
            let stored = self.take(&mut rest);
            match stored.key.order(head.key.suffix, &sought, &mut assembled) {
                Ordering::Less => {}
                Ordering::Equal => return (number, Some(stored.entry)),
                Ordering::Greater => return (number, None),
            }
        }
        (first + self.entries_in_interval(interval), None)
    }

    /// The interval that `key` would be in: the last one whose first key is not above it.
    fn interval_of(&self, key: &[u8]) -> Option<usize> {
        self.prefetch_heads();
        let (mut low, mut high) = (0, self.interval_count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.interval_head(middle) <= key { low = middle + 1 } else { high = middle }
        }
        low.checked_sub(1)
    }

    /// How many entries an interval has.
    pub(crate) fn entries_in_interval(&self, interval: usize) -> usize {
        (self.entry_count - interval * INTERVAL_ENTRY_COUNT).min(INTERVAL_ENTRY_COUNT)
    }

    /// The bytes from an interval's first entry to the end of all entries.
    pub(crate) fn interval_bytes(&self, interval: usize) -> &[u8] {
        let end = self.entries_end();
        &self.bytes[u32_at(&self.bytes, end + interval * INTERVAL_BYTES) as usize..end]
    }

    /// Reads the next entry of an interval.
    #[inline(always)]
    pub(crate) fn take<'b>(&self, rest: &mut &'b [u8]) -> StoredEntry<'b> {
        StoredEntry::decode(self.base, rest).expect(CHECKED)
    }

    /// Asks for the memory that says where intervals start.
    pub(crate) fn prefetch_starts(&self) {
        self.bytes[self.entries_end()..].chunks(CACHE_LINE_BYTES).for_each(|line| prefetch(line.as_ptr()));
        prefetch(self.bytes.as_ptr_range().end.wrapping_sub(1));
    }

    /// Asks for the memory of all intervals' first keys, if they are few: halving looks at them one after the other.
    pub(crate) fn prefetch_heads(&self) {
        if self.interval_count <= PREFETCH_COUNT_MAX {
            let starts = self.bytes[self.entries_end()..].chunks_exact(INTERVAL_BYTES);
            let heads = starts.filter_map(|start| self.bytes.get(u32_at(start, 0) as usize));
            heads.for_each(|head| prefetch(head));
        }
    }

    /// An interval's first key.
    fn interval_head(&self, interval: usize) -> &[u8] {
        self.take(&mut self.interval_bytes(interval)).key.suffix
    }

    fn entries_end(&self) -> usize {
        self.bytes.len() - self.interval_count * INTERVAL_BYTES
    }

    fn check(&self) -> Result<(), &'static str> {
        let entries = &self.bytes[HEADER_BYTES..self.entries_end()];
        let mut rest = entries;
        let mut head: &[u8] = &[];
        for number in 0..self.entry_count {
            let start = HEADER_BYTES + entries.len() - rest.len();
            let stored = StoredEntry::decode(self.base, &mut rest).ok_or("entry")?;
            if number % INTERVAL_ENTRY_COUNT == 0 {
                let told = u32_at(&self.bytes, self.entries_end() + number / INTERVAL_ENTRY_COUNT * INTERVAL_BYTES);
                if told as usize != start || stored.key != StoredKey::head(stored.key.suffix) {
                    return Err("interval");
                }
                head = stored.key.suffix;
            } else if !stored.key.fits(head) {
                return Err("key");
            }
        }
        if rest.is_empty() { Ok(()) } else { Err("end of entries") }
    }
}
