//! The checks of a parsed condition that need no table: functions, operands, placeholders, reserved words.
//!
//! In the way of a request: after parsing, in DynamoDB's order: parentheses, unknown functions, misused functions,
//! reserved words; then, comparison by comparison, placeholders, operand counts, operands that are the same, types.

use super::condition::{Condition, Node, NodeIndex, OPERATOR_COUNT_MAX, Step, too_many_operators};
use super::substitution::Substitutions;
use crate::{AttributeType, ValueRef};

/// The functions of conditions, with their numbers of operands.
const FUNCTIONS: [(&str, usize); 6] = [
    ("attribute_exists", 1),
    ("attribute_not_exists", 1),
    ("attribute_type", 2),
    ("begins_with", 2),
    ("contains", 2),
    ("size", 1),
];
/// The functions that only update expressions have.
const UPDATE_FUNCTIONS: [&str; 2] = ["if_not_exists", "list_append"];

/// Says what is wrong with `condition`, if anything is.
pub(crate) fn check_condition<'a>(condition: &Condition<'a>, substitutions: &Substitutions<'a>) -> Result<(), String> {
    let operator_count = condition.nodes.iter().filter(|node| !matches!(node, Node::Path(..) | Node::Value(_))).count();
    if operator_count > OPERATOR_COUNT_MAX {
        return Err(too_many_operators(operator_count));
    }
    check_faults(condition)?;
    let checker = Checker { condition, substitutions };
    let mut start = 0;
    for (index, node) in condition.nodes.iter().enumerate() {
        match node {
            Node::Path(..) | Node::Value(_) => continue,
            Node::And(..) | Node::Or(..) | Node::Not(_) => {}
            Node::Compare(..) | Node::Between(..) | Node::In(..) | Node::Function(..) => {
                checker.check_comparison(start, index)?;
            }
        }
        start = index + 1;
    }
    Ok(())
}

fn check_faults(condition: &Condition<'_>) -> Result<(), String> {
    if condition.faults.has_redundant_parentheses {
        return Err("The expression has redundant parentheses;".to_owned());
    }
    for node in &condition.nodes {
        if let Node::Function(name, _) = node
            && !FUNCTIONS.iter().any(|(known, _)| known == name)
        {
            return Err(if UPDATE_FUNCTIONS.contains(name) {
                format!("The function is not allowed in a condition expression; function: {name}")
            } else {
                format!("Invalid function name; function: {name}")
            });
        }
    }
    if let Some(name) = condition.faults.misused_function {
        return Err(format!("The function is not allowed to be used this way in an expression; function: {name}"));
    }
    match condition.faults.reserved_word {
        Some(word) => Err(format!("Attribute name is a reserved keyword; reserved keyword: {word}")),
        None => Ok(()),
    }
}

struct Checker<'c, 'a> {
    condition: &'c Condition<'a>,
    substitutions: &'c Substitutions<'a>,
}

impl<'a> Checker<'_, 'a> {
    /// Checks the comparison or function at `root`, whose operands start at `start`.
    fn check_comparison(&self, start: NodeIndex, root: NodeIndex) -> Result<(), String> {
        for node in &self.condition.nodes[start..=root] {
            self.check_placeholders(node)?;
        }
        self.check_operand_count(root)?;
        self.check_distinct(root)?;
        self.check_types(root)
    }

    fn check_placeholders(&self, node: &Node<'a>) -> Result<(), String> {
        match node {
            Node::Value(placeholder) => self.substitutions.value(placeholder).map(|_| ()),
            Node::Path(name, steps) => {
                self.substitutions.name(name)?;
                for step in steps {
                    if let Step::Member(name) = step {
                        self.substitutions.name(name)?;
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn check_operand_count(&self, root: NodeIndex) -> Result<(), String> {
        let Node::Function(name, operands) = &self.condition.nodes[root] else {
            return Ok(());
        };
        if FUNCTIONS.contains(&(*name, operands.len())) {
            return Ok(());
        }
        Err(format!(
            "Incorrect number of operands for operator or function; operator or function: {name}, number of \
             operands: {}",
            operands.len()
        ))
    }

    fn check_distinct(&self, root: NodeIndex) -> Result<(), String> {
        let (operator, first, second) = match &self.condition.nodes[root] {
            Node::Compare(comparator, left, right) => (comparator.sign(), *left, *right),
            Node::Function(name, operands) if operands.len() == 2 => (*name, operands[0], operands[1]),
            _ => return Ok(()),
        };
        let (Some(first), Some(second)) = (self.resolved_path(first), self.resolved_path(second)) else {
            return Ok(());
        };
        if first != second {
            return Ok(());
        }
        Err(format!(
            "The first operand must be distinct from the remaining operands for this operator or function; \
             operator: {operator}, first operand: [{}]",
            first.join(", ")
        ))
    }

    /// The attribute names and indexes of a path, as DynamoDB prints them.
    fn resolved_path(&self, node: NodeIndex) -> Option<Vec<String>> {
        let Node::Path(name, steps) = &self.condition.nodes[node] else {
            return None;
        };
        let first = self.substitutions.name(name).ok()?.to_owned();
        let rest = steps.iter().map(|step| match step {
            Step::Member(name) => self.substitutions.name(name).unwrap_or(name).to_owned(),
            Step::Element(digits) => format!("[{digits}]"),
        });
        Some(std::iter::once(first).chain(rest).collect())
    }

    fn check_types(&self, root: NodeIndex) -> Result<(), String> {
        match &self.condition.nodes[root] {
            Node::Compare(comparator, left, right) => match comparator.sign() {
                sign @ ("<" | "<=" | ">" | ">=") => {
                    [left, right].into_iter().try_for_each(|operand| self.check_ordered(sign, *operand))
                }
                _ => Ok(()),
            },
            Node::Between(operand, lower, upper) => {
                for operand in [operand, lower, upper] {
                    self.check_ordered("BETWEEN", *operand)?;
                }
                self.check_bounds(*lower, *upper)
            }
            Node::Function(name, operands) => self.check_function(name, operands),
            _ => Ok(()),
        }
    }

    /// The value of a placeholder; none for paths and functions, whose values only the item tells.
    fn value(&self, node: NodeIndex) -> Option<ValueRef<'a>> {
        match &self.condition.nodes[node] {
            Node::Value(placeholder) => self.substitutions.value(placeholder).ok(),
            _ => None,
        }
    }

    fn check_ordered(&self, operator: &str, operand: NodeIndex) -> Result<(), String> {
        self.check_type_is(operator, operand, &[AttributeType::String, AttributeType::Number, AttributeType::Binary])
    }

    fn check_type_is(&self, operator: &str, operand: NodeIndex, allowed: &[AttributeType]) -> Result<(), String> {
        match self.value(operand).map(|value| value.attribute_type()) {
            Some(found) if !allowed.contains(&found) => Err(format!(
                "Incorrect operand type for operator or function; operator or function: {operator}, operand type: {}",
                found.token()
            )),
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

    fn check_function(&self, name: &str, operands: &[NodeIndex]) -> Result<(), String> {
        match name {
            "attribute_exists" | "attribute_not_exists" => self.check_is_path(name, operands[0]),
            "attribute_type" => self.check_type_is(name, operands[1], &[AttributeType::String]),
            "begins_with" => operands.iter().try_for_each(|operand| {
                self.check_type_is(name, *operand, &[AttributeType::String, AttributeType::Binary])
            }),
            "size" => self.check_type_is(name, operands[0], &SIZED_TYPES),
            _ => Ok(()),
        }
    }

    fn check_is_path(&self, name: &str, operand: NodeIndex) -> Result<(), String> {
        match self.condition.nodes[operand] {
            Node::Path(..) => Ok(()),
            _ => Err(format!("Operator or function requires a document path; operator or function: {name}")),
        }
    }
}

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

/// Whether the first of two values of one ordered type is the greater.
fn is_greater(left: ValueRef<'_>, right: ValueRef<'_>) -> bool {
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
        // Ours: DynamoDB shows a Java object here.
        ValueRef::B(bytes) => format!("{{B:{} bytes}}", bytes.len()),
        other => format!("{{{}}}", other.attribute_type().token()),
    }
}
