//! The bytes of single key values, in order (FORMAT.md, "Keys").
//!
//! A partition key ends itself, for a sort key follows: strings and binaries are escaped and terminated; so does the
//! sort key of an index, for the table's follows. A table's sort key is the last thing in an encoded key: strings and
//! binaries stand as they are.

use super::{KeyType, Number};
use crate::item::{ItemEncoder, ValueRef};

/// In a partition key the byte 0 is written as 0 and this.
const ESCAPED_ZERO: u8 = 0xFF;
/// A partition key ends with 0 and this: below every escaped zero, so that a prefix sorts first.
const END: u8 = 0x00;
/// How long the end of a string or binary is.
pub(super) const END_BYTES: usize = 2;

/// Appends a value that something follows: a partition key, or the sort key of an index.
pub(super) fn encode_delimited(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value {
        ValueRef::S(text) => delimit(KeyType::String, text.as_bytes(), out),
        ValueRef::B(bytes) => delimit(KeyType::Binary, bytes, out),
        ValueRef::N(number) => number.encode_ordered(out),
        _ => unreachable!("the type was checked against the schema"),
    }
}

/// The same of a value's bytes as an item has them.
pub(super) fn delimit(key_type: KeyType, payload: &[u8], out: &mut Vec<u8>) {
    if key_type == KeyType::Number {
        // It ends itself.
        return out.extend_from_slice(payload);
    }
    let mut rest = payload;
    while let Some(zero_at) = find_zero(rest) {
        out.extend_from_slice(&rest[..=zero_at]);
        out.push(ESCAPED_ZERO);
        rest = &rest[zero_at + 1..];
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(&[0, END]);
}

/// Where the first byte 0 is. Most keys have none and are short: what is no longer than two words is looked at in two words, which may
/// overlap.
#[inline]
fn find_zero(bytes: &[u8]) -> Option<usize> {
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk())
        && bytes.len() <= 16
        && !has_zero(u64::from_ne_bytes(*first))
        && !has_zero(u64::from_ne_bytes(*last))
    {
        return None;
    }
    memchr::memchr(0, bytes)
}

/// Whether one of the bytes of a word is 0: it alone borrows from the byte above without having had its own highest bit.
#[inline]
const fn has_zero(word: u64) -> bool {
    const LOW_BITS: u64 = 0x0101_0101_0101_0101;
    word.wrapping_sub(LOW_BITS) & !word & (LOW_BITS << 7) != 0
}

/// Appends a sort key: a string, number or binary.
pub(super) fn encode_sort_key(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value {
        ValueRef::S(text) => out.extend_from_slice(text.as_bytes()),
        ValueRef::B(bytes) => out.extend_from_slice(bytes),
        ValueRef::N(number) => number.encode_ordered(out),
        _ => unreachable!("the type was checked against the schema"),
    }
}

/// How many bytes the delimited value at the front of `key` takes. `None` if there is none.
pub(super) fn delimited_bytes(key_type: KeyType, key: &[u8]) -> Option<usize> {
    if key_type == KeyType::Number {
        return Number::decode_ordered(key).map(|(_, encoded_bytes)| encoded_bytes);
    }
    let mut from = 0;
    loop {
        let zero_at = from + key.get(from..)?.iter().position(|byte| *byte == 0)?;
        match *key.get(zero_at + 1)? {
            END => return Some(zero_at + 2),
            ESCAPED_ZERO => from = zero_at + 2,
            _ => return None,
        }
    }
}

/// Writes a delimited value whose bytes `delimited_bytes` has measured.
pub(super) fn decode_delimited(key_type: KeyType, key: &[u8], encoder: &mut ItemEncoder) -> Option<()> {
    if key_type == KeyType::Number {
        return decode_sort_key(key_type, key, encoder);
    }
    let escaped = key.strip_suffix(&[0, END])?;
    let mut plain = Vec::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some(zero_at) = rest.iter().position(|byte| *byte == 0) {
        plain.extend_from_slice(&rest[..=zero_at]);
        rest = rest.get(zero_at + 2..)?;
    }
    plain.extend_from_slice(rest);
    decode_sort_key(key_type, &plain, encoder)
}

/// Writes the value of a sort key.
pub(super) fn decode_sort_key(key_type: KeyType, key: &[u8], encoder: &mut ItemEncoder) -> Option<()> {
    match key_type {
        KeyType::String if key.is_empty() => return None,
        KeyType::Binary if key.is_empty() => return None,
        KeyType::String => encoder.string(std::str::from_utf8(key).ok()?),
        KeyType::Binary => encoder.binary(key),
        KeyType::Number => match Number::decode_ordered(key)? {
            (number, encoded_bytes) if encoded_bytes == key.len() => encoder.number(number),
            _ => return None,
        },
    }
    Some(())
}
