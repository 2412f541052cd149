//! How often each byte occurs in what was counted.

use std::array;

/// See the front page.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: [u32; 256],
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { counts: [0; 256] }
    }
}

impl Histogram {
    /// Counts these bytes too. Together no more than 4 GiB: [`Histogram::halve`] before.
    pub fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let count = &mut self.counts[usize::from(*byte)];
            *count = count.saturating_add(1);
        }
    }

    /// Bytes that were counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|count| u64::from(*count)).sum()
    }

    /// Lets what was counted so far weigh half.
    pub fn halve(&mut self) {
        self.counts.iter_mut().for_each(|count| *count /= 2);
    }

    /// Each byte's weight in a code: a byte that did not occur may still come.
    pub(crate) fn weights(&self) -> [u64; 256] {
        array::from_fn(|byte| u64::from(self.counts[byte].max(1)))
    }

    /// Bits that all of it takes, where `lengths` are those of the bytes' codewords.
    pub(crate) fn bits(&self, lengths: &[u8; 256]) -> u64 {
        self.counts.iter().zip(lengths).map(|(count, length)| u64::from(*count) * u64::from(*length)).sum()
    }
}
