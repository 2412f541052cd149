//! An index page in memory: which block a key would be in, and whether it can be there at all.
//!
//! Read in place, as it lies in the file: references, separators and filter of one group of blocks, or of all index pages
//! (the root, which has no filter). Checked when it is made; after that nothing fails and nothing is allocated.

use crate::bytes::{leading_number, u32_at, u64_at};
use crate::filter::{FilterShape, SoughtKey};
use crate::seal::{BlockRef, REF_BYTES};
use crate::spread::Spread;
use runtime::prefetch;
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
    /// Of the first eight bytes of each separator as a number.
    spread: Spread,
    /// A key was looked for in it since the cache has last asked.
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
        let spread = Spread::default();
        let mut page = IndexPage { bytes, count, filter, separators_start, filter_start, spread, was_used };
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
        if last_end != separator_bytes {
            return Err("separators");
        }
        let [first, last] = [0, count - 1].map(|number| leading_number(page.separator(number)));
        page.spread = Spread::of(first, last, count);
        Ok(page)
    }

    /// How many blocks it leads to.
    pub fn block_count(&self) -> usize {
        self.count
    }

    /// Bytes of memory that it holds.
    pub fn memory_bytes(&self) -> usize {
        size_of::<IndexPage>() + self.bytes.len()
    }

    /// Whether it was used since the last call.
    pub(crate) fn take_use(&self) -> bool {
        self.was_used.take()
    }

    /// The block that has to be looked into for the key; `None` if the key is not there.
    pub fn probe(&self, key: &SoughtKey<'_>) -> Option<BlockRef> {
        if self.may_contain(key) { self.block_of(key) } else { None }
    }

    /// Whether the key may be in one of its blocks. It counts as used from now on.
    pub fn may_contain(&self, key: &SoughtKey<'_>) -> bool {
        self.was_used.set(true);
        self.filter.may_contain(&self.bytes[self.filter_start..], key.hash())
    }

    /// The block that has to be looked into for a key that may be there; `None` if it is before all of them.
    pub fn block_of(&self, key: &SoughtKey<'_>) -> Option<BlockRef> {
        self.find(key.bytes()).map(|number| self.block(number))
    }

    /// Asks for the memory that [`IndexPage::block_of`] looks at first.
    pub fn prefetch_block_of(&self, key: &SoughtKey<'_>) {
        let start = self.start(key.bytes());
        let separators = &self.bytes[self.separators_start..self.filter_start];
        let ahead = [
            self.separators_start + separators.len() * start / self.count,
            HEADER_BYTES + start * REF_BYTES,
            HEADER_BYTES + self.count * REF_BYTES + start * END_BYTES,
        ];
        ahead.iter().filter_map(|place| self.bytes.get(*place)).for_each(|byte| prefetch(byte));
    }

    /// Asks for the memory of the filter that [`IndexPage::probe`] looks at first.
    pub fn prefetch(&self, key: &SoughtKey<'_>) {
        self.filter.prefetch(&self.bytes[self.filter_start..], key.hash());
    }

    /// The number of the block that `key` would be in; `None` if it sorts before all. It is looked for from where it would be if keys are spread evenly, as
    /// hashed ones are, in steps that double until it is passed, then by halves: two or three separators side by side where it is so. Where all begin alike
    /// it is by halves from the start.
    pub(crate) fn find(&self, key: &[u8]) -> Option<usize> {
        let (mut low, mut high) = (0, self.count);
        let is_alike = self.spread.is_flat();
        let (mut is_above_low, mut is_below_high) = (is_alike, is_alike);
        let (mut next, mut step) = (self.start(key), 1);
        while low < high {
            if self.separator(next) <= key {
                (low, is_above_low) = (next + 1, true);
            } else {
                (high, is_below_high) = (next, true);
            }
            next = match (is_above_low, is_below_high) {
                (true, true) => low + (high - low) / 2,
                (true, false) => (low + step - 1).min(self.count - 1),
                (false, _) => high.saturating_sub(step),
            };
            step *= 2;
        }
        low.checked_sub(1)
    }

    /// Where a search begins.
    fn start(&self, key: &[u8]) -> usize {
        if self.spread.is_flat() { self.count / 2 } else { self.spread.guess(leading_number(key)).min(self.count - 1) }
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

    /// The first eight bytes of each separator as a number.
    pub(crate) fn leading_numbers(&self) -> impl Iterator<Item = u64> {
        (0..self.count).map(|number| leading_number(self.separator(number)))
    }

    fn separator_end(&self, number: usize) -> usize {
        u32_at(&self.bytes, HEADER_BYTES + self.count * REF_BYTES + number * END_BYTES) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page_builder::PageBuilder;

    #[test]
    fn where_keys_are_spread_evenly_the_guess_is_next_to_the_block() {
        let mut builder = PageBuilder::default();
        for number in 0..200_u64 {
            let separator = (number * (u64::MAX / 200) + number * number).to_be_bytes();
            builder.push(&separator[..4], BlockRef { unit: 0, units: 1, checksum: 0 });
        }
        let page = IndexPage::decode(builder.finish(Default::default()).into()).unwrap();
        let mut random = fastrand::Rng::with_seed(6);
        for _ in 0..1_000 {
            let key = random.u64(..).to_be_bytes();
            let (guess, found) = (page.start(&key), page.find(&key).unwrap());
            assert!(guess.abs_diff(found) <= 1, "block {found}, guess {guess}");
        }
    }
}
