//! The local secondary indexes of a partition: for each an ordered set of entries, which lead back to the items.
//!
//! One a partition, on its core, changed by `apply` with the items: whoever reads an index reads what is applied, as of
//! the same entry of the log as the items. An entry holds keys alone (FORMAT.md); attributes come from the item, so an
//! index costs nothing when other attributes of its items change. Deliberately not here: what a read gives back (`model`).

use crate::table_set::{Content, MemtablesOptions, TableSet};
use memtable::Entry;
use model::operation::{IndexSize, index_entry_bytes};
use model::{ItemRef, TableDefinition};

/// What becomes of the item with a key.
#[derive(Clone, Copy)]
pub(crate) struct ItemChange<'a> {
    /// The encoded key.
    pub(crate) key: &'a [u8],
    pub(crate) old: Option<ItemRef<'a>>,
    pub(crate) new: Option<ItemRef<'a>>,
}

/// See the front page.
///
/// Invariant: the set of an index holds the entry of each applied item that has one, and no other.
pub(crate) struct LocalIndexes {
    /// In the order of the definition.
    sets: Vec<TableSet>,
    /// Of the last change of an entry.
    version: u64,
    /// Where entries are put together; used again by each change.
    old_entry: Vec<u8>,
    new_entry: Vec<u8>,
}

impl LocalIndexes {
    /// Empty indexes of a table.
    pub(crate) fn new(definition: &TableDefinition, options: MemtablesOptions) -> Self {
        let sets = definition.local_indexes.iter().map(|_| TableSet::new(Content::Entries, options)).collect();
        Self { sets, version: 0, old_entry: Vec::new(), new_entry: Vec::new() }
    }

    /// Whether the table has none.
    pub(crate) fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// The entries of the index of that number.
    pub(crate) fn set(&self, index: usize) -> &TableSet {
        &self.sets[index]
    }

    /// The same, to merge them.
    pub(crate) fn set_mut(&mut self, index: usize) -> &mut TableSet {
        &mut self.sets[index]
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.sets.len()
    }

    /// Bytes that all entries hold.
    pub(crate) fn bytes(&self) -> usize {
        self.sets.iter().map(TableSet::bytes).sum()
    }

    /// Makes the entries of one item what they are after a change, and accounts for it in `sizes`.
    pub(crate) fn apply(&mut self, definition: &TableDefinition, change: ItemChange<'_>, sizes: &mut [IndexSize]) {
        let schema = &definition.key_schema;
        for ((index, set), size) in definition.local_indexes.iter().zip(&mut self.sets).zip(sizes) {
            let ItemChange { key, old, new } = change;
            self.old_entry.clear();
            self.new_entry.clear();
            let old = old.filter(|old| schema.encode_entry(index, *old, key, &mut self.old_entry));
            let new = new.filter(|new| schema.encode_entry(index, *new, key, &mut self.new_entry));
            if let Some(old) = old {
                size.item_count -= 1;
                size.size_bytes -= index_entry_bytes(definition, index, old);
            }
            if let Some(new) = new {
                size.item_count += 1;
                size.size_bytes += index_entry_bytes(definition, index, new);
            }
            if self.old_entry == self.new_entry {
                continue;
            }
            self.version += 1;
            if old.is_some() {
                set.insert(&self.old_entry, self.version, Entry::Tombstone);
            }
            if new.is_some() {
                set.insert(&self.new_entry, self.version, Entry::Put(&[]));
            }
        }
    }
}
