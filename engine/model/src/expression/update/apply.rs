//! The item that an update makes of another.
//!
//! In the way of a request: run by the owner of the item after its condition held. First every action says what it
//! writes, reading the item as it was; then the new item is written in one pass: what is not touched is copied as it is
//! encoded, whole stretches at a time, and only maps and lists on the way to a change are taken apart.

use super::{Action, ActionKind, UPDATE_TOO_LARGE, Update};
use crate::expression::path::{BoundPaths, BoundStep, follow_path};
use crate::expression::substitution::Substitutions;
use crate::expression::tree::{Function, Node, NodeIndex, Path};
use crate::item::{CONTAINER_KIND_MASK, Container, TAG_LIST, TAG_MAP, encoded_type};
use crate::limits::ITEM_ENCODED_BYTES_MAX;
use crate::{AttributeType, Error, Item, ItemEncoder, ItemRef, Number, ValueRef};
use std::cmp::{Ordering, Reverse};
use std::ops::Range;

impl Update {
    /// The item after the update. `old` is the item as it is, `key` its key attributes; an item that does not exist is
    /// made of its key, which the update can read. None when the item does not exist and nothing makes it.
    ///
    /// # Errors
    /// Validation: the item does not have what the update needs, a number or the nesting is out of range; DynamoDB's texts.
    // DynamoDB: observed: an update that only removes and deletes makes no item.
    pub fn apply(
        &self,
        substitutions: &Substitutions<'_>,
        old: Option<ItemRef<'_>>,
        key: ItemRef<'_>,
        encoder: &mut ItemEncoder,
    ) -> Result<Option<Item>, Error> {
        if old.is_none() && !self.actions.is_empty() && self.actions.iter().all(|action| action.kind.is_clearing()) {
            return Ok(None);
        }
        let base = old.unwrap_or(key);
        let reader = Reader { update: self, substitutions, base, is_new: old.is_none() };
        let outcomes = reader.outcomes()?;
        let changed = self
            .actions
            .iter()
            .zip(&outcomes)
            .map(|(action, outcome)| (!matches!(outcome, Outcome::Keep)).then_some(action.path));
        let paths = BoundPaths::of_some(&self.tree, substitutions, changed);
        encoder.begin_item();
        let mut writer = Writer { paths: &paths, outcomes: &outcomes, encoder };
        writer.members(&Container::of_verified(base.as_bytes()), 0..paths.len(), 0);
        encoder.finish().map(Some)
    }
}

/// What an action makes of its target.
#[derive(Clone, Copy, Debug)]
enum Outcome<'v> {
    Keep,
    Remove,
    /// Tag and payload.
    Copy(&'v [u8]),
    Number(Number),
    /// Two lists.
    Concatenation(&'v [u8], &'v [u8]),
    /// Two sets of one type.
    Union(&'v [u8], &'v [u8]),
    /// A set without the members of another of its type; at least one is left.
    Difference(&'v [u8], &'v [u8]),
}

/// Why an update cannot be applied.
#[derive(Debug)]
enum Fault {
    /// The place that is written to is inside of something that has no such inside.
    WrongPlace,
    /// A value has another type than its operator needs.
    WrongType,
    /// The place that is written to is inside of something that does not exist.
    MissingPlace,
    /// An attribute that is read does not exist.
    MissingAttribute,
    /// A number is out of range.
    Number(Error),
}

impl Fault {
    /// Which of several faults is told: the least.
    // DynamoDB: observed: places that cannot be, then types; then the clauses from the last to the first, places before
    // attributes; numbers last.
    fn rank(&self, clause: u32) -> (u8, Reverse<u32>, u8) {
        match self {
            Fault::WrongPlace => (0, Reverse(0), 0),
            Fault::WrongType => (1, Reverse(0), 0),
            Fault::MissingPlace => (2, Reverse(clause), 0),
            Fault::MissingAttribute => (2, Reverse(clause), 1),
            Fault::Number(_) => (3, Reverse(0), 0),
        }
    }

    fn into_error(self, is_legacy: bool) -> Error {
        Error::validation(match self {
            Fault::WrongPlace | Fault::MissingPlace => {
                "The document path provided in the update expression is invalid for update"
            }
            Fault::WrongType if is_legacy => "Type mismatch for attribute to update",
            Fault::WrongType => "An operand in the update expression has an incorrect data type",
            Fault::MissingAttribute => "The provided expression refers to an attribute that does not exist in the item",
            Fault::Number(error) => return error,
        })
    }
}

/// Says what each action writes, reading the item as it was.
struct Reader<'e, 'a> {
    update: &'e Update,
    substitutions: &'e Substitutions<'a>,
    base: ItemRef<'e>,
    is_new: bool,
}

impl<'e> Reader<'e, '_> {
    /// What becomes of the target of each action.
    fn outcomes(&self) -> Result<Vec<Outcome<'e>>, Error> {
        let mut outcomes = Vec::with_capacity(self.update.actions.len());
        let mut first_fault: Option<(Fault, u32)> = None;
        // Values that are used again and again add up to more than any request.
        let mut encoded_bytes = self.base.as_bytes().len();
        for action in &self.update.actions {
            match self.outcome(action) {
                Ok(outcome) => {
                    encoded_bytes += outcome.encoded_bytes();
                    outcomes.push(outcome);
                }
                Err(fault) => {
                    let is_first = first_fault
                        .as_ref()
                        .is_none_or(|(first, clause)| fault.rank(action.clause) < first.rank(*clause));
                    if is_first {
                        first_fault = Some((fault, action.clause));
                    }
                }
            }
        }
        if let Some((fault, _)) = first_fault {
            return Err(fault.into_error(self.update.is_legacy));
        }
        if encoded_bytes > ITEM_ENCODED_BYTES_MAX {
            return Err(Error::validation(UPDATE_TOO_LARGE));
        }
        Ok(outcomes)
    }

    fn outcome(&self, action: &Action) -> Result<Outcome<'e>, Fault> {
        // DynamoDB: observed: what does not exist is cleared without a word, also inside of something.
        if self.is_new && action.kind.is_clearing() {
            return Ok(Outcome::Keep);
        }
        let present = self.target(action.path);
        match (action.kind, action.value) {
            (ActionKind::Remove, _) | (_, None) => present.map(|_| Outcome::Remove),
            (ActionKind::Set, Some(value)) => match (present, self.set_value(value)) {
                (Err(Fault::WrongPlace), _) => Err(Fault::WrongPlace),
                (Err(_), Err(Fault::WrongType)) => Err(Fault::WrongType),
                (Err(fault), _) | (Ok(_), Err(fault)) => Err(fault),
                (Ok(_), Ok(outcome)) => Ok(outcome),
            },
            (ActionKind::Add, Some(value)) => add(present?, self.value(value)),
            (ActionKind::Delete, Some(value)) => delete(present?, self.value(value)),
        }
    }

    /// What is at the end of a path that is written to, if anything is; a fault when nothing can be.
    fn target(&self, path: Path) -> Result<Option<&'e [u8]>, Fault> {
        let tree = &self.update.tree;
        let (last, way) = tree.steps(path).split_last().expect("a path has a step");
        let last = BoundStep::of(tree, self.substitutions, *last);
        let way = Path { first: path.first, count: u32::try_from(way.len()).expect("one less than a u32") };
        let Some(parent) = follow_path(tree, self.substitutions, way, self.base) else {
            return Err(Fault::MissingPlace);
        };
        match (last, parent[0] & CONTAINER_KIND_MASK) {
            (BoundStep::Member(_), TAG_MAP) | (BoundStep::Element(_), TAG_LIST) => Ok(last.follow(parent)),
            _ => Err(Fault::WrongPlace),
        }
    }

    fn set_value(&self, index: NodeIndex) -> Result<Outcome<'e>, Fault> {
        let tree = &self.update.tree;
        match *tree.node(index) {
            Node::Plus(left, right) => {
                let (left, right) = (self.number(left)?, self.number(right)?);
                left.checked_add(&right).map(Outcome::Number).map_err(|error| Fault::Number(error.into()))
            }
            Node::Minus(left, right) => {
                let (left, right) = (self.number(left)?, self.number(right)?);
                left.checked_sub(&right).map(Outcome::Number).map_err(|error| Fault::Number(error.into()))
            }
            Node::Function(Function::ListAppend, operands) => {
                let (left, right) = (tree.operand(operands, 0), tree.operand(operands, 1));
                Ok(Outcome::Concatenation(self.list(left)?, self.list(right)?))
            }
            _ => self.operand(index).map(Outcome::Copy),
        }
    }

    fn number(&self, index: NodeIndex) -> Result<Number, Fault> {
        match ValueRef::from_encoded(self.operand(index)?) {
            ValueRef::N(number) => Ok(number),
            _ => Err(Fault::WrongType),
        }
    }

    fn list(&self, index: NodeIndex) -> Result<&'e [u8], Fault> {
        let encoded = self.operand(index)?;
        if encoded[0] & CONTAINER_KIND_MASK == TAG_LIST { Ok(encoded) } else { Err(Fault::WrongType) }
    }

    /// A value of the request, or of the item as it was.
    fn operand(&self, index: NodeIndex) -> Result<&'e [u8], Fault> {
        let tree = &self.update.tree;
        match *tree.node(index) {
            Node::Path(path) => follow_path(tree, self.substitutions, path, self.base).ok_or(Fault::MissingAttribute),
            Node::Function(Function::IfNotExists, operands) => match self.operand(tree.operand(operands, 0)) {
                Err(Fault::MissingAttribute) => self.operand(tree.operand(operands, 1)),
                present => present,
            },
            // A list as an operand of `+` or `-` is refused by the checks, and inside of a function by the parser.
            Node::Function(..) => Err(Fault::WrongType),
            _ => Ok(self.value(index)),
        }
    }

    fn value(&self, index: NodeIndex) -> &'e [u8] {
        match self.update.tree.node(index) {
            Node::Value(placeholder) => {
                let value = self.substitutions.value(&self.update.tree.text, *placeholder);
                value.expect("checked: each value is defined")
            }
            other => unreachable!("the parser lets {other:?} be no value"),
        }
    }
}

/// A number and another one, the members of two sets, or the elements of two lists; nothing counts as none.
// DynamoDB: observed: lists only in AttributeUpdates; the check of expressions lets none come here.
fn add<'v>(present: Option<&'v [u8]>, added: &'v [u8]) -> Result<Outcome<'v>, Fault> {
    let Some(present) = present else {
        return Ok(Outcome::Copy(added));
    };
    if let (ValueRef::N(number), ValueRef::N(other)) = (ValueRef::from_encoded(present), ValueRef::from_encoded(added))
    {
        return number.checked_add(&other).map(Outcome::Number).map_err(|error| Fault::Number(error.into()));
    }
    match encoded_type(added) {
        other if other != encoded_type(present) => Err(Fault::WrongType),
        AttributeType::List => Ok(Outcome::Concatenation(present, added)),
        other if is_set(other) => Ok(Outcome::Union(present, added)),
        _ => Err(Fault::WrongType),
    }
}

/// A set without the members of another; nothing when none is left.
fn delete<'v>(present: Option<&'v [u8]>, deleted: &'v [u8]) -> Result<Outcome<'v>, Fault> {
    let Some(present) = present else {
        return Ok(Outcome::Keep);
    };
    if encoded_type(present) != encoded_type(deleted) || !is_set(encoded_type(present)) {
        return Err(Fault::WrongType);
    }
    let (set, others) = (Container::of_verified(present), Container::of_verified(deleted));
    let is_any_left = (0..set.count).any(|position| !others.has_member(set.entry(position)));
    Ok(if is_any_left { Outcome::Difference(present, deleted) } else { Outcome::Remove })
}

impl Outcome<'_> {
    /// How much it adds to the item at most.
    fn encoded_bytes(&self) -> usize {
        match self {
            Outcome::Keep | Outcome::Remove | Outcome::Number(_) | Outcome::Difference(..) => 0,
            Outcome::Copy(encoded) => encoded.len(),
            Outcome::Concatenation(left, right) | Outcome::Union(left, right) => left.len() + right.len(),
        }
    }

    /// Writes what is neither kept nor removed.
    fn write(&self, encoder: &mut ItemEncoder) {
        match *self {
            Outcome::Keep | Outcome::Remove => unreachable!("nothing is written for {self:?}"),
            Outcome::Copy(encoded) => encoder.encoded_value(encoded),
            Outcome::Number(number) => encoder.number(number),
            Outcome::Concatenation(left, right) => {
                encoder.begin_list();
                for list in [Container::of_verified(left), Container::of_verified(right)] {
                    (0..list.count).for_each(|position| encoder.encoded_value(list.entry(position)));
                }
                encoder.end_list();
            }
            Outcome::Union(left, right) => {
                encoder.begin_set(encoded_type(left));
                merge(&Container::of_verified(left), &Container::of_verified(right), encoder);
                encoder.end_set();
            }
            Outcome::Difference(left, right) => {
                encoder.begin_set(encoded_type(left));
                let (set, others) = (Container::of_verified(left), Container::of_verified(right));
                let members = (0..set.count).map(|position| set.entry(position));
                members.filter(|member| !others.has_member(member)).for_each(|member| encoder.encoded_member(member));
                encoder.end_set();
            }
        }
    }
}

fn is_set(attribute_type: AttributeType) -> bool {
    matches!(attribute_type, AttributeType::StringSet | AttributeType::NumberSet | AttributeType::BinarySet)
}

/// Writes the members of two sets in order, each once.
fn merge(left: &Container<'_>, right: &Container<'_>, encoder: &mut ItemEncoder) {
    let (mut from_left, mut from_right) = (0, 0);
    while from_left < left.count || from_right < right.count {
        let order = if from_left == left.count {
            Ordering::Greater
        } else if from_right == right.count {
            Ordering::Less
        } else {
            left.entry(from_left).cmp(right.entry(from_right))
        };
        encoder.encoded_member(if order.is_le() { left.entry(from_left) } else { right.entry(from_right) });
        from_left += usize::from(order.is_le());
        from_right += usize::from(order.is_ge());
    }
}

/// Writes the new item from the old one and the outcomes.
struct Writer<'p, 's, 'w> {
    paths: &'p BoundPaths<'s>,
    outcomes: &'p [Outcome<'s>],
    encoder: &'w mut ItemEncoder,
}

/// Each method takes a range of paths whose steps before `depth` lead to the container at hand; each exists and is of
/// the kind that they need, as `Reader::target` has seen.
impl<'s> Writer<'_, 's, '_> {
    fn members(&mut self, container: &Container<'_>, range: Range<usize>, depth: usize) {
        let (mut start, mut copied) = (range.start, 0);
        while start < range.end {
            let end = self.paths.group_end(start, range.end, depth);
            let BoundStep::Member(name) = self.paths.steps(start)[depth] else {
                unreachable!("an element of a map");
            };
            let found = container.find_name(name);
            let position = found.unwrap_or_else(|place| place);
            self.encoder.entries(container, copied..position);
            copied = position + usize::from(found.is_ok());
            match self.outcome_at(start, depth) {
                Some(Outcome::Remove) => {}
                Some(outcome) => {
                    self.encoder.checked_name(name);
                    outcome.write(self.encoder);
                }
                None => {
                    self.encoder.checked_name(name);
                    self.value(container.value(position), start..end, depth + 1);
                }
            }
            start = end;
        }
        self.encoder.entries(container, copied..container.count);
    }

    // DynamoDB: developer guide, "Update expressions": elements past the end are appended in the order of their positions;
    // observed: positions are those before the update.
    fn elements(&mut self, container: &Container<'_>, range: Range<usize>, depth: usize) {
        let (mut start, mut copied) = (range.start, 0);
        while start < range.end {
            let end = self.paths.group_end(start, range.end, depth);
            let BoundStep::Element(position) = self.paths.steps(start)[depth] else {
                unreachable!("a member of a list");
            };
            let position = (position as usize).min(container.count);
            self.encoder.entries(container, copied..position);
            copied = (position + 1).min(container.count);
            match self.outcome_at(start, depth) {
                Some(Outcome::Remove) => {}
                Some(outcome) => outcome.write(self.encoder),
                None => self.value(container.entry(position), start..end, depth + 1),
            }
            start = end;
        }
        self.encoder.entries(container, copied..container.count);
    }

    /// A map or list in which something changes.
    fn value(&mut self, encoded: &[u8], range: Range<usize>, depth: usize) {
        let container = Container::of_verified(encoded);
        if encoded[0] & CONTAINER_KIND_MASK == TAG_MAP {
            self.encoder.begin_map();
            self.members(&container, range, depth);
            self.encoder.end_map();
        } else {
            self.encoder.begin_list();
            self.elements(&container, range, depth);
            self.encoder.end_list();
        }
    }

    /// What becomes of the place where the path ends; none when it goes on.
    fn outcome_at(&self, index: usize, depth: usize) -> Option<Outcome<'s>> {
        let is_end = self.paths.steps(index).len() == depth + 1;
        is_end.then(|| self.outcomes[self.paths.position(index)])
    }
}
