//! The data set: what lies under key number `k`, and how a reply is known to be right.
//!
//! ```text
//! key    "key:000000000042"                               16 bytes, as redis-benchmark's
//! value  "000000000042" "000000000007" "abcdefghij..."    key number, version, filler: as many bytes as asked for
//! ```
//!
//! As an item: `pk` is the key, `v` is the value, both text; with more than one field the value is cut evenly into `field0`,
//! `field1` and so on, as YCSB's rows are. Each value tells whose it is; a value under a wrong key, of a wrong length or with a
//! damaged filler is found by [`check_value`].

use std::fmt;

/// Decimal digits of a key number, and of a version.
pub(super) const DIGITS: usize = 12;
/// Key numbers and versions are below this.
pub(super) const NUMBER_MAX: u64 = 1_000_000_000_000;
/// The attribute that is the partition key.
pub(super) const KEY_ATTRIBUTE: &str = "pk";
/// The attribute that holds a value of one field.
const VALUE_ATTRIBUTE: &str = "v";
/// A value holds at least its key number and its version.
pub(super) const VALUE_BYTES_MIN: usize = 2 * DIGITS;

const FILLER: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// How an item holds its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) value_bytes: usize,
    /// Divides `value_bytes`.
    pub(super) field_count: usize,
}

impl Row {
    /// The attributes of an item, all of them text.
    pub(super) fn attributes(&self, key: u64, version: u64) -> Vec<(String, String)> {
        let value = value_text(key, version, self.value_bytes);
        let field_bytes = self.value_bytes / self.field_count;
        let fields = (0..self.field_count).map(|field| {
            let start = field * field_bytes;
            (self.field_name(field), value[start..start + field_bytes].to_owned())
        });
        [(KEY_ATTRIBUTE.to_owned(), key_text(key))].into_iter().chain(fields).collect()
    }

    /// Checks an item that was read under `key`, every byte of it. `text_of` gives an attribute's text.
    pub(super) fn check<'i>(&self, key: u64, text_of: impl Fn(&str) -> Option<&'i str>) -> Result<(), Mismatch> {
        if text_of(KEY_ATTRIBUTE) != Some(&key_text(key)) {
            return Err(Mismatch::Key);
        }
        let fields = (0..self.field_count).map(|field| text_of(&self.field_name(field)));
        let value: String = fields.collect::<Option<_>>().ok_or(Mismatch::Form)?;
        check_value(key, value.as_bytes(), self.value_bytes)
    }

    fn field_name(&self, field: usize) -> String {
        if self.field_count == 1 { VALUE_ATTRIBUTE.to_owned() } else { format!("field{field}") }
    }
}

/// What is wrong with a value that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// Not as long as it was written.
    Length { expected: usize, found: usize },
    /// Another key's, or none's.
    Key,
    /// The version is no number.
    Version,
    /// The filler is damaged at this offset of the value.
    Filler { offset: usize },
    /// There is no such attribute of that type in the reply, or no item at all.
    Form,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::Length { expected, found } => write!(formatter, "a value of {found} bytes and not {expected}"),
            Mismatch::Key => write!(formatter, "another key's value"),
            Mismatch::Version => write!(formatter, "a version that is no number"),
            Mismatch::Filler { offset } => write!(formatter, "a damaged value from byte {offset} on"),
            Mismatch::Form => write!(formatter, "a reply that holds no such item"),
        }
    }
}

/// A number below [`NUMBER_MAX`] as decimal digits with leading zeros.
#[allow(clippy::cast_possible_truncation)] // A remainder of 10 fits a byte.
pub(super) fn digits(number: u64) -> [u8; DIGITS] {
    debug_assert!(number < NUMBER_MAX, "{number} has more than {DIGITS} digits");
    let mut digits = [b'0'; DIGITS];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    digits
}

/// The text of a key.
pub(super) fn key_text(key: u64) -> String {
    format!("key:{key:012}")
}

/// The value under a key, `value_bytes` long.
pub(super) fn value_text(key: u64, version: u64, value_bytes: usize) -> String {
    assert!(value_bytes >= VALUE_BYTES_MIN, "a value of {value_bytes} bytes cannot tell its key");
    let filler = FILLER.iter().cycle().take(value_bytes - VALUE_BYTES_MIN);
    let mut value = format!("{key:012}{version:012}");
    value.extend(filler.map(|byte| char::from(*byte)));
    value
}

/// Checks a value that was read under `key`, every byte of it.
pub(super) fn check_value(key: u64, value: &[u8], value_bytes: usize) -> Result<(), Mismatch> {
    if value.len() != value_bytes {
        return Err(Mismatch::Length { expected: value_bytes, found: value.len() });
    }
    let (key_digits, rest) = value.split_at(DIGITS);
    let (version_digits, filler) = rest.split_at(DIGITS);
    if key_digits != digits(key) {
        return Err(Mismatch::Key);
    }
    if !version_digits.iter().all(u8::is_ascii_digit) {
        return Err(Mismatch::Version);
    }
    let damage = filler.iter().zip(FILLER.iter().cycle()).position(|(found, expected)| found != expected);
    damage.map_or(Ok(()), |offset| Err(Mismatch::Filler { offset: VALUE_BYTES_MIN + offset }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_formatter() {
        for number in [0, 1, 9, 10, 42, 999_999, 123_456_789_012, NUMBER_MAX - 1] {
            assert_eq!(digits(number).to_vec(), format!("{number:012}").into_bytes());
        }
    }

    #[test]
    fn an_item_is_its_value_in_as_many_fields_as_asked_for() {
        for field_count in [1, 10] {
            let row = Row { value_bytes: 1000, field_count };
            let item = row.attributes(42, 7);
            assert_eq!(item.len(), 1 + field_count);
            let fields: String = item[1..].iter().map(|(_, field)| field.as_str()).collect();
            assert_eq!(fields, value_text(42, 7, 1000));
            let text_in = |item: &[(String, String)], name: &str| {
                item.iter().find(|(attribute, _)| attribute == name).map(|(_, text)| text.clone().leak() as &str)
            };
            assert_eq!(row.check(42, |name| text_in(&item, name)), Ok(()));
            assert_eq!(row.check(43, |name| text_in(&item, name)), Err(Mismatch::Key));
            assert_eq!(row.check(42, |name| text_in(&item[..field_count], name)), Err(Mismatch::Form));
        }
    }

    #[test]
    fn every_damaged_byte_but_the_versions_is_found() {
        for value_bytes in [VALUE_BYTES_MIN, 100, 1000] {
            let value = value_text(42, 7, value_bytes).into_bytes();
            assert_eq!(check_value(42, &value, value_bytes), Ok(()));
            assert_eq!(check_value(43, &value, value_bytes), Err(Mismatch::Key));
            for position in 0..value.len() {
                let mut damaged = value.clone();
                damaged[position] ^= 0x80;
                assert!(check_value(42, &damaged, value_bytes).is_err(), "byte {position} of {value_bytes}");
            }
            let short = check_value(42, &value[..value_bytes - 1], value_bytes);
            assert_eq!(short, Err(Mismatch::Length { expected: value_bytes, found: value_bytes - 1 }));
        }
    }
}
