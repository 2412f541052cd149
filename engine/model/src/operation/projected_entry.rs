//! What a local index holds of an item: which attributes, how large they are, what a change of the item costs there.
//!
//! The index keeps keys alone (`key/index_entry.rs`); DynamoDB's keeps copies of the projected attributes. All that users
//! can tell of those copies, their sizes and their absence, is worked out here from the item itself.

use super::CapacityUnits;
use crate::table::{IndexProjection, LocalIndex, TableDefinition};
use crate::{Item, ItemEncoder, ItemRef};

/// A local index, with the table whose keys it holds besides its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProjectedEntry<'a> {
    definition: &'a TableDefinition,
    index: &'a LocalIndex,
}

impl<'a> ProjectedEntry<'a> {
    pub(crate) fn new(definition: &'a TableDefinition, index: &'a LocalIndex) -> ProjectedEntry<'a> {
        ProjectedEntry { definition, index }
    }

    /// Whether the index holds the attribute of that name.
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.holds_as_key(name)
            || match &self.index.projection {
                IndexProjection::All => true,
                IndexProjection::KeysOnly => false,
                IndexProjection::Include(names) => names.iter().any(|included| included == name),
            }
    }

    /// Whether the index holds all attributes.
    pub(crate) fn holds_all(&self) -> bool {
        self.index.projection == IndexProjection::All
    }

    /// The size of the item's entry. The item must have the index's sort key.
    pub(crate) fn size_bytes(&self, item: ItemRef<'_>) -> usize {
        if self.holds_all() {
            return item.size_bytes();
        }
        let size = |name: &str| item.attribute(name).map_or(0, |value| name.len() + value.size_bytes());
        self.names().map(size).sum()
    }

    /// What the index holds of the item, as an item.
    pub(crate) fn project(&self, encoder: &mut ItemEncoder, item: ItemRef<'_>) -> Item {
        if self.holds_all() {
            return encoder.copy(item);
        }
        encoder.begin_item();
        for (name, value) in item.attributes().filter(|(name, _)| self.holds(name)) {
            encoder.name(name);
            encoder.value(value);
        }
        encoder.finish().expect("attributes of an item are an item")
    }

    /// What it costs to bring the index from one image of an item to another.
    // DynamoDB: observed: an entry that comes or goes is charged for itself, one that moves for both, one that stays for
    // the larger image, and one that does not change not at all.
    pub(crate) fn write_units(&self, old: Option<ItemRef<'_>>, new: Option<ItemRef<'_>>) -> CapacityUnits {
        let old = old.filter(|item| self.is_indexed(*item));
        let new = new.filter(|item| self.is_indexed(*item));
        match (old, new) {
            (None, None) => CapacityUnits::ZERO,
            (Some(entry), None) | (None, Some(entry)) => CapacityUnits::for_write(0, self.size_bytes(entry)),
            (Some(old), Some(new)) => {
                let sort_key = &self.index.sort_key.name;
                if old.encoded_attribute(sort_key) != new.encoded_attribute(sort_key) {
                    CapacityUnits::for_write(0, self.size_bytes(old))
                        + CapacityUnits::for_write(0, self.size_bytes(new))
                } else if self.is_same(old, new) {
                    CapacityUnits::ZERO
                } else {
                    CapacityUnits::for_write(self.size_bytes(old), self.size_bytes(new))
                }
            }
        }
    }

    /// Whether the item has an entry.
    pub(crate) fn is_indexed(&self, item: ItemRef<'_>) -> bool {
        let sort_key = &self.index.sort_key;
        item.attribute(&sort_key.name).is_some_and(|value| value.attribute_type() == sort_key.key_type.attribute_type())
    }

    /// Whether both images have the same entry.
    fn is_same(&self, old: ItemRef<'_>, new: ItemRef<'_>) -> bool {
        if self.holds_all() {
            return old == new;
        }
        self.names().all(|name| old.encoded_attribute(name) == new.encoded_attribute(name))
    }

    /// The attributes of an index that does not hold all, each once.
    fn names(&self) -> impl Iterator<Item = &'a str> {
        let ProjectedEntry { definition, index } = *self;
        let table_keys = definition.key_schema.attributes().map(|key| key.name.as_str());
        let sort_key =
            Some(index.sort_key.name.as_str()).filter(|name| definition.key_schema.attribute(name).is_none());
        let included = index.projection.non_key_attributes();
        let others = included.iter().enumerate().filter(move |(position, name)| {
            let is_key = definition.key_schema.attribute(name).is_some() || index.sort_key.name == **name;
            !is_key && !included[..*position].contains(name)
        });
        table_keys.chain(sort_key).chain(others.map(|(_, name)| name.as_str()))
    }

    fn holds_as_key(&self, name: &str) -> bool {
        self.index.sort_key.name == name || self.definition.key_schema.attribute(name).is_some()
    }
}
