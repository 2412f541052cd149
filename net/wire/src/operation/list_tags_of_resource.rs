//! ListTagsOfResource on the wire.

use model::operation::{ListTagsOfResource, ListTagsOfResourceReply};

use super::table_description::{decode_tag, encode_tags};
use crate::error::ProtocolError;
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, refuse_unknown_fields};
use crate::writer::{REFERENCE, Shape, Writer};

static SHAPE: Shape<2> = Shape::new([REFERENCE, REFERENCE]);
static REPLY_SHAPE: Shape<1> = Shape::new([REFERENCE]);

pub(crate) fn encode(request: &ListTagsOfResource, writer: &mut Writer<'_>) {
    let table = writer.root(&SHAPE);
    writer.text_option(table, fbs::ListTagsOfResource::VT_RESOURCE_ARN, request.resource_arn.as_deref());
    writer.text_option(table, fbs::ListTagsOfResource::VT_NEXT_TOKEN, request.next_token.as_deref());
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<ListTagsOfResource, Refusal> {
    let request = payload.root::<fbs::ListTagsOfResource<'_>>()?;
    refuse_unknown_fields(request._tab, fbs::ListTagsOfResource::VT_NEXT_TOKEN)?;
    Ok(ListTagsOfResource {
        resource_arn: payload.text_option(request.resource_arn()),
        next_token: payload.text_option(request.next_token()),
    })
}

pub(crate) fn encode_reply(reply: &ListTagsOfResourceReply, writer: &mut Writer<'_>) {
    let table = writer.root(&REPLY_SHAPE);
    let tags = reply.tags.iter().map(|(key, value)| (&key[..], &value[..]));
    encode_tags(tags, table, fbs::ListTagsOfResourceReply::VT_TAGS, writer);
}

pub(crate) fn decode_reply(payload: Payload<'_>) -> Result<ListTagsOfResourceReply, ProtocolError> {
    let reply = payload.root::<fbs::ListTagsOfResourceReply<'_>>()?;
    let tags = reply.tags().ok_or_else(|| payload.missing("tags"))?;
    Ok(ListTagsOfResourceReply { tags: payload.list(tags, decode_tag)? })
}
