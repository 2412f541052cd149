//! Compression: which code a segment has, and what becomes of a payload by it.
//!
//! ```text
//! append          of some payloads the bytes are counted; each is compressed by the code of the segment that it goes to
//! a new segment   has the code of the one before it, or one made of what was counted, if that is shorter; sealed, it stands in the segment's header
//! open            the code of a record's segment is opened when it is first needed, and kept
//! copy            what goes to a segment with the same code stays compressed
//! ```
//!
//! So a segment needs nothing but its own header, and cleaning, recovery and inspection go on as without. Deliberately not here: the code itself
//! (`compression`).

use crate::block::SealedCode;
use crate::error::Unopened;
use crate::record::{RECORD_PAYLOAD_BYTES_MAX, Record, RecordCopy, RecordKind};
use crate::varint;
use compression::{CODE_BYTES, Code, Histogram, Malformed};
use security::{GroupKeys, KeyPlace};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

/// Shorter payloads stay as they are: their items lie in sorted files soon.
const COMPRESSED_BYTES_MIN: usize = 256;
/// So many bytes are counted before a code is made of them ...
const COUNTED_BYTES_MIN: u64 = 8 << 10;
/// ... of every payload until then, and then of one in so many: a prime, so that kinds of items which come by turns are all counted.
const COUNT_DISTANCE: u32 = 17;
/// Codes of earlier segments that are kept open: 17 KiB each. Most segments have the same.
const OPEN_CODE_COUNT_MAX: usize = 64;
/// A code that makes what was counted shorter than the present one does by less than one part in so many is not worth the tables.
const GAIN_SHARE: u64 = 64;
/// A code has to save one part in so many of what was counted.
const SAVING_SHARE: u64 = 16;

/// What lies in a record, sealed.
#[derive(Clone, Copy)]
pub(crate) struct Stored<'p> {
    pub(crate) bytes: &'p [u8],
    /// By the code of the record's segment.
    pub(crate) is_compressed: bool,
}

impl<'p> Stored<'p> {
    /// A payload as it is.
    pub(crate) fn plain(payload: &'p [u8]) -> Stored<'p> {
        Stored { bytes: payload, is_compressed: false }
    }
}

/// What compresses on the way to the disk. One a journal.
#[derive(Default)]
pub(crate) struct Coding {
    histogram: Histogram,
    /// Payloads until the next one whose bytes are counted.
    countdown: u32,
    current: Option<Rc<Code>>,
    /// Where payloads are compressed ...
    compressed: Vec<u8>,
    /// ... and those of copies decompressed before.
    plain: Vec<u8>,
}

impl Coding {
    /// Goes on with the code of an earlier segment.
    pub(crate) fn go_on_with(&mut self, code: Option<Rc<Code>>) {
        self.current = code;
    }

    /// What a record's payload lies as in a segment that has this code.
    pub(crate) fn store<'p>(&'p mut self, code: Option<&Code>, record: &Record<'p>) -> Stored<'p> {
        let is_entry = matches!(record.kind, RecordKind::Entry | RecordKind::CommittedEntry);
        if !is_entry || record.payload.len() < COMPRESSED_BYTES_MIN {
            return Stored::plain(record.payload);
        }
        self.count(record.payload);
        shorten(code, record.payload, &mut self.compressed)
    }

    /// What a copy's payload lies as there: as it lay, if that was by the same code. It was counted when it was new.
    pub(crate) fn store_copy<'p>(
        &'p mut self,
        code: Option<&Code>,
        copy: &'p RecordCopy,
    ) -> Result<Stored<'p>, Malformed> {
        Ok(match copy.stored() {
            (stored, Some(before)) if Some(before) == code => Stored { bytes: stored, is_compressed: true },
            (stored, Some(before)) => {
                Compressed::parse(stored)?.open(before, &mut self.plain)?;
                shorten(code, &self.plain, &mut self.compressed)
            }
            (stored, None) => shorten(code, stored, &mut self.compressed),
        })
    }

    /// The code of a segment that is begun now.
    pub(crate) fn begin_segment(&mut self) -> Option<Rc<Code>> {
        let counted = self.histogram.total();
        if counted >= COUNTED_BYTES_MIN {
            let (plain_bits, candidate) = (counted * 8, Code::of(&self.histogram));
            let present_bits = self.current.as_ref().map_or(plain_bits, |code| code.bits(&self.histogram));
            let bits = candidate.bits(&self.histogram);
            if bits + present_bits / GAIN_SHARE < present_bits {
                self.current = Some(Rc::new(candidate));
            }
            let bits = self.current.as_ref().map_or(plain_bits, |code| code.bits(&self.histogram));
            if bits + plain_bits / SAVING_SHARE > plain_bits {
                self.current = None;
            }
            // What comes has more weight than what was.
            self.histogram.halve();
        }
        self.current.clone()
    }

    fn count(&mut self, payload: &[u8]) {
        match self.countdown.checked_sub(1) {
            Some(left) => self.countdown = left,
            None => {
                self.histogram.add(payload);
                let is_enough = self.histogram.total() >= COUNTED_BYTES_MIN;
                self.countdown = if is_enough { COUNT_DISTANCE - 1 } else { 0 };
            }
        }
    }
}

/// The payload as it lies in a segment that has this code; `room` is where it is compressed.
fn shorten<'p>(code: Option<&Code>, payload: &'p [u8], room: &'p mut Vec<u8>) -> Stored<'p> {
    let code = code.filter(|_| payload.len() >= COMPRESSED_BYTES_MIN);
    match code.and_then(|code| Compressed::put(code, payload, room)) {
        Some(length) => Stored { bytes: &room[..length], is_compressed: true },
        None => Stored::plain(payload),
    }
}

/// A payload that is compressed: how long it was, and what has become of it.
pub(crate) struct Compressed<'p> {
    pub(crate) plain_bytes: usize,
    streams: &'p [u8],
}

impl<'p> Compressed<'p> {
    /// The parts of one as it lies.
    pub(crate) fn parse(mut stored: &'p [u8]) -> Result<Compressed<'p>, Malformed> {
        let plain_bytes = varint::take(&mut stored).and_then(|bytes| usize::try_from(bytes).ok());
        let plain_bytes = plain_bytes.filter(|bytes| *bytes <= RECORD_PAYLOAD_BYTES_MAX).ok_or(Malformed)?;
        Ok(Compressed { plain_bytes, streams: stored })
    }

    /// The payload, into `out`, which gets its length.
    pub(crate) fn open(&self, code: &Code, out: &mut Vec<u8>) -> Result<(), Malformed> {
        out.resize(self.plain_bytes, 0);
        code.decompress(self.streams, out)
    }

    /// Writes a payload as it is to lie into the beginning of `room`, which grows as far as it has to. The bytes that it takes; `None` if it is not
    /// worth it.
    fn put(code: &Code, payload: &[u8], room: &mut Vec<u8>) -> Option<usize> {
        let room_bytes = varint::bytes_max(usize::BITS) + Code::room_bytes(payload.len());
        if room.len() < room_bytes {
            room.resize(room_bytes, 0);
        }
        let streams_at = varint::put(room, 0, payload.len() as u64);
        Some(streams_at + code.compress(payload, &mut room[streams_at..])?)
    }
}

/// A segment's code: as its header holds it, and open if it was needed of late.
#[derive(Debug, Default)]
pub(crate) struct SegmentCode {
    sealed: Option<SealedCode>,
    open: RefCell<Weak<Code>>,
}

impl SegmentCode {
    /// As a header holds it.
    pub(crate) fn of_header(sealed: Option<SealedCode>) -> Rc<SegmentCode> {
        Rc::new(SegmentCode { sealed, open: RefCell::default() })
    }

    /// Of a segment that is begun at `place`: sealed, if it is to have one and there is a key for it.
    pub(crate) fn begin(code: Option<Rc<Code>>, keys: &GroupKeys, place: KeyPlace) -> Rc<SegmentCode> {
        let Some((code, (version, key))) = code.zip(keys.sealing_code(place)) else { return Rc::default() };
        let mut sealed = SealedCode { version, bytes: [0; SealedCode::BYTES] };
        key.seal(&code.encode(), &mut sealed.bytes);
        Rc::new(SegmentCode { sealed: Some(sealed), open: RefCell::new(Rc::downgrade(&code)) })
    }

    /// As a header holds it.
    pub(crate) fn sealed(&self) -> Option<SealedCode> {
        self.sealed
    }

    /// The code, if there is one and it is open. That of the segment being written is.
    pub(crate) fn open(&self) -> Option<Rc<Code>> {
        self.open.borrow().upgrade()
    }
}

/// Where a record comes from: what its key is derived from, and by what it is compressed.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) place: KeyPlace,
    pub(crate) code: Rc<SegmentCode>,
}

/// What opens records: their keys, which seal them too, and codes. One a journal.
pub(crate) struct Opener {
    /// Of the records' groups.
    pub(crate) keys: GroupKeys,
    /// Codes that are open, the one that was opened last behind the others.
    codes: VecDeque<Rc<Code>>,
    /// Where payloads lie between their key and their code.
    pub(crate) compressed: Vec<u8>,
}

impl Opener {
    pub(crate) fn new(keys: GroupKeys) -> Opener {
        Opener { keys, codes: VecDeque::new(), compressed: Vec::new() }
    }

    /// The code of a segment; `None` if it has none.
    pub(crate) fn code(&mut self, origin: &Origin) -> Result<Option<Rc<Code>>, Unopened> {
        let Some(SealedCode { version, bytes }) = &origin.code.sealed else { return Ok(None) };
        if let Some(code) = origin.code.open() {
            return Ok(Some(code));
        }
        let mut kept = [0; CODE_BYTES];
        let key = self.keys.opening_code(*version, origin.place)?;
        key.open(bytes, &mut kept).map_err(|_| Unopened::Code)?;
        let code = self.shared(Code::decode(&kept).ok_or(Unopened::Code)?);
        origin.code.open.replace(Rc::downgrade(&code));
        Ok(Some(code))
    }

    /// The same code as other segments have it, if any has.
    fn shared(&mut self, code: Code) -> Rc<Code> {
        if let Some(known) = self.codes.iter().find(|known| ***known == code) {
            return Rc::clone(known);
        }
        let code = Rc::new(code);
        self.codes.push_back(Rc::clone(&code));
        if self.codes.len() > OPEN_CODE_COUNT_MAX {
            self.codes.pop_front();
        }
        code
    }
}
