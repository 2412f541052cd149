//! A partition: its group, its memtables and indexes, and what is in flight between group and memtables.

use crate::clean::Moving;
use crate::collections::Collections;
use crate::due_times::DueTimes;
use crate::in_flight::InFlight;
use crate::local_indexes::{ItemChange, LocalIndexes};
use crate::memtables::Memtables;
use crate::merge::{MergeTarget, MergeWork};
use crate::throughput::Throughput;
use crate::{MemtablesOptions, Statistics};
use journal::Journal;
use memtable::{Direction, KeySpan};
use model::operation::collection_share_bytes;
use model::table::{HashRange, PartitionId};
use model::{EncodedKey, ItemRef, TableDefinition};
use replication::{CommittedEntry, Group, Progress};
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes of a journal record beside the item's size, about: the headers of record and change, the seal, the key, what the encodings add.
const RECORD_OVERHEAD_BYTES: u64 = 112;

/// How partitions are made. The same for all of a worker.
#[derive(Clone, Copy, Debug)]
pub struct PartitionOptions {
    /// Of the memtables of the items and of each index.
    pub memtables: MemtablesOptions,
    /// How large the items of one partition key may be together, with their index entries, on a table with local indexes.
    pub collection_bytes_max: u64,
    /// How long items stay after their time, in milliseconds.
    pub expiry_delay_ms: u64,
}

/// Owner of a hash range of a table. One a range, on the core of its worker; dropped when its table is deleted.
///
/// Invariants:
/// 1. The memtables hold exactly what the group's applied entries make, the indexes what follows from the memtables.
/// 2. An answer to a write is released when its entry is applied, not before; so is an answer that tells what a write in
///    flight does.
/// 3. A decision sees the newest image: in flight if there is one, else applied.
pub struct Partition {
    id: PartitionId,
    pub(crate) definition: Arc<TableDefinition>,
    pub(crate) options: PartitionOptions,
    pub(crate) group: Group,
    pub(crate) memtables: Memtables,
    pub(crate) local_indexes: LocalIndexes,
    /// Empty on a table without local indexes.
    pub(crate) collections: Collections,
    /// While items of the table expire.
    pub(crate) due_times: Option<DueTimes>,
    due_times_count: u64,
    pub(crate) throughput: Throughput,
    pub(crate) in_flight: InFlight,
    pub(crate) statistics: Statistics,
    /// Used again by each `apply_durable`.
    pub(crate) committed: Vec<CommittedEntry>,
    /// The journal refused entries: they are collected again after its next flush.
    pub(crate) is_blocked: bool,
    is_proposing: bool,
    is_settling: bool,
    /// Copies of its records that are not known to be durable, in the order of the journal.
    pub(crate) moving: VecDeque<Moving>,
}

/// A part of a table.
pub(crate) struct TablePart {
    pub(crate) id: PartitionId,
    pub(crate) range: HashRange,
    pub(crate) definition: Arc<TableDefinition>,
}

/// What the log of a partition has made.
pub(crate) struct Contents {
    pub(crate) memtables: Memtables,
    pub(crate) statistics: Statistics,
}

impl Partition {
    /// Takes over a group and what its log made, and makes the indexes that follow from it.
    pub(crate) fn new(part: TablePart, options: PartitionOptions, group: Group, contents: Contents) -> Self {
        let TablePart { id, range, definition } = part;
        let Contents { memtables, statistics } = contents;
        let local_indexes = LocalIndexes::new(&definition, options.memtables);
        let throughput = Throughput::new(range, &definition);
        let mut partition = Self {
            id,
            definition,
            options,
            group,
            memtables,
            local_indexes,
            collections: Collections::default(),
            due_times: None,
            due_times_count: 0,
            throughput,
            in_flight: InFlight::default(),
            statistics,
            committed: Vec::new(),
            is_blocked: false,
            is_proposing: false,
            is_settling: false,
            moving: VecDeque::new(),
        };
        partition.fill_local_indexes();
        partition.begin_expiry();
        partition
    }

    /// Its id, which is its group's as well.
    pub fn id(&self) -> PartitionId {
        self.id
    }

    /// The table that it is a part of.
    pub fn table(&self) -> &TableDefinition {
        &self.definition
    }

    /// The table is otherwise from now on; its key and its indexes are what they were.
    pub fn set_definition(&mut self, definition: Arc<TableDefinition>, now_ms: u64) {
        self.throughput.set_rates(&definition, now_ms);
        self.definition = definition;
        self.begin_expiry();
    }

    /// How much it holds, as of the last applied change.
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// About how many bytes of the journal's log its items need.
    pub fn log_bytes(&self) -> u64 {
        self.statistics.size_bytes + self.statistics.item_count * RECORD_OVERHEAD_BYTES
    }

    /// Bytes that it holds in memory.
    pub fn memory_bytes(&self) -> usize {
        let due_times = self.due_times.as_ref().map_or(0, DueTimes::bytes);
        self.memtables.bytes() + self.local_indexes.bytes() + self.collections.memory_bytes() + due_times
    }

    /// Notes whether its worker has it on the list of those with proposals; returns what was noted before.
    pub fn set_proposing(&mut self, is_proposing: bool) -> bool {
        std::mem::replace(&mut self.is_proposing, is_proposing)
    }

    /// Whether its worker has it on the list of those with proposals.
    pub fn is_proposing(&self) -> bool {
        self.is_proposing
    }

    /// Notes whether its worker has it on the list of those that wait for the journal; returns what was noted before.
    pub fn set_settling(&mut self, is_settling: bool) -> bool {
        std::mem::replace(&mut self.is_settling, is_settling)
    }

    /// Whether everything that was proposed is applied, and everything that was moved has its place.
    pub fn is_settled(&self) -> bool {
        let is_applied = self.in_flight.len() == 0 && !self.is_proposing && !self.is_blocked;
        is_applied && self.moving.is_empty() && self.group.waits_for().is_none()
    }

    /// Asks for the memory that an operation on the key looks at. Whoever has several of them asks for all, then for all
    /// again with `is_second`, and then executes them.
    pub fn prefetch(&self, key: &EncodedKey, is_second: bool) {
        self.memtables.prefetch(key, is_second);
    }

    /// Hands new entries of the group to the journal, which makes them durable with those of all other groups.
    pub fn collect(&mut self, journal: &Journal) {
        self.is_blocked = self.group.collect(journal) == Progress::Blocked;
    }

    /// Whether the journal had no room for what was proposed.
    pub fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    /// A merge of memtables that is due, if one is. It is stepped elsewhere and comes back to
    /// [`Partition::finish_merge`].
    pub fn take_merge_work(&mut self) -> Option<MergeWork> {
        if let Some(work) = self.memtables.take_merge_work(self.statistics.item_count) {
            return Some(work);
        }
        for number in 0..self.local_indexes.len() {
            let entry_count = self.statistics.local_indexes[number].item_count;
            let set = self.local_indexes.set_mut(number);
            if let Some(work) = set.take_merge_work(entry_count, MergeTarget::LocalIndex(number)) {
                return Some(work);
            }
        }
        let due_times = self.due_times.as_mut()?;
        let target = MergeTarget::DueTimes(due_times.generation());
        let (entries, entry_count) = due_times.entries_mut();
        entries.take_merge_work(entry_count, target)
    }

    /// A merge is complete.
    pub fn finish_merge(&mut self, work: MergeWork) {
        let (target, frozen_count, base) = work.into_base();
        match target {
            MergeTarget::Items => self.memtables.finish_merge(frozen_count, base),
            MergeTarget::LocalIndex(number) => self.local_indexes.set_mut(number).finish_merge(frozen_count, base),
            MergeTarget::DueTimes(generation) => {
                // The tables of an expiry that was switched off meanwhile are gone.
                let due_times = self.due_times.as_mut().filter(|due_times| due_times.generation() == generation);
                if let Some(due_times) = due_times {
                    due_times.entries_mut().0.finish_merge(frozen_count, base);
                }
            }
        }
    }

    /// The partition is gone: what is to be done so that the journal gets back the space of all its changes.
    pub fn into_release_work(self) -> MergeWork {
        self.memtables.into_release_work()
    }

    /// The item as of the last applied change.
    pub(crate) fn applied(&self, key: &[u8]) -> Option<ItemRef<'_>> {
        self.memtables.find(key).map(ItemRef::from_trusted)
    }

    /// The item as it will be once everything in flight is applied.
    pub(crate) fn newest(&self, key: &[u8]) -> Option<ItemRef<'_>> {
        match self.in_flight.newest(key) {
            Some(image) => image.map(|image| ItemRef::from_trusted(image)),
            None => self.applied(key),
        }
    }

    /// Makes the indexes of one item what they will be after it changes. Called before the memtables change.
    pub(crate) fn apply_to_indexes(&mut self, key: &[u8], image: Option<&[u8]>) {
        if self.local_indexes.is_empty() && self.due_times.is_none() {
            return;
        }
        let old = self.memtables.find(key).map(ItemRef::from_trusted);
        let change = ItemChange { key, old, new: image.map(ItemRef::from_trusted) };
        self.local_indexes.apply(&self.definition, change, &mut self.statistics.local_indexes);
        if let Some(due_times) = &mut self.due_times {
            due_times.apply(change);
        }
    }

    /// Makes the entries of all items, and sums up their collections.
    fn fill_local_indexes(&mut self) {
        if self.local_indexes.is_empty() {
            return;
        }
        for (key, image) in self.memtables.range(KeySpan::ALL, Direction::Forward) {
            let item = ItemRef::from_trusted(image);
            let change = ItemChange { key, old: None, new: Some(item) };
            self.local_indexes.apply(&self.definition, change, &mut self.statistics.local_indexes);
            self.collections.add(key, collection_share_bytes(&self.definition, item));
        }
    }

    /// Begins to note when items are due, or ceases to, as the table wants it.
    fn begin_expiry(&mut self) {
        let wanted = self.definition.time_to_live.as_deref();
        if self.due_times.as_ref().map(DueTimes::attribute_name) == wanted {
            return;
        }
        self.due_times_count += 1;
        let (generation, options) = (self.due_times_count, self.options.memtables);
        self.due_times = wanted.map(|attribute_name| DueTimes::new(attribute_name, generation, options));
    }
}
