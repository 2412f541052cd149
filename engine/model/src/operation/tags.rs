//! Tags as CreateTable, TagResource and UntagResource take them: what may be one, and what they make of those there are.
//!
//! In the way of a request: part of `validate()`, then of the owner's decision about the catalog. Deliberately not
//! here: which resource is meant (`resource_arn.rs`).

use super::constraint::{Constraints, echo};
use crate::limits::{TAG_COUNT_MAX, TAG_KEY_CHARACTER_COUNT_MAX, TAG_VALUE_CHARACTER_COUNT_MAX};
use crate::table::Tag;
use crate::{Error, Text};

/// A member of `Tags`, as given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TagParameter {
    /// 1 to 128 characters.
    pub key: Option<Text>,
    /// At most 256 characters.
    pub value: Option<Text>,
}

impl TagParameter {
    /// The tag, when both parts are given.
    pub(crate) fn tag(&self) -> Option<Tag> {
        Some(Tag { key: self.key.as_ref()?.to_string(), value: self.value.as_ref()?.to_string() })
    }
}

/// Constrains the members of `tags`.
pub(crate) fn constrain_tags(constraints: &mut Constraints, tags: &[TagParameter]) {
    for (index, tag) in tags.iter().enumerate() {
        if constraints.is_full() {
            return;
        }
        let path = format!("tags.{}.member", index + 1);
        for (member, text, min, max) in
            [("key", &tag.key, 1, TAG_KEY_CHARACTER_COUNT_MAX), ("value", &tag.value, 0, TAG_VALUE_CHARACTER_COUNT_MAX)]
        {
            let path = format!("{path}.{member}");
            constraints.not_null(&path, text.is_some());
            if let Some(text) = text {
                constraints.length_within(&path, text, min, max);
            }
        }
    }
}

/// Checks tags against one another: not too many, none twice, none of DynamoDB's own.
pub(crate) fn check_tags(tags: &[TagParameter]) -> Result<(), Error> {
    check_count(tags.len())?;
    let mut keys: Vec<&str> = tags.iter().filter_map(|tag| tag.key.as_deref()).collect();
    keys.iter().try_for_each(|key| check_not_reserved(key))?;
    keys.iter().copied().chain(tags.iter().filter_map(|tag| tag.value.as_deref())).try_for_each(check_characters)?;
    keys.sort_unstable();
    match keys.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::invalid_parameter(format_args!("Duplicate tag key: {}", pair[0]))),
        None => Ok(()),
    }
}

/// Refuses a key that only DynamoDB itself may use.
// DynamoDB: developer guide, "Tagging restrictions": `aws:` is reserved.
pub(crate) fn check_not_reserved(key: &str) -> Result<(), Error> {
    if key.starts_with("aws:") {
        return Err(Error::invalid_parameter(format_args!("Tag keys starting with aws: are reserved: {key}")));
    }
    Ok(())
}

/// Refuses a key or value with a character that no tag has.
// DynamoDB: developer guide, "Tagging restrictions": letters, white space, numbers, and these signs.
fn check_characters(text: &str) -> Result<(), Error> {
    let is_allowed =
        |character: char| character.is_alphanumeric() || character.is_whitespace() || "+-=._:/@".contains(character);
    if text.chars().all(is_allowed) {
        return Ok(());
    }
    Err(Error::invalid_parameter(format_args!(
        "Tag keys and values may contain only letters, white space, numbers and the signs + - = . _ : / @: {}",
        echo(text)
    )))
}

/// Refuses more tags than a table may have.
pub(crate) fn check_count(count: usize) -> Result<(), Error> {
    if count > TAG_COUNT_MAX {
        return Err(Error::invalid_parameter(format_args!("Too many tags: {count}, the limit is {TAG_COUNT_MAX}")));
    }
    Ok(())
}
