//! A key that an item has in it: where its attributes are, and the key made of them again.
//!
//! A stored item need not have its key beside it: the places of one or two attributes say as much, for the type of an attribute is with its value.

use super::{ENCODED_KEY_BYTES_MAX, KeySchema, KeyType, begin_encoded_key, ordered};
use crate::item::{Container, ItemRef, TAG_BYTES, encoded_type, split_name};

/// The last place that can be said.
const PLACE_MAX: usize = 0xFE;
/// In the place of a sort key: there is none.
const NO_SORT_KEY: u8 = 0xFF;

/// The places of an item's key attributes among its attributes, which are in the order of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPlaces {
    partition_key: u8,
    sort_key: u8,
}

impl KeySchema {
    /// The places of the key attributes in an item. `None` if it does not have them, or one is behind so many others that its place cannot be said.
    pub fn places_in(&self, item: ItemRef<'_>) -> Option<KeyPlaces> {
        let container = item.container();
        let place_of = |name: &str| {
            let place = container.find_name(name.as_bytes()).ok()?;
            u8::try_from(place).ok().filter(|_| place <= PLACE_MAX)
        };
        let sort_key = match &self.sort_key {
            Some(attribute) => place_of(&attribute.name)?,
            None => NO_SORT_KEY,
        };
        Some(KeyPlaces { partition_key: place_of(&self.partition_key.name)?, sort_key })
    }
}

impl KeyPlaces {
    /// As two bytes.
    pub fn to_bytes(self) -> [u8; 2] {
        [self.partition_key, self.sort_key]
    }

    /// What two bytes say.
    pub fn from_bytes([partition_key, sort_key]: [u8; 2]) -> KeyPlaces {
        KeyPlaces { partition_key, sort_key }
    }

    /// Appends the encoded key of an item, in its stored encoding, that has its attributes at these places. `None` if no key can be made of what is
    /// there; `out` may have more at its end then.
    pub fn encode_key(self, item: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let container = Container::parse(item)?;
        let value_at = |place: u8| {
            let place = usize::from(place);
            let entry = (place < container.count).then(|| container.start(place)..container.end(place))?;
            let (_, value) = split_name(container.entries.get(entry)?)?;
            Some((key_type_of(value)?, &value[TAG_BYTES..]))
        };
        let begin = out.len();
        let (key_type, partition_key) = value_at(self.partition_key)?;
        begin_encoded_key(out, |out| ordered::delimit(key_type, partition_key, out));
        if self.sort_key != NO_SORT_KEY {
            // As it is in the item: numbers are ordered there too.
            out.extend_from_slice(value_at(self.sort_key)?.1);
        }
        (out.len() - begin <= ENCODED_KEY_BYTES_MAX).then_some(())
    }
}

/// The type of a key that the value, with its tag, can be of.
fn key_type_of(value: &[u8]) -> Option<KeyType> {
    let attribute_type = (!value.is_empty()).then(|| encoded_type(value))?;
    [KeyType::String, KeyType::Number, KeyType::Binary]
        .into_iter()
        .find(|key_type| key_type.attribute_type() == attribute_type)
}
