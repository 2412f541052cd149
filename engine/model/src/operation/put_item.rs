//! PutItem: write a whole item, replacing the one with the same key.

use super::constraint::{Constraints, write_fault};
use super::table_name::{TableNameWording, check_table_name};
use super::write_effect::item_too_large;
use super::{
    Attributes, Choice, ConditionalWrite, ConsumedCapacity, Evaluator, ItemCollectionMetrics, ReturnConsumedCapacity,
    ReturnItemCollectionMetrics, ReturnValues, WriteEffect,
};
use crate::limits::ITEM_SIZE_BYTES_MAX;
use crate::table::TableDefinition;
use crate::{Error, Item, ItemRef, Text};

/// The request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PutItem {
    /// Name or ARN.
    pub table_name: Option<Text>,
    /// The item, key attributes included.
    pub item: Attributes,
    /// `NONE` or `ALL_OLD`.
    pub return_values: Choice<ReturnValues>,
    /// Whether the reply tells the capacity.
    pub return_consumed_capacity: Choice<ReturnConsumedCapacity>,
    /// Tells nothing on a table without local indexes.
    pub return_item_collection_metrics: Choice<ReturnItemCollectionMetrics>,
    /// The condition, when there is one.
    pub conditional: Option<Box<ConditionalWrite>>,
}

impl PutItem {
    /// Checks all that needs no table.
    pub fn validate(&self, evaluator: &mut Evaluator) -> Result<(), Error> {
        check_table_name(self.table_name.as_ref(), TableNameWording::ItemWrite)?;
        let mut constraints = Constraints::new();
        constraints.choice("returnConsumedCapacity", &self.return_consumed_capacity);
        constraints.not_null("item", self.item.is_given());
        constraints.choice("returnValues", &self.return_values);
        constraints.choice("returnItemCollectionMetrics", &self.return_item_collection_metrics);
        if let Some(conditional) = &self.conditional {
            conditional.constrain(&mut constraints);
        }
        constraints.finish()?;
        if let Some(conditional) = &self.conditional {
            conditional.check_style().map_err(write_fault)?;
        }
        self.item.check_values().map_err(value_fault)?;
        check_return_values(&self.return_values).map_err(write_fault)?;
        self.item.item().map_or(Ok(()), |item| check_item_size(item.as_ref()))?;
        match &self.conditional {
            Some(conditional) => conditional.check_condition_parameters(evaluator).map_err(write_fault),
            None => Ok(()),
        }
    }

    /// Checks the condition, if there is one, against the item that is to be replaced. The new item is checked before, when
    /// its key is encoded ([`super::check_index_entries`]).
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

    /// The reply for a put with that effect.
    pub fn reply(
        &self,
        evaluator: &mut Evaluator,
        definition: &TableDefinition,
        effect: WriteEffect<'_>,
    ) -> PutItemReply {
        let old = effect.old.filter(|_| returns_old(&self.return_values));
        let metrics_asked = &self.return_item_collection_metrics;
        PutItemReply {
            attributes: old.map(|old| evaluator.copy(old)),
            consumed: effect.consumed(&self.return_consumed_capacity, self.table_name.as_ref(), definition),
            item_collection_metrics: effect
                .new
                .and_then(|new| effect.collection_metrics(metrics_asked, evaluator, definition, new)),
        }
    }
}

/// Refuses an item that is too large to be stored.
pub(crate) fn check_item_size(item: ItemRef<'_>) -> Result<(), Error> {
    if item.exceeds(ITEM_SIZE_BYTES_MAX) {
        return Err(item_too_large());
    }
    Ok(())
}

/// Refuses the values of `ReturnValues` that only UpdateItem has.
pub(crate) fn check_return_values(return_values: &Choice<ReturnValues>) -> Result<(), Error> {
    match return_values.known() {
        None | Some(ReturnValues::None | ReturnValues::AllOld) => Ok(()),
        Some(ReturnValues::UpdatedOld | ReturnValues::AllNew | ReturnValues::UpdatedNew) => {
            Err(Error::validation("ReturnValues can only be ALL_OLD or NONE"))
        }
    }
}

/// Whether the reply carries the item as it was before.
pub(crate) fn returns_old(return_values: &Choice<ReturnValues>) -> bool {
    return_values.known() == Some(ReturnValues::AllOld)
}

/// A fault of a value of PutItem, UpdateItem or DeleteItem, as the baseline words it.
// DynamoDB: observed: of faulty values only sets, numbers and NULLs are worded as other faults of writes are.
pub(crate) fn value_fault(error: Error) -> Error {
    const BARE: &str = "Supplied AttributeValue";
    if error.message.starts_with(BARE) { error } else { write_fault(error) }
}

/// The reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PutItemReply {
    /// The replaced item, when `ReturnValues` is `ALL_OLD` and there was one.
    pub attributes: Option<Item>,
    /// When asked for.
    pub consumed: Option<ConsumedCapacity>,
    /// When asked for, on tables with local indexes.
    pub item_collection_metrics: Option<Box<ItemCollectionMetrics>>,
}
