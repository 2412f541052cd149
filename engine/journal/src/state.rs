//! The state of one core's journal between two events: what is being filled, what waits, what is durable.
//!
//! Synchronous and free of I/O: `append` and `release` change it, the tasks in `committer.rs` ask it what to do next and tell it
//! what was done. It also decides which segment a batch goes to. Deliberately not here: files that wait for their use (`spares.rs`), and reading back
//! (`journal.rs`, `recovery.rs`).

use crate::batch::{Batch, BatchPlace, Flush};
use crate::block::{ActiveHeader, BLOCK_BYTES, BLOCK_BYTES_U32, ChecksumKey, FlushKind, HEADER_BYTES};
use crate::block::{SegmentHeader, SegmentState};
use crate::coding::{Coding, Opener, Origin, SegmentCode, Stored};
use crate::error::AppendRefused;
use crate::liveness::{FlushesEnd, Liveness, RecordSum, Segment};
use crate::padding::{Paddings, Placement};
use crate::position::{GroupId, Location, Position, SegmentId};
use crate::record::{RECORD_PAYLOAD_BYTES_MAX, Record, RecordCopy, RecordKind, encoded_bytes_max};
use crate::spares::{RESERVE_COUNT, Spare, Spares};
use compression::{Code, Malformed};
use runtime::{Buffer, File, FileError};
use security::{GroupKeys, KeyPlace};
use std::collections::VecDeque;
use std::rc::Rc;

/// Batches that may be filled, waiting or on their way to the disk at one time: the bound on bytes that wait.
pub(crate) const BATCH_COUNT_MAX: usize = 4;
/// Bytes of one batch, headers included.
pub(crate) const BATCH_BYTES_MAX: usize = RECORD_PAYLOAD_BYTES_MAX + (128 << 10);
/// The smallest segment: a header, a few flushes, the last block.
pub(crate) const SEGMENT_BYTES_MIN: u64 = 16 * BLOCK_BYTES as u64;
const _: () = assert!(encoded_bytes_max(RECORD_PAYLOAD_BYTES_MAX) <= BATCH_BYTES_MAX - BLOCK_BYTES - HEADER_BYTES);

/// Share of the last segment on a full disk that removals leave free: one part in so many.
const REMOVAL_RESERVE_SHARE: u64 = 4;

/// What the committer does next.
pub(crate) enum CommitStep {
    Flush(Flush),
    Wait,
    Closed,
}

/// What the background task does next.
pub(crate) enum PrepareStep {
    /// Create a segment file with this number.
    Create(u32),
    /// Remove this file.
    Remove(File),
    /// Ask for [`State::retire_spares`] in a while.
    RetireLater,
    Wait,
    Closed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    Closing,
    Closed,
}

/// Invariants:
/// 1. Segments' `end` only grows, and every batch in `filled` lies below it; the one in `filling` begins at it.
/// 2. At most one flush is between `take_flush` and `handle_flushed`.
pub(crate) struct State {
    pub(crate) journal_id: u64,
    pub(crate) core: u16,
    /// Drawn by this process: a part of the key of all that it writes.
    opening: u64,
    pub(crate) opener: Opener,
    pub(crate) coding: Coding,
    /// Bytes of new segment files.
    segment_bytes: u64,
    pub(crate) liveness: Liveness,
    pub(crate) next_file_number: u32,
    pub(crate) next_sequence: u64,
    pub(crate) spares: Spares,
    /// As the last durable flush names it.
    durable_replay_start: SegmentId,
    /// Whether owners have said what they retain: before that nothing of the store is given back.
    is_store_settled: bool,
    filling: Option<Batch>,
    paddings: Paddings,
    filled: VecDeque<Flush>,
    buffers: Vec<Buffer>,
    buffers_made_count: usize,
    appended: Position,
    durable: Position,
    wants_mark: bool,
    /// Why the last segment that was to be prepared could not be; `None` once there is a spare again.
    pub(crate) unprepared: Option<FileError>,
    phase: Phase,
}

impl State {
    pub(crate) fn new((journal_id, core): (u64, u16), segment_bytes: u64, opening: u64, keys: GroupKeys) -> State {
        assert!(segment_bytes >= SEGMENT_BYTES_MIN);
        State {
            journal_id,
            core,
            opening,
            opener: Opener::new(keys),
            coding: Coding::default(),
            segment_bytes,
            liveness: Liveness::default(),
            next_file_number: 1,
            next_sequence: 1,
            spares: Spares::default(),
            durable_replay_start: SegmentId(1),
            is_store_settled: false,
            filling: None,
            paddings: Paddings::default(),
            filled: VecDeque::new(),
            buffers: Vec::new(),
            buffers_made_count: 0,
            appended: Position(0),
            durable: Position(0),
            wants_mark: true,
            unprepared: None,
            phase: Phase::Running,
        }
    }

    /// Compresses what comes by the code of the last segment, until there is a better one.
    pub(crate) fn go_on_with_code(&mut self) {
        if let Some(last) = self.liveness.log.back() {
            // One that does not open is of no use; what is compressed by it tells so when it is read.
            let code = self.opener.code(&last.origin).ok().flatten();
            self.coding.go_on_with(code);
        }
    }

    pub(crate) fn append(&mut self, record: &Record<'_>) -> Result<Location, AppendRefused> {
        assert_ne!(record.kind, RecordKind::Moved, "copies are appended as such");
        self.make_room(record.payload.len())?;
        let State { filling, coding, opener, .. } = self;
        let batch = filling.as_mut().expect("a batch was begun");
        let stored = coding.store(batch.code().as_deref(), record);
        let location = push(batch, record, stored, opener);
        self.note_appended(location)
    }

    /// The same of a copy, which most often stays compressed.
    pub(crate) fn append_copy(&mut self, copy: &RecordCopy) -> Result<Location, AppendRefused> {
        self.admit_copy(copy.group(), copy.room_bytes())?;
        self.make_room(copy.room_bytes())?;
        let State { filling, coding, opener, .. } = self;
        let batch = filling.as_mut().expect("a batch was begun");
        let stored = coding.store_copy(batch.code().as_deref(), copy).map_err(|Malformed| AppendRefused::Malformed)?;
        let location = push(batch, &copy.with_payload(&[]), stored, opener);
        self.note_appended(location)
    }

    /// What records are compressed by in the last segment.
    pub(crate) fn code(&self) -> Option<Rc<Code>> {
        self.liveness.last()?.origin.code.open()
    }

    /// Makes sure that the batch being filled takes a payload of so many bytes.
    fn make_room(&mut self, payload_bytes: usize) -> Result<(), AppendRefused> {
        // A small segment bounds a record too: it has to leave the header's block, its flush's header and the last block.
        let segment_room = self.segment_bytes.saturating_sub(3 * BLOCK_BYTES as u64);
        if payload_bytes > RECORD_PAYLOAD_BYTES_MAX || payload_bytes as u64 > segment_room {
            return Err(AppendRefused::TooLarge { payload_bytes });
        }
        if self.phase != Phase::Running {
            return Err(AppendRefused::Closed);
        }
        if !self.filling.as_ref().is_some_and(|batch| batch.has_room_for(payload_bytes)) {
            self.complete_filling();
            self.filling = Some(self.begin_batch(encoded_bytes_max(payload_bytes), BLOCK_BYTES)?);
        }
        Ok(())
    }

    fn note_appended(&mut self, location: Location) -> Result<Location, AppendRefused> {
        self.appended.0 += 1;
        self.liveness.add(location);
        Ok(location)
    }

    /// Copies are made beside all else: their group may be deleted meanwhile, and on a full disk what is left is not for them.
    fn admit_copy(&self, group: GroupId, payload_bytes: usize) -> Result<(), AppendRefused> {
        if !self.opener.keys.knows(group.0) {
            return Err(AppendRefused::NoKey);
        }
        let is_room_left = self.copies_room_bytes().is_none_or(|room| encoded_bytes_max(payload_bytes) as u64 <= room);
        if is_room_left { Ok(()) } else { Err(AppendRefused::NoSpace) }
    }

    /// Keeps a copy to fill up a flush with; `None` if enough are kept already.
    pub(crate) fn keep_as_padding(&mut self, copy: &RecordCopy) -> Option<Placement> {
        if self.phase == Phase::Running { self.paddings.keep(copy) } else { None }
    }

    /// Appends what is kept to fill up flushes with. `Err`: the rest is still kept.
    pub(crate) fn append_paddings(&mut self) -> Result<(), AppendRefused> {
        while let Some(padding) = self.paddings.take() {
            match self.append_copy(padding.copy()) {
                Err(refused @ (AppendRefused::Busy | AppendRefused::NoSpace)) => {
                    self.paddings.take_back(padding);
                    return Err(refused);
                }
                placed => padding.settle(placed),
            }
        }
        Ok(())
    }

    /// Adds of what is kept as much as leaves the least of the batch being filled empty.
    fn fill_up(&mut self) {
        let used_bytes = self.filling.as_ref().map_or(0, Batch::used_bytes);
        for _ in 0..self.paddings.best_count(used_bytes) {
            let Some(padding) = self.paddings.take() else { return };
            let payload_bytes = padding.copy().room_bytes();
            if !self.filling.as_ref().is_some_and(|batch| batch.has_room_for(payload_bytes)) {
                return self.paddings.take_back(padding);
            }
            let placed = self.append_copy(padding.copy());
            padding.settle(placed);
        }
    }

    /// Takes what is to be written next. The caller hands it back to `handle_flushed` before it asks again.
    pub(crate) fn take_flush(&mut self) -> CommitStep {
        if let Some(flush) = self.filled.pop_front() {
            return CommitStep::Flush(flush);
        }
        if self.complete_filling() {
            return CommitStep::Flush(self.filled.pop_front().expect("a batch was completed"));
        }
        if self.wants_mark
            && self.phase != Phase::Closed
            && let Ok(batch) = self.begin_batch(0, 0)
        {
            return CommitStep::Flush(self.complete(batch, FlushKind::Mark));
        }
        match self.phase {
            Phase::Running => CommitStep::Wait,
            Phase::Closed => CommitStep::Closed,
            Phase::Closing => {
                self.phase = Phase::Closed;
                match self.begin_batch(0, 0) {
                    Ok(batch) => CommitStep::Flush(self.complete(batch, FlushKind::Close)),
                    // A close only saves the next start a doubt: without a place for it the stop is still clean.
                    Err(_) => CommitStep::Closed,
                }
            }
        }
    }

    /// The flush is durable; its buffer is used again.
    pub(crate) fn handle_flushed(&mut self, flush: Flush) {
        let end = flush.offset + u32::try_from(flush.buffer.len()).expect("a batch is shorter than 4 GiB");
        // The segment may have died since: then its bytes are of no interest.
        if let Some(segment) = self.liveness.find_mut(flush.segment) {
            assert!(segment.durable_end <= flush.offset.max(BLOCK_BYTES_U32), "flushes are durable in order");
            segment.durable_end = end;
        }
        assert!(self.durable <= flush.position && flush.position <= self.appended);
        self.durable = flush.position;
        let mut buffer = flush.buffer;
        buffer.restore();
        self.buffers.push(buffer);
        for spare in self.spares.take_dead_before(flush.replay_start) {
            self.give_back(spare);
        }
        self.durable_replay_start = flush.replay_start;
        self.collect_dead(flush.segment);
    }

    /// Says that owners name records of a segment.
    pub(crate) fn retain(&mut self, segment: SegmentId, sum: RecordSum) {
        assert!(!self.is_store_settled, "retained after the store was settled: segment {segment}");
        self.liveness.retain(segment, sum);
    }

    /// Gives back what is before the log and not retained. `Err`: these are retained and not there.
    pub(crate) fn settle_store(&mut self) -> Result<(), Vec<SegmentId>> {
        if !self.liveness.missing.is_empty() {
            return Err(self.liveness.missing.iter().copied().collect());
        }
        self.is_store_settled = true;
        // The flush with which the log ended when it was opened names its beginning.
        self.durable_replay_start = self.durable_replay_start.max(self.liveness.replay_start());
        let ids: Vec<SegmentId> = self.liveness.store.keys().copied().collect();
        ids.into_iter().for_each(|id| self.collect_dead(id));
        Ok(())
    }

    /// Says that records of a segment are dead.
    pub(crate) fn release(&mut self, segment: SegmentId, sum: RecordSum) {
        self.liveness.release_sum(segment, sum);
        self.collect_dead(segment);
    }

    /// Lets the log begin with this segment.
    pub(crate) fn set_replay_start(&mut self, start: SegmentId) {
        assert!(self.is_store_settled, "the log is to begin with {start} before the store is settled");
        let earlier = self.liveness.replay_start();
        if start == earlier {
            return;
        }
        self.liveness.set_replay_start(start);
        (earlier.0..start.0).for_each(|id| self.collect_dead(SegmentId(id)));
    }

    /// Takes the segment out of the store if it is dead. It is used again once a durable flush says that the log begins behind it.
    fn collect_dead(&mut self, id: SegmentId) {
        if !self.is_store_settled {
            return;
        }
        if let Some(segment) = self.liveness.take_dead(id) {
            let spare = Spare::of_dead(segment, self.opening);
            if id < self.durable_replay_start {
                self.give_back(spare);
            } else {
                self.spares.add_dying(id, spare);
                self.wants_mark = true;
            }
        }
    }

    fn give_back(&mut self, spare: Spare) {
        if self.spares.give_back(spare, self.segment_bytes, self.liveness.segment_count()) {
            self.unprepared = None;
        }
    }

    pub(crate) fn next_preparation(&mut self) -> PrepareStep {
        if let Some(file) = self.spares.take_surplus() {
            return PrepareStep::Remove(file);
        }
        if self.phase != Phase::Running {
            return PrepareStep::Closed;
        }
        if self.spares.are_few() {
            let number = self.next_file_number;
            self.next_file_number += 1;
            return PrepareStep::Create(number);
        }
        if self.spares.wants_retirement(self.liveness.segment_count()) {
            self.spares.announce_retirement();
            return PrepareStep::RetireLater;
        }
        PrepareStep::Wait
    }

    /// Has spares removed that are too many and were so since it was decided.
    pub(crate) fn retire_spares(&mut self) {
        self.spares.retire(self.liveness.segment_count());
    }

    /// Has all spares removed that are too many: others need the space.
    pub(crate) fn give_space_back(&mut self) {
        self.spares.retire_now(self.liveness.segment_count());
    }

    pub(crate) fn handle_prepared(&mut self, spare: Spare) {
        self.unprepared = None;
        self.spares.add(spare);
    }

    /// Whether the background task has something to do: cheap enough to ask after each flush.
    pub(crate) fn wants_preparation(&self) -> bool {
        let segment_count = self.liveness.segment_count();
        self.spares.are_few() || self.spares.has_surplus() || self.spares.wants_retirement(segment_count)
    }

    pub(crate) fn wants_mark(&self) -> bool {
        self.wants_mark
    }

    pub(crate) fn begin_close(&mut self) {
        if self.phase == Phase::Running {
            self.phase = Phase::Closing;
            self.paddings.clear();
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.obstacle().is_some_and(|error| matches!(error, FileError::NoSpace { .. }))
    }

    pub(crate) fn is_failing(&self) -> bool {
        let is_of_another = |error| !matches!(error, &FileError::NoSpace { .. } | &FileError::TooManyOpenFiles { .. });
        self.obstacle().is_some_and(is_of_another)
    }

    pub(crate) fn is_out_of_files(&self) -> bool {
        self.obstacle().is_some_and(|error| matches!(error, FileError::TooManyOpenFiles { .. }))
    }

    /// Why there is no next segment but the reserve.
    fn obstacle(&self) -> Option<&FileError> {
        self.unprepared.as_ref().filter(|_| self.spares.count() <= RESERVE_COUNT)
    }

    /// Whether records that free space have room. Of the last segment that there can be a part is left for what the journal's owners need to go on: where the
    /// log of each begins, and which files there are.
    pub(crate) fn has_room_for_removals(&self) -> bool {
        self.obstacle().is_none() || self.spares.count() > 0 || self.last_room_bytes() >= self.reserve_bytes()
    }

    /// Bytes that copies may take while there is no next segment; `None`: there is one.
    pub(crate) fn copies_room_bytes(&self) -> Option<u64> {
        self.obstacle().map(|_| self.last_room_bytes().saturating_sub(self.reserve_bytes() * 3 / 2))
    }

    fn reserve_bytes(&self) -> u64 {
        self.segment_bytes / REMOVAL_RESERVE_SHARE
    }

    /// Bytes of the last segment behind what was appended; none if an earlier process began it.
    fn last_room_bytes(&self) -> u64 {
        let filling_bytes = self.filling.as_ref().map_or(0, Batch::flush_bytes) as u64;
        let last = self.liveness.last().filter(|last| !self.is_of_another_opening(last));
        let room = last.map_or(0, |last| last.file.len_bytes().saturating_sub(u64::from(last.end)));
        room.saturating_sub(filling_bytes)
    }

    /// Records go where no earlier opening has begun: then a segment's header tells who wrote all its records.
    fn is_of_another_opening(&self, segment: &Segment) -> bool {
        segment.origin.place.opening != self.opening
    }

    pub(crate) fn appended(&self) -> Position {
        self.appended
    }

    pub(crate) fn durable(&self) -> Position {
        self.durable
    }

    /// Bytes appended and not handed to the disk yet.
    pub(crate) fn waiting_bytes(&self) -> usize {
        let filling = self.filling.as_ref().map_or(0, Batch::flush_bytes);
        filling + self.filled.iter().map(|flush| flush.buffer.len()).sum::<usize>()
    }

    /// Moves the batch being filled to those that wait; false if there is nothing in it.
    fn complete_filling(&mut self) -> bool {
        self.fill_up();
        match self.filling.take() {
            Some(batch) => {
                // It was begun for a record, which may have been none.
                let kind = if batch.is_empty() { FlushKind::Mark } else { FlushKind::Records };
                let flush = self.complete(batch, kind);
                self.filled.push_back(flush);
                true
            }
            None => false,
        }
    }

    fn complete(&mut self, batch: Batch, kind: FlushKind) -> Flush {
        let flush = batch.finish(kind, self.liveness.replay_start(), self.appended);
        // Whatever its kind, it says where the log begins.
        self.wants_mark = false;
        let segment = self.liveness.find_mut(flush.segment).expect("a batch's segment is being written");
        segment.end = flush.offset + u32::try_from(flush.buffer.len()).expect("a batch is shorter than 4 GiB");
        flush
    }

    /// Begins a batch with room for `records_bytes`, in the current segment if `reserve_bytes` are left behind it, else in the next.
    fn begin_batch(&mut self, records_bytes: usize, reserve_bytes: usize) -> Result<Batch, AppendRefused> {
        assert!(self.filling.is_none(), "the batch before is complete");
        if self.buffers.is_empty() && self.buffers_made_count == BATCH_COUNT_MAX {
            return Err(AppendRefused::Busy);
        }
        let place = self.find_place(HEADER_BYTES + records_bytes, reserve_bytes).ok_or(AppendRefused::NoSpace)?;
        let buffer = self.buffers.pop().unwrap_or_else(|| {
            self.buffers_made_count += 1;
            Buffer::zeroed(BATCH_BYTES_MAX)
        });
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        Ok(Batch::begin(place, buffer, sequence))
    }

    fn key_place(&self, epoch: u64, segment: SegmentId) -> KeyPlace {
        KeyPlace { journal_id: self.journal_id, epoch, opening: self.opening, segment: segment.0 }
    }

    fn find_place(&mut self, needed_bytes: usize, reserve_bytes: usize) -> Option<BatchPlace> {
        let mut previous_end = 0;
        let mut id = SegmentId(1);
        if let Some(last) = self.liveness.last() {
            let file_bytes = usize::try_from(last.file.len_bytes()).expect("segments are shorter than 4 GiB");
            let room = file_bytes.saturating_sub(last.end as usize + reserve_bytes);
            let room = if self.is_of_another_opening(last) && reserve_bytes > 0 { 0 } else { room };
            if room >= needed_bytes.next_multiple_of(BLOCK_BYTES) {
                return Some(BatchPlace {
                    file: last.file.clone(),
                    segment: last.id,
                    key: last.key,
                    origin: last.origin.clone(),
                    offset: last.end,
                    room,
                    segment_header: None,
                });
            }
            previous_end = last.end;
            id = SegmentId(last.id.0.checked_add(1).expect("2^32 segments outlast any disk"));
        }
        let spare = self.spares.take()?;
        Some(self.begin_segment(spare, id, previous_end, reserve_bytes))
    }

    fn begin_segment(&mut self, spare: Spare, id: SegmentId, previous_end: u32, reserve_bytes: usize) -> BatchPlace {
        let Spare { file, file_number, epoch } = spare;
        let key = ChecksumKey::new(self.journal_id, epoch);
        let first_sequence = self.next_sequence;
        let key_place = self.key_place(epoch, id);
        let code = SegmentCode::begin(self.coding.begin_segment(), &self.opener.keys, key_place);
        let header = SegmentHeader {
            journal_id: self.journal_id,
            core: self.core,
            file_number,
            segment_bytes: file.len_bytes(),
            state: SegmentState::Active(ActiveHeader {
                epoch,
                segment: id,
                previous_end,
                first_sequence,
                opening: self.opening,
                code: code.sealed(),
            }),
        };
        let file_bytes = usize::try_from(file.len_bytes()).expect("segments are shorter than 4 GiB");
        let origin = Origin { place: key_place, code };
        let place = BatchPlace {
            file: file.clone(),
            segment: id,
            key,
            origin: origin.clone(),
            offset: 0,
            room: file_bytes - reserve_bytes,
            segment_header: Some(header),
        };
        let segment = Segment {
            id,
            file,
            file_number,
            epoch,
            key,
            first_sequence,
            end: 0,
            durable_end: 0,
            flushes_end: FlushesEnd::Durable,
            live_bytes: 0,
            superseded_bytes: 0,
            origin,
        };
        self.liveness.log.push_back(segment);
        place
    }
}

/// Adds a record to a batch that has room for it; its payload lies there as `stored`.
fn push(batch: &mut Batch, record: &Record<'_>, stored: Stored<'_>, opener: &mut Opener) -> Location {
    let sealing = opener.keys.sealing(record.group.0, batch.key_place());
    batch.push(record, stored, sealing.expect("a group has its keys before its first record"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::{GroupId, LogIndex, Term};
    use crate::record::RecordKind;
    use crate::test_keys::keys_of;
    use runtime::simulated::Machine;
    use std::path::Path;

    fn take(state: &mut State) -> Flush {
        match state.take_flush() {
            CommitStep::Flush(flush) => flush,
            CommitStep::Wait | CommitStep::Closed => panic!("there is something to flush"),
        }
    }

    fn record(payload: &[u8]) -> Record<'_> {
        let (group, term, index) = (GroupId(1), Term(1), LogIndex(1));
        Record { kind: RecordKind::Entry, group, term, index, payload }
    }

    #[test]
    fn a_dead_segment_waits_for_a_durable_flush_that_begins_the_log_behind_it() {
        let machine = Machine::new(1);
        let mut state = State::new((1, 0), SEGMENT_BYTES_MIN, 5, keys_of(1));
        state.settle_store().unwrap();
        for file_number in 1..=2 {
            let runtime = machine.runtime();
            let path = format!("/segment-{file_number}");
            let file = machine.run(runtime.create_file(Path::new(&path), SEGMENT_BYTES_MIN)).unwrap().unwrap();
            state.handle_prepared(Spare { file, file_number, epoch: u64::from(file_number) });
        }
        // The mark of a new journal, then a record that fills the segment, then one in the next.
        let mark = take(&mut state);
        state.handle_flushed(mark);
        let first = state.append(&record(&[1; 40_000])).unwrap();
        let flush = take(&mut state);
        state.handle_flushed(flush);
        state.append(&record(&[2; 20_000])).unwrap();
        let names_first = take(&mut state);
        assert_eq!(
            (first.segment, names_first.segment, names_first.replay_start),
            (SegmentId(1), SegmentId(2), SegmentId(1))
        );
        // It dies while a flush is on its way that still names it.
        state.release(first.segment, RecordSum::of_one(first.len));
        assert_eq!(state.liveness.usage().count(), 2, "what is visited at a start is not given back");
        state.set_replay_start(SegmentId(2));
        state.handle_flushed(names_first);
        assert_eq!((state.spares.count(), state.spares.dying_count()), (0, 1));
        assert_eq!(state.append(&record(&[3; 60_000])), Err(AppendRefused::TooLarge { payload_bytes: 60_000 }));
        assert_eq!(state.append(&record(&[3; 40_000])), Err(AppendRefused::NoSpace));
        let names_second = take(&mut state);
        assert_eq!(names_second.replay_start, SegmentId(2));
        state.handle_flushed(names_second);
        assert_eq!((state.spares.count(), state.spares.dying_count()), (1, 0));
        let spare = state.spares.take().unwrap();
        assert_ne!(spare.epoch, 1, "its next use has another epoch");
        state.spares.add(spare);
        assert_eq!(state.append(&record(&[3; 40_000])).unwrap().segment, SegmentId(3));
    }
}
