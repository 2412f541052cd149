//! The shapes that hold others: structures, lists and maps, and the members of a structure one by one.
//!
//! An operation says which members it has by implementing [`Members`]; everything else about JSON stays here.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;

use model::Text;
use model::operation::{Attributes, Choice, Parameter};
use serde::de::{IgnoredAny, MapAccess, SeqAccess};

use super::attribute::{AttributesShape, SingleValueShape};
use super::parameter::{BooleanShape, ChoiceShape, IntegerShape, TextShape};
use super::shape::{Found, Letters, Name, Place, Reading, Shape, Shaped};

/// A structure whose members are read one by one, in the order in which they come.
pub(crate) trait Members: Default {
    /// Reads the member `name` into its place; a name without a place is left to [`Member::ignore`].
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error>;
}

/// The value of a member that is about to be read. Each method reads it as another type.
pub(crate) struct Member<'r, 'b, A> {
    object: &'r mut A,
    reading: &'r mut Reading<'b>,
}

impl<'de, A: MapAccess<'de>> Member<'_, '_, A> {
    /// As the shape says.
    pub(crate) fn shape<S: Shape<'de>>(self, shape: S) -> Result<S::Value, A::Error> {
        self.object.next_value_seed(Shaped { shape, reading: self.reading })
    }

    pub(crate) fn text(self) -> Result<Option<Text>, A::Error> {
        self.shape(TextShape)
    }

    pub(crate) fn choice<T: Parameter>(self) -> Result<Choice<T>, A::Error> {
        self.shape(ChoiceShape(PhantomData))
    }

    pub(crate) fn boolean(self) -> Result<Option<bool>, A::Error> {
        self.shape(BooleanShape)
    }

    /// A flag that is off when it is not given.
    pub(crate) fn flag(self) -> Result<bool, A::Error> {
        Ok(self.boolean()?.unwrap_or(false))
    }

    pub(crate) fn integer(self) -> Result<Option<i64>, A::Error> {
        self.shape(IntegerShape { java: "Integer" })
    }

    pub(crate) fn long(self) -> Result<Option<i64>, A::Error> {
        self.shape(IntegerShape { java: "Long" })
    }

    pub(crate) fn attributes(self) -> Result<Attributes, A::Error> {
        self.shape(AttributesShape { place: Place::Field })
    }

    /// A structure; `java` is DynamoDB's name of its type.
    pub(crate) fn structure<M: Members>(self, java: &'static str) -> Result<Option<M>, A::Error> {
        self.shape(Structure::new(java, Place::Field))
    }

    /// A list of structures.
    pub(crate) fn structures<M: Members>(self, java: &'static str) -> Result<Option<Vec<M>>, A::Error> {
        let element = || Structure::<M>::new(java, Place::Element);
        let list = self.shape(ListShape { element, place: Place::Field })?;
        Ok(list.map(|elements| elements.into_iter().map(Option::unwrap_or_default).collect()))
    }

    /// A list of texts.
    pub(crate) fn texts(self) -> Result<Option<Vec<Text>>, A::Error> {
        let list = self.shape(ListShape { element: || TextShape, place: Place::Field })?;
        Ok(list.map(|texts| texts.into_iter().map(Option::unwrap_or_default).collect()))
    }

    /// Names and their texts, in the order given.
    pub(crate) fn texts_by_name(self) -> Result<Option<Vec<(Text, Text)>>, A::Error> {
        let map = self.shape(MapShape { value: || TextShape, java: "java.lang.String" })?;
        Ok(map.map(|pairs| pairs.into_iter().map(|(name, text)| (name, text.unwrap_or_default())).collect()))
    }

    /// Structures by name, in the order given.
    pub(crate) fn structures_by_name<M: Members>(self, java: &'static str) -> Result<Option<Vec<(Text, M)>>, A::Error> {
        let value = || Structure::<M>::new(java, Place::Element);
        let map = self.shape(MapShape { value, java })?;
        Ok(map.map(|pairs| pairs.into_iter().map(|(name, members)| (name, members.unwrap_or_default())).collect()))
    }

    /// One attribute value.
    pub(crate) fn single_value(self) -> Result<Attributes, A::Error> {
        self.shape(SingleValueShape { place: Place::Field })
    }

    /// A list of attribute values.
    pub(crate) fn single_values(self) -> Result<Option<Vec<Attributes>>, A::Error> {
        let element = || SingleValueShape { place: Place::Element };
        self.shape(ListShape { element, place: Place::Field })
    }

    /// Whether a value is given; nothing asks for its content yet.
    pub(crate) fn given(self, outline: Outline) -> Result<bool, A::Error> {
        self.shape(outline)
    }

    /// Notes a parameter that is not built yet by its name, when it is given.
    pub(crate) fn refuse(
        self,
        outline: Outline,
        name: &'static str,
        refused: &mut Option<&'static str>,
    ) -> Result<(), A::Error> {
        if self.shape(outline)? {
            refused.get_or_insert(name);
        }
        Ok(())
    }

    pub(crate) fn ignore(self) -> Result<(), A::Error> {
        self.object.next_value::<IgnoredAny>().map(|_| ())
    }
}

/// DynamoDB's name of a structure's Java class.
fn class(java: &str) -> String {
    format!("com.amazonaws.dynamodb.v20120810.{java}")
}

/// What is said where a map with values of the Java type `java` was expected, and a list found.
pub(crate) fn wrong_map(java: &str) -> Cow<'static, str> {
    let class = if java.contains('.') { java.to_owned() } else { class(java) };
    format!("Unrecognized collection type java.util.Map<java.lang.String, {class}>").into()
}

/// What is said where a structure was expected, and a list found.
pub(crate) fn wrong_structure(java: &str) -> Cow<'static, str> {
    format!("Unrecognized collection type class {}", class(java)).into()
}

/// The type of a value whose content is read over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outline {
    Text,
    /// A structure of this Java type.
    Structure(&'static str),
    List,
}

impl<'de> Shape<'de> for Outline {
    /// Whether there is a value.
    type Value = bool;

    fn wrong(&self, found: Found) -> Cow<'static, str> {
        match (self, found) {
            (Outline::Text, _) => Shape::wrong(&TextShape, found),
            (Outline::Structure(java), Found::List) => wrong_structure(java),
            (Outline::List, Found::Object) => "Start of structure or map found where not expected".into(),
            _ => Place::Field.wrong_scalar(),
        }
    }

    fn absent(self, _: &mut Reading<'_>) -> bool {
        false
    }

    fn string(self, _: Letters<'de, '_>, _: &mut Reading<'_>) -> Result<bool, Cow<'static, str>> {
        if self == Outline::Text { Ok(true) } else { Err(Shape::wrong(&self, Found::String)) }
    }

    fn list<A: SeqAccess<'de>>(self, mut list: A, reading: &mut Reading<'_>) -> Result<bool, A::Error> {
        if self != Outline::List {
            return Err(reading.refuse(Shape::wrong(&self, Found::List)));
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(true)
    }

    fn object<A: MapAccess<'de>>(self, mut object: A, reading: &mut Reading<'_>) -> Result<bool, A::Error> {
        if !matches!(self, Outline::Structure(_)) {
            return Err(reading.refuse(Shape::wrong(&self, Found::Object)));
        }
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(true)
    }
}

/// A structure in a place.
pub(crate) struct Structure<M> {
    java: &'static str,
    place: Place,
    members: PhantomData<M>,
}

impl<M> Structure<M> {
    pub(crate) fn new(java: &'static str, place: Place) -> Structure<M> {
        Structure { java, place, members: PhantomData }
    }
}

impl<'de, M: Members> Shape<'de> for Structure<M> {
    type Value = Option<M>;

    fn wrong(&self, found: Found) -> Cow<'static, str> {
        if found == Found::List { wrong_structure(self.java) } else { self.place.wrong_scalar() }
    }

    fn absent(self, _: &mut Reading<'_>) -> Option<M> {
        None
    }

    fn object<A: MapAccess<'de>>(self, object: A, reading: &mut Reading<'_>) -> Result<Option<M>, A::Error> {
        read_members(object, reading).map(Some)
    }
}

/// The body itself, which is a structure.
pub(crate) struct Payload<M>(pub(crate) PhantomData<M>);

impl<'de, M: Members> Shape<'de> for Payload<M> {
    type Value = M;

    fn wrong(&self, _: Found) -> Cow<'static, str> {
        Place::Element.wrong_scalar()
    }

    fn absent(self, _: &mut Reading<'_>) -> M {
        M::default()
    }

    fn object<A: MapAccess<'de>>(self, object: A, reading: &mut Reading<'_>) -> Result<M, A::Error> {
        read_members(object, reading)
    }
}

fn read_members<'de, M: Members, A: MapAccess<'de>>(mut object: A, reading: &mut Reading<'_>) -> Result<M, A::Error> {
    let mut members = M::default();
    while let Some(name) = object.next_key_seed(Name)? {
        members.member(&name, Member { object: &mut object, reading })?;
    }
    Ok(members)
}

/// A list of elements of one shape.
pub(crate) struct ListShape<F> {
    /// Gives the shape of the next element.
    pub(crate) element: F,
    pub(crate) place: Place,
}

impl<'de, S: Shape<'de>, F: FnMut() -> S> Shape<'de> for ListShape<F> {
    type Value = Option<Vec<S::Value>>;

    fn wrong(&self, found: Found) -> Cow<'static, str> {
        match found {
            Found::Object => "Start of structure or map found where not expected".into(),
            _ => self.place.wrong_scalar(),
        }
    }

    fn absent(self, _: &mut Reading<'_>) -> Self::Value {
        None
    }

    fn list<A: SeqAccess<'de>>(mut self, mut list: A, reading: &mut Reading<'_>) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        loop {
            // Counted before what it holds is: an outer element is kept rather than an inner one.
            let is_kept = reading.keeps_element();
            let shape = (self.element)();
            let Some(element) = list.next_element_seed(Shaped { shape, reading: &mut *reading })? else { break };
            if is_kept {
                elements.push(element);
            }
        }
        Ok(Some(elements))
    }
}

/// A map with values of one shape. A name that comes twice counts once, with the value that came last.
pub(crate) struct MapShape<F> {
    /// Gives the shape of the next value.
    pub(crate) value: F,
    /// DynamoDB's name of the values' type.
    pub(crate) java: &'static str,
}

impl<'de, S: Shape<'de>, F: FnMut() -> S> Shape<'de> for MapShape<F> {
    type Value = Option<Vec<(Text, S::Value)>>;

    fn wrong(&self, found: Found) -> Cow<'static, str> {
        if found == Found::List { wrong_map(self.java) } else { Place::Field.wrong_scalar() }
    }

    fn absent(self, _: &mut Reading<'_>) -> Self::Value {
        None
    }

    fn object<A: MapAccess<'de>>(mut self, mut object: A, reading: &mut Reading<'_>) -> Result<Self::Value, A::Error> {
        let mut pairs: Vec<(Text, S::Value)> = Vec::new();
        let mut positions: BTreeMap<Text, usize> = BTreeMap::new();
        while let Some(name) = object.next_key_seed(Name)? {
            let name = reading.text(match &name {
                Cow::Borrowed(name) => Letters::OfBody(name),
                Cow::Owned(name) => Letters::Unescaped(name),
            });
            let is_kept = reading.keeps_element();
            let value = object.next_value_seed(Shaped { shape: (self.value)(), reading: &mut *reading })?;
            if let Some(position) = positions.get(&name) {
                pairs[*position].1 = value;
            } else if is_kept {
                positions.insert(name.clone(), pairs.len());
                pairs.push((name, value));
            }
        }
        Ok(Some(pairs))
    }
}
