//! What is signed: a request in the one form that whoever sends it and whoever receives it both find.
//!
//! ```text
//!   canonical request   method, path, query, signed headers, their names, SHA-256 of the body
//!   text to sign        algorithm, time, scope, SHA-256 of the canonical request
//!   signature           HMAC-SHA-256 of that, by a key made of the secret and the scope
//! ```
//! Written to a buffer that is used again: a request to `/` without a query costs no allocation.

use crate::headers::{Headers, pieces};
use crate::query::{Query, write_encoded};
use crate::{ALGORITHM, TERMINATOR};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256, Tag};
use memchr::memchr;
use zeroize::Zeroizing;

/// A request as its signature covers it.
#[derive(Clone, Copy, Debug)]
pub struct Message<'m> {
    /// As `POST`.
    pub method: &'m str,
    /// Path and query, as the request line has them.
    pub target: &'m [u8],
    /// Lines of a name, a colon and a value, each ended by a line break.
    pub headers: &'m [u8],
    /// As it is sent: packed, if it is sent packed.
    pub body: &'m [u8],
}

impl<'m> Message<'m> {
    /// What stands before the `?` of the target, and what behind it.
    fn path_and_query(&self) -> (&'m [u8], &'m [u8]) {
        match memchr(b'?', self.target) {
            Some(mark) => (&self.target[..mark], &self.target[mark + 1..]),
            None => (self.target, &[]),
        }
    }
}

/// A message taken apart.
pub(crate) struct Parts<'m> {
    method: &'m str,
    path: &'m [u8],
    pub(crate) query: Query,
    pub(crate) headers: Headers<'m>,
    body: &'m [u8],
}

impl<'m> Parts<'m> {
    /// The parts of a message; none if it has more than [`HEADER_COUNT_MAX`] headers.
    pub(crate) fn of(message: &Message<'m>) -> Option<Parts<'m>> {
        let (path, query) = message.path_and_query();
        let headers = Headers::of(message.headers)?;
        Some(Parts { method: message.method, path, query: Query::of(query), headers, body: message.body })
    }
}

/// Which of a message is signed.
#[derive(Clone, Copy)]
pub(crate) struct Covered<'c> {
    /// Names with `;` between them.
    pub(crate) signed_headers: &'c [u8],
    /// The parameter of the query that is left out: the signature itself, where it stands there.
    pub(crate) left_out: Option<&'c str>,
}

/// When and for what a signature is good.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'m> {
    /// As `20150830T123600Z`.
    pub(crate) time: &'m [u8],
    /// Date, region, service and terminator, with slashes between them.
    pub(crate) scope: &'m [u8],
}

/// A signature with the texts that it is made of.
pub(crate) struct Signature<'s> {
    pub(crate) canonical_request: &'s [u8],
    pub(crate) text_to_sign: &'s [u8],
    pub(crate) tag: Tag,
}

/// Signs what is covered of a message; `scratch` is overwritten.
pub(crate) fn sign<'s>(
    key: &hmac::Key,
    moment: Moment<'_>,
    parts: &Parts<'_>,
    covered: Covered<'_>,
    scratch: &'s mut Vec<u8>,
) -> Signature<'s> {
    scratch.clear();
    write_request(parts, covered, scratch);
    let request_bytes = scratch.len();
    let hash = hexadecimal(digest(&SHA256, scratch).as_ref());
    for part in [ALGORITHM.as_bytes(), b"\n", moment.time, b"\n", moment.scope, b"\n", &hash] {
        scratch.extend_from_slice(part);
    }
    let (canonical_request, text_to_sign) = scratch.split_at(request_bytes);
    Signature { canonical_request, text_to_sign, tag: hmac::sign(key, text_to_sign) }
}

/// The key that signs whatever has this scope.
pub(crate) fn signing_key(secret: &str, date: &[u8], region: &[u8], service: &[u8]) -> hmac::Key {
    derived_key(secret, &[date, region, service, TERMINATOR.as_bytes()])
}

/// A key made of a secret in so many steps: none of what it signs tells the secret, or a key for another purpose.
pub(crate) fn derived_key(secret: &str, steps: &[&[u8]]) -> hmac::Key {
    let secret = Zeroizing::new([b"AWS4", secret.as_bytes()].concat());
    let key = |bytes: &[u8]| hmac::Key::new(HMAC_SHA256, bytes);
    steps.iter().fold(key(&secret), |step, text| key(hmac::sign(&step, text).as_ref()))
}

/// 32 bytes as 64 digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> [u8; 64] {
    let mut text = [0; 64];
    for (digits, byte) in text.chunks_exact_mut(2).zip(bytes) {
        digits.copy_from_slice(&HEXADECIMAL[usize::from(*byte)]);
    }
    text
}

/// The two digits of each byte.
const HEXADECIMAL: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    table
};

fn write_request(parts: &Parts<'_>, covered: Covered<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(parts.method.as_bytes());
    out.push(b'\n');
    write_path(parts.path, out);
    out.push(b'\n');
    parts.query.write_canonical(covered.left_out, out);
    out.push(b'\n');
    for name in pieces(covered.signed_headers, b';') {
        write_header(&parts.headers, name, out);
    }
    out.push(b'\n');
    write_lowercase(covered.signed_headers, out);
    out.push(b'\n');
    out.extend_from_slice(&hexadecimal(digest(&SHA256, parts.body).as_ref()));
}

/// A path without `.`, `..` and empty parts, whatever is not plain in it encoded once more.
fn write_path(path: &[u8], out: &mut Vec<u8>) {
    if path == b"/" {
        return out.push(b'/');
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    out.push(b'/');
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            out.push(b'/');
        }
        write_encoded(part, out);
    }
    if path.ends_with(b"/") && !parts.is_empty() {
        out.push(b'/');
    }
}

/// A line of a header: its values, in the order in which they come, blanks that follow blanks left out.
fn write_header(headers: &Headers<'_>, name: &[u8], out: &mut Vec<u8>) {
    write_lowercase(name, out);
    out.push(b':');
    for (place, value) in headers.values(name).enumerate() {
        if place > 0 {
            out.push(b',');
        }
        if memchr(b' ', value).is_none() {
            out.extend_from_slice(value);
            continue;
        }
        let words = pieces(value, b' ').filter(|word| !word.is_empty());
        for (place, word) in words.enumerate() {
            if place > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(word);
        }
    }
    out.push(b'\n');
}

fn write_lowercase(text: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(text);
    out[start..].make_ascii_lowercase();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: Message<'_>, signed_headers: &str, expect: &str) {
        let mut canonical = Vec::new();
        let covered = Covered { signed_headers: signed_headers.as_bytes(), left_out: None };
        write_request(&Parts::of(&message).expect("few headers"), covered, &mut canonical);
        assert_eq!(String::from_utf8(canonical).expect("text"), expect);
    }

    #[test]
    fn digits() {
        let bytes: Vec<u8> = (0..=255).collect();
        for bytes in bytes.chunks_exact(32) {
            let expected: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(std::str::from_utf8(&hexadecimal(bytes)), Ok(&*expected));
        }
    }

    const EMPTY_HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn headers_are_signed_as_they_are_listed() {
        let headers = b"Host: example.com \r\nX-Two:a\r\nx-one:   a  b   c\r\nX-Two: b\r\nNo-Colon\r\n\r\n";
        let message = Message { method: "POST", target: b"/", headers, body: b"" };
        check(
            message,
            "Host;x-two;x-one;x-none",
            &format!(
                "POST\n/\n\nhost:example.com\nx-two:a,b\nx-one:a b c\nx-none:\n\nhost;x-two;x-one;x-none\n{EMPTY_HASH}"
            ),
        );
    }

    /// Paths of AWS's own test suite for Signature Version 4, among others.
    #[test]
    fn paths() {
        let check = |target: &str, path: &str, query: &str| {
            let message = Message { method: "GET", target: target.as_bytes(), headers: b"", body: b"" };
            check(message, "", &format!("GET\n{path}\n{query}\n:\n\n\n{EMPTY_HASH}"));
        };
        check("/", "/", "");
        check("", "/", "");
        check("//", "/", "");
        check("/./", "/", "");
        check("/example/..", "/", "");
        check("/example1/example2/../..", "/", "");
        check("/../..", "/", "");
        check("//example//", "/example/", "");
        check("/./example", "/example", "");
        check("/example%20space/", "/example%2520space/", "");
        check("/-._~0123456789azAZ", "/-._~0123456789azAZ", "");
        check("/ሴ", "/%E1%88%B4", "");
        check("/?b=2&a=1", "/", "a=1&b=2");
    }
}
