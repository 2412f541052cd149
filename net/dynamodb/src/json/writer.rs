//! JSON text into the out buffer: members, elements, strings, numbers. No tree, no formatting machinery.
//!
//! The writer knows commas and escapes; what is written in which order is the caller's.

use bytes::BytesMut;
use model::Number;

use super::base64;

/// Writes one JSON value at the end of a buffer. Lives as long as one answer's body is written.
pub(crate) struct Writer<'o> {
    out: &'o mut BytesMut,
    /// Reused room for the digits of a number.
    scratch: &'o mut Vec<u8>,
    /// Something stands before the place in the same object or list.
    needs_comma: bool,
}

impl<'o> Writer<'o> {
    pub(crate) fn new(out: &'o mut BytesMut, scratch: &'o mut Vec<u8>) -> Writer<'o> {
        Writer { out, scratch, needs_comma: false }
    }

    /// An object; `members` writes what is in it.
    pub(crate) fn object(&mut self, members: impl FnOnce(&mut Self)) {
        self.begin_value();
        self.out.extend_from_slice(b"{");
        members(self);
        self.out.extend_from_slice(b"}");
        self.needs_comma = true;
    }

    /// A list; `elements` writes what is in it.
    pub(crate) fn list(&mut self, elements: impl FnOnce(&mut Self)) {
        self.begin_value();
        self.out.extend_from_slice(b"[");
        elements(self);
        self.out.extend_from_slice(b"]");
        self.needs_comma = true;
    }

    /// A member whose value is written next. `quoted` is its name as JSON, with its colon: `"Item":`.
    pub(crate) fn known_name(&mut self, quoted: &'static str) {
        debug_assert!(quoted.starts_with('"') && quoted.ends_with("\":"), "{quoted} is a member's name");
        self.comma();
        self.out.extend_from_slice(quoted.as_bytes());
        self.needs_comma = false;
    }

    /// A member whose value is written next.
    pub(crate) fn name(&mut self, name: &str) {
        self.string(name);
        self.out.extend_from_slice(b":");
        self.needs_comma = false;
    }

    pub(crate) fn string(&mut self, text: &str) {
        self.comma();
        self.out.reserve(text.len() + 2);
        self.out.extend_from_slice(b"\"");
        push_escaped(text, self.out);
        self.out.extend_from_slice(b"\"");
        self.needs_comma = true;
    }

    /// A string of several parts, none of which needs escapes.
    pub(crate) fn joined(&mut self, parts: &[&'static str]) {
        self.comma();
        self.out.extend_from_slice(b"\"");
        parts.iter().for_each(|part| self.out.extend_from_slice(part.as_bytes()));
        self.out.extend_from_slice(b"\"");
        self.needs_comma = true;
    }

    /// A value that is JSON already, without need of escapes.
    pub(crate) fn raw(&mut self, json: &[u8]) {
        self.comma();
        self.out.extend_from_slice(json);
        self.needs_comma = true;
    }

    /// Bytes, as a string of base64.
    pub(crate) fn binary(&mut self, bytes: &[u8]) {
        self.comma();
        self.out.extend_from_slice(b"\"");
        base64::encode(bytes, self.out);
        self.out.extend_from_slice(b"\"");
        self.needs_comma = true;
    }

    /// A number of the data model, which is a string of JSON.
    pub(crate) fn number(&mut self, number: Number) {
        self.comma();
        self.out.extend_from_slice(b"\"");
        self.scratch.clear();
        number.write_plain(self.scratch);
        self.out.extend_from_slice(self.scratch);
        self.out.extend_from_slice(b"\"");
        self.needs_comma = true;
    }

    pub(crate) fn boolean(&mut self, value: bool) {
        self.raw(if value { b"true" } else { b"false" });
    }

    pub(crate) fn unsigned(&mut self, value: u64) {
        self.comma();
        push_unsigned(value, self.out);
        self.needs_comma = true;
    }

    /// Seconds with three decimals, from milliseconds.
    pub(crate) fn epoch_seconds(&mut self, epoch_ms: u64) {
        self.unsigned(epoch_ms / 1000);
        let mut fraction = *b".000";
        let mut rest = epoch_ms % 1000;
        for byte in fraction[1..].iter_mut().rev() {
            *byte = b'0' + u8::try_from(rest % 10).expect("one digit");
            rest /= 10;
        }
        self.out.extend_from_slice(&fraction);
    }

    /// A number of halves as units with one decimal.
    pub(crate) fn halves(&mut self, half_count: u64) {
        self.unsigned(half_count / 2);
        self.out.extend_from_slice(if half_count.is_multiple_of(2) { b".0" } else { b".5" });
    }

    fn begin_value(&mut self) {
        self.comma();
        self.needs_comma = false;
    }

    fn comma(&mut self) {
        if self.needs_comma {
            self.out.extend_from_slice(b",");
        }
    }
}

fn push_unsigned(mut value: u64, out: &mut BytesMut) {
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + u8::try_from(value % 10).expect("one digit");
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// What a byte of a string becomes: 0 itself, `u` a \u escape, else a backslash and this letter.
const ESCAPES: [u8; 256] = {
    let mut escapes = [0u8; 256];
    let mut control = 0;
    while control < 0x20 {
        escapes[control] = b'u';
        control += 1;
    }
    escapes[0x08] = b'b';
    escapes[0x09] = b't';
    escapes[0x0a] = b'n';
    escapes[0x0c] = b'f';
    escapes[0x0d] = b'r';
    escapes[b'"' as usize] = b'"';
    escapes[b'\\' as usize] = b'\\';
    escapes
};

/// Appends a string's content: stretches without escapes are copied whole.
fn push_escaped(text: &str, out: &mut BytesMut) {
    let mut rest = text.as_bytes();
    loop {
        let plain_bytes = plain_prefix(rest);
        out.extend_from_slice(&rest[..plain_bytes]);
        let Some(byte) = rest.get(plain_bytes).copied() else { return };
        match ESCAPES[usize::from(byte)] {
            b'u' => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            }
            letter => out.extend_from_slice(&[b'\\', letter]),
        }
        rest = &rest[plain_bytes + 1..];
    }
}

/// How many bytes at the start need no escape. Eight at a time: a byte is below 0x20, or zero after taking away the
/// character looked for, when subtracting borrows into its top bit; the lowest such byte is always a true one.
fn plain_prefix(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
    let (words, rest) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let controls = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (controls | zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5c))) & TOPS;
        if found != 0 {
            return index * 8 + (found.trailing_zeros() / 8) as usize;
        }
    }
    let position = rest.iter().position(|byte| ESCAPES[usize::from(*byte)] != 0);
    text.len() - rest.len() + position.unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_another_reader_expects() {
        let all: String = (0..0x250).filter_map(char::from_u32).chain("€😀\u{2028}".chars()).collect();
        for text in ["", "plain", "\"", "a\\b", "\u{0}", "tab\tend", all.as_str()] {
            let mut out = BytesMut::new();
            Writer::new(&mut out, &mut Vec::new()).string(text);
            assert_eq!(serde_json::from_slice::<String>(&out).ok().as_deref(), Some(text), "{out:?}");
        }
    }

    #[test]
    fn the_first_byte_to_escape_is_found_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for position in 0..20 {
                // Neighbours of what is escaped, and bytes with the top bit, must not be taken for it.
                for other in [b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xa0, 0xa2, 0xdc, 0xff] {
                    let mut text = [other; 20];
                    text[position] = byte;
                    let expect = if ESCAPES[usize::from(byte)] == 0 { 20 } else { position };
                    assert_eq!(plain_prefix(&text), expect, "{byte:#x} among {other:#x} at {position}");
                }
            }
        }
    }

    #[test]
    fn commas_stand_between_values_only() {
        let mut out = BytesMut::new();
        Writer::new(&mut out, &mut Vec::new()).object(|writer| {
            writer.known_name("\"A\":");
            writer.list(|writer| {
                writer.list(|_| {});
                writer.object(|_| {});
                writer.unsigned(0);
                writer.unsigned(u64::MAX);
                writer.boolean(true);
            });
            writer.name("b\"");
            writer.object(|writer| {
                writer.known_name("\"C\":");
                writer.epoch_seconds(1_700_000_000_042);
                writer.known_name("\"D\":");
                writer.halves(3);
                writer.known_name("\"E\":");
                writer.halves(4);
            });
            writer.known_name("\"F\":");
            writer.string("x");
        });
        assert_eq!(
            std::str::from_utf8(&out),
            Ok(concat!(
                r#"{"A":[[],{},0,18446744073709551615,true],"#,
                r#""b\"":{"C":1700000000.042,"D":1.5,"E":2.0},"F":"x"}"#
            ))
        );
    }
}
