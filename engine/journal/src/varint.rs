//! Numbers of variable length: LEB128 of at most 64 bits, in the least number of bytes. Pure.

/// Bytes of the longest number of so many bits.
pub(crate) const fn bytes_max(bits: u32) -> usize {
    bits.div_ceil(7) as usize
}

/// Bytes that `number` takes.
pub(crate) const fn bytes_of(number: u64) -> usize {
    bytes_max(u64::BITS - (number | 1).leading_zeros())
}

/// Writes `number` to `out` at `at`; gives where it ends.
#[inline]
pub(crate) fn put(out: &mut [u8], mut at: usize, mut number: u64) -> usize {
    while number >= 0x80 {
        out[at] = number.to_le_bytes()[0] | 0x80;
        number >>= 7;
        at += 1;
    }
    out[at] = number.to_le_bytes()[0];
    at + 1
}

/// Reads a number at the start of `bytes` and moves behind it; `None` if it does not end, has more than 64 bits, or could be shorter.
#[inline]
pub(crate) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let (&first, rest) = bytes.split_first()?;
    *bytes = rest;
    if first < 0x80 { Some(u64::from(first)) } else { take_more(bytes, u64::from(first & 0x7f)) }
}

fn take_more(bytes: &mut &[u8], mut number: u64) -> Option<u64> {
    for shift in (7..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if byte == 0 || (shift == 63 && byte > 1) {
            return None;
        }
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_no_truncation_passes() {
        for bits in 0..64 {
            for number in [1u64 << bits, (1u64 << bits) - 1, u64::MAX >> bits] {
                let mut bytes = [0xEE; 16];
                let end = put(&mut bytes, 3, number);
                assert_eq!(end - 3, bytes_max((64 - number.leading_zeros()).max(1)), "{number}");
                let mut rest = &bytes[3..];
                assert_eq!(take(&mut rest), Some(number));
                assert_eq!(rest, &bytes[end..]);
                for length in 3..end {
                    assert_eq!(take(&mut &bytes[3..length]), None, "{number} cut at {length}");
                }
            }
        }
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let check = |bytes: &[u8]| assert_eq!(take(&mut &*bytes), None, "{bytes:?}");
        check(&[0x80, 0]);
        check(&[0x85, 0x80, 0]);
        check(&[0xff; 11]);
        check(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]);
        check(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]);
        check(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x81, 0]);
    }
}
