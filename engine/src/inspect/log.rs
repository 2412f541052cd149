//! The log of each worker, read as a start reads it: what each group has in it, and the catalog.
//!
//! A start makes memtables of it; here the figures are enough, so that looking takes little memory. What cannot be read is noted and read past.

use super::fault::{Fault, FaultCause};
use control::{CATALOG_GROUP, ReadCatalog, TableEntry};
use journal::{Found, GroupId, Location, LogIndex, Record, RecordKind, RecordSum, SegmentId, Survey, Term};
use model::ItemRef;
use partition::{ChangeError, ChangeView, Checkpoint};
use runtime::CoreId;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What a group has in the log.
#[derive(Default)]
pub(super) struct GroupLog {
    /// The newest state, and what it says of the group: its term and the last applied entry.
    pub(super) state: Option<(Location, Term, LogIndex)>,
    /// The newest checkpoint of a partition.
    pub(super) checkpoint: Option<Checkpoint>,
    /// The records of the newest checkpoint: of the catalog it may have several.
    checkpoint_records: (LogIndex, Vec<Location>),
    /// Entries that no checkpoint covers, in order.
    pub(super) entries: VecDeque<EntryLog>,
    /// The last entry.
    pub(super) last: LogIndex,
}

/// An entry that no checkpoint covers.
pub(super) struct EntryLog {
    index: LogIndex,
    location: Location,
    /// What it does to the count of items, and to their size as DynamoDB counts it.
    pub(super) items: i64,
    pub(super) bytes: i64,
}

impl GroupLog {
    /// The records that the group needs in the log, by segment.
    pub(super) fn live(&self) -> BTreeMap<SegmentId, RecordSum> {
        let state = self.state.iter().map(|(location, ..)| *location);
        let entries = self.entries.iter().map(|entry| entry.location);
        let mut live: BTreeMap<SegmentId, RecordSum> = BTreeMap::new();
        for location in state.chain(self.checkpoint_records.1.iter().copied()).chain(entries) {
            let sum = live.entry(location.segment).or_default();
            let one = RecordSum::of_one(location.len);
            sum.count += one.count;
            sum.payload_bytes += one.payload_bytes;
        }
        live
    }

    /// The index of the newest checkpoint, and where it begins.
    pub(super) fn covered(&self) -> Option<(LogIndex, Location)> {
        let (index, records) = &self.checkpoint_records;
        records.first().map(|first| (*index, *first))
    }

    fn take_entry(&mut self, record: Record<'_>, location: Location) -> Result<(), String> {
        // A later leader's entries take the place of those that were not committed.
        while self.entries.back().is_some_and(|entry| entry.index >= record.index) {
            self.entries.pop_back();
        }
        self.last = record.index;
        if self.covered().is_some_and(|(covered, _)| record.index <= covered) {
            return Ok(());
        }
        let is_change = record.group != CATALOG_GROUP && !record.payload.is_empty();
        let growth = if is_change { growth(record.payload) } else { Ok((0, 0)) };
        let (items, bytes) = growth.unwrap_or_default();
        self.entries.push_back(EntryLog { index: record.index, location, items, bytes });
        growth.map(|_| ()).map_err(|error| error.to_string())
    }

    fn take_checkpoint(&mut self, record: Record<'_>, location: Location) -> Result<(), String> {
        let is_partition = record.group != CATALOG_GROUP;
        if is_partition {
            self.checkpoint = Some(Checkpoint::decode(record.payload).ok_or("the checkpoint is not readable")?);
        }
        let (index, records) = &mut self.checkpoint_records;
        if is_partition || ReadCatalog::is_first_part(record) {
            records.clear();
        }
        *index = record.index;
        records.push(location);
        self.last = self.last.max(record.index);
        while self.entries.front().is_some_and(|entry| entry.index <= record.index) {
            self.entries.pop_front();
        }
        Ok(())
    }
}

/// All logs, one after the other.
#[derive(Default)]
pub(super) struct LogReading {
    catalog: ReadCatalog,
    groups: BTreeMap<GroupId, GroupLog>,
    faults: Vec<Fault>,
}

impl LogReading {
    /// Reads the log of a worker.
    pub(super) async fn read(&mut self, core: CoreId, survey: &Survey) {
        let fault = |cause| Fault { core, cause };
        self.faults.extend(survey.faults().iter().cloned().map(FaultCause::Journal).map(fault));
        for segment in survey.segments().filter(|segment| segment.is_visited) {
            let mut visit = |found: Found<'_>| match found {
                Found::Record(record, location) => {
                    if let Err(cause) = self.take(record, location) {
                        self.faults.push(fault(FaultCause::Contents { location, cause }));
                    }
                }
                Found::Shredded { .. } => {}
                Found::Fault(error) => self.faults.push(fault(FaultCause::Journal(error))),
            };
            if let Err(error) = survey.read_segment(segment.segment, &mut visit).await {
                self.faults.push(fault(FaultCause::File(error)));
            }
        }
    }

    /// What the groups of the worker that was read last have in its log.
    pub(super) fn take_groups(&mut self) -> BTreeMap<GroupId, GroupLog> {
        std::mem::take(&mut self.groups)
    }

    /// The tables that there are, in the order of their names, and all that is wrong.
    pub(super) fn finish(mut self) -> (Vec<Arc<TableEntry>>, Vec<Fault>) {
        let (catalog, refused) = self.catalog.finish();
        let refused = refused.into_iter().map(FaultCause::Catalog);
        self.faults.extend(refused.map(|cause| Fault { core: CoreId(0), cause }));
        (catalog.tables().cloned().collect(), self.faults)
    }

    fn take(&mut self, record: Record<'_>, location: Location) -> Result<(), String> {
        let group = self.groups.entry(record.group).or_default();
        if record.group == CATALOG_GROUP {
            self.catalog.visit(record)?;
        }
        match record.kind {
            RecordKind::Entry | RecordKind::CommittedEntry => group.take_entry(record, location),
            RecordKind::GroupState => {
                group.state = Some((location, record.term, record.index));
                group.last = group.last.max(record.index);
                Ok(())
            }
            RecordKind::Checkpoint => group.take_checkpoint(record, location),
            // If it lives, a file names it.
            RecordKind::Moved => Ok(()),
        }
    }
}

/// By how many items and bytes a change makes a partition larger. Finds all that a start would stumble over.
fn growth(payload: &[u8]) -> Result<(i64, i64), ChangeError> {
    let change = ChangeView::decode(payload)?;
    change.key(&mut Vec::new())?;
    let new_bytes = change.image.map_or(0, |image| ItemRef::from_trusted(image).size_bytes());
    let new_bytes = i64::try_from(new_bytes).expect("an item is smaller than a record");
    let items = i64::from(change.image.is_some()) - i64::from(change.old_item_bytes.is_some());
    Ok((items, new_bytes - i64::from(change.old_item_bytes.unwrap_or(0))))
}
