//! Which segments there are, oldest first, and how much in each is still live.
//!
//! One per journal, on its core. A segment whose records are all dead and that has none older before it can be given back; the owner of
//! records says when one is dead (`release`). Files and heads are in `state.rs`.

use crate::block::{BLOCK_BYTES_U32, ChecksumKey};
use crate::position::{Location, SegmentId};
use crate::record::encoded_bytes;
use runtime::File;
use security::KeyPlace;
use std::collections::VecDeque;

/// A segment of the log.
pub(crate) struct Segment {
    pub(crate) id: SegmentId,
    pub(crate) file: File,
    pub(crate) file_number: u32,
    pub(crate) epoch: u64,
    pub(crate) key: ChecksumKey,
    /// Behind the last flush that was begun, in bytes; while reading back, behind the last good one.
    pub(crate) end: u32,
    /// Behind the last durable flush, in bytes.
    pub(crate) durable_end: u32,
    /// Bytes of records that were not released.
    pub(crate) live_bytes: u64,
    /// Who wrote it, from which offset on: a part of its records' keys. By offset; most often one.
    pub(crate) openings: Vec<(u32, u64)>,
}

impl Segment {
    /// A flush of that opening begins at `offset`, behind all that were noted.
    pub(crate) fn note_opening(&mut self, offset: u32, opening: u64) {
        if self.openings.last().is_none_or(|(_, last)| *last != opening) {
            self.openings.push((offset, opening));
        }
    }

    /// What the key of the record at `offset` is derived from.
    pub(crate) fn key_place(&self, journal_id: u64, offset: u32) -> KeyPlace {
        let after = self.openings.partition_point(|(from, _)| *from <= offset);
        // Before the first flush there is no record: any key will do, for none opens what is there.
        let opening = after.checked_sub(1).map_or(0, |place| self.openings[place].1);
        KeyPlace { journal_id, epoch: self.epoch, opening, segment: self.id.0 }
    }
}

/// What there is to know of a segment's use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentUsage {
    /// Which one.
    pub segment: SegmentId,
    /// Bytes of records that are still live, their headers included.
    pub live_bytes: u64,
    /// Bytes used in the file, headers and padding included.
    pub used_bytes: u64,
}

/// The table of segments: consecutive ids, oldest first; the last one is being written.
#[derive(Default)]
pub struct Liveness {
    pub(crate) segments: VecDeque<Segment>,
}

impl Liveness {
    /// Says that the record at `location` is dead: nothing will ask for it again, and what made it dead is durable.
    pub fn release(&mut self, location: Location) {
        let Some(segment) = self.find_mut(location.segment) else {
            panic!("released a record of a segment that is gone: {location}");
        };
        let bytes = encoded_bytes(location.len as usize) as u64;
        assert!(segment.live_bytes >= bytes, "released more than there was: {location}");
        segment.live_bytes -= bytes;
    }

    pub(crate) fn add(&mut self, location: Location) {
        let segment = self.find_mut(location.segment).expect("records are added to segments that are there");
        segment.live_bytes += encoded_bytes(location.len as usize) as u64;
    }

    pub(crate) fn find(&self, id: SegmentId) -> Option<&Segment> {
        self.segments.get(self.place_of(id)?)
    }

    pub(crate) fn find_mut(&mut self, id: SegmentId) -> Option<&mut Segment> {
        let place = self.place_of(id)?;
        self.segments.get_mut(place)
    }

    pub(crate) fn last(&self) -> Option<&Segment> {
        self.segments.back()
    }

    /// The oldest id that is needed; the next one if there is none.
    pub(crate) fn oldest(&self) -> SegmentId {
        self.segments.front().map_or(SegmentId(1), |segment| segment.id)
    }

    /// Takes out the oldest segment if all of it is dead and it is no longer written.
    pub(crate) fn take_dead(&mut self) -> Option<Segment> {
        let oldest = self.segments.front()?;
        let is_dead = self.segments.len() > 1 && oldest.live_bytes == 0 && oldest.durable_end == oldest.end;
        if is_dead { self.segments.pop_front() } else { None }
    }

    /// Use of each segment, oldest first.
    pub fn usage(&self) -> impl Iterator<Item = SegmentUsage> + '_ {
        self.segments.iter().map(|segment| SegmentUsage {
            segment: segment.id,
            live_bytes: segment.live_bytes,
            used_bytes: u64::from(segment.end.max(BLOCK_BYTES_U32)),
        })
    }

    fn place_of(&self, id: SegmentId) -> Option<usize> {
        let first = self.segments.front()?.id;
        id.0.checked_sub(first.0).map(|place| place as usize)
    }
}
