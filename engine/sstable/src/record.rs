//! What a partition's file set says of a file: enough to open it without trust in the directory (FORMAT.md, "The record of a
//! file"). Pure.

use crate::bytes::{u16_at, u32_at, u64_at};
use crate::entry::KEY_BYTES_MAX;
use crate::seal::UNIT_BYTES;

const FIXED_BYTES: usize = 56;

/// Name of a file. Never used twice; drawn at random, so that no counter has to survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u64);

/// What is known of a file that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRecord {
    /// Its name.
    pub file: FileId,
    /// Its length in units of 4096 bytes.
    pub units: u32,
    /// Checksum of its last unit, on which all others hang.
    pub footer_checksum: u64,
    /// Entries, tombstones included.
    pub entry_count: u64,
    /// Those that are tombstones.
    pub tombstone_count: u64,
    /// The least log index of an entry.
    pub least_version: u64,
    /// The greatest log index of an entry.
    pub greatest_version: u64,
    /// The least key.
    pub first_key: Vec<u8>,
    /// The greatest key.
    pub last_key: Vec<u8>,
}

impl TableRecord {
    /// Its length in bytes.
    pub fn file_bytes(&self) -> u64 {
        u64::from(self.units) * UNIT_BYTES as u64
    }

    /// Appends the record's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let key_bytes = |key: &[u8]| u16::try_from(key.len()).expect("keys are bounded where they are added");
        out.extend_from_slice(&self.file.0.to_le_bytes());
        out.extend_from_slice(&self.units.to_le_bytes());
        for number in
            [self.footer_checksum, self.entry_count, self.tombstone_count, self.least_version, self.greatest_version]
        {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&key_bytes(&self.first_key).to_le_bytes());
        out.extend_from_slice(&key_bytes(&self.last_key).to_le_bytes());
        out.extend_from_slice(&self.first_key);
        out.extend_from_slice(&self.last_key);
    }

    /// Reads the record at the start of `bytes` and moves behind it; `None` if there is none.
    pub fn decode(bytes: &mut &[u8]) -> Option<TableRecord> {
        let (fixed, rest) = bytes.split_at_checked(FIXED_BYTES)?;
        let (first_key, rest) = rest.split_at_checked(usize::from(u16_at(fixed, 52)))?;
        let (last_key, rest) = rest.split_at_checked(usize::from(u16_at(fixed, 54)))?;
        *bytes = rest;
        Some(TableRecord {
            file: FileId(u64_at(fixed, 0)),
            units: u32_at(fixed, 8),
            footer_checksum: u64_at(fixed, 12),
            entry_count: u64_at(fixed, 20),
            tombstone_count: u64_at(fixed, 28),
            least_version: u64_at(fixed, 36),
            greatest_version: u64_at(fixed, 44),
            first_key: first_key.to_vec(),
            last_key: last_key.to_vec(),
        })
    }
}

const _: () = assert!(KEY_BYTES_MAX <= u16::MAX as usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_and_no_truncation_passes() {
        let record = TableRecord {
            file: FileId(u64::MAX - 3),
            units: 77,
            footer_checksum: 5,
            entry_count: 6,
            tombstone_count: 1,
            least_version: 9,
            greatest_version: 1 << 60,
            first_key: b"a".to_vec(),
            last_key: vec![200; 5_130],
        };
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        record.encode(&mut bytes);
        let mut rest = bytes.as_slice();
        assert_eq!(TableRecord::decode(&mut rest), Some(record.clone()));
        assert_eq!(TableRecord::decode(&mut rest), Some(record));
        assert!(rest.is_empty());
        for length in 0..bytes.len() / 2 {
            assert_eq!(TableRecord::decode(&mut &bytes[..length]), None, "cut at {length}");
        }
    }
}
