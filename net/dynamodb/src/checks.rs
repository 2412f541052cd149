//! The order of checks: what DynamoDB looks at first decides what a request with several faults is told.
//!
//! ```text
//!   1 size of the body   2 request id   3 cross origin   4 GET   5 method and content type
//!   6 JSON   7 target   8 credentials   9 types            10 onwards: the model and the engine
//! ```
//! 1 is the HTTP decoder's, but for packed bodies; 2 is on every answer from there on.

use bytes::Bytes;
use model::operation::Request;
use model::{Error, ErrorKind};

use crate::codec::Codec;
use crate::http::compression::{self, UnpackError};
use crate::http::decoder::HttpRequest;
use crate::http::head::Method;
use crate::http::response::ContentType;
use crate::json;
use crate::limits::BODY_BYTES_MAX;
use crate::operation::{self, Target};

/// What answers a request that does not reach the engine.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The body unpacks to more than a body may be.
    TooLarge,
    /// A browser asks whether a page of another origin may call.
    Preflight,
    /// A load balancer asks whether the server is well.
    Health,
    /// Not a call of the API.
    NotFound,
    /// A call that is refused.
    Refused(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Refused(error)
    }
}

/// Takes a request through the checks, to the model's request or to what stops it. Adds the bytes of its body, unpacked, to
/// `examined_bytes`.
pub(crate) fn examine(request: &HttpRequest, codec: &mut Codec, examined_bytes: &mut usize) -> Result<Request, Stop> {
    let head = &request.head;
    match head.method {
        Method::Options if !head.origin.is_empty() => return Err(Stop::Preflight),
        Method::Get => return Err(Stop::Health),
        Method::Post => {}
        Method::Options | Method::Head | Method::Other => return Err(Stop::NotFound),
    }
    if !request.body.is_empty() && content_type(request).is_none() {
        return Err(Stop::NotFound);
    }
    let body = compression::unpack(request.body.clone(), head.content_encoding).map_err(|error| {
        // How far it has come is not known.
        *examined_bytes += BODY_BYTES_MAX;
        match error {
            // DynamoDB: observed: a body that does not unpack is the server's own fault.
            UnpackError::Malformed => Stop::Refused(Error::internal("The request body could not be decompressed")),
            UnpackError::TooLarge => Stop::TooLarge,
        }
    })?;
    *examined_bytes += body.len();
    let target = Target::parse(request.value(head.target));
    match check_call(request, target, codec) {
        Ok(operation) if !body.is_empty() => {
            let (encoder, scratch) = codec.json_parts();
            Ok(operation::decode(operation, &body, encoder, scratch)?)
        }
        Ok(_) => Err(json::not_json().into()),
        // Of two faults the earlier one in the order is told: the body is read just for that.
        Err(_) if !is_json_or_empty(&body) => Err(json::not_json().into()),
        Err(error) => Err(error.into()),
    }
}

/// The content type of a call; none when it is not one that a call has.
pub(crate) fn content_type(request: &HttpRequest) -> Option<ContentType> {
    const AMZ_JSON: &[u8] = b"application/x-amz-json-1.0";
    let value = request.value(request.head.content_type);
    if value == AMZ_JSON {
        return Some(ContentType::AmzJson);
    }
    match value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii() {
        AMZ_JSON => Some(ContentType::AmzJson),
        b"application/json" => Some(ContentType::Json),
        _ => None,
    }
}

fn check_call(request: &HttpRequest, target: Target, codec: &mut Codec) -> Result<operation::Operation, Error> {
    match target {
        Target::Unknown => Err(Error::new(ErrorKind::UnknownOperation, "")),
        Target::Built(operation) => check_credentials(request, codec).map(|()| operation),
        Target::NotBuilt(name) => {
            check_credentials(request, codec)?;
            Err(Error::new(ErrorKind::UnknownOperation, format!("The operation {name} is not supported yet")))
        }
    }
}

fn check_credentials(request: &HttpRequest, codec: &mut Codec) -> Result<(), Error> {
    codec.verify(&auth::Message {
        method: "POST",
        target: request.value(request.head.path),
        headers: request.header_lines(),
        body: &request.body,
    })
}

fn is_json_or_empty(body: &Bytes) -> bool {
    body.is_empty() || json::is_json(body)
}
