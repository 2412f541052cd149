//! @generated: the readers and verifiers of `schema/protocol.fbs`, as the FlatBuffers compiler writes them. Not edited by
//! hand; the crate's front page tells how to make them again.
#![allow(unsafe_code, missing_docs, unreachable_pub, dead_code, unused_imports)]
#![allow(clippy::all, clippy::pedantic, clippy::undocumented_unsafe_blocks, clippy::unwrap_used)]

mod protocol;

pub(crate) use protocol::stator::wire::*;
