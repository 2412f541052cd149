//! The condition of a write: the parameters that PutItem, UpdateItem and DeleteItem share.

use model::operation::{ConditionalWrite, ExpectedAttribute, LegacyCondition};
use serde::de::MapAccess;

use crate::json::members::{Member, Members};

/// Reads a member of a condition that is only there when one of its members is.
pub(super) fn read_member<'de, A: MapAccess<'de>>(
    conditional: &mut Option<Box<ConditionalWrite>>,
    name: &str,
    value: Member<'_, '_, A>,
) -> Result<(), A::Error> {
    if let Some(conditional) = conditional {
        return conditional.member(name, value);
    }
    let mut first = ConditionalWrite::default();
    first.member(name, value)?;
    if first != ConditionalWrite::default() {
        *conditional = Some(Box::new(first));
    }
    Ok(())
}

impl Members for ConditionalWrite {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "ConditionExpression" => self.condition_expression = value.text()?,
            "ExpressionAttributeNames" => self.expression_attribute_names = value.texts_by_name()?,
            "ExpressionAttributeValues" => self.expression_attribute_values = value.attributes()?,
            "Expected" => self.expected = value.structures_by_name("ExpectedAttributeValue")?,
            "ConditionalOperator" => self.conditional_operator = value.choice()?,
            "ReturnValuesOnConditionCheckFailure" => self.return_values_on_condition_check_failure = value.choice()?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}

impl Members for ExpectedAttribute {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "Exists" => self.exists = value.boolean()?,
            "Value" => self.value = value.single_value()?,
            "ComparisonOperator" => self.comparison_operator = value.choice()?,
            "AttributeValueList" => self.attribute_value_list = value.single_values()?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}

impl Members for LegacyCondition {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "ComparisonOperator" => self.comparison_operator = value.choice()?,
            "AttributeValueList" => self.attribute_value_list = value.single_values()?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}
