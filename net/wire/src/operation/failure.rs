//! The reply of an operation that failed: DynamoDB's exception by its code, its message, and what some tell besides.

use std::borrow::Cow;

use model::{Error, ErrorDetail, ErrorKind, ThrottlingReason};

use crate::error::ProtocolError;
use crate::generated as fbs;
use crate::limits::ERROR_MESSAGE_BYTES_MAX;
use crate::payload::Payload;
use crate::writer::{REFERENCE, SHORT, Shape, Writer};

/// Of an error without a detail.
static PLAIN_SHAPE: Shape<2> = Shape::new([SHORT, REFERENCE]);
static SHAPE: Shape<4> = Shape::new([SHORT, REFERENCE, REFERENCE, REFERENCE]);
static REASON_SHAPE: Shape<2> = Shape::new([REFERENCE, REFERENCE]);

/// The codes of PROTOCOL.md, section 4: fixed for ever.
const CODES: [(u16, ErrorKind); 19] = [
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
    (19, ErrorKind::TableNotFound),
];

// A new kind needs a code.
const _: () = assert!(CODES.len() == ErrorKind::ALL.len());

pub(crate) fn encode(error: &Error, writer: &mut Writer<'_>) {
    let code = CODES.iter().find(|(_, kind)| *kind == error.kind).map(|(code, _)| *code);
    let table = match error.detail {
        None => writer.root(&PLAIN_SHAPE),
        Some(_) => writer.root(&SHAPE),
    };
    writer.short(table, fbs::Error::VT_KIND, code.expect("each kind has a code"));
    let end = error.message.floor_char_boundary(ERROR_MESSAGE_BYTES_MAX);
    writer.text(table, fbs::Error::VT_MESSAGE, &error.message[..end]);
    match error.detail.as_deref() {
        None => {}
        Some(ErrorDetail::Item(item)) => writer.bytes(table, fbs::Error::VT_ITEM, item.bytes()),
        Some(ErrorDetail::ThrottlingReasons(reasons)) => {
            let vector = writer.vector(table, fbs::Error::VT_THROTTLING_REASONS, reasons.len());
            for (index, reason) in reasons.iter().enumerate() {
                let element = writer.element(vector, index, &REASON_SHAPE);
                writer.text(element, fbs::ThrottlingReason::VT_REASON, &reason.reason);
                writer.text(element, fbs::ThrottlingReason::VT_RESOURCE, &reason.resource);
            }
        }
    }
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<Error, ProtocolError> {
    let error = payload.root::<fbs::Error<'_>>()?;
    let kind = CODES.iter().find(|(code, _)| *code == error.kind()).map(|(_, kind)| *kind);
    let message = error.message().unwrap_or_default().to_owned();
    let item = payload.item(error.item().map(|item| item.bytes()))?;
    let reasons = || error.throttling_reasons().map(|reasons| reasons.iter().map(decode_reason).collect());
    let detail = item.map(ErrorDetail::Item).or_else(|| reasons().map(ErrorDetail::ThrottlingReasons));
    Ok(Error {
        kind: kind.unwrap_or(ErrorKind::InternalServer),
        message: Cow::Owned(message),
        detail: detail.map(Box::new),
    })
}

fn decode_reason(reason: fbs::ThrottlingReason<'_>) -> ThrottlingReason {
    ThrottlingReason {
        reason: Cow::Owned(reason.reason().unwrap_or_default().to_owned()),
        resource: Cow::Owned(reason.resource().unwrap_or_default().to_owned()),
    }
}
