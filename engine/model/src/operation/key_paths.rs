//! Paths of expressions, held against the key attributes of a table and its indexes.
//!
//! In the way of a request: by the owner, who knows the table, before anything is evaluated.

use crate::Error;
use crate::expression::Mention;
use crate::table::TableDefinition;

/// Refuses paths that go on into an attribute that is a key, of the table or of an index: keys are scalars.
// DynamoDB: observed: the table's keys first.
pub(crate) fn check_key_paths<'e, Mentions: Iterator<Item = Mention<'e>>>(
    definition: &TableDefinition,
    mentions: impl Fn() -> Mentions,
) -> Result<(), Error> {
    if !mentions().any(|mention| mention.is_nested) {
        return Ok(());
    }
    let is_entered = |name: &str| mentions().any(|mention| mention.is_nested && mention.attribute_name == name);
    let table_keys = definition.key_schema.attributes().map(|key| ("Key", &key.name));
    let index_keys = definition.local_indexes.iter().map(|index| ("IndexKey", &index.sort_key.name));
    match table_keys.chain(index_keys).find(|(_, name)| is_entered(name)) {
        None => Ok(()),
        Some((role, name)) => Err(Error::validation(format!(
            "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: {role}: {name}"
        ))),
    }
}

/// Refuses an update of key attributes.
pub(crate) fn check_keys_kept(definition: &TableDefinition, is_written: impl Fn(&str) -> bool) -> Result<(), Error> {
    match definition.key_schema.attributes().find(|key| is_written(&key.name)) {
        None => Ok(()),
        Some(key) => Err(Error::invalid_parameter(format_args!(
            "Cannot update attribute {}. This attribute is part of the key",
            key.name
        ))),
    }
}
