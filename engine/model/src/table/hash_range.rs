//! How the keys of a table are divided: a partition is a range of the 64-bit hash of the partition key.

use crate::key::KeyHash;
use std::fmt;

/// A partition of a table, for as long as it lives; never used again after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId(pub u64);

/// The hashes from `first` to `last`, both included; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HashRange {
    first: u64,
    last: u64,
}

impl HashRange {
    /// Every hash.
    pub const FULL: HashRange = HashRange { first: 0, last: u64::MAX };

    /// From `first` to `last`, both included. `None` if `last` is below `first`.
    pub const fn new(first: KeyHash, last: KeyHash) -> Option<HashRange> {
        if first.0 <= last.0 { Some(HashRange { first: first.0, last: last.0 }) } else { None }
    }

    /// The first hash of the range.
    pub const fn first(&self) -> KeyHash {
        KeyHash(self.first)
    }

    /// The last hash of the range.
    pub const fn last(&self) -> KeyHash {
        KeyHash(self.last)
    }

    /// Whether a hash lies in the range.
    pub const fn contains(&self, hash: KeyHash) -> bool {
        self.first <= hash.0 && hash.0 <= self.last
    }

    /// The first bytes of every encoded key of the range lie in this, the lower bound included; the upper bound is
    /// excluded, `None` where the range ends with the last hash.
    pub fn encoded_key_bounds(&self) -> ([u8; 8], Option<[u8; 8]>) {
        (self.first.to_be_bytes(), self.last.checked_add(1).map(u64::to_be_bytes))
    }

    /// Divides all hashes into `count` ranges, in order, whose sizes differ by at most one. Panics when `count` is 0.
    pub fn split_evenly(count: usize) -> impl ExactSizeIterator<Item = HashRange> {
        assert!(count > 0, "no ranges cannot hold every hash");
        (0..count).map(move |index| HashRange {
            first: boundary(index, count),
            last: boundary(index + 1, count).wrapping_sub(1),
        })
    }

    /// Which of the ranges of `split_evenly(count)` holds a hash.
    pub fn position_in_even_split(hash: KeyHash, count: usize) -> usize {
        assert!(count > 0, "no ranges cannot hold every hash");
        let product = u128::from(hash.0) * count as u128;
        usize::try_from(product >> 64).expect("below count")
    }
}

/// The first hash of a range of the even split; 0, as 2^64, after the last range. The least hash whose product with the
/// count reaches `index * 2^64`.
fn boundary(index: usize, count: usize) -> u64 {
    let numerator = (index as u128) << 64;
    let boundary = numerator.div_ceil(count as u128);
    u64::try_from(boundary & u128::from(u64::MAX)).expect("64 bits")
}

impl fmt::Display for PartitionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for HashRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}..={:016x}", self.first, self.last)
    }
}
