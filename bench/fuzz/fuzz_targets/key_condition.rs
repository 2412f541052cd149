//! Any text as a key condition, with values for the placeholders that it mentions, on tables of every kind of key.
//!
//! Holds: nothing panics; a fault is DynamoDB's own ValidationException; the range of a condition that is met lies
//! within its partition key.

#![no_main]

use fuzz::placeholders_of;
use libfuzzer_sys::fuzz_target;
use model::expression::KeyCondition;
use model::{ErrorKind, KeyAttribute, KeySchema, KeyType};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (names, values) = placeholders_of(text);
    let values = values.as_ref().map(|values| values.as_ref());
    match KeyCondition::parse(text, names.as_deref(), values) {
        Err(error) => assert_eq!(error.kind, ErrorKind::Validation, "{error:?}"),
        Ok(condition) => {
            for partition_type in [KeyType::String, KeyType::Number, KeyType::Binary] {
                for sort_type in [None, Some(KeyType::String), Some(KeyType::Number), Some(KeyType::Binary)] {
                    check_range(&condition, &schema(partition_type, sort_type));
                }
            }
        }
    }
});

fn check_range(condition: &KeyCondition<'_>, schema: &KeySchema) {
    match condition.bind(schema) {
        Err(error) => assert_eq!(error.kind, ErrorKind::Validation, "{error:?}"),
        // Every key begins with the hash of its partition key.
        Ok(range) => assert_eq!(range.lower[..8], range.hash.0.to_be_bytes(), "{range:?}"),
    }
}

fn schema(partition_type: KeyType, sort_type: Option<KeyType>) -> KeySchema {
    KeySchema {
        partition_key: KeyAttribute { name: "p".into(), key_type: partition_type },
        sort_key: sort_type.map(|key_type| KeyAttribute { name: "s".into(), key_type }),
    }
}
