//! Looking at an encoded item without copying it.
//!
//! Every access goes through the directories: one attribute is found by binary search and no other is touched. The
//! bytes were verified before (`verify.rs`); a view of other bytes panics, it never reads outside of them.

use super::layout::{
    CONTAINER_KIND_MASK, Container, TAG_BINARY, TAG_BINARY_SET, TAG_FALSE, TAG_LIST, TAG_MAP, TAG_NULL, TAG_NUMBER,
    TAG_NUMBER_SET, TAG_STRING, TAG_STRING_SET, TAG_TRUE, split_name,
};
use crate::number::{Number, ordered_size_bytes};
use crate::value::AttributeType;
use std::fmt;
use std::iter::FusedIterator;

/// An item, or a map inside one: attributes by name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ItemRef<'a> {
    /// Tag and body. A nested map is encoded as an item is, so this is an item's encoding in both cases.
    bytes: &'a [u8],
}

/// The elements of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ListRef<'a> {
    bytes: &'a [u8],
}

/// The members of a set, in order: strings and binaries by their bytes, numbers by value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SetRef<'a> {
    bytes: &'a [u8],
}

/// An attribute value, looked at in place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ValueRef<'a> {
    /// UTF-8 text.
    S(&'a str),
    /// An exact decimal.
    N(Number),
    /// Bytes.
    B(&'a [u8]),
    /// True or false.
    Bool(bool),
    /// Null.
    Null,
    /// Values by name.
    M(ItemRef<'a>),
    /// Values in order.
    L(ListRef<'a>),
    /// Distinct strings.
    Ss(SetRef<'a>),
    /// Distinct numbers.
    Ns(SetRef<'a>),
    /// Distinct byte strings.
    Bs(SetRef<'a>),
}

impl<'a> ItemRef<'a> {
    /// Looks at bytes that were verified or encoded by this process.
    pub(crate) fn from_encoded(bytes: &'a [u8]) -> ItemRef<'a> {
        ItemRef { bytes }
    }

    /// Looks at bytes that this process has verified or encoded before, as `Item::from_trusted` takes them.
    pub fn from_trusted(bytes: &'a [u8]) -> ItemRef<'a> {
        ItemRef::from_encoded(bytes)
    }

    /// The value of an attribute.
    #[inline]
    pub fn attribute(&self, name: &str) -> Option<ValueRef<'a>> {
        self.encoded_attribute(name).map(ValueRef::from_encoded)
    }

    /// The attributes in the order of their names' bytes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes { container: Container::of_verified(self.bytes), next: 0 }
    }

    /// How many attributes there are.
    pub fn len(&self) -> usize {
        Container::of_verified(self.bytes).count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item's size as DynamoDB counts it: names and values, not the encoding's own bytes.
    pub fn size_bytes(&self) -> usize {
        let container = Container::of_verified(self.bytes);
        (0..container.count)
            .map(|position| {
                let (name, value) = split_name(container.entry(position)).expect("a verified name");
                name.len() + encoded_size_bytes(value)
            })
            .sum()
    }

    /// Whether its size is more than that. Most items are far from any limit, and are not counted for it.
    pub fn exceeds(&self, size_bytes_max: usize) -> bool {
        self.bytes.len() * SIZE_PER_ENCODED_BYTE_MAX > size_bytes_max && self.size_bytes() > size_bytes_max
    }

    /// The encoding: of the item, or of the nested map as an item of its own.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Taken apart, for whoever looks for several attributes.
    #[inline]
    pub(crate) fn container(&self) -> Container<'a> {
        Container::of_verified(self.bytes)
    }

    /// The tag and payload of an attribute's value.
    #[inline]
    pub(crate) fn encoded_attribute(&self, name: &str) -> Option<&'a [u8]> {
        Container::of_verified(self.bytes).value_of(name.as_bytes())
    }
}

impl<'a> ListRef<'a> {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        Container::of_verified(self.bytes).count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element at a position.
    pub fn element(&self, position: usize) -> Option<ValueRef<'a>> {
        let container = Container::of_verified(self.bytes);
        (position < container.count).then(|| ValueRef::from_encoded(container.entry(position)))
    }

    /// The elements in order.
    pub fn iter(&self) -> Elements<'a> {
        Elements { container: Container::of_verified(self.bytes), decode: ValueRef::from_encoded, next: 0 }
    }
}

impl<'a> SetRef<'a> {
    /// How many members there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "a set is never empty")]
    pub fn len(&self) -> usize {
        Container::of_verified(self.bytes).count
    }

    /// The set's own type: `StringSet`, `NumberSet` or `BinarySet`.
    pub fn set_type(&self) -> AttributeType {
        match self.bytes[0] & CONTAINER_KIND_MASK {
            TAG_STRING_SET => AttributeType::StringSet,
            TAG_NUMBER_SET => AttributeType::NumberSet,
            _ => AttributeType::BinarySet,
        }
    }

    /// The members in order: strings and binaries by their bytes, numbers by value.
    pub fn iter(&self) -> Elements<'a> {
        let decode = match self.set_type() {
            AttributeType::StringSet => |bytes| ValueRef::S(verified_text(bytes)),
            AttributeType::NumberSet => |bytes| ValueRef::N(verified_number(bytes)),
            _ => ValueRef::B,
        };
        Elements { container: Container::of_verified(self.bytes), decode, next: 0 }
    }

    /// Whether a value is a member; one of another type is not.
    pub fn contains(&self, member: ValueRef<'_>) -> bool {
        let mut number = Vec::new();
        let wanted = match (self.set_type(), member) {
            (AttributeType::StringSet, ValueRef::S(text)) => text.as_bytes(),
            (AttributeType::BinarySet, ValueRef::B(bytes)) => bytes,
            (AttributeType::NumberSet, ValueRef::N(value)) => {
                value.encode_ordered(&mut number);
                &number
            }
            _ => return false,
        };
        Container::of_verified(self.bytes).has_member(wanted)
    }
}

impl<'a> ValueRef<'a> {
    /// Looks at tag and payload of a verified value.
    #[inline]
    pub(crate) fn from_encoded(bytes: &'a [u8]) -> ValueRef<'a> {
        let (&tag, payload) = bytes.split_first().expect("a verified value has a tag");
        match tag {
            TAG_STRING => ValueRef::S(verified_text(payload)),
            TAG_NUMBER => ValueRef::N(verified_number(payload)),
            TAG_BINARY => ValueRef::B(payload),
            TAG_FALSE => ValueRef::Bool(false),
            TAG_TRUE => ValueRef::Bool(true),
            TAG_NULL => ValueRef::Null,
            _ => match tag & CONTAINER_KIND_MASK {
                TAG_MAP => ValueRef::M(ItemRef { bytes }),
                TAG_LIST => ValueRef::L(ListRef { bytes }),
                TAG_STRING_SET => ValueRef::Ss(SetRef { bytes }),
                TAG_NUMBER_SET => ValueRef::Ns(SetRef { bytes }),
                TAG_BINARY_SET => ValueRef::Bs(SetRef { bytes }),
                _ => panic!("a verified value has a known tag, not {tag:#04x}"),
            },
        }
    }

    /// The value's type.
    pub const fn attribute_type(&self) -> AttributeType {
        match self {
            ValueRef::S(_) => AttributeType::String,
            ValueRef::N(_) => AttributeType::Number,
            ValueRef::B(_) => AttributeType::Binary,
            ValueRef::Bool(_) => AttributeType::Bool,
            ValueRef::Null => AttributeType::Null,
            ValueRef::M(_) => AttributeType::Map,
            ValueRef::L(_) => AttributeType::List,
            ValueRef::Ss(_) => AttributeType::StringSet,
            ValueRef::Ns(_) => AttributeType::NumberSet,
            ValueRef::Bs(_) => AttributeType::BinarySet,
        }
    }

    /// The value's size as DynamoDB counts it.
    pub fn size_bytes(&self) -> usize {
        match self {
            ValueRef::S(text) => text.len(),
            ValueRef::N(number) => number.item_size_bytes(),
            ValueRef::B(bytes) => bytes.len(),
            ValueRef::Bool(_) | ValueRef::Null => 1,
            ValueRef::M(ItemRef { bytes })
            | ValueRef::L(ListRef { bytes })
            | ValueRef::Ss(SetRef { bytes })
            | ValueRef::Ns(SetRef { bytes })
            | ValueRef::Bs(SetRef { bytes }) => encoded_size_bytes(bytes),
        }
    }

    /// The encoding of a map, list or set.
    pub(crate) fn container_bytes(&self) -> Option<&'a [u8]> {
        match self {
            ValueRef::M(ItemRef { bytes })
            | ValueRef::L(ListRef { bytes })
            | ValueRef::Ss(SetRef { bytes })
            | ValueRef::Ns(SetRef { bytes })
            | ValueRef::Bs(SetRef { bytes }) => Some(bytes),
            _ => None,
        }
    }
}

/// An item's size as DynamoDB counts it is at most so many times the length of its encoding: a number's two digits count a byte as they take one here, its
/// sign and its magnitude one each where tag and exponent stand; a document's three are its tag, its count and one more; whatever else counts is here as it is.
pub(super) const SIZE_PER_ENCODED_BYTE_MAX: usize = 2;

/// What a map or list costs besides its elements.
///
/// DynamoDB: "DynamoDB item sizes and formats": 3 bytes, and 1 for each element.
pub(super) const DOCUMENT_SIZE_BYTES: usize = 3;
/// What each element of a map or list costs besides itself.
pub(super) const ELEMENT_SIZE_BYTES: usize = 1;

/// The type of a verified value given by tag and payload, without looking at the payload.
pub(crate) fn encoded_type(bytes: &[u8]) -> AttributeType {
    match bytes[0] {
        TAG_STRING => AttributeType::String,
        TAG_NUMBER => AttributeType::Number,
        TAG_BINARY => AttributeType::Binary,
        TAG_FALSE | TAG_TRUE => AttributeType::Bool,
        TAG_NULL => AttributeType::Null,
        tag => match tag & CONTAINER_KIND_MASK {
            TAG_MAP => AttributeType::Map,
            TAG_LIST => AttributeType::List,
            TAG_STRING_SET => AttributeType::StringSet,
            TAG_NUMBER_SET => AttributeType::NumberSet,
            _ => AttributeType::BinarySet,
        },
    }
}

/// The size, as DynamoDB counts it, of a verified value given by tag and payload.
pub(crate) fn encoded_size_bytes(bytes: &[u8]) -> usize {
    let (&tag, payload) = bytes.split_first().expect("a verified value has a tag");
    match tag {
        TAG_STRING | TAG_BINARY => payload.len(),
        TAG_NUMBER => ordered_size_bytes(payload).expect("a verified number"),
        TAG_FALSE | TAG_TRUE | TAG_NULL => 1,
        _ => container_size_bytes(tag & CONTAINER_KIND_MASK, &Container::of_verified(bytes)),
    }
}

fn container_size_bytes(kind: u8, container: &Container<'_>) -> usize {
    let entries = (0..container.count).map(|position| container.entry(position));
    let document = DOCUMENT_SIZE_BYTES + ELEMENT_SIZE_BYTES * container.count;
    match kind {
        TAG_MAP => {
            document
                + entries
                    .map(|entry| {
                        let (name, value) = split_name(entry).expect("a verified name");
                        name.len() + encoded_size_bytes(value)
                    })
                    .sum::<usize>()
        }
        TAG_LIST => document + entries.map(encoded_size_bytes).sum::<usize>(),
        TAG_NUMBER_SET => entries.map(|entry| ordered_size_bytes(entry).expect("a verified number")).sum(),
        _ => container.entries.len(),
    }
}

fn verified_text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("verified text")
}

fn verified_number(bytes: &[u8]) -> Number {
    Number::decode_ordered(bytes).expect("a verified number").0
}

/// The attributes of an item or map, in the order of their names' bytes.
#[derive(Clone)]
pub struct Attributes<'a> {
    container: Container<'a>,
    next: usize,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a str, ValueRef<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.container.count {
            return None;
        }
        let (name, value) = split_name(self.container.entry(self.next)).expect("a verified name");
        self.next += 1;
        Some((verified_text(name), ValueRef::from_encoded(value)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.container.count - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Attributes<'_> {}
impl FusedIterator for Attributes<'_> {}

/// The elements of a list or the members of a set, in order.
#[derive(Clone)]
pub struct Elements<'a> {
    container: Container<'a>,
    decode: fn(&'a [u8]) -> ValueRef<'a>,
    next: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = ValueRef<'a>;

    fn next(&mut self) -> Option<ValueRef<'a>> {
        if self.next == self.container.count {
            return None;
        }
        self.next += 1;
        Some((self.decode)(self.container.entry(self.next - 1)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.container.count - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Elements<'_> {}
impl FusedIterator for Elements<'_> {}

impl fmt::Debug for ItemRef<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.attributes()).finish()
    }
}

impl fmt::Debug for ListRef<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for SetRef<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter()).finish()
    }
}

impl fmt::Debug for ValueRef<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueRef::S(text) => fmt::Debug::fmt(text, formatter),
            ValueRef::N(number) => fmt::Debug::fmt(number, formatter),
            ValueRef::B(bytes) => write!(formatter, "b\"{}\"", bytes.escape_ascii()),
            ValueRef::Bool(boolean) => fmt::Debug::fmt(boolean, formatter),
            ValueRef::Null => formatter.write_str("null"),
            ValueRef::M(map) => fmt::Debug::fmt(map, formatter),
            ValueRef::L(list) => fmt::Debug::fmt(list, formatter),
            ValueRef::Ss(set) | ValueRef::Ns(set) | ValueRef::Bs(set) => fmt::Debug::fmt(set, formatter),
        }
    }
}
