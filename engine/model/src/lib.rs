//! What DynamoDB means: values, items, keys, operations, limits and errors. Pure: no I/O, no clock.
#![forbid(unsafe_code)]

pub mod error;
pub mod limits;
pub mod text;

pub use error::{Error, ErrorKind};
pub use text::Text;
