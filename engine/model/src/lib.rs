//! What DynamoDB means: values, items, keys, operations, limits and errors. Pure: no I/O, no clock.
#![forbid(unsafe_code)]

pub mod error;
pub mod limits;
pub mod number;
pub mod text;

pub use error::{Error, ErrorKind};
pub use number::{Number, NumberError};
pub use text::Text;
