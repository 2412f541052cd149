//! Reading one segment of the log again, flush by flush: for who looks for what is still live in it.
//!
//! Made by cleaning, one at a time, in the background class; each step is one flush. Every byte is checked as at a start: what is bad is rot,
//! for the segment is complete. Deliberately not here: what is live, and where it goes (the owners of records).

use crate::error::JournalError;
use crate::liveness::Segment;
use crate::position::{GroupId, Location, LogIndex, Term};
use crate::record::{Record, RecordKind};
use crate::recovery::Reader;
use crate::walk::Walk;
use bytes::{Bytes, BytesMut};
use std::path::PathBuf;

/// Bytes read at a time: little enough that a flush does not wait long for its turn at the disk.
const WINDOW_BYTES: usize = 1 << 20;

/// A segment that is being read.
pub struct Scan {
    path: PathBuf,
    reader: Reader,
    walk: Walk,
}

/// A record that a scan has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannedRecord {
    /// What it holds.
    pub kind: RecordKind,
    /// Its group.
    pub group: GroupId,
    /// Of the entry.
    pub term: Term,
    /// Of the entry.
    pub index: LogIndex,
    /// Shares memory with the other records of its flush.
    pub payload: Bytes,
    /// Where it lies.
    pub location: Location,
}

impl ScannedRecord {
    /// The record, to be appended again as one of another kind.
    pub fn as_kind(&self, kind: RecordKind) -> Record<'_> {
        Record { kind, group: self.group, term: self.term, index: self.index, payload: &self.payload }
    }
}

impl Scan {
    /// From the beginning of a segment that is complete.
    pub(crate) fn new(journal_id: u64, segment: &Segment) -> Scan {
        Scan {
            path: segment.file.path().to_path_buf(),
            reader: Reader::with_window(&segment.file, WINDOW_BYTES),
            walk: Walk::begin(journal_id, segment),
        }
    }

    /// The records of the next flush, in order; `None` at the end of the segment.
    ///
    /// # Errors
    /// If the file cannot be read, or does not hold what was written.
    pub async fn next(&mut self) -> Result<Option<Vec<ScannedRecord>>, JournalError> {
        let Scan { path, reader, walk } = self;
        if walk.offset >= walk.end {
            return Ok(None);
        }
        let flush = match reader.step(walk).await? {
            Ok(flush) => flush,
            Err(damage) => {
                let (path, segment) = (path.clone(), Some(walk.segment));
                return Err(JournalError::Rot { path, segment, damage, proven_by: None });
            }
        };
        let mut payloads = BytesMut::new();
        let mut records = Vec::with_capacity(flush.header.record_count as usize);
        flush.visit(|record, location| {
            let Record { kind, group, term, index, payload } = record;
            payloads.extend_from_slice(payload);
            records.push(ScannedRecord { kind, group, term, index, payload: Bytes::new(), location });
            Ok::<(), JournalError>(())
        })?;
        let mut payloads = payloads.freeze();
        for record in &mut records {
            record.payload = payloads.split_to(record.location.len as usize);
        }
        Ok(Some(records))
    }
}
