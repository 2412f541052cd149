//! How large the item collections of a partition are: all items of one partition key, on a table with local indexes.
//!
//! One for each partition of such a table, on its core. The figures are kept in memory as decisions are made: the next decision counts with
//! all writes in flight. What is applied is in a set of its own beside them, with the new figure of each collection that changes, from which
//! they are read when the partition is opened. Deliberately not here: what an item adds (`model`).

use crate::effect::Effect;
use crate::reads::{Missing, Reads};
use crate::table_set::{Content, FileValue, MemtablesOptions, TableSet};
use crate::walk::WalkValue;
use journal::LogIndex;
use memtable::{Direction, Entry, KeySpan};
use model::KeyHash;
use std::collections::BTreeMap;
use std::ops::Bound;

/// What a collection takes in the map, near enough: its two numbers, and the room that nodes leave free.
const COLLECTION_BYTES: usize = 32;

/// Bytes by collection. See the front page.
///
/// Invariants:
/// 1. A collection is here exactly while it has an item.
/// 2. Collections are told apart by the hash of their partition key: 64 bits, of which no two are expected to be equal
///    in 10^9 collections. Two that were would be counted as one.
pub(crate) struct Collections {
    bytes: BTreeMap<KeyHash, u64>,
    /// What is applied: by hash, big endian, the bytes, little endian.
    pub(crate) applied: TableSet,
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
    /// Without any.
    pub(crate) fn new(options: MemtablesOptions) -> Self {
        Self { bytes: BTreeMap::new(), applied: TableSet::new(Content::Values, options) }
    }

    /// Does what a change does: it sets the figure of a collection.
    pub(crate) fn apply_effect(&mut self, index: LogIndex, effect: Effect<'_>) {
        let Effect::SetValue { entry: hash, value } = effect else { panic!("collections have figures alone") };
        let bytes = value.to_le_bytes();
        let entry = if value == 0 { Entry::Tombstone } else { Entry::Put(&bytes) };
        self.applied.insert(hash, index.0, entry);
    }

    /// Reads the figures of what is applied, from behind `after` on. Before the first decision; after [`Missing`] it goes on.
    pub(crate) fn read_applied(&mut self, after: &mut Vec<u8>, reads: &mut Reads) -> Result<(), Missing> {
        let Self { bytes, applied } = self;
        let begin = after.clone();
        let lower = if begin.is_empty() { Bound::Unbounded } else { Bound::Excluded(begin.as_slice()) };
        let mut walk = applied.walk(KeySpan { lower, upper: Bound::Unbounded }, Direction::Forward);
        while let Some(entry) = walk.step(reads)? {
            let value = match &entry.value {
                WalkValue::Memory(found) => match found.entry {
                    Entry::Put(value) => figure(value),
                    Entry::Tombstone => panic!("a walk yields live entries"),
                },
                WalkValue::File(FileValue::Inline(value)) => figure(value),
                WalkValue::File(_) => panic!("figures are inline"),
            };
            bytes.insert(hash_of(entry.key), value);
            after.clear();
            after.extend_from_slice(entry.key);
        }
        match walk.cut() {
            Some(cut) => {
                *after = cut.to_vec();
                Err(Missing)
            }
            None => Ok(()),
        }
    }

    /// How large the collection is after the change, in bytes.
    pub(crate) fn bytes_after(&self, change: CollectionChange) -> u64 {
        let before = self.bytes.get(&change.hash).copied().unwrap_or(0);
        before + change.new_bytes - change.old_bytes
    }

    /// Bytes that all this takes in memory, near enough.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.bytes.len() * COLLECTION_BYTES
    }

    /// The change is decided.
    pub(crate) fn apply(&mut self, change: CollectionChange) {
        match self.bytes_after(change) {
            0 => self.bytes.remove(&change.hash),
            bytes => self.bytes.insert(change.hash, bytes),
        };
    }
}

fn figure(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("a figure has eight bytes"))
}

/// The hash at the front of an encoded key.
pub(crate) fn hash_of(key: &[u8]) -> KeyHash {
    KeyHash::of_encoded_key(key).expect("an encoded key begins with its hash")
}
