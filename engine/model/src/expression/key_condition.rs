//! KeyConditionExpression: which items of a table a Query reads.
//!
//! In the way of a request: `parse` needs no table and runs in `validate()`; `bind` runs at the owner, which knows
//! the key schema, and gives the range of encoded keys to read. All of it borrows from the request.
//! Deliberately not here: where in that range a page starts; see `operation/start_key.rs`.

use std::cmp::Ordering;

use super::condition::{Condition, ConditionKind};
use super::parser::Parameter;
use super::substitution::{ExpressionRef, Substitutions};
use super::tree::{Comparator, Function, Node, NodeIndex, Step, Tree};
use crate::limits::SORT_KEY_BYTES_MAX;
use crate::{Error, ItemRef, KeyAttribute, KeyRange, KeySchema, Text, ValueRef};

/// Key attributes of a table or local index.
const KEY_ATTRIBUTE_COUNT_MAX: usize = 2;

/// Conditions on attributes, not yet known to be the key attributes of a table or index.
///
/// Invariant: at least one, each on an attribute of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyCondition<'a> {
    conditions: Vec<AttributeCondition<'a>>,
}

/// What one attribute must be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AttributeCondition<'a> {
    pub(super) attribute_name: &'a str,
    pub(crate) test: KeyTest<'a>,
}

/// The tests that a sorted range can answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum KeyTest<'a> {
    /// The attribute, compared with the value.
    Compare(Comparator, ValueRef<'a>),
    /// From the first value to the second, both included.
    Between(ValueRef<'a>, ValueRef<'a>),
    /// The value is a beginning of the attribute.
    BeginsWith(ValueRef<'a>),
}

/// A key condition on the key attributes of a table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct BoundKeyCondition<'a> {
    pub(crate) partition_value: ValueRef<'a>,
    pub(crate) sort_test: Option<KeyTest<'a>>,
}

impl<'a> KeyCondition<'a> {
    /// Parses and checks `expression` with the placeholders of its request.
    ///
    /// Errors are DynamoDB's: syntax, placeholders undefined or unused, operators that a key condition cannot have.
    pub fn parse(
        expression: &'a str,
        names: Option<&'a [(Text, Text)]>,
        values: Option<ItemRef<'a>>,
    ) -> Result<KeyCondition<'a>, Error> {
        let substitutions = Substitutions::new(names, values)?;
        let condition = Condition::parse(ConditionKind::KeyCondition, expression)?;
        condition.check(&substitutions)?;
        substitutions.check_all_used(&[ExpressionRef::Condition(&condition)])?;
        read(&condition.tree, expression, &substitutions)
    }

    /// Reads the key condition off a condition that was checked.
    ///
    /// # Errors
    /// Validation: operators that a key condition cannot have; DynamoDB's texts.
    pub fn of_condition(
        condition: &'a Condition,
        substitutions: &Substitutions<'a>,
    ) -> Result<KeyCondition<'a>, Error> {
        read(&condition.tree, &condition.tree.text, substitutions)
    }

    /// Conditions that were read off something else.
    pub(super) fn of_conditions(conditions: Vec<AttributeCondition<'a>>) -> KeyCondition<'a> {
        KeyCondition { conditions }
    }

    /// The range of encoded keys that meet the condition in a table with `schema`.
    pub fn bind(&self, schema: &KeySchema) -> Result<KeyRange, Error> {
        self.resolve(schema)?.range(schema)
    }

    /// The range of encoded entries that meet the condition in a local index whose own key schema this is.
    pub fn bind_in_index(&self, index_schema: &KeySchema) -> Result<KeyRange, Error> {
        self.resolve(index_schema)?.range_in_index(index_schema)
    }

    /// Matches the conditions with the key attributes.
    // DynamoDB: observed: the partition key is looked at first, whole; then the sort key.
    pub(crate) fn resolve(&self, schema: &KeySchema) -> Result<BoundKeyCondition<'a>, Error> {
        let count = self.conditions.len();
        if count > KEY_ATTRIBUTE_COUNT_MAX {
            return Err(Error::validation(format!(
                "The number of query conditions ({count}) exceeds the number of key attributes defined in the schema ({})",
                1 + usize::from(schema.sort_key.is_some())
            )));
        }
        if schema.sort_key.is_none() && count > 1 {
            return Err(Error::validation("Query key condition not supported"));
        }
        let partition = self.condition_on(&schema.partition_key.name);
        let partition = partition.ok_or_else(|| missed_key(&schema.partition_key.name))?;
        check_types(partition, &schema.partition_key)?;
        let KeyTest::Compare(Comparator::Equal, partition_value) = partition.test else {
            return Err(Error::validation("Query key condition not supported"));
        };
        let mut sort_test = None;
        if let Some(sort_key) = &schema.sort_key {
            match self.condition_on(&sort_key.name) {
                Some(sort) => {
                    check_types(sort, sort_key)?;
                    sort.test.values().try_for_each(|value| check_sort_value(&sort_key.name, value))?;
                    sort_test = Some(sort.test);
                }
                None if count > 1 => return Err(missed_key(&sort_key.name)),
                None => {}
            }
        }
        Ok(BoundKeyCondition { partition_value, sort_test })
    }

    fn condition_on(&self, attribute_name: &str) -> Option<&AttributeCondition<'a>> {
        self.conditions.iter().find(|condition| condition.attribute_name == attribute_name)
    }
}

impl<'a> KeyTest<'a> {
    /// The values of the test.
    fn values(self) -> impl Iterator<Item = ValueRef<'a>> {
        let (first, second) = match self {
            KeyTest::Compare(_, value) | KeyTest::BeginsWith(value) => (value, None),
            KeyTest::Between(lower, upper) => (lower, Some(upper)),
        };
        std::iter::once(first).chain(second)
    }

    /// Whether a key attribute's value passes.
    pub(crate) fn matches(self, value: ValueRef<'_>) -> bool {
        match self {
            KeyTest::Compare(comparator, bound) => {
                let Some(order) = compare_key_values(value, bound) else {
                    return false;
                };
                match comparator {
                    Comparator::Equal => order == Ordering::Equal,
                    Comparator::NotEqual => order != Ordering::Equal,
                    Comparator::Less => order == Ordering::Less,
                    Comparator::LessOrEqual => order != Ordering::Greater,
                    Comparator::Greater => order == Ordering::Greater,
                    Comparator::GreaterOrEqual => order != Ordering::Less,
                }
            }
            KeyTest::Between(lower, upper) => {
                compare_key_values(value, lower).is_some_and(|order| order != Ordering::Less)
                    && compare_key_values(value, upper).is_some_and(|order| order != Ordering::Greater)
            }
            KeyTest::BeginsWith(start) => match (value, start) {
                (ValueRef::S(value), ValueRef::S(start)) => value.starts_with(start),
                (ValueRef::B(value), ValueRef::B(start)) => value.starts_with(start),
                _ => false,
            },
        }
    }
}

impl BoundKeyCondition<'_> {
    /// The range of encoded keys that meet the condition.
    pub(crate) fn range(&self, schema: &KeySchema) -> Result<KeyRange, Error> {
        Ok(self.narrow(KeyRange::of_partition_key(schema, self.partition_value)?))
    }

    /// The range of encoded entries that meet the condition in a local index.
    pub(crate) fn range_in_index(&self, index_schema: &KeySchema) -> Result<KeyRange, Error> {
        Ok(self.narrow(KeyRange::of_partition_key(index_schema, self.partition_value)?.in_index()))
    }

    fn narrow(&self, range: KeyRange) -> KeyRange {
        match self.sort_test {
            None => range,
            Some(KeyTest::Compare(comparator, value)) => match comparator {
                Comparator::Equal => range.equal(value),
                Comparator::Less => range.below(value),
                Comparator::LessOrEqual => range.at_most(value),
                Comparator::Greater => range.above(value),
                Comparator::GreaterOrEqual => range.at_least(value),
                Comparator::NotEqual => unreachable!("no key condition is read off `<>`"),
            },
            Some(KeyTest::Between(lower, upper)) => range.between(lower, upper),
            Some(KeyTest::BeginsWith(start)) => range.begins_with(start),
        }
    }
}

/// The order of two values of the same key type; none for other types.
pub(crate) fn compare_key_values(left: ValueRef<'_>, right: ValueRef<'_>) -> Option<Ordering> {
    match (left, right) {
        (ValueRef::S(left), ValueRef::S(right)) => Some(left.cmp(right)),
        (ValueRef::N(left), ValueRef::N(right)) => Some(left.cmp(&right)),
        (ValueRef::B(left), ValueRef::B(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

fn missed_key(attribute_name: &str) -> Error {
    Error::validation(format!("Query condition missed key schema element: {attribute_name}"))
}

fn check_types(condition: &AttributeCondition<'_>, key: &KeyAttribute) -> Result<(), Error> {
    let expected = key.key_type.attribute_type();
    if condition.test.values().all(|value| value.attribute_type() == expected) {
        return Ok(());
    }
    Err(Error::invalid_parameter("Condition parameter type does not match schema type"))
}

/// A value that no sort key can have is no bound either.
// DynamoDB: observed: worded as for the keys of items.
fn check_sort_value(attribute_name: &str, value: ValueRef<'_>) -> Result<(), Error> {
    let kind = match value {
        ValueRef::S("") => "string",
        ValueRef::B(b"") => "binary",
        _ if value.size_bytes() > SORT_KEY_BYTES_MAX => {
            return Err(Error::invalid_parameter(format_args!(
                "Aggregated size of all range keys has exceeded the size limit of {SORT_KEY_BYTES_MAX} bytes"
            )));
        }
        _ => return Ok(()),
    };
    Err(Error::validation(format!(
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty \
         {kind} value. Key: {attribute_name}"
    )))
}

/// Reads the conditions on attributes off a checked condition; `text` is its text.
fn read<'a>(tree: &Tree, text: &'a str, substitutions: &Substitutions<'a>) -> Result<KeyCondition<'a>, Error> {
    let mut reader = Reader { tree, text, substitutions, found: Vec::with_capacity(KEY_ATTRIBUTE_COUNT_MAX) };
    reader.read(tree.root())?;
    Ok(KeyCondition { conditions: reader.found })
}

struct Reader<'c, 'a> {
    tree: &'c Tree,
    text: &'a str,
    substitutions: &'c Substitutions<'a>,
    found: Vec<AttributeCondition<'a>>,
}

/// An operand of a test: an attribute or a value.
enum Operand<'a> {
    Attribute(&'a str),
    Value(ValueRef<'a>),
}

// DynamoDB: observed: nodes are looked at in the order in which they are written, the outer before the inner.
impl<'a> Reader<'_, 'a> {
    fn read(&mut self, index: NodeIndex) -> Result<(), Error> {
        match *self.tree.node(index) {
            Node::And(left, right) => {
                self.read(left)?;
                self.read(right)
            }
            Node::Compare(Comparator::NotEqual, ..) => Err(invalid_operator("<>")),
            Node::Compare(comparator, left, right) => {
                let (name, position, values) = self.attribute_and_values(&[left, right])?;
                let comparator = if position == 0 { comparator } else { comparator.mirrored() };
                self.add(name, KeyTest::Compare(comparator, values[0]))
            }
            Node::Between(operand, lower, upper) => {
                self.require_attribute_first("BETWEEN", operand)?;
                let (name, _, values) = self.attribute_and_values(&[operand, lower, upper])?;
                self.add(name, KeyTest::Between(values[0], values[1]))
            }
            Node::Function(Function::BeginsWith, operands) => {
                let operands = self.tree.operands(operands);
                self.require_attribute_first("begins_with", operands[0])?;
                let (name, _, values) = self.attribute_and_values(operands)?;
                self.add(name, KeyTest::BeginsWith(values[0]))
            }
            Node::Function(Function::Size, _) => Err(nested_operation()),
            Node::Function(function, _) => Err(invalid_operator(function.name())),
            Node::Or(..) => Err(invalid_operator("OR")),
            Node::Not(_) => Err(invalid_operator("NOT")),
            Node::In(..) => Err(invalid_operator("IN")),
            Node::Path(_) | Node::Value(_) | Node::Plus(..) | Node::Minus(..) => {
                unreachable!("the parser lets no operand stand for a condition")
            }
        }
    }

    fn require_attribute_first(&self, operator: &str, operand: NodeIndex) -> Result<(), Error> {
        match self.tree.node(operand) {
            Node::Path(_) => Ok(()),
            _ => Err(Error::validation(format!(
                "Invalid condition in KeyConditionExpression: {operator} operator must have the key attribute as its \
                 first operand"
            ))),
        }
    }

    /// The one attribute among the operands, where it stands, and the values, in order.
    fn attribute_and_values(&self, operands: &[NodeIndex]) -> Result<(&'a str, usize, Vec<ValueRef<'a>>), Error> {
        let mut attribute = None;
        let mut values = Vec::with_capacity(2);
        for (position, index) in operands.iter().enumerate() {
            match self.operand(*index, attribute.is_some())? {
                Operand::Attribute(name) => attribute = Some((name, position)),
                Operand::Value(value) => values.push(value),
            }
        }
        match attribute {
            Some((name, position)) => Ok((name, position, values)),
            None => Err(Error::validation("Invalid condition in KeyConditionExpression: No key attribute specified")),
        }
    }

    fn operand(&self, index: NodeIndex, has_attribute: bool) -> Result<Operand<'a>, Error> {
        match *self.tree.node(index) {
            Node::Path(_) if has_attribute => Err(Error::validation(
                "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition",
            )),
            Node::Path(path) if path.count > 1 => {
                Err(Error::validation("KeyConditionExpressions cannot have conditions on nested attributes"))
            }
            Node::Path(path) => Ok(Operand::Attribute(self.attribute_name(self.tree.steps(path)[0]))),
            Node::Value(placeholder) => {
                let value = self.substitutions.value(self.text, placeholder);
                Ok(Operand::Value(ValueRef::from_encoded(value.expect("checked: each value is defined"))))
            }
            _ => Err(nested_operation()),
        }
    }

    fn attribute_name(&self, step: Step) -> &'a str {
        let name = match step {
            Step::Name(name) => Some(name.bytes_of(self.text)),
            Step::Placeholder(placeholder) => self.substitutions.attribute_name(placeholder.bytes_of(self.text)),
            Step::Element(_) => None,
        };
        let name = name.expect("checked: a path starts with a defined name");
        std::str::from_utf8(name).expect("names of requests and texts are UTF-8")
    }

    fn add(&mut self, attribute_name: &'a str, test: KeyTest<'a>) -> Result<(), Error> {
        if self.found.iter().any(|condition| condition.attribute_name == attribute_name) {
            // DynamoDB: observed (2026): this one has the opening of a fault of the expression, those around it have not.
            return Err(
                Parameter::KeyCondition.invalid("KeyConditionExpressions must only contain one condition per key")
            );
        }
        self.found.push(AttributeCondition { attribute_name, test });
        Ok(())
    }
}

fn invalid_operator(operator: &str) -> Error {
    Error::validation(format!("Invalid operator used in KeyConditionExpression: {operator}"))
}

fn nested_operation() -> Error {
    Error::validation("KeyConditionExpressions cannot contain nested operations")
}
