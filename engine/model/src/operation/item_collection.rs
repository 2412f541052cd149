//! `ItemCollectionMetrics`: how large the items of one partition key are, on tables with local indexes.

use super::Evaluator;
use crate::table::TableDefinition;
use crate::{Item, ItemRef};

/// Bytes of a gigabyte, as the estimate counts.
const GIGABYTE: u64 = 1 << 30;

/// What a write tells of the item collection that it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemCollectionMetrics {
    /// The partition key alone, as an item of one attribute.
    pub item_collection_key: Item,
    /// The size lies between so many gigabytes and so many.
    // DynamoDB: API reference: an estimate, a lower and an upper bound.
    pub size_estimate_range_gb: [u32; 2],
}

impl ItemCollectionMetrics {
    /// Of the collection of an item, given whole or by its key; none in a table without local indexes.
    pub fn of(
        evaluator: &mut Evaluator,
        definition: &TableDefinition,
        item: ItemRef<'_>,
        collection_bytes: u64,
    ) -> Option<ItemCollectionMetrics> {
        if definition.local_indexes.is_empty() {
            return None;
        }
        let name = &definition.key_schema.partition_key.name;
        let encoder = &mut evaluator.encoder;
        encoder.begin_item();
        encoder.name(name);
        encoder.value(item.attribute(name)?);
        let item_collection_key = encoder.finish().expect("an attribute of an item is an item");
        let lower = u32::try_from(collection_bytes / GIGABYTE).unwrap_or(u32::MAX - 1);
        Some(ItemCollectionMetrics { item_collection_key, size_estimate_range_gb: [lower, lower + 1] })
    }
}
