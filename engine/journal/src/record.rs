//! A record: what owners append and what recovery hands back.
//!
//! On the way of a request this is the encoding of step "durable". Pure: bytes in, bytes out, by `FORMAT.md`. The journal does not look
//! into payloads: their meaning is their owner's. A payload is compressed and sealed on its way from its owner's memory into
//! the batch, and opened on its way out; checking what lies on the disk takes no key.

use crate::block::{ChecksumKey, put, u64_at};
use crate::coding::{Compressed, Opener, Origin, Stored};
use crate::error::Unopened;
use crate::position::{GroupId, Location, LogIndex, Term};
use crate::varint;
use bytes::Bytes;
use compression::Code;
use security::{Sealing, TAG_BYTES};
use std::rc::Rc;

/// Bytes of the checksum, which is over all that follows it.
const CHECKSUM_BYTES: usize = 8;
const KIND_OFFSET: usize = CHECKSUM_BYTES;
const NUMBERS_OFFSET: usize = KIND_OFFSET + 1;
const PAYLOAD_BYTES_BITS: u32 = usize::BITS - RECORD_PAYLOAD_BYTES_MAX.leading_zeros();
/// The longest header: a length, a version, and three numbers of 64 bits.
const HEADER_BYTES_MAX: usize = NUMBERS_OFFSET
    + varint::bytes_max(PAYLOAD_BYTES_BITS)
    + varint::bytes_max(u16::BITS)
    + 3 * varint::bytes_max(u64::BITS);
/// What a record takes beside its payload where its numbers are ordinary: a length and a group of two bytes, a version and a term of one, an
/// index of four. Sums of records go by it; no record is more than 27 bytes away from it.
pub(crate) const ORDINARY_OVERHEAD_BYTES: usize = NUMBERS_OFFSET + 2 + 1 + 2 + 1 + 4 + TAG_BYTES;
/// Added to the kind where the payload is compressed.
const IS_COMPRESSED: u8 = 0x80;
/// The greatest payload, in bytes.
pub const RECORD_PAYLOAD_BYTES_MAX: usize = (2 << 20) + (128 << 10);

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
    /// A copy of an entry, applied before, that cleaning took out of its segment. Recovery does not apply it: it is live if what a checkpoint
    /// names names it.
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

/// A record that was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedRecord {
    /// What it holds.
    pub kind: RecordKind,
    /// Its group.
    pub group: GroupId,
    /// As of [`Record`].
    pub term: Term,
    /// As of [`Record`].
    pub index: LogIndex,
    /// Opened.
    pub payload: Bytes,
    /// Where it lies.
    pub location: Location,
}

impl OwnedRecord {
    /// The same, borrowing its payload.
    pub fn as_record(&self) -> Record<'_> {
        let &OwnedRecord { kind, group, term, index, .. } = self;
        Record { kind, group, term, index, payload: &self.payload }
    }
}

/// A record on its way to another segment: opened; its payload still compressed, if the other segment has the same code.
#[derive(Clone, Debug)]
pub struct RecordCopy {
    group: GroupId,
    term: Term,
    index: LogIndex,
    stored: Bytes,
    plain_bytes: usize,
    /// What it is compressed by.
    code: Option<Rc<Code>>,
}

impl RecordCopy {
    /// Its group.
    pub fn group(&self) -> GroupId {
        self.group
    }

    /// Its payload, compressed if there is a code.
    pub(crate) fn stored(&self) -> (&Bytes, Option<&Code>) {
        (&self.stored, self.code.as_deref())
    }

    /// Bytes of that.
    pub fn stored_bytes(&self) -> usize {
        self.stored.len()
    }

    /// Bytes that its payload may take, whatever the code of the segment that it goes to.
    pub(crate) fn room_bytes(&self) -> usize {
        self.plain_bytes.max(self.stored.len())
    }

    /// What is appended, with the payload given.
    pub(crate) fn with_payload<'p>(&self, payload: &'p [u8]) -> Record<'p> {
        Record { kind: RecordKind::Moved, group: self.group, term: self.term, index: self.index, payload }
    }
}

/// Why bytes are not the record they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadRecord {
    /// A number in its header is cut off, too large, or longer than it needs to be.
    Header,
    /// Its length reaches past the bytes there are.
    Length { found: u32 },
    /// Expected is computed from the bytes, found is what they state.
    Checksum { expected: u64, found: u64 },
    /// The checksum is right but the kind is unknown: written by another version.
    Kind(u8),
}

/// Bytes that a record with this payload takes at most, tag included.
pub(crate) const fn encoded_bytes_max(payload_bytes: usize) -> usize {
    HEADER_BYTES_MAX + payload_bytes + TAG_BYTES
}

impl Record<'_> {
    /// Encodes to the start of `out`, which lies at `offset` of the segment and has room for [`encoded_bytes_max`]; gives the bytes that
    /// it takes, and the checksum. Its payload lies there as `stored`.
    pub(crate) fn encode(
        &self,
        stored: Stored<'_>,
        (key, sealing): (ChecksumKey, Sealing<'_>),
        offset: u32,
        out: &mut [u8],
    ) -> (usize, u64) {
        let header_bytes = self.put_header(stored, sealing.version, out);
        let end = header_bytes + stored.bytes.len() + TAG_BYTES;
        let (header, sealed) = out[..end].split_at_mut(header_bytes);
        sealing.key.seal(offset, &header[CHECKSUM_BYTES..], stored.bytes, sealed);
        let checksum = key.checksum(offset, &out[CHECKSUM_BYTES..end]);
        put(out, 0, &checksum.to_le_bytes());
        (end, checksum)
    }

    /// Bytes that it takes if its payload takes so many and the version of its data key is of one byte.
    pub(crate) fn ordinary_bytes(&self, stored_bytes: usize) -> usize {
        let numbers = [stored_bytes as u64, 1, self.group.0, self.term.0, self.index.0];
        let header_bytes = NUMBERS_OFFSET + numbers.into_iter().map(varint::bytes_of).sum::<usize>();
        header_bytes + stored_bytes + TAG_BYTES
    }

    /// Writes the header but for the checksum; gives where it ends.
    fn put_header(&self, stored: Stored<'_>, version: u16, out: &mut [u8]) -> usize {
        out[KIND_OFFSET] = self.kind as u8 | if stored.is_compressed { IS_COMPRESSED } else { 0 };
        let mut at = NUMBERS_OFFSET;
        for number in [stored.bytes.len() as u64, u64::from(version), self.group.0, self.term.0, self.index.0] {
            at = varint::put(out, at, number);
        }
        at
    }
}

/// The numbers of a record's header.
#[derive(Clone, Copy)]
struct Header {
    payload_bytes: u32,
    version: u16,
    group: GroupId,
    term: Term,
    index: LogIndex,
    /// Where it ends and the payload begins.
    end: usize,
}

impl Header {
    /// Reads the header at the start of `bytes`; `None` if a number in it is cut off, too large, or longer than it needs to be.
    fn parse(bytes: &[u8]) -> Option<Header> {
        let mut rest = bytes.get(NUMBERS_OFFSET..)?;
        Some(Header {
            payload_bytes: u32::try_from(varint::take(&mut rest)?).ok()?,
            version: u16::try_from(varint::take(&mut rest)?).ok()?,
            group: GroupId(varint::take(&mut rest)?),
            term: Term(varint::take(&mut rest)?),
            index: LogIndex(varint::take(&mut rest)?),
            end: bytes.len() - rest.len(),
        })
    }

    /// Bytes of the whole record.
    fn encoded_bytes(&self) -> usize {
        self.end + self.payload_bytes as usize + TAG_BYTES
    }
}

/// A record as it lies on the disk: whole, but its payload sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SealedRecord<'a> {
    pub(crate) kind: RecordKind,
    is_compressed: bool,
    /// The version of the data key that seals it.
    pub(crate) version: u16,
    pub(crate) group: GroupId,
    term: Term,
    index: LogIndex,
    pub(crate) checksum: u64,
    /// Behind the checksum: what is bound to the payload.
    header: &'a [u8],
    /// The payload and the tag.
    sealed: &'a [u8],
}

impl<'a> SealedRecord<'a> {
    /// Bytes that it takes.
    pub(crate) fn encoded_bytes(&self) -> usize {
        CHECKSUM_BYTES + self.header.len() + self.sealed.len()
    }

    /// Bytes that its payload takes here.
    pub(crate) fn payload_bytes(&self) -> u32 {
        u32::try_from(self.sealed.len() - TAG_BYTES).expect("its header states it in 32 bits")
    }

    /// Opens the payload into `out`, which gets its length. The record lies at `offset` of the segment of that origin.
    pub(crate) fn open<'o>(
        &self,
        (opener, origin): (&mut Opener, &Origin),
        offset: u32,
        out: &'o mut Vec<u8>,
    ) -> Result<Record<'o>, Unopened> {
        if self.is_compressed {
            let mut stored = std::mem::take(&mut opener.compressed);
            let decompressed = self.unseal((opener, origin), offset, &mut stored).and_then(|()| {
                let code = opener.code(origin)?.ok_or(Unopened::Code)?;
                Ok(Compressed::parse(&stored)?.open(&code, out)?)
            });
            opener.compressed = stored;
            decompressed?;
        } else {
            self.unseal((opener, origin), offset, out)?;
        }
        Ok(Record { kind: self.kind, group: self.group, term: self.term, index: self.index, payload: out })
    }

    /// Opens it for whoever appends it elsewhere, where records are compressed by `next`: what is so already stays as it lies.
    pub(crate) fn open_copy(
        &self,
        (opener, origin): (&mut Opener, &Origin),
        offset: u32,
        next: Option<&Code>,
    ) -> Result<RecordCopy, Unopened> {
        let &SealedRecord { group, term, index, .. } = self;
        let mut stored = Vec::new();
        self.unseal((opener, origin), offset, &mut stored)?;
        if !self.is_compressed {
            let plain_bytes = stored.len();
            return Ok(RecordCopy { group, term, index, stored: Bytes::from(stored), plain_bytes, code: None });
        }
        let code = opener.code(origin)?.ok_or(Unopened::Code)?;
        let compressed = Compressed::parse(&stored)?;
        let plain_bytes = compressed.plain_bytes;
        if Some(&*code) == next {
            return Ok(RecordCopy { group, term, index, stored: Bytes::from(stored), plain_bytes, code: Some(code) });
        }
        let mut plain = Vec::new();
        compressed.open(&code, &mut plain)?;
        Ok(RecordCopy { group, term, index, stored: Bytes::from(plain), plain_bytes, code: None })
    }

    /// Opens the payload as it lies into `out`, which gets its length.
    fn unseal(&self, (opener, origin): (&mut Opener, &Origin), offset: u32, out: &mut Vec<u8>) -> Result<(), Unopened> {
        let key = opener.keys.opening(self.group.0, self.version, origin.place)?;
        out.resize(self.payload_bytes() as usize, 0);
        Ok(key.open(offset, self.header, self.sealed, out)?)
    }

    /// The same for whoever keeps it; it lies at `location`.
    pub(crate) fn open_owned(
        &self,
        source: (&mut Opener, &Origin),
        location: Location,
    ) -> Result<OwnedRecord, Unopened> {
        let mut payload = Vec::new();
        let Record { kind, group, term, index, .. } = self.open(source, location.offset, &mut payload)?;
        Ok(OwnedRecord { kind, group, term, index, payload: Bytes::from(payload), location })
    }

    /// The record at the start of `bytes`, which has this header and this kind.
    fn new(kind: RecordKind, header: Header, bytes: &'a [u8]) -> SealedRecord<'a> {
        let Header { version, group, term, index, end, .. } = header;
        let checksum = u64_at(bytes, 0);
        let (header, sealed) = bytes[CHECKSUM_BYTES..header.encoded_bytes()].split_at(end - CHECKSUM_BYTES);
        let is_compressed = header[0] & IS_COMPRESSED != 0;
        SealedRecord { kind, is_compressed, version, group, term, index, checksum, header, sealed }
    }
}

/// Checks the record at the start of `bytes`, which lie at `offset` of the segment and may go on behind it.
pub(crate) fn decode(key: ChecksumKey, offset: u32, bytes: &[u8]) -> Result<SealedRecord<'_>, BadRecord> {
    let header = Header::parse(bytes).ok_or(BadRecord::Header)?;
    if header.payload_bytes as usize > RECORD_PAYLOAD_BYTES_MAX || header.encoded_bytes() > bytes.len() {
        return Err(BadRecord::Length { found: header.payload_bytes });
    }
    let expected = key.checksum(offset, &bytes[CHECKSUM_BYTES..header.encoded_bytes()]);
    let found = u64_at(bytes, 0);
    if expected != found {
        return Err(BadRecord::Checksum { expected, found });
    }
    let kind = kind_of(bytes[KIND_OFFSET]).ok_or(BadRecord::Kind(bytes[KIND_OFFSET]))?;
    Ok(SealedRecord::new(kind, header, bytes))
}

/// Reads a record again that `decode` has passed.
pub(crate) fn decode_checked(bytes: &[u8]) -> SealedRecord<'_> {
    let checked = "the record was checked";
    SealedRecord::new(kind_of(bytes[KIND_OFFSET]).expect(checked), Header::parse(bytes).expect(checked), bytes)
}

/// Whose the record at the start of `bytes` is by its own words, damaged or not; `None` if it does not say.
pub(crate) fn stated_group(bytes: &[u8]) -> Option<GroupId> {
    Header::parse(bytes).map(|header| header.group)
}

fn kind_of(byte: u8) -> Option<RecordKind> {
    match byte & !IS_COMPRESSED {
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
    use crate::block::SealedCode;
    use crate::coding::{Coding, SegmentCode};
    use crate::test_keys::keys_of;
    use security::{KeyOwner, KeyPlace, NoKey};

    const PLACE: KeyPlace = KeyPlace { journal_id: 1, epoch: 2, opening: 3, segment: 4 };

    /// A segment without a code, or with one for texts of `a` and `b`.
    fn origin(opener: &Opener, has_code: bool) -> (Origin, Option<Rc<Code>>) {
        let mut coding = Coding::default();
        let text = b"ab".repeat(200);
        let record = Record { payload: &text, ..record(RecordKind::Entry, 1) };
        (0..1_000).for_each(|_| assert!(!coding.store(None, &record).is_compressed));
        let code = coding.begin_segment().filter(|_| has_code);
        (Origin { place: PLACE, code: SegmentCode::begin(code.clone(), &opener.keys, PLACE) }, code)
    }

    fn record(kind: RecordKind, group: u64) -> Record<'static> {
        Record { kind, group: GroupId(group), term: Term(2), index: LogIndex(99), payload: b"" }
    }

    /// The record as it lies at offset 4161 of that segment.
    fn encoded(record: &Record<'_>, key: ChecksumKey, (opener, origin): (&mut Opener, &Origin)) -> (Vec<u8>, u64) {
        let mut bytes = vec![0xEE; encoded_bytes_max(record.payload.len())];
        let sealing = opener.keys.sealing(record.group.0, PLACE).unwrap();
        let mut coding = Coding::default();
        let stored = coding.store(origin.code.open().as_deref(), record);
        let (length, checksum) = record.encode(stored, (key, sealing), 4161, &mut bytes);
        assert_eq!(length, record.ordinary_bytes(stored.bytes.len()));
        assert!(bytes[length..].iter().all(|byte| *byte == 0xEE), "writes past its end");
        bytes.truncate(length);
        (bytes, checksum)
    }

    /// It lies at 4161 as `stored_bytes` and so many beside.
    fn check(record: Record<'_>, has_code: bool, (stored_bytes, overhead_bytes): (usize, usize)) {
        let (key, mut opener) = (ChecksumKey::new(1, 2), Opener::new(keys_of(record.group.0)));
        let (origin, _code) = origin(&opener, has_code);
        let (mut bytes, checksum) = encoded(&record, key, (&mut opener, &origin));
        assert_eq!(bytes.len(), stored_bytes + overhead_bytes);
        let sealed = decode(key, 4161, &bytes).unwrap();
        assert_eq!((sealed.checksum, sealed.encoded_bytes(), sealed.version), (checksum, bytes.len(), 1));
        assert_eq!((sealed.payload_bytes() as usize, stated_group(&bytes)), (stored_bytes, Some(record.group)));
        assert_eq!(decode_checked(&bytes), sealed);
        assert_eq!(decode(key, 4161, &[&bytes[..], &[0x80; 40]].concat()), Ok(sealed), "with more behind it");
        assert!(record.payload.len() < 7 || !bytes.windows(7).any(|window| window == &record.payload[..7]));
        assert_eq!(sealed.open((&mut opener, &origin), 4161, &mut vec![1; 9]), Ok(record));
        for offset in [4160, 4162, 4169] {
            assert!(decode(key, offset, &bytes).is_err(), "passes at offset {offset}");
        }
        assert!(decode(ChecksumKey::new(1, 3), 4161, &bytes).is_err(), "passes in another epoch");
        for len in 0..bytes.len() {
            assert!(decode(key, 4161, &bytes[..len]).is_err(), "truncation to {len} passes");
        }
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(key, 4161, &bytes).is_err(), "flip of bit {bit} passes");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn records_come_back_and_every_flip_truncation_or_move_is_refused() {
        let entry = record(RecordKind::Entry, 7);
        check(entry, false, (0, 30));
        for (len, overhead_bytes) in [(1, 30), (7, 30), (8, 30), (127, 30), (128, 31), (300, 31)] {
            let payload = vec![0x5A; len];
            let state = Record { kind: RecordKind::GroupState, payload: &payload, ..entry };
            check(state, true, (len, overhead_bytes));
        }
        let ordinary = Record { group: GroupId(300), index: LogIndex(1 << 21), payload: &[0x5A; 1000], ..entry };
        check(ordinary, false, (1000, ORDINARY_OVERHEAD_BYTES));
        let greatest = Record { group: GroupId(1 << 63), term: Term(u64::MAX), index: LogIndex(u64::MAX), ..entry };
        check(Record { payload: &[0x5A; 1000], ..greatest }, false, (1000, 58));
    }

    #[test]
    fn long_entries_are_compressed_by_the_code_of_their_segment() {
        let text = b"abba".repeat(100);
        // A length, three sizes, and four hundred times a bit or two.
        for (kind, len, stored_bytes) in [
            (RecordKind::Entry, 255, 255),
            (RecordKind::Checkpoint, 256, 256),
            (RecordKind::CommittedEntry, 256, 8 + 4 * 12),
        ] {
            check(
                Record { payload: &text[..len], ..record(kind, 7) },
                true,
                (stored_bytes, if len < 128 || stored_bytes < 128 { 30 } else { 31 }),
            );
        }
    }

    /// Whoever can write to the disk can compute the header's checksum too.
    #[test]
    fn without_its_code_a_record_does_not_open() {
        let mut opener = Opener::new(keys_of(7));
        let (with_code, _code) = origin(&opener, true);
        let text = b"abba".repeat(100);
        let record = Record { payload: &text, ..record(RecordKind::Entry, 7) };
        let key = ChecksumKey::new(1, 2);
        let (bytes, _) = encoded(&record, key, (&mut opener, &with_code));
        let mut opens_with = |sealed: Option<SealedCode>, place: KeyPlace| {
            let origin = Origin { place: PLACE, code: SegmentCode::of_header(sealed) };
            let moved = Origin { place, code: SegmentCode::of_header(sealed) };
            opener.code(&moved).err().map_or(Ok(()), Err)?;
            decode(key, 4161, &bytes).unwrap().open((&mut opener, &origin), 4161, &mut Vec::new()).map(|_| ())
        };
        let mut code = with_code.code.sealed().unwrap();
        assert_eq!(opens_with(Some(code), PLACE), Ok(()));
        assert_eq!(opens_with(None, PLACE), Err(Unopened::Code));
        assert_eq!(opens_with(Some(code), KeyPlace { segment: 5, ..PLACE }), Err(Unopened::Code));
        let later = SealedCode { version: 2, ..code };
        let no_key = NoKey::Version { owner: KeyOwner::CATALOG, version: 2 };
        assert_eq!(opens_with(Some(later), PLACE), Err(Unopened::NoKey(no_key)));
        code.bytes[9] ^= 1;
        assert_eq!(opens_with(Some(code), PLACE), Err(Unopened::Code));
    }

    /// Whoever can write to the disk can compute checksums: the tag has to find what they let pass.
    #[test]
    fn a_record_that_was_changed_or_moved_under_a_right_checksum_does_not_open() {
        let (key, mut opener) = (ChecksumKey::new(1, 2), Opener::new(keys_of(7)));
        let (origin, _) = origin(&opener, false);
        let record = Record { payload: &[0x5A; 20], ..record(RecordKind::Entry, 7) };
        let (mut bytes, _) = encoded(&record, key, (&mut opener, &origin));
        let mut opens = |bytes: &mut [u8], offset: u32| {
            let checksum = key.checksum(offset, &bytes[CHECKSUM_BYTES..]);
            put(bytes, 0, &checksum.to_le_bytes());
            let Ok(sealed) = decode(key, offset, bytes) else { return false };
            sealed.open((&mut opener, &origin), offset, &mut Vec::new()).is_ok()
        };
        assert!(opens(&mut bytes, 4161));
        assert!(!opens(&mut bytes, 4162), "opens at another offset");
        for bit in CHECKSUM_BYTES * 8..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!opens(&mut bytes, 4161), "flip of bit {bit} passes");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(opens(&mut bytes, 4161));
    }

    #[test]
    fn a_header_that_is_no_header_is_refused_as_one() {
        let key = ChecksumKey::new(1, 2);
        let check = |numbers: &[u8], expected: BadRecord| {
            let bytes = [&[0; CHECKSUM_BYTES], &[1][..], numbers, &[0x11; 100]].concat();
            assert_eq!(decode(key, 4161, &bytes), Err(expected), "{numbers:?}");
        };
        // The length: overlong, of more than 32 bits, of more than there is.
        check(&[0x85, 0, 1, 1, 1, 1], BadRecord::Header);
        check(&[0x85, 0x80, 0x80, 0x80, 0x10, 1, 1, 1, 1], BadRecord::Header);
        check(&[0x85, 1, 1, 1, 1, 1], BadRecord::Length { found: 133 });
        check(&[0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 1, 1, 1, 1], BadRecord::Length { found: u32::MAX });
        // The version: of more than 16 bits. The index: of more than 64, or without an end.
        check(&[5, 0x80, 0x80, 4, 1, 1, 1], BadRecord::Header);
        check(&[&[5, 1, 1, 1][..], &[0xFF; 9], &[2]].concat(), BadRecord::Header);
        check(&[&[5, 1, 1, 1][..], &[0x80; 60]].concat(), BadRecord::Header);
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic() {
        let seed = 0x1234;
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for round in 0..4000 {
            let mut bytes: Vec<u8> = (0..random.usize(0..200)).map(|_| random.u8(..)).collect();
            if round % 2 == 0 {
                // Small numbers: a header that ends, most often.
                bytes.iter_mut().skip(KIND_OFFSET).take(8).for_each(|byte| *byte &= 0x7F);
            }
            assert!(decode(ChecksumKey::new(5, 6), 4096, &bytes).is_err());
            stated_group(&bytes);
        }
    }
}
