//! The checks of an update that need to know what placeholders stand for.
//!
//! In the way of a request: `validate()`. DynamoDB: observed: first the paths that are written, then, from the last
//! action to the first, all names, then values, operand counts and types.

use super::{Action, ActionKind, Update};
use crate::AttributeType;
use crate::expression::check::Checker;
use crate::expression::path::check_compatible;
use crate::expression::substitution::Substitutions;
use crate::expression::tree::{Node, NodeIndex};

/// Says what is wrong with an update, if anything is.
pub(super) fn check_update(update: &Update, substitutions: &Substitutions<'_>) -> Result<(), String> {
    let checker = Checker { tree: &update.tree, substitutions };
    let paths = update.actions.iter().map(|action| action.path);
    paths.clone().try_for_each(|path| checker.check_names(path))?;
    check_compatible(&update.tree, substitutions, paths)?;
    let outcome = update.actions.iter().rev().try_for_each(|action| check_action(&checker, action));
    if outcome.is_err() {
        // A name that is not defined is told before anything else: looked for only when there is something to tell.
        check_read_names(&checker, update)?;
    }
    outcome
}

fn check_action(checker: &Checker<'_, '_>, action: &Action) -> Result<(), String> {
    checker.check_levels(action.path)?;
    visit(checker, action.value, &|node| {
        checker.check_placeholders(node)?;
        checker.check_operation(node)
    })?;
    check_added(checker, action)
}

fn check_read_names(checker: &Checker<'_, '_>, update: &Update) -> Result<(), String> {
    update.actions.iter().rev().try_for_each(|action| {
        visit(checker, action.value, &|node| match node {
            Node::Path(path) => checker.check_names(*path),
            _ => Ok(()),
        })
    })
}

/// Visits the nodes of an action's value, operands before what they are operands of.
fn visit(
    checker: &Checker<'_, '_>,
    root: Option<NodeIndex>,
    check: &dyn Fn(&Node) -> Result<(), String>,
) -> Result<(), String> {
    let Some(root) = root else {
        return Ok(());
    };
    let node = checker.tree.node(root);
    match *node {
        Node::Plus(left, right) | Node::Minus(left, right) => {
            visit(checker, Some(left), check)?;
            visit(checker, Some(right), check)?;
        }
        Node::Function(_, operands) => {
            for operand in checker.tree.operands(operands) {
                visit(checker, Some(*operand), check)?;
            }
        }
        _ => {}
    }
    check(node)
}

/// ADD takes numbers and sets, DELETE sets.
// DynamoDB: observed: the one text that spells types out.
fn check_added(checker: &Checker<'_, '_>, action: &Action) -> Result<(), String> {
    let (Some(value), ActionKind::Add | ActionKind::Delete) = (action.value, action.kind) else {
        return Ok(());
    };
    let name = match checker.known_type(value) {
        Some(AttributeType::StringSet | AttributeType::NumberSet | AttributeType::BinarySet) | None => return Ok(()),
        Some(AttributeType::Number) if action.kind == ActionKind::Add => return Ok(()),
        Some(AttributeType::Number) => "NUMBER",
        Some(AttributeType::String) => "STRING",
        Some(AttributeType::Binary) => "BINARY",
        Some(AttributeType::Bool) => "BOOLEAN",
        Some(AttributeType::Null) => "NULL",
        Some(AttributeType::Map) => "MAP",
        Some(AttributeType::List) => "LIST",
    };
    let keyword = action.kind.keyword();
    Err(format!(
        "Incorrect operand type for operator or function; operator: {keyword}, operand type: {name}, typeSet: \
         ALLOWED_FOR_{keyword}_OPERAND"
    ))
}
