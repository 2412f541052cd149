//! HTTP/1.1 responses cut off a stream of bytes: status and body, whole or not yet.
//!
//! What the load generator and the crash test need of a response; bodies have a Content-Length, as DynamoDB's have.

use std::fmt;

/// Headers of a response past which it is refused.
const HEADERS_COUNT_MAX: usize = 32;

/// A whole response, where it lies in the receive buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HttpResponse<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

/// The bytes are no response that we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HttpResponseError {
    /// No response head.
    Head(httparse::Error),
    /// No readable Content-Length.
    Length,
}

impl fmt::Display for HttpResponseError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HttpResponseError::Head(error) => write!(formatter, "not an HTTP response: {error}"),
            HttpResponseError::Length => write!(formatter, "an HTTP response without a readable Content-Length"),
        }
    }
}

impl std::error::Error for HttpResponseError {}

impl<'a> HttpResponse<'a> {
    /// Splits the first response off `received`: the response and the bytes it takes up; `None` while it is not whole.
    pub(crate) fn split(received: &'a [u8]) -> Result<Option<(HttpResponse<'a>, usize)>, HttpResponseError> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_COUNT_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let head_bytes = match response.parse(received).map_err(HttpResponseError::Head)? {
            httparse::Status::Complete(head_bytes) => head_bytes,
            httparse::Status::Partial => return Ok(None),
        };
        let status = response.code.ok_or(HttpResponseError::Length)?;
        let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
        let length = length.and_then(|header| std::str::from_utf8(header.value).ok()?.trim().parse::<usize>().ok());
        let end = length.and_then(|length| head_bytes.checked_add(length)).ok_or(HttpResponseError::Length)?;
        Ok(received.get(head_bytes..end).map(|body| (HttpResponse { status, body }, end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_cut_at_any_byte() {
        let first = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: 2\r\n\r\n{}";
        let second = "HTTP/1.1 400 Bad Request\r\ncontent-length:  11 \r\nx-amz-crc32: 1\r\n\r\n{\"a\":\"bcd\"}";
        let stream = [first, second].concat().into_bytes();
        for split in 0..first.len() {
            assert_eq!(HttpResponse::split(&stream[..split]), Ok(None), "{split} bytes");
        }
        let (response, used) = HttpResponse::split(&stream).unwrap().unwrap();
        assert_eq!((response.status, response.body, used), (200, b"{}".as_slice(), first.len()));
        for split in 0..second.len() {
            assert_eq!(HttpResponse::split(&stream[used..used + split]), Ok(None), "{split} bytes");
        }
        let (response, used) = HttpResponse::split(&stream[used..]).unwrap().unwrap();
        assert_eq!((response.status, response.body, used), (400, b"{\"a\":\"bcd\"}".as_slice(), second.len()));
    }

    #[test]
    fn what_is_no_response_is_refused() {
        let refused = [
            "SSH-2.0-OpenSSH\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n",
        ];
        for text in refused {
            assert!(HttpResponse::split(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
