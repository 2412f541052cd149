//! Expressions, or the parameters from before there were expressions: a request uses one kind, and placeholders only where
//! there is an expression for them.
//!
//! In the way of a request: in `validate()`, after the constraints and before any value is looked at.

use crate::Error;

/// A parameter's name, and whether the request gives it.
pub(crate) type Given = (&'static str, bool);

/// The parameters of an operation that are of one kind or the other, in the order in which DynamoDB names them.
#[derive(Debug)]
pub(crate) struct ParameterStyle<'p> {
    /// Those from before expressions.
    pub(crate) legacy: &'p [Given],
    /// Those with expressions.
    pub(crate) expressions: &'p [Given],
    /// `ConditionalOperator`, and how many conditions it joins; none when it is not given.
    pub(crate) joined_condition_count: Option<usize>,
    /// Whether `ExpressionAttributeNames` is given.
    pub(crate) has_names: bool,
    /// Whether `ExpressionAttributeValues` is given.
    pub(crate) has_values: bool,
}

/// The one kind of expression that has no values.
const PROJECTION_EXPRESSION: &str = "ProjectionExpression";

impl ParameterStyle<'_> {
    /// Refuses a request that is of both kinds, then a `ConditionalOperator` that joins nothing, then placeholders
    /// without an expression.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.check_one_kind()?;
        self.check_conditional_operator()?;
        self.check_placeholders()
    }

    fn check_one_kind(&self) -> Result<(), Error> {
        let has_any = |parameters: &[Given]| parameters.iter().any(|(_, is_given)| *is_given);
        if !has_any(self.legacy) || !has_any(self.expressions) {
            return Ok(());
        }
        Err(Error::validation(format!(
            "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: \
             {{{}}} Expression parameters: {{{}}}",
            names(self.legacy),
            names(self.expressions)
        )))
    }

    // DynamoDB: observed: also where the conditions that it joins are an empty map.
    fn check_conditional_operator(&self) -> Result<(), Error> {
        let message = match self.joined_condition_count {
            Some(0) => "ConditionalOperator cannot be used without Filter or Expected",
            Some(1) => "ConditionalOperator can only be used when Filter or Expected has two or more elements",
            _ => return Ok(()),
        };
        Err(Error::validation(message))
    }

    // DynamoDB: observed: names are looked at before values.
    fn check_placeholders(&self) -> Result<(), Error> {
        if self.has_names && !self.expressions.iter().any(|(_, is_given)| *is_given) {
            return Err(Error::validation("ExpressionAttributeNames can only be specified when using expressions"));
        }
        let with_values = || self.expressions.iter().filter(|(name, _)| *name != PROJECTION_EXPRESSION);
        if !self.has_values || with_values().any(|(_, is_given)| *is_given) {
            return Ok(());
        }
        let missing: Vec<&str> = with_values().map(|(name, _)| *name).collect();
        Err(Error::validation(format!(
            "ExpressionAttributeValues can only be specified when using expressions: {} {} null",
            missing.join(" and "),
            if missing.len() > 1 { "are" } else { "is" }
        )))
    }
}

/// The names of the parameters that are given.
fn names(parameters: &[Given]) -> String {
    let given: Vec<&str> = parameters.iter().filter(|(_, is_given)| *is_given).map(|(name, _)| *name).collect();
    given.join(", ")
}
