//! `ItemCollectionMetrics`: how large the items of one partition key are, on tables with local indexes.

use crate::Item;

/// What a write tells of the item collection that it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemCollectionMetrics {
    /// The partition key alone, as an item of one attribute.
    pub item_collection_key: Item,
    /// The size lies between so many gigabytes and so many.
    // DynamoDB: API reference: an estimate, a lower and an upper bound.
    pub size_estimate_range_gb: [u32; 2],
}
