//! DeleteItem on the wire. Hot: without a condition neither side allocates for it.

use model::operation::{DeleteItem, DeleteItemReply};

use super::{capacity, conditional_write, item_collection, parts};
use crate::error::{EncodeError, ProtocolError};
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, choice, unknown_fields};
use crate::writer::{REFERENCE, Shape, Writer};

/// Of a request without a condition.
static PLAIN_SHAPE: Shape<5> = Shape::new([REFERENCE; 5]);
static SHAPE: Shape<6> = Shape::new([REFERENCE; 6]);
/// Of a reply that tells neither capacity nor item collections.
static PLAIN_REPLY_SHAPE: Shape<1> = Shape::new([REFERENCE]);
static REPLY_SHAPE: Shape<3> = Shape::new([REFERENCE; 3]);

pub(crate) fn encode(request: &DeleteItem, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
    let table = match request.conditional {
        None => writer.root(&PLAIN_SHAPE),
        Some(_) => writer.root(&SHAPE),
    };
    writer.text_option(table, fbs::DeleteItem::VT_TABLE_NAME, request.table_name.as_deref());
    parts::attributes(&request.key, table, fbs::DeleteItem::VT_KEY, writer)?;
    parts::choice(&request.return_values, table, fbs::DeleteItem::VT_RETURN_VALUES, writer);
    parts::choice(&request.return_consumed_capacity, table, fbs::DeleteItem::VT_RETURN_CONSUMED_CAPACITY, writer);
    let metrics = fbs::DeleteItem::VT_RETURN_ITEM_COLLECTION_METRICS;
    parts::choice(&request.return_item_collection_metrics, table, metrics, writer);
    if let Some(conditional) = &request.conditional {
        conditional_write::encode(conditional, table, fbs::DeleteItem::VT_CONDITIONAL, writer)?;
    }
    Ok(())
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<DeleteItem, Refusal> {
    let request = payload.reader()?;
    if request.has_fields_past(fbs::DeleteItem::VT_CONDITIONAL) {
        return Err(unknown_fields());
    }
    let token = |field| payload.intact(request.text(field));
    let conditional = payload.intact(request.table(fbs::DeleteItem::VT_CONDITIONAL))?;
    let conditional = conditional.map(|conditional| {
        conditional_write::decode(payload, conditional, || Ok(payload.root::<fbs::DeleteItem<'_>>()?.conditional()))
    });
    Ok(DeleteItem {
        table_name: payload.text_in(request, fbs::DeleteItem::VT_TABLE_NAME)?,
        key: payload.attributes(payload.intact(request.bytes(fbs::DeleteItem::VT_KEY))?),
        return_values: choice(token(fbs::DeleteItem::VT_RETURN_VALUES)?),
        return_consumed_capacity: choice(token(fbs::DeleteItem::VT_RETURN_CONSUMED_CAPACITY)?),
        return_item_collection_metrics: choice(token(fbs::DeleteItem::VT_RETURN_ITEM_COLLECTION_METRICS)?),
        conditional: conditional.transpose()?.map(Box::new),
    })
}

pub(crate) fn encode_reply(reply: &DeleteItemReply, writer: &mut Writer<'_>) {
    let is_plain = reply.consumed.is_none() && reply.item_collection_metrics.is_none();
    let table = if is_plain { writer.root(&PLAIN_REPLY_SHAPE) } else { writer.root(&REPLY_SHAPE) };
    parts::item(reply.attributes.as_ref(), table, fbs::DeleteItemReply::VT_ATTRIBUTES, writer);
    capacity::encode(reply.consumed.as_ref(), table, fbs::DeleteItemReply::VT_CONSUMED, writer);
    let metrics = fbs::DeleteItemReply::VT_ITEM_COLLECTION_METRICS;
    item_collection::encode(reply.item_collection_metrics.as_deref(), table, metrics, writer);
}

pub(crate) fn decode_reply(payload: Payload<'_>) -> Result<DeleteItemReply, ProtocolError> {
    let reply = payload.reader()?;
    let attributes = payload.item(payload.intact(reply.bytes(fbs::DeleteItemReply::VT_ATTRIBUTES))?)?;
    if !reply.has_fields_past(fbs::DeleteItemReply::VT_ATTRIBUTES) {
        return Ok(DeleteItemReply { attributes, consumed: None, item_collection_metrics: None });
    }
    let reply = payload.root::<fbs::DeleteItemReply<'_>>()?;
    Ok(DeleteItemReply {
        attributes,
        consumed: capacity::decode(payload, reply.consumed())?,
        item_collection_metrics: item_collection::decode(payload, reply.item_collection_metrics())?,
    })
}
