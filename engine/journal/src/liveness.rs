//! Which segments there are, and how much in each is still live.
//!
//! One per journal, on its core. The log's segments are consecutive and are visited at a start; the store's are what is left of those before
//! the log, for their records are still read by location. The owners of records say when one is dead (`release`), and at a start how
//! many are live in the store (`retain`). Deliberately not here: which segment is written to (`state.rs`), and files without one (`spares.rs`).

use crate::block::{BLOCK_BYTES_U32, ChecksumKey};
use crate::coding::Origin;
use crate::position::{Location, SegmentId};
use crate::record::ORDINARY_OVERHEAD_BYTES;
use runtime::File;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Where the last flush of a segment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlushesEnd {
    /// At its `durable_end`.
    Durable,
    /// There, in bytes, as the header of the next segment says.
    At(u32),
    /// Not known: it was in the store when the journal was opened, and the next segment was not there.
    Unknown,
}

/// A segment of the log or the store.
pub(crate) struct Segment {
    pub(crate) id: SegmentId,
    pub(crate) file: File,
    pub(crate) file_number: u32,
    pub(crate) epoch: u64,
    pub(crate) key: ChecksumKey,
    /// Sequence of its first flush.
    pub(crate) first_sequence: u64,
    /// Behind the last flush that was begun, in bytes; while reading back, behind the last good one. Of a segment that was in the store
    /// when the journal was opened it is not known: then it is the file's length.
    pub(crate) end: u32,
    /// Behind the last durable flush, in bytes.
    pub(crate) durable_end: u32,
    /// What is known of its end beside that.
    pub(crate) flushes_end: FlushesEnd,
    /// Bytes of records that were not released, as a `RecordSum` has them.
    pub(crate) live_bytes: u64,
    /// Of these about so many will be released when their owners come to it.
    pub(crate) superseded_bytes: u64,
    /// Where its records come from.
    pub(crate) origin: Origin,
}

/// What there is to know of a segment's use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentUsage {
    /// Which one.
    pub segment: SegmentId,
    /// About the bytes of records that are still live, their headers included.
    pub live_bytes: u64,
    /// Of these, bytes of records that owners say are superseded and will be released: an estimate, which a start begins anew.
    pub superseded_bytes: u64,
    /// Bytes used in the file, headers and padding included.
    pub used_bytes: u64,
    /// Whether it is visited at a start: part of the log, not of the store.
    pub is_visited: bool,
}

/// Records of one segment, by their sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordSum {
    /// How many.
    pub count: u64,
    /// Bytes of their payloads as they lie in the segment.
    pub payload_bytes: u64,
}

impl RecordSum {
    /// One record, whose payload has so many bytes.
    pub fn of_one(payload_bytes: u32) -> RecordSum {
        RecordSum { count: 1, payload_bytes: u64::from(payload_bytes) }
    }

    /// About the bytes that they take in their segment: their headers are counted as those of ordinary numbers.
    pub fn encoded_bytes(self) -> u64 {
        self.count * ORDINARY_OVERHEAD_BYTES as u64 + self.payload_bytes
    }
}

/// The table of segments.
///
/// Invariants: 1. `log` has consecutive ids, oldest first; its last one is being written. 2. Every id in `store` is below those in `log`.
#[derive(Default)]
pub struct Liveness {
    pub(crate) log: VecDeque<Segment>,
    pub(crate) store: BTreeMap<SegmentId, Segment>,
    /// Retained, but not there.
    pub(crate) missing: BTreeSet<SegmentId>,
}

impl Liveness {
    /// Says that the record at `location` is dead: nothing will ask for it again, and what made it dead is durable.
    pub fn release(&mut self, location: Location) {
        self.release_sum(location.segment, RecordSum::of_one(location.len));
    }

    /// The same of several records of a segment.
    pub fn release_sum(&mut self, segment: SegmentId, sum: RecordSum) {
        let bytes = sum.encoded_bytes();
        let last = self.last().map(|last| last.id);
        match self.find_mut(segment) {
            Some(found) => {
                assert!(found.live_bytes >= bytes, "released more than there was: {sum:?} of segment {segment}");
                found.live_bytes -= bytes;
            }
            // All of it was released at once.
            None => assert!(last.is_some_and(|last| segment < last), "segment {segment} was never written"),
        }
    }

    /// Says that of what was noted so many records of a segment are about to be released.
    pub(crate) fn forget_superseded(&mut self, segment: SegmentId, sum: RecordSum) {
        if let Some(found) = self.find_mut(segment) {
            found.superseded_bytes = found.superseded_bytes.saturating_sub(sum.encoded_bytes());
        }
    }

    /// Says that the record at `location` is superseded: it will be released, later. Only for the choice of segments to empty.
    pub(crate) fn note_superseded(&mut self, location: Location) {
        if let Some(found) = self.find_mut(location.segment) {
            found.superseded_bytes += RecordSum::of_one(location.len).encoded_bytes();
        }
    }

    /// Says that owners name so many records of a segment by their locations, beside those that were visited and not released.
    pub(crate) fn retain(&mut self, segment: SegmentId, sum: RecordSum) {
        match self.find_mut(segment) {
            Some(found) => found.live_bytes += sum.encoded_bytes(),
            None => {
                self.missing.insert(segment);
            }
        }
    }

    pub(crate) fn add(&mut self, location: Location) {
        let segment = self.find_mut(location.segment).expect("records are added to segments that are there");
        segment.live_bytes += RecordSum::of_one(location.len).encoded_bytes();
    }

    pub(crate) fn find(&self, id: SegmentId) -> Option<&Segment> {
        match self.place_of(id) {
            Some(place) => self.log.get(place),
            None => self.store.get(&id),
        }
    }

    pub(crate) fn find_mut(&mut self, id: SegmentId) -> Option<&mut Segment> {
        match self.place_of(id) {
            Some(place) => self.log.get_mut(place),
            None => self.store.get_mut(&id),
        }
    }

    pub(crate) fn last(&self) -> Option<&Segment> {
        self.log.back()
    }

    /// The first segment of the log; the next one if there is none.
    pub(crate) fn replay_start(&self) -> SegmentId {
        self.log.front().map_or(SegmentId(1), |segment| segment.id)
    }

    /// Moves what is before `start` from the log to the store.
    pub(crate) fn set_replay_start(&mut self, start: SegmentId) {
        let last = self.last().map(|last| last.id);
        assert!(
            last.is_some_and(|last| start <= last),
            "the log begins with a segment that there is, not with {start}"
        );
        assert!(start >= self.replay_start(), "the replay start goes back to {start}");
        while self.log.front().is_some_and(|segment| segment.id < start) {
            let segment = self.log.pop_front().expect("there is one");
            self.store.insert(segment.id, segment);
        }
    }

    /// Segments of the log and the store.
    pub(crate) fn segment_count(&self) -> usize {
        self.log.len() + self.store.len()
    }

    /// Takes the segment out of the store if all of it is dead and it is no longer written.
    pub(crate) fn take_dead(&mut self, id: SegmentId) -> Option<Segment> {
        let segment = self.store.get(&id)?;
        let is_dead = segment.live_bytes == 0 && segment.durable_end == segment.end;
        if is_dead { self.store.remove(&id) } else { None }
    }

    /// Use of each segment: the store's and then the log's, each oldest first.
    pub fn usage(&self) -> impl Iterator<Item = SegmentUsage> + '_ {
        let usage = |segment: &Segment, is_visited| SegmentUsage {
            segment: segment.id,
            live_bytes: segment.live_bytes,
            superseded_bytes: segment.superseded_bytes.min(segment.live_bytes),
            used_bytes: u64::from(segment.end.max(BLOCK_BYTES_U32)),
            is_visited,
        };
        let store = self.store.values().map(move |segment| usage(segment, false));
        store.chain(self.log.iter().map(move |segment| usage(segment, true)))
    }

    /// Place in the log; `None` for what is before it.
    fn place_of(&self, id: SegmentId) -> Option<usize> {
        let first = self.log.front()?.id;
        id.0.checked_sub(first.0).map(|place| place as usize)
    }
}
