//! Cleaning: a partition's live records are moved to the end of the log, so that the segment that they lie in can be used again.
//!
//! The engine reads the segment and asks for each record; the partition knows whether it is live. A copy takes the record's place once
//! it is durable. Deliberately not here: which segment, and how fast (the engine).

use crate::{ChangeView, Partition};
use bytes::Bytes;
use journal::{Journal, Location, LogIndex, Position, RecordKind, ScannedRecord};
use replication::Cleaned;

/// A copy that is on its way to the disk.
pub(crate) struct Moving {
    /// Durable from there on.
    position: Position,
    key: Bytes,
    index: LogIndex,
    from: Location,
    to: Location,
}

impl Partition {
    /// Makes sure that nothing is lost without this record of its group, as soon as what was appended is durable: moves it if it is
    /// the newest version of an item.
    ///
    /// A copy is never appended behind a newer change of its key, so that the log shows them in their order whatever it begins with. The
    /// group has one member: what it has appended it has proposed.
    pub fn clean(&mut self, journal: &Journal, record: &ScannedRecord) -> Cleaned {
        let location = record.location;
        if self.group.clean(journal, (record.kind, record.index), location) == Cleaned::Later {
            return Cleaned::Later;
        }
        let is_change = match record.kind {
            RecordKind::Entry | RecordKind::CommittedEntry | RecordKind::Moved => !record.payload.is_empty(),
            RecordKind::GroupState | RecordKind::Checkpoint => false,
        };
        if !is_change {
            return Cleaned::Done;
        }
        let change = ChangeView::decode(&record.payload).expect("only `propose` writes to this log");
        let newest = self.memtables.find_version(change.key);
        let is_live = newest.is_some_and(|(_, image)| image.location == location && image.item.is_some());
        if !is_live {
            return Cleaned::Done;
        }
        if self.in_flight.newest(change.key).is_some() {
            return Cleaned::Later;
        }
        let Ok(to) = journal.append(record.as_kind(RecordKind::Moved)) else { return Cleaned::Later };
        let (position, key) = (journal.appended(), record.payload.slice_ref(change.key));
        self.moving.push_back(Moving { position, key, index: record.index, from: location, to });
        Cleaned::Done
    }

    /// Whether something of it waits for the journal that `clean` has appended.
    pub fn is_cleaning(&self) -> bool {
        !self.moving.is_empty() || self.group.waits_for().is_some()
    }

    /// Copies that are durable take the places of what they are copies of; those of items that have changed meanwhile are dead.
    pub(crate) fn finish_moves(&mut self, journal: &Journal) {
        let durable = journal.durable();
        while self.moving.front().is_some_and(|moving| moving.position <= durable) {
            let Moving { key, index, from, to, .. } = self.moving.pop_front().expect("there is one");
            let newest = self.memtables.find_version(&key);
            if newest.is_some_and(|(newest, image)| newest == index && image.location == from) {
                self.memtables.set_location(&key, to);
            } else {
                journal.release(to);
            }
        }
    }
}
