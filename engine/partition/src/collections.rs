//! How large the item collections of a partition are: all items of one partition key, on a table with local indexes.
//!
//! One for each partition of such a table, on its core. Kept as decisions are made, not as they are applied: the next
//! decision counts with all writes in flight. Deliberately not here: what an item adds (`local_indexes.rs`).

use model::KeyHash;
use std::collections::BTreeMap;

/// Bytes by collection. See the front page.
///
/// Invariants:
/// 1. A collection is here exactly while it has an item.
/// 2. Collections are told apart by the hash of their partition key: 64 bits, of which no two are expected to be equal
///    in 10^9 collections. Two that were would be counted as one.
#[derive(Debug, Default)]
pub(crate) struct Collections {
    bytes: BTreeMap<KeyHash, u64>,
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

impl CollectionChange {
    /// Whether the collection gets larger.
    pub(crate) fn grows(&self) -> bool {
        self.new_bytes > self.old_bytes
    }
}

impl Collections {
    /// How large the collection is after the change, in bytes.
    pub(crate) fn bytes_after(&self, change: CollectionChange) -> u64 {
        let before = self.bytes.get(&change.hash).copied().unwrap_or(0);
        before + change.new_bytes - change.old_bytes
    }

    /// An item that was there before anything is decided, and what it takes.
    pub(crate) fn add(&mut self, key: &[u8], new_bytes: u64) {
        self.apply(CollectionChange { hash: hash_of(key), old_bytes: 0, new_bytes });
    }

    /// The change is decided.
    pub(crate) fn apply(&mut self, change: CollectionChange) {
        match self.bytes_after(change) {
            0 => self.bytes.remove(&change.hash),
            bytes => self.bytes.insert(change.hash, bytes),
        };
    }
}

/// The hash at the front of an encoded key.
pub(crate) fn hash_of(key: &[u8]) -> KeyHash {
    KeyHash::of_encoded_key(key).expect("an encoded key begins with its hash")
}
