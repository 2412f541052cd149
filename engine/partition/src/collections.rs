//! How large the item collections of a partition are: all items of one partition key, on a table with local indexes.
//!
//! One for each partition of such a table, on its core. What is applied is in a set of its own, with the new figure of each collection that changes;
//! a decision looks there, but for the collections of writes in flight: so many figures are kept beside it, as those writes leave them. Deliberately
//! not here: what an item adds (`model`).

use crate::effect::Effect;
use crate::reads::{Missing, Reads};
use crate::table_set::{Content, FileValue, MemtablesOptions, TableSet};
use journal::LogIndex;
use memtable::Entry;
use model::KeyHash;
use model::table::PartitionId;
use sstable::SoughtKey;
use std::collections::BTreeMap;

/// Bytes by collection. See the front page.
///
/// Invariants:
/// 1. A collection has a figure exactly while it has an item.
/// 2. Collections are told apart by the hash of their partition key: 64 bits, of which no two are expected to be equal
///    in 10^9 collections. Two that were would be counted as one.
/// 3. `decided` has a collection exactly while a write to it is in flight.
pub(crate) struct Collections {
    owner: PartitionId,
    decided: BTreeMap<KeyHash, Decided>,
    /// What is applied: by hash, big endian, the bytes, little endian.
    pub(crate) applied: TableSet,
}

/// A figure as the newest write in flight leaves it.
struct Decided {
    index: LogIndex,
    bytes: u64,
}

/// What a write does to a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CollectionChange {
    /// Of the partition key.
    pub(crate) hash: KeyHash,
    /// What the replaced item and its entries took.
    pub(crate) old_bytes: u64,
    /// What the new ones take.
    pub(crate) new_bytes: u64,
}

/// How large a collection is once a write is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CollectionSize {
    /// Of the partition key.
    pub(crate) hash: KeyHash,
    pub(crate) bytes: u64,
    /// It was smaller before.
    pub(crate) is_larger: bool,
}

impl Collections {
    /// Without any.
    pub(crate) fn new(owner: PartitionId, options: MemtablesOptions) -> Self {
        Self { owner, decided: BTreeMap::new(), applied: TableSet::new(Content::Values, options) }
    }

    /// Does what a change does: it sets the figure of a collection.
    pub(crate) fn apply_effect(&mut self, index: LogIndex, effect: Effect<'_>) {
        let Effect::SetValue { entry: hash, value } = effect else { panic!("collections have figures alone") };
        let bytes = value.to_le_bytes();
        let entry = if value == 0 { Entry::Tombstone } else { Entry::Put(&bytes) };
        self.applied.insert(hash, index.0, entry);
        let hash = hash_of(hash);
        if self.decided.get(&hash).is_some_and(|decided| decided.index == index) {
            self.decided.remove(&hash);
        }
    }

    /// How large the collection of a change is after it, all writes in flight included.
    ///
    /// # Errors
    /// If that has to be brought first.
    pub(crate) fn size_after(&self, change: CollectionChange, reads: &mut Reads) -> Result<CollectionSize, Missing> {
        let CollectionChange { hash, old_bytes, new_bytes } = change;
        let bytes = self.bytes(hash, reads)? + new_bytes - old_bytes;
        Ok(CollectionSize { hash, bytes, is_larger: new_bytes > old_bytes })
    }

    /// The write at `index` was proposed, which leaves the collection as large as that.
    pub(crate) fn decide(&mut self, index: LogIndex, size: CollectionSize) {
        self.decided.insert(size.hash, Decided { index, bytes: size.bytes });
    }

    /// How large the collection is, all writes in flight included; 0 if there is none.
    ///
    /// # Errors
    /// If that has to be brought first.
    pub(crate) fn bytes(&self, hash: KeyHash, reads: &mut Reads) -> Result<u64, Missing> {
        if let Some(decided) = self.decided.get(&hash) {
            return Ok(decided.bytes);
        }
        let key = hash.0.to_be_bytes();
        if let Some(found) = self.applied.find_in_memory(self.applied.tagged(&key)) {
            return Ok(match found.entry {
                Entry::Put(value) => figure(value),
                Entry::Tombstone => 0,
            });
        }
        let found = self.applied.find_in_files(self.owner, &SoughtKey::new(&key), reads)?;
        Ok(match found.map(|found| found.value) {
            Some(FileValue::Inline(value)) => figure(&value),
            None | Some(FileValue::Deleted) => 0,
            Some(FileValue::InJournal(..) | FileValue::Bare) => panic!("figures are inline"),
        })
    }
}

fn figure(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("a figure has eight bytes"))
}

/// The hash at the front of an encoded key.
pub(crate) fn hash_of(key: &[u8]) -> KeyHash {
    KeyHash::of_encoded_key(key).expect("an encoded key begins with its hash")
}
