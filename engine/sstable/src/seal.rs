//! References to blocks, and the one place where a block is closed before it is written and opened after it was read.
//!
//! Closing encrypts a block with its zeros and says the checksum by which the reference will know it; opening checks the checksum, then the
//! tag in the block's last [`SEAL_BYTES`] bytes, and gives the payload. Encryption of blocks is here and nowhere else.

use crate::bytes::{put, u16_at, u32_at, u64_at};
use crate::error::{Damage, DamageKind};
use crate::record::FileId;
use runtime::BLOCK_BYTES;
use security::FileKey;
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

/// What seals a new file.
#[derive(Debug)]
pub struct FileSeal {
    /// The version of the data key that `key` is derived from, from 1.
    pub version: u16,
    /// The file's.
    pub key: FileKey,
}

/// Closes and opens the blocks of one file.
#[derive(Debug)]
pub(crate) struct Sealer {
    checksums: Checksums,
    key: FileKey,
    /// Where blocks are put together before they are sealed; used again by each.
    plain: Vec<u8>,
}

/// Makes the checksums of one file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checksums {
    file: FileId,
    seed: u64,
}

impl Checksums {
    pub(crate) fn new(file: FileId) -> Checksums {
        Checksums { file, seed: xxh3_64(&file.0.to_le_bytes()) }
    }

    /// The checksum of `bytes`, which start at `offset` of the file.
    pub(crate) fn checksum(self, offset: u64, bytes: &[u8]) -> u64 {
        xxh3_64_with_seed(bytes, self.seed.wrapping_add(offset.wrapping_mul(OFFSET_FACTOR)))
    }

    /// What is bound to a block.
    fn bound(self, offset: u64) -> [u8; 16] {
        let mut bound = [0; 16];
        put(&mut bound, 0, &self.file.0.to_le_bytes());
        put(&mut bound, 8, &offset.to_le_bytes());
        bound
    }
}

impl Sealer {
    pub(crate) fn new(file: FileId, key: FileKey) -> Sealer {
        Sealer { checksums: Checksums::new(file), key, plain: Vec::new() }
    }

    /// Makes `block`, which will be written at `unit` and begins with `payload_bytes` of payload, what goes to the disk.
    /// Returns its checksum. Once per unit.
    pub(crate) fn close(&mut self, unit: u32, block: &mut [u8], payload_bytes: usize) -> u64 {
        assert!(payload_bytes + SEAL_BYTES <= block.len(), "{payload_bytes} bytes do not fit {}", block.len());
        let offset = u64::from(unit) * UNIT_BYTES as u64;
        self.plain.clear();
        self.plain.extend_from_slice(&block[..payload_bytes]);
        self.plain.resize(block.len() - SEAL_BYTES, 0);
        self.key.seal(unit, &self.checksums.bound(offset), &self.plain, block);
        self.checksums.checksum(offset, block)
    }

    /// Checks what was read for `reference`, opens it, and gives its payload.
    pub(crate) fn open(&self, reference: BlockRef, block: &[u8]) -> Result<Box<[u8]>, Damage> {
        let damage = |kind| Damage { offset: reference.offset(), kind };
        let found = self.checksums.checksum(reference.offset(), block);
        if found != reference.checksum {
            return Err(damage(DamageKind::Checksum { expected: reference.checksum, found }));
        }
        let mut plain = vec![0; block.len().saturating_sub(SEAL_BYTES)];
        let opened = self.key.open(reference.unit, &self.checksums.bound(reference.offset()), block, &mut plain);
        opened.map_err(|_| damage(DamageKind::NotAuthentic))?;
        let length = plain.first_chunk::<LENGTH_BYTES>().map(|length| u32::from_le_bytes(*length) as usize);
        match length {
            Some(length) if (LENGTH_BYTES..=plain.len()).contains(&length) => {
                plain.truncate(length);
                Ok(plain.into_boxed_slice())
            }
            _ => Err(damage(DamageKind::Malformed("payload length"))),
        }
    }
}
