//! The part of a group's log that is in memory, as raft-rs reads it.
//!
//! One per group, inside raft's `RawNode`, on the group's core. It holds every entry that is not applied, and of the applied ones a bounded
//! tail for members that lag; a group with one voter keeps none. What is older is only in the journal.

use crate::state_record::LogPoint;
use journal::{Location, LogIndex, Term};
use raft::eraftpb::{ConfState, Entry, HardState, Snapshot};
use raft::{Error, GetEntriesContext, RaftState, Storage, StorageError};
use std::collections::VecDeque;

/// An entry and where it is in the journal: `None` until it is appended there.
#[derive(Clone, Debug)]
pub(crate) struct StoredEntry {
    pub(crate) entry: Entry,
    pub(crate) location: Option<Location>,
}

/// Invariant: entries' indices go up by one from `before.index + 1`.
#[derive(Default)]
pub(crate) struct LogTail {
    pub(crate) hard_state: HardState,
    pub(crate) conf_state: ConfState,
    /// The entry before the first one in memory.
    before: LogPoint,
    entries: VecDeque<StoredEntry>,
    /// Bytes of the entries' data.
    bytes: usize,
}

impl LogTail {
    pub(crate) fn last(&self) -> LogPoint {
        self.entries.back().map_or(self.before, |stored| point_of(&stored.entry))
    }

    /// Forgets everything and begins behind `point`.
    pub(crate) fn begin_after(&mut self, point: LogPoint) {
        self.entries.clear();
        self.bytes = 0;
        self.before = point;
    }

    /// Adds an entry at the end.
    pub(crate) fn push(&mut self, entry: Entry, location: Option<Location>) {
        assert_eq!(entry.index, self.last().index.0 + 1, "the log has no gaps");
        self.bytes += entry.data.len();
        self.entries.push_back(StoredEntry { entry, location });
    }

    /// Removes all entries from `index` on, newest first, and gives their locations to `dead`.
    pub(crate) fn truncate(&mut self, index: LogIndex, mut dead: impl FnMut(Location)) {
        assert!(index > self.before.index, "entry {index} is compacted");
        while self.entries.back().is_some_and(|stored| stored.entry.index >= index.0) {
            let stored = self.entries.pop_back().expect("there is one");
            self.bytes -= stored.entry.data.len();
            if let Some(location) = stored.location {
                dead(location);
            }
        }
    }

    /// Drops entries up to `index`, oldest first, as long as more than `bytes_kept` are in memory.
    pub(crate) fn compact(&mut self, index: LogIndex, bytes_kept: usize, count_kept: usize) {
        while (self.bytes > bytes_kept || self.entries.len() > count_kept)
            && self.entries.front().is_some_and(|stored| stored.entry.index <= index.0)
        {
            let stored = self.entries.pop_front().expect("there is one");
            self.bytes -= stored.entry.data.len();
            self.before = point_of(&stored.entry);
        }
    }

    pub(crate) fn find(&self, index: LogIndex) -> Option<&StoredEntry> {
        let place = index.0.checked_sub(self.before.index.0 + 1)?;
        self.entries.get(usize::try_from(place).ok()?)
    }

    pub(crate) fn set_location(&mut self, index: LogIndex, location: Location) {
        let place = usize::try_from(index.0 - self.before.index.0 - 1).expect("the log in memory is short");
        self.entries[place].location = Some(location);
    }
}

pub(crate) fn point_of(entry: &Entry) -> LogPoint {
    LogPoint { index: LogIndex(entry.index), term: Term(entry.term) }
}

impl Storage for LogTail {
    fn initial_state(&self) -> raft::Result<RaftState> {
        Ok(RaftState::new(self.hard_state.clone(), self.conf_state.clone()))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _context: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        let before = self.before.index.0;
        if low <= before {
            return Err(Error::Store(StorageError::Compacted));
        }
        if high > self.last().index.0 + 1 {
            return Err(Error::Store(StorageError::Unavailable));
        }
        let place = |index: u64| usize::try_from(index - before - 1).expect("the log in memory is short");
        let max_size = max_size.into().unwrap_or(u64::MAX);
        let mut size = 0_u64;
        let mut found = Vec::with_capacity(place(high) - place(low));
        for stored in self.entries.range(place(low)..place(high)) {
            size = size.saturating_add(stored.entry.data.len() as u64 + 16);
            if size > max_size && !found.is_empty() {
                break;
            }
            found.push(stored.entry.clone());
        }
        Ok(found)
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        if index == self.before.index.0 {
            return Ok(self.before.term.0);
        }
        if index < self.before.index.0 {
            return Err(Error::Store(StorageError::Compacted));
        }
        self.find(LogIndex(index)).map(|stored| stored.entry.term).ok_or(Error::Store(StorageError::Unavailable))
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.before.index.0 + 1)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.last().index.0)
    }

    fn snapshot(&self, _request_index: u64, _to: u64) -> raft::Result<Snapshot> {
        // A member that needs more than the tail waits: snapshots are not built yet.
        Err(Error::Store(StorageError::SnapshotTemporarilyUnavailable))
    }
}
