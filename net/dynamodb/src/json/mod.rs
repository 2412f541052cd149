//! DynamoDB's JSON: attribute values straight into the model's item encoding, items straight back into text.
//!
//! Between [`crate::http`] and [`crate::operation`]. Reading goes through `serde_json` with visitors that borrow from the
//! body: no tree of values is built. What DynamoDB says of a value of the wrong JSON type is decided here, by the
//! [`shape::Shape`] that was expected in its place. Deliberately not here: which member an operation has.

pub(crate) mod attribute;
pub(crate) mod base64;
pub(crate) mod item;
pub(crate) mod members;
pub(crate) mod parameter;
pub(crate) mod shape;
pub(crate) mod writer;

use std::marker::PhantomData;

use bytes::Bytes;
use model::{Error, ItemEncoder};
use serde::Deserializer as _;
use serde::de::IgnoredAny;

use self::members::{Members, Payload};
use self::shape::{Place, Reading, Shaped};

/// Reads a whole body as the structure `M`.
///
/// # Errors
/// `SerializationException`: without a text when the body is no JSON, with DynamoDB's text when a value has the wrong
/// type. Faults in attribute values are no errors here: they wait in `model::operation::Attributes`.
pub(crate) fn read<M: Members>(body: &Bytes, encoder: &mut ItemEncoder, scratch: &mut Vec<u8>) -> Result<M, Error> {
    if body.trim_ascii() == b"null" {
        // DynamoDB: observed: elsewhere null is as good as nothing; a body it is not.
        return Err(Error::serialization(Place::Element.wrong_scalar()));
    }
    let text = std::str::from_utf8(body).map_err(|_| not_json())?;
    let mut reading = Reading::new(body, encoder, scratch);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let payload = Shaped { shape: Payload(PhantomData::<M>), reading: &mut reading };
    let read = deserializer.deserialize_any(payload);
    if let Ok(members) = read {
        return deserializer.end().map(|()| members).map_err(|_| not_json());
    }
    // A wrong type ends the reading where it stands; bad JSON anywhere in the body comes before it.
    match reading.into_fault() {
        Some(fault) if is_json(body) => Err(Error::serialization(fault)),
        _ => Err(not_json()),
    }
}

/// Whether `body` is one JSON value.
pub(crate) fn is_json(body: &[u8]) -> bool {
    std::str::from_utf8(body).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

/// What a body that is no JSON is told. DynamoDB: observed: an exception without a text.
pub(crate) fn not_json() -> Error {
    Error::serialization("")
}
