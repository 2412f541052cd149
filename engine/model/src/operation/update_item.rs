//! UpdateItem: change some attributes of one item; an item that is not there is made.

use super::write_effect::check_index_entries;
use super::{
    AttributeUpdate, Attributes, Choice, ConditionalWrite, ConsumedCapacity, Evaluator, ItemCollectionMetrics,
    ReturnConsumedCapacity, ReturnItemCollectionMetrics, ReturnValues, WriteEffect,
};
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
    pub fn validate(&self, _evaluator: &mut Evaluator) -> Result<(), Error> {
        Ok(())
    }

    /// Checks the condition, if there is one, against the item that is to be changed.
    ///
    /// # Errors
    /// ConditionalCheckFailed.
    pub fn check_condition(&self, evaluator: &mut Evaluator, old: Option<ItemRef<'_>>) -> Result<(), Error> {
        self.conditional.check(evaluator, old)
    }

    /// The item that the update makes of `old`, checked to be one that the table can have.
    ///
    /// # Errors
    /// Validation: key attributes changed, operands that do not fit, an item too large, index keys of another type.
    pub fn apply(
        &self,
        evaluator: &mut Evaluator,
        definition: &TableDefinition,
        old: Option<ItemRef<'_>>,
    ) -> Result<UpdatedItem, Error> {
        let key = self.key.item().expect("validated: the key is given and valid");
        let item = evaluator.copy(old.unwrap_or(key.as_ref()));
        check_index_entries(definition, item.as_ref())?;
        Ok(UpdatedItem { item })
    }

    /// The reply for an update with that effect.
    pub fn reply(
        &self,
        evaluator: &mut Evaluator,
        definition: &TableDefinition,
        effect: WriteEffect<'_>,
    ) -> UpdateItemReply {
        let told = match self.return_values.known() {
            None | Some(ReturnValues::None) => None,
            Some(ReturnValues::AllOld | ReturnValues::UpdatedOld) => effect.old,
            Some(ReturnValues::AllNew | ReturnValues::UpdatedNew) => effect.new,
        };
        let metrics_asked = &self.return_item_collection_metrics;
        UpdateItemReply {
            attributes: told.map(|item| evaluator.copy(item)),
            consumed: effect.consumed(&self.return_consumed_capacity, self.table_name.as_ref(), definition),
            item_collection_metrics: self
                .key
                .item()
                .and_then(|key| effect.collection_metrics(metrics_asked, evaluator, definition, key.as_ref())),
        }
    }
}

/// What an update makes.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdatedItem {
    /// The item after the update.
    pub item: Item,
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
