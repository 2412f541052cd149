//! Attribute values on their way in: `{"S": "..."}` and its nine siblings, written into the item encoding as they are read.
//!
//! A value of the wrong JSON type ends the reading. A value that no attribute can have (two types, a number out of range,
//! a set with duplicates) does not: DynamoDB reports it only after other checks. From there on the rest is read for its
//! types alone, and the map becomes [`Attributes::Invalid`] with the first fault.

use std::borrow::Cow;
use std::fmt;

use model::operation::{Attributes, SINGLE_VALUE_NAME};
use model::{AttributeType, Error, Number, Text};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::base64;
use super::members::{wrong_map, wrong_structure};
use super::parameter::{BooleanShape, TextShape};
use super::shape::{Found, Letters, Name, Place, Reading, Shape, Shaped};

/// DynamoDB's name of the type of a value.
const VALUE_CLASS: &str = "AttributeValue";

/// A map of attribute values: an item, a key, expression values.
pub(crate) struct AttributesShape {
    pub(crate) place: Place,
}

impl<'de> Shape<'de> for AttributesShape {
    type Value = Attributes;

    fn wrong(&self, found: Found) -> Cow<'static, str> {
        if found == Found::List { wrong_map(VALUE_CLASS) } else { self.place.wrong_scalar() }
    }

    fn absent(self, _: &mut Reading<'_>) -> Attributes {
        Attributes::Absent
    }

    fn object<A: MapAccess<'de>>(self, mut object: A, reading: &mut Reading<'_>) -> Result<Attributes, A::Error> {
        reading.encoder.begin_item();
        let mut invalid: Option<(Text, Error)> = None;
        while let Some(name) = object.next_key_seed(Name)? {
            let is_written = invalid.is_none();
            if is_written {
                reading.encoder.name(&name);
            }
            let shape = ValueShape { is_written };
            let given = object.next_value_seed(Shaped { shape, reading: &mut *reading })?;
            // The encoder finds faults of its own: empty sets, duplicates, too deep a nesting.
            let fault = given.err().or_else(|| reading.encoder.error().filter(|_| is_written).cloned());
            if let Some(error) = fault {
                invalid = Some((Text::from(name.as_ref()), error));
            }
        }
        Ok(match invalid {
            Some((name, error)) => Attributes::invalid(name, error),
            None => match reading.encoder.finish() {
                Ok(item) => Attributes::Valid(item),
                Err(error) => Attributes::invalid(Text::default(), error),
            },
        })
    }
}

/// One value of a parameter from before expressions, as an item of one attribute.
pub(crate) struct SingleValueShape {
    pub(crate) place: Place,
}

impl<'de> Shape<'de> for SingleValueShape {
    type Value = Attributes;

    fn wrong(&self, found: Found) -> Cow<'static, str> {
        if found == Found::List { wrong_structure(VALUE_CLASS) } else { self.place.wrong_scalar() }
    }

    fn absent(self, _: &mut Reading<'_>) -> Attributes {
        match self.place {
            Place::Field => Attributes::Absent,
            // An element that is not there is a value without a type, as in a map of values.
            Place::Element | Place::GenericElement => invalid_value(empty_value()),
        }
    }

    fn object<A: MapAccess<'de>>(self, object: A, reading: &mut Reading<'_>) -> Result<Attributes, A::Error> {
        reading.encoder.begin_item();
        reading.encoder.name(SINGLE_VALUE_NAME);
        let given = ValueShape { is_written: true }.object(object, reading)?;
        // A value that is unfit may have left containers open: nothing is to be finished then.
        Ok(match given.and_then(|()| reading.encoder.finish()) {
            Ok(item) => Attributes::Valid(item),
            Err(error) => invalid_value(error),
        })
    }
}

fn invalid_value(error: Error) -> Attributes {
    Attributes::invalid(Text::from_static(SINGLE_VALUE_NAME), error)
}

/// What became of a value: written, or unfit for an attribute.
type Given = Result<(), Error>;

/// One value: a structure with one member, its type.
struct ValueShape {
    /// The value goes into the encoder; else only its types are checked, and it is never unfit.
    is_written: bool,
}

impl<'de> Shape<'de> for ValueShape {
    type Value = Given;

    fn wrong(&self, found: Found) -> Cow<'static, str> {
        if found == Found::List { wrong_structure(VALUE_CLASS) } else { Place::Element.wrong_scalar() }
    }

    fn absent(self, _: &mut Reading<'_>) -> Given {
        self.unless_unwritten(Err(empty_value()))
    }

    fn object<A: MapAccess<'de>>(self, mut object: A, reading: &mut Reading<'_>) -> Result<Given, A::Error> {
        let mut given: Option<Given> = None;
        while let Some(attribute_type) = object.next_key_seed(TypeName)? {
            let Some(attribute_type) = attribute_type else {
                object.next_value::<IgnoredAny>()?;
                continue;
            };
            let shape = TypedShape { attribute_type, is_written: self.is_written && given.is_none() };
            let member = object.next_value_seed(Shaped { shape, reading: &mut *reading })?;
            given = match (given, member) {
                (earlier, None) => earlier,
                (None, member) => member,
                (Some(Ok(())), Some(_)) => Some(Err(more_than_one_type())),
                (unfit, Some(_)) => unfit,
            };
        }
        Ok(self.unless_unwritten(given.unwrap_or_else(|| Err(empty_value()))))
    }
}

impl ValueShape {
    fn unless_unwritten(&self, given: Given) -> Given {
        if self.is_written { given } else { Ok(()) }
    }
}

fn empty_value() -> Error {
    Error::validation("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
}

fn more_than_one_type() -> Error {
    Error::validation(
        "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
    )
}

/// What stands behind the name of a type. Null is as good as not there.
struct TypedShape {
    attribute_type: AttributeType,
    is_written: bool,
}

impl<'de> Shape<'de> for TypedShape {
    type Value = Option<Given>;

    fn wrong(&self, found: Found) -> Cow<'static, str> {
        match self.attribute_type {
            AttributeType::String | AttributeType::Number => Shape::wrong(&TextShape, found),
            AttributeType::Binary => wrong_binary(found),
            AttributeType::Bool | AttributeType::Null => Shape::wrong(&BooleanShape, found),
            AttributeType::Map if found == Found::List => wrong_map(VALUE_CLASS),
            AttributeType::Map => Place::Field.wrong_scalar(),
            AttributeType::List | AttributeType::StringSet | AttributeType::NumberSet | AttributeType::BinarySet => {
                match found {
                    Found::Object => "Start of structure or map found where not expected".into(),
                    _ => Place::Field.wrong_scalar(),
                }
            }
        }
    }

    fn absent(self, _: &mut Reading<'_>) -> Option<Given> {
        None
    }

    fn boolean(self, value: bool, reading: &mut Reading<'_>) -> Result<Option<Given>, Cow<'static, str>> {
        match self.attribute_type {
            AttributeType::Bool => {
                if self.is_written {
                    reading.encoder.boolean(value);
                }
                Ok(Some(Ok(())))
            }
            AttributeType::Null if value => {
                if self.is_written {
                    reading.encoder.null();
                }
                Ok(Some(Ok(())))
            }
            AttributeType::Null => {
                Ok(Some(Err(Error::invalid_parameter("Null attribute value types must have the value of true"))))
            }
            _ => Err(Shape::wrong(&self, if value { Found::True } else { Found::False })),
        }
    }

    fn string(self, letters: Letters<'de, '_>, reading: &mut Reading<'_>) -> Result<Option<Given>, Cow<'static, str>> {
        match self.attribute_type {
            AttributeType::String | AttributeType::Number | AttributeType::Binary => {
                write_scalar(self.attribute_type, letters.as_str(), self.is_written, reading).map(Some)
            }
            AttributeType::Bool | AttributeType::Null => {
                let value = BooleanShape.string(letters, reading)?;
                self.boolean(value.unwrap_or(false), reading)
            }
            _ => Err(Shape::wrong(&self, Found::String)),
        }
    }

    fn list<A: SeqAccess<'de>>(self, list: A, reading: &mut Reading<'_>) -> Result<Option<Given>, A::Error> {
        match self.attribute_type {
            AttributeType::List => self.read_list(list, reading).map(Some),
            AttributeType::StringSet => self.read_set(AttributeType::String, list, reading).map(Some),
            AttributeType::NumberSet => self.read_set(AttributeType::Number, list, reading).map(Some),
            AttributeType::BinarySet => self.read_set(AttributeType::Binary, list, reading).map(Some),
            _ => Err(reading.refuse(Shape::wrong(&self, Found::List))),
        }
    }

    fn object<A: MapAccess<'de>>(self, mut object: A, reading: &mut Reading<'_>) -> Result<Option<Given>, A::Error> {
        if self.attribute_type != AttributeType::Map {
            return Err(reading.refuse(Shape::wrong(&self, Found::Object)));
        }
        if self.is_written {
            reading.encoder.begin_map();
        }
        let mut given: Given = Ok(());
        while let Some(name) = object.next_key_seed(Name)? {
            let is_written = self.is_written && given.is_ok();
            if is_written {
                reading.encoder.name(&name);
            }
            let shape = ValueShape { is_written };
            let value = object.next_value_seed(Shaped { shape, reading: &mut *reading })?;
            given = given.and(value);
        }
        if self.is_written && given.is_ok() {
            reading.encoder.end_map();
        }
        Ok(Some(given))
    }
}

impl TypedShape {
    fn read_list<'de, A: SeqAccess<'de>>(&self, mut list: A, reading: &mut Reading<'_>) -> Result<Given, A::Error> {
        if self.is_written {
            reading.encoder.begin_list();
        }
        let mut given: Given = Ok(());
        loop {
            let shape = ValueShape { is_written: self.is_written && given.is_ok() };
            let Some(value) = list.next_element_seed(Shaped { shape, reading: &mut *reading })? else { break };
            given = given.and(value);
        }
        if self.is_written && given.is_ok() {
            reading.encoder.end_list();
        }
        Ok(given)
    }

    fn read_set<'de, A: SeqAccess<'de>>(
        &self,
        member_type: AttributeType,
        mut list: A,
        reading: &mut Reading<'_>,
    ) -> Result<Given, A::Error> {
        if self.is_written {
            reading.encoder.begin_set(self.attribute_type);
        }
        let mut given: Given = Ok(());
        loop {
            let shape = MemberShape { member_type, is_written: self.is_written && given.is_ok() };
            let Some(member) = list.next_element_seed(Shaped { shape, reading: &mut *reading })? else { break };
            given = given.and(member);
        }
        if self.is_written && given.is_ok() {
            reading.encoder.end_set();
        }
        Ok(given)
    }
}

/// A member of a set.
struct MemberShape {
    member_type: AttributeType,
    is_written: bool,
}

impl<'de> Shape<'de> for MemberShape {
    type Value = Given;

    fn wrong(&self, found: Found) -> Cow<'static, str> {
        match self.member_type {
            AttributeType::Binary => wrong_binary(found),
            _ => Shape::wrong(&TextShape, found),
        }
    }

    fn absent(self, _: &mut Reading<'_>) -> Given {
        if !self.is_written {
            return Ok(());
        }
        let set = match self.member_type {
            AttributeType::Binary => "A binary set",
            AttributeType::Number => "An number set",
            _ => "An string set",
        };
        Err(Error::invalid_parameter(format_args!("{set} may not have a null as a member")))
    }

    fn string(self, letters: Letters<'de, '_>, reading: &mut Reading<'_>) -> Result<Given, Cow<'static, str>> {
        write_scalar(self.member_type, letters.as_str(), self.is_written, reading)
    }
}

/// Writes a value whose JSON is a string. Base64 is part of the value's type: what is wrong with it ends the reading.
fn write_scalar(
    attribute_type: AttributeType,
    text: &str,
    is_written: bool,
    reading: &mut Reading<'_>,
) -> Result<Given, Cow<'static, str>> {
    if attribute_type == AttributeType::Binary {
        base64::decode(text, reading.scratch)?;
    }
    if !is_written {
        return Ok(Ok(()));
    }
    match attribute_type {
        AttributeType::Number => match Number::parse(text) {
            Ok(number) => reading.encoder.number(number),
            Err(error) => return Ok(Err(error.into())),
        },
        AttributeType::Binary => reading.encoder.binary(reading.scratch),
        _ => reading.encoder.string(text),
    }
    Ok(Ok(()))
}

fn wrong_binary(found: Found) -> Cow<'static, str> {
    match found {
        Found::List => "Unrecognized collection type class java.nio.ByteBuffer".into(),
        Found::Object => "Start of structure or map found where not expected".into(),
        _ => "only base-64-encoded strings are convertible to bytes".into(),
    }
}

/// The name of a value's only member; `None` for a name that is no type, which is ignored.
struct TypeName;

impl<'de> DeserializeSeed<'de> for TypeName {
    type Value = Option<AttributeType>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<AttributeType>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for TypeName {
    type Value = Option<AttributeType>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name of an attribute type")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Option<AttributeType>, E> {
        Ok(match text {
            "S" => Some(AttributeType::String),
            "N" => Some(AttributeType::Number),
            "B" => Some(AttributeType::Binary),
            "M" => Some(AttributeType::Map),
            "L" => Some(AttributeType::List),
            "BOOL" => Some(AttributeType::Bool),
            "NULL" => Some(AttributeType::Null),
            "SS" => Some(AttributeType::StringSet),
            "NS" => Some(AttributeType::NumberSet),
            "BS" => Some(AttributeType::BinarySet),
            _ => None,
        })
    }
}
