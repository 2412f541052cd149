//! What a write did to an item, and what follows from it: its price, the reply's `ConsumedCapacity` and
//! `ItemCollectionMetrics`, the checks of what local indexes would hold of it.
//!
//! In the way of a request: the owner knows both images, in place, when it decides; replies are made from them then.

use super::projected_entry::ProjectedEntry;
use super::{
    CapacityUnits, Choice, ConsumedCapacity, Evaluator, ItemCollectionMetrics, ReturnConsumedCapacity,
    ReturnItemCollectionMetrics, UnitsByIndex,
};
use crate::limits::ITEM_SIZE_BYTES_MAX;
use crate::table::{LocalIndex, TableDefinition};
use crate::{Error, ItemRef, Text};

/// The item before and after a write.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WriteEffect<'a> {
    /// The item before; none when it was not there.
    pub old: Option<ItemRef<'a>>,
    /// The item after; none when it is not there any more.
    pub new: Option<ItemRef<'a>>,
    /// The sizes of all items of the partition key, and of their index entries, after the write; none in a table without
    /// local indexes.
    pub collection_bytes: Option<u64>,
}

impl WriteEffect<'_> {
    /// What the write cost.
    pub fn units(&self, definition: &TableDefinition) -> UnitsByIndex {
        write_units(definition, self.old, self.new)
    }

    /// What the reply tells of the write's cost.
    pub(crate) fn consumed(
        &self,
        asked: &Choice<ReturnConsumedCapacity>,
        table_name: Option<&Text>,
        definition: &TableDefinition,
    ) -> Option<ConsumedCapacity> {
        if matches!(asked.known(), None | Some(ReturnConsumedCapacity::None)) {
            return None;
        }
        ConsumedCapacity::answer(asked, table_name, definition, &self.units(definition))
    }

    /// What the reply tells of the collection of the item with that key.
    pub(crate) fn collection_metrics(
        &self,
        asked: &Choice<ReturnItemCollectionMetrics>,
        evaluator: &mut Evaluator,
        definition: &TableDefinition,
        key: ItemRef<'_>,
    ) -> Option<Box<ItemCollectionMetrics>> {
        if asked.known() != Some(ReturnItemCollectionMetrics::Size) {
            return None;
        }
        let bytes = self.collection_bytes?;
        ItemCollectionMetrics::of(evaluator, definition, key, bytes).map(Box::new)
    }
}

/// What a write costs, of the table and of each local index, by the images before and after. A write that is refused
/// because its condition does not hold costs as if the old image had been written again.
pub fn write_units(definition: &TableDefinition, old: Option<ItemRef<'_>>, new: Option<ItemRef<'_>>) -> UnitsByIndex {
    let size = |item: Option<ItemRef<'_>>| item.map_or(0, |item| item.size_bytes());
    let mut units = UnitsByIndex::of_table(CapacityUnits::for_write(size(old), size(new)));
    for (index, arm) in definition.local_indexes.iter().zip(&mut units.local_indexes) {
        *arm = ProjectedEntry::new(definition, index).write_units(old, new);
    }
    units
}

/// What an item adds to the size of its collection: itself and its index entries.
pub fn collection_share_bytes(definition: &TableDefinition, item: ItemRef<'_>) -> u64 {
    (item.size_bytes() + entries_bytes(definition, item)) as u64
}

/// The size of the entry that an item has in a local index.
pub fn index_entry_bytes(definition: &TableDefinition, index: &LocalIndex, item: ItemRef<'_>) -> u64 {
    ProjectedEntry::new(definition, index).size_bytes(item) as u64
}

/// Checks what local indexes would hold of an item that is to be written: each index's sort key, if the item has it,
/// then all the entries' sizes.
///
/// # Errors
/// Validation.
pub fn check_index_entries(definition: &TableDefinition, item: ItemRef<'_>) -> Result<(), Error> {
    if definition.local_indexes.is_empty() {
        return Ok(());
    }
    definition.local_indexes.iter().try_for_each(|index| index.check_item(item))?;
    // DynamoDB: developer guide, "Local secondary indexes": an item and what all local indexes hold of it share 400 KB.
    if item.size_bytes() + entries_bytes(definition, item) > ITEM_SIZE_BYTES_MAX {
        return Err(item_too_large());
    }
    Ok(())
}

/// The error for an item that is too large to be stored.
pub(crate) fn item_too_large() -> Error {
    Error::validation("Item size has exceeded the maximum allowed size")
}

fn entries_bytes(definition: &TableDefinition, item: ItemRef<'_>) -> usize {
    let entries = definition.local_indexes.iter().map(|index| ProjectedEntry::new(definition, index));
    entries.filter(|entry| entry.is_indexed(item)).map(|entry| entry.size_bytes(item)).sum()
}
