//! Which attributes of an item GetItem and BatchGetItem give back.

use super::Evaluator;
use crate::{Item, ItemRef, Text};

/// A projection with its placeholders. Requests without one carry none, so they stay small.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttributeSelection {
    /// The paths wanted.
    pub projection_expression: Option<Text>,
    /// `#name` to attribute name, in the order given; none when not given.
    pub expression_attribute_names: Option<Vec<(Text, Text)>>,
    /// The same in the form from before expressions: names of attributes.
    pub attributes_to_get: Option<Vec<Text>>,
}

impl AttributeSelection {
    /// What is wanted of an item.
    pub(crate) fn select(&self, evaluator: &mut Evaluator, item: ItemRef<'_>) -> Item {
        evaluator.copy(item)
    }
}
