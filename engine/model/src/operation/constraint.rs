//! Constraint failures of a request's members, collected and reported together as DynamoDB does.
//!
//! In the way of a request: the first half of `validate()`. Deliberately not here: checks of parameters against one
//! another, of attribute values and of expressions; those stop at the first fault.

use std::fmt::{Display, Write};

use super::table_name::{NAME_PATTERN, is_name};
use super::{Choice, Parameter};
use crate::limits::{ATTRIBUTES_TO_GET_COUNT_MAX, TABLE_NAME_BYTES_MAX, TABLE_NAME_BYTES_MIN};
use crate::{Error, Text};

/// How many failures are reported at most.
// DynamoDB: observed: the list ends after ten.
const FAILURE_COUNT_MAX: usize = 10;
/// How much of a caller's value is echoed. Ours: DynamoDB echoes all.
const VALUE_ECHO_BYTES_MAX: usize = 4096;

/// The failures found so far in one request.
#[derive(Debug, Default)]
pub(crate) struct Constraints {
    failures: Vec<String>,
}

impl Constraints {
    /// None found yet; nothing is allocated until one is.
    pub(crate) fn new() -> Constraints {
        Constraints::default()
    }

    /// Whether another failure would still be reported; long lists need not be looked at further.
    pub(crate) fn is_full(&self) -> bool {
        self.failures.len() >= FAILURE_COUNT_MAX
    }

    /// Records that `value` at `path` fails `constraint`.
    pub(crate) fn fail(&mut self, path: impl Display, value: impl Display, constraint: impl Display) {
        let value = value.to_string();
        self.record(format_args!("Value '{}' at '{path}' failed to satisfy constraint: {constraint}", echo(&value)));
    }

    /// Records a failure in a text of its own.
    pub(crate) fn record(&mut self, failure: impl Display) {
        if !self.is_full() {
            self.failures.push(failure.to_string());
        }
    }

    /// A member that must be given.
    pub(crate) fn not_null(&mut self, path: impl Display, is_given: bool) {
        if !is_given {
            self.record(format_args!("Value null at '{path}' failed to satisfy constraint: Member must not be null"));
        }
    }

    /// A member that takes one of a few tokens, or none.
    pub(crate) fn choice<T: Parameter>(&mut self, path: impl Display, choice: &Choice<T>) {
        if let Choice::Unknown(token) = choice {
            self.fail(path, token, format_args!("Member must satisfy enum value set: [{}]", token_set::<T>()));
        }
    }

    /// A number that has a smallest and a largest value.
    pub(crate) fn value_within(&mut self, path: impl Display, value: i64, min: i64, max: i64) {
        if value < min {
            self.fail(path, value, format_args!("Member must have value greater than or equal to {min}"));
        } else if value > max {
            self.fail(path, value, format_args!("Member must have value less than or equal to {max}"));
        }
    }

    /// The names of AttributesToGet.
    pub(crate) fn attributes_to_get(&mut self, path: impl Display, names: Option<&[Text]>) {
        match names.map_or(1, <[Text]>::len) {
            0 => self.fail(path, "[]", "Member must have length greater than or equal to 1"),
            1..=ATTRIBUTES_TO_GET_COUNT_MAX => {}
            _ => {
                let shown: Vec<&str> = names.unwrap_or_default().iter().map(Text::as_str).collect();
                let limit = format_args!("Member must have length less than or equal to {ATTRIBUTES_TO_GET_COUNT_MAX}");
                self.fail(path, format_args!("[{}]", shown.join(", ")), limit);
            }
        }
    }

    /// The name of an index.
    pub(crate) fn index_name(&mut self, name: Option<&Text>) {
        let Some(name) = name else { return };
        if !is_name(name) {
            self.fail(
                "indexName",
                name,
                format_args!("Member must satisfy regular expression pattern: {NAME_PATTERN}"),
            );
        }
        self.length_within("indexName", name, TABLE_NAME_BYTES_MIN, TABLE_NAME_BYTES_MAX);
    }

    /// A text of at least `min` and at most `max` characters.
    pub(crate) fn length_within(&mut self, path: impl Display, value: &str, min: usize, max: usize) {
        let length = value.chars().count();
        if length < min {
            self.fail(path, value, format_args!("Member must have length greater than or equal to {min}"));
        } else if length > max {
            self.fail(path, value, format_args!("Member must have length less than or equal to {max}"));
        }
    }

    /// The error that reports all failures, when there are any.
    // DynamoDB: observed: the count, then the failures joined by semicolons.
    pub(crate) fn finish(self) -> Result<(), Error> {
        if self.failures.is_empty() {
            return Ok(());
        }
        let count = self.failures.len();
        let plural = if count == 1 { "" } else { "s" };
        Err(Error::validation(format!("{count} validation error{plural} detected: {}", self.failures.join("; "))))
    }
}

/// Whether PutItem, UpdateItem and DeleteItem put faults of values and expressions into the form of a constraint failure.
// DynamoDB: observed: not in May 2026, the date of the Parity Suite's texts that are held to the letter; from June on in
// region after region, all but: keys, index keys, document paths, values without a type or with several, item sizes.
const WRITES_ENVELOPE_FAULTS: bool = false;

/// A fault of a value or expression of PutItem, UpdateItem or DeleteItem, as the baseline words it.
pub(crate) fn write_fault(error: Error) -> Error {
    if WRITES_ENVELOPE_FAULTS { enveloped(error.message) } else { error }
}

/// A text in the form of a single constraint failure.
pub(crate) fn enveloped(message: impl Display) -> Error {
    Error::validation(format!("1 validation error detected: {message}"))
}

fn token_set<T: Parameter>() -> String {
    let mut set = String::new();
    for (token, _) in T::CHOICES {
        let separator = if set.is_empty() { "" } else { ", " };
        write!(set, "{separator}{token}").expect("writing to a String cannot fail");
    }
    set
}

/// The part of a caller's text that is echoed.
pub(crate) fn echo(value: &str) -> &str {
    &value[..value.floor_char_boundary(VALUE_ECHO_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{ReturnConsumedCapacity, ReturnValues, Select};

    fn message(constraints: Constraints) -> String {
        constraints.finish().unwrap_err().message.into_owned()
    }

    #[test]
    fn failures_are_counted_and_joined() {
        let mut constraints = Constraints::new();
        constraints.not_null("item", false);
        assert_eq!(
            message(constraints),
            "1 validation error detected: Value null at 'item' failed to satisfy constraint: Member must not be null"
        );
        let mut constraints = Constraints::new();
        constraints.choice("select", &Choice::<Select>::from_token("x"));
        constraints.value_within("limit", 101, 1, 100);
        assert_eq!(
            message(constraints),
            "2 validation errors detected: Value 'x' at 'select' failed to satisfy constraint: Member must satisfy \
             enum value set: [SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]; Value '101' at \
             'limit' failed to satisfy constraint: Member must have value less than or equal to 100"
        );
    }

    #[test]
    fn nothing_failed_is_no_error() {
        let mut constraints = Constraints::new();
        constraints.not_null("item", true);
        constraints.value_within("limit", 1, 1, 100);
        constraints.length_within("name", "é", 1, 1);
        constraints.choice("returnValues", &Choice::<ReturnValues>::from_token("ALL_OLD"));
        constraints.choice::<ReturnConsumedCapacity>("returnConsumedCapacity", &Choice::Absent);
        assert_eq!(constraints.finish(), Ok(()));
    }

    #[test]
    fn ten_failures_at_most_and_long_values_cut() {
        let mut constraints = Constraints::new();
        for index in 0..20 {
            constraints.value_within(format_args!("member.{index}"), -1, 0, 9);
        }
        assert!(constraints.is_full());
        let text = message(constraints);
        assert!(text.starts_with("10 validation errors detected: ") && !text.contains("member.10"), "{text}");

        let mut constraints = Constraints::new();
        constraints.length_within("x", &"é".repeat(5000), 0, 255);
        assert!(message(constraints).len() < VALUE_ECHO_BYTES_MAX + 200);
    }
}
