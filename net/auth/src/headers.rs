//! The headers of a message, taken apart once.

use memchr::memchr_iter;
use std::iter;

/// Most headers of a message.
pub const HEADER_COUNT_MAX: usize = 64;

/// Names and values, in the order in which they come; values without blanks around them.
pub(crate) struct Headers<'m> {
    lines: [(&'m [u8], &'m [u8]); HEADER_COUNT_MAX],
    count: usize,
}

impl<'m> Headers<'m> {
    /// The headers in lines of a name, a colon and a value. Other lines are passed over; none if there are more headers than a message may have.
    pub(crate) fn of(lines: &'m [u8]) -> Option<Headers<'m>> {
        let mut headers = Headers { lines: [(&[], &[]); HEADER_COUNT_MAX], count: 0 };
        for line in pieces(lines, b'\n') {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            *headers.lines.get_mut(headers.count)? = (&line[..colon], line[colon + 1..].trim_ascii());
            headers.count += 1;
        }
        Some(headers)
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[(&'m [u8], &'m [u8])] {
        &self.lines[..self.count]
    }

    /// The values under a name.
    pub(crate) fn values(&self, name: &[u8]) -> impl Iterator<Item = &'m [u8]> {
        self.all().iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// The first value under a name that is not empty.
    pub(crate) fn value(&self, name: &str) -> Option<&'m [u8]> {
        self.values(name.as_bytes()).find(|value| !value.is_empty())
    }
}

/// What stands between separators; at least one piece, which may be empty.
pub(crate) fn pieces(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let ends = memchr_iter(separator, text).chain(iter::once(text.len()));
    ends.scan(0, |start, end| Some(&text[std::mem::replace(start, end + 1)..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_name() {
        let headers = Headers::of(b"Host: a \r\nX-Two:\r\nno colon\r\nx-two: b:c\r\n\r\n").expect("three");
        assert_eq!(headers.all().len(), 3);
        assert_eq!(headers.value("host"), Some(&b"a"[..]));
        assert_eq!(headers.value("X-TWO"), Some(&b"b:c"[..]), "the first that is not empty");
        assert_eq!(headers.values(b"x-two").count(), 2);
        assert_eq!(headers.value("x-none"), None);
        let many = |count: usize| "a:b\n".repeat(count);
        assert!(Headers::of(many(HEADER_COUNT_MAX).as_bytes()).is_some());
        assert!(Headers::of(many(HEADER_COUNT_MAX + 1).as_bytes()).is_none());
    }

    #[test]
    fn pieces_are_those_of_split() {
        for text in ["", ";", "a", "a;", ";a", "a;;b", "ab;cd;ef"] {
            let expected: Vec<&[u8]> = text.as_bytes().split(|byte| *byte == b';').collect();
            assert_eq!(pieces(text.as_bytes(), b';').collect::<Vec<_>>(), expected, "{text}");
        }
    }
}
