//! The local secondary indexes of a partition: for each an ordered set of entries, which lead back to the items.
//!
//! One a partition, on its core, changed by `apply` with the items: whoever reads an index reads what is applied, as of
//! the same entry of the log as the items. An entry holds keys alone (FORMAT.md); attributes come from the item, so an
//! index costs nothing when other attributes of its items change. Deliberately not here: what a change does to an index (`effect.rs`),
//! and what a read gives back (`model`).

use crate::effect::Effect;
use crate::table_set::{Content, MemtablesOptions, TableSet};
use journal::LogIndex;
use memtable::Entry;
use model::ItemRef;

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
    pub(crate) sets: Vec<TableSet>,
    options: MemtablesOptions,
}

impl LocalIndexes {
    /// None yet: while a log is read back nobody knows how many there are.
    pub(crate) fn new(options: MemtablesOptions) -> Self {
        Self { sets: Vec::new(), options }
    }

    /// Makes sure that there are as many.
    pub(crate) fn make(&mut self, count: usize) {
        while self.sets.len() < count {
            self.sets.push(TableSet::new(Content::Entries, self.options.clone()));
        }
    }

    /// Does to an index what a change does.
    pub(crate) fn apply(&mut self, number: u8, index: LogIndex, effect: Effect<'_>) {
        self.make(usize::from(number) + 1);
        let set = &mut self.sets[usize::from(number)];
        match effect {
            Effect::Remove { entry, .. } => set.insert(entry, index.0, Entry::Tombstone),
            Effect::Add { entry, .. } => set.insert(entry, index.0, Entry::Put(&[])),
            Effect::Resize { .. } => {}
            Effect::SetValue { .. } => panic!("entries of an index have no value"),
        }
    }
}
