//! Items in the one encoding that they have on the wire, in the log, in memory and on disk (FORMAT.md).
//!
//! A request's item is encoded as it is read (`ItemEncoder`) or arrives encoded and is checked once (`Item::verify`);
//! from then on everybody looks at it in place (`ItemRef`, `ValueRef`) and shares its bytes. Owned trees
//! (`value::Value`) are for tests and tools. Keys are made from items in `key`, not here.

mod encoder;
mod layout;
mod tree;
mod verify;
mod view;

pub use encoder::ItemEncoder;
pub use verify::EncodingError;
pub use view::{Attributes, Elements, ItemRef, ListRef, SetRef, ValueRef};

// For whoever works on encoded values in place: `expression`.
pub(crate) use layout::{
    CONTAINER_KIND_MASK, Container, EMPTY_MAP, TAG_BINARY, TAG_BINARY_SET, TAG_BYTES, TAG_LIST, TAG_MAP, TAG_NUMBER,
    TAG_NUMBER_SET, TAG_STRING, TAG_STRING_SET,
};
pub(crate) use view::{encoded_size_bytes, encoded_type};

use crate::error::Error;
use crate::value::Value;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt;

/// A verified, encoded item: attributes by name. Cloning shares the bytes.
///
/// Invariant: the bytes are a canonical encoding, so equal items have equal bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Item(Bytes);

impl Item {
    /// The item without attributes.
    pub const EMPTY: Item = Item(Bytes::from_static(&layout::EMPTY_MAP));

    /// Checks bytes from outside: one pass, nothing is allocated. Whatever passes is canonical.
    pub fn verify(bytes: Bytes) -> Result<Item, EncodingError> {
        verify::verify_item(&bytes)?;
        Ok(Item(bytes))
    }

    /// Checks bytes from outside, as `verify` does, and says what the item's size is as DynamoDB counts it.
    pub fn verify_sized(bytes: Bytes) -> Result<(Item, usize), EncodingError> {
        let size_bytes = verify::verify_item(&bytes)?;
        Ok((Item(bytes), size_bytes))
    }

    /// Takes bytes that this process has verified or encoded before: from the memtable, or from a journal record whose
    /// checksum held. Other bytes make reading the item panic.
    pub fn from_trusted(bytes: Bytes) -> Item {
        debug_assert_eq!(verify::verify_item(&bytes).err(), None, "trusted bytes are an item");
        Item(bytes)
    }

    /// Looks at the item.
    pub fn as_ref(&self) -> ItemRef<'_> {
        ItemRef::from_encoded(&self.0)
    }

    /// The encoding.
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// Gives the encoding up.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// Encodes a tree. Fails with DynamoDB's text for an empty set, an empty or too long name, or too deep a nesting.
    pub fn from_value_map(map: &BTreeMap<String, Value>) -> Result<Item, Error> {
        tree::encode(map)
    }

    /// Copies the item into a tree.
    pub fn to_value_map(&self) -> BTreeMap<String, Value> {
        self.as_ref().to_value_map()
    }
}

impl Default for Item {
    fn default() -> Item {
        Item::EMPTY
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_ref(), formatter)
    }
}

#[cfg(test)]
mod tests;
