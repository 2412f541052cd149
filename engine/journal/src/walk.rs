//! The walk over a segment's flushes: what is good, where it ends, and whether something later proves that it should not.
//!
//! Pure state over windows of bytes: `recovery.rs`, `survey.rs` and `verify.rs` load the windows, and recovery decides what an end means. Single records are read
//! back in `journal.rs`. The rules are `FORMAT.md`, "Reading it back".

use crate::block::{
    BLOCK_BYTES, BLOCK_BYTES_U32, BadHeader, ChecksumKey, FlushHeader, FlushKind, HEADER_BYTES, chain_next,
    first_nonzero,
};
use crate::liveness::Segment;
use crate::position::{Location, SegmentId};
use crate::record::{self, BadRecord, SealedRecord};
use crate::state::BATCH_BYTES_MAX;

/// What is wrong at some offset of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where in the segment file, in bytes.
    pub offset: u32,
    /// What is wrong there.
    pub kind: DamageKind,
}

/// The ways in which bytes can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// This is not a segment file: too short, or without our header.
    NoSegment,
    /// The header of a segment does not pass; both checksums.
    SegmentChecksum {
        /// Computed from the bytes.
        expected: u64,
        /// Stated by the bytes.
        found: u64,
    },
    /// No flush begins here: zeros, or bytes of an earlier use of the file.
    NoFlush,
    /// The header of a flush does not pass; both checksums.
    FlushChecksum {
        /// Computed from the bytes.
        expected: u64,
        /// Stated by the bytes.
        found: u64,
    },
    /// A flush of another use of this file.
    Epoch {
        /// The segment's.
        expected: u64,
        /// The flush's.
        found: u64,
    },
    /// A flush that is not the next one.
    Sequence {
        /// The next one.
        expected: u64,
        /// The flush's.
        found: u64,
    },
    /// A flush of an unknown kind: written by another version.
    FlushKind(u16),
    /// A flush whose length, counts, chain or replay start cannot be.
    FlushShape,
    /// A record does not pass; both checksums.
    RecordChecksum {
        /// Computed from the bytes.
        expected: u64,
        /// Stated by the bytes.
        found: u64,
    },
    /// A record's length is more than there is room for.
    RecordLength {
        /// Stated by the bytes.
        found: u32,
    },
    /// A sound record of another length than its location says.
    OtherLength {
        /// By the location.
        expected: u32,
        /// Stated by the bytes.
        found: u32,
    },
    /// The file ends before the record begins.
    PastFile {
        /// Bytes of the file.
        file_bytes: u32,
    },
    /// A record of an unknown kind: written by another version.
    RecordKind(u8),
    /// A number in a record's header is cut off, too large, or longer than it needs to be.
    RecordHeader,
    /// A byte that has to be zero is not.
    Padding,
    /// A flush reaches past the end that the next segment's header names.
    PastEnd {
        /// That end.
        expected: u32,
    },
}

impl std::fmt::Display for Damage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "offset {}: ", self.offset)?;
        match self.kind {
            DamageKind::NoSegment => write!(formatter, "expected the header of a segment, found none"),
            DamageKind::SegmentChecksum { expected, found } => {
                write!(formatter, "segment header: expected checksum {expected:016x}, found {found:016x}")
            }
            DamageKind::NoFlush => write!(formatter, "expected a flush, found none"),
            DamageKind::FlushChecksum { expected, found } => {
                write!(formatter, "flush header: expected checksum {expected:016x}, found {found:016x}")
            }
            DamageKind::Epoch { expected, found } => {
                write!(formatter, "expected a flush of epoch {expected:016x}, found {found:016x}")
            }
            DamageKind::Sequence { expected, found } => {
                write!(formatter, "expected flush {expected}, found flush {found}")
            }
            DamageKind::FlushKind(found) => {
                write!(formatter, "flush: kind {found} is unknown; use the program that wrote it")
            }
            DamageKind::FlushShape => write!(formatter, "the flush's header does not fit its records, or its place"),
            DamageKind::RecordChecksum { expected, found } => {
                write!(formatter, "record: expected checksum {expected:016x}, found {found:016x}")
            }
            DamageKind::RecordLength { found } => {
                write!(formatter, "record: length {found} is more than there is room for")
            }
            DamageKind::OtherLength { expected, found } => {
                write!(formatter, "expected a record of {expected} bytes, found one of {found}")
            }
            DamageKind::PastFile { file_bytes } => {
                write!(formatter, "expected a record, but the file ends after {file_bytes} bytes")
            }
            DamageKind::RecordKind(found) => {
                write!(formatter, "record: kind {found} is unknown; use the program that wrote it")
            }
            DamageKind::RecordHeader => {
                write!(formatter, "record: a number in its header is cut off, too large, or longer than it needs to be")
            }
            DamageKind::Padding => write!(formatter, "expected a zero byte"),
            DamageKind::PastEnd { expected } => {
                write!(formatter, "expected the segment to end at offset {expected}, found a flush that goes on")
            }
        }
    }
}

impl From<BadRecord> for DamageKind {
    fn from(bad: BadRecord) -> DamageKind {
        match bad {
            BadRecord::Header => DamageKind::RecordHeader,
            BadRecord::Length { found } => DamageKind::RecordLength { found },
            BadRecord::Checksum { expected, found } => DamageKind::RecordChecksum { expected, found },
            BadRecord::Kind(kind) => DamageKind::RecordKind(kind),
        }
    }
}

/// A flush that passed every check.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flush<'w> {
    pub(crate) header: FlushHeader,
    /// Where the first record lies in the segment.
    records_offset: u32,
    /// The records, one directly behind the other.
    records: &'w [u8],
    segment: SegmentId,
}

impl<'w> Flush<'w> {
    /// Calls `visit` with each record, in order, until it refuses.
    pub(crate) fn visit<E>(&self, mut visit: impl FnMut(SealedRecord<'w>, Location) -> Result<(), E>) -> Result<(), E> {
        let mut at = 0;
        while at < self.records.len() {
            let offset = self.records_offset + u32::try_from(at).expect("a flush is shorter than 4 GiB");
            let record = record::decode_checked(&self.records[at..]);
            visit(record, Location { segment: self.segment, offset, len: record.payload_bytes() })?;
            at += record.encoded_bytes();
        }
        Ok(())
    }
}

/// Where the walk over one segment stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk {
    pub(crate) journal_id: u64,
    pub(crate) epoch: u64,
    pub(crate) segment: SegmentId,
    /// Where the next flush begins, in bytes.
    pub(crate) offset: u32,
    /// Where the segment ends: as the next header names it, or the end of the file.
    pub(crate) end: u32,
    /// The sequence that the next flush has.
    pub(crate) sequence: u64,
}

impl Walk {
    /// At the beginning of a segment, of all that is durable in it.
    pub(crate) fn begin(journal_id: u64, segment: &Segment) -> Walk {
        Walk {
            journal_id,
            epoch: segment.epoch,
            segment: segment.id,
            offset: BLOCK_BYTES_U32,
            end: segment.durable_end,
            sequence: segment.first_sequence,
        }
    }

    /// How many bytes from the walk's offset on `step` needs; 0 when it will find nothing good, which it then says.
    pub(crate) fn needed_bytes(&self, window: &[u8]) -> usize {
        self.check_header(window).map_or(0, |header| header.block_count as usize * BLOCK_BYTES)
    }

    /// Looks at the flush at the walk's offset. `window` are the segment's bytes from there on, whole blocks, at least one and as
    /// many as `needed_bytes`.
    pub(crate) fn step<'w>(&mut self, window: &'w [u8]) -> Result<Flush<'w>, Damage> {
        assert!(self.offset < self.end, "the walk has ended");
        assert!(window.len() >= BLOCK_BYTES, "the window has no block");
        let header = self.check_header(window).map_err(|kind| Damage { offset: self.offset, kind })?;
        let flush_bytes = header.block_count as usize * BLOCK_BYTES;
        self.check_records(&header, &window[..flush_bytes])?;
        let records_offset = self.offset + u32::try_from(HEADER_BYTES).expect("64 fits");
        let records = &window[HEADER_BYTES..HEADER_BYTES + header.records_bytes as usize];
        self.offset += header.block_count * BLOCK_BYTES_U32;
        self.sequence += 1;
        Ok(Flush { header, records_offset, records, segment: self.segment })
    }

    fn check_header(&self, window: &[u8]) -> Result<FlushHeader, DamageKind> {
        let header = FlushHeader::decode(window, self.journal_id, self.offset).map_err(|bad| match bad {
            BadHeader::Checksum { expected, found } => DamageKind::FlushChecksum { expected, found },
            BadHeader::FlushKind { found, epoch } if epoch == self.epoch => DamageKind::FlushKind(found),
            BadHeader::FlushKind { epoch, .. } => DamageKind::Epoch { expected: self.epoch, found: epoch },
            BadHeader::NotOurs | BadHeader::Version(_) | BadHeader::Padding { .. } => DamageKind::NoFlush,
        })?;
        if header.epoch != self.epoch {
            return Err(DamageKind::Epoch { expected: self.epoch, found: header.epoch });
        }
        if header.sequence != self.sequence {
            return Err(DamageKind::Sequence { expected: self.sequence, found: header.sequence });
        }
        let flush_bytes = u64::from(header.block_count) * u64::from(BLOCK_BYTES_U32);
        let used_bytes = HEADER_BYTES as u64 + u64::from(header.records_bytes);
        let is_empty = header.records_bytes == 0 && header.record_count == 0 && header.block_count == 1;
        let is_possible = (1..=BATCH_BYTES_MAX as u64).contains(&flush_bytes)
            && used_bytes <= flush_bytes
            && header.replay_start <= self.segment
            && header.sequence < u64::MAX;
        if !is_possible || (header.kind != FlushKind::Records && !is_empty) {
            return Err(DamageKind::FlushShape);
        }
        if flush_bytes > u64::from(self.end - self.offset) {
            return Err(DamageKind::PastEnd { expected: self.end });
        }
        Ok(header)
    }

    fn check_records(&self, header: &FlushHeader, flush: &[u8]) -> Result<(), Damage> {
        let key = ChecksumKey::new(self.journal_id, self.epoch);
        let place = |at: usize| self.offset + u32::try_from(at).expect("a flush is shorter than 4 GiB");
        let records_end = HEADER_BYTES + header.records_bytes as usize;
        let (mut at, mut count, mut chain) = (HEADER_BYTES, 0_u32, 0_u64);
        while at < records_end {
            let record = record::decode(key, place(at), &flush[at..records_end])
                .map_err(|bad| Damage { offset: place(at), kind: bad.into() })?;
            at += record.encoded_bytes();
            count += 1;
            chain = chain_next(chain, record.checksum);
        }
        if count != header.record_count || chain != header.chain {
            return Err(Damage { offset: self.offset, kind: DamageKind::FlushShape });
        }
        match first_nonzero(&flush[records_end..]) {
            Some(at) => Err(Damage { offset: place(records_end + at), kind: DamageKind::Padding }),
            None => Ok(()),
        }
    }
}

/// Looks in `window`, whole blocks from `offset` of a file, for a flush header that passes its own checksum and has a sequence above `known`.
/// Given an epoch, only flushes of that one count. Gives its offset and sequence.
pub(crate) fn find_later_flush(
    (journal_id, epoch): (u64, Option<u64>),
    known: u64,
    offset: u32,
    window: &[u8],
) -> Option<(u32, u64)> {
    let offsets = (offset..).step_by(BLOCK_BYTES);
    window.chunks_exact(BLOCK_BYTES).zip(offsets).find_map(|(block, offset)| {
        let header = FlushHeader::decode(block, journal_id, offset).ok()?;
        let is_proof = header.sequence > known && epoch.is_none_or(|epoch| epoch == header.epoch);
        is_proof.then_some((offset, header.sequence))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::put;
    use crate::coding::Stored;
    use crate::position::{GroupId, LogIndex, Term};
    use crate::record::{Record, RecordKind, encoded_bytes_max};
    use crate::test_keys::keys_of;
    use security::KeyPlace;

    const EPOCH: u64 = 3;
    const JOURNAL: u64 = 8;

    /// A flush at block 1 with these payloads.
    fn flush(sequence: u64, payloads: &[Vec<u8>]) -> Vec<u8> {
        let key = ChecksumKey::new(JOURNAL, EPOCH);
        let place = KeyPlace { journal_id: JOURNAL, epoch: EPOCH, opening: sequence, segment: 1 };
        let mut keys = keys_of(1);
        let mut bytes = vec![0; HEADER_BYTES];
        let mut chain = 0;
        for payload in payloads {
            let at = bytes.len();
            let offset = u32::try_from(BLOCK_BYTES + at).unwrap();
            bytes.resize(at + encoded_bytes_max(payload.len()), 0);
            let (group, term, index) = (GroupId(1), Term(sequence), LogIndex(5));
            let record = Record { kind: RecordKind::Entry, group, term, index, payload };
            let sealing = keys.sealing(1, place).unwrap();
            let (length, checksum) = record.encode(Stored::plain(payload), (key, sealing), offset, &mut bytes[at..]);
            bytes.truncate(at + length);
            chain = chain_next(chain, checksum);
        }
        let header = FlushHeader {
            block_count: u32::try_from(bytes.len().div_ceil(BLOCK_BYTES)).unwrap(),
            epoch: EPOCH,
            sequence,
            records_bytes: u32::try_from(bytes.len() - HEADER_BYTES).unwrap(),
            record_count: u32::try_from(payloads.len()).unwrap(),
            chain,
            replay_start: SegmentId(1),
            kind: FlushKind::Records,
        };
        bytes.resize(bytes.len().next_multiple_of(BLOCK_BYTES), 0);
        header.encode(key, BLOCK_BYTES_U32, &mut bytes);
        bytes
    }

    fn step(sequence: u64, bytes: &[u8]) -> Result<usize, DamageKind> {
        let end = u32::try_from(BLOCK_BYTES + bytes.len()).unwrap();
        let (journal_id, epoch, segment, offset) = (JOURNAL, EPOCH, SegmentId(1), BLOCK_BYTES_U32);
        let mut walk = Walk { journal_id, epoch, segment, offset, end, sequence };
        assert!(walk.needed_bytes(bytes) <= bytes.len());
        match walk.step(bytes) {
            Ok(flush) => {
                assert_eq!((walk.offset, walk.sequence), (end, sequence + 1));
                let mut count = 0;
                flush
                    .visit(|_, _| {
                        count += 1;
                        Ok::<(), ()>(())
                    })
                    .unwrap();
                Ok(count)
            }
            Err(damage) => Err(damage.kind),
        }
    }

    #[test]
    fn a_mixture_of_two_good_flushes_is_not_a_flush() {
        // The same shape at the same place: each record of the one passes for itself in the other. The first one, with its header of 15 bytes
        // and its tag, ends with the block.
        let payloads = |byte: u8| vec![vec![byte; BLOCK_BYTES - HEADER_BYTES - 31], vec![byte; 100], vec![byte; 50]];
        let (earlier, later) = (flush(7, &payloads(1)), flush(8, &payloads(2)));
        assert_eq!(step(7, &earlier), Ok(3));
        assert_eq!(step(8, &later), Ok(3));
        let mut mixed = later.clone();
        mixed[BLOCK_BYTES..].copy_from_slice(&earlier[BLOCK_BYTES..]);
        assert_eq!(step(8, &mixed), Err(DamageKind::FlushShape));
        assert_eq!(step(7, &later), Err(DamageKind::Sequence { expected: 7, found: 8 }));
    }

    #[test]
    fn any_bytes_behind_a_good_header_are_refused_without_a_panic() {
        let seed = 17;
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..300 {
            let mut bytes = flush(1, &[vec![1; 300], vec![2; 5000]]);
            let at = random.usize(HEADER_BYTES..bytes.len());
            let noise: Vec<u8> = (0..random.usize(1..64)).map(|_| random.u8(..)).collect();
            let end = bytes.len().min(at + noise.len());
            let before = bytes.clone();
            put(&mut bytes, at, &noise[..end - at]);
            assert!(bytes == before || step(1, &bytes).is_err());
        }
    }

    #[test]
    fn a_later_flush_is_found_wherever_it_lies_and_nothing_else_is() {
        let later = flush(9, &[vec![1; 10]]);
        assert_eq!(find_later_flush((JOURNAL, Some(EPOCH)), 8, BLOCK_BYTES_U32, &later), Some((4096, 9)));
        assert_eq!(find_later_flush((JOURNAL, None), 8, BLOCK_BYTES_U32, &later), Some((4096, 9)));
        assert_eq!(find_later_flush((JOURNAL, None), 9, BLOCK_BYTES_U32, &later), None);
        assert_eq!(find_later_flush((JOURNAL, Some(EPOCH + 1)), 8, BLOCK_BYTES_U32, &later), None);
        assert_eq!(find_later_flush((JOURNAL + 1, None), 8, BLOCK_BYTES_U32, &later), None);
        assert_eq!(find_later_flush((JOURNAL, None), 8, 0, &later), None);
    }
}
