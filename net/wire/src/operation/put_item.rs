//! PutItem on the wire. Hot: neither side allocates for it.

use model::operation::{PutItem, PutItemReply};

use super::parts;
use crate::error::{EncodeError, ProtocolError};
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, choice, unknown_fields};
use crate::writer::{REFERENCE, Shape, Writer};

static SHAPE: Shape<5> = Shape::new([REFERENCE; 5]);
static REPLY_SHAPE: Shape<2> = Shape::new([REFERENCE, REFERENCE]);

pub(crate) fn encode(request: &PutItem, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
    parts::refuse(request.refused)?;
    parts::refuse_placeholders(request.has_expression_attribute_names, request.has_expression_attribute_values)?;
    let table = writer.root(&SHAPE);
    writer.text_option(table, fbs::PutItem::VT_TABLE_NAME, request.table_name.as_deref());
    parts::attributes(&request.item, table, fbs::PutItem::VT_ITEM, writer)?;
    parts::choice(&request.return_values, table, fbs::PutItem::VT_RETURN_VALUES, writer);
    parts::choice(&request.return_consumed_capacity, table, fbs::PutItem::VT_RETURN_CONSUMED_CAPACITY, writer);
    parts::choice(
        &request.return_item_collection_metrics,
        table,
        fbs::PutItem::VT_RETURN_ITEM_COLLECTION_METRICS,
        writer,
    );
    Ok(())
}

/// The plain form that load generators send: a table, an encoded item, nothing else.
pub(crate) fn encode_plain(table_name: &str, item: &[u8], writer: &mut Writer<'_>) {
    let table = writer.root(&SHAPE);
    writer.text(table, fbs::PutItem::VT_TABLE_NAME, table_name);
    writer.bytes(table, fbs::PutItem::VT_ITEM, item);
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<PutItem, Refusal> {
    let request = payload.reader()?;
    if request.has_fields_past(fbs::PutItem::VT_RETURN_ITEM_COLLECTION_METRICS) {
        return Err(unknown_fields());
    }
    let token = |field| payload.intact(request.text(field));
    Ok(PutItem {
        table_name: payload.text_in(request, fbs::PutItem::VT_TABLE_NAME)?,
        item: payload.attributes(payload.intact(request.bytes(fbs::PutItem::VT_ITEM))?),
        return_values: choice(token(fbs::PutItem::VT_RETURN_VALUES)?),
        return_consumed_capacity: choice(token(fbs::PutItem::VT_RETURN_CONSUMED_CAPACITY)?),
        return_item_collection_metrics: choice(token(fbs::PutItem::VT_RETURN_ITEM_COLLECTION_METRICS)?),
        has_expression_attribute_names: false,
        has_expression_attribute_values: false,
        refused: None,
    })
}

pub(crate) fn encode_reply(reply: &PutItemReply, writer: &mut Writer<'_>) {
    let table = writer.root(&REPLY_SHAPE);
    parts::item(reply.attributes.as_ref(), table, fbs::PutItemReply::VT_ATTRIBUTES, writer);
    parts::consumed(reply.consumed.as_ref(), table, fbs::PutItemReply::VT_CONSUMED, writer);
}

pub(crate) fn decode_reply(payload: Payload<'_>) -> Result<PutItemReply, ProtocolError> {
    let reply = payload.reader()?;
    Ok(PutItemReply {
        attributes: payload.item(payload.intact(reply.bytes(fbs::PutItemReply::VT_ATTRIBUTES))?)?,
        consumed: payload.consumed_in(reply, fbs::PutItemReply::VT_CONSUMED)?,
    })
}
