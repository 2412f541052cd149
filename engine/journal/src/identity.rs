//! The identity file of a journal directory: whose it is, so that directories cannot be mixed up.
//!
//! Pure bytes, by `FORMAT.md`; read and written by `directory.rs`, once per opening.

use crate::block::{BLOCK_BYTES, FORMAT_VERSION, put, u16_at, u32_at, u64_at};
use xxhash_rust::xxh3::xxh3_64;

const IDENTITY_MAGIC: u32 = u32::from_le_bytes(*b"STID");

/// What an identity file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) core: u16,
    /// Place of this directory in the list, from 0.
    pub(crate) place: u16,
    pub(crate) directory_count: u16,
    pub(crate) journal_id: u64,
}

/// Why a block is not an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadIdentity {
    /// All zero: its writing was interrupted.
    Blank,
    /// Damaged, or not ours.
    Damaged,
    /// Of a version that this program does not know.
    Version(u16),
}

impl Identity {
    pub(crate) fn encode(&self, block: &mut [u8]) {
        assert_eq!(block.len(), BLOCK_BYTES);
        block.fill(0);
        put(block, 8, &IDENTITY_MAGIC.to_le_bytes());
        put(block, 12, &FORMAT_VERSION.to_le_bytes());
        put(block, 14, &self.core.to_le_bytes());
        put(block, 16, &self.place.to_le_bytes());
        put(block, 18, &self.directory_count.to_le_bytes());
        put(block, 24, &self.journal_id.to_le_bytes());
        let checksum = xxh3_64(&block[8..]);
        put(block, 0, &checksum.to_le_bytes());
    }

    pub(crate) fn decode(block: &[u8]) -> Result<Identity, BadIdentity> {
        if block.iter().all(|byte| *byte == 0) {
            return Err(BadIdentity::Blank);
        }
        if block.len() != BLOCK_BYTES || u32_at(block, 8) != IDENTITY_MAGIC || u64_at(block, 0) != xxh3_64(&block[8..])
        {
            return Err(BadIdentity::Damaged);
        }
        if u16_at(block, 12) != FORMAT_VERSION {
            return Err(BadIdentity::Version(u16_at(block, 12)));
        }
        Ok(Identity {
            core: u16_at(block, 14),
            place: u16_at(block, 16),
            directory_count: u16_at(block, 18),
            journal_id: u64_at(block, 24),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_comes_back_and_every_flip_is_refused() {
        let identity = Identity { core: 1, place: 2, directory_count: 3, journal_id: 0xABCD };
        let mut block = vec![7; BLOCK_BYTES];
        identity.encode(&mut block);
        assert_eq!(Identity::decode(&block), Ok(identity));
        for bit in 0..BLOCK_BYTES * 8 {
            block[bit / 8] ^= 1 << (bit % 8);
            assert!(Identity::decode(&block).is_err(), "flip of bit {bit} passes");
            block[bit / 8] ^= 1 << (bit % 8);
        }
        assert_eq!(Identity::decode(&[0; BLOCK_BYTES]), Err(BadIdentity::Blank));
        assert_eq!(Identity::decode(&[1; 10]), Err(BadIdentity::Damaged));
    }
}
