//! Where in the cache a piece is: a map of the pieces' keys that never takes long to grow.
//!
//! A map that is full moves all that it holds into one twice as large, between two requests: with some hundred thousand pieces the core stands
//! still for milliseconds. This one is many small ones. Each grows by itself, and hardly two at the same moment.

use crate::record::FileId;
use crate::seal::BlockRef;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher};
use xxhash_rust::xxh3::xxh3_64;

/// Bits of a hash that say in which part a key is; neither those at its end nor those at its beginning, by which the map itself goes.
const PART_BITS: u32 = 6;
const PART_SHIFT: u32 = 40;

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

    pub(crate) fn of_item(owner: u64, key: &[u8]) -> PieceKey {
        PieceKey { owner, place: xxh3_64(key) | ITEM_MARK }
    }

    pub(crate) fn hash(self) -> u64 {
        let mixed = (self.owner ^ self.place.rotate_left(32) ^ self.place).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed ^ (mixed >> 32)).wrapping_mul(0xFF51_AFD7_ED55_8CCD)
    }
}

impl Hash for PieceKey {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(PieceKey::hash(*self));
    }
}

/// The slot of each piece.
pub(crate) struct Places {
    parts: Box<[HashMap<PieceKey, u32, PieceHashing>]>,
    count: usize,
}

impl Places {
    pub(crate) fn new() -> Places {
        Places { parts: (0..1 << PART_BITS).map(|_| HashMap::default()).collect(), count: 0 }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn get(&self, key: PieceKey) -> Option<u32> {
        self.parts[part_of(key)].get(&key).copied()
    }

    /// The key is not there yet.
    pub(crate) fn insert(&mut self, key: PieceKey, slot: u32) {
        let before = self.parts[part_of(key)].insert(key, slot);
        debug_assert!(before.is_none(), "a piece is in one slot");
        self.count += 1;
    }

    pub(crate) fn remove(&mut self, key: PieceKey) -> Option<u32> {
        let removed = self.parts[part_of(key)].remove(&key);
        self.count -= usize::from(removed.is_some());
        removed
    }
}

fn part_of(key: PieceKey) -> usize {
    let bits = (key.hash() >> PART_SHIFT) & ((1 << PART_BITS) - 1);
    usize::try_from(bits).expect("a few bits")
}

/// Piece keys hash themselves.
#[derive(Clone, Copy, Default)]
struct PieceHashing;

impl BuildHasher for PieceHashing {
    type Hasher = PieceHasher;

    fn build_hasher(&self) -> PieceHasher {
        PieceHasher(0)
    }
}

struct PieceHasher(u64);

impl Hasher for PieceHasher {
    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("a piece's key is one number");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_found_until_it_is_taken_and_no_part_has_most_of_it() {
        let mut places = Places::new();
        let key = |number: u32| PieceKey::of_item(7, &number.to_le_bytes());
        (0..20_000).for_each(|number| places.insert(key(number), number));
        let largest = places.parts.iter().map(HashMap::len).max();
        assert!(largest < Some((2 * 20_000) >> PART_BITS), "{largest:?}");
        for number in (0..20_000).step_by(2) {
            assert_eq!(places.remove(key(number)), Some(number));
        }
        assert_eq!((places.len(), places.get(key(2)), places.get(key(3))), (10_000, None, Some(3)));
        assert_eq!(places.remove(key(2)), None);
        let blocks = (0..20_000).map(|unit| PieceKey::of_block(FileId(9), BlockRef { unit, units: 1, checksum: 0 }));
        let mut counts = vec![0; 1 << PART_BITS];
        blocks.for_each(|key| counts[part_of(key)] += 1);
        assert!(counts.iter().all(|count| *count < (2 * 20_000) >> PART_BITS), "{counts:?}");
    }
}
