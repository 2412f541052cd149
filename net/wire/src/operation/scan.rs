//! Scan on the wire. Its reply is a page (`page.rs`).

use model::operation::Scan;

use super::{legacy, parts};
use crate::error::EncodeError;
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, choice, refuse_unknown_fields};
use crate::writer::{BYTE, LONG, REFERENCE, Shape, Writer};

static SHAPE: Shape<16> = Shape::new([
    REFERENCE, LONG, LONG, LONG, REFERENCE, REFERENCE, BYTE, REFERENCE, REFERENCE, REFERENCE, REFERENCE, REFERENCE,
    REFERENCE, REFERENCE, REFERENCE, REFERENCE,
]);

pub(crate) fn encode(request: &Scan, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
    let table = writer.root(&SHAPE);
    writer.text_option(table, fbs::Scan::VT_TABLE_NAME, request.table_name.as_deref());
    writer.signed_option(table, fbs::Scan::VT_LIMIT, request.limit);
    writer.signed_option(table, fbs::Scan::VT_SEGMENT, request.segment);
    writer.signed_option(table, fbs::Scan::VT_TOTAL_SEGMENTS, request.total_segments);
    parts::attributes(&request.exclusive_start_key, table, fbs::Scan::VT_EXCLUSIVE_START_KEY, writer)?;
    parts::choice(&request.select, table, fbs::Scan::VT_SELECT, writer);
    writer.flag(table, fbs::Scan::VT_CONSISTENT_READ, request.consistent_read);
    parts::choice(&request.return_consumed_capacity, table, fbs::Scan::VT_RETURN_CONSUMED_CAPACITY, writer);
    let names = fbs::Scan::VT_EXPRESSION_ATTRIBUTE_NAMES;
    parts::names(request.expression_attribute_names.as_deref(), table, names, writer);
    let values = fbs::Scan::VT_EXPRESSION_ATTRIBUTE_VALUES;
    parts::attributes(&request.expression_attribute_values, table, values, writer)?;
    writer.text_option(table, fbs::Scan::VT_INDEX_NAME, request.index_name.as_deref());
    writer.text_option(table, fbs::Scan::VT_FILTER_EXPRESSION, request.filter_expression.as_deref());
    writer.text_option(table, fbs::Scan::VT_PROJECTION_EXPRESSION, request.projection_expression.as_deref());
    let wanted = fbs::Scan::VT_ATTRIBUTES_TO_GET;
    parts::texts_option(request.attributes_to_get.as_deref(), table, wanted, writer);
    legacy::encode_conditions(request.scan_filter.as_deref(), table, fbs::Scan::VT_SCAN_FILTER, writer)?;
    parts::choice(&request.conditional_operator, table, fbs::Scan::VT_CONDITIONAL_OPERATOR, writer);
    Ok(())
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<Scan, Refusal> {
    let request = payload.root::<fbs::Scan<'_>>()?;
    refuse_unknown_fields(request._tab, fbs::Scan::VT_CONDITIONAL_OPERATOR)?;
    let filter = request.scan_filter();
    Ok(Scan {
        table_name: payload.text_option(request.table_name()),
        limit: request.limit(),
        segment: request.segment(),
        total_segments: request.total_segments(),
        exclusive_start_key: payload.attributes(request.exclusive_start_key().map(|encoded| encoded.bytes())),
        select: choice(request.select()),
        consistent_read: request.consistent_read(),
        return_consumed_capacity: choice(request.return_consumed_capacity()),
        expression_attribute_names: payload.names(request.expression_attribute_names())?,
        expression_attribute_values: payload
            .attributes(request.expression_attribute_values().map(|encoded| encoded.bytes())),
        index_name: payload.text_option(request.index_name()),
        filter_expression: payload.text_option(request.filter_expression()),
        projection_expression: payload.text_option(request.projection_expression()),
        attributes_to_get: payload.texts(request.attributes_to_get()),
        scan_filter: filter.map(|list| payload.list(list, legacy::decode_condition)).transpose()?,
        conditional_operator: choice(request.conditional_operator()),
    })
}
