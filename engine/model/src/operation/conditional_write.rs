//! What PutItem, UpdateItem and DeleteItem may ask of the item that they find, and what they tell when it is otherwise.

use super::constraint::Constraints;
use super::expression_texts::{ExpressionTexts, substitutions};
use super::key_paths::check_key_paths;
use super::legacy_condition::{bind_expected, check_expected, constrain_expected};
use super::parameter_style::ParameterStyle;
use super::{
    Attributes, Choice, ConditionalOperator, Evaluator, ExpectedAttribute, ReturnValuesOnConditionCheckFailure,
};
use crate::expression::{ConditionKind, Substitutions};
use crate::table::TableDefinition;
use crate::{Error, ItemRef, Text};

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
    /// The constraints of its members.
    pub(crate) fn constrain(&self, constraints: &mut Constraints) {
        constraints.choice("conditionalOperator", &self.conditional_operator);
        constrain_expected(constraints, self.expected.as_deref());
        let asked = &self.return_values_on_condition_check_failure;
        constraints.choice("returnValuesOnConditionCheckFailure", asked);
    }

    /// How many conditions `ConditionalOperator` joins, when it is given.
    pub(crate) fn joined_condition_count(&self) -> Option<usize> {
        let count = self.expected.as_ref().map_or(0, Vec::len);
        self.conditional_operator.is_given().then_some(count)
    }

    /// The condition's text and the placeholders.
    pub(crate) fn texts(&self) -> ExpressionTexts<'_> {
        ExpressionTexts {
            condition: self.condition_expression.as_ref(),
            names: self.expression_attribute_names.as_deref(),
            values: Some(&self.expression_attribute_values),
            ..ExpressionTexts::default()
        }
    }

    /// What the placeholders stand for. They must have been checked.
    pub(crate) fn substitutions(&self) -> Substitutions<'_> {
        substitutions(self.expression_attribute_names.as_deref(), &self.expression_attribute_values)
    }

    /// Refuses a request that is of both kinds, or has placeholders without an expression, where the condition is all
    /// that it asks.
    pub(crate) fn check_style(&self) -> Result<(), Error> {
        let style = ParameterStyle {
            legacy: &[
                ("Expected", self.expected.is_some()),
                ("ConditionalOperator", self.conditional_operator.is_given()),
            ],
            expressions: &[("ConditionExpression", self.condition_expression.is_some())],
            joined_condition_count: self.joined_condition_count(),
            has_names: self.expression_attribute_names.is_some(),
            has_values: self.expression_attribute_values.is_given(),
        };
        style.check()
    }

    /// Checks the condition in either form, as far as that needs no table.
    pub(crate) fn check_condition_parameters(&self, evaluator: &mut Evaluator) -> Result<(), Error> {
        check_expected(self.expected.as_deref())?;
        self.texts().check(evaluator)
    }

    /// Checks the condition against the definition, then against the item as it is; a missing item has no attributes.
    ///
    /// # Errors
    /// Validation. ConditionalCheckFailed, with the item if the caller asked for it.
    pub(crate) fn check(
        &self,
        evaluator: &mut Evaluator,
        definition: &TableDefinition,
        old: Option<ItemRef<'_>>,
    ) -> Result<(), Error> {
        if self.holds(evaluator, definition, old)? {
            return Ok(());
        }
        let asked = self.return_values_on_condition_check_failure.known();
        let told = old.filter(|_| asked == Some(ReturnValuesOnConditionCheckFailure::AllOld));
        Err(Error::condition_failed(told.map(|item| evaluator.copy(item))))
    }

    fn holds(
        &self,
        evaluator: &mut Evaluator,
        definition: &TableDefinition,
        old: Option<ItemRef<'_>>,
    ) -> Result<bool, Error> {
        if let Some(text) = &self.condition_expression {
            let condition = evaluator.expressions.condition(ConditionKind::Condition, text)?;
            let substitutions = self.substitutions();
            check_key_paths(definition, || condition.mentions(&substitutions))?;
            return Ok(condition.evaluate(&substitutions, old));
        }
        let expected = self.expected.as_deref().unwrap_or_default();
        let bound = bind_expected(expected, &self.conditional_operator);
        Ok(bound.is_none_or(|bound| bound.condition().evaluate(&bound.substitutions(), old)))
    }
}
