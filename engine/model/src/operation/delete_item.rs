//! DeleteItem: remove one item by its primary key; removing what is not there succeeds.

use super::constraint::Constraints;
use super::put_item::{check_return_values, returns_old};
use super::table_name::{TableNameWording, check_table_name};
use super::{
    Attributes, CapacityUnits, Choice, ConditionalWrite, ConsumedCapacity, ItemCollectionMetrics,
    ReturnConsumedCapacity, ReturnItemCollectionMetrics, ReturnValues,
};
use crate::{Error, Item, Text};

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
    pub fn validate(&self) -> Result<(), Error> {
        check_table_name(self.table_name.as_ref(), TableNameWording::ItemWrite)?;
        let mut constraints = Constraints::new();
        constraints.choice("returnConsumedCapacity", &self.return_consumed_capacity);
        constraints.choice("returnValues", &self.return_values);
        constraints.choice("returnItemCollectionMetrics", &self.return_item_collection_metrics);
        constraints.not_null("key", self.key.is_given());
        constraints.finish()?;
        self.key.check_values()?;
        check_return_values(&self.return_values)
    }

    /// The reply for a delete that removed `old`, or found nothing to remove.
    pub fn reply(&self, old: Option<Item>) -> DeleteItemReply {
        let old_size_bytes = old.as_ref().map_or(0, |old| old.as_ref().size_bytes());
        let consumed = self.table_name.as_ref().and_then(|table_name| {
            let units = CapacityUnits::for_write(old_size_bytes, 0);
            ConsumedCapacity::answer(&self.return_consumed_capacity, table_name, units)
        });
        DeleteItemReply { attributes: old.filter(|_| returns_old(&self.return_values)), consumed, item_collection_metrics: None }
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
