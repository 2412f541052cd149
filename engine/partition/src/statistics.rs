//! How much a partition holds, kept exact as changes are applied.

use model::ItemRef;

/// Item count and size of a partition, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// How many items there are.
    pub item_count: u64,
    /// The sum of their sizes as DynamoDB counts them, in bytes.
    pub size_bytes: u64,
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
    }
}
