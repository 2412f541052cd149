//! Items from and to owned trees of values. For tests, tools and the client library; the server does without.

use super::{Item, ItemEncoder, ItemRef, ValueRef};
use crate::error::Error;
use crate::value::{AttributeType, Value};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn encode(map: &BTreeMap<String, Value>) -> Result<Item, Error> {
    let mut encoder = ItemEncoder::new();
    encoder.begin_item();
    encode_members(&mut encoder, map);
    encoder.finish()
}

fn encode_members(encoder: &mut ItemEncoder, map: &BTreeMap<String, Value>) {
    for (name, value) in map {
        encoder.name(name);
        encode_value(encoder, value);
    }
}

fn encode_value(encoder: &mut ItemEncoder, value: &Value) {
    match value {
        Value::S(text) => encoder.string(text),
        Value::N(number) => encoder.number(*number),
        Value::B(bytes) => encoder.binary(bytes),
        Value::Bool(boolean) => encoder.boolean(*boolean),
        Value::Null => encoder.null(),
        Value::M(map) => {
            encoder.begin_map();
            encode_members(encoder, map);
            encoder.end_map();
        }
        Value::L(list) => {
            encoder.begin_list();
            for element in list {
                encode_value(encoder, element);
            }
            encoder.end_list();
        }
        Value::Ss(set) => {
            encoder.begin_set(AttributeType::StringSet);
            set.iter().for_each(|member| encoder.string(member));
            encoder.end_set();
        }
        Value::Ns(set) => {
            encoder.begin_set(AttributeType::NumberSet);
            set.iter().for_each(|member| encoder.number(*member));
            encoder.end_set();
        }
        Value::Bs(set) => {
            encoder.begin_set(AttributeType::BinarySet);
            set.iter().for_each(|member| encoder.binary(member));
            encoder.end_set();
        }
    }
}

impl ItemRef<'_> {
    /// Copies the item into a tree.
    pub fn to_value_map(&self) -> BTreeMap<String, Value> {
        self.attributes().map(|(name, value)| (name.to_owned(), value.to_value())).collect()
    }

    /// Copies the encoding: an item of its own, also of a nested map.
    pub fn to_item(&self) -> Item {
        Item::uncounted(bytes::Bytes::copy_from_slice(self.as_bytes()))
    }
}

impl ValueRef<'_> {
    /// Copies the value into a tree.
    pub fn to_value(&self) -> Value {
        match self {
            ValueRef::S(text) => Value::S((*text).to_owned()),
            ValueRef::N(number) => Value::N(*number),
            ValueRef::B(bytes) => Value::B(bytes.to_vec()),
            ValueRef::Bool(boolean) => Value::Bool(*boolean),
            ValueRef::Null => Value::Null,
            ValueRef::M(map) => Value::M(map.to_value_map()),
            ValueRef::L(list) => Value::L(list.iter().map(|element| element.to_value()).collect()),
            ValueRef::Ss(set) => Value::Ss(members(set.iter(), |value| match value {
                ValueRef::S(text) => Some(text.to_owned()),
                _ => None,
            })),
            ValueRef::Ns(set) => Value::Ns(members(set.iter(), |value| match value {
                ValueRef::N(number) => Some(number),
                _ => None,
            })),
            ValueRef::Bs(set) => Value::Bs(members(set.iter(), |value| match value {
                ValueRef::B(bytes) => Some(bytes.to_vec()),
                _ => None,
            })),
        }
    }
}

fn members<'a, T: Ord>(
    set: impl Iterator<Item = ValueRef<'a>>,
    member: impl Fn(ValueRef<'a>) -> Option<T>,
) -> BTreeSet<T> {
    set.map(|value| member(value).expect("a set has members of one type")).collect()
}
