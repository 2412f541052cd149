//! Numbers as bytes that sort as the numbers do, end where the number ends, and are unique (FORMAT.md, "Numbers").
//!
//! Stored so in items, sets and keys. The digits go in pairs, aligned to the point:
//!
//! ```text
//! byte 0    0x80 + (e + 65), e the power of 100 of the first pair, -65..=62
//! byte 1..  pair * 2 + 1, of the last pair: pair * 2
//! zero      0x80 0x00
//! negative  every byte complemented
//! ```

use super::{Number, digit_count};
use crate::limits::NUMBER_DIGIT_COUNT_MAX;

/// The longest encoding: the first byte and, when the digits straddle the pairs, 20 pairs.
pub(crate) const ORDERED_BYTES_MAX: usize = 21;
const PAIR_COUNT_MAX: usize = ORDERED_BYTES_MAX - 1;
// All but the longest encoding have too few pairs for too many digits, and that one has too many unless they straddle the pairs.
const _: () = assert!(2 * PAIR_COUNT_MAX - 2 == NUMBER_DIGIT_COUNT_MAX as usize);
const POSITIVE: u8 = 0x80;
const EXPONENT_BIAS: i32 = 65;
/// The pair 99 with another one following.
const PAIR_BYTE_MAX: u8 = 99 * 2 + 1;
/// Nine pairs at a time fit a `u64`: 128-bit division is done once for so many.
const CHUNK: u128 = 1_000_000_000_000_000_000;
const CHUNK_PAIR_COUNT: usize = 9;

/// What an encoded number says of itself without its value being computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OrderedMeasure {
    /// Bytes of the encoding.
    pub(super) encoded_bytes: usize,
    /// Bytes that it counts in an item's size.
    pub(super) item_size_bytes: usize,
}

impl Number {
    /// Appends 2 to 21 bytes whose order is the numbers' order and which no other number's bytes begin with.
    pub fn encode_ordered(&self, out: &mut Vec<u8>) {
        let mut buffer = [0u8; ORDERED_BYTES_MAX];
        let start = self.write_ordered(&mut buffer);
        out.extend_from_slice(&buffer[start..]);
    }

    /// Writes the encoding to the end of `buffer` and returns where it starts.
    pub(crate) fn write_ordered(&self, buffer: &mut [u8; ORDERED_BYTES_MAX]) -> usize {
        if self.is_zero() {
            buffer[ORDERED_BYTES_MAX - 2] = POSITIVE;
            buffer[ORDERED_BYTES_MAX - 1] = 0;
            return ORDERED_BYTES_MAX - 2;
        }
        let mut start = ORDERED_BYTES_MAX;
        let mut rest = self.coefficient;
        let mut push = |pair: u64| {
            start -= 1;
            let more = u8::from(start != ORDERED_BYTES_MAX - 1);
            buffer[start] = u8::try_from(pair).expect("below 100") * 2 + more;
        };
        if self.exponent % 2 != 0 {
            // The last digit stands in the tens of its pair.
            push(u64::try_from(rest % 10).expect("a digit") * 10);
            rest /= 10;
        }
        while rest >= CHUNK {
            let mut chunk = u64::try_from(rest % CHUNK).expect("18 digits fit");
            rest /= CHUNK;
            for _ in 0..CHUNK_PAIR_COUNT {
                push(chunk % 100);
                chunk /= 100;
            }
        }
        let mut chunk = u64::try_from(rest).expect("18 digits fit");
        while chunk != 0 {
            push(chunk % 100);
            chunk /= 100;
        }
        let pair_count = i32::try_from(ORDERED_BYTES_MAX - start).expect("at most 20");
        let exponent = i32::from(self.exponent).div_euclid(2) + pair_count - 1 + EXPONENT_BIAS;
        start -= 1;
        buffer[start] = POSITIVE + u8::try_from(exponent).expect("within 0..=127 by invariant 3");
        if self.is_negative {
            for byte in &mut buffer[start..] {
                *byte = !*byte;
            }
        }
        start
    }

    /// Reads a number from the front of `bytes`, with the count of bytes it took. `None` for whatever
    /// `encode_ordered` does not write.
    pub fn decode_ordered(bytes: &[u8]) -> Option<(Number, usize)> {
        let measure = measure_ordered(bytes)?;
        let mask = sign_mask(bytes[0]);
        let pairs = &bytes[1..measure.encoded_bytes];
        let (last, leading) = pairs.split_last()?;
        let last_pair = (last ^ mask) >> 1;
        if last_pair == 0 {
            return Some((Number::ZERO, measure.encoded_bytes));
        }
        let mut coefficient = 0u128;
        for chunk in leading.chunks(CHUNK_PAIR_COUNT) {
            let mut value = 0u64;
            let mut scale = 1u64;
            for byte in chunk {
                value = value * 100 + u64::from((byte ^ mask) >> 1);
                scale *= 100;
            }
            coefficient = coefficient * u128::from(scale) + u128::from(value);
        }
        let pair_exponent = i32::from((bytes[0] ^ mask) - POSITIVE) - EXPONENT_BIAS;
        let mut exponent = 2 * (pair_exponent - i32::try_from(leading.len()).expect("at most 19"));
        if last_pair.is_multiple_of(10) {
            coefficient = coefficient * 10 + u128::from(last_pair / 10);
            exponent += 1;
        } else {
            coefficient = coefficient * 100 + u128::from(last_pair);
        }
        let exponent = i16::try_from(exponent).expect("a byte's worth, doubled");
        Some((Number { coefficient, exponent, is_negative: mask != 0 }, measure.encoded_bytes))
    }
}

/// Checks the number at the front of `bytes` and measures it. `None` for whatever `encode_ordered` does not write.
pub(super) fn measure_ordered(bytes: &[u8]) -> Option<OrderedMeasure> {
    let (&head, pairs) = bytes.split_first()?;
    let mask = sign_mask(head);
    let is_last = |byte: &u8| (byte ^ mask) & 1 == 0 || byte ^ mask > PAIR_BYTE_MAX;
    let last_at = pairs.iter().take(PAIR_COUNT_MAX).position(is_last)?;
    let (first_pair, last) = ((pairs[0] ^ mask) >> 1, pairs[last_at] ^ mask);
    if last > PAIR_BYTE_MAX {
        return None;
    }
    let (last_pair, pair_count) = (last >> 1, last_at + 1);
    let encoded_bytes = 1 + pair_count;
    if last_pair == 0 {
        // Only zero itself ends in an empty pair.
        return (head == POSITIVE && pair_count == 1).then_some(OrderedMeasure { encoded_bytes, item_size_bytes: 1 });
    }
    if first_pair == 0 {
        return None;
    }
    // The digits straddle the pairs: there are two fewer than the pairs have room for.
    let is_straddling = first_pair < 10 && last_pair.is_multiple_of(10);
    if pair_count == PAIR_COUNT_MAX && !is_straddling {
        return None;
    }
    // `size_bytes` counts two digits a byte on each side of the point, to which the pairs are aligned: so each pair counts as one, but
    // that straddling digits which are all on one side are as many as in one pair fewer.
    let pair_count_before_point = i32::from((head ^ mask) - POSITIVE) - EXPONENT_BIAS + 1;
    let is_on_both_sides = usize::try_from(pair_count_before_point).is_ok_and(|count| (1..pair_count).contains(&count));
    let item_size_bytes = 1 + pair_count + usize::from(mask != 0) - usize::from(is_straddling && !is_on_both_sides);
    Some(OrderedMeasure { encoded_bytes, item_size_bytes })
}

/// The bytes that the number counts in an item's size which is all of `bytes`. `None` for whatever `encode_ordered` does not write.
#[inline]
pub(crate) fn ordered_size_bytes(bytes: &[u8]) -> Option<usize> {
    if let [head, pair] = *bytes {
        // Digits of one pair do not straddle pairs: it counts as one, beside the exponent and a sign.
        let mask = sign_mask(head);
        let is_valid = pair ^ mask <= PAIR_BYTE_MAX && (pair ^ mask) & 1 == 0;
        return match pair ^ mask {
            _ if !is_valid => None,
            0 => (head == POSITIVE).then_some(1),
            _ => Some(2 + usize::from(mask != 0)),
        };
    }
    measure_ordered(bytes).filter(|measure| measure.encoded_bytes == bytes.len()).map(|measure| measure.item_size_bytes)
}

/// What the bytes of a number with this first byte are complemented with.
fn sign_mask(head: u8) -> u8 {
    if head >= POSITIVE { 0 } else { 0xFF }
}

const _: () = assert!(digit_count(CHUNK - 1) as usize == 2 * CHUNK_PAIR_COUNT);
