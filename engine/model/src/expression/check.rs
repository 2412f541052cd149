//! The checks that need to know what placeholders stand for: definitions, operand counts and types.
//!
//! In the way of a request: run by `validate()` on every request, on conditions here and on updates in
//! `update/check.rs`. Comparison by comparison, in the order of the text: placeholders, operand counts, operands that
//! are the same, types. What needs no placeholder was told by the parser.

use super::path::compare_paths;
use super::substitution::Substitutions;
use super::tree::{Comparator, Function, Node, NodeIndex, Operands, Path, Tree};
use crate::item::encoded_type;
use crate::limits::NESTING_LEVEL_MAX;
use crate::{AttributeType, ValueRef};
use std::cmp::Ordering;

/// Operands of IN.
// DynamoDB: developer guide, "Condition and filter expressions": up to 100 values.
const IN_OPERAND_COUNT_MAX: usize = 100;
const ORDERED_TYPES: [AttributeType; 3] = [AttributeType::String, AttributeType::Number, AttributeType::Binary];
/// What `size` is told of.
const SIZED_TYPES: [AttributeType; 7] = [
    AttributeType::String,
    AttributeType::Binary,
    AttributeType::StringSet,
    AttributeType::NumberSet,
    AttributeType::BinarySet,
    AttributeType::Map,
    AttributeType::List,
];
/// How DynamoDB lists the types that an attribute may have.
// DynamoDB: observed: in the order of a hash set.
const TYPES_SHOWN: &str = "{B,NULL,SS,BOOL,L,BS,N,NS,S,M}";

/// Says what is wrong with a condition, if anything is.
pub(super) fn check_condition(tree: &Tree, substitutions: &Substitutions<'_>) -> Result<(), String> {
    let checker = Checker { tree, substitutions };
    let mut start = 0;
    for (index, node) in tree.nodes.iter().enumerate() {
        match node {
            Node::Path(_) | Node::Value(_) => continue,
            Node::And(..) | Node::Or(..) | Node::Not(_) => {}
            _ => {
                for node in &tree.nodes[start..=index] {
                    checker.check_placeholders(node)?;
                }
                checker.check_operation(node)?;
            }
        }
        start = index + 1;
    }
    Ok(())
}

/// A tree, and what its placeholders stand for.
pub(super) struct Checker<'c, 'a> {
    pub(super) tree: &'c Tree,
    pub(super) substitutions: &'c Substitutions<'a>,
}

impl Checker<'_, '_> {
    /// Whether the placeholders of a path or value are defined.
    pub(super) fn check_placeholders(&self, node: &Node) -> Result<(), String> {
        match node {
            Node::Value(placeholder) => self.substitutions.defined_value(&self.tree.text, *placeholder).map(|_| ()),
            Node::Path(path) => {
                self.check_names(*path)?;
                self.check_levels(*path)
            }
            _ => Ok(()),
        }
    }

    /// Whether the names of a path are defined.
    pub(super) fn check_names(&self, path: Path) -> Result<(), String> {
        self.tree.steps(path).iter().try_for_each(|step| self.substitutions.check_step(&self.tree.text, *step))
    }

    /// Whether a path goes no deeper than items do.
    pub(super) fn check_levels(&self, path: Path) -> Result<(), String> {
        if path.count as usize <= NESTING_LEVEL_MAX {
            return Ok(());
        }
        Err(format!("The document path has too many nesting levels; nesting levels: {}", path.count))
    }

    /// Whether an operator or function has operands that it can have; those below it were checked.
    pub(super) fn check_operation(&self, node: &Node) -> Result<(), String> {
        match *node {
            Node::Compare(comparator, left, right) => self.check_compare(comparator, left, right),
            Node::Between(operand, lower, upper) => {
                self.check_distinct("BETWEEN", operand, &[lower, upper])?;
                for operand in [operand, lower, upper] {
                    self.check_type_is("BETWEEN", operand, &ORDERED_TYPES)?;
                }
                self.check_bounds(lower, upper)
            }
            Node::In(operand, list) => {
                let list = self.tree.operands(list);
                if list.len() > IN_OPERAND_COUNT_MAX {
                    return Err(format!(
                        "The IN operator is provided with too many operands; number of operands: {}",
                        list.len()
                    ));
                }
                self.check_distinct("IN", operand, list)
            }
            Node::Function(function, operands) => {
                self.check_operand_count(function, operands)?;
                self.check_function(function, self.tree.operands(operands))
            }
            Node::Plus(left, right) => self.check_numbers("+", left, right),
            Node::Minus(left, right) => self.check_numbers("-", left, right),
            Node::And(..) | Node::Or(..) | Node::Not(_) | Node::Path(_) | Node::Value(_) => Ok(()),
        }
    }

    fn check_compare(&self, comparator: Comparator, left: NodeIndex, right: NodeIndex) -> Result<(), String> {
        self.check_distinct(comparator.sign(), left, &[right])?;
        if comparator.is_ordering() {
            self.check_type_is(comparator.sign(), left, &ORDERED_TYPES)?;
            self.check_type_is(comparator.sign(), right, &ORDERED_TYPES)?;
        }
        Ok(())
    }

    fn check_numbers(&self, sign: &str, left: NodeIndex, right: NodeIndex) -> Result<(), String> {
        self.check_type_is(sign, left, &[AttributeType::Number])?;
        self.check_type_is(sign, right, &[AttributeType::Number])
    }

    fn check_operand_count(&self, function: Function, operands: Operands) -> Result<(), String> {
        if operands.count == function.operand_count() {
            return Ok(());
        }
        Err(format!(
            "Incorrect number of operands for operator or function; operator or function: {}, number of operands: {}",
            function.name(),
            operands.count
        ))
    }

    fn check_distinct(&self, operator: &str, first: NodeIndex, others: &[NodeIndex]) -> Result<(), String> {
        let Node::Path(first) = *self.tree.node(first) else {
            return Ok(());
        };
        let is_first = |other: &NodeIndex| match *self.tree.node(*other) {
            Node::Path(other) => {
                first.count == other.count
                    && compare_paths(self.tree, self.substitutions, first, other) == Ordering::Equal
            }
            _ => false,
        };
        if !others.iter().any(is_first) {
            return Ok(());
        }
        Err(format!(
            "The first operand must be distinct from the remaining operands for this operator or function; \
             operator: {operator}, first operand: {}",
            self.tree.shown_path(first, self.substitutions)
        ))
    }

    /// The value of a placeholder; none for paths and functions, whose values only the item tells.
    fn value(&self, node: NodeIndex) -> Option<ValueRef<'_>> {
        self.encoded_value(node).map(ValueRef::from_encoded)
    }

    fn encoded_value(&self, node: NodeIndex) -> Option<&[u8]> {
        match self.tree.node(node) {
            Node::Value(placeholder) => self.substitutions.value(&self.tree.text, *placeholder),
            _ => None,
        }
    }

    /// The type that an operand has for every item.
    pub(super) fn known_type(&self, node: NodeIndex) -> Option<AttributeType> {
        match self.tree.node(node) {
            Node::Function(Function::Size, _) => Some(AttributeType::Number),
            Node::Function(Function::ListAppend, _) => Some(AttributeType::List),
            _ => self.encoded_value(node).map(encoded_type),
        }
    }

    fn check_type_is(&self, operator: &str, operand: NodeIndex, allowed: &[AttributeType]) -> Result<(), String> {
        match self.known_type(operand) {
            Some(found) if !allowed.contains(&found) => Err(incorrect_type(operator, found.token())),
            _ => Ok(()),
        }
    }

    fn check_bounds(&self, lower: NodeIndex, upper: NodeIndex) -> Result<(), String> {
        let (Some(lower), Some(upper)) = (self.value(lower), self.value(upper)) else {
            return Ok(());
        };
        let demand = if lower.attribute_type() != upper.attribute_type() {
            "same data type for lower and upper bounds"
        } else if is_greater(lower, upper) {
            "upper bound to be greater than or equal to lower bound"
        } else {
            return Ok(());
        };
        Err(format!(
            "The BETWEEN operator requires {demand}; lower bound operand: AttributeValue: {}, upper bound operand: \
             AttributeValue: {}",
            shown(lower),
            shown(upper)
        ))
    }

    fn check_function(&self, function: Function, operands: &[NodeIndex]) -> Result<(), String> {
        let name = function.name();
        if operands.len() == 2 && function != Function::ListAppend {
            self.check_distinct(name, operands[0], &operands[1..])?;
        }
        match function {
            Function::AttributeExists | Function::AttributeNotExists | Function::IfNotExists => {
                self.check_is_path(name, operands[0])
            }
            Function::AttributeType => self.check_type_name(operands[1]),
            Function::BeginsWith => operands.iter().try_for_each(|operand| {
                self.check_type_is(name, *operand, &[AttributeType::String, AttributeType::Binary])
            }),
            Function::Size => self.check_type_is(name, operands[0], &SIZED_TYPES),
            Function::ListAppend => {
                operands.iter().try_for_each(|operand| self.check_type_is(name, *operand, &[AttributeType::List]))
            }
            Function::Contains => Ok(()),
        }
    }

    fn check_is_path(&self, name: &str, operand: NodeIndex) -> Result<(), String> {
        match self.tree.node(operand) {
            Node::Path(_) => Ok(()),
            _ => Err(format!("Operator or function requires a document path; operator or function: {name}")),
        }
    }

    /// The type that `attribute_type` asks for is a value of the request.
    fn check_type_name(&self, operand: NodeIndex) -> Result<(), String> {
        let name = Function::AttributeType.name();
        match (self.value(operand), self.known_type(operand)) {
            (Some(ValueRef::S(token)), _) if AttributeType::from_token(token).is_some() => Ok(()),
            (Some(ValueRef::S(token)), _) => {
                Err(format!("Invalid attribute type name found; type: {token}, valid types: {TYPES_SHOWN}"))
            }
            (_, Some(found)) => Err(incorrect_type(name, found.token())),
            // DynamoDB: observed: the type of a path is told as all that it may be.
            (_, None) => Err(incorrect_type(name, TYPES_SHOWN)),
        }
    }
}

fn incorrect_type(operator: &str, found: &str) -> String {
    format!("Incorrect operand type for operator or function; operator or function: {operator}, operand type: {found}")
}

/// Whether the first of two values of one ordered type is the greater.
pub(crate) fn is_greater(left: ValueRef<'_>, right: ValueRef<'_>) -> bool {
    match (left, right) {
        (ValueRef::S(left), ValueRef::S(right)) => left > right,
        (ValueRef::N(left), ValueRef::N(right)) => left > right,
        (ValueRef::B(left), ValueRef::B(right)) => left > right,
        _ => false,
    }
}

/// A value of an ordered type in the form of DynamoDB's texts.
fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::S(text) => format!("{{S:{text}}}"),
        ValueRef::N(number) => format!("{{N:{number}}}"),
        // DynamoDB: observed: how a buffer of Java shows itself.
        ValueRef::B(bytes) => format!("{{B:java.nio.HeapByteBuffer[pos=0 lim={0} cap={0}]}}", bytes.len()),
        other => format!("{{{}}}", other.attribute_type().token()),
    }
}
