//! DeleteItem on the wire. Hot: neither side allocates for it.

use model::operation::{DeleteItem, DeleteItemReply};

use super::parts;
use crate::error::{EncodeError, ProtocolError};
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, choice, refuse_unknown_fields};
use crate::writer::{REFERENCE, Shape, Writer};

static SHAPE: Shape<5> = Shape::new([REFERENCE; 5]);
static REPLY_SHAPE: Shape<2> = Shape::new([REFERENCE, REFERENCE]);

pub(crate) fn encode(request: &DeleteItem, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
    parts::refuse(request.refused)?;
    parts::refuse_placeholders(request.has_expression_attribute_names, request.has_expression_attribute_values)?;
    let table = writer.root(&SHAPE);
    writer.text_option(table, fbs::DeleteItem::VT_TABLE_NAME, request.table_name.as_deref());
    parts::attributes(&request.key, table, fbs::DeleteItem::VT_KEY, writer)?;
    parts::choice(&request.return_values, table, fbs::DeleteItem::VT_RETURN_VALUES, writer);
    parts::choice(&request.return_consumed_capacity, table, fbs::DeleteItem::VT_RETURN_CONSUMED_CAPACITY, writer);
    parts::choice(
        &request.return_item_collection_metrics,
        table,
        fbs::DeleteItem::VT_RETURN_ITEM_COLLECTION_METRICS,
        writer,
    );
    Ok(())
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<DeleteItem, Refusal> {
    let request = payload.root::<fbs::DeleteItem<'_>>()?;
    refuse_unknown_fields(request._tab, fbs::DeleteItem::VT_RETURN_ITEM_COLLECTION_METRICS)?;
    Ok(DeleteItem {
        table_name: payload.text_option(request.table_name()),
        key: payload.attributes(request.key()),
        return_values: choice(request.return_values()),
        return_consumed_capacity: choice(request.return_consumed_capacity()),
        return_item_collection_metrics: choice(request.return_item_collection_metrics()),
        has_expression_attribute_names: false,
        has_expression_attribute_values: false,
        refused: None,
    })
}

pub(crate) fn encode_reply(reply: &DeleteItemReply, writer: &mut Writer<'_>) {
    let table = writer.root(&REPLY_SHAPE);
    parts::item(reply.attributes.as_ref(), table, fbs::DeleteItemReply::VT_ATTRIBUTES, writer);
    parts::consumed(reply.consumed.as_ref(), table, fbs::DeleteItemReply::VT_CONSUMED, writer);
}

pub(crate) fn decode_reply(payload: Payload<'_>) -> Result<DeleteItemReply, ProtocolError> {
    let reply = payload.root::<fbs::DeleteItemReply<'_>>()?;
    Ok(DeleteItemReply { attributes: payload.item(reply.attributes())?, consumed: payload.consumed(reply.consumed())? })
}
