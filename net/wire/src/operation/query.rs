//! Query on the wire. Its reply is a page (`page.rs`).

use model::Text;
use model::operation::Query;

use super::parts;
use crate::error::EncodeError;
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, choice, refuse_unknown_fields};
use crate::writer::{BYTE, LONG, REFERENCE, Shape, Table, Writer};

static SHAPE: Shape<10> =
    Shape::new([REFERENCE, REFERENCE, REFERENCE, REFERENCE, LONG, BYTE, REFERENCE, REFERENCE, BYTE, REFERENCE]);
static NAME_SHAPE: Shape<2> = Shape::new([REFERENCE, REFERENCE]);

pub(crate) fn encode(request: &Query, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
    parts::refuse(request.refused)?;
    let table = writer.root(&SHAPE);
    writer.text_option(table, fbs::Query::VT_TABLE_NAME, request.table_name.as_deref());
    writer.text_option(table, fbs::Query::VT_KEY_CONDITION_EXPRESSION, request.key_condition_expression.as_deref());
    if let Some(names) = &request.expression_attribute_names {
        encode_names(names, table, writer);
    }
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
    Ok(())
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<Query, Refusal> {
    let request = payload.root::<fbs::Query<'_>>()?;
    refuse_unknown_fields(request._tab, fbs::Query::VT_RETURN_CONSUMED_CAPACITY)?;
    let names = request.expression_attribute_names();
    Ok(Query {
        table_name: payload.text_option(request.table_name()),
        key_condition_expression: payload.text_option(request.key_condition_expression()),
        expression_attribute_names: names.map(|names| payload.list(names, decode_name)).transpose()?,
        expression_attribute_values: payload
            .attributes(request.expression_attribute_values().map(|encoded| encoded.bytes())),
        limit: request.limit(),
        scan_index_forward: request.scan_index_forward(),
        exclusive_start_key: payload.attributes(request.exclusive_start_key().map(|encoded| encoded.bytes())),
        select: choice(request.select()),
        consistent_read: request.consistent_read(),
        return_consumed_capacity: choice(request.return_consumed_capacity()),
        refused: None,
    })
}

fn encode_names(names: &[(Text, Text)], table: Table, writer: &mut Writer<'_>) {
    let vector = writer.vector(table, fbs::Query::VT_EXPRESSION_ATTRIBUTE_NAMES, names.len());
    for (index, (placeholder, name)) in names.iter().enumerate() {
        let element = writer.element(vector, index, &NAME_SHAPE);
        writer.text(element, fbs::AttributeName::VT_PLACEHOLDER, placeholder);
        writer.text(element, fbs::AttributeName::VT_NAME, name);
    }
}

fn decode_name<'a>(payload: Payload<'a>, name: fbs::AttributeName<'a>) -> Result<(Text, Text), Refusal> {
    refuse_unknown_fields(name._tab, fbs::AttributeName::VT_NAME)?;
    Ok((payload.text_required("placeholder", name.placeholder())?, payload.text_required("name", name.name())?))
}
