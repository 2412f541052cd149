//! What Query and Scan ask in common: of which index, which items of those read, which attributes of each.
//!
//! In the way of a request: a view of either request, checked in `validate()`, held against the definition and made into a
//! `PageReader` by the owner.

use super::attribute_selection::check_distinct_names;
use super::expression_texts::{ExpressionTexts, substitutions};
use super::key_paths::check_key_paths;
use super::legacy_condition::bind_conditions;
use super::page_reader::{Filter, Output};
use super::{Attributes, Choice, ConditionalOperator, Evaluator, LegacyCondition, Select};
use crate::expression::{ConditionKind, Projection, Substitutions};
use crate::key::KeySchema;
use crate::table::{LocalIndex, TableDefinition};
use crate::{Error, Text};
use std::rc::Rc;

/// The parameters of a Query or Scan that say what becomes of the items read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadParameters<'a> {
    pub(crate) index_name: Option<&'a Text>,
    pub(crate) select: &'a Choice<Select>,
    pub(crate) filter_expression: Option<&'a Text>,
    pub(crate) legacy_filter: Option<&'a [(Text, LegacyCondition)]>,
    pub(crate) conditional_operator: &'a Choice<ConditionalOperator>,
    pub(crate) projection_expression: Option<&'a Text>,
    pub(crate) attributes_to_get: Option<&'a [Text]>,
    pub(crate) names: Option<&'a [(Text, Text)]>,
    pub(crate) values: &'a Attributes,
}

impl<'a> ReadParameters<'a> {
    /// How many conditions `ConditionalOperator` joins, when it is given.
    pub(crate) fn joined_condition_count(&self) -> Option<usize> {
        let count = self.legacy_filter.map_or(0, <[_]>::len);
        self.conditional_operator.is_given().then_some(count)
    }

    /// Filter, projection and placeholders.
    pub(crate) fn texts(&self) -> ExpressionTexts<'a> {
        ExpressionTexts {
            filter: self.filter_expression,
            projection: self.projection_expression,
            names: self.names,
            values: Some(self.values),
            ..ExpressionTexts::default()
        }
    }

    /// Checks the names of AttributesToGet.
    pub(crate) fn check_names(&self) -> Result<(), Error> {
        check_distinct_names(self.attributes_to_get)
    }

    /// Checks that `Select` fits the projection and the index.
    // DynamoDB: observed: Scan speaks of querying too.
    pub(crate) fn check_select(&self) -> Result<(), Error> {
        let Some(select) = self.select.known() else {
            return Ok(());
        };
        let wanted = match select {
            Select::SpecificAttributes => {
                if self.projection_expression.is_some() || self.attributes_to_get.is_some() {
                    return Ok(());
                }
                return Err(Error::validation(
                    "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES",
                ));
            }
            Select::AllProjectedAttributes if self.index_name.is_none() => {
                return Err(Error::validation(
                    "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName",
                ));
            }
            Select::AllProjectedAttributes => "ALL_PROJECTED_ATTRIBUTES",
            Select::AllAttributes => "ALL_ATTRIBUTES",
            Select::Count => "only the Count",
        };
        let parameter = match (self.projection_expression, self.attributes_to_get) {
            (None, None) => return Ok(()),
            (Some(_), _) => "ProjectionExpression",
            (None, Some(_)) => "AttributesToGet",
        };
        Err(Error::validation(format!("Cannot specify the {parameter} when choosing to get {wanted}")))
    }

    /// The place of the index in the definition; none for the table itself.
    ///
    /// # Errors
    /// Validation: there is no such index.
    pub(crate) fn find_index(&self, definition: &TableDefinition) -> Result<Option<usize>, Error> {
        let Some(name) = self.index_name else {
            return Ok(None);
        };
        let found = definition.local_indexes.iter().position(|index| index.name == name.as_str());
        match found {
            Some(position) => Ok(Some(position)),
            None => Err(Error::validation(format!("The table does not have the specified index: {name}"))),
        }
    }

    /// Checks the paths of projection and filter against the definition; `schema` is the key that a Query reads by, whose
    /// attributes no filter may name.
    pub(crate) fn check_paths(
        &self,
        evaluator: &mut Evaluator,
        definition: &TableDefinition,
        schema: Option<&KeySchema>,
    ) -> Result<(), Error> {
        let substitutions = self.substitutions();
        if let Some(text) = self.projection_expression {
            let projection = evaluator.expressions.projection(text)?;
            check_key_paths(definition, || projection.mentions(&substitutions))?;
        }
        if let Some(text) = self.filter_expression {
            let filter = evaluator.expressions.condition(ConditionKind::Filter, text)?;
            let names_it = |name: &str| filter.mentions(&substitutions).any(|mention| mention.attribute_name == name);
            check_no_key(schema, "Filter Expression", names_it)?;
            check_key_paths(definition, || filter.mentions(&substitutions))?;
        }
        let legacy = self.legacy_filter.unwrap_or_default();
        check_no_key(schema, "QueryFilter", |name| legacy.iter().any(|(own, _)| own == name))
    }

    /// What a placeholder stands for.
    pub(crate) fn substitutions(&self) -> Substitutions<'a> {
        substitutions(self.names, self.values)
    }

    /// What the items have to meet.
    pub(crate) fn filter(&self, evaluator: &mut Evaluator) -> Filter<'a> {
        if let Some(text) = self.filter_expression {
            let read = evaluator.expressions.condition(ConditionKind::Filter, text);
            return Filter::Expression(read.expect("validated: the expression can be read"), self.substitutions());
        }
        match bind_conditions(self.legacy_filter.unwrap_or_default(), self.conditional_operator) {
            Some(bound) => Filter::Legacy(bound),
            None => Filter::None,
        }
    }

    /// What is given back of each item that does.
    pub(crate) fn output(&self, evaluator: &mut Evaluator, index: Option<&LocalIndex>) -> Output<'a> {
        if let Some(text) = self.projection_expression {
            let read = evaluator.expressions.projection(text);
            return Output::Parts(read.expect("validated: the expression can be read"), self.substitutions());
        }
        if let Some(names) = self.attributes_to_get {
            let projection = Projection::of_attributes(names.iter().map(Text::as_str));
            return Output::Parts(Rc::new(projection), self.substitutions());
        }
        match (index, self.select.known()) {
            (Some(_), None | Some(Select::AllProjectedAttributes | Select::Count)) => Output::Entry,
            _ => Output::Whole,
        }
    }
}

/// Refuses a filter of a Query that names an attribute of the key that is read by.
fn check_no_key(schema: Option<&KeySchema>, parameter: &str, names_it: impl Fn(&str) -> bool) -> Result<(), Error> {
    let mut keys = schema.into_iter().flat_map(KeySchema::attributes);
    match keys.find(|key| names_it(&key.name)) {
        None => Ok(()),
        Some(key) => Err(Error::validation(format!(
            "{parameter} can only contain non-primary key attributes: Primary key attribute: {}",
            key.name
        ))),
    }
}
