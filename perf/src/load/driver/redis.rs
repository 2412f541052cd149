//! Redis' protocol: `GET key` and `SET key value`, so that the same generator drives both servers.

use std::error::Error;
use std::fmt;
use std::net::TcpStream;

use super::{Driver, Lanes, Operation, Outcome, Prepared, Target, Templates};
use crate::load::record::{Mismatch, check_value, key_text, value_text};
use crate::load::template::{Fill, Template};

/// Digits of a length past which it is refused, and with them longer lines.
const LINE_BYTES_MAX: usize = 512;

/// Reads and writes RESP2.
pub(in crate::load) struct Redis {
    pub(super) templates: Templates,
    value_bytes: usize,
}

/// Connects to a Redis server.
pub(in crate::load) fn prepare(target: &Target) -> Result<Prepared, Box<dyn Error>> {
    let value_bytes = target.row.value_bytes;
    let get = Template::learn(|fill: Fill| command(&["GET", &key_text(fill.key)]));
    let put = Template::learn(|fill: Fill| {
        command(&["SET", &key_text(fill.key), &value_text(fill.key, fill.version, value_bytes)])
    });
    let (Some(get), Some(put)) = (get, put) else {
        return Err("these requests cannot be patched".into());
    };
    let connect = |_| TcpStream::connect(target.address).map(|stream| (stream, 0));
    let streams = (0..target.connection_count).map(connect).collect::<Result<_, _>>()?;
    let driver = Driver::Redis(Redis { templates: Templates { get, put }, value_bytes });
    Ok(Prepared { driver, streams, lanes: Lanes::One })
}

fn command(words: &[&str]) -> Vec<u8> {
    let mut command = format!("*{}\r\n", words.len());
    for word in words {
        command.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    command.into_bytes()
}

impl Redis {
    pub(super) fn outcome(&self, reply: &Resp<'_>, operation: Operation) -> Outcome {
        match (operation, reply) {
            (Operation::Put, Resp::Simple(b"OK")) => Outcome::Success,
            (Operation::Get, Resp::Bulk(value)) if value.len() == self.value_bytes => Outcome::Success,
            (Operation::Get, Resp::Null) => Outcome::Missing,
            _ => Outcome::Failure,
        }
    }

    pub(super) fn verify(&self, reply: &Resp<'_>, key: u64) -> Result<(), Mismatch> {
        match reply {
            Resp::Bulk(value) => check_value(key, value, self.value_bytes),
            _ => Err(Mismatch::Form),
        }
    }
}

/// A reply of RESP2, but for arrays: no command used here is answered by one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::load) enum Resp<'a> {
    Simple(&'a [u8]),
    Error(&'a [u8]),
    Integer(i64),
    Bulk(&'a [u8]),
    Null,
}

/// The bytes are no such reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::load) struct RespError;

impl fmt::Display for RespError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "not a reply of Redis")
    }
}

impl Error for RespError {}

impl fmt::Debug for Resp<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resp::Simple(text) | Resp::Error(text) => write!(formatter, "{}", text.escape_ascii()),
            Resp::Integer(integer) => write!(formatter, "{integer}"),
            Resp::Bulk(bytes) => write!(formatter, "{} bytes", bytes.len()),
            Resp::Null => write!(formatter, "nothing"),
        }
    }
}

impl<'a> Resp<'a> {
    /// Splits the first reply off `received`: the reply and its bytes; `None` while it is not whole.
    pub(in crate::load) fn split(received: &'a [u8]) -> Result<Option<(Resp<'a>, usize)>, RespError> {
        let Some(line_bytes) = received.iter().take(LINE_BYTES_MAX).position(|byte| *byte == b'\n') else {
            return if received.len() < LINE_BYTES_MAX { Ok(None) } else { Err(RespError) };
        };
        let used = line_bytes + 1;
        let line = received[..line_bytes].strip_suffix(b"\r").ok_or(RespError)?;
        let (kind, text) = line.split_first().ok_or(RespError)?;
        let whole = |reply| Ok(Some((reply, used)));
        match kind {
            b'+' => whole(Resp::Simple(text)),
            b'-' => whole(Resp::Error(text)),
            b':' => whole(Resp::Integer(parse(text)?)),
            b'$' if text == b"-1" => whole(Resp::Null),
            b'$' => {
                let length: usize = parse(text)?;
                let end = used.checked_add(length).and_then(|end| end.checked_add(2)).ok_or(RespError)?;
                let Some(bulk) = received.get(used..end) else {
                    return Ok(None);
                };
                let bulk = bulk.strip_suffix(b"\r\n").ok_or(RespError)?;
                Ok(Some((Resp::Bulk(bulk), end)))
            }
            _ => Err(RespError),
        }
    }
}

fn parse<N: std::str::FromStr>(text: &[u8]) -> Result<N, RespError> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(RespError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_cut_at_any_byte() {
        let replies: [(&[u8], Resp<'_>); 6] = [
            (b"+OK\r\n", Resp::Simple(b"OK")),
            (b"-ERR unknown\r\n", Resp::Error(b"ERR unknown")),
            (b":-7\r\n", Resp::Integer(-7)),
            (b"$5\r\nhe\r\no\r\n", Resp::Bulk(b"he\r\no")),
            (b"$0\r\n\r\n", Resp::Bulk(b"")),
            (b"$-1\r\n", Resp::Null),
        ];
        for (bytes, expected) in replies {
            for split in 0..bytes.len() {
                assert_eq!(Resp::split(&bytes[..split]), Ok(None), "{split} bytes of {expected:?}");
            }
            let stream = [bytes, b"+next\r\n"].concat();
            assert_eq!(Resp::split(&stream), Ok(Some((expected, bytes.len()))));
        }
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for bytes in
            [&b"HTTP/1.1 200\r\n"[..], b"$5\r\nhello!!", b"$x\r\n", b"$-2\r\n", b"+OK\n", b"\r\n", &[b'+'; 600]]
        {
            assert_eq!(Resp::split(bytes), Err(RespError), "{}", bytes.escape_ascii());
        }
    }
}
