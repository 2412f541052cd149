//! `AttributeUpdates`: changes from before there were expressions, checked and made into what expressions are made into.
//!
//! In the way of a request: checked in `validate()`, made into an update by the owner. How it is applied is not here.

use super::constraint::Constraints;
use super::legacy_condition::value;
use super::{AttributeAction, AttributeUpdate};
use crate::expression::{BoundUpdate, UpdateBuilder};
use crate::{AttributeType, Error, Text};

/// The constraints of `AttributeUpdates`.
pub(crate) fn constrain_updates(constraints: &mut Constraints, updates: Option<&[(Text, AttributeUpdate)]>) {
    for (name, update) in updates.unwrap_or_default() {
        if constraints.is_full() {
            return;
        }
        constraints.choice(format_args!("attributeUpdates.{name}.member.action"), &update.action);
    }
}

/// Checks values and what actions can do with them.
// DynamoDB: observed: attribute by attribute.
pub(crate) fn check_updates(updates: Option<&[(Text, AttributeUpdate)]>) -> Result<(), Error> {
    updates.unwrap_or_default().iter().try_for_each(|(_, update)| update.check())
}

/// The update of checked `AttributeUpdates`.
pub(crate) fn bind_updates(updates: &[(Text, AttributeUpdate)]) -> BoundUpdate {
    let mut builder = UpdateBuilder::new();
    for (name, update) in updates {
        if !update.value.is_given() {
            builder.remove(name);
            continue;
        }
        let value = value(&update.value).expect("validated: the value is well formed");
        match update.action() {
            AttributeAction::Put => builder.put(name, value),
            AttributeAction::Add => builder.add(name, value),
            AttributeAction::Delete => builder.delete(name, value),
        }
    }
    builder.finish().expect("the values of one request fit into one item")
}

impl AttributeUpdate {
    fn action(&self) -> AttributeAction {
        self.action.known().unwrap_or(AttributeAction::Put)
    }

    fn check(&self) -> Result<(), Error> {
        if !self.value.is_given() {
            return match self.action() {
                AttributeAction::Delete => Ok(()),
                AttributeAction::Put | AttributeAction::Add => {
                    Err(Error::invalid_parameter("Only DELETE action is allowed when no attribute value is specified"))
                }
            };
        }
        let attribute_type = value(&self.value)?.attribute_type();
        let is_set =
            matches!(attribute_type, AttributeType::StringSet | AttributeType::NumberSet | AttributeType::BinarySet);
        let is_addable = is_set || matches!(attribute_type, AttributeType::Number | AttributeType::List);
        match self.action() {
            AttributeAction::Delete if !is_set => Err(Error::invalid_parameter(format_args!(
                "DELETE action with value is not supported for the type {}",
                attribute_type.token()
            ))),
            AttributeAction::Add if !is_addable => Err(Error::invalid_parameter(format_args!(
                "ADD action is not supported for the type {}",
                attribute_type.token()
            ))),
            _ => Ok(()),
        }
    }
}
