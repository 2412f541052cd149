//! The protocol's limits, named once. PROTOCOL.md lists them with what happens past each; limits of items and
//! operations are the model's and not here.

/// Bytes of a frame's header.
pub const HEADER_BYTES: usize = 16;

/// Payloads, and with them frames, are whole multiples of this many bytes.
pub const FRAME_ALIGNMENT_BYTES: usize = 8;

/// Bytes of the greatest frame, header included.
pub const FRAME_BYTES_MAX: usize = 32 << 20;

/// Bytes of the greatest payload once the handshake is done.
pub const PAYLOAD_BYTES_MAX: usize = FRAME_BYTES_MAX - HEADER_BYTES;

/// Bytes of the greatest payload before the handshake is done: nobody unknown makes us buffer more.
pub const HANDSHAKE_PAYLOAD_BYTES_MAX: usize = 4096;

/// A handshake that takes longer is given up; the server's and the client's connections hold the clock.
pub const HANDSHAKE_MS_MAX: u64 = 10_000;

/// Bytes of the access key id in a Proof.
pub const ACCESS_KEY_ID_BYTES_MAX: usize = 128;

/// Tables in one payload, counted as a tree: bounds the work of a payload that refers to one table many times.
pub const TABLES_COUNT_MAX: usize = 65_536;

/// Tables within tables. Our schema nests four deep.
pub const TABLE_DEPTH_MAX: usize = 8;

/// Apparent bytes of a payload per real byte (shared parts count each time they are reached), plus [`APPARENT_BYTES_BASE`].
pub const APPARENT_BYTES_FACTOR: usize = 8;

/// See [`APPARENT_BYTES_FACTOR`].
pub const APPARENT_BYTES_BASE: usize = 4096;

/// Bytes of the receive buffer of a connection that receives little at once: an idle one holds no more.
pub const RECEIVE_BUFFER_BYTES_MIN: usize = 4 << 10;

/// Bytes of the receive buffer of a connection that receives much at once; small frames share it.
pub const RECEIVE_BUFFER_BYTES: usize = 64 << 10;

/// Bytes of the text in a Goodbye; longer ones are cut.
pub const GOODBYE_MESSAGE_BYTES_MAX: usize = 512;

/// Bytes of the message in an Error; longer ones are cut.
pub const ERROR_MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Cores that a Welcome may list.
pub const CORES_COUNT_MAX: usize = 1024;

/// Ranges that a partition map may hold.
pub const PARTITION_RANGES_COUNT_MAX: usize = 65_536;

const _: () = assert!(PAYLOAD_BYTES_MAX.is_multiple_of(FRAME_ALIGNMENT_BYTES));
const _: () = assert!(HANDSHAKE_PAYLOAD_BYTES_MAX.is_multiple_of(FRAME_ALIGNMENT_BYTES));
const _: () = assert!(HEADER_BYTES.is_multiple_of(FRAME_ALIGNMENT_BYTES));
// The length field is a u32.
const _: () = assert!(PAYLOAD_BYTES_MAX <= u32::MAX as usize);
