//! What placeholders stand for: `ExpressionAttributeNames` and `ExpressionAttributeValues`.
//!
//! In the way of a request: checked by `validate()` before any expression is parsed, asked for each placeholder
//! while expressions are checked, and told at the end to report what no expression used.

use super::condition::{Condition, Node, Step};
use crate::limits::{
    ATTRIBUTE_NAME_BYTES_MAX, EXPRESSION_SUBSTITUTION_BYTES_MAX, EXPRESSION_SUBSTITUTION_NAME_BYTES_MAX,
};
use crate::operation::echo;
use crate::{Error, ItemRef, Text, ValueRef};

/// The placeholders of one request.
#[derive(Debug)]
pub(crate) struct Substitutions<'a> {
    /// Placeholder and attribute name, sorted by placeholder.
    names: Vec<(&'a str, &'a str)>,
    values: Option<ItemRef<'a>>,
}

impl<'a> Substitutions<'a> {
    /// Checks the form of the placeholders and what the names stand for.
    pub(crate) fn new(
        names: Option<&'a [(Text, Text)]>,
        values: Option<ItemRef<'a>>,
    ) -> Result<Substitutions<'a>, Error> {
        let mut sorted: Vec<(&str, &str)> =
            names.unwrap_or_default().iter().map(|(placeholder, name)| (placeholder.as_str(), name.as_str())).collect();
        if names.is_some() {
            check_names(&sorted)?;
        }
        if let Some(values) = values {
            check_values(values)?;
        }
        sorted.sort_unstable();
        Ok(Substitutions { names: sorted, values })
    }

    /// The attribute that a name of a path stands for.
    pub(crate) fn name(&self, written: &'a str) -> Result<&'a str, String> {
        if !written.starts_with('#') {
            return Ok(written);
        }
        match self.names.binary_search_by_key(&written, |(placeholder, _)| placeholder) {
            Ok(found) => Ok(self.names[found].1),
            Err(_) => Err(format!(
                "An expression attribute name used in the document path is not defined; attribute name: {written}"
            )),
        }
    }

    /// The value that a placeholder stands for.
    pub(crate) fn value(&self, placeholder: &str) -> Result<ValueRef<'a>, String> {
        self.values.and_then(|values| values.attribute(placeholder)).ok_or_else(|| {
            format!("An expression attribute value used in expression is not defined; attribute value: {placeholder}")
        })
    }

    /// Reports the placeholders that none of `conditions` uses: names first, then values.
    // DynamoDB: observed: a placeholder counts as used wherever it stands.
    pub(crate) fn check_all_used(&self, conditions: &[&Condition<'_>]) -> Result<(), Error> {
        let mut used: Vec<&str> = conditions.iter().flat_map(|condition| placeholders(condition)).collect();
        used.sort_unstable();
        let is_unused = |placeholder: &&str| used.binary_search(placeholder).is_err();
        report_unused("Names", self.names.iter().map(|(placeholder, _)| *placeholder).filter(is_unused))?;
        let values = self.values.into_iter().flat_map(|values| values.attributes());
        report_unused("Values", values.map(|(placeholder, _)| placeholder).filter(is_unused))
    }
}

/// All placeholders that stand in `condition`.
fn placeholders<'c>(condition: &'c Condition<'_>) -> impl Iterator<Item = &'c str> {
    condition.nodes.iter().flat_map(|node| {
        let (first, steps): (Option<&str>, &[Step<'_>]) = match node {
            Node::Path(name, steps) => (Some(name), steps),
            Node::Value(placeholder) => (Some(placeholder), &[]),
            _ => (None, &[]),
        };
        let members = steps.iter().filter_map(|step| match step {
            Step::Member(name) => Some(*name),
            Step::Element(_) => None,
        });
        first.into_iter().chain(members)
    })
}

fn report_unused<'a>(kind: &str, unused: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    let unused: Vec<&str> = unused.collect();
    if unused.is_empty() {
        return Ok(());
    }
    Err(Error::validation(format!(
        "Value provided in ExpressionAttribute{kind} unused in expressions: keys: {{{}}}",
        echo(&unused.join(", "))
    )))
}

fn check_names(names: &[(&str, &str)]) -> Result<(), Error> {
    if names.is_empty() {
        return Err(Error::validation("ExpressionAttributeNames must not be empty"));
    }
    for (placeholder, _) in names {
        check_placeholder("Names", '#', placeholder)?;
    }
    for (placeholder, name) in names {
        if name.is_empty() || name.len() > ATTRIBUTE_NAME_BYTES_MAX {
            return Err(Error::validation(format!(
                "ExpressionAttributeNames contains invalid value: Attribute name must have at least 1 and at most \
                 {ATTRIBUTE_NAME_BYTES_MAX} bytes; for key {placeholder}"
            )));
        }
    }
    let size_bytes: usize = names.iter().map(|(placeholder, name)| placeholder.len() + name.len()).sum();
    check_size("Names", size_bytes)
}

fn check_values(values: ItemRef<'_>) -> Result<(), Error> {
    let mut is_empty = true;
    for (placeholder, _) in values.attributes() {
        check_placeholder("Values", ':', placeholder)?;
        is_empty = false;
    }
    if is_empty {
        return Err(Error::validation("ExpressionAttributeValues must not be empty"));
    }
    check_size("Values", values.size_bytes())
}

/// A mark, then letters, digits and underscores.
fn check_placeholder(kind: &str, mark: char, placeholder: &str) -> Result<(), Error> {
    let name = placeholder.strip_prefix(mark).unwrap_or_default();
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(Error::validation(format!(
            "ExpressionAttribute{kind} contains invalid key: Syntax error; key: \"{}\"",
            echo(placeholder)
        )));
    }
    if placeholder.len() > EXPRESSION_SUBSTITUTION_NAME_BYTES_MAX {
        return Err(Error::validation(format!(
            "ExpressionAttribute{kind} contains invalid key: The expression attribute map contains a key that is too \
             long; key: \"{}\"",
            echo(placeholder)
        )));
    }
    Ok(())
}

fn check_size(kind: &str, size_bytes: usize) -> Result<(), Error> {
    if size_bytes > EXPRESSION_SUBSTITUTION_BYTES_MAX {
        return Err(Error::validation(format!("ExpressionAttribute{kind} exceeds max size")));
    }
    Ok(())
}
