//! A code: what is kept of it, and the tables for both directions.

use crate::Histogram;
use crate::lengths::{LENGTH_MAX, are_complete, best_lengths};
use std::fmt;

/// Bytes of a code where it is kept.
pub const CODE_BYTES: usize = 128;
/// Ways in which the next bits of a stream can go on.
pub(crate) const WINDOW_COUNT: usize = 1 << LENGTH_MAX;

/// What compresses and decompresses. 17 KiB.
pub struct Code {
    pub(crate) lengths: [u8; 256],
    pub(crate) codewords: [Codeword; 256],
    /// By the next twelve bits: what they begin with.
    pub(crate) steps: Box<[Step; WINDOW_COUNT]>,
}

/// The bits of a byte, the first one lowest.
#[derive(Clone, Copy, Default)]
pub(crate) struct Codeword {
    pub(crate) bits: u16,
    pub(crate) length: u16,
}

/// One or two whole codewords at the start of twelve bits. Laid out so that the sum of up to four says where they have come to.
///
/// ```text
/// bits  0 to  5   bits of all
///       6 to  9   how many
///      10 to 13   bits of the first
///      16 to 31   the bytes, the first one lowest
/// ```
#[derive(Clone, Copy, Default)]
pub(crate) struct Step(u32);

impl Step {
    /// The bytes; the second means nothing if there is one.
    #[inline]
    pub(crate) fn bytes(self) -> [u8; 2] {
        let [.., first, second] = self.0.to_le_bytes();
        [first, second]
    }

    /// Bits of all.
    #[inline]
    pub(crate) fn length(self) -> u32 {
        self.0 & 63
    }

    #[inline]
    pub(crate) fn first_length(self) -> u32 {
        self.0 >> 10 & 15
    }

    #[inline]
    pub(crate) fn count(self) -> usize {
        (self.0 >> 6 & 15) as usize
    }

    /// Of what has as many bits and bytes as both together: nothing else of it means anything.
    #[inline]
    pub(crate) fn and(self, next: Step) -> Step {
        Step(self.0.wrapping_add(next.0))
    }

    /// The bytes and the lengths of their codewords.
    fn new((first, first_length): (u8, u8), second: Option<(u8, u8)>) -> Step {
        let (byte, length) = second.unwrap_or_default();
        let bytes = u32::from(first) << 16 | u32::from(byte) << 24;
        let count = 1 + u32::from(second.is_some());
        Step(u32::from(first_length + length) | count << 6 | u32::from(first_length) << 10 | bytes)
    }
}

impl Code {
    /// The code in which what was counted takes the fewest bits.
    pub fn of(histogram: &Histogram) -> Code {
        Code::with_lengths(best_lengths(&histogram.weights()))
    }

    /// The code that was kept as these bytes; `None` if they are none.
    pub fn decode(bytes: &[u8; CODE_BYTES]) -> Option<Code> {
        let lengths = std::array::from_fn(|byte| bytes[byte / 2] >> (4 * (byte % 2)) & 15);
        are_complete(&lengths).then(|| Code::with_lengths(lengths))
    }

    /// The code as it is kept.
    pub fn encode(&self) -> [u8; CODE_BYTES] {
        std::array::from_fn(|pair| self.lengths[2 * pair] | self.lengths[2 * pair + 1] << 4)
    }

    /// Bits that all that was counted would take.
    pub fn bits(&self, histogram: &Histogram) -> u64 {
        histogram.bits(&self.lengths)
    }

    fn with_lengths(lengths: [u8; 256]) -> Code {
        let codewords = codewords(&lengths);
        Code { lengths, steps: steps(&codewords), codewords }
    }
}

impl PartialEq for Code {
    fn eq(&self, other: &Code) -> bool {
        self.lengths == other.lengths
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Code {:?}", self.lengths)
    }
}

/// The canonical codewords of these lengths.
fn codewords(lengths: &[u8; 256]) -> [Codeword; 256] {
    let mut codewords = [Codeword::default(); 256];
    let mut next = 0_u16;
    for length in 1..=LENGTH_MAX {
        for byte in (0..256).filter(|byte| lengths[*byte] == length) {
            let bits = next.reverse_bits() >> (16 - length);
            codewords[byte] = Codeword { bits, length: u16::from(length) };
            next += 1;
        }
        next <<= 1;
    }
    codewords
}

fn steps(codewords: &[Codeword; 256]) -> Box<[Step; WINDOW_COUNT]> {
    let mut firsts = [(0_u8, 0_u8); WINDOW_COUNT];
    for (byte, Codeword { bits, length }) in (0..=u8::MAX).zip(codewords) {
        let windows = (usize::from(*bits)..WINDOW_COUNT).step_by(1 << length);
        windows.for_each(|window| firsts[window] = (byte, length.to_le_bytes()[0]));
    }
    let mut steps = Box::new([Step::default(); WINDOW_COUNT]);
    for (window, step) in steps.iter_mut().enumerate() {
        let first = firsts[window];
        let second = firsts[window >> first.1];
        *step = Step::new(first, (first.1 + second.1 <= LENGTH_MAX).then_some(second));
    }
    steps
}
