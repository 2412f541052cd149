//! ListTables on the wire.

use model::operation::{ListTables, ListTablesReply};

use crate::error::ProtocolError;
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, refuse_unknown_fields};
use crate::writer::{LONG, REFERENCE, Shape, Writer};

static SHAPE: Shape<2> = Shape::new([REFERENCE, LONG]);
static REPLY_SHAPE: Shape<2> = Shape::new([REFERENCE, REFERENCE]);

pub(crate) fn encode(request: &ListTables, writer: &mut Writer<'_>) {
    let table = writer.root(&SHAPE);
    let start = request.exclusive_start_table_name.as_deref();
    writer.text_option(table, fbs::ListTables::VT_EXCLUSIVE_START_TABLE_NAME, start);
    writer.signed_option(table, fbs::ListTables::VT_LIMIT, request.limit);
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<ListTables, Refusal> {
    let request = payload.root::<fbs::ListTables<'_>>()?;
    refuse_unknown_fields(request._tab, fbs::ListTables::VT_LIMIT)?;
    Ok(ListTables {
        exclusive_start_table_name: payload.text_option(request.exclusive_start_table_name()),
        limit: request.limit(),
    })
}

pub(crate) fn encode_reply(reply: &ListTablesReply, writer: &mut Writer<'_>) {
    let table = writer.root(&REPLY_SHAPE);
    let names = writer.vector(table, fbs::ListTablesReply::VT_TABLE_NAMES, reply.table_names.len());
    for (index, name) in reply.table_names.iter().enumerate() {
        writer.text_element(names, index, name);
    }
    let last = reply.last_evaluated_table_name.as_deref();
    writer.text_option(table, fbs::ListTablesReply::VT_LAST_EVALUATED_TABLE_NAME, last);
}

pub(crate) fn decode_reply(payload: Payload<'_>) -> Result<ListTablesReply, ProtocolError> {
    let reply = payload.root::<fbs::ListTablesReply<'_>>()?;
    let names = reply.table_names().ok_or_else(|| payload.missing("table_names"))?;
    Ok(ListTablesReply {
        table_names: names.iter().map(|name| payload.text(name)).collect(),
        last_evaluated_table_name: payload.text_option(reply.last_evaluated_table_name()),
    })
}
