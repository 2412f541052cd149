//! The parameters from before expressions, on the wire: the entries of KeyConditions, QueryFilter, ScanFilter, Expected and
//! AttributeUpdates. Each value is an item of one attribute.

use model::Text;
use model::operation::{AttributeUpdate, Attributes, ExpectedAttribute, LegacyCondition};

use super::parts;
use crate::error::EncodeError;
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, choice, refuse_unknown_fields};
use crate::writer::{BYTE, REFERENCE, Shape, Table, Writer};

static CONDITION_SHAPE: Shape<3> = Shape::new([REFERENCE; 3]);
static EXPECTED_SHAPE: Shape<5> = Shape::new([REFERENCE, BYTE, REFERENCE, REFERENCE, REFERENCE]);
static UPDATE_SHAPE: Shape<3> = Shape::new([REFERENCE; 3]);

pub(super) fn encode_conditions(
    conditions: Option<&[(Text, LegacyCondition)]>,
    table: Table,
    field: u16,
    writer: &mut Writer<'_>,
) -> Result<(), EncodeError> {
    let Some(conditions) = conditions else { return Ok(()) };
    let vector = writer.vector(table, field, conditions.len());
    for (index, (name, condition)) in conditions.iter().enumerate() {
        let element = writer.element(vector, index, &CONDITION_SHAPE);
        writer.text(element, fbs::LegacyCondition::VT_ATTRIBUTE_NAME, name);
        let operator = fbs::LegacyCondition::VT_COMPARISON_OPERATOR;
        parts::choice(&condition.comparison_operator, element, operator, writer);
        let list = fbs::LegacyCondition::VT_ATTRIBUTE_VALUE_LIST;
        encode_values(condition.attribute_value_list.as_deref(), element, list, writer)?;
    }
    Ok(())
}

pub(super) fn decode_condition<'a>(
    payload: Payload<'a>,
    condition: fbs::LegacyCondition<'a>,
) -> Result<(Text, LegacyCondition), Refusal> {
    refuse_unknown_fields(condition._tab, fbs::LegacyCondition::VT_ATTRIBUTE_VALUE_LIST)?;
    let name = payload.text_required("attribute_name", condition.attribute_name())?;
    let condition = LegacyCondition {
        comparison_operator: choice(condition.comparison_operator()),
        attribute_value_list: decode_values(payload, condition.attribute_value_list())?,
    };
    Ok((name, condition))
}

pub(super) fn encode_expected(
    expected: Option<&[(Text, ExpectedAttribute)]>,
    table: Table,
    field: u16,
    writer: &mut Writer<'_>,
) -> Result<(), EncodeError> {
    let Some(expected) = expected else { return Ok(()) };
    let vector = writer.vector(table, field, expected.len());
    for (index, (name, attribute)) in expected.iter().enumerate() {
        let element = writer.element(vector, index, &EXPECTED_SHAPE);
        writer.text(element, fbs::ExpectedAttribute::VT_ATTRIBUTE_NAME, name);
        if let Some(exists) = attribute.exists {
            writer.byte(element, fbs::ExpectedAttribute::VT_EXISTS, u8::from(exists));
        }
        parts::attributes(&attribute.value, element, fbs::ExpectedAttribute::VT_VALUE, writer)?;
        let operator = fbs::ExpectedAttribute::VT_COMPARISON_OPERATOR;
        parts::choice(&attribute.comparison_operator, element, operator, writer);
        let list = fbs::ExpectedAttribute::VT_ATTRIBUTE_VALUE_LIST;
        encode_values(attribute.attribute_value_list.as_deref(), element, list, writer)?;
    }
    Ok(())
}

pub(super) fn decode_expected<'a>(
    payload: Payload<'a>,
    expected: fbs::ExpectedAttribute<'a>,
) -> Result<(Text, ExpectedAttribute), Refusal> {
    refuse_unknown_fields(expected._tab, fbs::ExpectedAttribute::VT_ATTRIBUTE_VALUE_LIST)?;
    let name = payload.text_required("attribute_name", expected.attribute_name())?;
    let attribute = ExpectedAttribute {
        exists: expected.exists(),
        value: payload.attributes(expected.value().map(|encoded| encoded.bytes())),
        comparison_operator: choice(expected.comparison_operator()),
        attribute_value_list: decode_values(payload, expected.attribute_value_list())?,
    };
    Ok((name, attribute))
}

pub(super) fn encode_updates(
    updates: Option<&[(Text, AttributeUpdate)]>,
    table: Table,
    field: u16,
    writer: &mut Writer<'_>,
) -> Result<(), EncodeError> {
    let Some(updates) = updates else { return Ok(()) };
    let vector = writer.vector(table, field, updates.len());
    for (index, (name, update)) in updates.iter().enumerate() {
        let element = writer.element(vector, index, &UPDATE_SHAPE);
        writer.text(element, fbs::AttributeUpdate::VT_ATTRIBUTE_NAME, name);
        parts::choice(&update.action, element, fbs::AttributeUpdate::VT_ACTION, writer);
        parts::attributes(&update.value, element, fbs::AttributeUpdate::VT_VALUE, writer)?;
    }
    Ok(())
}

pub(super) fn decode_update<'a>(
    payload: Payload<'a>,
    update: fbs::AttributeUpdate<'a>,
) -> Result<(Text, AttributeUpdate), Refusal> {
    refuse_unknown_fields(update._tab, fbs::AttributeUpdate::VT_VALUE)?;
    let name = payload.text_required("attribute_name", update.attribute_name())?;
    let value = payload.attributes(update.value().map(|encoded| encoded.bytes()));
    Ok((name, AttributeUpdate { action: choice(update.action()), value }))
}

fn encode_values(
    values: Option<&[Attributes]>,
    table: Table,
    field: u16,
    writer: &mut Writer<'_>,
) -> Result<(), EncodeError> {
    values.map_or(Ok(()), |values| parts::attributes_list(values.iter(), table, field, writer))
}

fn decode_values<'a>(
    payload: Payload<'a>,
    list: Option<fbs::ItemList<'a>>,
) -> Result<Option<Vec<Attributes>>, Refusal> {
    Ok(list.map(|list| payload.attributes_list(list)).transpose()?)
}
