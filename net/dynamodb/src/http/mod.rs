//! HTTP/1.1 as far as DynamoDB speaks it: requests out of a byte stream, answers into one.
//!
//! First and last in the way of a request through this crate. Knows nothing of JSON, operations or items. Deliberately not
//! here: sockets, TLS, time-outs (net/server), and what a request means ([`crate::operation`]).

pub(crate) mod chunked;
pub(crate) mod compression;
pub(crate) mod date;
pub(crate) mod decoder;
pub(crate) mod head;
pub(crate) mod pipeline;
pub(crate) mod request_id;
pub(crate) mod response;

/// Why a connection's bytes cannot be read on: answered once, then the connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not HTTP, or HTTP that contradicts itself: 400.
    Malformed,
    /// More head than allowed: 431.
    HeadTooLarge,
    /// More body than allowed: 413.
    BodyTooLarge,
}
