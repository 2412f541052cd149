//! The last unit of a file (FORMAT.md, "Footer"): where its root is, and what its record says as well. Pure.

use crate::bytes::{put, u16_at, u32_at, u64_at};
use crate::error::{Damage, DamageKind};
use crate::record::TableRecord;
use crate::seal::{BlockRef, Checksums, REF_BYTES, UNIT_BYTES};

const MAGIC: u32 = u32::from_le_bytes(*b"STST");
const FORMAT_VERSION: u16 = 4;
/// Not the version of a data key.
const SEALING_NONE: u16 = 0;
const CHECKSUM_BYTES: usize = 8;
const ROOT_OFFSET: usize = 32;
const USAGE_OFFSET: usize = 46;

/// Where a file's parts begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Footer {
    /// The version of the data key that the file's key is derived from.
    pub(crate) key_version: u16,
    pub(crate) root: BlockRef,
    pub(crate) usage: Option<BlockRef>,
}

impl Footer {
    /// Writes the footer of the file that `record` describes to `out`, a unit; returns its checksum.
    pub(crate) fn encode(&self, record: &TableRecord, checksums: Checksums, out: &mut [u8]) -> u64 {
        assert_eq!(out.len(), UNIT_BYTES);
        out.fill(0);
        put(out, 8, &MAGIC.to_le_bytes());
        put(out, 12, &FORMAT_VERSION.to_le_bytes());
        put(out, 14, &self.key_version.to_le_bytes());
        put(out, 16, &record.file.0.to_le_bytes());
        put(out, 24, &record.units.to_le_bytes());
        self.root.encode(&mut out[ROOT_OFFSET..]);
        if let Some(usage) = self.usage {
            usage.encode(&mut out[USAGE_OFFSET..]);
        }
        put(out, 64, &record.entry_count.to_le_bytes());
        put(out, 72, &record.tombstone_count.to_le_bytes());
        put(out, 80, &record.least_version.to_le_bytes());
        put(out, 88, &record.greatest_version.to_le_bytes());
        let checksum = checksums.checksum(offset_of(record), &out[CHECKSUM_BYTES..]);
        put(out, 0, &checksum.to_le_bytes());
        checksum
    }

    /// Reads the footer of the file that `record` describes from its last unit.
    pub(crate) fn decode(bytes: &[u8], record: &TableRecord, checksums: Checksums) -> Result<Footer, Damage> {
        let offset = offset_of(record);
        let damage = |kind| Damage { offset, kind };
        if bytes.len() != UNIT_BYTES {
            return Err(damage(DamageKind::Malformed("footer")));
        }
        let found = checksums.checksum(offset, &bytes[CHECKSUM_BYTES..]);
        for told in [record.footer_checksum, u64_at(bytes, 0)] {
            if told != found {
                return Err(damage(DamageKind::Checksum { expected: told, found }));
            }
        }
        let (version, key_version) = (u16_at(bytes, 12), u16_at(bytes, 14));
        if u32_at(bytes, 8) != MAGIC {
            return Err(damage(DamageKind::Malformed("footer")));
        }
        if version != FORMAT_VERSION {
            return Err(damage(DamageKind::Version(version)));
        }
        if key_version == SEALING_NONE {
            return Err(damage(DamageKind::Unsealed));
        }
        let root = BlockRef::decode(&bytes[ROOT_OFFSET..]);
        let usage = BlockRef::decode(&bytes[USAGE_OFFSET..USAGE_OFFSET + REF_BYTES]);
        Ok(Footer { key_version, root, usage: (usage.units != 0).then_some(usage) })
    }
}

fn offset_of(record: &TableRecord) -> u64 {
    u64::from(record.units.saturating_sub(1)) * UNIT_BYTES as u64
}
