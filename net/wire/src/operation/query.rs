//! Query on the wire. Its reply is a page (`page.rs`).

use model::operation::Query;

use super::{legacy, parts};
use crate::error::EncodeError;
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, choice, refuse_unknown_fields};
use crate::writer::{BYTE, LONG, REFERENCE, Shape, Writer};

static SHAPE: Shape<17> = Shape::new([
    REFERENCE, REFERENCE, REFERENCE, REFERENCE, LONG, BYTE, REFERENCE, REFERENCE, BYTE, REFERENCE, REFERENCE,
    REFERENCE, REFERENCE, REFERENCE, REFERENCE, REFERENCE, REFERENCE,
]);

pub(crate) fn encode(request: &Query, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
    let table = writer.root(&SHAPE);
    writer.text_option(table, fbs::Query::VT_TABLE_NAME, request.table_name.as_deref());
    writer.text_option(table, fbs::Query::VT_KEY_CONDITION_EXPRESSION, request.key_condition_expression.as_deref());
    let names = fbs::Query::VT_EXPRESSION_ATTRIBUTE_NAMES;
    parts::names(request.expression_attribute_names.as_deref(), table, names, writer);
    let values = fbs::Query::VT_EXPRESSION_ATTRIBUTE_VALUES;
    parts::attributes(&request.expression_attribute_values, table, values, writer)?;
    writer.signed_option(table, fbs::Query::VT_LIMIT, request.limit);
    // Absent means forward.
    if !request.scan_index_forward {
        writer.byte(table, fbs::Query::VT_SCAN_INDEX_FORWARD, 0);
    }
    parts::attributes(&request.exclusive_start_key, table, fbs::Query::VT_EXCLUSIVE_START_KEY, writer)?;
    parts::choice(&request.select, table, fbs::Query::VT_SELECT, writer);
    writer.flag(table, fbs::Query::VT_CONSISTENT_READ, request.consistent_read);
    parts::choice(&request.return_consumed_capacity, table, fbs::Query::VT_RETURN_CONSUMED_CAPACITY, writer);
    let conditions = request.key_conditions.as_deref();
    legacy::encode_conditions(conditions, table, fbs::Query::VT_KEY_CONDITIONS, writer)?;
    writer.text_option(table, fbs::Query::VT_INDEX_NAME, request.index_name.as_deref());
    writer.text_option(table, fbs::Query::VT_FILTER_EXPRESSION, request.filter_expression.as_deref());
    writer.text_option(table, fbs::Query::VT_PROJECTION_EXPRESSION, request.projection_expression.as_deref());
    let wanted = fbs::Query::VT_ATTRIBUTES_TO_GET;
    parts::texts_option(request.attributes_to_get.as_deref(), table, wanted, writer);
    legacy::encode_conditions(request.query_filter.as_deref(), table, fbs::Query::VT_QUERY_FILTER, writer)?;
    parts::choice(&request.conditional_operator, table, fbs::Query::VT_CONDITIONAL_OPERATOR, writer);
    Ok(())
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<Query, Refusal> {
    let request = payload.root::<fbs::Query<'_>>()?;
    refuse_unknown_fields(request._tab, fbs::Query::VT_CONDITIONAL_OPERATOR)?;
    let conditions = |list: Option<_>| list.map(|list| payload.list(list, legacy::decode_condition)).transpose();
    Ok(Query {
        table_name: payload.text_option(request.table_name()),
        key_condition_expression: payload.text_option(request.key_condition_expression()),
        expression_attribute_names: payload.names(request.expression_attribute_names())?,
        expression_attribute_values: payload
            .attributes(request.expression_attribute_values().map(|encoded| encoded.bytes())),
        limit: request.limit(),
        scan_index_forward: request.scan_index_forward(),
        exclusive_start_key: payload.attributes(request.exclusive_start_key().map(|encoded| encoded.bytes())),
        select: choice(request.select()),
        consistent_read: request.consistent_read(),
        return_consumed_capacity: choice(request.return_consumed_capacity()),
        key_conditions: conditions(request.key_conditions())?,
        index_name: payload.text_option(request.index_name()),
        filter_expression: payload.text_option(request.filter_expression()),
        projection_expression: payload.text_option(request.projection_expression()),
        attributes_to_get: payload.texts(request.attributes_to_get()),
        query_filter: conditions(request.query_filter())?,
        conditional_operator: choice(request.conditional_operator()),
    })
}
