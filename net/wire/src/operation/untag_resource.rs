//! UntagResource on the wire.

use model::operation::{UntagResource, UntagResourceReply};

use super::parts;
use crate::error::ProtocolError;
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, refuse_unknown_fields};
use crate::writer::{REFERENCE, Shape, Writer};

static SHAPE: Shape<2> = Shape::new([REFERENCE, REFERENCE]);
static REPLY_SHAPE: Shape<0> = Shape::new([]);

pub(crate) fn encode(request: &UntagResource, writer: &mut Writer<'_>) {
    let table = writer.root(&SHAPE);
    writer.text_option(table, fbs::UntagResource::VT_RESOURCE_ARN, request.resource_arn.as_deref());
    parts::texts_option(request.tag_keys.as_deref(), table, fbs::UntagResource::VT_TAG_KEYS, writer);
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<UntagResource, Refusal> {
    let request = payload.root::<fbs::UntagResource<'_>>()?;
    refuse_unknown_fields(request._tab, fbs::UntagResource::VT_TAG_KEYS)?;
    Ok(UntagResource {
        resource_arn: payload.text_option(request.resource_arn()),
        tag_keys: payload.texts(request.tag_keys()),
    })
}

pub(crate) fn encode_reply(_reply: &UntagResourceReply, writer: &mut Writer<'_>) {
    writer.root(&REPLY_SHAPE);
}

pub(crate) fn decode_reply(payload: Payload<'_>) -> Result<UntagResourceReply, ProtocolError> {
    payload.root::<fbs::UntagResourceReply<'_>>()?;
    Ok(UntagResourceReply)
}
