//! UpdateItem: change some attributes of one item; an item that is not there is made.

use super::constraint::{Constraints, write_fault};
use super::expression_texts::ExpressionTexts;
use super::key_paths::{check_key_paths, check_keys_kept};
use super::legacy_condition::check_expected;
use super::legacy_update::{bind_updates, check_updates, constrain_updates};
use super::parameter_style::ParameterStyle;
use super::put_item::value_fault;
use super::table_name::{TableNameWording, check_table_name};
use super::write_effect::{check_index_entries, item_too_large};
use super::{
    AttributeUpdate, Attributes, Choice, ConditionalWrite, ConsumedCapacity, Evaluator, ItemCollectionMetrics,
    ReturnConsumedCapacity, ReturnItemCollectionMetrics, ReturnValues, WriteEffect,
};
use crate::expression::UPDATE_TOO_LARGE;
use crate::limits::ITEM_SIZE_BYTES_MAX;
use crate::table::TableDefinition;
use crate::{Error, Item, ItemRef, Text};

/// The request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateItem {
    /// Name or ARN.
    pub table_name: Option<Text>,
    /// Exactly the key attributes.
    pub key: Attributes,
    /// What to change; its placeholders are those of `conditional`.
    pub update_expression: Option<Text>,
    /// The same in the form from before expressions, by attribute name.
    pub attribute_updates: Option<Vec<(Text, AttributeUpdate)>>,
    /// Any of the five.
    pub return_values: Choice<ReturnValues>,
    /// Whether the reply tells the capacity.
    pub return_consumed_capacity: Choice<ReturnConsumedCapacity>,
    /// Tells nothing on a table without local indexes.
    pub return_item_collection_metrics: Choice<ReturnItemCollectionMetrics>,
    /// The condition, and the placeholders of both expressions.
    pub conditional: ConditionalWrite,
}

impl UpdateItem {
    /// Checks all that needs no table.
    pub fn validate(&self, evaluator: &mut Evaluator) -> Result<(), Error> {
        check_table_name(self.table_name.as_ref(), TableNameWording::ItemWrite)?;
        let mut constraints = Constraints::new();
        constraints.choice("returnConsumedCapacity", &self.return_consumed_capacity);
        constraints.choice("returnItemCollectionMetrics", &self.return_item_collection_metrics);
        constraints.choice("returnValues", &self.return_values);
        constraints.not_null("key", self.key.is_given());
        self.conditional.constrain(&mut constraints);
        constrain_updates(&mut constraints, self.attribute_updates.as_deref());
        constraints.finish()?;
        self.check_style().map_err(write_fault)?;
        self.key.check_values().map_err(value_fault)?;
        check_updates(self.attribute_updates.as_deref()).map_err(value_fault)?;
        check_expected(self.conditional.expected.as_deref()).map_err(value_fault)?;
        let update = self.update_expression.as_ref();
        ExpressionTexts { update, ..self.conditional.texts() }.check(evaluator).map_err(write_fault)
    }

    /// Checks the update against the table's keys and against what it may be charged for, then the condition, if there is
    /// one, against the item that is to be changed.
    ///
    /// # Errors
    /// Validation. ConditionalCheckFailed.
    // DynamoDB: observed: what the update may not do is told before the condition is looked at.
    pub fn check_condition(
        &self,
        evaluator: &mut Evaluator,
        definition: &TableDefinition,
        old: Option<ItemRef<'_>>,
    ) -> Result<(), Error> {
        match (&self.update_expression, &self.attribute_updates) {
            (Some(text), _) => {
                let update = evaluator.expressions.update(text)?;
                let substitutions = self.conditional.substitutions();
                let writes = |name: &str| {
                    update.written_attributes(&substitutions).any(|mention| mention.attribute_name == name)
                };
                check_keys_kept(definition, writes)?;
                check_key_paths(definition, || {
                    update.written_attributes(&substitutions).chain(update.read_attributes(&substitutions))
                })?;
                update.check_charge(&substitutions, old)?;
            }
            (None, Some(updates)) => check_keys_kept(definition, |name| updates.iter().any(|(own, _)| own == name))?,
            (None, None) => {}
        }
        self.conditional.check(evaluator, definition, old)
    }

    /// The item that the update makes of `old`, checked to be one that the table can have.
    ///
    /// # Errors
    /// Validation: operands that do not fit, an item too large, index keys of another type.
    pub fn apply(
        &self,
        evaluator: &mut Evaluator,
        definition: &TableDefinition,
        old: Option<ItemRef<'_>>,
    ) -> Result<UpdatedItem, Error> {
        let key = self.key.item().expect("validated: the key is given and valid").as_ref();
        let Evaluator { expressions, encoder } = evaluator;
        let item = match (&self.update_expression, &self.attribute_updates) {
            (Some(text), _) => expressions.update(text)?.apply(&self.conditional.substitutions(), old, key, encoder)?,
            (None, Some(updates)) => {
                let bound = bind_updates(updates);
                bound.update().apply(&bound.substitutions(), old, key, encoder)?
            }
            (None, None) => Some(encoder.copy(old.unwrap_or(key))),
        };
        if let Some(item) = &item {
            check_updated_item(definition, item.as_ref())?;
        }
        Ok(UpdatedItem { item })
    }

    /// The reply for an update with that effect.
    pub fn reply(
        &self,
        evaluator: &mut Evaluator,
        definition: &TableDefinition,
        effect: WriteEffect<'_>,
    ) -> UpdateItemReply {
        let attributes = match self.return_values.known() {
            None | Some(ReturnValues::None) => None,
            Some(ReturnValues::AllOld) => effect.old.map(|old| evaluator.copy(old)),
            Some(ReturnValues::AllNew) => effect.new.map(|new| evaluator.copy(new)),
            Some(ReturnValues::UpdatedOld) => effect.old.and_then(|old| self.touched(evaluator, old)),
            Some(ReturnValues::UpdatedNew) => effect.new.and_then(|new| self.touched(evaluator, new)),
        };
        let metrics_asked = &self.return_item_collection_metrics;
        UpdateItemReply {
            attributes,
            consumed: effect.consumed(&self.return_consumed_capacity, self.table_name.as_ref(), definition),
            item_collection_metrics: self
                .key
                .item()
                .and_then(|key| effect.collection_metrics(metrics_asked, evaluator, definition, key.as_ref())),
        }
    }

    /// The parts of an image of the item that the update names.
    fn touched(&self, evaluator: &mut Evaluator, image: ItemRef<'_>) -> Option<Item> {
        let Evaluator { expressions, encoder } = evaluator;
        let touched = match (&self.update_expression, &self.attribute_updates) {
            (Some(text), _) => {
                let update = expressions.update(text).expect("validated: the expression can be read");
                update.touched(&self.conditional.substitutions(), image, encoder)
            }
            (None, Some(updates)) => {
                let bound = bind_updates(updates);
                bound.update().touched(&bound.substitutions(), image, encoder)
            }
            (None, None) => Ok(None),
        };
        touched.expect("parts of an item are an item")
    }

    fn check_style(&self) -> Result<(), Error> {
        let conditional = &self.conditional;
        let style = ParameterStyle {
            legacy: &[
                ("AttributeUpdates", self.attribute_updates.is_some()),
                ("Expected", conditional.expected.is_some()),
                ("ConditionalOperator", conditional.conditional_operator.is_given()),
            ],
            expressions: &[
                ("UpdateExpression", self.update_expression.is_some()),
                ("ConditionExpression", conditional.condition_expression.is_some()),
            ],
            joined_condition_count: conditional.joined_condition_count(),
            has_names: conditional.expression_attribute_names.is_some(),
            has_values: conditional.expression_attribute_values.is_given(),
        };
        style.check()
    }
}

/// Checks that an updated item is one that the table can have.
fn check_updated_item(definition: &TableDefinition, item: ItemRef<'_>) -> Result<(), Error> {
    let is_small = !item.exceeds(ITEM_SIZE_BYTES_MAX);
    let checked = if is_small { check_index_entries(definition, item) } else { Err(item_too_large()) };
    checked.map_err(|error| if error == item_too_large() { Error::validation(UPDATE_TOO_LARGE) } else { error })
}

/// What an update makes.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdatedItem {
    /// The item after the update; none where there was none and the update makes none.
    pub item: Option<Item>,
}

/// The reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateItemReply {
    /// What `ReturnValues` asks for.
    pub attributes: Option<Item>,
    /// When asked for.
    pub consumed: Option<ConsumedCapacity>,
    /// When asked for, on tables with local indexes.
    pub item_collection_metrics: Option<Box<ItemCollectionMetrics>>,
}
