//! UpdateItem on the wire. Hot: with values and without names neither side allocates for what is in it.

use model::operation::{ConditionalWrite, UpdateItem, UpdateItemReply};

use super::{capacity, conditional_write, item_collection, legacy, parts};
use crate::error::{EncodeError, ProtocolError};
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, choice, unknown_fields};
use crate::writer::{REFERENCE, Shape, Writer};

static SHAPE: Shape<8> = Shape::new([REFERENCE; 8]);
/// Of a reply that tells neither capacity nor item collections.
static PLAIN_REPLY_SHAPE: Shape<1> = Shape::new([REFERENCE]);
static REPLY_SHAPE: Shape<3> = Shape::new([REFERENCE; 3]);

pub(crate) fn encode(request: &UpdateItem, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
    let table = writer.root(&SHAPE);
    writer.text_option(table, fbs::UpdateItem::VT_TABLE_NAME, request.table_name.as_deref());
    parts::attributes(&request.key, table, fbs::UpdateItem::VT_KEY, writer)?;
    writer.text_option(table, fbs::UpdateItem::VT_UPDATE_EXPRESSION, request.update_expression.as_deref());
    let updates = fbs::UpdateItem::VT_ATTRIBUTE_UPDATES;
    legacy::encode_updates(request.attribute_updates.as_deref(), table, updates, writer)?;
    parts::choice(&request.return_values, table, fbs::UpdateItem::VT_RETURN_VALUES, writer);
    parts::choice(&request.return_consumed_capacity, table, fbs::UpdateItem::VT_RETURN_CONSUMED_CAPACITY, writer);
    let metrics = fbs::UpdateItem::VT_RETURN_ITEM_COLLECTION_METRICS;
    parts::choice(&request.return_item_collection_metrics, table, metrics, writer);
    if request.conditional != ConditionalWrite::default() {
        conditional_write::encode(&request.conditional, table, fbs::UpdateItem::VT_CONDITIONAL, writer)?;
    }
    Ok(())
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<UpdateItem, Refusal> {
    let request = payload.reader()?;
    if request.has_fields_past(fbs::UpdateItem::VT_CONDITIONAL) {
        return Err(unknown_fields());
    }
    let token = |field| payload.intact(request.text(field));
    let conditional = payload.intact(request.table(fbs::UpdateItem::VT_CONDITIONAL))?;
    let conditional = conditional.map(|conditional| {
        conditional_write::decode(payload, conditional, || Ok(payload.root::<fbs::UpdateItem<'_>>()?.conditional()))
    });
    let attribute_updates = if request.has(fbs::UpdateItem::VT_ATTRIBUTE_UPDATES) {
        let updates = payload.root::<fbs::UpdateItem<'_>>()?.attribute_updates();
        updates.map(|updates| payload.list(updates, legacy::decode_update)).transpose()?
    } else {
        None
    };
    Ok(UpdateItem {
        table_name: payload.text_in(request, fbs::UpdateItem::VT_TABLE_NAME)?,
        key: payload.attributes(payload.intact(request.bytes(fbs::UpdateItem::VT_KEY))?),
        update_expression: payload.text_in(request, fbs::UpdateItem::VT_UPDATE_EXPRESSION)?,
        attribute_updates,
        return_values: choice(token(fbs::UpdateItem::VT_RETURN_VALUES)?),
        return_consumed_capacity: choice(token(fbs::UpdateItem::VT_RETURN_CONSUMED_CAPACITY)?),
        return_item_collection_metrics: choice(token(fbs::UpdateItem::VT_RETURN_ITEM_COLLECTION_METRICS)?),
        conditional: conditional.transpose()?.unwrap_or_default(),
    })
}

pub(crate) fn encode_reply(reply: &UpdateItemReply, writer: &mut Writer<'_>) {
    let is_plain = reply.consumed.is_none() && reply.item_collection_metrics.is_none();
    let table = if is_plain { writer.root(&PLAIN_REPLY_SHAPE) } else { writer.root(&REPLY_SHAPE) };
    parts::item(reply.attributes.as_ref(), table, fbs::UpdateItemReply::VT_ATTRIBUTES, writer);
    capacity::encode(reply.consumed.as_ref(), table, fbs::UpdateItemReply::VT_CONSUMED, writer);
    let metrics = fbs::UpdateItemReply::VT_ITEM_COLLECTION_METRICS;
    item_collection::encode(reply.item_collection_metrics.as_deref(), table, metrics, writer);
}

pub(crate) fn decode_reply(payload: Payload<'_>) -> Result<UpdateItemReply, ProtocolError> {
    let reply = payload.reader()?;
    let attributes = payload.item(payload.intact(reply.bytes(fbs::UpdateItemReply::VT_ATTRIBUTES))?)?;
    if !reply.has_fields_past(fbs::UpdateItemReply::VT_ATTRIBUTES) {
        return Ok(UpdateItemReply { attributes, consumed: None, item_collection_metrics: None });
    }
    let reply = payload.root::<fbs::UpdateItemReply<'_>>()?;
    Ok(UpdateItemReply {
        attributes,
        consumed: capacity::decode(payload, reply.consumed())?,
        item_collection_metrics: item_collection::decode(payload, reply.item_collection_metrics())?,
    })
}
