//! The stretch of encoded keys that a Query reads: one partition key, and a condition on the sort key.
//!
//! Made by the query's key condition when the table's schema is known; walked by the owner of the partition.

use super::{KeyHash, KeySchema, begin_encoded_key, check_partition_key, ordered};
use crate::error::Error;
use crate::item::ValueRef;

/// Encoded keys of one partition key: those from `lower` on and below `upper`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The place of the partition key on the ring.
    pub hash: KeyHash,
    /// The first key that may belong to the range.
    pub lower: Vec<u8>,
    /// The first key beyond the range.
    pub upper: Vec<u8>,
    /// How long the hash and partition key are, with which every key of the range begins.
    prefix_bytes: usize,
    /// The keys are those of entries of an index, in which more follows the sort key.
    is_of_entries: bool,
}

impl KeyRange {
    /// All keys with that partition key, whose type is the schema's. Fails, with DynamoDB's texts, for one that is
    /// empty or too long.
    pub fn of_partition_key(schema: &KeySchema, partition_key: ValueRef<'_>) -> Result<KeyRange, Error> {
        let found = (partition_key.attribute_type(), partition_key.size_bytes());
        check_partition_key(&schema.partition_key.name, found)?;
        let mut lower = Vec::with_capacity(64);
        let hash = begin_encoded_key(&mut lower, |lower| ordered::encode_delimited(partition_key, lower));
        let upper = first_after_prefix(&lower);
        let prefix_bytes = lower.len();
        Ok(KeyRange { hash, lower, upper, prefix_bytes, is_of_entries: false })
    }

    /// The same partition key in a local index: the keys are those of entries, and the sort key is the index's.
    #[must_use]
    pub fn in_index(self) -> KeyRange {
        KeyRange { is_of_entries: true, ..self }
    }

    /// Narrows to sort keys equal to `value`, whose type, here and below, is the schema's.
    pub fn equal(self, value: ValueRef<'_>) -> KeyRange {
        self.at_least(value).at_most(value)
    }

    /// Narrows to sort keys below `value`.
    pub fn below(mut self, value: ValueRef<'_>) -> KeyRange {
        self.upper = self.bound(value);
        self
    }

    /// Narrows to sort keys below or equal to `value`.
    pub fn at_most(mut self, value: ValueRef<'_>) -> KeyRange {
        self.upper = self.first_after_value(value);
        self
    }

    /// Narrows to sort keys above `value`.
    pub fn above(mut self, value: ValueRef<'_>) -> KeyRange {
        self.lower = self.first_after_value(value);
        self
    }

    /// Narrows to sort keys above or equal to `value`.
    pub fn at_least(mut self, value: ValueRef<'_>) -> KeyRange {
        self.lower = self.bound(value);
        self
    }

    /// Narrows to sort keys from `first` to `last`, both included. Empty when `last` is below `first`.
    pub fn between(self, first: ValueRef<'_>, last: ValueRef<'_>) -> KeyRange {
        self.at_least(first).at_most(last)
    }

    /// Narrows to sort keys (strings or binaries) that begin with `value`.
    pub fn begins_with(mut self, value: ValueRef<'_>) -> KeyRange {
        self.lower = self.bound(value);
        if self.is_of_entries {
            self.lower.truncate(self.lower.len() - ordered::END_BYTES);
        }
        self.upper = first_after_prefix(&self.lower);
        self
    }

    /// Narrows to the keys after this one, as a page that goes on forwards does.
    pub fn after_key(mut self, encoded: &[u8]) -> KeyRange {
        if encoded >= self.upper.as_slice() {
            self.upper.clone_from(&self.lower);
        } else if encoded >= self.lower.as_slice() {
            self.lower = first_after(encoded.to_vec());
        }
        self
    }

    /// Narrows to the keys before this one, as a page that goes on backwards does.
    pub fn before_key(mut self, encoded: &[u8]) -> KeyRange {
        if encoded < self.lower.as_slice() {
            self.upper.clone_from(&self.lower);
        } else if encoded < self.upper.as_slice() {
            self.upper = encoded.to_vec();
        }
        self
    }

    /// Whether an encoded key lies in the range.
    pub fn contains(&self, encoded: &[u8]) -> bool {
        self.lower.as_slice() <= encoded && encoded < self.upper.as_slice()
    }

    /// Whether no key can lie in the range.
    pub fn is_empty(&self) -> bool {
        self.lower >= self.upper
    }

    /// Hash and partition key: what every key of the range begins with.
    pub fn prefix(&self) -> &[u8] {
        // Narrowing only ever moves `lower` to a key of the same partition key, or to the byte string after one.
        &self.lower[..self.prefix_bytes]
    }

    /// The encoded key with this sort key.
    fn bound(&self, value: ValueRef<'_>) -> Vec<u8> {
        let mut key = Vec::with_capacity(self.prefix_bytes + 32);
        key.extend_from_slice(self.prefix());
        if self.is_of_entries {
            ordered::encode_delimited(value, &mut key);
        } else {
            ordered::encode_sort_key(value, &mut key);
        }
        key
    }

    /// The first byte string after all keys with this sort key.
    fn first_after_value(&self, value: ValueRef<'_>) -> Vec<u8> {
        let bound = self.bound(value);
        if self.is_of_entries { first_after_prefix(&bound) } else { first_after(bound) }
    }
}

/// The first byte string after this one.
fn first_after(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.push(0);
    bytes
}

/// The first byte string after all that begin with `prefix`.
fn first_after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut bound = prefix.to_vec();
    while let Some(last) = bound.pop() {
        if last < 0xFF {
            bound.push(last + 1);
            return bound;
        }
    }
    unreachable!("a partition key's encoding does not end in 0xFF")
}
