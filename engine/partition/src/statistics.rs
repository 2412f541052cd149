//! How much a partition holds, kept exact as changes are applied.

use crate::ChangeView;
use crate::effect::{Effect, Effects, SetId};
use crate::image::Image;
use journal::Location;
use model::ItemRef;
use model::limits::LOCAL_SECONDARY_INDEX_COUNT_MAX;
use model::operation::IndexSize;
use std::iter::Sum;

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

/// What a partition's items need of the journal, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveBytes {
    /// If records took what items have as DynamoDB counts them and a little beside. Items of many small values take more.
    pub counted: u64,
    /// As records are that files name: compressed items take less, those that lie in files whole none.
    pub stored: u64,
}

impl Sum for LiveBytes {
    fn sum<I: Iterator<Item = LiveBytes>>(all: I) -> LiveBytes {
        all.fold(LiveBytes::default(), |sum, one| LiveBytes {
            counted: sum.counted + one.counted,
            stored: sum.stored + one.stored,
        })
    }
}

/// How large an item was and is, as DynamoDB counts it; `None` where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChangeSizes {
    old_bytes: Option<u32>,
    new_bytes: Option<u32>,
}

impl ChangeSizes {
    /// Of a change.
    pub(crate) fn of(change: &ChangeView<'_>) -> Self {
        let size =
            |image| u32::try_from(ItemRef::from_trusted(image).size_bytes()).expect("an item has at most 400 KB");
        Self { old_bytes: change.old_item_bytes, new_bytes: change.image.map(size) }
    }

    /// The same of a change whose item was counted when it was proposed, if it was.
    pub(crate) fn of_counted(change: &ChangeView<'_>, item_bytes: Option<u32>) -> Self {
        if item_bytes.is_none() {
            return Self::of(change);
        }
        let sizes = Self { old_bytes: change.old_item_bytes, new_bytes: item_bytes };
        debug_assert_eq!(sizes, Self::of(change), "it is counted as it is proposed");
        sizes
    }

    /// What a memtable holds of the change.
    pub(crate) fn image(self, location: Location, item: Option<&[u8]>) -> Image<'_> {
        Image { location, item, item_bytes: self.new_bytes.unwrap_or(0) }
    }
}

impl Statistics {
    /// Accounts for a change.
    pub(crate) fn apply(&mut self, sizes: ChangeSizes, effects: Effects<'_>) {
        if let Some(old_bytes) = sizes.old_bytes {
            self.item_count -= 1;
            self.size_bytes -= u64::from(old_bytes);
        }
        if let Some(new_bytes) = sizes.new_bytes {
            self.item_count += 1;
            self.size_bytes += u64::from(new_bytes);
        }
        for (set, effect) in effects.iter() {
            let SetId::LocalIndex(number) = set else { continue };
            let size = &mut self.local_indexes[usize::from(number)];
            match effect {
                Effect::Remove { item_bytes, .. } => {
                    size.item_count -= 1;
                    size.size_bytes -= u64::from(item_bytes);
                }
                Effect::Add { item_bytes, .. } => {
                    size.item_count += 1;
                    size.size_bytes += u64::from(item_bytes);
                }
                Effect::Resize { old_item_bytes, item_bytes } => {
                    size.size_bytes = size.size_bytes - u64::from(old_item_bytes) + u64::from(item_bytes);
                }
                Effect::SetValue { .. } => {}
            }
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
