//! DeleteTable on the wire. Its reply is a table's description (`table_description.rs`).

use model::operation::DeleteTable;

use crate::generated as fbs;
use crate::payload::{Payload, Refusal, refuse_unknown_fields};
use crate::writer::{REFERENCE, Shape, Writer};

static SHAPE: Shape<1> = Shape::new([REFERENCE]);

pub(crate) fn encode(request: &DeleteTable, writer: &mut Writer<'_>) {
    let table = writer.root(&SHAPE);
    writer.text_option(table, fbs::DeleteTable::VT_TABLE_NAME, request.table_name.as_deref());
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<DeleteTable, Refusal> {
    let request = payload.root::<fbs::DeleteTable<'_>>()?;
    refuse_unknown_fields(request._tab, fbs::DeleteTable::VT_TABLE_NAME)?;
    Ok(DeleteTable { table_name: payload.text_option(request.table_name()) })
}
