//! An entry of a data block: version and content of a key, and its bytes (FORMAT.md, "Data block"). Pure.

use crate::stored_key::{KIND_BITS, StoredKey};
use crate::varint;

/// The longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 65_535;

const KIND_TOMBSTONE: u8 = 1;
const KIND_INLINE: u8 = 2;
const KIND_IN_JOURNAL: u8 = 3;
const KIND_BARE_KEY: u8 = 4;
const _: () = assert!(KIND_BARE_KEY < 1 << KIND_BITS);

/// Where a record lies in the journal: its `Location`, as plain numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalPlace {
    /// The segment.
    pub segment: u32,
    /// Offset of the record in it, in bytes.
    pub offset: u32,
    /// Bytes of payload.
    pub bytes: u32,
}

/// What a key has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'b> {
    /// Nothing: it was deleted.
    Tombstone,
    /// An item, here in its stored encoding.
    Inline {
        /// Its size as DynamoDB counts it.
        item_bytes: u32,
        /// The stored encoding.
        value: &'b [u8],
    },
    /// An item that a journal record carries.
    InJournal {
        /// Its size as DynamoDB counts it.
        item_bytes: u32,
        /// Where the record lies.
        place: JournalPlace,
    },
    /// The key alone: an entry of a local index.
    BareKey {
        /// The size of the projected item as DynamoDB counts it.
        item_bytes: u32,
    },
}

/// Version and content of a key; borrowed from the block that it lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'b> {
    /// The log index of the change that made it.
    pub version: u64,
    /// What the key has.
    pub content: Content<'b>,
}

/// An entry as it lies in its block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoredEntry<'b> {
    pub(crate) key: StoredKey<'b>,
    pub(crate) entry: Entry<'b>,
}

impl<'b> StoredEntry<'b> {
    /// Appends the entry to a block whose base version is `base`.
    pub(crate) fn encode(&self, base: u64, out: &mut Vec<u8>) {
        let (kind, item_bytes) = match self.entry.content {
            Content::Tombstone => (KIND_TOMBSTONE, None),
            Content::Inline { item_bytes, .. } => (KIND_INLINE, Some(item_bytes)),
            Content::InJournal { item_bytes, .. } => (KIND_IN_JOURNAL, Some(item_bytes)),
            Content::BareKey { item_bytes } => (KIND_BARE_KEY, Some(item_bytes)),
        };
        self.key.encode(kind, out);
        varint::put(out, varint::zigzag(base, self.entry.version));
        if let Some(item_bytes) = item_bytes {
            varint::put(out, u64::from(item_bytes));
        }
        match self.entry.content {
            Content::Inline { value, .. } => varint::put(out, value.len() as u64),
            Content::InJournal { item_bytes, place } => {
                varint::put(out, u64::from(place.segment));
                varint::put(out, u64::from(place.offset));
                varint::put(out, varint::zigzag(u64::from(item_bytes), u64::from(place.bytes)));
            }
            Content::Tombstone | Content::BareKey { .. } => {}
        }
        out.extend_from_slice(self.key.suffix);
        if let Content::Inline { value, .. } = self.entry.content {
            out.extend_from_slice(value);
        }
    }

    /// Reads the entry at the start of `bytes` and moves behind it; `None` if there is none.
    #[inline(always)]
    pub(crate) fn decode(base: u64, bytes: &mut &'b [u8]) -> Option<StoredEntry<'b>> {
        let (kind, mut key, suffix_bytes) = StoredKey::decode(bytes)?;
        let version = varint::unzigzag(base, varint::take(bytes)?);
        let content = match kind {
            KIND_TOMBSTONE => Content::Tombstone,
            KIND_INLINE => {
                let item_bytes = take_u32(bytes)?;
                let value_bytes = varint::take_length(bytes)?;
                let (suffix, rest) = bytes.split_at_checked(suffix_bytes)?;
                let (value, rest) = rest.split_at_checked(value_bytes)?;
                *bytes = rest;
                key.suffix = suffix;
                return Some(StoredEntry {
                    key,
                    entry: Entry { version, content: Content::Inline { item_bytes, value } },
                });
            }
            KIND_IN_JOURNAL => {
                let item_bytes = take_u32(bytes)?;
                let (segment, offset) = (take_u32(bytes)?, take_u32(bytes)?);
                let payload_bytes = varint::unzigzag(u64::from(item_bytes), varint::take(bytes)?);
                let place = JournalPlace { segment, offset, bytes: u32::try_from(payload_bytes).ok()? };
                Content::InJournal { item_bytes, place }
            }
            KIND_BARE_KEY => Content::BareKey { item_bytes: take_u32(bytes)? },
            _ => return None,
        };
        let (suffix, rest) = bytes.split_at_checked(suffix_bytes)?;
        *bytes = rest;
        key.suffix = suffix;
        Some(StoredEntry { key, entry: Entry { version, content } })
    }
}

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    u32::try_from(varint::take(bytes)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored_key::KeyForm;

    fn check(content: Content<'_>) {
        let keys = [
            (KeyForm::Whole, 0, b"key".as_slice(), 7),
            (KeyForm::Whole, 300, b"", 0),
            (KeyForm::HashOf(400), 2, &[9; 500], u64::MAX),
            (KeyForm::HashOfAll, 6, b"k", 8),
            (KeyForm::HashOfAllEnded, 7, b"k", 9),
        ];
        for (form, shared_bytes, suffix, version) in keys {
            let key = StoredKey { form, shared_bytes, suffix };
            let stored = StoredEntry { key, entry: Entry { version, content } };
            for base in [0, 7, u64::MAX] {
                let mut bytes = Vec::new();
                stored.encode(base, &mut bytes);
                let mut rest = bytes.as_slice();
                let decoded = StoredEntry::decode(base, &mut rest).unwrap();
                assert!(rest.is_empty());
                assert_eq!((decoded.key, decoded.entry), (key, stored.entry));
                for length in 0..bytes.len() {
                    assert!(StoredEntry::decode(base, &mut &bytes[..length]).is_none(), "cut at {length}");
                }
            }
        }
    }

    #[test]
    fn what_is_encoded_is_decoded_and_no_truncation_passes() {
        check(Content::Tombstone);
        check(Content::Inline { item_bytes: 400_000, value: &[3; 1000] });
        check(Content::Inline { item_bytes: 0, value: &[] });
        let place = JournalPlace { segment: u32::MAX, offset: u32::MAX, bytes: 17 };
        check(Content::InJournal { item_bytes: u32::MAX, place });
        check(Content::BareKey { item_bytes: 200 });
    }
}
