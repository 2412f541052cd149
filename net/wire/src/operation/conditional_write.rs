//! The condition of a write on the wire: what PutItem, UpdateItem and DeleteItem share.

use model::operation::ConditionalWrite;

use super::{legacy, parts};
use crate::error::{EncodeError, ProtocolError};
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, choice, unknown_fields};
use crate::reader::TableReader;
use crate::writer::{REFERENCE, Shape, Table, Writer};

static SHAPE: Shape<6> = Shape::new([REFERENCE; 6]);

pub(super) fn encode(
    conditional: &ConditionalWrite,
    table: Table,
    field: u16,
    writer: &mut Writer<'_>,
) -> Result<(), EncodeError> {
    let child = writer.child(table, field, &SHAPE);
    let expression = conditional.condition_expression.as_deref();
    writer.text_option(child, fbs::Conditional::VT_CONDITION_EXPRESSION, expression);
    let names = fbs::Conditional::VT_EXPRESSION_ATTRIBUTE_NAMES;
    parts::names(conditional.expression_attribute_names.as_deref(), child, names, writer);
    let values = fbs::Conditional::VT_EXPRESSION_ATTRIBUTE_VALUES;
    parts::attributes(&conditional.expression_attribute_values, child, values, writer)?;
    legacy::encode_expected(conditional.expected.as_deref(), child, fbs::Conditional::VT_EXPECTED, writer)?;
    parts::choice(&conditional.conditional_operator, child, fbs::Conditional::VT_CONDITIONAL_OPERATOR, writer);
    let return_values = fbs::Conditional::VT_RETURN_VALUES_ON_CONDITION_CHECK_FAILURE;
    parts::choice(&conditional.return_values_on_condition_check_failure, child, return_values, writer);
    Ok(())
}

/// Reads a condition where it lies. Only for its lists, which few have, `verified` gives it as verified with its message.
pub(super) fn decode<'a>(
    payload: Payload<'a>,
    conditional: TableReader<'a>,
    verified: impl FnOnce() -> Result<Option<fbs::Conditional<'a>>, ProtocolError>,
) -> Result<ConditionalWrite, Refusal> {
    if conditional.has_fields_past(fbs::Conditional::VT_RETURN_VALUES_ON_CONDITION_CHECK_FAILURE) {
        return Err(unknown_fields());
    }
    let token = |field| payload.intact(conditional.text(field));
    let values = payload.intact(conditional.bytes(fbs::Conditional::VT_EXPRESSION_ATTRIBUTE_VALUES))?;
    let return_values = token(fbs::Conditional::VT_RETURN_VALUES_ON_CONDITION_CHECK_FAILURE)?;
    let flat = ConditionalWrite {
        condition_expression: payload.text_in(conditional, fbs::Conditional::VT_CONDITION_EXPRESSION)?,
        expression_attribute_names: None,
        expression_attribute_values: payload.attributes(values),
        expected: None,
        conditional_operator: choice(token(fbs::Conditional::VT_CONDITIONAL_OPERATOR)?),
        return_values_on_condition_check_failure: choice(return_values),
    };
    let has_names = conditional.has(fbs::Conditional::VT_EXPRESSION_ATTRIBUTE_NAMES);
    if !has_names && !conditional.has(fbs::Conditional::VT_EXPECTED) {
        return Ok(flat);
    }
    let lists = verified()?.ok_or_else(|| payload.missing("conditional"))?;
    let expected = lists.expected().map(|list| payload.list(list, legacy::decode_expected)).transpose()?;
    Ok(ConditionalWrite {
        expression_attribute_names: payload.names(lists.expression_attribute_names())?,
        expected,
        ..flat
    })
}
