//! What PutItem, UpdateItem and DeleteItem may ask of the item that they find, and what they tell when it is otherwise.

use super::{Attributes, Choice, ConditionalOperator, ExpectedAttribute, ReturnValuesOnConditionCheckFailure};
use crate::Text;

/// The condition of a write, with its placeholders. Requests without one carry none, so they stay small.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConditionalWrite {
    /// What must hold of the item before the write.
    pub condition_expression: Option<Text>,
    /// `#name` to attribute name, in the order given; none when not given.
    pub expression_attribute_names: Option<Vec<(Text, Text)>>,
    /// `:name` to value.
    pub expression_attribute_values: Attributes,
    /// The same in the form from before expressions, by attribute name.
    pub expected: Option<Vec<(Text, ExpectedAttribute)>>,
    /// How the entries of `expected` are joined.
    pub conditional_operator: Choice<ConditionalOperator>,
    /// Whether the error carries the item that did not meet the condition.
    pub return_values_on_condition_check_failure: Choice<ReturnValuesOnConditionCheckFailure>,
}
