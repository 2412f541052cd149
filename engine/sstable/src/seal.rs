//! References to blocks, and the one place where a block is closed before it is written and opened after it was read.
//!
//! Closing gives the frame its zeros and its seal and says the checksum by which the reference will know it; opening checks both
//! and gives the payload. Encryption of blocks belongs here and nowhere else: it has the file's id, the offset, and the
//! block's last [`SEAL_BYTES`] bytes for its tag.

use crate::bytes::{put, u16_at, u32_at, u64_at};
use crate::error::{Damage, DamageKind};
use crate::record::FileId;
use runtime::BLOCK_BYTES;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Unit of every read and write of a file.
pub(crate) const UNIT_BYTES: usize = BLOCK_BYTES;
/// What a block keeps free at its end: the tag of authenticated encryption.
pub(crate) const SEAL_BYTES: usize = 16;
/// Bytes of a reference.
pub(crate) const REF_BYTES: usize = 14;
/// Bytes at a payload's start that say how long it is.
pub(crate) const LENGTH_BYTES: usize = 4;
/// Odd, so that different offsets of one file always give different seeds.
const OFFSET_FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

/// Where a block of a file is, and how to know that it is the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockRef {
    /// Where it starts, in units of 4096 bytes.
    pub unit: u32,
    /// How many units it has.
    pub units: u16,
    /// Checksum of all its bytes as they are on the disk.
    pub checksum: u64,
}

impl BlockRef {
    /// Where it starts, in bytes.
    pub fn offset(self) -> u64 {
        u64::from(self.unit) * UNIT_BYTES as u64
    }

    /// Its length on the disk in bytes.
    pub fn len_bytes(self) -> usize {
        usize::from(self.units) * UNIT_BYTES
    }

    /// The unit behind it.
    pub(crate) fn end_unit(self) -> u64 {
        u64::from(self.unit) + u64::from(self.units)
    }

    pub(crate) fn encode(self, out: &mut [u8]) {
        put(out, 0, &self.unit.to_le_bytes());
        put(out, 4, &self.units.to_le_bytes());
        put(out, 6, &self.checksum.to_le_bytes());
    }

    /// Reads a reference from [`REF_BYTES`] bytes.
    pub(crate) fn decode(bytes: &[u8]) -> BlockRef {
        BlockRef { unit: u32_at(bytes, 0), units: u16_at(bytes, 4), checksum: u64_at(bytes, 6) }
    }
}

/// Units that a block with this payload takes.
pub(crate) fn units_for(payload_bytes: usize) -> usize {
    (payload_bytes + SEAL_BYTES).div_ceil(UNIT_BYTES)
}

/// Closes and opens the blocks of one file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sealer {
    seed: u64,
}

impl Sealer {
    pub(crate) fn new(file: FileId) -> Sealer {
        Sealer { seed: xxh3_64(&file.0.to_le_bytes()) }
    }

    /// The checksum of `bytes`, which start at `offset` of the file.
    pub(crate) fn checksum(self, offset: u64, bytes: &[u8]) -> u64 {
        xxh3_64_with_seed(bytes, self.seed.wrapping_add(offset.wrapping_mul(OFFSET_FACTOR)))
    }

    /// Makes `block`, which will be written at `offset` and starts with `payload_bytes` of payload, what goes to the disk.
    /// Returns its checksum.
    pub(crate) fn close(self, offset: u64, block: &mut [u8], payload_bytes: usize) -> u64 {
        assert!(payload_bytes + SEAL_BYTES <= block.len(), "{payload_bytes} bytes do not fit {}", block.len());
        block[payload_bytes..].fill(0);
        self.checksum(offset, block)
    }

    /// Checks what was read for `reference`, and gives its payload.
    pub(crate) fn open(self, reference: BlockRef, block: &[u8]) -> Result<&[u8], Damage> {
        let damage = |kind| Damage { offset: reference.offset(), kind };
        let found = self.checksum(reference.offset(), block);
        if found != reference.checksum {
            return Err(damage(DamageKind::Checksum { expected: reference.checksum, found }));
        }
        let room = block.len().saturating_sub(SEAL_BYTES);
        let length = block.first_chunk::<LENGTH_BYTES>().map(|length| u32::from_le_bytes(*length) as usize);
        match length {
            Some(length) if (LENGTH_BYTES..=room).contains(&length) => Ok(&block[..length]),
            _ => Err(damage(DamageKind::Malformed("payload length"))),
        }
    }
}
