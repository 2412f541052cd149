//! The parameters from before there were expressions: `Expected`, `AttributeUpdates`, `KeyConditions`, `QueryFilter`,
//! `ScanFilter`, as a request carries them.
//!
//! In the way of a request: filled by the protocols' decoders, checked by `validate()`, then turned into the conditions
//! and updates that expressions make, so that one evaluator serves both (`expression/legacy.rs`).

use super::{Attributes, Choice, Parameter};

/// The attribute under which a single value travels: a request's map of attributes is encoded as an item, and so is
/// each value of a legacy parameter, as an item of this one attribute.
pub const SINGLE_VALUE_NAME: &str = "value";

/// What one attribute must be: an entry of `KeyConditions`, `QueryFilter` or `ScanFilter`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LegacyCondition {
    /// How it is compared; required.
    pub comparison_operator: Choice<ComparisonOperator>,
    /// With what; each a value under [`SINGLE_VALUE_NAME`].
    pub attribute_value_list: Option<Vec<Attributes>>,
}

/// What one attribute of the item must be before a write: an entry of `Expected`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectedAttribute {
    /// Whether it must be there at all; the default is that it must.
    pub exists: Option<bool>,
    /// The value that it must have, under [`SINGLE_VALUE_NAME`].
    pub value: Attributes,
    /// How it is compared, instead of the two above.
    pub comparison_operator: Choice<ComparisonOperator>,
    /// With what; each a value under [`SINGLE_VALUE_NAME`].
    pub attribute_value_list: Option<Vec<Attributes>>,
}

/// What happens to one attribute: an entry of `AttributeUpdates`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttributeUpdate {
    /// `PUT` when not given.
    pub action: Choice<AttributeAction>,
    /// With what, under [`SINGLE_VALUE_NAME`].
    pub value: Attributes,
}

/// How a legacy condition compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComparisonOperator {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// One of several values.
    In,
    /// Less or equal.
    Le,
    /// Less.
    Lt,
    /// Greater or equal.
    Ge,
    /// Greater.
    Gt,
    /// Within two bounds.
    Between,
    /// Present.
    NotNull,
    /// Absent.
    Null,
    /// Holds the value.
    Contains,
    /// Does not hold the value.
    NotContains,
    /// Starts with the value.
    BeginsWith,
}

impl Parameter for ComparisonOperator {
    // DynamoDB: observed: the set is printed in this order.
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("IN", ComparisonOperator::In),
        ("NULL", ComparisonOperator::Null),
        ("BETWEEN", ComparisonOperator::Between),
        ("LT", ComparisonOperator::Lt),
        ("NOT_CONTAINS", ComparisonOperator::NotContains),
        ("EQ", ComparisonOperator::Eq),
        ("GT", ComparisonOperator::Gt),
        ("NOT_NULL", ComparisonOperator::NotNull),
        ("NE", ComparisonOperator::Ne),
        ("LE", ComparisonOperator::Le),
        ("BEGINS_WITH", ComparisonOperator::BeginsWith),
        ("GE", ComparisonOperator::Ge),
        ("CONTAINS", ComparisonOperator::Contains),
    ];
}

/// How several legacy conditions are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionalOperator {
    /// One suffices.
    Or,
    /// All must hold; the default.
    And,
}

impl Parameter for ConditionalOperator {
    // DynamoDB: observed: the set is printed in this order.
    const CHOICES: &'static [(&'static str, Self)] =
        &[("OR", ConditionalOperator::Or), ("AND", ConditionalOperator::And)];
}

/// What a legacy update does to an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeAction {
    /// Adds to a number, a set or a list.
    Add,
    /// Sets it; the default.
    Put,
    /// Removes it, or members from a set.
    Delete,
}

impl Parameter for AttributeAction {
    // DynamoDB: observed: the set is printed in this order.
    const CHOICES: &'static [(&'static str, Self)] =
        &[("ADD", AttributeAction::Add), ("PUT", AttributeAction::Put), ("DELETE", AttributeAction::Delete)];
}
