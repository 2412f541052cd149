//! The query of a request, decoded once: what it says and what is signed of it are the same texts.

use crate::headers::pieces;

/// Parameters, in the order in which they come.
pub(crate) struct Query {
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Query {
    /// The parameters of what follows the `?` of a path. No allocation where that is nothing.
    pub(crate) fn of(text: &[u8]) -> Query {
        if text.is_empty() {
            return Query { pairs: Vec::new() };
        }
        let pairs = pieces(text, b'&').filter(|pair| !pair.is_empty()).map(|pair| {
            let mark = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            (percent_decoded(&pair[..mark]), percent_decoded(pair.get(mark + 1..).unwrap_or_default()))
        });
        Query { pairs: pairs.collect() }
    }

    /// The value of a parameter; of one that comes twice the first.
    pub(crate) fn value(&self, name: &str) -> Option<&[u8]> {
        self.values(name).next()
    }

    /// The values of a parameter.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.pairs.iter().filter(move |(known, _)| known == name.as_bytes()).map(|(_, value)| &value[..])
    }

    /// All parameters but those of this name, names and values encoded, in their order.
    pub(crate) fn write_canonical(&self, left_out: Option<&str>, out: &mut Vec<u8>) {
        let pairs = self.pairs.iter().filter(|(name, _)| Some(&name[..]) != left_out.map(str::as_bytes));
        let mut encoded: Vec<_> = pairs.map(|(name, value)| (encoded(name), encoded(value))).collect();
        encoded.sort_unstable();
        for (place, (name, value)) in encoded.iter().enumerate() {
            if place > 0 {
                out.push(b'&');
            }
            out.extend_from_slice(name);
            out.push(b'=');
            out.extend_from_slice(value);
        }
    }
}

/// Appends a text, whatever is not plain in it as `%` and two digits.
pub(crate) fn write_encoded(text: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(*byte),
            byte => {
                out.extend_from_slice(&[b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
            }
        }
    }
}

fn encoded(text: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(text.len());
    write_encoded(text, &mut encoded);
    encoded
}

/// What a text stands for; a `%` that begins no byte stands for itself.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let digit = |place: usize| text.get(place).and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::with_capacity(text.len());
    let mut place = 0;
    while let Some(byte) = text.get(place) {
        let pair = digit(place + 1).zip(digit(place + 2)).filter(|_| *byte == b'%');
        let (byte, step) = match pair {
            Some((high, low)) => (u8::try_from(high * 16 + low).expect("two digits are a byte"), 3),
            None => (*byte, 1),
        };
        decoded.push(byte);
        place += step;
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Queries of AWS's own test suite for Signature Version 4, among others.
    #[test]
    fn the_canonical_form() {
        let check = |text: &str, expect: &str| {
            let mut out = Vec::new();
            Query::of(text.as_bytes()).write_canonical(Some("X-Amz-Signature"), &mut out);
            assert_eq!(String::from_utf8(out).expect("text"), expect);
        };
        check("", "");
        check("Param2=value2&Param1=value1", "Param1=value1&Param2=value2");
        check("Param1=value2&Param1=Value1", "Param1=Value1&Param1=value2");
        check("a&b=&&=c", "=c&a=&b=");
        check("ሴ=bar&x=%41%2f%zz%", "%E1%88%B4=bar&x=A%2F%25zz%25");
        check("X-Amz-Signature=x&b=c=d&X%2DAmz-Signature=y", "b=c%3Dd");
        let mut all = Vec::new();
        Query::of(b"X-Amz-Signature=x").write_canonical(None, &mut all);
        assert_eq!(all, b"X-Amz-Signature=x");
    }

    #[test]
    fn values_are_found_however_names_are_written() {
        let query = Query::of(b"a=1&%61=%32&b");
        assert_eq!(query.values("a").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!((query.value("b"), query.value("c")), (Some(&b""[..]), None));
    }
}
