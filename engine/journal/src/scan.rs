//! Reading one segment of the log again, flush by flush: for who looks for what is still live in it.
//!
//! Made by cleaning, one at a time, in the background class; each step is one flush. Every byte is checked as at a start: what is bad is rot,
//! for the segment is complete. Deliberately not here: what is live, and where it goes (the owners of records).

use crate::error::{JournalError, Unopened};
use crate::journal::Shared;
use crate::liveness::Segment;
use crate::position::{GroupId, Location, LogIndex, Term};
use crate::record::{Record, RecordKind};
use crate::recovery::Reader;
use crate::walk::{Flush, Walk};
use bytes::{Bytes, BytesMut};
use security::NoKey;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Bytes read at a time: little enough that a flush does not wait long for its turn at the disk.
const WINDOW_BYTES: usize = 1 << 20;

/// A segment that is being read.
pub struct Scan {
    shared: Rc<Shared>,
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
    pub(crate) fn new(shared: Rc<Shared>, journal_id: u64, segment: &Segment) -> Scan {
        Scan {
            shared,
            path: segment.file.path().to_path_buf(),
            reader: Reader::with_window(&segment.file, WINDOW_BYTES),
            walk: Walk::begin(journal_id, segment),
        }
    }

    /// The records of the next flush, in order, but for those of deleted tables, whose keys are gone; `None` at the end of the segment.
    ///
    /// # Errors
    /// If the file cannot be read, or does not hold what was written.
    pub async fn next(&mut self) -> Result<Option<Vec<ScannedRecord>>, JournalError> {
        let Scan { shared, path, reader, walk } = self;
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
        open_records(shared, &flush, path).map(Some)
    }
}

fn open_records(shared: &Shared, flush: &Flush<'_>, path: &Path) -> Result<Vec<ScannedRecord>, JournalError> {
    let mut state = shared.state.borrow_mut();
    let key_place = flush.key_place(state.journal_id);
    let mut payloads = BytesMut::new();
    let mut records = Vec::with_capacity(flush.header.record_count as usize);
    flush.visit(|sealed, location| {
        let unopened = |reason: Unopened| JournalError::Sealed { path: path.to_path_buf(), location, reason };
        let key = match state.keys.opening(sealed.group.0, sealed.version, key_place) {
            Ok(key) => key,
            Err(NoKey::Shredded) => return Ok(()),
            Err(reason) => return Err(unopened(reason.into())),
        };
        let from = payloads.len();
        payloads.resize(from + location.len as usize, 0);
        let opened =
            sealed.open(key, location.offset, &mut payloads[from..]).map_err(|error| unopened(error.into()))?;
        let Record { kind, group, term, index, .. } = opened;
        records.push(ScannedRecord { kind, group, term, index, payload: Bytes::new(), location });
        Ok(())
    })?;
    let mut payloads = payloads.freeze();
    for record in &mut records {
        record.payload = payloads.split_to(record.location.len as usize);
    }
    Ok(records)
}
