//! Numbers of variable length: LEB128 of at most 64 bits, and zigzag for signed differences. Pure.

/// Appends `number`.
pub(crate) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Reads a number at the start of `bytes` and moves behind it; `None` if it does not end, has more than 64 bits, or could be shorter.
#[inline(always)]
pub(crate) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let (&first, rest) = bytes.split_first()?;
    *bytes = rest;
    if first < 0x80 { Some(u64::from(first)) } else { take_more(bytes, u64::from(first & 0x7f)) }
}

/// Reads a length, as [`take`] does.
#[inline(always)]
pub(crate) fn take_length(bytes: &mut &[u8]) -> Option<usize> {
    usize::try_from(take(bytes)?).ok()
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

/// The wrapping difference `value - base` so that small ones of either sign are small.
pub(crate) fn zigzag(base: u64, value: u64) -> u64 {
    let difference = value.wrapping_sub(base);
    (difference << 1) ^ 0u64.wrapping_sub(difference >> 63)
}

/// The value that `zigzag` made `difference` of.
pub(crate) fn unzigzag(base: u64, difference: u64) -> u64 {
    base.wrapping_add((difference >> 1) ^ 0u64.wrapping_sub(difference & 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_no_truncation_passes() {
        for bits in 0..64 {
            for number in [1u64 << bits, (1u64 << bits) - 1, u64::MAX >> bits] {
                let mut bytes = Vec::new();
                put(&mut bytes, number);
                let mut rest = bytes.as_slice();
                assert_eq!(take(&mut rest), Some(number));
                assert!(rest.is_empty());
                for length in 0..bytes.len() {
                    assert_eq!(take(&mut &bytes[..length]), None, "{number} cut at {length}");
                }
                for base in [0, 1, 77, u64::MAX / 2, u64::MAX] {
                    assert_eq!(unzigzag(base, zigzag(base, number)), number);
                }
            }
        }
        assert_eq!((zigzag(5, 5), zigzag(5, 4), zigzag(5, 6), zigzag(5, 3)), (0, 1, 2, 3));
        assert_eq!(take(&mut [0x80, 0].as_slice()), None, "it could be shorter");
        assert_eq!(take(&mut [0xff; 11].as_slice()), None);
        assert_eq!(take(&mut [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2].as_slice()), None);
    }
}
