//! Which attributes are wanted, on the wire: what GetItem and each table of a BatchGetItem share.

use model::operation::AttributeSelection;

use super::parts;
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, refuse_unknown_fields};
use crate::writer::{REFERENCE, Shape, Table, Writer};

static SHAPE: Shape<3> = Shape::new([REFERENCE; 3]);

pub(super) fn encode(selection: &AttributeSelection, table: Table, field: u16, writer: &mut Writer<'_>) {
    let child = writer.child(table, field, &SHAPE);
    let expression = selection.projection_expression.as_deref();
    writer.text_option(child, fbs::AttributeSelection::VT_PROJECTION_EXPRESSION, expression);
    let names = fbs::AttributeSelection::VT_EXPRESSION_ATTRIBUTE_NAMES;
    parts::names(selection.expression_attribute_names.as_deref(), child, names, writer);
    let wanted = fbs::AttributeSelection::VT_ATTRIBUTES_TO_GET;
    parts::texts_option(selection.attributes_to_get.as_deref(), child, wanted, writer);
}

pub(super) fn decode<'a>(
    payload: Payload<'a>,
    selection: fbs::AttributeSelection<'a>,
) -> Result<Box<AttributeSelection>, Refusal> {
    refuse_unknown_fields(selection._tab, fbs::AttributeSelection::VT_ATTRIBUTES_TO_GET)?;
    Ok(Box::new(AttributeSelection {
        projection_expression: payload.text_option(selection.projection_expression()),
        expression_attribute_names: payload.names(selection.expression_attribute_names())?,
        attributes_to_get: payload.texts(selection.attributes_to_get()),
    }))
}
