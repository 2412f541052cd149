//! Parameters with a fixed set of values (`ReturnValues`, `Select`, ...): their tokens, and `Choice`,
//! which carries a token as the caller spelt it until `validate()` can report it in DynamoDB's order.
//!
//! In the way of a request: filled by the protocols' decoders, read by `validate()` and by the owner.
//! Deliberately not here: free parameters (names, limits, expressions); they live in their operation's file.

use crate::KeyType;
use crate::table::{BillingMode, TableClass};

/// A parameter that takes one of a few tokens.
pub trait Parameter: Copy + PartialEq + 'static {
    /// Every token with its meaning, in the order in which DynamoDB prints the set.
    const CHOICES: &'static [(&'static str, Self)];

    /// The token that stands for this value on the HTTP API.
    fn token(self) -> &'static str {
        Self::CHOICES
            .iter()
            .find(|(_, choice)| *choice == self)
            .map(|(token, _)| *token)
            .expect("each value is listed in its CHOICES")
    }
}

/// An optional parameter of the kind [`Parameter`], as the caller gave it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice<T> {
    /// Not given.
    #[default]
    Absent,
    /// One of the tokens.
    Known(T),
    /// Something else; `validate()` reports it.
    Unknown(String),
}

impl<T: Parameter> Choice<T> {
    /// The choice that `token` stands for. Tokens are case-sensitive.
    pub fn from_token(token: &str) -> Choice<T> {
        match T::CHOICES.iter().find(|(known, _)| *known == token) {
            Some((_, value)) => Choice::Known(*value),
            None => Choice::Unknown(token.to_owned()),
        }
    }

    /// The value, when it was given and is known.
    pub fn known(&self) -> Option<T> {
        match self {
            Choice::Known(value) => Some(*value),
            Choice::Absent | Choice::Unknown(_) => None,
        }
    }

    /// Whether the parameter was given at all.
    pub fn is_given(&self) -> bool {
        !matches!(self, Choice::Absent)
    }
}

/// What a write gives back of the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReturnValues {
    /// Nothing; the default.
    None,
    /// The item as it was before.
    AllOld,
    /// The changed attributes as they were before (UpdateItem only).
    UpdatedOld,
    /// The item as it is after (UpdateItem only).
    AllNew,
    /// The changed attributes as they are after (UpdateItem only).
    UpdatedNew,
}

impl Parameter for ReturnValues {
    // DynamoDB: observed: the set is printed in this order.
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("ALL_NEW", ReturnValues::AllNew),
        ("UPDATED_OLD", ReturnValues::UpdatedOld),
        ("ALL_OLD", ReturnValues::AllOld),
        ("NONE", ReturnValues::None),
        ("UPDATED_NEW", ReturnValues::UpdatedNew),
    ];
}

/// What the error of a condition that does not hold gives back of the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReturnValuesOnConditionCheckFailure {
    /// The item as it is.
    AllOld,
    /// Nothing; the default.
    None,
}

impl Parameter for ReturnValuesOnConditionCheckFailure {
    // DynamoDB: service model: the set in the model's order.
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("ALL_OLD", ReturnValuesOnConditionCheckFailure::AllOld),
        ("NONE", ReturnValuesOnConditionCheckFailure::None),
    ];
}

/// How much of the consumed capacity a reply tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReturnConsumedCapacity {
    /// Totals, and each table and index by itself.
    Indexes,
    /// Totals.
    Total,
    /// Nothing; the default.
    None,
}

impl Parameter for ReturnConsumedCapacity {
    // DynamoDB: observed: the set is printed in this order.
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("INDEXES", ReturnConsumedCapacity::Indexes),
        ("TOTAL", ReturnConsumedCapacity::Total),
        ("NONE", ReturnConsumedCapacity::None),
    ];
}

/// Whether a write tells about item collections; only tables with local indexes have any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReturnItemCollectionMetrics {
    /// Tell the estimated size of the collection.
    Size,
    /// Nothing; the default.
    None,
}

impl Parameter for ReturnItemCollectionMetrics {
    // DynamoDB: observed: the set is printed in this order.
    const CHOICES: &'static [(&'static str, Self)] =
        &[("SIZE", ReturnItemCollectionMetrics::Size), ("NONE", ReturnItemCollectionMetrics::None)];
}

/// What Query and Scan give back of each item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select {
    /// The attributes that a projection names.
    SpecificAttributes,
    /// Only how many there are.
    Count,
    /// Everything; the default.
    AllAttributes,
    /// Everything the index holds.
    AllProjectedAttributes,
}

impl Parameter for Select {
    // DynamoDB: observed: the set is printed in this order.
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("SPECIFIC_ATTRIBUTES", Select::SpecificAttributes),
        ("COUNT", Select::Count),
        ("ALL_ATTRIBUTES", Select::AllAttributes),
        ("ALL_PROJECTED_ATTRIBUTES", Select::AllProjectedAttributes),
    ];
}

/// The part an attribute plays in a key, as KeySchema's `KeyType` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRole {
    /// The partition key.
    Hash,
    /// The sort key.
    Range,
}

impl Parameter for KeyRole {
    // DynamoDB: observed: the set is printed in this order.
    const CHOICES: &'static [(&'static str, Self)] = &[("HASH", KeyRole::Hash), ("RANGE", KeyRole::Range)];
}

impl Parameter for KeyType {
    // DynamoDB: observed: the set is printed in this order.
    const CHOICES: &'static [(&'static str, Self)] =
        &[("B", KeyType::Binary), ("N", KeyType::Number), ("S", KeyType::String)];
}

impl Parameter for BillingMode {
    // DynamoDB: observed: the set is printed in this order.
    const CHOICES: &'static [(&'static str, Self)] =
        &[("PROVISIONED", BillingMode::Provisioned), ("PAY_PER_REQUEST", BillingMode::PayPerRequest)];
}

impl Parameter for TableClass {
    // DynamoDB: service model: the set in the model's order.
    const CHOICES: &'static [(&'static str, Self)] =
        &[("STANDARD", TableClass::Standard), ("STANDARD_INFREQUENT_ACCESS", TableClass::StandardInfrequentAccess)];
}
