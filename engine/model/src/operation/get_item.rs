//! GetItem: one item by its primary key.

use super::constraint::Constraints;
use super::table_name::{TableNameWording, check_table_name};
use super::{AttributeSelection, Attributes, CapacityUnits, Choice, ConsumedCapacity, ReturnConsumedCapacity};
use crate::{Error, Item, Text};

/// The request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GetItem {
    /// Name or ARN.
    pub table_name: Option<Text>,
    /// Exactly the key attributes.
    pub key: Attributes,
    /// A read of the newest acknowledged write.
    pub consistent_read: bool,
    /// Whether the reply tells the capacity.
    pub return_consumed_capacity: Choice<ReturnConsumedCapacity>,
    /// Which attributes are wanted, when not all.
    pub selection: Option<Box<AttributeSelection>>,
}

impl GetItem {
    /// Checks all that needs no table.
    pub fn validate(&self) -> Result<(), Error> {
        check_table_name(self.table_name.as_ref(), TableNameWording::ItemRead)?;
        let mut constraints = Constraints::new();
        constraints.choice("returnConsumedCapacity", &self.return_consumed_capacity);
        constraints.not_null("key", self.key.is_given());
        constraints.finish()?;
        self.key.check_values()
    }

    /// The reply that gives `item`, or says that there is none; a missing item costs as much as the smallest.
    pub fn reply(&self, item: Option<Item>) -> GetItemReply {
        let size_bytes = item.as_ref().map_or(0, |item| item.as_ref().size_bytes());
        let consumed = self.table_name.as_ref().and_then(|table_name| {
            let units = CapacityUnits::for_read(size_bytes, self.consistent_read);
            ConsumedCapacity::answer(&self.return_consumed_capacity, table_name, units)
        });
        GetItemReply { item, consumed }
    }
}

/// The reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GetItemReply {
    /// The item; none when there is no such item.
    pub item: Option<Item>,
    /// When asked for.
    pub consumed: Option<ConsumedCapacity>,
}
