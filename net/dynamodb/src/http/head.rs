//! The head of a request: request line and headers, parsed once by `httparse`, kept as spans.
//!
//! Only the headers that a rule of this crate asks for are kept. A [`Head`] borrows nothing: its spans index the frame
//! that the decoder splits off once the body is there too.

use std::mem::MaybeUninit;

use super::Refusal;
use crate::limits::{BODY_BYTES_MAX, HEAD_BYTES_MAX, HEADER_COUNT_MAX};

/// Where a value lies in the head. Empty: absent (or present and empty, which no rule tells apart).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u16,
    end: u16,
}

impl Span {
    /// The span of `part`, which lies in `whole`.
    fn of(part: &[u8], whole: &[u8]) -> Span {
        let start = part.as_ptr().addr() - whole.as_ptr().addr();
        let end = start + part.len();
        let narrow = |offset: usize| u16::try_from(offset).expect("a head is shorter than 64 KiB");
        Span { start: narrow(start), end: narrow(end) }
    }

    /// The bytes of the span in the frame that begins with the head.
    pub(crate) fn bytes(self, frame: &[u8]) -> &[u8] {
        &frame[usize::from(self.start)..usize::from(self.end)]
    }

    pub(crate) fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Where the byte behind it is.
    pub(crate) fn end(self) -> usize {
        usize::from(self.end)
    }
}

/// The methods that the order of checks tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    Post,
    Options,
    Other,
}

/// How the body's end is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyLength {
    Bytes(usize),
    Chunked,
}

/// How the body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentEncoding {
    Identity,
    Gzip,
    Deflate,
    /// In a way that nobody here knows.
    Unknown,
}

/// A parsed head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    /// Its length, the empty line included.
    pub(crate) len_bytes: usize,
    pub(crate) method: Method,
    pub(crate) body_length: BodyLength,
    pub(crate) content_encoding: ContentEncoding,
    /// The client speaks HTTP/1.1 or newer.
    pub(crate) is_http_1_1: bool,
    /// The connection stays open after the answer.
    pub(crate) keep_alive: bool,
    pub(crate) expects_continue: bool,
    pub(crate) accepts_gzip: bool,
    /// With the query.
    pub(crate) path: Span,
    pub(crate) host: Span,
    pub(crate) target: Span,
    pub(crate) content_type: Span,
    pub(crate) origin: Span,
    pub(crate) cors_headers: Span,
    pub(crate) cors_method: Span,
}

/// Parses a head at the start of `bytes`; `None` while it is not complete.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Head>, Refusal> {
    let mut space = [const { MaybeUninit::uninit() }; HEADER_COUNT_MAX];
    let mut request = httparse::Request::new(&mut []);
    let window = &bytes[..bytes.len().min(HEAD_BYTES_MAX)];
    let len_bytes = match request.parse_with_uninit_headers(window, &mut space) {
        Ok(httparse::Status::Complete(len_bytes)) => len_bytes,
        Ok(httparse::Status::Partial) if bytes.len() >= HEAD_BYTES_MAX => {
            return Err(Refusal::HeadTooLarge);
        }
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Refusal::HeadTooLarge),
        Err(_) => return Err(Refusal::Malformed),
    };
    let is_http_1_1 = request.version == Some(1);
    let mut head = Head {
        len_bytes,
        method: method(request.method.unwrap_or_default()),
        body_length: BodyLength::Bytes(0),
        content_encoding: ContentEncoding::Identity,
        is_http_1_1,
        keep_alive: is_http_1_1,
        expects_continue: false,
        accepts_gzip: false,
        path: Span::of(request.path.unwrap_or_default().as_bytes(), window),
        host: Span::default(),
        target: Span::default(),
        content_type: Span::default(),
        origin: Span::default(),
        cors_headers: Span::default(),
        cors_method: Span::default(),
    };
    let mut framing = Framing::default();
    for header in request.headers.iter() {
        head.take(header, window, &mut framing)?;
    }
    head.body_length = framing.body_length(is_http_1_1)?;
    Ok(Some(head))
}

impl Head {
    /// Keeps what a rule asks for of one header.
    fn take(&mut self, header: &httparse::Header<'_>, window: &[u8], framing: &mut Framing) -> Result<(), Refusal> {
        let (name, value) = (header.name, header.value);
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        // By length first: most headers of an SDK are none of these and cost one comparison.
        match name.len() {
            4 if is("host") => self.host = Span::of(value, window),
            6 if is("origin") => self.origin = Span::of(value, window),
            6 if is("expect") => self.expects_continue = value.eq_ignore_ascii_case(b"100-continue"),
            10 if is("connection") => self.take_connection(value),
            12 if is("x-amz-target") => self.target = Span::of(value, window),
            12 if is("content-type") => self.content_type = Span::of(value, window),
            14 if is("content-length") => framing.take_content_length(value)?,
            15 if is("accept-encoding") => self.accepts_gzip = accepts_gzip(value),
            16 if is("content-encoding") => self.content_encoding = content_encoding(value),
            17 if is("transfer-encoding") => framing.take_transfer_encoding(value)?,
            29 if is("access-control-request-method") => self.cors_method = Span::of(value, window),
            30 if is("access-control-request-headers") => self.cors_headers = Span::of(value, window),
            _ => {}
        }
        Ok(())
    }

    fn take_connection(&mut self, value: &[u8]) {
        for option in tokens(value) {
            if option.eq_ignore_ascii_case(b"close") {
                self.keep_alive = false;
                return;
            }
            if option.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            }
        }
    }
}

/// What the headers say of the body's length. Two that disagree are refused: they are how requests are smuggled.
#[derive(Default)]
struct Framing {
    content_length: Option<usize>,
    is_chunked: bool,
}

impl Framing {
    fn take_content_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return Err(Refusal::Malformed);
        }
        let length = value
            .iter()
            .fold(0usize, |length, digit| length.saturating_mul(10).saturating_add(usize::from(digit - b'0')));
        if self.content_length.is_some_and(|earlier| earlier != length) {
            return Err(Refusal::Malformed);
        }
        self.content_length = Some(length);
        Ok(())
    }

    fn take_transfer_encoding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.is_chunked || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Refusal::Malformed);
        }
        self.is_chunked = true;
        Ok(())
    }

    fn body_length(&self, is_http_1_1: bool) -> Result<BodyLength, Refusal> {
        match (self.is_chunked, self.content_length) {
            (true, None) if is_http_1_1 => Ok(BodyLength::Chunked),
            (true, _) => Err(Refusal::Malformed),
            (false, Some(length)) if length > BODY_BYTES_MAX => Err(Refusal::BodyTooLarge),
            (false, length) => Ok(BodyLength::Bytes(length.unwrap_or(0))),
        }
    }
}

fn method(name: &str) -> Method {
    match name {
        "POST" => Method::Post,
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "OPTIONS" => Method::Options,
        _ => Method::Other,
    }
}

fn content_encoding(value: &[u8]) -> ContentEncoding {
    if value.eq_ignore_ascii_case(b"gzip") || value.eq_ignore_ascii_case(b"x-gzip") {
        ContentEncoding::Gzip
    } else if value.eq_ignore_ascii_case(b"deflate") {
        ContentEncoding::Deflate
    } else if value.is_empty() || value.eq_ignore_ascii_case(b"identity") {
        ContentEncoding::Identity
    } else {
        ContentEncoding::Unknown
    }
}

/// `gzip` is named and not forbidden by a weight of zero.
fn accepts_gzip(value: &[u8]) -> bool {
    tokens(value).any(|coding| {
        let mut parts = coding.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(b"gzip"));
        is_gzip
            && !parts.any(|weight| {
                let weight = weight.strip_prefix(b"q=").or_else(|| weight.strip_prefix(b"Q="));
                weight.is_some_and(|weight| weight.iter().all(|byte| matches!(byte, b'0' | b'.')))
            })
    })
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &str) -> Result<Option<Head>, Refusal> {
        parse(format!("POST / HTTP/1.1\r\n{lines}\r\n").as_bytes())
    }

    #[test]
    fn body_lengths() {
        let check = |lines: &str, expect: Result<BodyLength, Refusal>| {
            let got = headers(lines).map(|head| head.expect("complete").body_length);
            assert_eq!(got, expect, "{lines:?}");
        };
        check("", Ok(BodyLength::Bytes(0)));
        check("Content-Length: 5\r\n", Ok(BodyLength::Bytes(5)));
        check("content-length:5\r\nCONTENT-LENGTH: 5 \r\n", Ok(BodyLength::Bytes(5)));
        check("Content-Length: 5\r\nContent-Length: 6\r\n", Err(Refusal::Malformed));
        check("Content-Length: +5\r\n", Err(Refusal::Malformed));
        check("Content-Length: -5\r\n", Err(Refusal::Malformed));
        check("Content-Length: 5, 5\r\n", Err(Refusal::Malformed));
        check("Content-Length:\r\n", Err(Refusal::Malformed));
        check("Content-Length: 16777216\r\n", Ok(BodyLength::Bytes(16 * 1024 * 1024)));
        check("Content-Length: 16777217\r\n", Err(Refusal::BodyTooLarge));
        check("Content-Length: 99999999999999999999999999999999\r\n", Err(Refusal::BodyTooLarge));
        check("Transfer-Encoding: chunked\r\n", Ok(BodyLength::Chunked));
        check("Transfer-Encoding: Chunked\r\n", Ok(BodyLength::Chunked));
        check("Transfer-Encoding: gzip, chunked\r\n", Err(Refusal::Malformed));
        check("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Err(Refusal::Malformed));
        check("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Err(Refusal::Malformed));
        check("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Err(Refusal::Malformed));
        let old = parse(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(old.map(|_| ()), Err(Refusal::Malformed));
    }

    #[test]
    fn connections() {
        let check = |head: &str, expect: bool| {
            let parsed = parse(head.as_bytes()).expect("well formed").expect("complete");
            assert_eq!(parsed.keep_alive, expect, "{head:?}");
        };
        check("GET / HTTP/1.1\r\n\r\n", true);
        check("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", false);
        check("GET / HTTP/1.1\r\nConnection: Upgrade, Close\r\n\r\n", false);
        check("GET / HTTP/1.1\r\nConnection: keep-alive\r\n\r\n", true);
        check("GET / HTTP/1.0\r\n\r\n", false);
        check("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true);
        check("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false);
    }

    #[test]
    fn gzip_is_accepted_when_named() {
        let check = |value: &str, expect: bool| assert_eq!(accepts_gzip(value.as_bytes()), expect, "{value:?}");
        check("gzip", true);
        check("GZIP", true);
        check("deflate, gzip", true);
        check("gzip;q=0.5", true);
        check("gzip; q=0", false);
        check("gzip;q=0.000", false);
        check("identity", false);
        check("gzippy", false);
        check("", false);
    }

    #[test]
    fn limits_of_the_head() {
        let filler = "x".repeat(HEAD_BYTES_MAX);
        assert_eq!(headers(&format!("A: {filler}\r\n")).map(|_| ()), Err(Refusal::HeadTooLarge));
        let lines = |count: usize| (0..count).map(|line| format!("h{line}: v\r\n")).collect::<String>();
        assert!(headers(&lines(HEADER_COUNT_MAX)).is_ok_and(|head| head.is_some()));
        assert_eq!(headers(&lines(HEADER_COUNT_MAX + 1)).map(|_| ()), Err(Refusal::HeadTooLarge));
    }
}
