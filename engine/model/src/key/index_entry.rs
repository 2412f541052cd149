//! The ordered bytes of an entry of a local index: the partition key as in the item's own key, the index's sort key,
//! delimited, and the item's sort key, which tells entries with equal index keys apart (FORMAT.md, "Keys").
//!
//! An entry holds keys alone: whoever reads the index looks the item up by [`KeySchema::item_key_of_entry`].

use super::{KEY_HASH_BYTES, KeyAttribute, KeySchema, check_sort_key, ordered};
use crate::error::Error;
use crate::item::ItemRef;
use crate::table::LocalIndex;

impl KeySchema {
    /// Appends the encoded key of the entry that an item of a table with this schema has in `index`. `false`, and
    /// nothing appended, when the item is not in the index: it lacks the index's sort key, or has it in another type.
    ///
    /// Panics when `item_key` is not the encoded key of an item of such a table.
    pub fn encode_entry(&self, index: &LocalIndex, item: ItemRef<'_>, item_key: &[u8], out: &mut Vec<u8>) -> bool {
        let Some(value) = item.attribute(&index.sort_key.name) else {
            return false;
        };
        if value.attribute_type() != index.sort_key.key_type.attribute_type() {
            return false;
        }
        let (partition_key, sort_key) = self.split_item_key(item_key).expect("it was encoded by this schema");
        out.extend_from_slice(partition_key);
        ordered::encode_delimited(value, out);
        out.extend_from_slice(sort_key);
        true
    }

    /// Appends the encoded key of the item that an entry of `index` stands for. Panics when it is no such entry.
    pub fn item_key_of_entry(&self, index: &LocalIndex, entry: &[u8], out: &mut Vec<u8>) {
        let (partition_key, rest) = self.split_item_key(entry).expect("it was encoded by this schema");
        let index_key_bytes = ordered::delimited_bytes(index.sort_key.key_type, rest).expect("it was encoded so");
        out.extend_from_slice(partition_key);
        out.extend_from_slice(&rest[index_key_bytes..]);
    }

    /// Appends the encoded key of the entry that a start key names: exactly the attributes of the table's key and of the
    /// index's.
    ///
    /// # Errors
    /// Validation: other attributes, or other types.
    pub fn encode_entry_key(&self, index: &LocalIndex, key: ItemRef<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        let is_own = self.attribute(&index.sort_key.name).is_some();
        let mismatch = || Error::validation("The provided key element does not match the schema");
        if key.len() != self.attribute_count() + usize::from(!is_own) {
            return Err(mismatch());
        }
        let mut item_key = Vec::with_capacity(64);
        self.encode_batch_item_key(key, &mut item_key)?;
        if let Some(value) = key.attribute(&index.sort_key.name) {
            check_sort_key(&index.sort_key.name, (value.attribute_type(), value.size_bytes()))?;
        }
        if self.encode_entry(index, key, &item_key, out) { Ok(()) } else { Err(mismatch()) }
    }

    /// Hash and partition key, and what follows.
    fn split_item_key<'a>(&self, encoded: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let key = encoded.get(KEY_HASH_BYTES..)?;
        let partition_key_bytes = ordered::delimited_bytes(self.partition_key.key_type, key)?;
        encoded.split_at_checked(KEY_HASH_BYTES + partition_key_bytes)
    }
}

impl LocalIndex {
    /// Checks the index's sort key of an item that is to be written: of the right type, neither empty nor too long.
    /// An item without it is not in the index.
    ///
    /// # Errors
    /// Validation.
    // DynamoDB: observed: the texts name the index.
    pub fn check_item(&self, item: ItemRef<'_>) -> Result<(), Error> {
        let KeyAttribute { name, key_type } = &self.sort_key;
        let Some(value) = item.attribute(name) else {
            return Ok(());
        };
        if value.attribute_type() != key_type.attribute_type() {
            return Err(Error::invalid_parameter(format_args!(
                "Type mismatch for Index Key {name} Expected: {key_type} Actual: {} IndexName: {}",
                value.attribute_type(),
                self.name
            )));
        }
        if value.size_bytes() == 0 {
            let kind = if value.attribute_type() == crate::AttributeType::String { "string" } else { "binary" };
            return Err(Error::validation(format!(
                "One or more parameter values are not valid. A value specified for a secondary index key is not \
                 supported. The AttributeValue for a key attribute cannot contain an empty {kind} value. IndexName: {}, \
                 IndexKey: {name}",
                self.name
            )));
        }
        check_sort_key(name, (value.attribute_type(), value.size_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::IndexProjection;
    use crate::{Item, KeyType, Number, Value};
    use std::collections::BTreeMap;

    fn key(name: &str, key_type: KeyType) -> KeyAttribute {
        KeyAttribute { name: name.to_owned(), key_type }
    }

    fn item(pairs: &[(&str, Value)]) -> Item {
        let map: BTreeMap<_, _> = pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Item::from_value_map(&map).unwrap()
    }

    fn entry(schema: &KeySchema, index: &LocalIndex, item: &Item) -> Option<(Vec<u8>, Vec<u8>)> {
        let (mut item_key, mut entry) = (Vec::new(), Vec::new());
        schema.encode_item_key(item.as_ref(), &mut item_key).unwrap();
        schema.encode_entry(index, item.as_ref(), &item_key, &mut entry).then_some((item_key, entry))
    }

    #[test]
    fn entries_sort_by_index_key_then_item_key_and_lead_back_to_the_item() {
        let schema = KeySchema { partition_key: key("p", KeyType::String), sort_key: Some(key("s", KeyType::Number)) };
        let projection = IndexProjection::KeysOnly;
        let index = LocalIndex { name: "i".to_owned(), sort_key: key("x", KeyType::String), projection };
        let text = |text: &str| Value::S(text.to_owned());
        let number = |text: &str| Value::N(Number::parse(text).unwrap());
        // In the order that they must have.
        let order =
            [("", "1"), ("", "2"), ("\0", "-1"), ("\0a", "0"), ("a", "-5"), ("a", "10"), ("a\0", "1"), ("b", "0")];
        let mut last = Vec::new();
        for (indexed, sort) in order {
            let item = item(&[("p", text("k\0")), ("s", number(sort)), ("x", text(&format!("k{indexed}")))]);
            let (item_key, entry) = entry(&schema, &index, &item).unwrap();
            assert!(last < entry, "{indexed:?} {sort}");
            let mut back = Vec::new();
            schema.item_key_of_entry(&index, &entry, &mut back);
            assert_eq!(back, item_key);
            // The item is its own start key: it has no other attributes.
            let mut again = Vec::new();
            schema.encode_entry_key(&index, item.as_ref(), &mut again).unwrap();
            assert_eq!(again, entry);
            last = entry;
        }
        let other = |value| item(&[("p", text("k")), ("s", number("1")), ("x", value)]);
        assert_eq!(entry(&schema, &index, &other(number("1"))), None);
        assert_eq!(
            index.check_item(other(number("1")).as_ref()).unwrap_err().message,
            "One or more parameter values were invalid: Type mismatch for Index Key x Expected: S Actual: N IndexName: i"
        );
        assert!(
            index.check_item(other(text("")).as_ref()).is_err() && index.check_item(other(text("a")).as_ref()).is_ok()
        );
    }
}
