//! Encoded keys as a person reads them: by the schema of their table where that is known, else as bytes.

use control::TableEntry;
use model::KeyHash;
use model::key::KEY_HASH_BYTES;
use partition::SetId;

/// A key of a set of a table's partition.
pub(super) fn key_text(table: Option<&TableEntry>, set: SetId, key: &[u8]) -> String {
    match set {
        SetId::Items => item_key_text(table, key),
        SetId::DueTimes => match key.split_first_chunk() {
            Some((seconds, item)) => format!("{} {}", u64::from_be_bytes(*seconds), item_key_text(table, item)),
            None => bytes_text(key),
        },
        SetId::LocalIndex(_) | SetId::Collections => bytes_text(key),
    }
}

/// The key of an item.
pub(super) fn item_key_text(table: Option<&TableEntry>, key: &[u8]) -> String {
    let decoded = table.and_then(|table| table.definition.key_schema.decode_key(key));
    decoded.map_or_else(|| bytes_text(key), |item| format!("{item:?}"))
}

/// The hash, then the bytes behind it, those that are no letters escaped.
fn bytes_text(key: &[u8]) -> String {
    match (KeyHash::of_encoded_key(key), key.get(KEY_HASH_BYTES..)) {
        (Some(hash), Some(rest)) => format!("{:016x} \"{}\"", hash.0, rest.escape_ascii()),
        _ => format!("\"{}\"", key.escape_ascii()),
    }
}
