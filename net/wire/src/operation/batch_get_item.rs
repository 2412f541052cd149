//! BatchGetItem on the wire.

use model::operation::{BatchGetItem, BatchGetItemReply, KeysAndAttributes};
use model::{Item, Text};

use super::{attribute_selection, capacity, parts};
use crate::error::{EncodeError, ProtocolError};
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, choice, refuse_unknown_fields};
use crate::writer::{BYTE, REFERENCE, Shape, Table, Writer};

static SHAPE: Shape<2> = Shape::new([REFERENCE, REFERENCE]);
static KEYS_SHAPE: Shape<4> = Shape::new([REFERENCE, REFERENCE, BYTE, REFERENCE]);
static REPLY_SHAPE: Shape<3> = Shape::new([REFERENCE, REFERENCE, REFERENCE]);
static ITEMS_SHAPE: Shape<2> = Shape::new([REFERENCE, REFERENCE]);

pub(crate) fn encode(request: &BatchGetItem, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
    let table = writer.root(&SHAPE);
    if let Some(tables) = &request.request_items {
        encode_keys(tables, table, fbs::BatchGetItem::VT_REQUEST_ITEMS, writer)?;
    }
    parts::choice(&request.return_consumed_capacity, table, fbs::BatchGetItem::VT_RETURN_CONSUMED_CAPACITY, writer);
    Ok(())
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<BatchGetItem, Refusal> {
    let request = payload.root::<fbs::BatchGetItem<'_>>()?;
    refuse_unknown_fields(request._tab, fbs::BatchGetItem::VT_RETURN_CONSUMED_CAPACITY)?;
    Ok(BatchGetItem {
        request_items: request.request_items().map(|tables| payload.list(tables, decode_keys)).transpose()?,
        return_consumed_capacity: choice(request.return_consumed_capacity()),
    })
}

pub(crate) fn encode_reply(reply: &BatchGetItemReply, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
    let table = writer.root(&REPLY_SHAPE);
    let vector = writer.vector(table, fbs::BatchGetItemReply::VT_RESPONSES, reply.responses.len());
    for (index, (table_name, items)) in reply.responses.iter().enumerate() {
        let element = writer.element(vector, index, &ITEMS_SHAPE);
        writer.text(element, fbs::TableItems::VT_TABLE_NAME, table_name);
        parts::items(items, element, fbs::TableItems::VT_ITEMS, writer);
    }
    encode_keys(&reply.unprocessed_keys, table, fbs::BatchGetItemReply::VT_UNPROCESSED_KEYS, writer)?;
    capacity::encode_list(reply.consumed.as_deref(), table, fbs::BatchGetItemReply::VT_CONSUMED, writer);
    Ok(())
}

pub(crate) fn decode_reply(payload: Payload<'_>) -> Result<BatchGetItemReply, ProtocolError> {
    let reply = payload.root::<fbs::BatchGetItemReply<'_>>()?;
    let responses = reply.responses().ok_or_else(|| payload.missing("responses"))?;
    let unprocessed = reply.unprocessed_keys().ok_or_else(|| payload.missing("unprocessed_keys"))?;
    let unprocessed_keys = payload.list(unprocessed, decode_keys).map_err(|refusal| match refusal {
        Refusal::Protocol(error) => error,
        Refusal::Request(_) => payload.wrong("unprocessed_keys"),
    })?;
    Ok(BatchGetItemReply {
        responses: payload.list(responses, decode_items)?,
        unprocessed_keys,
        consumed: capacity::decode_list(payload, reply.consumed())?,
    })
}

fn encode_keys(
    tables: &[(Text, KeysAndAttributes)],
    parent: Table,
    field: u16,
    writer: &mut Writer<'_>,
) -> Result<(), EncodeError> {
    let vector = writer.vector(parent, field, tables.len());
    for (index, (table_name, keys_and_attributes)) in tables.iter().enumerate() {
        let element = writer.element(vector, index, &KEYS_SHAPE);
        writer.text(element, fbs::TableKeys::VT_TABLE_NAME, table_name);
        if let Some(keys) = &keys_and_attributes.keys {
            parts::attributes_list(keys.iter(), element, fbs::TableKeys::VT_KEYS, writer)?;
        }
        writer.flag(element, fbs::TableKeys::VT_CONSISTENT_READ, keys_and_attributes.consistent_read);
        if let Some(selection) = &keys_and_attributes.selection {
            attribute_selection::encode(selection, element, fbs::TableKeys::VT_SELECTION, writer);
        }
    }
    Ok(())
}

fn decode_keys<'a>(payload: Payload<'a>, keys: fbs::TableKeys<'a>) -> Result<(Text, KeysAndAttributes), Refusal> {
    refuse_unknown_fields(keys._tab, fbs::TableKeys::VT_SELECTION)?;
    let selection = keys.selection().map(|selection| attribute_selection::decode(payload, selection));
    let keys_and_attributes = KeysAndAttributes {
        keys: keys.keys().map(|list| payload.attributes_list(list)).transpose()?,
        consistent_read: keys.consistent_read(),
        selection: selection.transpose()?,
    };
    Ok((payload.text_required("table_name", keys.table_name())?, keys_and_attributes))
}

fn decode_items<'a>(payload: Payload<'a>, table: fbs::TableItems<'a>) -> Result<(Text, Vec<Item>), ProtocolError> {
    let items = table.items().ok_or_else(|| payload.missing("items"))?;
    Ok((payload.text_required("table_name", table.table_name())?, payload.items(items)?))
}
