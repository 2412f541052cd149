//! A string as requests have them: a name in the value itself, or an expression that shares memory with the frame it came in.
//!
//! Cheap to clone and to send to another core. Not for building strings: that is `String`.

use crate::short_bytes::ShortBytes;
use bytes::Bytes;
use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::str::Utf8Error;

/// Texts of so many bytes lie in the value itself, as names do.
const TEXT_BYTES_IN_PLACE: usize = 38;

/// UTF-8 text: a short one in the value itself, a long one in reference-counted bytes.
///
/// Invariant: the bytes are valid UTF-8, checked when it is made. Reading it as `&str` checks again (no `unsafe` in
/// this crate, a nanosecond for a name): bind long texts to a `&str` once.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text(ShortBytes<TEXT_BYTES_IN_PLACE>);

impl Text {
    /// A part of a received frame that must be UTF-8. A long one goes on sharing the frame's memory.
    #[inline]
    pub fn from_utf8(frame: &Bytes, part: &[u8]) -> Result<Text, Utf8Error> {
        if !is_ascii(part) {
            std::str::from_utf8(part)?;
        }
        Ok(Text(ShortBytes::part_of(frame, part)))
    }

    /// A text that is part of a received frame. A long one goes on sharing the frame's memory.
    #[inline]
    pub fn part_of(frame: &Bytes, part: &str) -> Text {
        Text(ShortBytes::part_of(frame, part.as_bytes()))
    }

    /// A literal; nothing is copied.
    pub const fn from_static(text: &'static str) -> Text {
        Text(ShortBytes::Shared(Bytes::from_static(text.as_bytes())))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a Text is UTF-8: checked when it was made")
    }

    /// The bytes behind it.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Default for Text {
    fn default() -> Text {
        Text::from_static("")
    }
}

/// Whether all of it is ASCII, and so UTF-8. Most text of requests is, and is short: what is no longer than two words is
/// looked at in two words, which may overlap.
#[inline]
pub(crate) fn is_ascii(bytes: &[u8]) -> bool {
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let both = u64::from_ne_bytes(*first) | u64::from_ne_bytes(*last);
        return both & HIGH_BITS == 0 && (bytes.len() <= 16 || bytes.is_ascii());
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return u64::from(u32::from_ne_bytes(*first) | u32::from_ne_bytes(*last)) & HIGH_BITS == 0;
    }
    match *bytes {
        [first, second, third] => first | second | third < 0x80,
        [first, second] => first | second < 0x80,
        [first] => first < 0x80,
        _ => true,
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

/// Copies the text.
impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text(ShortBytes::copy_of(text.as_bytes()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(Bytes::from(text).into())
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == *other.as_bytes()
    }
}

/// As `str` hashes, so that a map of `Text` is searched with a `&str`.
impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), formatter)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn shares_the_frame_and_refuses_what_is_not_utf8() {
        let frame = Bytes::from_static(b"xxTableyyattribute_not_exists(some_attribute_with_a_name)\xff");
        let text = Text::from_utf8(&frame, &frame[2..7]).unwrap();
        assert_eq!(text, "Table");
        let long = Text::from_utf8(&frame, &frame[9..57]).unwrap();
        assert_eq!(long, "attribute_not_exists(some_attribute_with_a_name)");
        assert_eq!(long.bytes().as_ptr(), frame[9..].as_ptr());
        assert!(Text::from_utf8(&frame, &frame[50..]).is_err() && Text::from_utf8(&frame, &frame[9..]).is_err());
    }

    #[test]
    fn one_byte_that_is_not_ascii_is_seen_wherever_it_is() {
        for length in 0..40 {
            let mut bytes = vec![b'a'; length];
            assert!(is_ascii(&bytes), "{length} bytes");
            for place in 0..length {
                bytes[place] = 0x80;
                assert!(!is_ascii(&bytes), "byte {place} of {length}");
                bytes[place] = 0x7F;
            }
        }
    }

    #[test]
    fn is_found_in_a_map_by_str() {
        let map = HashMap::from([(Text::from("a"), 1), (Text::from_static("é"), 2)]);
        assert_eq!((map.get("a"), map.get("é"), map.get("b")), (Some(&1), Some(&2), None));
    }
}
