//! The DynamoDB HTTP API: requests in, responses out. Pure.
//!
//! ```text
//!   bytes -> http -> checks -> operation/x.rs (json) -> model::operation::Request
//!   bytes <- http          <- operation/x.rs (json) <- model::operation::Reply, or model::Error
//! ```
//! A server loop keeps one [`Codec`] per core and one [`Connection`] per socket. Decides nothing about data, holds no
//! socket, reads no clock. Where it differs from DynamoDB on purpose or for now: DIFFERENCES.md.
#![forbid(unsafe_code)]

mod checks;
mod codec;
mod connection;
mod http;
mod json;
pub mod limits;
mod operation;

pub use codec::Codec;
pub use connection::{Call, Connection, Ticket};
pub use http::request_id::RequestId;
