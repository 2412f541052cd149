//! Primary keys: what a table's key is, and the ordered bytes that stand for one (FORMAT.md, "Keys").
//!
//! The way of a request: the router encodes the key to find the partition, the owner finds the item by it, a page's
//! end turns it back into attributes. `key/range.rs` has the stretch of keys that a Query reads.

mod index_entry;
mod ordered;
mod places;
mod range;

pub use places::KeyPlaces;
pub use range::KeyRange;

use crate::error::Error;
use crate::item::{Item, ItemEncoder, ItemRef, TAG_BYTES, encoded_type, split_name};
use crate::limits::{PARTITION_KEY_BYTES_MAX, SORT_KEY_BYTES_MAX};
use crate::number::Number;
use crate::short_bytes::ShortBytes;
use crate::value::AttributeType;
use std::fmt;
use std::ops::Deref;
use xxhash_rust::xxh3::xxh3_64;

/// The type of a key attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// Text, ordered by its UTF-8 bytes.
    String,
    /// A number, ordered by value.
    Number,
    /// Bytes, ordered unsigned.
    Binary,
}

/// An attribute of a primary key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAttribute {
    /// The attribute's name, 1 to 255 bytes.
    pub name: String,
    /// The attribute's type.
    pub key_type: KeyType,
}

/// The primary key of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySchema {
    /// The attribute that says which partition.
    pub partition_key: KeyAttribute,
    /// The attribute that orders the items of one partition key.
    pub sort_key: Option<KeyAttribute>,
}

/// The place of a partition key on the ring of hashes: what partitions are ranges of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash(pub u64);

/// The first bytes of an encoded key: the hash, big endian.
pub const KEY_HASH_BYTES: usize = 8;

/// No encoded key is longer: the hash, each byte of the partition key escaped, its end, the sort key.
pub const ENCODED_KEY_BYTES_MAX: usize = KEY_HASH_BYTES + 2 * PARTITION_KEY_BYTES_MAX + 2 + SORT_KEY_BYTES_MAX;

/// Keys of so many bytes lie in the value itself: a UUID as text does.
const KEY_BYTES_IN_PLACE: usize = 46;

/// The ordered bytes of a primary key: hash of the partition key, partition key, sort key. Cloning copies a short key, and shares a long one.
///
/// Within one partition key the bytes sort as the sort keys do.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EncodedKey(ShortBytes<KEY_BYTES_IN_PLACE>);

/// How a key that does not fit the table is answered: operations differ.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wording {
    /// The key inside an item of PutItem: the attribute is named.
    Item,
    /// A Key parameter, or the key inside an item of BatchWriteItem: one text for all.
    Schema,
}

/// What an item has for the attributes of a key, of whatever type: tags and payloads.
#[derive(Clone, Copy, Default)]
struct KeyValues<'a> {
    partition_key: Option<&'a [u8]>,
    /// Nothing where the key has none.
    sort_key: Option<&'a [u8]>,
}

impl KeyType {
    /// The attribute type that such a key has.
    pub const fn attribute_type(self) -> AttributeType {
        match self {
            KeyType::String => AttributeType::String,
            KeyType::Number => AttributeType::Number,
            KeyType::Binary => AttributeType::Binary,
        }
    }

    /// DynamoDB's name of the type: `S`, `N` or `B`.
    pub const fn token(self) -> &'static str {
        self.attribute_type().token()
    }

    /// The type that a token names.
    pub fn from_token(token: &str) -> Option<KeyType> {
        [KeyType::String, KeyType::Number, KeyType::Binary].into_iter().find(|key_type| key_type.token() == token)
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.token())
    }
}

impl KeyHash {
    /// The hash at the front of an encoded key. `None` for fewer than 8 bytes.
    pub fn of_encoded_key(encoded: &[u8]) -> Option<KeyHash> {
        encoded.first_chunk::<KEY_HASH_BYTES>().map(|bytes| KeyHash(u64::from_be_bytes(*bytes)))
    }
}

impl EncodedKey {
    /// Copies bytes that `KeySchema` has encoded. Panics when they are shorter than the hash.
    #[inline]
    pub fn new(bytes: &[u8]) -> EncodedKey {
        assert!(bytes.len() >= KEY_HASH_BYTES, "an encoded key begins with its hash: {} bytes", bytes.len());
        EncodedKey(ShortBytes::copy_of(bytes))
    }

    /// The place of the partition key on the ring.
    pub fn hash(&self) -> KeyHash {
        KeyHash::of_encoded_key(&self.0).expect("checked when it was made")
    }
}

impl Deref for EncodedKey {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for EncodedKey {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for EncodedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "EncodedKey(\"{}\")", self.0.escape_ascii())
    }
}

impl KeySchema {
    /// The key attributes: partition key, then sort key if there is one.
    pub fn attributes(&self) -> impl Iterator<Item = &KeyAttribute> {
        std::iter::once(&self.partition_key).chain(&self.sort_key)
    }

    /// How many attributes the key has: 1 or 2.
    pub fn attribute_count(&self) -> usize {
        1 + usize::from(self.sort_key.is_some())
    }

    /// The attribute of that name, if it belongs to the key.
    pub fn attribute(&self, name: &str) -> Option<&KeyAttribute> {
        self.attributes().find(|attribute| attribute.name == name)
    }

    /// Appends the encoded key of an item to be put. Fails, with DynamoDB's texts for PutItem, when a key attribute is
    /// missing, of another type, empty or too long; `out` is then left as it was.
    pub fn encode_item_key(&self, item: ItemRef<'_>, out: &mut Vec<u8>) -> Result<KeyHash, Error> {
        self.encode(self.find_values(item), Wording::Item, out)
    }

    /// As `encode_item_key`, with the texts of BatchWriteItem.
    ///
    /// DynamoDB: observed: BatchWriteItem does not say which key attribute is missing or of another type.
    pub fn encode_batch_item_key(&self, item: ItemRef<'_>, out: &mut Vec<u8>) -> Result<KeyHash, Error> {
        self.encode(self.find_values(item), Wording::Schema, out)
    }

    /// Appends the encoded key of a Key parameter, which is exactly the key attributes; `out` is left as it was when
    /// it is not, with DynamoDB's text.
    pub fn encode_key(&self, key: ItemRef<'_>, out: &mut Vec<u8>) -> Result<KeyHash, Error> {
        let key = key.container();
        if key.count != self.attribute_count() {
            return Err(key_element_does_not_match());
        }
        // There are no others: looking at each is faster than to search for them.
        let mut values = KeyValues::default();
        for position in 0..key.count {
            let (name, value) = split_name(key.entry(position)).expect("a verified name");
            if name == self.partition_key.name.as_bytes() {
                values.partition_key = Some(value);
            } else {
                values.sort_key =
                    self.sort_key.as_ref().filter(|sort_key| name == sort_key.name.as_bytes()).and(Some(value));
            }
        }
        self.encode(values, Wording::Schema, out)
    }

    /// Turns an encoded key back into its attributes, as in LastEvaluatedKey. `None` if it is not one of this schema.
    pub fn decode_key(&self, encoded: &[u8]) -> Option<Item> {
        let (partition_key, sort_key) = self.split_encoded_key(encoded)?;
        let mut encoder = ItemEncoder::new();
        encoder.begin_item();
        encoder.name(&self.partition_key.name);
        ordered::decode_delimited(self.partition_key.key_type, partition_key, &mut encoder)?;
        match &self.sort_key {
            None if !sort_key.is_empty() => return None,
            None => {}
            Some(attribute) => {
                encoder.name(&attribute.name);
                ordered::decode_sort_key(attribute.key_type, sort_key, &mut encoder)?;
            }
        }
        encoder.finish().ok()
    }

    fn split_encoded_key<'a>(&self, encoded: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let key = encoded.get(KEY_HASH_BYTES..)?;
        key.split_at_checked(ordered::delimited_bytes(self.partition_key.key_type, key)?)
    }

    fn find_values<'a>(&self, item: ItemRef<'a>) -> KeyValues<'a> {
        let container = item.container();
        let sort_key = self.sort_key.as_ref().and_then(|sort_key| container.value_of(sort_key.name.as_bytes()));
        KeyValues { partition_key: container.value_of(self.partition_key.name.as_bytes()), sort_key }
    }

    fn encode(&self, values: KeyValues<'_>, wording: Wording, out: &mut Vec<u8>) -> Result<KeyHash, Error> {
        let partition_key = payload_of(values.partition_key, &self.partition_key, wording)?;
        let sort_key = match &self.sort_key {
            Some(attribute) => Some((attribute, payload_of(values.sort_key, attribute, wording)?)),
            None => None,
        };
        let KeyAttribute { name, key_type } = &self.partition_key;
        check_partition_key(name, (key_type.attribute_type(), partition_key.len()))?;
        if let Some((KeyAttribute { name, key_type }, payload)) = sort_key {
            check_sort_key(name, (key_type.attribute_type(), payload.len()))?;
        }
        let hash = begin_encoded_key(out, |out| ordered::delimit(*key_type, partition_key, out));
        if let Some((_, payload)) = sort_key {
            // As it is in the item: numbers are ordered there too.
            out.extend_from_slice(payload);
        }
        Ok(hash)
    }
}

/// Appends hash and partition key.
fn begin_encoded_key(out: &mut Vec<u8>, encode_partition_key: impl FnOnce(&mut Vec<u8>)) -> KeyHash {
    let start = out.len();
    out.extend_from_slice(&[0; KEY_HASH_BYTES]);
    let key_at = out.len();
    encode_partition_key(out);
    let hash = xxh3_64(&out[key_at..]);
    out[start..key_at].copy_from_slice(&hash.to_be_bytes());
    KeyHash(hash)
}

/// The bytes of a key attribute's value, which is there and of the right type, as the item has them.
#[inline]
fn payload_of<'a>(value: Option<&'a [u8]>, attribute: &KeyAttribute, wording: Wording) -> Result<&'a [u8], Error> {
    match value {
        Some(value) if encoded_type(value) == attribute.key_type.attribute_type() => Ok(&value[TAG_BYTES..]),
        found => Err(no_such_key(found, attribute, wording)),
    }
}

/// What is wrong with an item that has this in the place of a key attribute's value.
#[cold]
fn no_such_key(found: Option<&[u8]>, attribute: &KeyAttribute, wording: Wording) -> Error {
    let KeyAttribute { name, key_type } = attribute;
    match (wording, found) {
        (Wording::Schema, _) => key_element_does_not_match(),
        (Wording::Item, None) => Error::invalid_parameter(format_args!("Missing the key {name} in the item")),
        (Wording::Item, Some(value)) => Error::invalid_parameter(format_args!(
            "Type mismatch for key {name} expected: {key_type} actual: {}",
            encoded_type(value)
        )),
    }
}

/// DynamoDB: observed: the text for Get, Update, Delete and the batches.
fn key_element_does_not_match() -> Error {
    Error::validation("The provided key element does not match the schema")
}

/// Checks a partition key of a type of a key, and of a size. A number's is anything: it is always small enough.
fn check_partition_key(name: &str, (found, size_bytes): (AttributeType, usize)) -> Result<(), Error> {
    check_not_empty(name, (found, size_bytes))?;
    if size_bytes > PARTITION_KEY_BYTES_MAX {
        // DynamoDB: observed: without the space.
        return Err(Error::invalid_parameter(format_args!(
            "Size of hashkey has exceeded the maximum size limit of{PARTITION_KEY_BYTES_MAX} bytes"
        )));
    }
    Ok(())
}

/// The same of a sort key.
fn check_sort_key(name: &str, (found, size_bytes): (AttributeType, usize)) -> Result<(), Error> {
    check_not_empty(name, (found, size_bytes))?;
    if size_bytes > SORT_KEY_BYTES_MAX {
        return Err(Error::invalid_parameter(format_args!(
            "Aggregated size of all range keys has exceeded the size limit of {SORT_KEY_BYTES_MAX} bytes"
        )));
    }
    Ok(())
}

fn check_not_empty(name: &str, (found, size_bytes): (AttributeType, usize)) -> Result<(), Error> {
    let kind = match found {
        AttributeType::String if size_bytes == 0 => "string",
        AttributeType::Binary if size_bytes == 0 => "binary",
        _ => return Ok(()),
    };
    Err(Error::validation(format!(
        "One or more parameter values are not valid. \
         The AttributeValue for a key attribute cannot contain an empty {kind} value. Key: {name}"
    )))
}

#[cfg(test)]
mod tests;
