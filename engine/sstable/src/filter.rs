//! The filter of an index page: a binary fuse filter of 8-bit fingerprints (FORMAT.md, "Index page").
//!
//! Says of a key that it is not there, or that it may be: wrongly once in 256. Three bytes are looked at. Built once from
//! all keys of a group. Pure; source: Graf and Lemire, "Binary Fuse Filters", 2022.

use crate::bytes::to_u32;
use xxhash_rust::xxh3::xxh3_64;

/// Seeds that are tried before the keys are looked through for equal hashes, which no seed tells apart.
const SEED_COUNT_MAX: u64 = 32;

/// A key that is sought, with the hash that filters know it by: taken once, asked of many files.
#[derive(Clone, Copy, Debug)]
pub struct SoughtKey<'k> {
    bytes: &'k [u8],
    hash: u64,
}

impl<'k> SoughtKey<'k> {
    /// The key with these bytes.
    pub fn new(bytes: &'k [u8]) -> SoughtKey<'k> {
        SoughtKey { bytes, hash: filter_hash(bytes) }
    }

    /// The key.
    pub fn bytes(&self) -> &'k [u8] {
        self.bytes
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }
}

/// What the filter takes of a key.
pub(crate) fn filter_hash(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// How a filter's fingerprints are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct FilterShape {
    pub(crate) seed: u64,
    /// 0: there is no filter.
    pub(crate) segment_count: u32,
    /// A power of two.
    pub(crate) segment_bytes: u32,
}

impl FilterShape {
    /// How many fingerprints there are; `None` if that is no number that fits.
    pub(crate) fn len(self) -> Option<usize> {
        if self.segment_count == 0 {
            return Some(0);
        }
        let segment_count = self.segment_count.checked_add(2)?;
        let bytes = segment_count.checked_mul(self.segment_bytes)?;
        self.segment_bytes.is_power_of_two().then_some(bytes as usize)
    }

    /// Whether a key with this hash may be among those that `fingerprints` were made of.
    #[inline]
    pub(crate) fn may_contain(self, fingerprints: &[u8], hash: u64) -> bool {
        if self.segment_count == 0 {
            return true;
        }
        let mixed = mix(hash, self.seed);
        let [first, second, third] = self.places(mixed);
        fingerprints[first] ^ fingerprints[second] ^ fingerprints[third] == fingerprint(mixed)
    }

    #[inline(always)]
    fn places(self, mixed: u64) -> [usize; 3] {
        let (segment, mask) = (u64::from(self.segment_bytes), u64::from(self.segment_bytes) - 1);
        let span = segment * u64::from(self.segment_count);
        let high = (u128::from(mixed) * u128::from(span)) >> 64;
        let first = u64::try_from(high).expect("the high half of a product of 128 bits");
        let second = (first + segment) ^ ((mixed >> 18) & mask);
        let third = (first + 2 * segment) ^ (mixed & mask);
        [first, second, third].map(|place| usize::try_from(place).expect("there are fewer fingerprints than 2^32"))
    }

    /// The shape for so many keys.
    fn for_count(count: usize) -> FilterShape {
        // The paper's figures: a segment grows as a power of the count, and small sets need more room.
        let logarithm = (count.max(2) as f64).ln();
        let segment_bits = (logarithm / 3.33_f64.ln() + 2.25).floor();
        let factor = (0.875 + 0.25 * 1_000_000_f64.ln() / logarithm).max(1.125);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "of a group's count, both small")]
        let (segment_bits, capacity) = (segment_bits as u32, (count as f64 * factor).ceil() as usize);
        let segment_bytes = 1_u32 << segment_bits.min(18);
        let segments = capacity.div_ceil(segment_bytes as usize).max(3);
        FilterShape { seed: 0, segment_count: to_u32(segments - 2), segment_bytes }
    }
}

fn mix(hash: u64, seed: u64) -> u64 {
    let mut mixed = hash.wrapping_add(seed);
    mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    mixed ^ (mixed >> 33)
}

fn fingerprint(mixed: u64) -> u8 {
    (mixed ^ (mixed >> 32)).to_le_bytes()[0]
}

/// Builds filters, one after another, in the same memory.
#[derive(Default)]
pub(crate) struct FilterBuilder {
    /// Of each place: how many keys are on it, and their mixed hashes, one over the other.
    counts: Vec<u8>,
    sums: Vec<u64>,
    /// Places with one key.
    single: Vec<u32>,
    /// Keys in the order in which they were taken off, with the place that was theirs alone.
    taken: Vec<(u64, u32)>,
    fingerprints: Vec<u8>,
}

impl FilterBuilder {
    /// A filter of the keys with these hashes, and its fingerprints; no segments, and no fingerprints, if none can be built.
    /// The hashes may be put into another order, and lose what they have twice.
    pub(crate) fn build(&mut self, hashes: &mut Vec<u64>) -> (FilterShape, &[u8]) {
        let mut shape = FilterShape::for_count(hashes.len());
        for attempt in 0..2 * SEED_COUNT_MAX {
            if attempt == SEED_COUNT_MAX {
                hashes.sort_unstable();
                hashes.dedup();
            }
            shape.seed = mix(attempt, 0x9E37_79B9_7F4A_7C15);
            if self.take_off_all(shape, hashes) {
                self.assign(shape);
                return (shape, &self.fingerprints);
            }
        }
        self.fingerprints.clear();
        (FilterShape::default(), &self.fingerprints)
    }

    /// Takes off key after key that is alone on one of its places. Returns whether that was all of them.
    fn take_off_all(&mut self, shape: FilterShape, hashes: &[u64]) -> bool {
        let len = shape.len().expect("the shape was made here");
        self.counts.clear();
        self.counts.resize(len, 0);
        self.sums.clear();
        self.sums.resize(len, 0);
        for hash in hashes {
            let mixed = mix(*hash, shape.seed);
            for place in shape.places(mixed) {
                // With more keys than the counter counts there is no filter of this seed.
                let Some(count) = self.counts[place].checked_add(1) else { return false };
                self.counts[place] = count;
                self.sums[place] ^= mixed;
            }
        }
        self.taken.clear();
        self.single.clear();
        self.single.extend((0..to_u32(len)).filter(|place| self.counts[*place as usize] == 1));
        while let Some(place) = self.single.pop() {
            if self.counts[place as usize] != 1 {
                continue;
            }
            let mixed = self.sums[place as usize];
            self.taken.push((mixed, place));
            for other in shape.places(mixed) {
                self.counts[other] -= 1;
                self.sums[other] ^= mixed;
                if self.counts[other] == 1 {
                    self.single.push(to_u32(other));
                }
            }
        }
        self.taken.len() == hashes.len()
    }

    /// Gives fingerprints to places, last taken first: the others of a key are settled when its own is.
    fn assign(&mut self, shape: FilterShape) {
        self.fingerprints.clear();
        self.fingerprints.resize(shape.len().expect("the shape was made here"), 0);
        for (mixed, own) in self.taken.iter().rev() {
            let [first, second, third] = shape.places(*mixed);
            let of_all = self.fingerprints[first] ^ self.fingerprints[second] ^ self.fingerprints[third];
            // The own place is still zero: what is missing goes there.
            self.fingerprints[*own as usize] = of_all ^ fingerprint(*mixed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastrand::Rng;

    #[test]
    fn what_is_in_is_always_found_and_what_is_not_seldom() {
        let mut random = Rng::with_seed(3);
        let mut builder = FilterBuilder::default();
        for count in (1..40).chain([100, 999, 4_000, 10_240, 11_000, 17_000]) {
            let mut hashes: Vec<u64> = (0..count).map(|_| random.u64(..)).collect();
            let held = hashes.clone();
            let (shape, fingerprints) = builder.build(&mut hashes);
            assert_eq!(fingerprints.len(), shape.len().unwrap());
            assert!(shape.segment_count > 0);
            for hash in held {
                assert!(shape.may_contain(fingerprints, hash), "{count} keys");
            }
            if count >= 4_000 {
                let wrong_count = (0..100_000).filter(|_| shape.may_contain(fingerprints, random.u64(..))).count();
                let bits = fingerprints.len() as f64 * 8.0 / count as f64;
                println!("{count} keys: {bits:.2} bits a key, {} wrong of 100,000", wrong_count);
                let bits_max = if count < 10_000 { 11.5 } else { 10.2 };
                assert!(wrong_count < 500 && bits < bits_max, "{wrong_count} wrong, {bits} bits");
            }
        }
    }

    #[test]
    fn equal_hashes_do_no_harm() {
        let mut builder = FilterBuilder::default();
        for (distinct, times) in [(1, 2), (1, 1_000), (500, 7), (16_000, 2)] {
            let mut random = Rng::with_seed(distinct);
            let distinct: Vec<u64> = (0..distinct).map(|_| random.u64(..)).collect();
            let mut hashes: Vec<u64> = distinct.iter().cycle().take(distinct.len() * times).copied().collect();
            let (shape, fingerprints) = builder.build(&mut hashes);
            assert!(distinct.iter().all(|hash| shape.may_contain(fingerprints, *hash)));
        }
    }
}
