//! Numbers: DynamoDB's grammar and limits, exact sums, an order that bytes keep. The oracle is `bigdecimal`.

use super::ordered::measure_ordered;
use super::*;
use crate::error::Error;
use bigdecimal::BigDecimal;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

fn number(text: &str) -> Number {
    Number::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn encoded(number: &Number) -> Vec<u8> {
    let mut bytes = Vec::new();
    number.encode_ordered(&mut bytes);
    bytes
}

fn to_decimal(number: &Number) -> BigDecimal {
    BigDecimal::from_str(&number.to_string()).unwrap()
}

#[test]
fn parses_what_dynamodb_parses() {
    let check = |text: &str, expect: &str| assert_eq!(number(text).to_string(), expect, "{text}");
    for (text, expect) in [
        ("0", "0"),
        ("-0", "0"),
        ("+0.000", "0"),
        ("5", "5"),
        ("+5", "5"),
        ("-5", "-5"),
        ("5.", "5"),
        (".5", "0.5"),
        ("-.5e1", "-5"),
        ("007", "7"),
        ("1.50", "1.5"),
        ("1.5E2", "150"),
        ("1e3", "1000"),
        ("1000.0", "1000"),
        ("12e+1", "120"),
        ("12e-1", "1.2"),
        ("1e-3", "0.001"),
        ("0.0e126", "0"),
        ("0e125", "0"),
        ("0e-130", "0"),
        (
            "0.1e126",
            "100000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
        ),
        ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
        ("99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
        ("0.12345678901234567890123456789012345678", "0.12345678901234567890123456789012345678"),
        ("3.1415926535897932384626433832795028841", "3.1415926535897932384626433832795028841"),
        ("10000000000000000000000000000000000000000", "10000000000000000000000000000000000000000"),
        ("9.8765432109876543210e20", "987654321098765432100"),
        ("18446744073709551616", "18446744073709551616"),
    ] {
        check(text, expect);
    }
    assert_eq!(number("1E+125").to_string(), format!("1{}", "0".repeat(125)));
    assert_eq!(number("-1E-130").to_string(), format!("-0.{}1", "0".repeat(129)));
}

#[test]
fn refuses_what_dynamodb_refuses_in_its_words() {
    let check = |text: &str, expect: NumberError| assert_eq!(Number::parse(text), Err(expect), "{text}");
    check("", NumberError::Empty);
    for text in [
        " 1", "1 ", "1\n", "NaN", "Infinity", "-", "+", ".", "-.", "e5", "1e", "1e+", "1e5.0", "1.2.3", "--1", "+-1",
        "0x10", "1_000", "1,5", "dog", "1e5e5", "１",
    ] {
        check(text, NumberError::NotNumeric(text.into()));
    }
    for text in ["1e126", "11e125", "0e126", "0.0e127", "-1e126", "1.0e100000000", "1e99999999999999999999999"] {
        check(text, NumberError::Overflow);
    }
    for text in ["1e-131", "0.9e-130", "-1e-131", "0e-131", "1e-99999999999999999999999"] {
        check(text, NumberError::Underflow);
    }
    for text in ["123456789012345678901234567890123456789", "1.00000000000000000000000000000000000001"] {
        check(text, NumberError::TooManyDigits);
    }
    check(&"9".repeat(200), NumberError::Overflow);
    check(&"9".repeat(100), NumberError::TooManyDigits);
    check(&format!("0.{}1", "0".repeat(400_000)), NumberError::Underflow);
    assert_eq!(number(&format!("{}7", "0".repeat(400_000))), number("7"));
    assert_eq!(
        Error::from(Number::parse("dog").unwrap_err()).message,
        "The parameter cannot be converted to a numeric value: dog"
    );
}

#[test]
fn counts_in_an_item_as_dynamodb_does() {
    for (text, expect) in [
        ("0", 1),
        ("1", 2),
        ("-1", 3),
        ("12", 2),
        ("123", 3),
        ("1000", 2),
        ("1234.56", 4),
        ("1000.5", 4),
        ("0.001", 2),
        ("-0.0012", 3),
        ("100.001", 5),
        ("12340", 3),
        ("1E+125", 2),
        ("1E-130", 2),
        ("99999999999999999999999999999999999999", 20),
        ("-9.9999999999999999999999999999999999999", 22),
    ] {
        let number = number(text);
        assert_eq!(number.item_size_bytes(), expect, "{text}");
        let measure = measure_ordered(&encoded(&number)).unwrap();
        assert_eq!(measure.item_size_bytes, expect, "{text}");
    }
}

#[test]
fn is_encoded_as_the_format_says() {
    for (text, expect) in [
        ("0", &[0x80, 0x00][..]),
        ("1", &[0xC1, 0x02]),
        ("42", &[0xC1, 0x54]),
        ("1000", &[0xC2, 0x14]),
        ("1234.5", &[0xC2, 0x19, 0x45, 0x64]),
        ("-42", &[0x3E, 0xAB]),
        ("1E-130", &[0x80, 0x02]),
        ("9.9E+125", &[0xFF, 0xC6]),
    ] {
        assert_eq!(encoded(&number(text)), expect, "{text}");
    }
}

#[test]
fn adds_exactly_or_not_at_all() {
    let check = |left: &str, right: &str, expect: Result<&str, NumberError>| {
        assert_eq!(number(left).checked_add(&number(right)), expect.map(number), "{left} + {right}");
    };
    check("1", "10000000000000000000000", Ok("10000000000000000000001"));
    check("0.1", "0.2", Ok("0.3"));
    check("5", "-5", Ok("0"));
    check("0", "-1E-130", Ok("-1E-130"));
    check("9e125", "9e124", Ok("9.9e125"));
    check("9e125", "9e125", Err(NumberError::Overflow));
    check("1e50", "1", Err(NumberError::Overflow));
    check("1e50", "-1", Err(NumberError::Overflow));
    check("1e125", "1e-130", Err(NumberError::Overflow));
    check("1.1e-130", "-1e-130", Err(NumberError::Underflow));
    let nines = "99999999999999999999999999999999999999";
    check(nines, "1", Ok("1e38"));
    check(nines, nines, Err(NumberError::Overflow));
    check("1e38", "-1", Ok(nines));
    check("1e38", "1", Err(NumberError::Overflow));
    check("-1e38", "1", Ok("-99999999999999999999999999999999999999"));
    assert_eq!(number("3").checked_sub(&number("5")), Ok(number("-2")));
    assert_eq!(number("0").checked_sub(&number("0")), Ok(Number::ZERO));
}

#[test]
fn integers_go_both_ways() {
    for integer in [0, 1, -1, 10, 1_000_000, i64::MAX, i64::MIN] {
        assert_eq!(Number::from(integer).to_i64(), Some(integer));
        assert_eq!(Number::from(integer).to_string(), integer.to_string());
    }
    assert_eq!(Number::from(u64::MAX).to_i64(), None);
    assert_eq!(number("1.5").to_i64(), None);
    assert_eq!(number("1e125").to_i64(), None);
}

/// Any number that can be stored, with short and long coefficients, and exponents near each other and far apart.
fn random_number(chance: &mut fastrand::Rng) -> Number {
    let digits = chance.usize(0..=38);
    let coefficient = (0..digits).fold(0u128, |value, _| value * 10 + u128::from(chance.u8(0..10)));
    let leading_exponent = if chance.bool() { chance.i64(-130..=125) } else { chance.i64(-20..=20) };
    let exponent = leading_exponent + 1 - i64::from(digit_count(coefficient));
    Number::from_parts(chance.bool(), coefficient, exponent).unwrap()
}

#[test]
fn agrees_with_an_oracle() {
    let seed = 0x5A7A_0001;
    println!("seed {seed:#x}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let hasher = RandomState::new();
    let mut previous = Number::ZERO;
    for _ in 0..120_000 {
        let current = random_number(&mut chance);
        let (left, right) = (to_decimal(&current), to_decimal(&previous));
        assert_eq!(current.cmp(&previous), left.cmp(&right), "{current} {previous}");
        let bytes = encoded(&current);
        assert_eq!(bytes.cmp(&encoded(&previous)), left.cmp(&right), "{current} {previous}");
        assert_eq!(Number::decode_ordered(&bytes), Some((current, bytes.len())), "{current}");
        let scientific = format!("{left:e}");
        assert_eq!(number(&scientific), current, "{scientific}");
        assert_eq!(hasher.hash_one(number(&scientific)), hasher.hash_one(current));
        let measure = measure_ordered(&bytes).unwrap();
        assert_eq!((measure.encoded_bytes, measure.item_size_bytes), (bytes.len(), current.item_size_bytes()));
        assert_eq!(ordered_size_bytes(&bytes), Some(current.item_size_bytes()));
        check_sum(current.checked_add(&previous), left.clone() + right.clone());
        check_sum(current.checked_sub(&previous), left - right);
        previous = current;
    }
}

fn check_sum(sum: Result<Number, NumberError>, expect: BigDecimal) {
    let expect = expect.normalized();
    let (digits, scale) = expect.as_bigint_and_exponent();
    let digit_count = i64::try_from(expect.digits()).unwrap();
    let leading_exponent = digit_count - scale - 1;
    match sum {
        Ok(sum) => assert_eq!(to_decimal(&sum), expect),
        Err(NumberError::Underflow) => assert!(leading_exponent < -130, "{expect}"),
        Err(_) => assert!(digit_count > 38 || leading_exponent > 125, "{expect} {digits}"),
    }
}

#[test]
fn near_numbers_keep_their_order() {
    let seed = 0x5A7A_0002;
    println!("seed {seed:#x}");
    let mut chance = fastrand::Rng::with_seed(seed);
    for _ in 0..20_000 {
        // Close together: the same first digits, one more digit or one digit changed.
        let left = random_number(&mut chance);
        let place = i64::from(left.exponent) - chance.i64(-2..3);
        let Ok(step) = Number::from_parts(chance.bool(), u128::from(chance.u8(1..12)), place) else { continue };
        let Ok(right) = left.checked_add(&step) else { continue };
        let expect = Ordering::Equal.then(if step.is_negative() { Ordering::Greater } else { Ordering::Less });
        assert_eq!(left.cmp(&right), expect, "{left} {right}");
        assert_eq!(encoded(&left).cmp(&encoded(&right)), expect, "{left} {right}");
        assert_eq!(right.checked_sub(&step), Ok(left));
    }
}

#[test]
fn decodes_any_bytes_without_panic_and_only_its_own() {
    let seed = 0x5A7A_0003;
    println!("seed {seed:#x}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut accepted = 0;
    for _ in 0..200_000 {
        let length = chance.usize(0..24);
        let mut bytes: Vec<u8> = (0..length).map(|_| chance.u8(..)).collect();
        if chance.bool() {
            bytes = encoded(&random_number(&mut chance));
            let at = chance.usize(0..bytes.len());
            bytes[at] ^= 1 << chance.u8(0..8);
        }
        let measure = measure_ordered(&bytes);
        let decoded = Number::decode_ordered(&bytes);
        assert_eq!(measure.map(|measure| measure.encoded_bytes), decoded.map(|(_, used)| used));
        let whole = decoded.filter(|(_, used)| *used == bytes.len()).map(|(number, _)| number.item_size_bytes());
        assert_eq!(ordered_size_bytes(&bytes), whole);
        if let Some((number, used)) = decoded {
            accepted += 1;
            assert_eq!(encoded(&number), bytes[..used], "{number}");
            assert_eq!(Number::parse(&number.to_string()), Ok(number));
        }
    }
    assert!(accepted > 10_000, "{accepted}");
}

#[test]
fn every_truncation_is_refused() {
    for text in ["0", "1", "-1", "123456789.123456789", "-12345678901234567890123456789012345678e60"] {
        let bytes = encoded(&number(text));
        for length in 0..bytes.len() {
            assert_eq!(Number::decode_ordered(&bytes[..length]), None, "{text} {length}");
        }
    }
}

#[test]
fn every_two_bytes_are_measured_as_what_they_decode_to() {
    for bytes in (0..=u16::MAX).map(u16::to_be_bytes) {
        let decoded = Number::decode_ordered(&bytes);
        let expect = decoded.filter(|(_, used)| *used == 2).map(|(number, _)| number.item_size_bytes());
        assert_eq!(ordered_size_bytes(&bytes), expect, "{bytes:?}");
    }
}
