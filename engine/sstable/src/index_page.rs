//! An index page in memory: which block a key would be in, and whether it can be there at all.
//!
//! Read in place, as it lies in the file: references, separators and filter of one group of blocks, or of all index pages
//! (the root, which has no filter). Checked when it is made; after that nothing fails and nothing is allocated.

use crate::bytes::{u32_at, u64_at};
use crate::filter::{FilterShape, SoughtKey};
use crate::seal::{BlockRef, REF_BYTES};
use std::cell::Cell;

/// Bytes before the first reference.
pub(crate) const HEADER_BYTES: usize = 32;
/// Bytes that say where a separator ends.
pub(crate) const END_BYTES: usize = 4;

/// The payload of an index page.
///
/// Invariants, held from `decode` on: 1. There is a block. 2. `bytes` is as long as the counts say. 3. Separators end inside
/// their part, in order. 4. Every reference has a unit.
#[derive(Debug)]
pub struct IndexPage {
    bytes: Box<[u8]>,
    count: usize,
    filter: FilterShape,
    /// Where the separators and where the fingerprints start in `bytes`.
    separators_start: usize,
    filter_start: usize,
    /// Found through its file since the cache has last asked.
    was_used: Cell<bool>,
}

impl IndexPage {
    /// Takes a payload.
    ///
    /// # Errors
    /// The part of it that is not as FORMAT.md has it.
    pub(crate) fn decode(bytes: Box<[u8]>) -> Result<IndexPage, &'static str> {
        if bytes.len() < HEADER_BYTES || u32_at(&bytes, 0) as usize != bytes.len() {
            return Err("page header");
        }
        let count = u32_at(&bytes, 4) as usize;
        let separator_bytes = u32_at(&bytes, 8) as usize;
        let filter = FilterShape {
            segment_count: u32_at(&bytes, 12),
            segment_bytes: u32_at(&bytes, 16),
            seed: u64_at(&bytes, 24),
        };
        let filter_bytes = filter.len().ok_or("filter")?;
        let separators_start = HEADER_BYTES + count * (REF_BYTES + END_BYTES);
        let filter_start = separators_start + separator_bytes;
        if count == 0 || filter_start + filter_bytes != bytes.len() {
            return Err("page counts");
        }
        let was_used = Cell::new(false);
        let page = IndexPage { bytes, count, filter, separators_start, filter_start, was_used };
        let mut last_end = 0;
        for number in 0..count {
            let end = page.separator_end(number);
            if end < last_end || end > separator_bytes {
                return Err("separators");
            }
            if page.block(number).units == 0 {
                return Err("reference");
            }
            last_end = end;
        }
        if last_end == separator_bytes { Ok(page) } else { Err("separators") }
    }

    /// How many blocks it leads to.
    pub fn block_count(&self) -> usize {
        self.count
    }

    /// Bytes of memory that it holds.
    pub fn memory_bytes(&self) -> usize {
        size_of::<IndexPage>() + self.bytes.len()
    }

    /// Notes that it is used, where the cache does not see it.
    pub(crate) fn note_use(&self) {
        self.was_used.set(true);
    }

    /// Whether it was used since the last call.
    pub(crate) fn take_use(&self) -> bool {
        self.was_used.take()
    }

    /// The block that has to be looked into for the key; `None` if the key is not there.
    pub fn probe(&self, key: &SoughtKey<'_>) -> Option<BlockRef> {
        if !self.filter.may_contain(&self.bytes[self.filter_start..], key.hash()) {
            return None;
        }
        self.find(key.bytes()).map(|number| self.block(number))
    }

    /// Asks for the memory of the filter that [`IndexPage::probe`] looks at first.
    pub(crate) fn prefetch(&self, key: &SoughtKey<'_>) {
        self.filter.prefetch(&self.bytes[self.filter_start..], key.hash());
    }

    /// The number of the block that `key` would be in; `None` if it sorts before all.
    pub(crate) fn find(&self, key: &[u8]) -> Option<usize> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.separator(middle) <= key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low.checked_sub(1)
    }

    /// The blocks that it leads to, in order.
    pub fn blocks(&self) -> impl ExactSizeIterator<Item = BlockRef> {
        (0..self.count).map(|number| self.block(number))
    }

    /// The reference to a block that is there.
    pub(crate) fn block(&self, number: usize) -> BlockRef {
        assert!(number < self.count, "block {number} of {}", self.count);
        BlockRef::decode(&self.bytes[HEADER_BYTES + number * REF_BYTES..])
    }

    /// A byte string above all keys of the blocks before a block, and not above its own.
    pub(crate) fn separator(&self, number: usize) -> &[u8] {
        let start = number.checked_sub(1).map_or(0, |before| self.separator_end(before));
        &self.bytes[self.separators_start + start..self.separators_start + self.separator_end(number)]
    }

    fn separator_end(&self, number: usize) -> usize {
        u32_at(&self.bytes, HEADER_BYTES + self.count * REF_BYTES + number * END_BYTES) as usize
    }
}
