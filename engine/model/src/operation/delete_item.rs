//! DeleteItem: remove one item by its primary key; removing what is not there succeeds.

use super::constraint::{Constraints, write_fault};
use super::put_item::{check_return_values, returns_old, value_fault};
use super::table_name::{TableNameWording, check_table_name};
use super::{
    Attributes, Choice, ConditionalWrite, ConsumedCapacity, Evaluator, ItemCollectionMetrics, ReturnConsumedCapacity,
    ReturnItemCollectionMetrics, ReturnValues, WriteEffect,
};
use crate::table::TableDefinition;
use crate::{Error, Item, ItemRef, Text};

/// The request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteItem {
    /// Name or ARN.
    pub table_name: Option<Text>,
    /// Exactly the key attributes.
    pub key: Attributes,
    /// `NONE` or `ALL_OLD`.
    pub return_values: Choice<ReturnValues>,
    /// Whether the reply tells the capacity.
    pub return_consumed_capacity: Choice<ReturnConsumedCapacity>,
    /// Tells nothing on a table without local indexes.
    pub return_item_collection_metrics: Choice<ReturnItemCollectionMetrics>,
    /// The condition, when there is one.
    pub conditional: Option<Box<ConditionalWrite>>,
}

impl DeleteItem {
    /// Checks all that needs no table.
    pub fn validate(&self, evaluator: &mut Evaluator) -> Result<(), Error> {
        check_table_name(self.table_name.as_ref(), TableNameWording::ItemWrite)?;
        let mut constraints = Constraints::new();
        constraints.choice("returnConsumedCapacity", &self.return_consumed_capacity);
        constraints.choice("returnValues", &self.return_values);
        constraints.choice("returnItemCollectionMetrics", &self.return_item_collection_metrics);
        constraints.not_null("key", self.key.is_given());
        if let Some(conditional) = &self.conditional {
            conditional.constrain(&mut constraints);
        }
        constraints.finish()?;
        if let Some(conditional) = &self.conditional {
            conditional.check_style().map_err(write_fault)?;
        }
        self.key.check_values().map_err(value_fault)?;
        check_return_values(&self.return_values)?;
        match &self.conditional {
            Some(conditional) => conditional.check_condition_parameters(evaluator).map_err(write_fault),
            None => Ok(()),
        }
    }

    /// Checks the condition, if there is one, against the item that is to be removed.
    ///
    /// # Errors
    /// Validation. ConditionalCheckFailed.
    pub fn check_condition(
        &self,
        evaluator: &mut Evaluator,
        definition: &TableDefinition,
        old: Option<ItemRef<'_>>,
    ) -> Result<(), Error> {
        self.conditional.as_ref().map_or(Ok(()), |conditional| conditional.check(evaluator, definition, old))
    }

    /// Whether more has to be known of the item that is there than its size.
    pub fn needs_old_item(&self) -> bool {
        self.conditional.is_some() || returns_old(&self.return_values) || self.return_consumed_capacity.is_given()
    }

    /// The reply for a delete with that effect.
    pub fn reply(
        &self,
        evaluator: &mut Evaluator,
        definition: &TableDefinition,
        effect: WriteEffect<'_>,
    ) -> DeleteItemReply {
        let old = effect.old.filter(|_| returns_old(&self.return_values));
        let metrics_asked = &self.return_item_collection_metrics;
        DeleteItemReply {
            attributes: old.map(|old| evaluator.copy(old)),
            consumed: effect.consumed(&self.return_consumed_capacity, self.table_name.as_ref(), definition),
            item_collection_metrics: self
                .key
                .item()
                .and_then(|key| effect.collection_metrics(metrics_asked, evaluator, definition, key.as_ref())),
        }
    }
}

/// The reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteItemReply {
    /// The removed item, when `ReturnValues` is `ALL_OLD` and there was one.
    pub attributes: Option<Item>,
    /// When asked for.
    pub consumed: Option<ConsumedCapacity>,
    /// When asked for, on tables with local indexes.
    pub item_collection_metrics: Option<Box<ItemCollectionMetrics>>,
}
