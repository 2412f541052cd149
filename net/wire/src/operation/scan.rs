//! Scan on the wire. Its reply is a page (`page.rs`).

use model::operation::Scan;

use super::parts;
use crate::error::EncodeError;
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, choice, refuse_unknown_fields};
use crate::writer::{BYTE, LONG, REFERENCE, Shape, Writer};

static SHAPE: Shape<8> = Shape::new([REFERENCE, LONG, LONG, LONG, REFERENCE, REFERENCE, BYTE, REFERENCE]);

pub(crate) fn encode(request: &Scan, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
    parts::refuse(request.refused)?;
    parts::refuse_placeholders(request.has_expression_attribute_names, request.has_expression_attribute_values)?;
    let table = writer.root(&SHAPE);
    writer.text_option(table, fbs::Scan::VT_TABLE_NAME, request.table_name.as_deref());
    writer.signed_option(table, fbs::Scan::VT_LIMIT, request.limit);
    writer.signed_option(table, fbs::Scan::VT_SEGMENT, request.segment);
    writer.signed_option(table, fbs::Scan::VT_TOTAL_SEGMENTS, request.total_segments);
    parts::attributes(&request.exclusive_start_key, table, fbs::Scan::VT_EXCLUSIVE_START_KEY, writer)?;
    parts::choice(&request.select, table, fbs::Scan::VT_SELECT, writer);
    writer.flag(table, fbs::Scan::VT_CONSISTENT_READ, request.consistent_read);
    parts::choice(&request.return_consumed_capacity, table, fbs::Scan::VT_RETURN_CONSUMED_CAPACITY, writer);
    Ok(())
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<Scan, Refusal> {
    let request = payload.root::<fbs::Scan<'_>>()?;
    refuse_unknown_fields(request._tab, fbs::Scan::VT_RETURN_CONSUMED_CAPACITY)?;
    Ok(Scan {
        table_name: payload.text_option(request.table_name()),
        limit: request.limit(),
        segment: request.segment(),
        total_segments: request.total_segments(),
        exclusive_start_key: payload.attributes(request.exclusive_start_key().map(|encoded| encoded.bytes())),
        select: choice(request.select()),
        consistent_read: request.consistent_read(),
        return_consumed_capacity: choice(request.return_consumed_capacity()),
        has_expression_attribute_names: false,
        has_expression_attribute_values: false,
        refused: None,
    })
}
