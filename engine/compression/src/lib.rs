//! A Huffman code for many short records: each byte in as many bits as it is rare among all of them.
//!
//! ```text
//! Histogram   counts the bytes of some records  ─▶  Code   lengths of codewords (128 bytes on the disk), tables
//!                                                    compress     a record into four streams of codewords
//!                                                    decompress   and back; anything from outside is refused, nothing panics
//! ```
//!
//! On the way of a request this is inside step "durable": the journal compresses an item before it seals it. The bytes are specified in `FORMAT.md`. Pure.
//! Deliberately not here: which records are counted, when a code is made, where it is kept (`journal`).
#![forbid(unsafe_code)]

mod code;
mod compress;
mod decompress;
mod histogram;
mod lengths;

pub use code::{CODE_BYTES, Code};
pub use decompress::Malformed;
pub use histogram::Histogram;
