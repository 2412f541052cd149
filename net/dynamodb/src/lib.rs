//! The DynamoDB HTTP API: requests in, responses out. Pure.
#![forbid(unsafe_code)]

mod http;
pub mod limits;

pub use http::request_id::RequestId;
