//! The limits of the HTTP door: what one connection may send, hold and have under way.
//!
//! Each limit stands here with its answer. Limits of the data itself (item size, nesting, names) are the model's.

/// Largest request body, as sent and after decompression. Past it: 413, and the connection is closed.
/// DynamoDB: observed: 16 MB exactly passes, one byte more does not.
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Largest request line with its headers. Past it: 431, and the connection is closed.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Most headers of one request. Past it: 431, and the connection is closed.
pub const HEADER_COUNT_MAX: usize = 64;

/// Longest line that announces a chunk, its extensions included. Past it: 400, and the connection is closed.
pub(crate) const CHUNK_LINE_BYTES_MAX: usize = 256;

/// Most bytes of trailers after the last chunk. Past it: 431, and the connection is closed.
pub(crate) const TRAILER_BYTES_MAX: usize = 4 * 1024;

/// Most requests of one connection that wait for their answers. Past it the connection's next request
/// stays undecoded until an answer has left.
pub const PIPELINE_COUNT_MAX: usize = 256;

/// Most bytes of answers that wait for an earlier one. Past it, as for [`PIPELINE_COUNT_MAX`].
pub const PIPELINE_HELD_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Received bytes a connection may hold while its pipeline is full; past it the socket should be paused.
pub(crate) const RECEIVED_BYTES_MAX: usize = 64 * 1024;

/// Bytes of the greatest receive buffer that is kept for the next request; a greater one goes once it is empty.
pub(crate) const KEPT_BUFFER_BYTES_MAX: usize = 64 * 1024;

/// The receive buffer grows by at least this much.
pub(crate) const RECEIVE_STEP_BYTES: usize = 8 * 1024;

/// An announced body reserves at most this much before its bytes arrive.
pub(crate) const BODY_RESERVE_BYTES_MAX: usize = 1024 * 1024;

/// Smallest answer worth compressing.
pub(crate) const COMPRESS_BYTES_MIN: usize = 4096;

// A signature may cover them all.
const _: () = assert!(HEADER_COUNT_MAX == auth::HEADER_COUNT_MAX);
// A span inside the head is two u16.
const _: () = assert!(HEAD_BYTES_MAX <= u16::MAX as usize);
