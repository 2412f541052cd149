//! Any bytes as the text of numbers, and as numbers in their stored encoding.
//!
//! Holds: what parses is exactly what another library of decimals reads, or is written the same when parsed again;
//! stored bytes have the order of the numbers, and one form each; sums are exact or refused.

#![no_main]

use bigdecimal::BigDecimal;
use libfuzzer_sys::fuzz_target;
use model::Number;
use std::str::FromStr;

fuzz_target!(|bytes: &[u8]| {
    check_stored(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut numbers = text.split('\n').filter_map(check_text).take(3);
    let Some(left) = numbers.next() else { return };
    let right = numbers.next().unwrap_or(left);
    check_pair(&left, &right);
});

fn check_text(text: &str) -> Option<Number> {
    let number = Number::parse(text).ok()?;
    assert_eq!(exact(&number), BigDecimal::from_str(text).expect("a decimal"), "{text} is read exactly");
    let plain = plain(&number);
    assert_eq!(Number::parse(&plain), Ok(number), "{plain} is read back");
    let mut stored = Vec::new();
    number.encode_ordered(&mut stored);
    assert_eq!(Number::decode_ordered(&stored), Some((number, stored.len())));
    // One, nineteen pairs that the point can break in two places, the sign.
    assert!(number.item_size_bytes() <= 22);
    Some(number)
}

fn check_stored(bytes: &[u8]) {
    let Some((number, used)) = Number::decode_ordered(bytes) else { return };
    let mut again = Vec::new();
    number.encode_ordered(&mut again);
    assert_eq!(again, &bytes[..used], "one form each");
    let text = plain(&number);
    assert_eq!(Number::parse(&text), Ok(number), "what is stored can be written and read: {text}");
}

fn check_pair(left: &Number, right: &Number) {
    let (mut left_stored, mut right_stored) = (Vec::new(), Vec::new());
    left.encode_ordered(&mut left_stored);
    right.encode_ordered(&mut right_stored);
    let order = exact(left).cmp(&exact(right));
    assert_eq!(left.cmp(right), order);
    assert_eq!(left_stored.cmp(&right_stored), order);
    let sum = left.checked_add(right);
    assert_eq!(sum, right.checked_add(left));
    match sum {
        Ok(sum) => assert_eq!(exact(&sum), exact(left) + exact(right)),
        Err(_) => {
            let digits = (exact(left) + exact(right)).normalized();
            assert!(Number::parse(&digits.to_scientific_notation()).is_err(), "{digits} would have been a number");
        }
    }
}

fn plain(number: &Number) -> String {
    let mut text = Vec::new();
    number.write_plain(&mut text);
    String::from_utf8(text).expect("digits")
}

fn exact(number: &Number) -> BigDecimal {
    let sign = if number.is_negative() { "-" } else { "" };
    let text = format!("{sign}{}e{}", number.coefficient(), number.exponent());
    BigDecimal::from_str(&text).expect("a decimal")
}
