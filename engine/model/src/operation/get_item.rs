//! GetItem: one item by its primary key.

use super::constraint::Constraints;
use super::table_name::{TableNameWording, check_table_name};
use super::{
    AttributeSelection, Attributes, CapacityUnits, Choice, ConsumedCapacity, Evaluator, ReturnConsumedCapacity,
    UnitsByIndex,
};
use crate::table::TableDefinition;
use crate::{Error, Item, ItemRef, Text};

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
    pub fn validate(&self, evaluator: &mut Evaluator) -> Result<(), Error> {
        check_table_name(self.table_name.as_ref(), TableNameWording::ItemRead)?;
        let mut constraints = Constraints::new();
        constraints.choice("returnConsumedCapacity", &self.return_consumed_capacity);
        if let Some(selection) = &self.selection {
            constraints.attributes_to_get("attributesToGet", selection.attributes_to_get.as_deref());
        }
        constraints.not_null("key", self.key.is_given());
        constraints.finish()?;
        let Some(selection) = &self.selection else {
            return self.key.check_values();
        };
        selection.check_style()?;
        self.key.check_values()?;
        selection.check_parameters(evaluator)
    }

    /// Checks what is selected against the definition of the table.
    ///
    /// # Errors
    /// Validation.
    pub fn check_selection(&self, evaluator: &mut Evaluator, definition: &TableDefinition) -> Result<(), Error> {
        self.selection.as_ref().map_or(Ok(()), |selection| selection.check_paths(evaluator, definition))
    }

    /// What the request gives of the item. Allocates nothing when it gives all.
    pub fn select(&self, evaluator: &mut Evaluator, item: ItemRef<'_>) -> Item {
        match &self.selection {
            None => evaluator.copy(item),
            Some(selection) => selection.select(evaluator, item),
        }
    }

    /// What the read costs; a missing item costs as much as the smallest.
    pub fn units(&self, item: Option<ItemRef<'_>>) -> CapacityUnits {
        CapacityUnits::for_read(item.map_or(0, |item| item.size_bytes()), self.consistent_read)
    }

    /// The reply that gives what is wanted of the item, or says that there is none.
    pub fn reply(
        &self,
        evaluator: &mut Evaluator,
        definition: &TableDefinition,
        item: Option<ItemRef<'_>>,
    ) -> GetItemReply {
        let consumed = match self.return_consumed_capacity.known() {
            None | Some(ReturnConsumedCapacity::None) => None,
            Some(_) => {
                let units = UnitsByIndex::of_table(self.units(item));
                let name = self.table_name.as_ref();
                ConsumedCapacity::answer(&self.return_consumed_capacity, name, definition, &units)
            }
        };
        GetItemReply { item: item.map(|item| self.select(evaluator, item)), consumed }
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
