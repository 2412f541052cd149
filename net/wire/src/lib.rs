//! The binary protocol: frames, envelopes, handshake. Pure: bytes in, messages out; no socket, no clock.
//!
//! In the way of a request: `net/server` feeds a connection's bytes to a [`server::Decoder`] and gets `model::operation::Request`s
//! whose texts and items are slices of what was received; [`server::encode_reply`] writes the answers into the connection's
//! send buffer. [`client`] is the same seen from the other end. PROTOCOL.md is the specification, `schema/protocol.fbs` its
//! payloads. One decoder lives in each connection; nothing is shared.
//!
//! `src/generated/protocol.rs` is made from the schema by the compiler that matches the `flatbuffers` crate (Debian's does
//! not). In an empty folder anywhere, with `cmake` and a C++ compiler at hand:
//!
//! ```text
//! cargo init --name flatc && cargo add flatc-fork@=0.6.0
//! echo 'fn main() { let a = std::env::args().skip(1); std::process::Command::new(flatc_fork::flatc()).args(a).status().unwrap(); }' > src/main.rs
//! cargo run -- --rust -o OUT net/wire/schema/protocol.fbs
//! mv OUT/protocol_generated.rs net/wire/src/generated/protocol.rs
//! ```
//!
//! Deliberately not here: what an operation means (`model`), sockets (`net/server`, `net/client`), which core owns a key.

// The generated readers need unsafe; nothing else here may.
#![deny(unsafe_code)]

pub mod client;
mod error;
mod frame;
#[rustfmt::skip]
mod generated;
mod handshake;
pub mod limits;
mod operation;
mod partition_map;
mod payload;
mod reader;
pub mod server;
mod writer;

pub use error::{EncodeError, Malformation, ProtocolError};
pub use frame::{Flags, Frame, FrameReader, Header, Kind, PREFACE, RequestId};
pub use handshake::{Challenge, CoreEndpoint, Goodbye, GoodbyeReason, Hello, Proof, VERSION, Welcome};
pub use partition_map::{PartitionMap, PartitionRange};
