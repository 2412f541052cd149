//! What may stand in a place of the JSON, and what DynamoDB says when something else does.
//!
//! A [`Shape`] takes the kinds of values that it understands; the rest is refused with its own text. One visitor,
//! [`Shaped`], stands between `serde_json` and every shape.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use model::{ItemEncoder, Text};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Most elements that the lists and maps of one request may keep, those of attribute values aside: an element of a few
/// bytes of JSON takes up a hundred. Expressions of legal length have no use for that many placeholders, and past it
/// elements are read for their types only.
const KEPT_ELEMENT_COUNT_MAX: usize = 65_536;

/// What the shapes of one body share.
pub(crate) struct Reading<'b> {
    pub(crate) body: &'b Bytes,
    pub(crate) encoder: &'b mut ItemEncoder,
    /// Reused room, for binary values.
    pub(crate) scratch: &'b mut Vec<u8>,
    fault: Option<Cow<'static, str>>,
    kept_element_count: usize,
}

impl<'b> Reading<'b> {
    pub(crate) fn new(body: &'b Bytes, encoder: &'b mut ItemEncoder, scratch: &'b mut Vec<u8>) -> Reading<'b> {
        Reading { body, encoder, scratch, fault: None, kept_element_count: 0 }
    }

    /// Ends the reading with what DynamoDB says of the wrong type.
    pub(crate) fn refuse<E: serde::de::Error>(&mut self, fault: impl Into<Cow<'static, str>>) -> E {
        self.fault = Some(fault.into());
        E::custom("a value of the wrong type")
    }

    pub(crate) fn into_fault(self) -> Option<Cow<'static, str>> {
        self.fault
    }

    /// Whether one more element of a list or map is kept.
    pub(crate) fn keeps_element(&mut self) -> bool {
        self.kept_element_count += 1;
        self.kept_element_count <= KEPT_ELEMENT_COUNT_MAX
    }

    /// The text as a part of the body where it stands there as it is, else as a copy.
    pub(crate) fn text(&self, text: Letters<'_, '_>) -> Text {
        match text {
            Letters::OfBody(text) => Text::part_of(self.body, text),
            Letters::Unescaped(text) => Text::from(text),
        }
    }
}

/// A JSON string: a part of the body, or what its escapes stand for.
#[derive(Clone, Copy)]
pub(crate) enum Letters<'de, 's> {
    OfBody(&'de str),
    Unescaped(&'s str),
}

impl Letters<'_, '_> {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Letters::OfBody(text) | Letters::Unescaped(text) => text,
        }
    }
}

/// The JSON type of a value that stands in the wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    String,
    True,
    False,
    Integer,
    Decimal,
    List,
    Object,
}

impl Found {
    fn of_bool(value: bool) -> Found {
        if value { Found::True } else { Found::False }
    }

    /// DynamoDB's name of the token. Lists and objects have texts of their own.
    pub(crate) fn token(self) -> &'static str {
        match self {
            Found::String => "STRING_VALUE",
            Found::True => "TRUE_VALUE",
            Found::False => "FALSE_VALUE",
            Found::Integer => "NUMBER_VALUE",
            Found::Decimal => "DECIMAL_VALUE",
            Found::List => "START_ARRAY",
            Found::Object => "START_OBJECT",
        }
    }
}

/// Where a structure, list or map stands: it decides what is said of a scalar in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A member of a structure.
    Field,
    /// An element of a list, or a value of a map.
    Element,
    /// As [`Place::Element`], of a type that Java itself has to spell with type parameters.
    GenericElement,
}

impl Place {
    pub(crate) fn wrong_scalar(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Place::Field => "Unexpected field type",
            Place::Element => "Unexpected value type in payload",
            // DynamoDB: observed.
            Place::GenericElement => {
                "class sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl cannot be cast to class \
                 java.lang.Class (sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl and java.lang.Class are \
                 in module java.base of loader 'bootstrap')"
            }
        })
    }
}

/// A number as JSON has it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum JsonNumber {
    Integer(i64),
    /// With a fraction, or beyond an i64.
    Decimal(f64),
}

impl JsonNumber {
    pub(crate) fn found(self) -> Found {
        match self {
            JsonNumber::Decimal(value) if value.fract() != 0.0 => Found::Decimal,
            _ => Found::Integer,
        }
    }
}

/// What may stand in a place. Each method not defined is a type that may not.
pub(crate) trait Shape<'de>: Sized {
    type Value;

    /// DynamoDB's text for a value of a type that may not stand here.
    fn wrong(&self, found: Found) -> Cow<'static, str>;

    /// Null: as good as not there.
    fn absent(self, reading: &mut Reading<'_>) -> Self::Value;

    fn string(self, letters: Letters<'de, '_>, reading: &mut Reading<'_>) -> Result<Self::Value, Cow<'static, str>> {
        let _ = (letters, reading);
        Err(self.wrong(Found::String))
    }

    fn boolean(self, value: bool, reading: &mut Reading<'_>) -> Result<Self::Value, Cow<'static, str>> {
        let _ = reading;
        Err(self.wrong(Found::of_bool(value)))
    }

    fn number(self, number: JsonNumber) -> Result<Self::Value, Cow<'static, str>> {
        Err(self.wrong(number.found()))
    }

    fn list<A: SeqAccess<'de>>(self, list: A, reading: &mut Reading<'_>) -> Result<Self::Value, A::Error> {
        let _ = list;
        Err(reading.refuse(self.wrong(Found::List)))
    }

    fn object<A: MapAccess<'de>>(self, object: A, reading: &mut Reading<'_>) -> Result<Self::Value, A::Error> {
        let _ = object;
        Err(reading.refuse(self.wrong(Found::Object)))
    }
}

/// Reads one value as a shape says.
pub(crate) struct Shaped<'r, 'b, S> {
    pub(crate) shape: S,
    pub(crate) reading: &'r mut Reading<'b>,
}

impl<'de, S: Shape<'de>> DeserializeSeed<'de> for Shaped<'_, '_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, S: Shape<'de>> Visitor<'de> for Shaped<'_, '_, S> {
    type Value = S::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value of DynamoDB's JSON")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<S::Value, E> {
        Ok(self.shape.absent(self.reading))
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<S::Value, E> {
        self.shape.boolean(value, self.reading).map_err(|fault| self.reading.refuse(fault))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<S::Value, E> {
        self.shape.number(JsonNumber::Integer(value)).map_err(|fault| self.reading.refuse(fault))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<S::Value, E> {
        self.visit_i64(i64::try_from(value).unwrap_or(i64::MAX))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<S::Value, E> {
        self.shape.number(JsonNumber::Decimal(value)).map_err(|fault| self.reading.refuse(fault))
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<S::Value, E> {
        self.shape.string(Letters::OfBody(text), self.reading).map_err(|fault| self.reading.refuse(fault))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<S::Value, E> {
        self.shape.string(Letters::Unescaped(text), self.reading).map_err(|fault| self.reading.refuse(fault))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<S::Value, A::Error> {
        self.shape.list(list, self.reading)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<S::Value, A::Error> {
        self.shape.object(object, self.reading)
    }
}

/// A member's name: borrowed from the body, unless it has escapes.
pub(crate) struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}
