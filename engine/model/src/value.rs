//! The ten attribute types, and an owned tree of values.
//!
//! The tree is for tests, tools and the client library's users. The server's hot path never builds it: requests are
//! written into the item encoding as they are read (`item::ItemEncoder`) and looked at in place (`item::ValueRef`).

use crate::number::Number;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The type of an attribute value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttributeType {
    /// UTF-8 text.
    String,
    /// An exact decimal of up to 38 digits.
    Number,
    /// Bytes.
    Binary,
    /// True or false.
    Bool,
    /// Null.
    Null,
    /// Values by name.
    Map,
    /// Values in order.
    List,
    /// Distinct strings.
    StringSet,
    /// Distinct numbers.
    NumberSet,
    /// Distinct byte strings.
    BinarySet,
}

impl AttributeType {
    /// Every type.
    pub const ALL: [AttributeType; 10] = [
        AttributeType::String,
        AttributeType::Number,
        AttributeType::Binary,
        AttributeType::Bool,
        AttributeType::Null,
        AttributeType::Map,
        AttributeType::List,
        AttributeType::StringSet,
        AttributeType::NumberSet,
        AttributeType::BinarySet,
    ];

    /// DynamoDB's name of the type, as in `{"S": "..."}`.
    pub const fn token(self) -> &'static str {
        match self {
            AttributeType::String => "S",
            AttributeType::Number => "N",
            AttributeType::Binary => "B",
            AttributeType::Bool => "BOOL",
            AttributeType::Null => "NULL",
            AttributeType::Map => "M",
            AttributeType::List => "L",
            AttributeType::StringSet => "SS",
            AttributeType::NumberSet => "NS",
            AttributeType::BinarySet => "BS",
        }
    }

    /// The type that a token names.
    pub fn from_token(token: &str) -> Option<AttributeType> {
        AttributeType::ALL.into_iter().find(|attribute_type| attribute_type.token() == token)
    }
}

impl fmt::Display for AttributeType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.token())
    }
}

/// An attribute value that owns its parts. Equal values have equal encodings, and the other way round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// UTF-8 text.
    S(String),
    /// An exact decimal.
    N(Number),
    /// Bytes.
    B(Vec<u8>),
    /// True or false.
    Bool(bool),
    /// Null.
    Null,
    /// Values by name.
    M(BTreeMap<String, Value>),
    /// Values in order.
    L(Vec<Value>),
    /// Distinct strings.
    Ss(BTreeSet<String>),
    /// Distinct numbers.
    Ns(BTreeSet<Number>),
    /// Distinct byte strings.
    Bs(BTreeSet<Vec<u8>>),
}

impl Value {
    /// The value's type.
    pub const fn attribute_type(&self) -> AttributeType {
        match self {
            Value::S(_) => AttributeType::String,
            Value::N(_) => AttributeType::Number,
            Value::B(_) => AttributeType::Binary,
            Value::Bool(_) => AttributeType::Bool,
            Value::Null => AttributeType::Null,
            Value::M(_) => AttributeType::Map,
            Value::L(_) => AttributeType::List,
            Value::Ss(_) => AttributeType::StringSet,
            Value::Ns(_) => AttributeType::NumberSet,
            Value::Bs(_) => AttributeType::BinarySet,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::S(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::S(text)
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Value {
        Value::N(number)
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Value {
        Value::N(Number::from(integer))
    }
}

impl From<bool> for Value {
    fn from(boolean: bool) -> Value {
        Value::Bool(boolean)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Value {
        Value::B(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_name_their_types() {
        for attribute_type in AttributeType::ALL {
            assert_eq!(AttributeType::from_token(attribute_type.token()), Some(attribute_type));
        }
        assert_eq!(AttributeType::from_token("X"), None);
    }
}
