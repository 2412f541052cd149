//! The Rust client library: one `Client` speaks to every core of a node and sends each key to the core that owns it.
//!
//! In the way of a request: outermost. `Client` routes by the partition map, a task per connection pipelines, `wire`
//! translates. [`Pipeline`] is the same without sockets, tasks and allocation, for load generators.
//!
//! ```no_run
//! # async fn example() -> Result<(), client::Error> {
//! use client::{Client, Value};
//! use std::collections::BTreeMap;
//!
//! let client = Client::connect("127.0.0.1:8001").await?;
//! let key = BTreeMap::from([("id".to_owned(), Value::S("a".to_owned()))]);
//! client.put("things", &key).await?;
//! assert_eq!(client.get("things", &key).await?, Some(key));
//! # Ok(()) }
//! ```
//!
//! Deliberately not here: what an operation means (`model`), bytes (`wire`), how credentials are proved (`auth`), TLS.

#![forbid(unsafe_code)]

mod call;
mod connection;
mod error;
mod operation;
mod options;
mod pipeline;
mod route;
mod session;

pub use auth::Credentials;
pub use call::Client;
pub use error::{ConnectionError, Error};
pub use model::{KeySchema, KeyType, Text, Value, operation as operations};
pub use operation::AttributeMap;
pub use options::ClientOptions;
pub use pipeline::Pipeline;
pub use wire::client::Answer;
pub use wire::{PartitionMap, ProtocolError, RequestId};
