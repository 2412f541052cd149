//! Where in the cache a piece is: a map from the pieces' hashes to their slots that never takes long to grow.
//!
//! A map that is full moves all that it holds into one twice as large, between two requests: with some hundred thousand pieces the core stands
//! still for milliseconds. This one is many small ones. Each grows by itself, and hardly two at the same moment.
//!
//! ```text
//! hash:  .. | which part | .. | tag, 32 bits: its lowest say where in the part
//! part:  [tag, slot][tag, slot][     ][tag, slot] ..    what is not in its place is in one of those after it, without a gap
//! ```
//!
//! A look takes one cache line most often, which can be asked for ahead. Whether a slot with the right tag holds the piece is for the caller to say, who
//! knows its key.

use crate::filter::SoughtKey;
use crate::record::FileId;
use crate::seal::BlockRef;
use runtime::prefetch;

/// Bits of a hash that say in which part it is; none of its tag.
const PART_BITS: u32 = 6;
const PART_SHIFT: u32 = 40;
/// Places of a part that holds something: a power of two.
const PLACE_COUNT_MIN: usize = 16;

/// Which piece: of this file, at this unit; or of this owner, with this hash of its key, marked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct PieceKey {
    owner: u64,
    place: u64,
}

/// Units have 32 bits: this tells the hashes of items from them.
const ITEM_MARK: u64 = 1 << 63;

impl PieceKey {
    pub(crate) fn of_block(file: FileId, block: BlockRef) -> PieceKey {
        PieceKey { owner: file.0, place: u64::from(block.unit) }
    }

    pub(crate) fn of_item(owner: u64, sought: &SoughtKey<'_>) -> PieceKey {
        PieceKey { owner, place: sought.hash() | ITEM_MARK }
    }

    /// The seed is the cache's: without it nobody can choose keys that are looked for in the same place.
    pub(crate) fn hash(self, seed: u64) -> u64 {
        let mixed = (self.owner ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ self.place;
        let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
        mixed ^ (mixed >> 32)
    }
}

/// The slot of each piece.
pub(crate) struct Places {
    parts: Box<[Part]>,
    count: usize,
}

impl Places {
    pub(crate) fn new() -> Places {
        Places { parts: (0..1 << PART_BITS).map(|_| Part::default()).collect(), count: 0 }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The slot of the piece with this hash for which `is_it` says so; it is asked of few others, if any.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        self.parts[part_of(hash)].find(tag_of(hash), is_it)
    }

    /// Asks for the memory that a look for this hash takes.
    #[inline]
    pub(crate) fn prefetch(&self, hash: u64) {
        let part = &self.parts[part_of(hash)];
        if let Some(place) = part.places.get(part.home_of(tag_of(hash))) {
            prefetch(place);
        }
    }

    /// The piece has no slot yet.
    pub(crate) fn insert(&mut self, hash: u64, slot: u32) {
        self.parts[part_of(hash)].insert(Place { tag: tag_of(hash), slot });
        self.count += 1;
    }

    /// The piece with this hash is in this slot, and leaves it.
    pub(crate) fn remove(&mut self, hash: u64, slot: u32) {
        self.parts[part_of(hash)].remove(Place { tag: tag_of(hash), slot });
        self.count -= 1;
    }
}

fn part_of(hash: u64) -> usize {
    usize::try_from((hash >> PART_SHIFT) & ((1 << PART_BITS) - 1)).expect("a few bits")
}

fn tag_of(hash: u64) -> u32 {
    u32::try_from(hash & u64::from(u32::MAX)).expect("32 bits")
}

/// One of the small maps.
///
/// Invariants: 1. There are no places, or a power of two of them. 2. At most five of eight are taken. 3. Between where a tag belongs and where it is,
/// onwards and around the end, no place is free.
#[derive(Default)]
struct Part {
    places: Box<[Place]>,
    count: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    tag: u32,
    slot: u32,
}

impl Place {
    /// No slot has this number: there are fewer.
    const FREE: Place = Place { tag: 0, slot: u32::MAX };
}

impl Part {
    /// Where a tag belongs.
    #[inline(always)]
    fn home_of(&self, tag: u32) -> usize {
        tag as usize & self.places.len().wrapping_sub(1)
    }

    #[inline(always)]
    fn after(&self, place: usize) -> usize {
        (place + 1) & (self.places.len() - 1)
    }

    #[inline]
    fn find(&self, tag: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        if self.count == 0 {
            return None;
        }
        let mut at = self.home_of(tag);
        loop {
            let place = self.places[at];
            if place == Place::FREE {
                return None;
            }
            if place.tag == tag && is_it(place.slot) {
                return Some(place.slot);
            }
            at = self.after(at);
        }
    }

    fn insert(&mut self, place: Place) {
        assert!(place.slot != Place::FREE.slot, "fewer than 4 billion pieces in memory");
        if (self.count + 1) * 8 > self.places.len() * 5 {
            self.grow();
        }
        self.put(place);
        self.count += 1;
    }

    /// There is a free place.
    fn put(&mut self, place: Place) {
        let mut at = self.home_of(place.tag);
        while self.places[at] != Place::FREE {
            at = self.after(at);
        }
        self.places[at] = place;
    }

    fn grow(&mut self) {
        let place_count = (self.places.len() * 2).max(PLACE_COUNT_MIN);
        let before = std::mem::replace(&mut self.places, vec![Place::FREE; place_count].into());
        before.iter().filter(|place| **place != Place::FREE).for_each(|place| self.put(*place));
    }

    /// The place is taken. Those behind it move up as far as invariant 3 asks.
    fn remove(&mut self, place: Place) {
        let mut gap = self.home_of(place.tag);
        while self.places[gap] != place {
            assert!(self.places[gap] != Place::FREE, "slot {} is of a piece that is here", place.slot);
            gap = self.after(gap);
        }
        let mut at = self.after(gap);
        while self.places[at] != Place::FREE {
            let mask = self.places.len() - 1;
            let way_to_gap = gap.wrapping_sub(self.home_of(self.places[at].tag)) & mask;
            let way_to_place = at.wrapping_sub(self.home_of(self.places[at].tag)) & mask;
            if way_to_gap <= way_to_place {
                self.places[gap] = self.places[at];
                gap = at;
            }
            at = self.after(at);
        }
        self.places[gap] = Place::FREE;
        self.count -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn it_is_as_a_map_would_be_whatever_is_put_and_taken() {
        for seed in 0..40 {
            let mut random = fastrand::Rng::with_seed(seed);
            // Few tags, so that many pieces stand where others belong and some have the same; few parts, so that these fill.
            let (tag_bits, hash_count) = (random.u32(1..12), random.u64(1..400));
            let hash_of = |piece: u64| ((piece * 0x9E37) & ((1 << tag_bits) - 1)) | ((piece % 3) << PART_SHIFT);
            let (mut places, mut model) = (Places::new(), HashMap::new());
            // Of each slot: no two steps use the same.
            let mut pieces = Vec::new();
            for slot in 0..2_000 {
                let piece = random.u64(..hash_count);
                pieces.push(piece);
                let expected = model.get(&piece).copied();
                let found = places.find(hash_of(piece), |slot| pieces[slot as usize] == piece);
                assert_eq!(found, expected, "seed {seed}");
                places.prefetch(hash_of(piece));
                match expected {
                    Some(before) if random.bool() => {
                        places.remove(hash_of(piece), before);
                        model.remove(&piece);
                    }
                    Some(_) => {}
                    None => {
                        places.insert(hash_of(piece), slot);
                        model.insert(piece, slot);
                    }
                }
                assert_eq!(places.len(), model.len());
            }
            model.iter().for_each(|(piece, slot)| places.remove(hash_of(*piece), *slot));
            let are_free = |part: &Part| part.count == 0 && part.places.iter().all(|place| *place == Place::FREE);
            assert!(places.parts.iter().all(are_free), "seed {seed}");
        }
    }

    #[test]
    fn a_place_at_the_end_goes_on_at_the_beginning() {
        let mut places = Places::new();
        let hash = PLACE_COUNT_MIN as u64 - 1;
        (0..5).for_each(|slot| places.insert(hash, slot));
        places.insert(0, 5);
        for slot in [1, 0, 4] {
            places.remove(hash, slot);
            assert_eq!(places.find(hash, |found| found == slot), None);
        }
        assert_eq!([2, 3].map(|slot| places.find(hash, |found| found == slot)), [Some(2), Some(3)]);
        assert_eq!(places.find(0, |_| true), Some(5));
    }

    #[test]
    fn no_part_has_most_of_it_and_tags_are_spread() {
        const SEED: u64 = 5;
        let items = (0..20_000_u32).map(|number| PieceKey::of_item(7, &SoughtKey::new(&number.to_le_bytes())));
        let blocks = (0..20_000).map(|unit| PieceKey::of_block(FileId(9), BlockRef { unit, units: 1, checksum: 0 }));
        for keys in [items.collect::<Vec<_>>(), blocks.collect()] {
            let (mut counts, mut tags) = (vec![0; 1 << PART_BITS], HashMap::new());
            for key in keys {
                let hash = key.hash(SEED);
                counts[part_of(hash)] += 1;
                *tags.entry(tag_of(hash) & 0xff).or_insert(0) += 1;
            }
            assert!(counts.iter().all(|count| *count < (2 * 20_000) >> PART_BITS), "{counts:?}");
            assert!(tags.values().all(|count| *count < 2 * 20_000 / 256), "{tags:?}");
        }
    }
}
