//! What BatchGetItem and BatchWriteItem share: the names of their tables, how many items, no item twice.

use super::constraint::Constraints;
use super::table_name::{NAME_PATTERN, is_name, split_arn};
use crate::limits::{TABLE_NAME_BYTES_MAX, TABLE_NAME_BYTES_MIN};
use crate::{Error, Text};

/// Refuses a batch that is for one item twice. `keys` are its items; they are sorted in place.
pub fn check_distinct_keys<Key: Ord>(keys: &mut [Key]) -> Result<(), Error> {
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Error::validation("Provided list of item keys contains duplicates"));
    }
    Ok(())
}

pub(crate) fn too_many_items(operation: &str) -> Error {
    Error::validation(format!("Too many items requested for the {operation} call"))
}

/// The names of a batch's tables, which are keys of a map.
pub(crate) fn check_table_names<'a>(constraints: &mut Constraints, names: impl Iterator<Item = &'a Text>) {
    for name in names {
        let is_length_right = (TABLE_NAME_BYTES_MIN..=TABLE_NAME_BYTES_MAX).contains(&name.len());
        if (is_length_right && is_name(name)) || split_arn(name).is_some() {
            continue;
        }
        constraints.fail(
            "requestItems",
            // Ours: DynamoDB prints the whole map.
            format_args!("{{{name}=...}}"),
            format_args!(
                "Map keys must satisfy constraint: [Member must have length less than or equal to \
                 {TABLE_NAME_BYTES_MAX}, Member must have length greater than or equal to {TABLE_NAME_BYTES_MIN}, \
                 Member must satisfy regular expression pattern: {NAME_PATTERN}]"
            ),
        );
    }
}
