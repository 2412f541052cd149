//! A record: what owners append and what recovery hands back.
//!
//! On the way of a request this is the encoding of step "durable". Pure: bytes in, bytes out, by `FORMAT.md`. The journal does not look
//! into payloads: their meaning is their owner's. A payload is sealed on its way from its owner's memory into
//! the batch, and opened on its way out; checking what lies on the disk takes no key.

use crate::block::{ChecksumKey, first_nonzero, put, u16_at, u32_at, u64_at};
use crate::position::{GroupId, LogIndex, Term};
use security::{NotAuthentic, RecordKey, Sealing, TAG_BYTES};

/// Bytes before the payload.
pub(crate) const RECORD_HEADER_BYTES: usize = 40;
/// Records start at multiples of this.
const RECORD_ALIGN_BYTES: usize = 8;
/// The greatest payload, in bytes.
pub const RECORD_PAYLOAD_BYTES_MAX: usize = (1 << 20) - (8 << 10);

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RecordKind {
    /// An entry of a group's log; the payload is the Change, empty for an entry that only marks a new term.
    Entry = 1,
    /// The durable state of a group beside its entries: term, vote, members. The newest one counts.
    GroupState = 2,
    /// An entry that is committed once it is durable, because its group has one voter: recovery can apply it as it
    /// reads it.
    CommittedEntry = 3,
    /// All that the group's entries up to this index have made, in an encoding of the owner's. The newest one counts.
    Checkpoint = 4,
    /// A copy of an entry, applied before, that cleaning took out of its segment. It makes what the entry made unless its key has
    /// a newer change.
    Moved = 5,
}

/// One record, borrowing its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it holds.
    pub kind: RecordKind,
    /// The group it belongs to.
    pub group: GroupId,
    /// The entry's term (for a group state: the group's term).
    pub term: Term,
    /// The entry's index (for a group state: the last one that was applied; for a checkpoint: the last one that is in it).
    pub index: LogIndex,
    /// At most [`RECORD_PAYLOAD_BYTES_MAX`].
    pub payload: &'a [u8],
}

/// Why bytes are not the record they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadRecord {
    /// Its length reaches past the bytes there are.
    Length { found: u32 },
    /// Expected is computed from the bytes, found is what they state.
    Checksum { expected: u64, found: u64 },
    /// The checksum is right but the kind is unknown: written by a later version.
    Kind(u8),
    /// A byte behind the payload, at this distance from the record's start, is not zero.
    Padding { at: usize },
}

/// Bytes that a record with this payload takes, tag and padding included.
pub(crate) fn encoded_bytes(payload_bytes: usize) -> usize {
    (RECORD_HEADER_BYTES + payload_bytes + TAG_BYTES).next_multiple_of(RECORD_ALIGN_BYTES)
}

impl Record<'_> {
    /// Encodes into exactly [`encoded_bytes`] of `out`, which lie at `offset` of the segment; gives the checksum.
    pub(crate) fn encode(&self, key: ChecksumKey, sealing: Sealing<'_>, offset: u32, out: &mut [u8]) -> u64 {
        assert_eq!(out.len(), encoded_bytes(self.payload.len()));
        let end = RECORD_HEADER_BYTES + self.payload.len() + TAG_BYTES;
        let payload_bytes = u32::try_from(self.payload.len()).expect("the caller bounds the payload");
        put(out, 8, &payload_bytes.to_le_bytes());
        put(out, 12, &[self.kind as u8, 0]);
        put(out, 14, &sealing.version.to_le_bytes());
        put(out, 16, &self.group.0.to_le_bytes());
        put(out, 24, &self.term.0.to_le_bytes());
        put(out, 32, &self.index.0.to_le_bytes());
        let (header, sealed) = out[..end].split_at_mut(RECORD_HEADER_BYTES);
        sealing.key.seal(offset, &header[8..], self.payload, sealed);
        out[end..].fill(0);
        let checksum = key.checksum(offset, &out[8..end]);
        put(out, 0, &checksum.to_le_bytes());
        checksum
    }
}

/// A record as it lies on the disk: whole, but its payload sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SealedRecord<'a> {
    pub(crate) kind: RecordKind,
    /// The version of the data key that seals it.
    pub(crate) version: u16,
    pub(crate) group: GroupId,
    pub(crate) checksum: u64,
    /// Header, sealed payload, tag, padding.
    bytes: &'a [u8],
}

impl<'a> SealedRecord<'a> {
    /// Bytes that it takes.
    pub(crate) fn encoded_bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn payload_bytes(&self) -> u32 {
        u32_at(self.bytes, 8)
    }

    /// Opens the payload into `out`, which has its length. The record lies at `offset`.
    pub(crate) fn open<'o>(&self, key: &RecordKey, offset: u32, out: &'o mut [u8]) -> Result<Record<'o>, NotAuthentic> {
        let (header, sealed) = self.bytes.split_at(RECORD_HEADER_BYTES);
        key.open(offset, &header[8..], &sealed[..out.len() + TAG_BYTES], out)?;
        let (term, index) = (Term(u64_at(header, 24)), LogIndex(u64_at(header, 32)));
        Ok(Record { kind: self.kind, group: self.group, term, index, payload: out })
    }

    fn parse(kind: RecordKind, bytes: &'a [u8]) -> SealedRecord<'a> {
        let (group, version, checksum) = (GroupId(u64_at(bytes, 16)), u16_at(bytes, 14), u64_at(bytes, 0));
        let bytes = &bytes[..encoded_bytes(u32_at(bytes, 8) as usize)];
        SealedRecord { kind, version, group, checksum, bytes }
    }
}

/// Checks the record at the start of `bytes`, which lie at `offset` of the segment.
pub(crate) fn decode(key: ChecksumKey, offset: u32, bytes: &[u8]) -> Result<SealedRecord<'_>, BadRecord> {
    if bytes.len() < RECORD_HEADER_BYTES {
        return Err(BadRecord::Length { found: 0 });
    }
    let payload_bytes = u32_at(bytes, 8);
    let length = payload_bytes as usize;
    if length > RECORD_PAYLOAD_BYTES_MAX || encoded_bytes(length) > bytes.len() {
        return Err(BadRecord::Length { found: payload_bytes });
    }
    let end = RECORD_HEADER_BYTES + length + TAG_BYTES;
    let expected = key.checksum(offset, &bytes[8..end]);
    let found = u64_at(bytes, 0);
    if expected != found {
        return Err(BadRecord::Checksum { expected, found });
    }
    if let Some(at) = first_nonzero(&bytes[end..encoded_bytes(length)]) {
        return Err(BadRecord::Padding { at: end + at });
    }
    let kind = kind_of(bytes[12]).ok_or(BadRecord::Kind(bytes[12]))?;
    Ok(SealedRecord::parse(kind, bytes))
}

/// Reads a record again that `decode` has passed.
pub(crate) fn decode_checked(bytes: &[u8]) -> SealedRecord<'_> {
    SealedRecord::parse(kind_of(bytes[12]).expect("the record was checked"), bytes)
}

fn kind_of(byte: u8) -> Option<RecordKind> {
    match byte {
        1 => Some(RecordKind::Entry),
        2 => Some(RecordKind::GroupState),
        3 => Some(RecordKind::CommittedEntry),
        4 => Some(RecordKind::Checkpoint),
        5 => Some(RecordKind::Moved),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_keys::keys_of;
    use security::{GroupKeys, KeyPlace};

    const PLACE: KeyPlace = KeyPlace { journal_id: 1, epoch: 2, opening: 3, segment: 4 };

    fn check(record: Record<'_>) {
        let (key, mut keys) = (ChecksumKey::new(1, 2), keys_of(7));
        let mut bytes = vec![0xEE; encoded_bytes(record.payload.len())];
        let checksum = record.encode(key, keys.sealing(7, PLACE).unwrap(), 4160, &mut bytes);
        let sealed = decode(key, 4160, &bytes).unwrap();
        assert_eq!((sealed.checksum, sealed.encoded_bytes(), sealed.version), (checksum, bytes.len(), 1));
        assert!(record.payload.len() < 7 || !bytes.windows(7).any(|window| window == &record.payload[..7]));
        let mut out = vec![0; record.payload.len()];
        assert_eq!(sealed.open(keys.opening(7, 1, PLACE).unwrap(), 4160, &mut out), Ok(record));
        assert!(decode(key, 4168, &bytes).is_err(), "passes at another offset");
        assert!(decode(ChecksumKey::new(1, 3), 4160, &bytes).is_err(), "passes in another epoch");
        for len in 0..bytes.len() {
            assert!(decode(key, 4160, &bytes[..len]).is_err(), "truncation to {len} passes");
        }
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(key, 4160, &bytes).is_err(), "flip of bit {bit} passes");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn records_come_back_and_every_flip_truncation_or_move_is_refused() {
        let entry =
            Record { kind: RecordKind::Entry, group: GroupId(7), term: Term(2), index: LogIndex(99), payload: b"" };
        check(entry);
        for len in [1, 7, 8, 9, 100, 300] {
            let payload = vec![0x5A; len];
            check(Record { kind: RecordKind::GroupState, payload: &payload, ..entry });
        }
    }

    /// Whoever can write to the disk can compute checksums: the tag has to find what they let pass.
    #[test]
    fn a_record_that_was_changed_or_moved_under_a_right_checksum_does_not_open() {
        let (key, mut keys) = (ChecksumKey::new(1, 2), keys_of(7));
        let payload = [0x5A; 20];
        let (group, term, index) = (GroupId(7), Term(2), LogIndex(99));
        let record = Record { kind: RecordKind::Entry, group, term, index, payload: &payload };
        let mut bytes = vec![0; encoded_bytes(payload.len())];
        record.encode(key, keys.sealing(7, PLACE).unwrap(), 4160, &mut bytes);
        let end = RECORD_HEADER_BYTES + payload.len() + TAG_BYTES;
        let opens = |bytes: &mut [u8], keys: &mut GroupKeys, offset: u32| {
            let checksum = key.checksum(offset, &bytes[8..end]);
            put(bytes, 0, &checksum.to_le_bytes());
            let Ok(sealed) = decode(key, offset, bytes) else { return false };
            let mut out = vec![0; sealed.payload_bytes() as usize];
            let key = keys.opening(sealed.group.0, sealed.version, PLACE);
            key.is_ok_and(|key| sealed.open(key, offset, &mut out).is_ok())
        };
        assert!(opens(&mut bytes, &mut keys, 4160));
        assert!(!opens(&mut bytes, &mut keys, 4168), "opens at another offset");
        for bit in 8 * 8..end * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!opens(&mut bytes, &mut keys, 4160), "flip of bit {bit} passes");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(opens(&mut bytes, &mut keys, 4160));
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic() {
        let seed = 0x1234;
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..2000 {
            let bytes: Vec<u8> = (0..random.usize(0..200)).map(|_| random.u8(..)).collect();
            assert!(decode(ChecksumKey::new(5, 6), 4096, &bytes).is_err());
        }
    }
}
