//! Verifying a segment that is no longer written: all of it is read once, piece by piece, and held against what a walk and the keys say.
//!
//! ```text
//! header -> flush, its records opened -> flush -> ..   bad? told, and passed over: on to the next header that proves itself
//! ```
//!
//! Where a segment of the store ends is not always known (its end is in the header of the next one, which may be gone). There, bytes that are
//! no flush are its end, unless a later flush or a record that is known to be live shows that they are not. One a segment that is looked at,
//! owned by whoever looks (the engine's scrub). A segment that is given back meanwhile is at its end. Deliberately not here: when and how fast.

use crate::block::{BLOCK_BYTES, BLOCK_BYTES_U32, SegmentHeader, SegmentState};
use crate::coding::Origin;
use crate::error::{JournalError, Unopened};
use crate::journal::Shared;
use crate::liveness::{FlushesEnd, Segment};
use crate::position::{GroupId, Location};
use crate::record::{SealedRecord, stated_group};
use crate::recovery::header_damage;
use crate::walk::{Damage, DamageKind, Flush, Walk, find_later_flush};
use runtime::{File, FileError};
use security::NoKey;
use std::rc::Rc;

/// Bytes of one read at most: little enough that no flush waits long for its turn at the disk.
const READ_BYTES_MAX: u32 = 256 << 10;
/// Bytes of records that are opened before others have their turn.
const STEP_BYTES: usize = 64 << 10;

/// How far the verification of a segment has come.
pub struct Verification {
    shared: Rc<Shared>,
    file: File,
    file_number: u32,
    origin: Origin,
    walk: Walk,
    /// Up to here all has to be good; behind it bytes that are no flush may be the end.
    certain_end: u32,
    /// The segment's bytes from `base` on that were read and not judged yet.
    window: Vec<u8>,
    base: u32,
    /// Something is bad: the walk goes on at the next flush that proves itself.
    is_searching: bool,
    /// What is bad if such a flush is found, and the end if none is.
    doubt: Option<Finding>,
    is_at_end: bool,
}

/// Something that is wrong with a segment.
#[derive(Debug)]
pub struct Finding {
    /// What, and where.
    pub error: JournalError,
    /// Whose record it is, as far as it can be told.
    pub group: Option<GroupId>,
}

/// What one step has come to.
#[derive(Debug, Default)]
pub struct Verified {
    /// Bytes that were read.
    pub bytes: u64,
    /// What is wrong with what was judged, each thing once.
    pub findings: Vec<Finding>,
}

impl Verification {
    /// At the beginning of a segment that is no longer written. Some record that is live ends at `live_end`.
    pub(crate) fn new(shared: &Rc<Shared>, journal_id: u64, segment: &Segment, live_end: u32) -> Verification {
        let mut walk = Walk::begin(journal_id, segment);
        let certain_end = match segment.flushes_end {
            FlushesEnd::Durable => walk.end,
            FlushesEnd::At(end) => {
                walk.end = end.min(walk.end);
                walk.end
            }
            FlushesEnd::Unknown => live_end,
        };
        Verification {
            shared: Rc::clone(shared),
            file: segment.file.clone(),
            file_number: segment.file_number,
            origin: segment.origin.clone(),
            walk,
            certain_end,
            window: Vec::new(),
            base: 0,
            is_searching: false,
            doubt: None,
            is_at_end: false,
        }
    }

    /// Whether all of the segment was looked at.
    pub fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    /// Reads the next piece of the segment, one read of at most 256 KiB, and judges what is whole now.
    pub async fn step(&mut self) -> Verified {
        let mut verified = Verified::default();
        let read_from = self.base + to_u32(self.window.len());
        let read_bytes = (self.walk.end - read_from).min(READ_BYTES_MAX);
        if self.is_at_end || read_bytes == 0 {
            self.is_at_end = true;
            return verified;
        }
        let read = self.file.read_at(u64::from(read_from), read_bytes as usize).await;
        // Its file may have been used again meanwhile: then what was read is nobody's.
        if self.shared.state.borrow().liveness.find(self.walk.segment).is_none() {
            self.is_at_end = true;
            return verified;
        }
        match read {
            Ok(buffer) => {
                verified.bytes = u64::from(read_bytes);
                self.window.extend_from_slice(buffer.as_slice());
                self.judge(&mut verified.findings).await;
            }
            Err(error) => self.pass_over(read_from + read_bytes, error, &mut verified.findings),
        }
        if self.base + to_u32(self.window.len()) >= self.walk.end {
            // What is in doubt now was the end.
            self.is_at_end = true;
        }
        verified
    }

    /// What cannot be read is bad; the walk goes on behind it.
    fn pass_over(&mut self, next: u32, error: FileError, findings: &mut Vec<Finding>) {
        findings.push(Finding { error: JournalError::File(error), group: None });
        self.window.clear();
        self.base = next;
        self.is_searching = true;
    }

    /// Judges all flushes that are whole in the window.
    async fn judge(&mut self, findings: &mut Vec<Finding>) {
        if self.base == 0 && self.window.len() >= BLOCK_BYTES {
            findings.extend(self.check_header());
            self.forget_before(BLOCK_BYTES_U32);
        }
        while self.window.len() >= BLOCK_BYTES {
            if self.is_searching {
                self.search(findings);
                continue;
            }
            if self.window.len() < self.walk.needed_bytes(&self.window) {
                return;
            }
            let mut walk = self.walk;
            match walk.step(&self.window) {
                Ok(flush) => open_records(&self.shared, (&self.file, &self.origin), &flush, findings).await,
                Err(damage) => {
                    self.doubt_or_tell(damage, findings);
                    continue;
                }
            }
            self.walk = walk;
            self.forget_before(walk.offset);
        }
    }

    fn check_header(&self) -> Option<Finding> {
        let damage = match SegmentHeader::decode(&self.window[..BLOCK_BYTES], self.walk.journal_id) {
            Ok(header) => {
                let is_right = header.file_number == self.file_number
                    && matches!(header.state, SegmentState::Active(active) if active.segment == self.walk.segment
                        && active.epoch == self.walk.epoch && active.first_sequence == self.walk.sequence
                        && active.opening == self.origin.place.opening && active.code == self.origin.code.sealed());
                (!is_right).then_some(Damage { offset: 0, kind: DamageKind::NoSegment })
            }
            Err(bad) => Some(header_damage(bad)),
        };
        damage.map(|damage| self.finding(damage))
    }

    /// The flush at the walk's offset is bad, or the segment ends there.
    fn doubt_or_tell(&mut self, damage: Damage, findings: &mut Vec<Finding>) {
        let finding = self.finding(damage);
        if self.walk.offset < self.certain_end {
            findings.push(finding);
        } else {
            self.doubt = Some(finding);
        }
        self.is_searching = true;
        self.forget_before(self.walk.offset + BLOCK_BYTES_U32);
    }

    /// Looks in the window for the flush with which the walk can go on.
    fn search(&mut self, findings: &mut Vec<Finding>) {
        let known = (self.walk.journal_id, Some(self.walk.epoch));
        match find_later_flush(known, self.walk.sequence, self.base, &self.window) {
            Some((offset, sequence)) => {
                findings.extend(self.doubt.take());
                (self.walk.offset, self.walk.sequence) = (offset, sequence);
                self.is_searching = false;
                self.forget_before(offset);
            }
            None => self.forget_before(self.base + to_u32(self.window.len())),
        }
    }

    fn finding(&self, damage: Damage) -> Finding {
        let group = match damage.kind {
            // By its own words, which may be what is damaged: better than nothing for who has to look for it.
            DamageKind::RecordChecksum { .. } => {
                self.window.get((damage.offset - self.base) as usize..).and_then(stated_group)
            }
            _ => None,
        };
        let (path, segment) = (self.file.path().to_path_buf(), Some(self.walk.segment));
        Finding { error: JournalError::Rot { path, segment, damage, proven_by: None }, group }
    }

    fn forget_before(&mut self, offset: u32) {
        let count = ((offset - self.base) as usize).min(self.window.len());
        self.window.drain(..count);
        self.base += to_u32(count);
    }
}

/// Opens every record of a flush, but for those of deleted tables, whose keys are gone.
async fn open_records(
    shared: &Rc<Shared>,
    (file, origin): (&File, &Origin),
    flush: &Flush<'_>,
    findings: &mut Vec<Finding>,
) {
    let mut records = Vec::with_capacity(flush.header.record_count as usize);
    flush
        .visit(|sealed, location| {
            records.push((sealed, location));
            Ok::<(), std::convert::Infallible>(())
        })
        .expect("nothing is refused");
    let mut opened = Vec::new();
    let mut step_bytes = 0;
    for (sealed, location) in records {
        if let Err(reason) = open_record(shared, origin, (sealed, location), &mut opened) {
            let path = file.path().to_path_buf();
            let error = JournalError::Sealed { path, location, reason };
            findings.push(Finding { error, group: Some(sealed.group) });
        }
        step_bytes += opened.len();
        if step_bytes >= STEP_BYTES {
            step_bytes = 0;
            shared.runtime.yield_now().await;
        }
    }
}

fn open_record(
    shared: &Shared,
    origin: &Origin,
    (sealed, location): (SealedRecord<'_>, Location),
    opened: &mut Vec<u8>,
) -> Result<(), Unopened> {
    let mut state = shared.state.borrow_mut();
    match sealed.open((&mut state.opener, origin), location.offset, opened) {
        Ok(_) | Err(Unopened::NoKey(NoKey::Shredded)) => Ok(()),
        Err(reason) => Err(reason),
    }
}

fn to_u32(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a segment is shorter than 4 GiB")
}
