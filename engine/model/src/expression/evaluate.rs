//! Whether a condition holds for an item.
//!
//! In the way of a request: run by the owner of an item, once for a write and for every item of a scan. Works on the
//! encoding: equal values are equal bytes, and strings, numbers and binaries sort as their bytes do, so that nothing is
//! decoded. Nothing is allocated.

use super::path::follow_path;
use super::substitution::Substitutions;
use super::tree::{Comparator, Function, Node, NodeIndex, Tree};
use crate::item::{
    CONTAINER_KIND_MASK, Container, EMPTY_MAP, TAG_BINARY, TAG_BINARY_SET, TAG_LIST, TAG_MAP, TAG_NUMBER,
    TAG_NUMBER_SET, TAG_STRING, TAG_STRING_SET, encoded_type,
};
use crate::number::ORDERED_BYTES_MAX;
use crate::{ItemRef, Number};
use std::cmp::Ordering;

/// A checked condition and the item that it is asked for.
pub(super) struct Evaluator<'e, 'a> {
    tree: &'e Tree,
    substitutions: &'e Substitutions<'a>,
    item: ItemRef<'e>,
}

/// What an operand is for the item.
enum Operand<'v> {
    /// The attribute does not exist, or it has no size.
    Missing,
    /// Tag and payload.
    Encoded(&'v [u8]),
    /// A size, encoded at the end of the bytes.
    Size { bytes: [u8; 1 + ORDERED_BYTES_MAX], start: usize },
}

impl Operand<'_> {
    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Operand::Missing => None,
            Operand::Encoded(bytes) => Some(bytes),
            Operand::Size { bytes, start } => Some(&bytes[*start..]),
        }
    }

    fn of_size(size: usize) -> Self {
        let number = Number::from(u64::try_from(size).expect("a size in memory fits 64 bits"));
        let mut digits = [0; ORDERED_BYTES_MAX];
        let start = number.write_ordered(&mut digits);
        let mut bytes = [TAG_NUMBER; 1 + ORDERED_BYTES_MAX];
        bytes[1..].copy_from_slice(&digits);
        bytes[start] = TAG_NUMBER;
        Operand::Size { bytes, start }
    }
}

impl<'e, 'a> Evaluator<'e, 'a> {
    pub(super) fn new(
        tree: &'e Tree,
        substitutions: &'e Substitutions<'a>,
        item: Option<ItemRef<'e>>,
    ) -> Evaluator<'e, 'a> {
        Evaluator { tree, substitutions, item: item.unwrap_or(ItemRef::from_encoded(&EMPTY_MAP)) }
    }

    /// Whether a node of the condition holds.
    // DynamoDB: observed: an attribute that is missing, or of another type, is different from everything and otherwise
    // fails every comparison.
    pub(super) fn holds(&self, index: NodeIndex) -> bool {
        match *self.tree.node(index) {
            Node::And(left, right) => self.holds(left) && self.holds(right),
            Node::Or(left, right) => self.holds(left) || self.holds(right),
            Node::Not(inner) => !self.holds(inner),
            Node::Compare(comparator, left, right) => compares(comparator, &self.operand(left), &self.operand(right)),
            Node::Between(operand, lower, upper) => {
                let operand = self.operand(operand);
                compares(Comparator::GreaterOrEqual, &operand, &self.operand(lower))
                    && compares(Comparator::LessOrEqual, &operand, &self.operand(upper))
            }
            Node::In(operand, list) => {
                let operand = self.operand(operand);
                let list = self.tree.operands(list);
                list.iter().any(|other| compares(Comparator::Equal, &operand, &self.operand(*other)))
            }
            Node::Function(function, operands) => self.function_holds(function, self.tree.operands(operands)),
            Node::Plus(..) | Node::Minus(..) | Node::Path(_) | Node::Value(_) => {
                unreachable!("the parser lets no operand stand for a condition")
            }
        }
    }

    fn function_holds(&self, function: Function, operands: &[NodeIndex]) -> bool {
        let first = self.operand(operands[0]);
        match function {
            Function::AttributeExists => return first.bytes().is_some(),
            Function::AttributeNotExists => return first.bytes().is_none(),
            _ => {}
        }
        let second = self.operand(operands[1]);
        let (Some(first), Some(second)) = (first.bytes(), second.bytes()) else {
            return false;
        };
        match function {
            Function::AttributeType => encoded_type(first).token().as_bytes() == &second[1..],
            Function::BeginsWith => is_beginning(first, second),
            Function::Contains => is_contained(first, second),
            _ => unreachable!("the parser lets only functions that are true or false stand for a condition"),
        }
    }

    fn operand(&self, index: NodeIndex) -> Operand<'_> {
        match *self.tree.node(index) {
            Node::Path(path) => {
                follow_path(self.tree, self.substitutions, path, self.item).map_or(Operand::Missing, Operand::Encoded)
            }
            Node::Value(placeholder) => {
                let value = self.substitutions.value(&self.tree.text, placeholder);
                Operand::Encoded(value.expect("checked: each value is defined"))
            }
            Node::Function(Function::Size, operands) => {
                let operand = self.operand(self.tree.operand(operands, 0));
                operand.bytes().and_then(size).map_or(Operand::Missing, Operand::of_size)
            }
            _ => unreachable!("the parser lets only paths, values and sizes stand for an operand"),
        }
    }
}

fn compares(comparator: Comparator, left: &Operand<'_>, right: &Operand<'_>) -> bool {
    let (Some(left), Some(right)) = (left.bytes(), right.bytes()) else {
        return comparator == Comparator::NotEqual;
    };
    match comparator {
        Comparator::Equal => left == right,
        Comparator::NotEqual => left != right,
        Comparator::Less => order(left, right) == Some(Ordering::Less),
        Comparator::LessOrEqual => order(left, right).is_some_and(Ordering::is_le),
        Comparator::Greater => order(left, right) == Some(Ordering::Greater),
        Comparator::GreaterOrEqual => order(left, right).is_some_and(Ordering::is_ge),
    }
}

/// The order of two strings, numbers or binaries; none for other types, or different ones.
fn order(left: &[u8], right: &[u8]) -> Option<Ordering> {
    let has_order = left[0] == right[0] && matches!(left[0], TAG_STRING | TAG_NUMBER | TAG_BINARY);
    has_order.then(|| left[1..].cmp(&right[1..]))
}

fn is_beginning(whole: &[u8], beginning: &[u8]) -> bool {
    matches!(whole[0], TAG_STRING | TAG_BINARY) && whole.starts_with(beginning)
}

/// Whether a string or binary has the other one inside, or a set or list has it as a member.
fn is_contained(whole: &[u8], part: &[u8]) -> bool {
    let member_tag = match whole[0] & CONTAINER_KIND_MASK {
        TAG_STRING_SET => TAG_STRING,
        TAG_NUMBER_SET => TAG_NUMBER,
        TAG_BINARY_SET => TAG_BINARY,
        TAG_LIST => {
            let container = Container::of_verified(whole);
            return (0..container.count).any(|position| container.entry(position) == part);
        }
        _ => {
            let is_text = whole[0] == part[0] && matches!(whole[0], TAG_STRING | TAG_BINARY);
            return is_text && memchr::memmem::find(&whole[1..], &part[1..]).is_some();
        }
    };
    part[0] == member_tag && Container::of_verified(whole).has_member(&part[1..])
}

/// What `size` says of a value; nothing of a number, a truth or null.
// DynamoDB: observed: of a string, its UTF-16 code units.
fn size(encoded: &[u8]) -> Option<usize> {
    let payload = &encoded[1..];
    match encoded[0] {
        TAG_STRING if payload.is_ascii() => Some(payload.len()),
        TAG_STRING => {
            let characters = payload.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
            let surrogates = payload.iter().filter(|byte| **byte >= 0xF0).count();
            Some(characters + surrogates)
        }
        TAG_BINARY => Some(payload.len()),
        tag => match tag & CONTAINER_KIND_MASK {
            TAG_MAP | TAG_LIST | TAG_STRING_SET | TAG_NUMBER_SET | TAG_BINARY_SET => {
                Some(Container::of_verified(encoded).count)
            }
            _ => None,
        },
    }
}
