//! `ExclusiveStartKey`: where a page starts, checked as DynamoDB words it.
//!
//! In the way of a request: its values are checked in `validate()`, its fit to the table and to the conditions by the
//! owner, before anything is read.

use super::Attributes;
use crate::expression::key_condition::{BoundKeyCondition, compare_key_values};
use crate::table::{LocalIndex, TableDefinition};
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
        if stands_alone { error } else { invalid(error) }
    })
}

/// Encodes a Query's start key, of the table or of one of its indexes.
///
/// Whether it has the form of a key is told before `condition` is looked at, whether it meets it after.
pub(crate) fn encode_query_start_key(
    start_key: &Item,
    definition: &TableDefinition,
    index: Option<&LocalIndex>,
) -> Result<Vec<u8>, Error> {
    if let Some(index) = index {
        return encode_index_start_key(start_key, definition, index);
    }
    let (item, schema) = (start_key.as_ref(), &definition.key_schema);
    let has_all = schema.attributes().all(|key| item.attribute(&key.name).is_some());
    if item.len() != schema.attribute_count() || !has_all {
        return Err(Error::validation(INVALID));
    }
    let mut encoded = Vec::new();
    schema.encode_key(item, &mut encoded)?;
    Ok(encoded)
}

/// Encodes the start key of a page of an index: the attributes of the table's key and of the index's.
// DynamoDB: observed: what the index has is worded as for a table's key, what only the table has gets the opening.
fn encode_index_start_key(
    start_key: &Item,
    definition: &TableDefinition,
    index: &LocalIndex,
) -> Result<Vec<u8>, Error> {
    let (item, schema) = (start_key.as_ref(), &definition.key_schema);
    let index_schema = index.key_schema(schema);
    let is_own = schema.attribute(&index.sort_key.name).is_some();
    let has_all = index_schema.attributes().all(|key| item.attribute(&key.name).is_some());
    if item.len() != schema.attribute_count() + usize::from(!is_own) || !has_all {
        return Err(Error::validation(INVALID));
    }
    let mut encoded = Vec::new();
    index_schema.encode_batch_item_key(item, &mut encoded)?;
    encoded.clear();
    schema.encode_entry_key(index, item, &mut encoded).map_err(invalid)?;
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

/// Encodes a Scan's start key, of the table or of one of its indexes.
pub(crate) fn encode_scan_start_key(
    start_key: &Item,
    definition: &TableDefinition,
    index: Option<&LocalIndex>,
) -> Result<Vec<u8>, Error> {
    if let Some(index) = index {
        return encode_index_start_key(start_key, definition, index);
    }
    let mut encoded = Vec::new();
    definition.key_schema.encode_key(start_key.as_ref(), &mut encoded).map_err(invalid)?;
    Ok(encoded)
}

fn invalid(error: Error) -> Error {
    Error::validation(format!("{INVALID}: {}", error.message))
}

/// The error for a Scan's start key that lies in another segment.
pub(crate) fn outside_segment(segment: i64, total_segments: i64) -> Error {
    Error::validation(format!(
        "{INVALID}: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. \
         TotalSegments: {total_segments} Segment: {segment}"
    ))
}
