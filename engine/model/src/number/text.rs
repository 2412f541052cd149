//! Numbers as text: DynamoDB's grammar and limits on the way in, plain decimals on the way out.

use super::{Number, POWERS_OF_TEN, digit_count};
use crate::error::Error;
use crate::limits::{NUMBER_DIGIT_COUNT_MAX, NUMBER_EXPONENT_MAX, NUMBER_EXPONENT_MIN};
use std::fmt;

/// Why a text is not a number of DynamoDB, or a result is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NumberError {
    /// The text is empty.
    Empty,
    /// The text, which is not a number.
    NotNumeric(Box<str>),
    /// The magnitude is 1E+126 or more.
    Overflow,
    /// The magnitude is below 1E-130, and not zero.
    Underflow,
    /// More than 38 significant digits.
    TooManyDigits,
}

impl fmt::Display for NumberError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NumberError::Empty => formatter.write_str("The parameter cannot be converted to a numeric value"),
            NumberError::NotNumeric(text) => {
                write!(formatter, "The parameter cannot be converted to a numeric value: {text}")
            }
            NumberError::Overflow => formatter
                .write_str("Number overflow. Attempting to store a number with magnitude larger than supported range"),
            NumberError::Underflow => formatter.write_str(
                "Number underflow. Attempting to store a number with magnitude smaller than supported range",
            ),
            NumberError::TooManyDigits => {
                formatter.write_str("Attempting to store more than 38 significant digits in a Number")
            }
        }
    }
}

impl std::error::Error for NumberError {}

/// As a `ValidationException` with DynamoDB's text.
impl From<NumberError> for Error {
    fn from(error: NumberError) -> Error {
        Error::validation(error.to_string())
    }
}

/// An explicit exponent is followed no further than this: far beyond every limit, far from overflowing.
const EXPLICIT_EXPONENT_MAX: i64 = 1_000_000_000;

/// What the digits of a text say, before any limit is checked.
#[derive(Default)]
struct Digits {
    /// The significant digits as long as there are at most 38 of them.
    coefficient: u128,
    /// From the first digit that is not 0 to the last one that is not 0.
    significant_count: i64,
    /// Zeros after the last digit that is not 0.
    trailing_zero_count: i64,
    /// Digits after the point.
    fraction_count: i64,
    /// All digits.
    digit_count: i64,
}

impl Digits {
    fn push(&mut self, digit: u8) {
        self.digit_count += 1;
        if digit == 0 {
            self.trailing_zero_count += i64::from(self.significant_count > 0);
            return;
        }
        let step = self.trailing_zero_count + 1;
        self.significant_count += step;
        self.trailing_zero_count = 0;
        if self.significant_count <= i64::from(NUMBER_DIGIT_COUNT_MAX) {
            let power = POWERS_OF_TEN[usize::try_from(step).expect("at most 38")];
            self.coefficient = self.coefficient * power + u128::from(digit);
        }
    }
}

impl Number {
    /// Reads a number as DynamoDB does: an optional sign, digits with an optional point, an optional exponent;
    /// nothing else, no white space.
    pub fn parse(text: &str) -> Result<Number, NumberError> {
        if text.is_empty() {
            return Err(NumberError::Empty);
        }
        let not_numeric = || NumberError::NotNumeric(text.into());
        let (is_negative, rest) = split_sign(text.as_bytes());
        let (digits, rest) = read_digits(rest).ok_or_else(not_numeric)?;
        let explicit_exponent = read_exponent(rest).ok_or_else(not_numeric)?;
        number_from_digits(is_negative, &digits, explicit_exponent)
    }

    /// Appends the number as a plain decimal: no exponent, no superfluous zeros, at most 171 bytes.
    pub fn write_plain(&self, out: &mut Vec<u8>) {
        if self.is_negative {
            out.push(b'-');
        }
        let mut buffer = [0u8; NUMBER_DIGIT_COUNT_MAX as usize];
        let digits = write_digits(self.coefficient, &mut buffer);
        let exponent = i32::from(self.exponent);
        let places_before_point = exponent + digit_count(self.coefficient).max(1).cast_signed();
        if exponent >= 0 {
            out.extend_from_slice(digits);
            out.resize(out.len() + usize::from(self.exponent.unsigned_abs()), b'0');
        } else if let Ok(split @ 1..) = usize::try_from(places_before_point) {
            out.extend_from_slice(&digits[..split]);
            out.push(b'.');
            out.extend_from_slice(&digits[split..]);
        } else {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + places_before_point.unsigned_abs() as usize, b'0');
            out.extend_from_slice(digits);
        }
    }
}

fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    }
}

/// Digits with at most one point among them, and what follows. At least one digit is needed.
fn read_digits(text: &[u8]) -> Option<(Digits, &[u8])> {
    let mut digits = Digits::default();
    let mut point_at_digit: Option<i64> = None;
    let mut length = 0;
    for byte in text {
        match byte {
            b'0'..=b'9' => digits.push(byte - b'0'),
            b'.' if point_at_digit.is_none() => point_at_digit = Some(digits.digit_count),
            _ => break,
        }
        length += 1;
    }
    digits.fraction_count = point_at_digit.map_or(0, |before_point| digits.digit_count - before_point);
    (digits.digit_count > 0).then_some((digits, &text[length..]))
}

/// Nothing, or `e`, an optional sign and digits up to the end of the text.
fn read_exponent(text: &[u8]) -> Option<i64> {
    let [b'e' | b'E', text @ ..] = text else {
        return text.is_empty().then_some(0);
    };
    let (is_negative, text) = split_sign(text);
    if text.is_empty() {
        return None;
    }
    let mut exponent = 0i64;
    for byte in text {
        if !byte.is_ascii_digit() {
            return None;
        }
        exponent = (exponent * 10 + i64::from(byte - b'0')).min(EXPLICIT_EXPONENT_MAX);
    }
    Some(if is_negative { -exponent } else { exponent })
}

fn number_from_digits(is_negative: bool, digits: &Digits, explicit_exponent: i64) -> Result<Number, NumberError> {
    if digits.significant_count == 0 {
        // DynamoDB: observed: `0e126` overflows though `0.0e126` does not, and `0e-131` underflows: a zero is measured
        // by the place of its last digit.
        let place = explicit_exponent - digits.fraction_count;
        return if place > i64::from(NUMBER_EXPONENT_MAX) {
            Err(NumberError::Overflow)
        } else if place < i64::from(NUMBER_EXPONENT_MIN) {
            Err(NumberError::Underflow)
        } else {
            Ok(Number::ZERO)
        };
    }
    let exponent = explicit_exponent - digits.fraction_count + digits.trailing_zero_count;
    let leading_exponent = exponent + digits.significant_count - 1;
    if leading_exponent > i64::from(NUMBER_EXPONENT_MAX) {
        Err(NumberError::Overflow)
    } else if leading_exponent < i64::from(NUMBER_EXPONENT_MIN) {
        Err(NumberError::Underflow)
    } else if digits.significant_count > i64::from(NUMBER_DIGIT_COUNT_MAX) {
        Err(NumberError::TooManyDigits)
    } else {
        let exponent = i16::try_from(exponent).expect("bounded by the leading exponent and 38 digits");
        Ok(Number { coefficient: digits.coefficient, exponent, is_negative })
    }
}

/// Writes the digits to the end of `buffer`; zero is "0".
fn write_digits(mut coefficient: u128, buffer: &mut [u8; NUMBER_DIGIT_COUNT_MAX as usize]) -> &[u8] {
    /// As many digits as a `u64` holds: 128-bit division is slow, so it is done once for so many.
    const CHUNK: u128 = POWERS_OF_TEN[19];
    let mut start = buffer.len();
    loop {
        let is_last = coefficient < CHUNK;
        let mut chunk = u64::try_from(coefficient % CHUNK).expect("19 digits fit");
        coefficient /= CHUNK;
        let chunk_start = if is_last { 0 } else { start - 19 };
        while start > chunk_start && (chunk != 0 || !is_last || start == buffer.len()) {
            start -= 1;
            buffer[start] = b'0' + u8::try_from(chunk % 10).expect("a digit");
            chunk /= 10;
        }
        if is_last {
            return &buffer[start..];
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(48);
        self.write_plain(&mut text);
        formatter.write_str(std::str::from_utf8(&text).expect("digits, a point and a sign"))
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
