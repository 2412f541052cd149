//! Which attributes of an item GetItem and BatchGetItem give back.

use super::constraint::echo;
use super::expression_texts::{ExpressionTexts, substitutions};
use super::key_paths::check_key_paths;
use super::parameter_style::ParameterStyle;
use super::{Attributes, Evaluator};
use crate::expression::{Projection, Substitutions};
use crate::table::TableDefinition;
use crate::{Error, Item, ItemRef, Text};

/// A projection with its placeholders. Requests without one carry none, so they stay small.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttributeSelection {
    /// The paths wanted.
    pub projection_expression: Option<Text>,
    /// `#name` to attribute name, in the order given; none when not given.
    pub expression_attribute_names: Option<Vec<(Text, Text)>>,
    /// The same in the form from before expressions: names of attributes.
    pub attributes_to_get: Option<Vec<Text>>,
}

impl AttributeSelection {
    /// Refuses a selection of both kinds, and placeholders without an expression.
    pub(crate) fn check_style(&self) -> Result<(), Error> {
        let style = ParameterStyle {
            legacy: &[("AttributesToGet", self.attributes_to_get.is_some())],
            expressions: &[("ProjectionExpression", self.projection_expression.is_some())],
            joined_condition_count: None,
            has_names: self.expression_attribute_names.is_some(),
            has_values: false,
        };
        style.check()
    }

    /// Checks what is selected, in either form.
    pub(crate) fn check_parameters(&self, evaluator: &mut Evaluator) -> Result<(), Error> {
        check_distinct_names(self.attributes_to_get.as_deref())?;
        let texts = ExpressionTexts {
            projection: self.projection_expression.as_ref(),
            names: self.expression_attribute_names.as_deref(),
            ..ExpressionTexts::default()
        };
        texts.check(evaluator)
    }

    /// Checks what is selected against the definition of the table.
    ///
    /// # Errors
    /// Validation.
    pub(crate) fn check_paths(&self, evaluator: &mut Evaluator, definition: &TableDefinition) -> Result<(), Error> {
        let Some(text) = &self.projection_expression else {
            return Ok(());
        };
        let projection = evaluator.expressions.projection(text)?;
        let substitutions = self.substitutions();
        check_key_paths(definition, || projection.mentions(&substitutions))
    }

    /// What is selected of an item.
    pub(crate) fn select(&self, evaluator: &mut Evaluator, item: ItemRef<'_>) -> Item {
        let Evaluator { expressions, encoder } = evaluator;
        let selected = match (&self.projection_expression, &self.attributes_to_get) {
            (Some(text), _) => {
                let projection = expressions.projection(text).expect("validated: the expression can be read");
                projection.apply(&self.substitutions(), item, encoder)
            }
            (None, Some(names)) => {
                let projection = Projection::of_attributes(names.iter().map(Text::as_str));
                projection.apply(&self.substitutions(), item, encoder)
            }
            (None, None) => Ok(encoder.copy(item)),
        };
        selected.expect("parts of an item are an item")
    }

    fn substitutions(&self) -> Substitutions<'_> {
        substitutions(self.expression_attribute_names.as_deref(), &Attributes::Absent)
    }
}

/// Refuses names in AttributesToGet that are given twice.
pub(crate) fn check_distinct_names(names: Option<&[Text]>) -> Result<(), Error> {
    let names = names.unwrap_or_default();
    match names.iter().enumerate().find(|(position, name)| names[..*position].contains(name)) {
        None => Ok(()),
        Some((_, name)) => {
            Err(Error::invalid_parameter(format_args!("Duplicate value in attribute name: {}", echo(name))))
        }
    }
}
