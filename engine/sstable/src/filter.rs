//! The filter of an index page: a binary fuse filter of 8-bit fingerprints (FORMAT.md, "Index page").
//!
//! Says of a key that it is not there, or that it may be: wrongly once in 256. Three bytes are looked at. Built once from
//! all keys of a group. Pure; source: Graf and Lemire, "Binary Fuse Filters", 2022.

use crate::bytes::{leading_number, to_u32};
use runtime::prefetch;
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

    /// Its first eight bytes as a number.
    pub fn leading_number(&self) -> u64 {
        leading_number(self.bytes)
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

    /// Asks for the memory that [`FilterShape::may_contain`] looks at.
    #[inline]
    pub(crate) fn prefetch(self, fingerprints: &[u8], hash: u64) {
        if self.segment_count > 0 {
            let places = self.places(mix(hash, self.seed));
            places.iter().filter_map(|place| fingerprints.get(*place)).for_each(|fingerprint| prefetch(fingerprint));
        }
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

/// Builds filters, one after another, in the same memory. In steps: `begin`, then `advance` until it says that the filter is there.
#[derive(Default)]
pub(crate) struct FilterBuilder {
    shape: FilterShape,
    /// Seeds that did not do.
    attempt: u64,
    phase: Phase,
    /// Of each place: how many keys are on it, and their mixed hashes, one over the other.
    counts: Vec<u8>,
    sums: Vec<u64>,
    /// Places with one key.
    single: Vec<u32>,
    /// Keys in the order in which they were taken off, with the place that was theirs alone.
    taken: Vec<(u64, u32)>,
    fingerprints: Vec<u8>,
}

/// What is being done, and how far it is.
#[derive(Clone, Copy, Default)]
enum Phase {
    /// So many hashes were put on their places.
    Placing(usize),
    /// So many places were looked at for being of one key.
    Seeking(usize),
    /// Key after key that is alone on one of its places is taken off.
    TakingOff,
    /// So many of the keys that were taken off have no fingerprint yet: last taken first, for the others of a key are settled when its own is.
    Assigning(usize),
    #[default]
    Done,
}

impl FilterBuilder {
    /// A filter of the keys with these hashes, and its fingerprints; no segments, and no fingerprints, if none can be built.
    /// The hashes may be put into another order, and lose what they have twice.
    #[cfg(test)]
    pub(crate) fn build(&mut self, hashes: &mut Vec<u64>) -> (FilterShape, &[u8]) {
        self.begin(hashes);
        while !self.advance(hashes, usize::MAX) {}
        self.built()
    }

    /// Begins the filter of the keys with these hashes.
    pub(crate) fn begin(&mut self, hashes: &[u64]) {
        self.attempt = 0;
        self.shape = FilterShape::for_count(hashes.len());
        self.try_seed();
    }

    /// Goes on with the filter for so many keys or places, at most. Returns whether it is there. The hashes are those that it was begun with; they may
    /// be put into another order, and lose what they have twice.
    pub(crate) fn advance(&mut self, hashes: &mut Vec<u64>, step_count: usize) -> bool {
        self.phase = match self.phase {
            Phase::Placing(done) => self.place(&hashes[done..], step_count).map_or(Phase::Done, |count| {
                if done + count < hashes.len() { Phase::Placing(done + count) } else { Phase::Seeking(0) }
            }),
            Phase::Seeking(done) => self.seek(done, step_count),
            Phase::TakingOff => match self.take_off(step_count) {
                false => Phase::TakingOff,
                true if self.taken.len() == hashes.len() => {
                    self.fingerprints.resize(self.counts.len(), 0);
                    Phase::Assigning(self.taken.len())
                }
                true => Phase::Done,
            },
            Phase::Assigning(left) => self.assign(left, step_count),
            Phase::Done => Phase::Done,
        };
        let is_done = matches!(self.phase, Phase::Done);
        is_done && (!self.fingerprints.is_empty() || !self.try_next_seed(hashes))
    }

    /// The filter that was built last: no segments, and no fingerprints, if there can be none.
    pub(crate) fn built(&self) -> (FilterShape, &[u8]) {
        assert!(matches!(self.phase, Phase::Done), "the filter is being built");
        let shape = if self.fingerprints.is_empty() { FilterShape::default() } else { self.shape };
        (shape, &self.fingerprints)
    }

    fn try_seed(&mut self) {
        self.shape.seed = mix(self.attempt, 0x9E37_79B9_7F4A_7C15);
        let len = self.shape.len().expect("the shape was made here");
        self.counts.clear();
        self.counts.resize(len, 0);
        self.sums.clear();
        self.sums.resize(len, 0);
        self.taken.clear();
        self.single.clear();
        self.fingerprints.clear();
        self.phase = Phase::Placing(0);
    }

    /// Begins again with the next seed. Returns whether there is one left to try.
    fn try_next_seed(&mut self, hashes: &mut Vec<u64>) -> bool {
        self.attempt += 1;
        if self.attempt >= 2 * SEED_COUNT_MAX {
            return false;
        }
        if self.attempt == SEED_COUNT_MAX {
            hashes.sort_unstable();
            hashes.dedup();
        }
        self.try_seed();
        true
    }

    /// Puts keys on their places, the first of those that are left. Returns how many; `None` if there is no filter of this seed: the counter of a place
    /// counts no more.
    fn place(&mut self, left: &[u64], step_count: usize) -> Option<usize> {
        let step = &left[..left.len().min(step_count)];
        for hash in step {
            let mixed = mix(*hash, self.shape.seed);
            for place in self.shape.places(mixed) {
                self.counts[place] = self.counts[place].checked_add(1)?;
                self.sums[place] ^= mixed;
            }
        }
        Some(step.len())
    }

    fn seek(&mut self, done: usize, step_count: usize) -> Phase {
        let end = done.saturating_add(step_count).min(self.counts.len());
        self.single.extend((done..end).filter(|place| self.counts[*place] == 1).map(to_u32));
        if end < self.counts.len() { Phase::Seeking(end) } else { Phase::TakingOff }
    }

    /// Takes off keys that are alone on one of their places. Returns whether there are none left.
    fn take_off(&mut self, step_count: usize) -> bool {
        for _ in 0..step_count {
            let Some(place) = self.single.pop() else { return true };
            if self.counts[place as usize] != 1 {
                continue;
            }
            let mixed = self.sums[place as usize];
            self.taken.push((mixed, place));
            for other in self.shape.places(mixed) {
                self.counts[other] -= 1;
                self.sums[other] ^= mixed;
                if self.counts[other] == 1 {
                    self.single.push(to_u32(other));
                }
            }
        }
        self.single.is_empty()
    }

    /// Gives fingerprints to places.
    fn assign(&mut self, left: usize, step_count: usize) -> Phase {
        let begin = left.saturating_sub(step_count);
        for (mixed, own) in self.taken[begin..left].iter().rev() {
            let [first, second, third] = self.shape.places(*mixed);
            let of_all = self.fingerprints[first] ^ self.fingerprints[second] ^ self.fingerprints[third];
            // The own place is still zero: what is missing goes there.
            self.fingerprints[*own as usize] = of_all ^ fingerprint(*mixed);
        }
        if begin > 0 { Phase::Assigning(begin) } else { Phase::Done }
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
    fn in_steps_it_is_the_same_filter_and_no_step_is_longer_than_it_may_be() {
        const KEY_COUNT: usize = 10_240;
        let mut random = Rng::with_seed(4);
        let mut hashes: Vec<u64> = (0..KEY_COUNT).map(|_| random.u64(..)).collect();
        let (mut builder, mut at_once) = (FilterBuilder::default(), FilterBuilder::default());
        let (shape, fingerprints) = at_once.build(&mut hashes);
        for step_count in [100, 2_048] {
            let mut step_number = 1;
            builder.begin(&hashes);
            while !builder.advance(&mut hashes, step_count) {
                step_number += 1;
            }
            assert_eq!(builder.built(), (shape, fingerprints));
            // Keys are placed, places looked at, keys taken off, fingerprints given.
            let work_count = 3 * KEY_COUNT + fingerprints.len();
            assert!(step_number >= work_count / step_count, "{step_number} steps of {step_count}");
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
