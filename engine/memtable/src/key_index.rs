//! The owner's index of keys, by their hash: finds a key's node in one or two cache misses.
//!
//! A search in a skiplist of a hundred thousand keys misses the cache some ten times; the owner of a partition, who makes
//! most point reads and all writes, need not search for a key that is there. One per memtable, held by its writer, on the owner's core: it is neither seen by
//! other cores nor needed by them.
//!
//! ```text
//! parts     0                                    1         ...    a key's part is its tag's high bits
//! slots   | tag, place | HEAD | tag, place | ... |                a power of two; HEAD: nobody
//!           ^ a key's slot is its tag's low bits, or the next free slot behind it
//! ```
//!
//! Each part grows by itself, so that no insert has to put all keys into new slots: with two hundred thousand of them that takes milliseconds.
//!
//! The hash begins with a seed that clients do not know: else they could choose keys that all have one slot, and each search would look at all of them.
//!
//! Not here: the nodes themselves, which the writer resolves and compares.

use crate::arena::Place;
use crate::node::prefetch;
use std::ptr::NonNull;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Slots that the first insert into a part makes room for.
const SLOT_COUNT_MIN: usize = 8;
/// Bits of a tag that say which part its key is in.
const PART_BITS: u32 = 5;

/// Places of nodes by the tag of their keys.
#[derive(Default)]
pub(crate) struct KeyIndex {
    parts: [Part; 1 << PART_BITS],
}

/// The keys whose tags begin alike.
///
/// Invariants: 1. The count of slots is 0 or a power of two, and at most three of four are taken. 2. Between a tag's first
/// slot and the slot that it is in, none is free.
#[derive(Default)]
struct Part {
    slots: Vec<Slot>,
    taken_count: usize,
}

#[derive(Clone, Copy)]
struct Slot {
    tag: KeyTag,
    place: Place,
}

const FREE: Slot = Slot { tag: KeyTag(0), place: Place::HEAD };

const _: () = assert!(size_of::<Slot>() == 8);

/// The bits of a key's hash that the index keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyTag(u32);

/// A key and its tag, which is made once for a decision and all that follows of it.
#[derive(Clone, Copy, Debug)]
pub struct TaggedKey<'k> {
    /// The key.
    pub bytes: &'k [u8],
    /// Its tag in the memtables that it is for.
    pub tag: KeyTag,
}

impl KeyTag {
    /// The tag of a key in the memtables of that seed.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the low half of the hash is what is wanted")]
    pub(crate) fn of(key: &[u8], seed: u64) -> KeyTag {
        KeyTag(xxh3_64_with_seed(key, seed) as u32)
    }

    /// A hash for a table of the owner's own. Tables take a place from the low end of the word and a mark from the high end: the tag is in both.
    #[inline]
    pub fn hash(self) -> u64 {
        u64::from(self.0) << u32::BITS | u64::from(self.0)
    }

    #[inline]
    fn slot(self, mask: usize) -> usize {
        self.0 as usize & mask
    }

    #[inline]
    fn part(self) -> usize {
        (self.0 >> (u32::BITS - PART_BITS)) as usize
    }
}

impl KeyIndex {
    /// Bytes that it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.slots.len() * size_of::<Slot>()).sum()
    }

    /// The place of the node with the tag for which `is_wanted` holds.
    #[inline]
    pub(crate) fn find(&self, tag: KeyTag, is_wanted: impl Fn(Place) -> bool) -> Option<Place> {
        let part = &self.parts[tag.part()];
        let slot = part.seek(tag, is_wanted)?;
        Some(part.slots[slot].place).filter(|place| *place != Place::HEAD)
    }

    /// Asks for the cache line of the first slot that a read of `tag` looks at.
    #[inline]
    pub(crate) fn prefetch(&self, tag: KeyTag) {
        let slots = &self.parts[tag.part()].slots;
        if let Some(slot) = slots.get(tag.slot(slots.len().wrapping_sub(1))) {
            prefetch(NonNull::from(slot).cast());
        }
    }

    /// Adds a node whose key is not in the index yet.
    pub(crate) fn add(&mut self, tag: KeyTag, place: Place) {
        self.parts[tag.part()].add(tag, place);
    }
}

impl Part {
    fn add(&mut self, tag: KeyTag, place: Place) {
        if (self.taken_count + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let slot = self.seek(tag, |_| false).expect("there are slots");
        self.taken_count += 1;
        self.slots[slot] = Slot { tag, place };
    }

    /// The slot of the wanted node, or the free one at which the search for it ends; `None` without slots.
    #[inline]
    fn seek(&self, tag: KeyTag, is_wanted: impl Fn(Place) -> bool) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = tag.slot(mask);
        loop {
            let found = self.slots[slot];
            if found.place == Place::HEAD || (found.tag == tag && is_wanted(found.place)) {
                return Some(slot);
            }
            slot = (slot + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let slot_count = (self.slots.len() * 2).max(SLOT_COUNT_MIN);
        let slots = std::mem::replace(&mut self.slots, vec![FREE; slot_count]);
        for taken in slots.into_iter().filter(|slot| slot.place != Place::HEAD) {
            let free = self.seek(taken.tag, |_| false).expect("there are slots");
            self.slots[free] = taken;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use xxhash_rust::xxh3::xxh3_64;

    /// Clients could choose keys that all had one hash: where a lane is as XXH3's secret, the one beside it does not count.
    #[test]
    fn keys_that_are_chosen_to_have_one_hash_have_many_tags() {
        const SECRET: [u8; 8] = [0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe];
        let keys: Vec<_> =
            (0..1_000_u64).map(|number| [SECRET, number.to_le_bytes(), [1; 8], [2; 8]].concat()).collect();
        assert!(keys.iter().all(|key| xxh3_64(key) == xxh3_64(&keys[0])), "chosen well");
        let tags: BTreeSet<u32> = keys.iter().map(|key| KeyTag::of(key, 7).0).collect();
        assert_eq!(tags.len(), keys.len());
    }

    #[test]
    fn every_key_is_found_and_no_insert_puts_more_than_a_part_into_new_slots() {
        const KEY_COUNT: u32 = 200_000;
        let mut index = KeyIndex::default();
        let tag = |number: u32| KeyTag::of(&number.to_le_bytes(), 7);
        let mut moved_count_max = 0;
        for number in 1..=KEY_COUNT {
            let part = &index.parts[tag(number).part()];
            let (slot_count, taken_count) = (part.slots.len(), part.taken_count);
            index.add(tag(number), Place::from_bits(number));
            if index.parts[tag(number).part()].slots.len() > slot_count {
                moved_count_max = moved_count_max.max(taken_count);
            }
        }
        assert!(moved_count_max < 8_192, "{moved_count_max} keys were put into new slots at once");
        for number in 1..=KEY_COUNT {
            let found = index.find(tag(number), |place| place.bits() == number);
            assert_eq!(found.map(Place::bits), Some(number));
        }
        assert!(index.find(tag(KEY_COUNT + 1), |place| place.bits() > KEY_COUNT).is_none());
    }
}
