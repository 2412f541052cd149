//! DynamoDB's numbers: exact decimals of up to 38 significant digits.
//!
//! Parsed from the text of a request, written back as plain decimals, compared, added; `number/ordered.rs` holds
//! the bytes in which they are stored and sorted. No float is involved anywhere.

mod ordered;
mod text;

pub use text::NumberError;

pub(crate) use ordered::{ORDERED_BYTES_MAX, ordered_size_bytes};

use crate::limits::{NUMBER_DIGIT_COUNT_MAX, NUMBER_EXPONENT_MAX, NUMBER_EXPONENT_MIN};
use std::cmp::Ordering;

/// A decimal number: `coefficient * 10^exponent`, negative or not.
///
/// Invariants:
/// 1. `coefficient < 10^38`, and it does not end in the digit 0 unless it is 0.
/// 2. Zero has exponent 0 and is not negative.
/// 3. The first digit's exponent is within -130..=125.
///
/// So equal numbers have equal fields, and `Eq` and `Hash` are those of the fields.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Number {
    coefficient: u128,
    exponent: i16,
    is_negative: bool,
}

/// 10^0 ..= 10^38.
const POWERS_OF_TEN: [u128; 39] = {
    let mut powers = [1u128; 39];
    let mut index = 1;
    while index < powers.len() {
        powers[index] = powers[index - 1] * 10;
        index += 1;
    }
    powers
};

/// The first coefficient that has too many digits.
const COEFFICIENT_END: u128 = POWERS_OF_TEN[NUMBER_DIGIT_COUNT_MAX as usize];

impl Number {
    /// Zero.
    pub const ZERO: Number = Number { coefficient: 0, exponent: 0, is_negative: false };

    /// `coefficient * 10^exponent`, negative or not; normalised, so any trailing zeros will do.
    ///
    /// Fails when the value has more than 38 significant digits or lies outside of DynamoDB's range.
    pub fn from_parts(is_negative: bool, coefficient: u128, exponent: i64) -> Result<Number, NumberError> {
        if coefficient == 0 {
            return Ok(Number::ZERO);
        }
        let (coefficient, exponent) = strip_trailing_zeros(coefficient, exponent);
        let leading_exponent = exponent + i64::from(digit_count(coefficient)) - 1;
        if leading_exponent > i64::from(NUMBER_EXPONENT_MAX) {
            return Err(NumberError::Overflow);
        }
        if leading_exponent < i64::from(NUMBER_EXPONENT_MIN) {
            return Err(NumberError::Underflow);
        }
        if coefficient >= COEFFICIENT_END {
            return Err(NumberError::TooManyDigits);
        }
        let exponent = i16::try_from(exponent).expect("bounded by the leading exponent and 39 digits");
        Ok(Number { coefficient, exponent, is_negative })
    }

    /// Whether it is below zero.
    pub const fn is_negative(&self) -> bool {
        self.is_negative
    }

    /// Whether it is zero.
    pub const fn is_zero(&self) -> bool {
        self.coefficient == 0
    }

    /// The significant digits as an integer, without trailing zeros.
    pub const fn coefficient(&self) -> u128 {
        self.coefficient
    }

    /// The power of ten that the coefficient is multiplied with.
    pub const fn exponent(&self) -> i16 {
        self.exponent
    }

    /// The value when it is an integer that fits.
    pub fn to_i64(&self) -> Option<i64> {
        let power = POWERS_OF_TEN.get(usize::try_from(self.exponent).ok()?)?;
        let magnitude = i128::try_from(self.coefficient.checked_mul(*power)?).ok()?;
        i64::try_from(if self.is_negative { -magnitude } else { magnitude }).ok()
    }

    /// The bytes that the number counts in an item's size.
    ///
    /// DynamoDB: observed: one byte, one for each two significant digits before the point, one for each two after
    /// it, and one if negative; leading and trailing zeros do not count.
    pub fn item_size_bytes(&self) -> usize {
        size_bytes(self.is_negative, digit_count(self.coefficient), self.leading_exponent())
    }

    /// The exact sum. Never rounded: a sum of more than 38 digits is an overflow, as one out of range is.
    pub fn checked_add(&self, other: &Number) -> Result<Number, NumberError> {
        let (high, low) = if self.exponent >= other.exponent { (self, other) } else { (other, self) };
        if high.is_zero() {
            return Ok(*low);
        }
        if low.is_zero() {
            return Ok(*high);
        }
        // Both at the lower exponent. If the scaled coefficient does not fit 128 bits it is above 3.4 * 10^38, and the
        // other one is below 10^38: the sum keeps its lowest digit, so it has more than 38 digits whatever the signs.
        let shift = usize::try_from(high.exponent - low.exponent).expect("high is not below low");
        let scaled = POWERS_OF_TEN.get(shift).and_then(|power| high.coefficient.checked_mul(*power));
        let Some(scaled) = scaled else {
            return Err(NumberError::Overflow);
        };
        let exponent = i64::from(low.exponent);
        if high.is_negative == low.is_negative {
            // A sum that does not fit is above 3.4 * 10^38: its lowest digit is not zero (shift > 0), or both
            // coefficients are below 10^38 and it does fit.
            let Some(sum) = scaled.checked_add(low.coefficient) else {
                return Err(NumberError::Overflow);
            };
            return sum_from_parts(high.is_negative, sum, exponent);
        }
        if scaled >= low.coefficient {
            sum_from_parts(high.is_negative, scaled - low.coefficient, exponent)
        } else {
            sum_from_parts(low.is_negative, low.coefficient - scaled, exponent)
        }
    }

    /// The exact difference. Never rounded: one of more than 38 digits is an overflow, as one out of range is.
    pub fn checked_sub(&self, other: &Number) -> Result<Number, NumberError> {
        self.checked_add(&other.negated())
    }

    /// The number with its sign turned.
    pub const fn negated(&self) -> Number {
        Number {
            coefficient: self.coefficient,
            exponent: self.exponent,
            is_negative: !self.is_negative && self.coefficient != 0,
        }
    }

    /// The power of ten of the first digit. Zero's is 0.
    fn leading_exponent(&self) -> i32 {
        if self.is_zero() { 0 } else { i32::from(self.exponent) + digit_count(self.coefficient).cast_signed() - 1 }
    }

    /// Compares magnitudes.
    fn compare_magnitude(&self, other: &Number) -> Ordering {
        if self.exponent == other.exponent {
            return self.coefficient.cmp(&other.coefficient);
        }
        if self.is_zero() || other.is_zero() {
            return self.coefficient.cmp(&other.coefficient);
        }
        self.leading_exponent().cmp(&other.leading_exponent()).then_with(|| {
            // The same first digit's place: compare as fractions of 38 digits.
            let left =
                self.coefficient * POWERS_OF_TEN[(NUMBER_DIGIT_COUNT_MAX - digit_count(self.coefficient)) as usize];
            let right =
                other.coefficient * POWERS_OF_TEN[(NUMBER_DIGIT_COUNT_MAX - digit_count(other.coefficient)) as usize];
            left.cmp(&right)
        })
    }
}

/// The size rule, from what is known of a number without its digits.
fn size_bytes(is_negative: bool, digits: u32, leading_exponent: i32) -> usize {
    let places_before_point = u32::try_from(leading_exponent + 1).unwrap_or(0);
    let before = digits.min(places_before_point);
    let after = digits - before;
    1 + before.div_ceil(2) as usize + after.div_ceil(2) as usize + usize::from(is_negative)
}

/// The result of a sum.
///
/// DynamoDB: observed: `1e50 + 1`, which needs more than 38 digits, is answered as an overflow.
fn sum_from_parts(is_negative: bool, coefficient: u128, exponent: i64) -> Result<Number, NumberError> {
    Number::from_parts(is_negative, coefficient, exponent).map_err(|error| match error {
        NumberError::TooManyDigits => NumberError::Overflow,
        other => other,
    })
}

/// The decimal digits; zero has none.
const fn digit_count(coefficient: u128) -> u32 {
    match coefficient.checked_ilog10() {
        Some(log) => log + 1,
        None => 0,
    }
}

fn strip_trailing_zeros(mut coefficient: u128, mut exponent: i64) -> (u128, i64) {
    debug_assert!(coefficient != 0);
    while coefficient > u128::from(u64::MAX) {
        if !coefficient.is_multiple_of(10) {
            return (coefficient, exponent);
        }
        coefficient /= 10;
        exponent += 1;
    }
    // Dividing 64 bits is many times as fast as dividing 128.
    let mut small = u64::try_from(coefficient).expect("not above the largest");
    while small.is_multiple_of(10) {
        small /= 10;
        exponent += 1;
    }
    (u128::from(small), exponent)
}

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        match (self.is_negative, other.is_negative) {
            (false, false) => self.compare_magnitude(other),
            (true, true) => other.compare_magnitude(self),
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Default for Number {
    fn default() -> Number {
        Number::ZERO
    }
}

impl From<i64> for Number {
    fn from(integer: i64) -> Number {
        Number::from_parts(integer < 0, u128::from(integer.unsigned_abs()), 0).expect("20 digits are fewer than 38")
    }
}

impl From<u64> for Number {
    fn from(integer: u64) -> Number {
        Number::from_parts(false, u128::from(integer), 0).expect("20 digits are fewer than 38")
    }
}

#[cfg(test)]
mod tests;
