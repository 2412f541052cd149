//! The shapes of parameters that are one value: texts, tokens, flags and counts.
//!
//! The texts for wrong types are those of the Java types that DynamoDB reads them into.

use std::borrow::Cow;
use std::marker::PhantomData;

use model::Text;
use model::operation::{Choice, Parameter};

use super::shape::{Found, JsonNumber, Letters, Reading, Shape};

/// What is said where a single value of the Java type `java` was expected.
fn wrong_scalar(found: Found, java: &str) -> Cow<'static, str> {
    match found {
        Found::List => format!("Unrecognized collection type class java.lang.{java}").into(),
        Found::Object => "Start of structure or map found where not expected".into(),
        _ => format!("{} cannot be converted to {java}", found.token()).into(),
    }
}

/// A text.
pub(crate) struct TextShape;

impl<'de> Shape<'de> for TextShape {
    type Value = Option<Text>;

    fn wrong(&self, found: Found) -> Cow<'static, str> {
        wrong_scalar(found, "String")
    }

    fn absent(self, _: &mut Reading<'_>) -> Option<Text> {
        None
    }

    fn string(self, letters: Letters<'de, '_>, reading: &mut Reading<'_>) -> Result<Option<Text>, Cow<'static, str>> {
        Ok(Some(reading.text(letters)))
    }
}

/// A text that stands for one of a few values.
pub(crate) struct ChoiceShape<T>(pub(crate) PhantomData<T>);

impl<'de, T: Parameter> Shape<'de> for ChoiceShape<T> {
    type Value = Choice<T>;

    fn wrong(&self, found: Found) -> Cow<'static, str> {
        wrong_scalar(found, "String")
    }

    fn absent(self, _: &mut Reading<'_>) -> Choice<T> {
        Choice::Absent
    }

    fn string(self, letters: Letters<'de, '_>, _: &mut Reading<'_>) -> Result<Choice<T>, Cow<'static, str>> {
        Ok(Choice::from_token(letters.as_str()))
    }
}

/// A flag.
pub(crate) struct BooleanShape;

impl<'de> Shape<'de> for BooleanShape {
    type Value = Option<bool>;

    fn wrong(&self, found: Found) -> Cow<'static, str> {
        wrong_scalar(found, "Boolean")
    }

    fn absent(self, _: &mut Reading<'_>) -> Option<bool> {
        None
    }

    fn boolean(self, value: bool, _: &mut Reading<'_>) -> Result<Option<bool>, Cow<'static, str>> {
        Ok(Some(value))
    }

    // DynamoDB: observed: these words stand for a flag, in any case of letters.
    fn string(self, letters: Letters<'de, '_>, _: &mut Reading<'_>) -> Result<Option<bool>, Cow<'static, str>> {
        let is_one_of = |words: [&str; 3]| words.iter().any(|word| letters.as_str().eq_ignore_ascii_case(word));
        if is_one_of(["true", "1", "yes"]) {
            Ok(Some(true))
        } else if is_one_of(["false", "0", "no"]) {
            Ok(Some(false))
        } else {
            Err("Unexpected token received from parser".into())
        }
    }
}

/// A whole number; `java` names its width for the texts only.
pub(crate) struct IntegerShape {
    pub(crate) java: &'static str,
}

impl Shape<'_> for IntegerShape {
    type Value = Option<i64>;

    fn wrong(&self, found: Found) -> Cow<'static, str> {
        wrong_scalar(found, self.java)
    }

    fn absent(self, _: &mut Reading<'_>) -> Option<i64> {
        None
    }

    // DynamoDB: observed: a fraction is dropped, not refused.
    #[expect(clippy::cast_possible_truncation, reason = "a float's cast saturates, which every range check refuses")]
    fn number(self, number: JsonNumber) -> Result<Option<i64>, Cow<'static, str>> {
        Ok(Some(match number {
            JsonNumber::Integer(value) => value,
            JsonNumber::Decimal(value) => value.floor() as i64,
        }))
    }
}
