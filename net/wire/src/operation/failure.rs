//! The reply of an operation that failed: DynamoDB's exception by its code, and its message.

use std::borrow::Cow;

use model::{Error, ErrorKind};

use crate::error::ProtocolError;
use crate::generated as fbs;
use crate::limits::ERROR_MESSAGE_BYTES_MAX;
use crate::payload::Payload;
use crate::writer::{REFERENCE, SHORT, Shape, Writer};

static SHAPE: Shape<2> = Shape::new([SHORT, REFERENCE]);

/// The codes of PROTOCOL.md, section 4: fixed for ever.
const CODES: [(u16, ErrorKind); 18] = [
    (1, ErrorKind::Validation),
    (2, ErrorKind::ResourceNotFound),
    (3, ErrorKind::ResourceInUse),
    (4, ErrorKind::ConditionalCheckFailed),
    (5, ErrorKind::ProvisionedThroughputExceeded),
    (6, ErrorKind::LimitExceeded),
    (7, ErrorKind::RequestLimitExceeded),
    (8, ErrorKind::Throttling),
    (9, ErrorKind::ItemCollectionSizeLimitExceeded),
    (10, ErrorKind::Serialization),
    (11, ErrorKind::UnknownOperation),
    (12, ErrorKind::AccessDenied),
    (13, ErrorKind::UnrecognizedClient),
    (14, ErrorKind::MissingAuthenticationToken),
    (15, ErrorKind::IncompleteSignature),
    (16, ErrorKind::InvalidSignature),
    (17, ErrorKind::InternalServer),
    (18, ErrorKind::ServiceUnavailable),
];

// A new kind needs a code.
const _: () = assert!(CODES.len() == ErrorKind::ALL.len());

pub(crate) fn encode(error: &Error, writer: &mut Writer<'_>) {
    let code = CODES.iter().find(|(_, kind)| *kind == error.kind).map(|(code, _)| *code);
    let table = writer.root(&SHAPE);
    writer.short(table, fbs::Error::VT_KIND, code.expect("each kind has a code"));
    let end = error.message.floor_char_boundary(ERROR_MESSAGE_BYTES_MAX);
    writer.text(table, fbs::Error::VT_MESSAGE, &error.message[..end]);
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<Error, ProtocolError> {
    let error = payload.root::<fbs::Error<'_>>()?;
    let kind = CODES.iter().find(|(code, _)| *code == error.kind()).map(|(_, kind)| *kind);
    let message = error.message().unwrap_or_default().to_owned();
    Ok(Error { kind: kind.unwrap_or(ErrorKind::InternalServer), message: Cow::Owned(message) })
}
