//! `Attributes`: a map of attribute values in a request (an item, a key, expression values), or why it is none.
//!
//! In the way of a request: decoders fill it and go on after a bad value, because DynamoDB reports bad values
//! only after the constraints on the other parameters; `validate()` reports it at its turn.

use crate::{Error, Item, Text};

/// A map of attribute values as a request carries it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Attributes {
    /// Not given.
    #[default]
    Absent,
    /// Given and well formed.
    Valid(Item),
    /// Given, with a value that no attribute can have.
    Invalid(Box<InvalidAttribute>),
}

/// The first value of a map that no attribute can have.
#[derive(Clone, Debug, PartialEq)]
pub struct InvalidAttribute {
    /// The top-level attribute in which it lies.
    pub attribute_name: Text,
    /// What is wrong with it, in DynamoDB's words.
    pub error: Error,
}

impl Attributes {
    /// A map that is invalid by what lies in its attribute `attribute_name`.
    pub fn invalid(attribute_name: Text, error: Error) -> Attributes {
        Attributes::Invalid(Box::new(InvalidAttribute { attribute_name, error }))
    }

    /// The map, when it was given and is well formed.
    pub fn item(&self) -> Option<&Item> {
        match self {
            Attributes::Valid(item) => Some(item),
            Attributes::Absent | Attributes::Invalid(_) => None,
        }
    }

    /// Whether the parameter was given at all.
    pub fn is_given(&self) -> bool {
        !matches!(self, Attributes::Absent)
    }

    /// The error of an invalid map; none for one that is valid or absent.
    pub(crate) fn check_values(&self) -> Result<(), Error> {
        match self {
            Attributes::Invalid(invalid) => Err(invalid.error.clone()),
            Attributes::Absent | Attributes::Valid(_) => Ok(()),
        }
    }
}
