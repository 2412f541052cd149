//! Which attributes are wanted: the parameters that GetItem and each table of a BatchGetItem share.

use model::operation::AttributeSelection;
use serde::de::MapAccess;

use crate::json::members::{Member, Members};
use crate::json::writer::Writer;

/// Reads a member of a selection that is only there when one of its members is.
pub(super) fn read_member<'de, A: MapAccess<'de>>(
    selection: &mut Option<Box<AttributeSelection>>,
    name: &str,
    value: Member<'_, '_, A>,
) -> Result<(), A::Error> {
    if let Some(selection) = selection {
        return selection.member(name, value);
    }
    let mut first = AttributeSelection::default();
    first.member(name, value)?;
    if first != AttributeSelection::default() {
        *selection = Some(Box::new(first));
    }
    Ok(())
}

impl Members for AttributeSelection {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "ProjectionExpression" => self.projection_expression = value.text()?,
            "ExpressionAttributeNames" => self.expression_attribute_names = value.texts_by_name()?,
            "AttributesToGet" => self.attributes_to_get = value.texts()?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}

/// The members of a selection that a reply hands back.
pub(super) fn write_members(selection: &AttributeSelection, writer: &mut Writer<'_>) {
    if let Some(expression) = &selection.projection_expression {
        writer.known_name("\"ProjectionExpression\":");
        writer.string(expression);
    }
    if let Some(names) = &selection.expression_attribute_names {
        writer.known_name("\"ExpressionAttributeNames\":");
        writer.object(|writer| {
            for (placeholder, name) in names {
                writer.name(placeholder);
                writer.string(name);
            }
        });
    }
    if let Some(names) = &selection.attributes_to_get {
        writer.known_name("\"AttributesToGet\":");
        writer.list(|writer| names.iter().for_each(|name| writer.string(name)));
    }
}
