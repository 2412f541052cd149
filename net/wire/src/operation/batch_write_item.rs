//! BatchWriteItem on the wire.

use model::Text;
use model::operation::{Attributes, BatchWriteItem, BatchWriteItemReply, WriteRequest};

use super::{capacity, item_collection, parts};
use crate::error::{EncodeError, ProtocolError};
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, choice, refuse_unknown_fields};
use crate::writer::{REFERENCE, Shape, Table, Writer};

static SHAPE: Shape<3> = Shape::new([REFERENCE; 3]);
static WRITES_SHAPE: Shape<3> = Shape::new([REFERENCE; 3]);
static REPLY_SHAPE: Shape<3> = Shape::new([REFERENCE; 3]);

const NEITHER: u8 = 0;
const PUT: u8 = 1;
const DELETE: u8 = 2;
const BOTH: u8 = 3;

pub(crate) fn encode(request: &BatchWriteItem, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
    let table = writer.root(&SHAPE);
    if let Some(tables) = &request.request_items {
        encode_writes(tables, table, fbs::BatchWriteItem::VT_REQUEST_ITEMS, writer)?;
    }
    parts::choice(&request.return_consumed_capacity, table, fbs::BatchWriteItem::VT_RETURN_CONSUMED_CAPACITY, writer);
    parts::choice(
        &request.return_item_collection_metrics,
        table,
        fbs::BatchWriteItem::VT_RETURN_ITEM_COLLECTION_METRICS,
        writer,
    );
    Ok(())
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<BatchWriteItem, Refusal> {
    let request = payload.root::<fbs::BatchWriteItem<'_>>()?;
    refuse_unknown_fields(request._tab, fbs::BatchWriteItem::VT_RETURN_ITEM_COLLECTION_METRICS)?;
    Ok(BatchWriteItem {
        request_items: request.request_items().map(|tables| payload.list(tables, decode_writes)).transpose()?,
        return_consumed_capacity: choice(request.return_consumed_capacity()),
        return_item_collection_metrics: choice(request.return_item_collection_metrics()),
    })
}

pub(crate) fn encode_reply(reply: &BatchWriteItemReply, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
    let table = writer.root(&REPLY_SHAPE);
    encode_writes(&reply.unprocessed_items, table, fbs::BatchWriteItemReply::VT_UNPROCESSED_ITEMS, writer)?;
    capacity::encode_list(reply.consumed.as_deref(), table, fbs::BatchWriteItemReply::VT_CONSUMED, writer);
    let metrics = fbs::BatchWriteItemReply::VT_ITEM_COLLECTION_METRICS;
    item_collection::encode_by_table(reply.item_collection_metrics.as_deref(), table, metrics, writer);
    Ok(())
}

pub(crate) fn decode_reply(payload: Payload<'_>) -> Result<BatchWriteItemReply, ProtocolError> {
    let reply = payload.root::<fbs::BatchWriteItemReply<'_>>()?;
    let unprocessed = reply.unprocessed_items().ok_or_else(|| payload.missing("unprocessed_items"))?;
    let unprocessed_items = payload.list(unprocessed, decode_writes).map_err(|refusal| match refusal {
        Refusal::Protocol(error) => error,
        Refusal::Request(_) => payload.wrong("unprocessed_items"),
    })?;
    Ok(BatchWriteItemReply {
        unprocessed_items,
        consumed: capacity::decode_list(payload, reply.consumed())?,
        item_collection_metrics: item_collection::decode_by_table(payload, reply.item_collection_metrics())?,
    })
}

fn encode_writes(
    tables: &[(Text, Vec<WriteRequest>)],
    parent: Table,
    field: u16,
    writer: &mut Writer<'_>,
) -> Result<(), EncodeError> {
    let vector = writer.vector(parent, field, tables.len());
    for (index, (table_name, writes)) in tables.iter().enumerate() {
        let element = writer.element(vector, index, &WRITES_SHAPE);
        writer.text(element, fbs::TableWrites::VT_TABLE_NAME, table_name);
        let attributes = writes.iter().map(|write| action_and_attributes(write).1);
        parts::attributes_list(attributes, element, fbs::TableWrites::VT_ITEMS, writer)?;
        let actions = writes.iter().map(|write| [action_and_attributes(write).0]);
        writer.scalars(element, fbs::TableWrites::VT_ACTIONS, 1, actions);
    }
    Ok(())
}

fn decode_writes<'a>(payload: Payload<'a>, writes: fbs::TableWrites<'a>) -> Result<(Text, Vec<WriteRequest>), Refusal> {
    refuse_unknown_fields(writes._tab, fbs::TableWrites::VT_ACTIONS)?;
    let items = writes.items().ok_or_else(|| payload.missing("items"))?;
    let actions = writes.actions().ok_or_else(|| payload.missing("actions"))?;
    let attributes = payload.attributes_list(items)?;
    if attributes.len() != actions.len() {
        return Err(payload.wrong("actions").into());
    }
    let requests = attributes.into_iter().zip(actions.bytes()).map(|(attributes, action)| match *action {
        NEITHER => Ok(WriteRequest::Neither),
        PUT => Ok(WriteRequest::Put(attributes)),
        DELETE => Ok(WriteRequest::Delete(attributes)),
        BOTH => Ok(WriteRequest::Both),
        _ => Err(payload.wrong("actions")),
    });
    let requests = requests.collect::<Result<Vec<WriteRequest>, ProtocolError>>()?;
    Ok((payload.text_required("table_name", writes.table_name())?, requests))
}

fn action_and_attributes(write: &WriteRequest) -> (u8, &Attributes) {
    match write {
        WriteRequest::Put(item) => (PUT, item),
        WriteRequest::Delete(key) => (DELETE, key),
        WriteRequest::Neither => (NEITHER, &Attributes::Absent),
        WriteRequest::Both => (BOTH, &Attributes::Absent),
    }
}
