//! A group as the journal remembers it, built up record by record while the journal is read back.
//!
//! One per group, on the group's core, from the first record until `Group::open`. Entries that are known to be committed go to the
//! caller at once, so memory does not grow with the log; the rest waits in the tail until raft decides.

use crate::log_tail::{LogTail, point_of};
use crate::state_record::{GroupState, LogPoint};
use crate::{RETAINED_BYTES_MAX, RETAINED_COUNT_MAX};
use bytes::Bytes;
use journal::{Liveness, Location, LogIndex, Record, RecordKind, Term};
use raft::eraftpb::Entry;

/// A committed change as recovery hands it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveredChange<'a> {
    /// Of its entry.
    pub index: LogIndex,
    /// Of its entry.
    pub term: Term,
    /// Where the entry is in the journal.
    pub location: Location,
    /// As it was proposed.
    pub change: &'a [u8],
}

/// A group between the first of its records and its opening.
#[derive(Default)]
pub struct RecoveredGroup {
    pub(crate) state: Option<(GroupState, Location)>,
    pub(crate) tail: LogTail,
    /// The last entry that was handed out or that a state says was applied.
    pub(crate) applied: LogPoint,
    /// The newest committed entry, if it only marks a term.
    pub(crate) marker: Option<Location>,
    has_entries: bool,
}

impl RecoveredGroup {
    /// A group of which nothing is known: as all are before their first record.
    pub fn new() -> RecoveredGroup {
        RecoveredGroup::default()
    }

    /// The records that the group itself keeps alive; for whoever gives up a group that nobody owns.
    pub fn into_locations(self) -> Vec<Location> {
        self.state.map(|(_, location)| location).into_iter().chain(self.marker).collect()
    }

    /// The group's last entry so far.
    pub fn last(&self) -> LogPoint {
        self.tail.last()
    }

    /// Takes a record of this group. Calls `apply` with each change that is known to be committed by it, in order, each once.
    /// Releases what it replaces, and copies of entries that were moved. `Err` when the records contradict each other.
    pub fn handle_record(
        &mut self,
        record: Record<'_>,
        location: Location,
        liveness: &mut Liveness,
        apply: &mut dyn FnMut(RecoveredChange<'_>, &mut Liveness),
    ) -> Result<(), String> {
        match record.kind {
            RecordKind::GroupState => self.handle_state(record, location, liveness, apply),
            RecordKind::CommittedEntry => {
                self.take_place(record, liveness)?;
                self.apply_tail(LogIndex(record.index.0 - 1), liveness, apply);
                self.applied = LogPoint { index: record.index, term: record.term };
                self.tail.begin_after(self.applied);
                let Record { index, term, payload: change, .. } = record;
                hand_out(&mut self.marker, RecoveredChange { index, term, location, change }, liveness, apply);
                Ok(())
            }
            RecordKind::Checkpoint => {
                // Its payload is the owner's. To the group it tells that the entries up to here were applied.
                if !self.has_entries && record.index > self.applied.index {
                    self.applied = LogPoint { index: record.index, term: record.term };
                    self.tail.begin_after(self.applied);
                }
                Ok(())
            }
            RecordKind::Moved => {
                // It was applied once, and tells nothing of where the log ends. If it lives, what a checkpoint names keeps it alive.
                liveness.release(location);
                Ok(())
            }
            RecordKind::Entry => {
                self.take_place(record, liveness)?;
                let entry = Entry {
                    term: record.term.0,
                    index: record.index.0,
                    data: Bytes::copy_from_slice(record.payload),
                    ..Entry::default()
                };
                self.tail.push(entry, Some(location));
                let commit = self.state.as_ref().map_or(LogIndex(0), |(state, _)| state.commit);
                self.apply_tail(commit, liveness, apply);
                Ok(())
            }
        }
    }

    fn handle_state(
        &mut self,
        record: Record<'_>,
        location: Location,
        liveness: &mut Liveness,
        apply: &mut dyn FnMut(RecoveredChange<'_>, &mut Liveness),
    ) -> Result<(), String> {
        let state = GroupState::decode(record.term, record.index, record.payload)
            .ok_or_else(|| format!("the state of group {} is not readable", record.group))?;
        if let Some((earlier, earlier_location)) = self.state.take() {
            if earlier.term > state.term {
                return Err(format!("group {} goes back from term {} to {}", record.group, earlier.term, state.term));
            }
            liveness.release(earlier_location);
        }
        if !self.has_entries && state.applied.index > self.applied.index {
            self.applied = state.applied;
            self.tail.begin_after(state.applied);
        }
        let last = self.tail.last().index;
        if state.applied.index > last {
            return Err(format!(
                "group {} has applied entry {} and its log ends at {last}",
                record.group, state.applied.index
            ));
        }
        if state.applied == self.applied {
            // The state tells of the newest entry: it need not.
            self.marker.take().into_iter().for_each(|marker| liveness.release(marker));
        }
        let commit = state.commit.max(state.applied.index);
        self.state = Some((state, location));
        self.apply_tail(commit, liveness, apply);
        Ok(())
    }

    /// Makes sure that the entry comes next in the log, or in place of others that were not committed: those are dead.
    fn take_place(&mut self, record: Record<'_>, liveness: &mut Liveness) -> Result<(), String> {
        let last = self.tail.last();
        let (index, term, group) = (record.index, record.term, record.group);
        if !self.has_entries && index > last.index {
            // Entries before it may be gone: they were applied, and a state behind says so.
            let before = LogPoint { index: LogIndex(index.0 - 1), term: Term(0) };
            if before.index != last.index {
                self.applied = before;
                self.tail.begin_after(before);
            }
        } else if index.0 > last.index.0 + 1 {
            return Err(format!("group {group} has entry {index} behind entry {}", last.index));
        } else if index <= self.applied.index {
            return Err(format!("group {group} has entry {index} twice, and it was committed"));
        } else if index <= last.index {
            self.tail.truncate(index, |location| liveness.release(location));
        }
        if term < self.tail.last().term {
            return Err(format!("entry {index} of group {group} is of term {term}, the one before of a later one"));
        }
        self.has_entries = true;
        Ok(())
    }

    fn apply_tail(
        &mut self,
        commit: LogIndex,
        liveness: &mut Liveness,
        apply: &mut dyn FnMut(RecoveredChange<'_>, &mut Liveness),
    ) {
        let end = commit.min(self.tail.last().index);
        while self.applied.index < end {
            let next = LogIndex(self.applied.index.0 + 1);
            let stored = self.tail.find(next).expect("entries behind the last applied one are in memory");
            let location = stored.location.expect("recovered entries have a location");
            self.applied = point_of(&stored.entry);
            let LogPoint { index, term } = self.applied;
            let change = RecoveredChange { index, term, location, change: &stored.entry.data };
            hand_out(&mut self.marker, change, liveness, apply);
        }
        self.tail.compact(self.applied.index, RETAINED_BYTES_MAX, RETAINED_COUNT_MAX);
    }
}

/// Gives a committed change to the caller. An entry that only marks a term is dead once a newer one is committed: the newest entry
/// always stays, for it tells where the log ends.
fn hand_out(
    marker: &mut Option<Location>,
    change: RecoveredChange<'_>,
    liveness: &mut Liveness,
    apply: &mut dyn FnMut(RecoveredChange<'_>, &mut Liveness),
) {
    if let Some(marker) = marker.take() {
        liveness.release(marker);
    }
    if change.change.is_empty() {
        *marker = Some(change.location);
    } else {
        apply(change, liveness);
    }
}
