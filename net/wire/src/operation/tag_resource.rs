//! TagResource on the wire.

use model::operation::{TagResource, TagResourceReply};

use super::table_settings;
use crate::error::ProtocolError;
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, refuse_unknown_fields};
use crate::writer::{REFERENCE, Shape, Writer};

static SHAPE: Shape<2> = Shape::new([REFERENCE, REFERENCE]);
static REPLY_SHAPE: Shape<0> = Shape::new([]);

pub(crate) fn encode(request: &TagResource, writer: &mut Writer<'_>) {
    let table = writer.root(&SHAPE);
    writer.text_option(table, fbs::TagResource::VT_RESOURCE_ARN, request.resource_arn.as_deref());
    table_settings::encode_tags(request.tags.as_deref(), table, fbs::TagResource::VT_TAGS, writer);
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<TagResource, Refusal> {
    let request = payload.root::<fbs::TagResource<'_>>()?;
    refuse_unknown_fields(request._tab, fbs::TagResource::VT_TAGS)?;
    Ok(TagResource {
        resource_arn: payload.text_option(request.resource_arn()),
        tags: request.tags().map(|list| payload.list(list, table_settings::decode_tag)).transpose()?,
    })
}

pub(crate) fn encode_reply(_reply: &TagResourceReply, writer: &mut Writer<'_>) {
    writer.root(&REPLY_SHAPE);
}

pub(crate) fn decode_reply(payload: Payload<'_>) -> Result<TagResourceReply, ProtocolError> {
    payload.root::<fbs::TagResourceReply<'_>>()?;
    Ok(TagResourceReply)
}
