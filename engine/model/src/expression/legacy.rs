//! Conditions and updates made of parameters that are not expressions: `Expected`, `QueryFilter`, `ScanFilter`,
//! `AttributeUpdates`, `KeyConditions`.
//!
//! In the way of a request: built by the operation from its decoded parameters, after it has checked operand counts and
//! types in the words of those parameters; evaluated as expressions are. Names and values are not limited as those of an
//! expression, since there is no text.

use super::condition::Condition;
use super::key_condition::{AttributeCondition, KeyCondition, KeyTest};
use super::lexer::Span;
use super::parser::{Parameter, count};
use super::substitution::Substitutions;
use super::tree::{Comparator, Function, Node, NodeIndex, Operands, Path, Step, Tree};
use super::update::{Action, ActionKind, Update};
use crate::{Error, Item, ItemEncoder, ValueRef};

/// A condition with the values that it compares with. Needs no check.
#[derive(Debug)]
pub struct BoundCondition {
    condition: Condition,
    values: Item,
}

/// An update with the values that it writes. Needs no check.
#[derive(Debug)]
pub struct BoundUpdate {
    update: Update,
    values: Item,
}

impl BoundCondition {
    /// The condition, to be evaluated with these substitutions.
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// The values.
    pub fn substitutions(&self) -> Substitutions<'_> {
        Substitutions::of_values(self.values.as_ref())
    }
}

impl BoundUpdate {
    /// The update, to be applied with these substitutions.
    pub fn update(&self) -> &Update {
        &self.update
    }

    /// The values.
    pub fn substitutions(&self) -> Substitutions<'_> {
        Substitutions::of_values(self.values.as_ref())
    }
}

/// How the tests of a condition are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// All must hold.
    All,
    /// One suffices.
    Any,
}

/// Makes a condition of tests on single attributes.
#[derive(Debug, Default)]
pub struct ConditionBuilder {
    parts: Parts,
    tests: Vec<NodeIndex>,
}

impl ConditionBuilder {
    /// Without tests.
    pub fn new() -> ConditionBuilder {
        ConditionBuilder::default()
    }

    /// The attribute, compared with a value: EQ, NE, LE, LT, GE, GT.
    pub fn compare(&mut self, attribute_name: &str, comparator: Comparator, value: ValueRef<'_>) {
        let (path, value) = (self.parts.path_node(attribute_name), self.parts.value_node(value));
        self.add(Node::Compare(comparator, path, value));
    }

    /// NOT_NULL: the attribute is there.
    pub fn exists(&mut self, attribute_name: &str) {
        self.function(Function::AttributeExists, attribute_name, None);
    }

    /// NULL: the attribute is not there.
    pub fn not_exists(&mut self, attribute_name: &str) {
        self.function(Function::AttributeNotExists, attribute_name, None);
    }

    /// CONTAINS: a string or binary with the value inside, a set or list with it as a member.
    pub fn contains(&mut self, attribute_name: &str, value: ValueRef<'_>) {
        self.function(Function::Contains, attribute_name, Some(value));
    }

    /// NOT_CONTAINS: the attribute is there and does not contain the value.
    // DynamoDB: observed: one that is missing does not pass.
    pub fn not_contains(&mut self, attribute_name: &str, value: ValueRef<'_>) {
        let exists = self.parts.function_node(Function::AttributeExists, attribute_name, None);
        let contains = self.parts.function_node(Function::Contains, attribute_name, Some(value));
        let not_contains = self.parts.push(Node::Not(contains));
        self.add(Node::And(exists, not_contains));
    }

    /// BEGINS_WITH.
    pub fn begins_with(&mut self, attribute_name: &str, value: ValueRef<'_>) {
        self.function(Function::BeginsWith, attribute_name, Some(value));
    }

    /// IN.
    pub fn is_in<'v>(&mut self, attribute_name: &str, values: impl IntoIterator<Item = ValueRef<'v>>) {
        let path = self.parts.path_node(attribute_name);
        let list: Vec<NodeIndex> = values.into_iter().map(|value| self.parts.value_node(value)).collect();
        let list = self.parts.push_list(&list);
        self.add(Node::In(path, list));
    }

    /// BETWEEN; the bounds are included.
    pub fn between(&mut self, attribute_name: &str, lower: ValueRef<'_>, upper: ValueRef<'_>) {
        let path = self.parts.path_node(attribute_name);
        let (lower, upper) = (self.parts.value_node(lower), self.parts.value_node(upper));
        self.add(Node::Between(path, lower, upper));
    }

    /// The condition of all tests; none when there are none.
    ///
    /// # Errors
    /// Validation: values that together are larger than any request.
    pub fn finish(mut self, join: Join) -> Result<Option<BoundCondition>, Error> {
        let make = match join {
            Join::All => Node::And,
            Join::Any => Node::Or,
        };
        // By halves: the tree is as deep as the logarithm of what may be many tests.
        while self.tests.len() > 1 {
            let joined = self.tests.chunks(2).map(|pair| match pair {
                [left, right] => self.parts.push(make(*left, *right)),
                rest => rest[0],
            });
            self.tests = joined.collect();
        }
        let Some(root) = self.tests.pop() else {
            return Ok(None);
        };
        self.parts.make_last(root);
        let (tree, values) = self.parts.finish()?;
        Ok(Some(BoundCondition { condition: Condition { parameter: Parameter::Condition, tree }, values }))
    }

    fn function(&mut self, function: Function, attribute_name: &str, value: Option<ValueRef<'_>>) {
        let node = self.parts.function_node(function, attribute_name, value);
        self.tests.push(node);
    }

    fn add(&mut self, node: Node) {
        let test = self.parts.push(node);
        self.tests.push(test);
    }
}

/// Makes an update of actions on whole attributes, each named once.
#[derive(Debug, Default)]
pub struct UpdateBuilder {
    parts: Parts,
    actions: Vec<Action>,
}

impl UpdateBuilder {
    /// Without actions.
    pub fn new() -> UpdateBuilder {
        UpdateBuilder::default()
    }

    /// PUT.
    pub fn put(&mut self, attribute_name: &str, value: ValueRef<'_>) {
        self.add_action(ActionKind::Set, attribute_name, Some(value));
    }

    /// ADD to a number, a set or a list; of what is not there, what is added.
    pub fn add(&mut self, attribute_name: &str, value: ValueRef<'_>) {
        self.add_action(ActionKind::Add, attribute_name, Some(value));
    }

    /// DELETE of members of a set.
    pub fn delete(&mut self, attribute_name: &str, value: ValueRef<'_>) {
        self.add_action(ActionKind::Delete, attribute_name, Some(value));
    }

    /// DELETE of the attribute.
    pub fn remove(&mut self, attribute_name: &str) {
        self.add_action(ActionKind::Remove, attribute_name, None);
    }

    /// The update; one without actions makes an item that is not there.
    ///
    /// # Errors
    /// Validation: values that together are larger than any request.
    pub fn finish(self) -> Result<BoundUpdate, Error> {
        let (tree, values) = self.parts.finish()?;
        Ok(BoundUpdate { update: Update { tree, actions: self.actions.into(), is_legacy: true }, values })
    }

    fn add_action(&mut self, kind: ActionKind, attribute_name: &str, value: Option<ValueRef<'_>>) {
        let path = self.parts.path(attribute_name);
        let value = value.map(|value| self.parts.value_node(value));
        self.actions.push(Action { kind, path, value, clause: 0 });
    }
}

/// Makes a key condition of tests on key attributes.
#[derive(Debug, Default)]
pub struct KeyConditionBuilder<'a> {
    conditions: Vec<AttributeCondition<'a>>,
    is_indexable: bool,
}

impl<'a> KeyConditionBuilder<'a> {
    /// Without tests.
    pub fn new() -> KeyConditionBuilder<'a> {
        KeyConditionBuilder { conditions: Vec::with_capacity(2), is_indexable: true }
    }

    /// EQ, LE, LT, GE, GT; `finish` refuses NE.
    pub fn compare(&mut self, attribute_name: &'a str, comparator: Comparator, value: ValueRef<'a>) {
        self.is_indexable &= comparator != Comparator::NotEqual;
        self.add(attribute_name, KeyTest::Compare(comparator, value));
    }

    /// BETWEEN; the bounds are included.
    pub fn between(&mut self, attribute_name: &'a str, lower: ValueRef<'a>, upper: ValueRef<'a>) {
        self.add(attribute_name, KeyTest::Between(lower, upper));
    }

    /// BEGINS_WITH.
    pub fn begins_with(&mut self, attribute_name: &'a str, value: ValueRef<'a>) {
        self.add(attribute_name, KeyTest::BeginsWith(value));
    }

    /// Any other operator: `finish` refuses it.
    pub fn not_indexable(&mut self) {
        self.is_indexable = false;
    }

    /// The key condition.
    ///
    /// # Errors
    /// Validation: no test or more than two, or one that no sorted range answers.
    pub fn finish(self) -> Result<KeyCondition<'a>, Error> {
        if !self.is_indexable {
            return Err(Error::validation("Attempted conditional constraint is not an indexable operation"));
        }
        if !(1..=2).contains(&self.conditions.len()) {
            return Err(Error::validation("Conditions can be of length 1 or 2 only"));
        }
        Ok(KeyCondition::of_conditions(self.conditions))
    }

    fn add(&mut self, attribute_name: &'a str, test: KeyTest<'a>) {
        self.conditions.push(AttributeCondition { attribute_name, test });
    }
}

/// The parts of a tree that is being made. Its text is names and placeholders, one after the other.
#[derive(Debug, Default)]
struct Parts {
    text: String,
    nodes: Vec<Node>,
    lists: Vec<NodeIndex>,
    steps: Vec<Step>,
    values: Option<Box<ItemEncoder>>,
    value_count: usize,
}

impl Parts {
    fn push(&mut self, node: Node) -> NodeIndex {
        self.nodes.push(node);
        count(self.nodes.len() - 1)
    }

    fn push_list(&mut self, list: &[NodeIndex]) -> Operands {
        let first = count(self.lists.len());
        self.lists.extend_from_slice(list);
        Operands { first, count: count(list.len()) }
    }

    fn span(&mut self, text: &str) -> Span {
        let start = self.text.len();
        self.text.push_str(text);
        Span::new(start, self.text.len())
    }

    fn path(&mut self, attribute_name: &str) -> Path {
        let name = self.span(attribute_name);
        self.steps.push(Step::Name(name));
        Path { first: count(self.steps.len() - 1), count: 1 }
    }

    fn path_node(&mut self, attribute_name: &str) -> NodeIndex {
        let path = self.path(attribute_name);
        self.push(Node::Path(path))
    }

    fn value_node(&mut self, value: ValueRef<'_>) -> NodeIndex {
        let placeholder = format!(":{}", self.value_count);
        self.value_count += 1;
        let encoder = self.values.get_or_insert_with(|| {
            let mut encoder = Box::new(ItemEncoder::new());
            encoder.begin_item();
            encoder
        });
        encoder.name(&placeholder);
        encoder.value(value);
        let span = self.span(&placeholder);
        self.push(Node::Value(span))
    }

    fn function_node(&mut self, function: Function, attribute_name: &str, value: Option<ValueRef<'_>>) -> NodeIndex {
        let mut list = vec![self.path_node(attribute_name)];
        list.extend(value.map(|value| self.value_node(value)));
        let list = self.push_list(&list);
        self.push(Node::Function(function, list))
    }

    /// The root of a tree is its last node; one test that is not is put there again.
    fn make_last(&mut self, root: NodeIndex) {
        if root as usize + 1 != self.nodes.len() {
            let node = self.nodes[root as usize];
            self.push(node);
        }
    }

    fn finish(self) -> Result<(Tree, Item), Error> {
        let values = self.values.map_or(Ok(Item::EMPTY), |mut encoder| encoder.finish())?;
        let tree = Tree {
            text: self.text.into(),
            nodes: self.nodes.into(),
            lists: self.lists.into(),
            steps: self.steps.into(),
        };
        Ok((tree, values))
    }
}
