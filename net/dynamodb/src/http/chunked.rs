//! A chunked body, gathered from the stream into one buffer.
//!
//! The one body that is copied: its pieces are not adjacent in what was received. Extensions and trailers are read over.

use bytes::{Buf, Bytes, BytesMut};

use super::Refusal;
use crate::limits::{BODY_BYTES_MAX, CHUNK_LINE_BYTES_MAX, TRAILER_BYTES_MAX};

/// A chunked body on its way in. One per request that uses it; lives as long as the request is incomplete.
#[derive(Debug, Default)]
pub(crate) struct ChunkedBody {
    expected: Expected,
    body: BytesMut,
    trailer_bytes: usize,
}

/// What comes next in the stream.
#[derive(Debug, Clone, Copy, Default)]
enum Expected {
    #[default]
    SizeLine,
    Data {
        remaining_bytes: usize,
    },
    DataEnd,
    Trailer,
}

impl ChunkedBody {
    /// What is there of the body.
    pub(crate) fn gathered_bytes(&self) -> usize {
        self.body.len()
    }

    /// Takes from `received` what belongs to the body; the body once it is complete.
    pub(crate) fn advance(&mut self, received: &mut BytesMut) -> Result<Option<Bytes>, Refusal> {
        loop {
            match self.expected {
                Expected::SizeLine => {
                    let Some(line) = take_line(received, CHUNK_LINE_BYTES_MAX, Refusal::Malformed)? else {
                        return Ok(None);
                    };
                    let remaining_bytes = chunk_size(&line)?;
                    if remaining_bytes > BODY_BYTES_MAX - self.body.len() {
                        return Err(Refusal::BodyTooLarge);
                    }
                    self.expected =
                        if remaining_bytes == 0 { Expected::Trailer } else { Expected::Data { remaining_bytes } };
                }
                Expected::Data { remaining_bytes } => {
                    if received.is_empty() {
                        return Ok(None);
                    }
                    let taken_bytes = received.len().min(remaining_bytes);
                    self.body.extend_from_slice(&received[..taken_bytes]);
                    received.advance(taken_bytes);
                    let remaining_bytes = remaining_bytes - taken_bytes;
                    self.expected =
                        if remaining_bytes == 0 { Expected::DataEnd } else { Expected::Data { remaining_bytes } };
                }
                Expected::DataEnd => {
                    let Some(line) = take_line(received, 0, Refusal::Malformed)? else {
                        return Ok(None);
                    };
                    assert!(line.is_empty(), "a line of at most 0 bytes");
                    self.expected = Expected::SizeLine;
                }
                Expected::Trailer => {
                    let allowed = TRAILER_BYTES_MAX - self.trailer_bytes;
                    let Some(line) = take_line(received, allowed, Refusal::HeadTooLarge)? else {
                        return Ok(None);
                    };
                    if line.is_empty() {
                        return Ok(Some(self.body.split().freeze()));
                    }
                    // An empty line was the end: each other one brings the limit nearer.
                    self.trailer_bytes += line.len();
                }
            }
        }
    }
}

/// Splits a line off, without its end; `None` while it is not complete. Longer than `bytes_max`: `refusal`.
fn take_line(received: &mut BytesMut, bytes_max: usize, refusal: Refusal) -> Result<Option<BytesMut>, Refusal> {
    let window = &received[..received.len().min(bytes_max + 2)];
    let Some(feed) = window.iter().position(|byte| *byte == b'\n') else {
        let could_go_on = window.len() < bytes_max + 2 && !is_too_long(window, bytes_max);
        return if could_go_on { Ok(None) } else { Err(refusal) };
    };
    if feed == 0 || window[feed - 1] != b'\r' {
        return Err(Refusal::Malformed);
    }
    let line = received.split_to(feed - 1);
    received.advance(2);
    Ok(Some(line))
}

/// The start of a line that is over `bytes_max` whatever follows.
fn is_too_long(window: &[u8], bytes_max: usize) -> bool {
    window.len() > bytes_max && window[bytes_max] != b'\r'
}

/// The size before the extensions, in hexadecimal.
fn chunk_size(line: &[u8]) -> Result<usize, Refusal> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii_end();
    if digits.is_empty() {
        return Err(Refusal::Malformed);
    }
    let mut size = 0usize;
    for digit in digits {
        let digit = char::from(*digit).to_digit(16).ok_or(Refusal::Malformed)?;
        size = size.saturating_mul(16).saturating_add(digit as usize);
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stream: &[u8], expect: Result<Option<&[u8]>, Refusal>, rest: &[u8]) {
        for split in 0..=stream.len() {
            let mut received = BytesMut::from(&stream[..split]);
            let mut chunked = ChunkedBody::default();
            let mut got = chunked.advance(&mut received);
            if got == Ok(None) {
                received.extend_from_slice(&stream[split..]);
                got = chunked.advance(&mut received);
            } else {
                received.extend_from_slice(&stream[split..]);
            }
            let got = got.map(|body| body.map(|body| body.to_vec()));
            assert_eq!(got, expect.map(|body| body.map(<[u8]>::to_vec)), "split at {split}");
            if expect.is_ok() {
                assert_eq!(&received[..], rest, "split at {split}");
            }
        }
    }

    #[test]
    fn bodies() {
        check(b"0\r\n\r\n", Ok(Some(b"")), b"");
        check(b"5\r\nhello\r\n0\r\n\r\nnext", Ok(Some(b"hello")), b"next");
        check(b"5;a=b\r\nhello\r\n0A \r\n, world...\r\n00\r\nT: 1\r\nU: 2\r\n\r\n", Ok(Some(b"hello, world...")), b"");
        check(b"5\r\nhel", Ok(None), b"");
        check(b"5\r\nhello\r\n0\r\nT: 1\r\n", Ok(None), b"");
    }

    #[test]
    fn refusals() {
        check(b"\r\n", Err(Refusal::Malformed), b"");
        check(b"x\r\n", Err(Refusal::Malformed), b"");
        check(b"-1\r\n", Err(Refusal::Malformed), b"");
        check(b"5\nhello\n", Err(Refusal::Malformed), b"");
        check(b"5\r\nhello!\r\n", Err(Refusal::Malformed), b"");
        check(b"1000001\r\n", Err(Refusal::BodyTooLarge), b"");
        check(b"ffffffffffffffffffff\r\n", Err(Refusal::BodyTooLarge), b"");
        check(&[b'1'; CHUNK_LINE_BYTES_MAX + 1], Err(Refusal::Malformed), b"");
        let trailers = [b"0\r\n".as_slice(), &b"T: v\r\n".repeat(TRAILER_BYTES_MAX / 4 + 1)].concat();
        check(&trailers, Err(Refusal::HeadTooLarge), b"");
    }
}
