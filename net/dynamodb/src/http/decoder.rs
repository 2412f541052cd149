//! Requests out of a connection's byte stream, whatever pieces it arrives in.
//!
//! One per connection. A request is split off the receive buffer as one frame: its head and its body are slices of what
//! was received (a chunked body, whose pieces are not adjacent, is the exception). After a refusal nothing more is read.

use bytes::{Bytes, BytesMut};

use super::Refusal;
use super::chunked::ChunkedBody;
use super::head::{self, BodyLength, Head, Span};
use crate::limits::{BODY_RESERVE_BYTES_MAX, HEAD_BYTES_MAX, KEPT_BUFFER_BYTES_MAX, RECEIVE_STEP_BYTES};

/// A head that grows past this is parsed again only when its end is there, or when it has doubled.
const EAGER_HEAD_BYTES: usize = 1024;

/// A whole request.
#[derive(Debug)]
pub(crate) struct HttpRequest {
    pub(crate) head: Head,
    /// Begins with the head; the head's spans index it.
    frame: Bytes,
    /// As sent, not unpacked.
    pub(crate) body: Bytes,
}

impl HttpRequest {
    /// The value that a span of the head stands for.
    pub(crate) fn value(&self, span: Span) -> &[u8] {
        span.bytes(&self.frame)
    }

    /// The headers as they were sent: what stands behind the request line.
    pub(crate) fn header_lines(&self) -> &[u8] {
        let behind_path = &self.frame[self.head.path.end()..self.head.len_bytes];
        let line_end = behind_path.iter().position(|byte| *byte == b'\n');
        line_end.map_or(&[], |line_end| &behind_path[line_end + 1..])
    }
}

/// What the stream says next.
#[derive(Debug)]
pub(crate) enum Event {
    Request(HttpRequest),
    /// The client waits for leave to send its body.
    ContinueExpected,
}

/// The state of one connection's stream.
#[derive(Debug, Default)]
pub(crate) struct RequestDecoder {
    received: BytesMut,
    /// Bytes of the greatest allocation that `received` may still be a part of: splitting keeps all of it alive.
    allocated_bytes: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    Head {
        /// Below this many received bytes the head is known to be incomplete.
        attempt_at_bytes: usize,
        /// No end of a head ends before this offset.
        searched_bytes: usize,
    },
    Body(Box<Head>),
    Chunked(Box<(Head, Bytes, ChunkedBody)>),
    Refused(Refusal),
}

impl Default for State {
    fn default() -> State {
        State::Head { attempt_at_bytes: 1, searched_bytes: 0 }
    }
}

impl RequestDecoder {
    /// Takes what the socket received.
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        if self.received.capacity() - self.received.len() < bytes.len() {
            self.reserve(bytes.len().max(RECEIVE_STEP_BYTES));
        }
        self.received.extend_from_slice(bytes);
    }

    /// Received bytes that belong to no request yet.
    pub(crate) fn received_bytes(&self) -> usize {
        let gathered_bytes = match &self.state {
            State::Chunked(parts) => parts.2.gathered_bytes(),
            State::Head { .. } | State::Body(_) | State::Refused(_) => 0,
        };
        self.received.len() + gathered_bytes
    }

    /// Whether a whole request may be there: of a counted body all has to be.
    pub(crate) fn may_be_whole(&self) -> bool {
        match &self.state {
            State::Body(head) => match head.body_length {
                BodyLength::Bytes(body_bytes) => self.received.len() >= head.len_bytes + body_bytes,
                BodyLength::Chunked => true,
            },
            State::Head { .. } | State::Chunked(_) | State::Refused(_) => true,
        }
    }

    /// The head of a request is there, its body on the way.
    pub(crate) fn is_in_body(&self) -> bool {
        matches!(self.state, State::Body(_) | State::Chunked(_))
    }

    /// Between two requests, with nothing of the next one.
    pub(crate) fn is_idle(&self) -> bool {
        self.received.is_empty() && matches!(self.state, State::Head { .. })
    }

    /// The next request, if it is whole. A refusal is final.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, Refusal> {
        let event = self.advance();
        if let Err(refusal) = event {
            self.state = State::Refused(refusal);
            self.received = BytesMut::new();
        }
        if self.received.is_empty() && self.allocated_bytes > KEPT_BUFFER_BYTES_MAX {
            self.received = BytesMut::new();
            self.allocated_bytes = 0;
        }
        event
    }

    fn reserve(&mut self, free_bytes: usize) {
        self.received.reserve(free_bytes);
        self.allocated_bytes = self.allocated_bytes.max(self.received.capacity());
    }

    fn advance(&mut self) -> Result<Option<Event>, Refusal> {
        match &mut self.state {
            State::Refused(refusal) => Err(*refusal),
            State::Head { .. } => self.advance_head(),
            State::Body(head) => {
                let head = **head;
                Ok(self.take_whole(head))
            }
            State::Chunked(parts) => {
                let Some(body) = parts.2.advance(&mut self.received)? else {
                    return Ok(None);
                };
                let (head, frame) = (parts.0, parts.1.clone());
                self.state = State::default();
                Ok(Some(Event::Request(HttpRequest { head, frame, body })))
            }
        }
    }

    fn advance_head(&mut self) -> Result<Option<Event>, Refusal> {
        let State::Head { attempt_at_bytes, searched_bytes } = &mut self.state else {
            return Ok(None);
        };
        let length = self.received.len();
        if length < *attempt_at_bytes && !has_head_end(&self.received[searched_bytes.saturating_sub(3)..]) {
            *searched_bytes = length;
            return Ok(None);
        }
        let Some(head) = head::parse(&self.received)? else {
            *searched_bytes = length;
            *attempt_at_bytes = if length < EAGER_HEAD_BYTES { length + 1 } else { (length * 2).min(HEAD_BYTES_MAX) };
            return Ok(None);
        };
        match head.body_length {
            BodyLength::Chunked => {
                let frame = self.received.split_to(head.len_bytes).freeze();
                self.state = State::Chunked(Box::new((head, frame, ChunkedBody::default())));
                if head.expects_continue && self.received.is_empty() {
                    return Ok(Some(Event::ContinueExpected));
                }
                self.advance()
            }
            BodyLength::Bytes(body_bytes) => {
                if let Some(request) = self.take_whole(head) {
                    return Ok(Some(request));
                }
                let missing_bytes = head.len_bytes + body_bytes - self.received.len();
                self.reserve(missing_bytes.min(BODY_RESERVE_BYTES_MAX));
                let no_body_yet = self.received.len() == head.len_bytes;
                self.state = State::Body(Box::new(head));
                Ok((head.expects_continue && no_body_yet).then_some(Event::ContinueExpected))
            }
        }
    }

    /// Splits a request with a counted body off, once all of it is there.
    fn take_whole(&mut self, head: Head) -> Option<Event> {
        let BodyLength::Bytes(body_bytes) = head.body_length else {
            return None;
        };
        let frame_bytes = head.len_bytes + body_bytes;
        if self.received.len() < frame_bytes {
            return None;
        }
        let frame = self.received.split_to(frame_bytes).freeze();
        let body = frame.slice(head.len_bytes..);
        self.state = State::default();
        Some(Event::Request(HttpRequest { head, frame, body }))
    }
}

/// An empty line ends in `bytes`.
fn has_head_end(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|pair| pair == b"\n\n") || bytes.windows(3).any(|triple| triple == b"\n\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a stream decodes to: each request as `METHOD body`, a wish to continue as `continue`.
    fn decode(pieces: &[&[u8]]) -> (Vec<String>, Option<Refusal>) {
        let mut decoder = RequestDecoder::default();
        let mut events = Vec::new();
        for piece in pieces {
            decoder.receive(piece);
            loop {
                match decoder.next() {
                    Ok(Some(Event::Request(request))) => {
                        events.push(format!("{:?} {}", request.head.method, String::from_utf8_lossy(&request.body)));
                    }
                    Ok(Some(Event::ContinueExpected)) => events.push("continue".to_string()),
                    Ok(None) => break,
                    Err(refusal) => {
                        assert_eq!(decoder.next().map(|_| ()), Err(refusal), "a refusal is final");
                        return (events, Some(refusal));
                    }
                }
            }
        }
        (events, None)
    }

    fn check(stream: &str, expect: &[&str], refusal: Option<Refusal>) {
        let stream = stream.as_bytes();
        let whole = decode(&[stream]);
        assert_eq!((whole.0.iter().map(String::as_str).collect::<Vec<_>>(), whole.1), (expect.to_vec(), refusal));
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(decode(&bytes), whole, "byte by byte");
        for split in 0..stream.len() {
            assert_eq!(decode(&[&stream[..split], &stream[split..]]), whole, "split at {split}");
        }
    }

    #[test]
    fn streams() {
        check("GET / HTTP/1.1\r\n\r\n", &["Get "], None);
        check("\r\n\r\nGET / HTTP/1.1\n\n", &["Get "], None);
        check("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", &["Post {}"], None);
        check(
            "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
             1\r\n{\r\n1\r\n}\r\n0\r\n\r\nOPTIONS / HTTP/1.0\r\n\r\nHEAD / HTTP/1.1\r\nContent-Length: 1\r\n\r\n",
            &["Post {}", "Post {}", "Options "],
            None,
        );
    }

    #[test]
    fn garbage_is_refused() {
        check("\u{16}\u{3}\u{1} hello of another protocol", &[], Some(Refusal::Malformed));
        check("GET / HTTP/1.1\r\n\r\nGET / HTTP/3.0\r\n\r\n", &["Get "], Some(Refusal::Malformed));
        check("GET / HTTP/1.1\r\nno colon\r\n\r\n", &[], Some(Refusal::Malformed));
        check("GET\r\n\r\n", &[], Some(Refusal::Malformed));
    }

    #[test]
    fn continue_is_asked_for_once_and_only_while_the_body_is_missing() {
        let head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
        let (events, _) = decode(&[head, b"ab", b"cd"]);
        assert_eq!(events, ["continue", "Post abcd"]);
        let (events, _) = decode(&[&[&head[..], b"abcd"].concat()]);
        assert_eq!(events, ["Post abcd"]);
        let head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n";
        let (events, _) = decode(&[head, b"1\r\na\r\n0\r\n\r\n"]);
        assert_eq!(events, ["continue", "Post a"]);
        let head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n";
        assert_eq!(decode(&[head]), (vec![], Some(Refusal::BodyTooLarge)));
    }

    #[test]
    fn long_heads_are_found_whole_and_in_pieces() {
        for filler in [900, 1100, 5000, 15_000] {
            let stream = format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(filler));
            for piece in [stream.len(), 1, 7, 1000] {
                let pieces: Vec<&[u8]> = stream.as_bytes().chunks(piece).collect();
                assert_eq!(decode(&pieces), (vec!["Get ".to_string()], None), "{filler} in pieces of {piece}");
            }
        }
        let endless = vec![b'x'; HEAD_BYTES_MAX];
        let pieces: Vec<&[u8]> = [&b"GET / HTTP/1.1\r\nA: "[..]].into_iter().chain(endless.chunks(7)).collect();
        assert_eq!(decode(&pieces), (vec![], Some(Refusal::HeadTooLarge)));
    }

    #[test]
    fn a_counted_body_is_a_slice_of_what_was_received() {
        let mut decoder = RequestDecoder::default();
        decoder.receive(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcd");
        let before = decoder.received.as_ptr().addr();
        let Ok(Some(Event::Request(request))) = decoder.next() else { panic!("a whole request") };
        assert_eq!(request.body.as_ptr().addr(), before + request.head.len_bytes);
    }

    /// What was left of a great buffer kept all of it alive while its connection was idle.
    #[test]
    fn a_great_body_takes_its_buffer_along() {
        let check = |head: &str, body: &[u8]| {
            let mut decoder = RequestDecoder::default();
            let mut stream = head.as_bytes().to_vec();
            stream.extend_from_slice(body);
            for piece in [&stream[..], b"GET / HTTP/1.1\r\n\r\n"].concat().chunks(8 << 10) {
                decoder.receive(piece);
            }
            let Ok(Some(Event::Request(request))) = decoder.next() else { panic!("a whole request") };
            let Ok(Some(Event::Request(next))) = decoder.next() else { panic!("one more") };
            drop((request, next.body));
            assert!(decoder.is_idle() && next.frame.is_unique(), "{head}");
        };
        check("POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n", &vec![b' '; 1_000_000]);
        let chunk = [b"F4240\r\n", &vec![b' '; 1_000_000][..], b"\r\n0\r\n\r\n"].concat();
        check("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", &chunk);
    }

    #[test]
    fn random_bytes_never_panic() {
        let mut random = fastrand::Rng::with_seed(11);
        let words: [&[u8]; 12] = [
            b"POST / HTTP/1.1\r\n",
            b"GET ",
            b"\r\n",
            b"\r\n\r\n",
            b"Content-Length: 3\r\n",
            b"abc",
            b"\n",
            b"\0",
            b"Transfer-Encoding: chunked\r\n",
            b"3\r\n",
            b"0\r\n",
            b"\xff",
        ];
        for _ in 0..20_000 {
            let stream: Vec<u8> = (0..random.usize(1..12)).flat_map(|_| words[random.usize(..12)].to_vec()).collect();
            let whole = decode(&[&stream]);
            let split = random.usize(..=stream.len());
            let halves = decode(&[&stream[..split], &stream[split..]]);
            assert_eq!(whole, halves, "{:?} split at {split}", String::from_utf8_lossy(&stream));
        }
    }
}
