//! What an UpdateExpression is charged before it runs, against the limit of an item's size.
//!
//! In the way of a request: the owner asks before it looks at the condition, for a single UpdateItem only: within a
//! transaction, as in PartiQL and AttributeUpdates, the item alone is measured.
//!
//! DynamoDB: observed (2026, most regions): 3 bytes, and for each action
//!
//! ```text
//! SET            19 + target + value     value   a path: 1 + 14 and the name or digits of each step
//! ADD            19 + target + what is added     a value: its size
//! REMOVE DELETE   1 + target                     +: 34, -: 37, if_not_exists: 39, list_append: 37, and the operands
//! target         the name, + 4 and the name or digits of each further step
//! ```

use super::{Action, ActionKind, UPDATE_TOO_LARGE, Update};
use crate::expression::path::{BoundStep, follow_path};
use crate::expression::substitution::Substitutions;
use crate::expression::tree::{Function, Node, NodeIndex, Path};
use crate::item::{Container, encoded_size_bytes, encoded_type};
use crate::limits::ITEM_SIZE_BYTES_MAX;
use crate::{Error, ItemRef, ValueRef};

const UPDATE_BYTES: usize = 3;
const WRITE_BYTES: usize = 19;
const CLEAR_BYTES: usize = 1;
const TARGET_STEP_BYTES: usize = 4;
const OPERAND_PATH_BYTES: usize = 1;
const OPERAND_STEP_BYTES: usize = 14;
const PLUS_BYTES: usize = 34;
const MINUS_BYTES: usize = 37;
const IF_NOT_EXISTS_BYTES: usize = 39;
const LIST_APPEND_BYTES: usize = 37;

impl Update {
    /// Refuses an update that is charged for more than an item may have, whatever would become of the item.
    ///
    /// # Errors
    /// Validation.
    pub fn check_charge(&self, substitutions: &Substitutions<'_>, old: Option<ItemRef<'_>>) -> Result<(), Error> {
        if self.is_legacy {
            return Ok(());
        }
        if self.charge_bytes_max(substitutions) <= ITEM_SIZE_BYTES_MAX {
            return Ok(());
        }
        let ledger = Ledger { update: self, substitutions, old };
        let mut charged = UPDATE_BYTES;
        for action in &self.actions {
            charged += ledger.action_bytes(action);
            if charged > ITEM_SIZE_BYTES_MAX {
                return Err(Error::validation(UPDATE_TOO_LARGE));
            }
        }
        Ok(())
    }

    /// What it is charged at most, reckoned fast: as if every part of it were the dearest, with all names and values.
    fn charge_bytes_max(&self, substitutions: &Substitutions<'_>) -> usize {
        const PART_BYTES_MAX: usize = UPDATE_BYTES + WRITE_BYTES + IF_NOT_EXISTS_BYTES;
        let tree = &self.tree;
        let part_count = self.actions.len() + tree.nodes.len() + tree.steps.len();
        part_count * (PART_BYTES_MAX + substitutions.size_bytes_max()) + tree.text.len()
    }
}

struct Ledger<'e, 'a> {
    update: &'e Update,
    substitutions: &'e Substitutions<'a>,
    old: Option<ItemRef<'e>>,
}

impl Ledger<'_, '_> {
    fn action_bytes(&self, action: &Action) -> usize {
        let target = self.target_bytes(action.path);
        match (action.kind, action.value) {
            (ActionKind::Set, Some(value)) => WRITE_BYTES + target + self.operand_bytes(value),
            (ActionKind::Add, Some(value)) => WRITE_BYTES + target + self.added_bytes(action.path, value),
            _ => CLEAR_BYTES + target,
        }
    }

    fn target_bytes(&self, path: Path) -> usize {
        let steps = self.update.tree.steps(path);
        let further = TARGET_STEP_BYTES * (steps.len() - 1);
        further + self.steps_bytes(path)
    }

    /// The names and digits of a path.
    fn steps_bytes(&self, path: Path) -> usize {
        let tree = &self.update.tree;
        let bytes = tree.steps(path).iter().map(|step| match BoundStep::of(tree, self.substitutions, *step) {
            BoundStep::Member(name) => name.len(),
            BoundStep::Element(position) => position.checked_ilog10().unwrap_or(0) as usize + 1,
        });
        bytes.sum()
    }

    fn operand_bytes(&self, index: NodeIndex) -> usize {
        let tree = &self.update.tree;
        let operands = |list: &[NodeIndex]| list.iter().map(|operand| self.operand_bytes(*operand)).sum::<usize>();
        match *tree.node(index) {
            Node::Path(path) => OPERAND_PATH_BYTES + OPERAND_STEP_BYTES * path.count as usize + self.steps_bytes(path),
            Node::Plus(left, right) => PLUS_BYTES + operands(&[left, right]),
            Node::Minus(left, right) => MINUS_BYTES + operands(&[left, right]),
            Node::Function(Function::IfNotExists, list) => IF_NOT_EXISTS_BYTES + operands(tree.operands(list)),
            Node::Function(Function::ListAppend, list) => LIST_APPEND_BYTES + operands(tree.operands(list)),
            _ => self.value(index).map_or(0, encoded_size_bytes),
        }
    }

    /// The size of a number, or of the members of a set that are not there yet.
    fn added_bytes(&self, path: Path, value: NodeIndex) -> usize {
        let Some(encoded) = self.value(value) else {
            return 0;
        };
        let present = self.old.and_then(|old| follow_path(&self.update.tree, self.substitutions, path, old));
        let present = present.filter(|present| encoded_type(present) == encoded_type(encoded));
        match (ValueRef::from_encoded(encoded), present) {
            (ValueRef::Ss(members) | ValueRef::Ns(members) | ValueRef::Bs(members), Some(present)) => {
                let (added, present) = (Container::of_verified(encoded), Container::of_verified(present));
                let is_new = |(position, _): &(usize, ValueRef<'_>)| !present.has_member(added.entry(*position));
                members.iter().enumerate().filter(is_new).map(|(_, member)| member.size_bytes()).sum()
            }
            _ => encoded_size_bytes(encoded),
        }
    }

    fn value(&self, index: NodeIndex) -> Option<&[u8]> {
        match self.update.tree.node(index) {
            Node::Value(placeholder) => self.substitutions.value(&self.update.tree.text, *placeholder),
            _ => None,
        }
    }
}
