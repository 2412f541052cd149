//! What DynamoDB means: values, items, keys, operations, limits and errors. Pure: no I/O, no clock.
#![forbid(unsafe_code)]

pub mod error;
pub mod expression;
pub mod item;
pub mod key;
pub mod limits;
pub mod number;
pub mod operation;
mod short_bytes;
pub mod table;
pub mod text;
mod throughput_bucket;
pub mod value;

pub use error::{Access, Error, ErrorDetail, ErrorKind, ThrottlingReason};
pub use item::{EncodingError, Item, ItemEncoder, ItemRef, ListRef, SetRef, ValueRef};
pub use key::{EncodedKey, KeyAttribute, KeyHash, KeyPlaces, KeyRange, KeySchema, KeyType};
pub use number::{Number, NumberError};
pub use operation::{Reply, Request};
pub use table::{TableDefinition, TableId};
pub use text::Text;
pub use throughput_bucket::ThroughputBucket;
pub use value::{AttributeType, Value};
