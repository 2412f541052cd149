//! How much a partition holds, kept exact as changes are applied.

use model::ItemRef;
use model::limits::LOCAL_SECONDARY_INDEX_COUNT_MAX;
use model::operation::IndexSize;

/// Item count and size of a partition, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// How many items there are.
    pub item_count: u64,
    /// The sum of their sizes as DynamoDB counts them, in bytes.
    pub size_bytes: u64,
    /// The same of each local index, in the order of the definition; nothing past the last.
    pub local_indexes: [IndexSize; LOCAL_SECONDARY_INDEX_COUNT_MAX],
}

impl Statistics {
    /// Accounts for a change that replaces an item of `old_bytes` by `image`.
    pub(crate) fn apply(&mut self, old_bytes: Option<usize>, image: Option<&[u8]>) {
        if let Some(old_bytes) = old_bytes {
            self.item_count -= 1;
            self.size_bytes -= old_bytes as u64;
        }
        if let Some(image) = image {
            self.item_count += 1;
            self.size_bytes += ItemRef::from_trusted(image).size_bytes() as u64;
        }
    }

    /// Adds what another partition holds.
    pub fn add(&mut self, other: Statistics) {
        self.item_count += other.item_count;
        self.size_bytes += other.size_bytes;
        for (index, other) in self.local_indexes.iter_mut().zip(other.local_indexes) {
            index.item_count += other.item_count;
            index.size_bytes += other.size_bytes;
        }
    }
}
