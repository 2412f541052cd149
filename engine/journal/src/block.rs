//! Bytes of the fixed parts: checksum keys, the header of a segment, the header of a flush.
//!
//! Pure: slices in, structs out. The layouts are `FORMAT.md`'s; a change there is a change here. Decoders take any bytes
//! and never panic. Records are in `record.rs`, the walk over them in `walk.rs`.

use crate::position::SegmentId;
use compression::CODE_BYTES;
use security::TAG_BYTES;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Unit of every read and write, in bytes.
pub(crate) const BLOCK_BYTES: usize = 4096;
/// The same, for offsets in a segment.
pub(crate) const BLOCK_BYTES_U32: u32 = 4096;
/// Bytes of a flush's header.
pub(crate) const HEADER_BYTES: usize = 64;
/// Bytes of a segment's header.
const SEGMENT_HEADER_BYTES: usize = CODE_OFFSET + SealedCode::BYTES;
const CODE_OFFSET: usize = 72;
// It is in one sector: never there in part.
const _: () = assert!(SEGMENT_HEADER_BYTES <= 512);
/// Version of everything in `FORMAT.md`.
pub(crate) const FORMAT_VERSION: u16 = 4;

const SEGMENT_MAGIC: u32 = u32::from_le_bytes(*b"STSG");
const FLUSH_MAGIC: u32 = u32::from_le_bytes(*b"STFL");
/// Odd, so that different offsets of one segment always give different seeds.
const OFFSET_FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
const CHAIN_FACTOR: u64 = 0x9FB2_1C65_1E98_DF25;

/// Reads a little-endian number at `offset`, which the caller keeps inside `bytes`.
pub(crate) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(bytes[offset..offset + 8].try_into().expect("the slice has eight bytes"))
}

pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes[offset..offset + 4].try_into().expect("the slice has four bytes"))
}

pub(crate) fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes(bytes[offset..offset + 2].try_into().expect("the slice has two bytes"))
}

pub(crate) fn put(bytes: &mut [u8], offset: usize, value: &[u8]) {
    bytes[offset..offset + value.len()].copy_from_slice(value);
}

/// The first byte that is not zero, if there is one.
pub(crate) fn first_nonzero(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte != 0)
}

/// Key of all checksums in one use of one segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChecksumKey(u64);

impl ChecksumKey {
    pub(crate) fn new(journal_id: u64, epoch: u64) -> ChecksumKey {
        let mut bytes = [0; 16];
        put(&mut bytes, 0, &journal_id.to_le_bytes());
        put(&mut bytes, 8, &epoch.to_le_bytes());
        ChecksumKey(xxh3_64(&bytes))
    }

    /// Checksum of `bytes`, which belong to something that starts at `offset` of the file.
    pub(crate) fn checksum(self, offset: u32, bytes: &[u8]) -> u64 {
        xxh3_64_with_seed(bytes, self.0.wrapping_add(u64::from(offset).wrapping_mul(OFFSET_FACTOR)))
    }
}

/// The chain over a flush's record checksums, one step.
pub(crate) fn chain_next(chain: u64, checksum: u64) -> u64 {
    (chain ^ checksum).wrapping_mul(CHAIN_FACTOR).rotate_left(29)
}

/// The code by which a segment's records are compressed, sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SealedCode {
    /// Of the catalog's data key that seals it, from 1.
    pub(crate) version: u16,
    /// The code and the tag.
    pub(crate) bytes: [u8; SealedCode::BYTES],
}

impl SealedCode {
    pub(crate) const BYTES: usize = CODE_BYTES + TAG_BYTES;
}

/// What block 0 of a segment file says of a file that is part of the log or the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ActiveHeader {
    pub(crate) epoch: u64,
    pub(crate) segment: SegmentId,
    /// Where the segment before ends, in bytes.
    pub(crate) previous_end: u32,
    pub(crate) first_sequence: u64,
    /// Of the process that began it and wrote all its records: a part of their keys.
    pub(crate) opening: u64,
    pub(crate) code: Option<SealedCode>,
}

/// What block 0 of a segment file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SegmentState {
    Active(ActiveHeader),
    Spare,
}

/// Header of a segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) journal_id: u64,
    pub(crate) core: u16,
    pub(crate) file_number: u32,
    pub(crate) segment_bytes: u64,
    pub(crate) state: SegmentState,
}

/// Why bytes are not the header they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadHeader {
    /// The magic number or the state is not one of ours: never written, or damaged.
    NotOurs,
    /// Checksum expected (computed from the bytes) and found.
    Checksum { expected: u64, found: u64 },
    /// A version of the format that this program does not know.
    Version(u16),
    /// A byte that has to be zero is not.
    Padding { offset: usize },
    /// A flush of a kind that this program does not know, and the epoch that it states.
    FlushKind { found: u16, epoch: u64 },
}

impl SegmentHeader {
    /// Fills `block` (one block) with this header.
    pub(crate) fn encode(&self, block: &mut [u8]) {
        assert_eq!(block.len(), BLOCK_BYTES);
        block.fill(0);
        let (state, active) = match self.state {
            SegmentState::Active(active) => (1_u16, active),
            SegmentState::Spare => (2, ActiveHeader::OF_SPARE),
        };
        put(block, 8, &SEGMENT_MAGIC.to_le_bytes());
        put(block, 12, &FORMAT_VERSION.to_le_bytes());
        put(block, 14, &state.to_le_bytes());
        put(block, 16, &self.journal_id.to_le_bytes());
        put(block, 24, &active.epoch.to_le_bytes());
        put(block, 32, &active.segment.0.to_le_bytes());
        put(block, 36, &active.previous_end.to_le_bytes());
        put(block, 40, &active.first_sequence.to_le_bytes());
        put(block, 48, &self.segment_bytes.to_le_bytes());
        put(block, 56, &self.core.to_le_bytes());
        put(block, 60, &self.file_number.to_le_bytes());
        put(block, 64, &active.opening.to_le_bytes());
        if let Some(code) = active.code {
            put(block, 58, &code.version.to_le_bytes());
            put(block, CODE_OFFSET, &code.bytes);
        }
        let checksum = ChecksumKey::new(self.journal_id, active.epoch).checksum(0, &block[8..SEGMENT_HEADER_BYTES]);
        put(block, 0, &checksum.to_le_bytes());
    }

    /// Reads block 0 of a segment file of the journal `journal_id`.
    pub(crate) fn decode(block: &[u8], journal_id: u64) -> Result<SegmentHeader, BadHeader> {
        assert_eq!(block.len(), BLOCK_BYTES);
        if u32_at(block, 8) != SEGMENT_MAGIC {
            return Err(BadHeader::NotOurs);
        }
        let epoch = u64_at(block, 24);
        let expected = ChecksumKey::new(journal_id, epoch).checksum(0, &block[8..SEGMENT_HEADER_BYTES]);
        let found = u64_at(block, 0);
        if expected != found {
            return Err(BadHeader::Checksum { expected, found });
        }
        if u16_at(block, 12) != FORMAT_VERSION {
            return Err(BadHeader::Version(u16_at(block, 12)));
        }
        if let Some(offset) = first_nonzero(&block[SEGMENT_HEADER_BYTES..]) {
            return Err(BadHeader::Padding { offset: SEGMENT_HEADER_BYTES + offset });
        }
        let (segment, previous_end) = (SegmentId(u32_at(block, 32)), u32_at(block, 36));
        let is_in_order = (1..u32::MAX).contains(&segment.0) && previous_end.is_multiple_of(BLOCK_BYTES_U32);
        let state = match u16_at(block, 14) {
            1 if is_in_order => SegmentState::Active(ActiveHeader {
                epoch,
                segment,
                previous_end,
                first_sequence: u64_at(block, 40),
                opening: u64_at(block, 64),
                code: sealed_code(block),
            }),
            2 => SegmentState::Spare,
            _ => return Err(BadHeader::NotOurs),
        };
        Ok(SegmentHeader {
            journal_id: u64_at(block, 16),
            core: u16_at(block, 56),
            file_number: u32_at(block, 60),
            segment_bytes: u64_at(block, 48),
            state,
        })
    }
}

impl ActiveHeader {
    /// What stands in the header of a spare.
    const OF_SPARE: ActiveHeader =
        ActiveHeader { epoch: 0, segment: SegmentId(0), previous_end: 0, first_sequence: 0, opening: 0, code: None };
}

fn sealed_code(block: &[u8]) -> Option<SealedCode> {
    let version = u16_at(block, 58);
    let bytes = block[CODE_OFFSET..SEGMENT_HEADER_BYTES].try_into().expect("it is so long");
    (version > 0).then_some(SealedCode { version, bytes })
}

/// Why a flush was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlushKind {
    /// It carries records.
    Records = 1,
    /// It carries nothing: the first flush of each process, or one that makes a later replay start known.
    Mark = 2,
    /// Last flush of a clean stop.
    Close = 3,
}

/// Header of a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlushHeader {
    pub(crate) block_count: u32,
    pub(crate) epoch: u64,
    pub(crate) sequence: u64,
    pub(crate) records_bytes: u32,
    pub(crate) record_count: u32,
    pub(crate) chain: u64,
    pub(crate) replay_start: SegmentId,
    pub(crate) kind: FlushKind,
}

impl FlushHeader {
    /// Writes the header into the first bytes of `block`, which lies at `offset` of its segment.
    pub(crate) fn encode(&self, key: ChecksumKey, offset: u32, block: &mut [u8]) {
        block[..HEADER_BYTES].fill(0);
        put(block, 8, &FLUSH_MAGIC.to_le_bytes());
        put(block, 12, &self.block_count.to_le_bytes());
        put(block, 16, &self.epoch.to_le_bytes());
        put(block, 24, &self.sequence.to_le_bytes());
        put(block, 32, &self.records_bytes.to_le_bytes());
        put(block, 36, &self.record_count.to_le_bytes());
        put(block, 40, &self.chain.to_le_bytes());
        put(block, 48, &self.replay_start.0.to_le_bytes());
        put(block, 52, &(self.kind as u16).to_le_bytes());
        let checksum = key.checksum(offset, &block[8..HEADER_BYTES]);
        put(block, 0, &checksum.to_le_bytes());
    }

    /// Reads a flush header that lies at `offset`, under the epoch that it states itself. The caller compares that epoch
    /// with the segment's, and the sequence with the one it expects.
    pub(crate) fn decode(block: &[u8], journal_id: u64, offset: u32) -> Result<FlushHeader, BadHeader> {
        if block.len() < HEADER_BYTES || u32_at(block, 8) != FLUSH_MAGIC {
            return Err(BadHeader::NotOurs);
        }
        let epoch = u64_at(block, 16);
        let expected = ChecksumKey::new(journal_id, epoch).checksum(offset, &block[8..HEADER_BYTES]);
        let found = u64_at(block, 0);
        if expected != found {
            return Err(BadHeader::Checksum { expected, found });
        }
        let kind = match u16_at(block, 52) {
            1 => FlushKind::Records,
            2 => FlushKind::Mark,
            3 => FlushKind::Close,
            found => return Err(BadHeader::FlushKind { found, epoch }),
        };
        Ok(FlushHeader {
            block_count: u32_at(block, 12),
            epoch,
            sequence: u64_at(block, 24),
            records_bytes: u32_at(block, 32),
            record_count: u32_at(block, 36),
            chain: u64_at(block, 40),
            replay_start: SegmentId(u32_at(block, 48)),
            kind,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(state: SegmentState) -> SegmentHeader {
        SegmentHeader { journal_id: 77, core: 3, file_number: 12, segment_bytes: 1 << 20, state }
    }

    #[test]
    fn segment_headers_come_back_and_every_flip_is_refused() {
        let active = ActiveHeader {
            epoch: 9,
            segment: SegmentId(4),
            previous_end: 8192,
            first_sequence: 31,
            opening: 0xABCD,
            code: None,
        };
        let code = Some(SealedCode { version: 7, bytes: [0x5A; SealedCode::BYTES] });
        let with_code = ActiveHeader { code, ..active };
        for state in [SegmentState::Active(active), SegmentState::Active(with_code), SegmentState::Spare] {
            let mut block = vec![0xAA; BLOCK_BYTES];
            header(state).encode(&mut block);
            assert_eq!(SegmentHeader::decode(&block, 77), Ok(header(state)));
            assert!(SegmentHeader::decode(&block, 78).is_err());
            for bit in 0..BLOCK_BYTES * 8 {
                block[bit / 8] ^= 1 << (bit % 8);
                assert!(SegmentHeader::decode(&block, 77).is_err(), "flip of bit {bit} passes");
                block[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }

    #[test]
    fn flush_headers_come_back_and_every_flip_or_move_is_refused() {
        let flush = FlushHeader {
            block_count: 3,
            epoch: 5,
            sequence: 8,
            records_bytes: 9000,
            record_count: 2,
            chain: 0xFEED,
            replay_start: SegmentId(2),
            kind: FlushKind::Records,
        };
        let mut block = [0; HEADER_BYTES];
        flush.encode(ChecksumKey::new(77, 5), 4096, &mut block);
        assert_eq!(FlushHeader::decode(&block, 77, 4096), Ok(flush));
        assert!(FlushHeader::decode(&block, 77, 8192).is_err());
        assert!(FlushHeader::decode(&block, 76, 4096).is_err());
        for bit in 0..HEADER_BYTES * 8 {
            block[bit / 8] ^= 1 << (bit % 8);
            assert!(FlushHeader::decode(&block, 77, 4096).is_err(), "flip of bit {bit} passes");
            block[bit / 8] ^= 1 << (bit % 8);
        }
        for len in 0..HEADER_BYTES {
            assert!(FlushHeader::decode(&block[..len], 77, 4096).is_err());
        }
    }
}
