//! Writes an answer into the connection's out buffer in one pass.
//!
//! The head goes first with room for what only the finished body tells, its length and its checksum: right-aligned
//! fields, patched at the end. (White space before a header's value is HTTP's own and every client drops it.)
//!
//! ```text
//!   HTTP/1.1 200 OK␍␊ ... Content-Length:        42␍␊x-amz-crc32: 3128867991␍␊␍␊{"Item":...
//!   ^start                 ^10 bytes, patched        ^10 bytes, patched          ^body_at
//! ```

use bytes::BytesMut;

use super::compression;
use super::date::HttpDate;
use super::request_id::RequestId;
use crate::limits::COMPRESS_BYTES_MIN;

/// The statuses that DynamoDB answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Ok,
    BadRequest,
    NotFound,
    InternalServerError,
    ServiceUnavailable,
}

impl Status {
    /// The status of a number that the model gave an error.
    pub(crate) fn of_error(http_status: u16) -> Status {
        match http_status {
            500 => Status::InternalServerError,
            503 => Status::ServiceUnavailable,
            _ => Status::BadRequest,
        }
    }

    fn line(self) -> &'static [u8] {
        match self {
            Status::Ok => b"HTTP/1.1 200 OK\r\nServer: Server\r\n",
            Status::BadRequest => b"HTTP/1.1 400 Bad Request\r\nServer: Server\r\n",
            Status::NotFound => b"HTTP/1.1 404 Not Found\r\nServer: Server\r\n",
            Status::InternalServerError => b"HTTP/1.1 500 Internal Server Error\r\nServer: Server\r\n",
            Status::ServiceUnavailable => b"HTTP/1.1 503 Service Unavailable\r\nServer: Server\r\n",
        }
    }
}

/// What the body is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentType {
    /// `application/x-amz-json-1.0`
    AmzJson,
    /// `application/json`, for clients that sent it.
    Json,
    /// None is named.
    Unnamed,
}

/// How one request wants to be answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) request_id: RequestId,
    pub(crate) content_type: ContentType,
    pub(crate) is_http_1_1: bool,
    pub(crate) keep_alive: bool,
    pub(crate) accepts_gzip: bool,
    /// The request came from a page of another origin.
    pub(crate) is_cross_origin: bool,
    /// The request was a HEAD: the answer's body is counted and not sent.
    pub(crate) omits_body: bool,
}

/// An answer whose head is written and whose body is being appended.
#[must_use = "an answer that is not finished has no length"]
pub(crate) struct OpenResponse {
    length_at: usize,
    crc_at: usize,
    body_at: usize,
    accepts_gzip: bool,
    omits_body: bool,
}

/// Width of the two fields that are patched: the largest u32 has ten digits, the largest body eight.
const FIELD: &[u8; 10] = b"          ";

/// Writes the head; the caller appends the body to `out` and calls [`OpenResponse::finish`].
pub(crate) fn begin(status: Status, manner: &Manner, date: Option<&HttpDate>, out: &mut BytesMut) -> OpenResponse {
    out.reserve(512);
    out.extend_from_slice(status.line());
    if let Some(date) = date {
        out.extend_from_slice(b"Date: ");
        out.extend_from_slice(date.text());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(match manner.content_type {
        ContentType::AmzJson => b"Content-Type: application/x-amz-json-1.0\r\n",
        ContentType::Json => b"Content-Type: application/json\r\n",
        ContentType::Unnamed => b"",
    });
    match (manner.keep_alive, manner.is_http_1_1) {
        (true, true) => {}
        (true, false) => out.extend_from_slice(b"Connection: keep-alive\r\n"),
        (false, _) => out.extend_from_slice(b"Connection: close\r\n"),
    }
    if manner.is_cross_origin {
        out.extend_from_slice(CROSS_ORIGIN);
    }
    out.extend_from_slice(b"x-amzn-RequestId: ");
    out.extend_from_slice(&manner.request_id.text());
    out.extend_from_slice(b"\r\nContent-Length: ");
    let length_at = out.len();
    out.extend_from_slice(FIELD);
    out.extend_from_slice(b"\r\nx-amz-crc32: ");
    let crc_at = out.len();
    out.extend_from_slice(FIELD);
    out.extend_from_slice(b"\r\n\r\n");
    let (accepts_gzip, omits_body) = (manner.accepts_gzip, manner.omits_body);
    OpenResponse { length_at, crc_at, body_at: out.len(), accepts_gzip, omits_body }
}

impl OpenResponse {
    /// Closes the answer: packs the body where that is wanted and pays, then fills the length and the checksum in.
    pub(crate) fn finish(mut self, out: &mut BytesMut) {
        if self.accepts_gzip && out.len() - self.body_at >= COMPRESS_BYTES_MIN {
            self.pack(out);
        }
        let body = &out[self.body_at..];
        let (length, crc) = (body.len(), crc32fast::hash(body));
        let length = u32::try_from(length).expect("an answer is shorter than 4 GiB");
        put_right_aligned(&mut out[self.length_at..self.length_at + FIELD.len()], length);
        // DynamoDB: the checksum is over the bytes as sent, packed or not.
        put_right_aligned(&mut out[self.crc_at..self.crc_at + FIELD.len()], crc);
        if self.omits_body {
            out.truncate(self.body_at);
        }
    }

    fn pack(&mut self, out: &mut BytesMut) {
        let plain = out.split_off(self.body_at);
        out.truncate(self.body_at - 2); // the empty line moves behind one more header
        out.extend_from_slice(b"Content-Encoding: gzip\r\n\r\n");
        self.body_at = out.len();
        compression::pack_gzip(&plain, out).expect("memory takes every byte");
    }
}

/// The answer to a cross-origin preflight: it has no body, and echoes what the browser asks for.
pub(crate) fn write_preflight(manner: &Manner, headers: &[u8], method: &[u8], out: &mut BytesMut) {
    out.extend_from_slice(Status::Ok.line());
    out.extend_from_slice(b"x-amzn-RequestId: ");
    out.extend_from_slice(&manner.request_id.text());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(CROSS_ORIGIN);
    for (name, value) in
        [(&b"Access-Control-Allow-Headers: "[..], headers), (&b"Access-Control-Allow-Methods: "[..], method)]
    {
        if !value.is_empty() {
            out.extend_from_slice(name);
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
    }
    out.extend_from_slice(b"Access-Control-Max-Age: 172800\r\n");
    if !manner.keep_alive {
        out.extend_from_slice(b"Connection: close\r\n");
    } else if !manner.is_http_1_1 {
        out.extend_from_slice(b"Connection: keep-alive\r\n");
    }
    out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
}

/// The answer to bytes that cannot be read on; the connection closes behind it.
pub(crate) fn refusal(refusal: super::Refusal) -> &'static [u8] {
    match refusal {
        super::Refusal::Malformed => b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        super::Refusal::HeadTooLarge => {
            b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        }
        // DynamoDB: observed: the one answer without a request id, and chunked.
        super::Refusal::BodyTooLarge => {
            b"HTTP/1.1 413 Request Entity Too Large\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        }
    }
}

/// What lets a page of another origin read an answer, and the headers in it that SDKs look at.
// DynamoDB: observed: both are on every answer to a request with an origin.
const CROSS_ORIGIN: &[u8] = b"Access-Control-Allow-Origin: *\r\n\
    Access-Control-Expose-Headers: x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,x-amz-crc32,Date\r\n";

/// The interim answer to `Expect: 100-continue`.
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

fn put_right_aligned(field: &mut [u8], mut number: u32) {
    for byte in field.iter_mut().rev() {
        *byte = b'0' + u8::try_from(number % 10).expect("one digit");
        number /= 10;
        if number == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    const MANNER: Manner = Manner {
        request_id: RequestId::new(0),
        content_type: ContentType::AmzJson,
        is_http_1_1: true,
        keep_alive: true,
        accepts_gzip: false,
        is_cross_origin: false,
        omits_body: false,
    };

    fn write(status: Status, manner: Manner, body: &[u8]) -> BytesMut {
        let mut out = BytesMut::from(&b"earlier answer"[..]);
        let open = begin(status, &manner, Some(&HttpDate::new(784_111_777)), &mut out);
        out.extend_from_slice(body);
        open.finish(&mut out);
        assert!(out.starts_with(b"earlier answer"));
        out.split_off(14)
    }

    fn check(manner: Manner, body: &[u8], expect: &str) {
        let got = write(Status::Ok, manner, body);
        let got = String::from_utf8(got.to_vec()).expect("text");
        assert_eq!(got.replace("\r\n", "\n"), expect.replace("<id>", &RequestId::new(0).to_string()));
    }

    #[test]
    fn answers() {
        check(
            MANNER,
            b"{}",
            "HTTP/1.1 200 OK\nServer: Server\nDate: Sun, 06 Nov 1994 08:49:37 GMT\n\
             Content-Type: application/x-amz-json-1.0\nx-amzn-RequestId: <id>\n\
             Content-Length:          2\nx-amz-crc32: 2745614147\n\n{}",
        );
        check(
            Manner { is_cross_origin: true, keep_alive: false, content_type: ContentType::Json, ..MANNER },
            b"",
            "HTTP/1.1 200 OK\nServer: Server\nDate: Sun, 06 Nov 1994 08:49:37 GMT\n\
             Content-Type: application/json\nConnection: close\nAccess-Control-Allow-Origin: *\n\
             Access-Control-Expose-Headers: x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,x-amz-crc32,Date\n\
             x-amzn-RequestId: <id>\nContent-Length:          0\nx-amz-crc32:          0\n\n",
        );
        check(
            Manner { omits_body: true, is_http_1_1: false, content_type: ContentType::Unnamed, ..MANNER },
            b"<UnknownOperationException/>\n",
            "HTTP/1.1 200 OK\nServer: Server\nDate: Sun, 06 Nov 1994 08:49:37 GMT\n\
             Connection: keep-alive\nx-amzn-RequestId: <id>\n\
             Content-Length:         29\nx-amz-crc32: 3552371480\n\n",
        );
    }

    #[test]
    fn large_answers_are_packed_when_the_client_accepts_it() {
        let body = b"0123456789".repeat(COMPRESS_BYTES_MIN / 10 + 1);
        let manner = Manner { accepts_gzip: true, ..MANNER };
        let answer = write(Status::Ok, manner, &body);
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut parsed = httparse::Response::new(&mut headers);
        let head_bytes = parsed.parse(&answer).expect("well formed").unwrap();
        let header = |name: &str| {
            let found = parsed.headers.iter().find(|header| header.name == name);
            found.map(|header| String::from_utf8_lossy(header.value).into_owned())
        };
        let sent = &answer[head_bytes..];
        assert_eq!(header("Content-Encoding").as_deref(), Some("gzip"));
        assert_eq!(header("Content-Length"), Some(sent.len().to_string()));
        assert_eq!(header("x-amz-crc32"), Some(crc32fast::hash(sent).to_string()));
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(sent).read_to_end(&mut unpacked).expect("gzip");
        assert_eq!(unpacked, body);
        assert!(!write(Status::Ok, manner, &body[..COMPRESS_BYTES_MIN - 1]).windows(4).any(|part| part == b"gzip"));
        assert!(!write(Status::Ok, MANNER, &body).windows(4).any(|part| part == b"gzip"));
    }
}
