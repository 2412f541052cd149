//! UpdateItem: change some attributes of one item; an item that is not there is made.

use super::{
    AttributeUpdate, Attributes, Choice, ConditionalWrite, ConsumedCapacity, ItemCollectionMetrics,
    ReturnConsumedCapacity, ReturnItemCollectionMetrics, ReturnValues,
};
use crate::{Error, Item, Text};

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
    pub fn validate(&self) -> Result<(), Error> {
        Ok(())
    }
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
