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
    TAG_NUMBER_SET, TAG_STRING, TAG_STRING_SET, split_name,
};
pub(crate) use view::{encoded_size_bytes, encoded_type};

use crate::error::Error;
use crate::value::Value;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};

/// A verified, encoded item: attributes by name. Cloning shares the bytes.
///
/// Invariant: the bytes are a canonical encoding, so equal items have equal bytes.
#[derive(Clone)]
pub struct Item {
    bytes: Bytes,
    /// The item's size as DynamoDB counts it, where it was counted on the way; else 0.
    counted_bytes: u32,
}

impl Item {
    /// The item without attributes.
    pub const EMPTY: Item = Item::uncounted(Bytes::from_static(&layout::EMPTY_MAP));

    /// Checks bytes from outside: one pass, nothing is allocated. Whatever passes is canonical.
    pub fn verify(bytes: Bytes) -> Result<Item, EncodingError> {
        Ok(Item::verify_sized(bytes)?.0)
    }

    /// Checks bytes from outside, as `verify` does, and says what the item's size is as DynamoDB counts it.
    pub fn verify_sized(bytes: Bytes) -> Result<(Item, usize), EncodingError> {
        let size_bytes = verify::verify_item(&bytes)?;
        // An encoding is too short for more than 32 bits.
        let counted_bytes = u32::try_from(size_bytes).unwrap_or(0);
        Ok((Item { bytes, counted_bytes }, size_bytes))
    }

    /// Takes bytes that this process has verified or encoded before: from the memtable, or from a journal record whose
    /// checksum held. Other bytes make reading the item panic.
    pub fn from_trusted(bytes: Bytes) -> Item {
        debug_assert_eq!(verify::verify_item(&bytes).err(), None, "trusted bytes are an item");
        Item::uncounted(bytes)
    }

    /// An item whose size nobody has counted yet.
    const fn uncounted(bytes: Bytes) -> Item {
        Item { bytes, counted_bytes: 0 }
    }

    /// The item's size as DynamoDB counts it. Of an item that was verified it is known, else it is counted now.
    pub fn size_bytes(&self) -> usize {
        match self.counted_bytes {
            0 => self.as_ref().size_bytes(),
            counted_bytes => counted_bytes as usize,
        }
    }

    /// Looks at the item.
    pub fn as_ref(&self) -> ItemRef<'_> {
        ItemRef::from_encoded(&self.bytes)
    }

    /// The encoding.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Gives the encoding up.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
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

impl PartialEq for Item {
    fn eq(&self, other: &Item) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Item {}

impl Hash for Item {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
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
