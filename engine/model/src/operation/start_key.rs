//! `ExclusiveStartKey`: where a page starts, checked as DynamoDB words it.
//!
//! In the way of a request: its values are checked in `validate()`, its fit to the table and to the conditions by the
//! owner, before anything is read.

use super::Attributes;
use crate::expression::key_condition::{BoundKeyCondition, compare_key_values};
use crate::{Error, Item, KeySchema};
use std::cmp::Ordering;

const INVALID: &str = "The provided starting key is invalid";

/// Reports a value of the start key that no attribute can have.
// DynamoDB: observed: faults in numbers and repeated members of sets stand alone, the others get an opening.
pub(crate) fn check_start_key_values(start_key: &Attributes) -> Result<(), Error> {
    const ALONE: [&str; 5] =
        ["contains duplicates", "number set", "numeric value", "significant digits", "number with magnitude"];
    start_key.check_values().map_err(|error| {
        let stands_alone = ALONE.iter().any(|part| error.message.contains(part));
        if stands_alone { error } else { Error::validation(format!("{INVALID}: {}", error.message)) }
    })
}

/// Encodes a Query's start key.
///
/// Whether it has the form of a key is told before `condition` is looked at, whether it meets it after.
pub(crate) fn encode_query_start_key(start_key: &Item, schema: &KeySchema) -> Result<Vec<u8>, Error> {
    let item = start_key.as_ref();
    let has_partition_key = item.attribute(&schema.partition_key.name).is_some();
    let has_sort_key = schema.sort_key.as_ref().is_none_or(|key| item.attribute(&key.name).is_some());
    let attribute_count = 1 + usize::from(schema.sort_key.is_some());
    if item.len() != attribute_count || !has_partition_key || !has_sort_key {
        return Err(Error::validation(INVALID));
    }
    let mut encoded = Vec::new();
    schema.encode_key(item, &mut encoded)?;
    Ok(encoded)
}

/// Checks that a Query's start key is one that the query can have come to.
// DynamoDB: observed: with a condition on the sort key that condition is checked first, and another partition is
// answered as if the query named one item.
pub(crate) fn check_within_condition(
    start_key: &Item,
    schema: &KeySchema,
    condition: &BoundKeyCondition<'_>,
) -> Result<(), Error> {
    let item = start_key.as_ref();
    let is_same_partition = item
        .attribute(&schema.partition_key.name)
        .and_then(|value| compare_key_values(value, condition.partition_value))
        == Some(Ordering::Equal);
    let sort_value = schema.sort_key.as_ref().and_then(|key| item.attribute(&key.name));
    match (condition.sort_test, sort_value) {
        (Some(test), Some(value)) if !test.matches(value) => {
            Err(Error::validation("The provided starting key does not match the range key predicate"))
        }
        (Some(_), _) if !is_same_partition => {
            Err(Error::validation("The query can return at most one row and cannot be restarted"))
        }
        (None, _) if !is_same_partition => {
            Err(Error::validation("The provided starting key is outside query boundaries based on provided conditions"))
        }
        _ => Ok(()),
    }
}

/// Encodes a Scan's start key.
pub(crate) fn encode_scan_start_key(start_key: &Item, schema: &KeySchema) -> Result<Vec<u8>, Error> {
    let mut encoded = Vec::new();
    schema
        .encode_key(start_key.as_ref(), &mut encoded)
        .map_err(|error| Error::validation(format!("{INVALID}: {}", error.message)))?;
    Ok(encoded)
}

/// The error for a Scan's start key that lies in another segment.
pub(crate) fn outside_segment(segment: i64, total_segments: i64) -> Error {
    Error::validation(format!(
        "{INVALID}: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. \
         TotalSegments: {total_segments} Segment: {segment}"
    ))
}
