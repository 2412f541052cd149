//! A partition: its group, its memtables, and what is in flight between the two.

use crate::clean::Moving;
use crate::in_flight::InFlight;
use crate::memtables::Memtables;
use crate::merge::MergeWork;
use crate::{Answer, Change, ChangeView, Context, Statistics, Ticket};
use journal::Journal;
use model::table::PartitionId;
use model::{EncodedKey, Error, ItemRef, TableDefinition};
use replication::{CommittedEntry, Group, Progress, ProposeError};
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes of a journal record beside the item's size, about: the headers of record and change, the seal, the key, what the encodings add.
const RECORD_OVERHEAD_BYTES: u64 = 112;

/// Owner of a hash range of a table. One a range, on the core of its worker; dropped when its table is deleted.
///
/// Invariants:
/// 1. The memtables hold exactly what the group's applied entries make.
/// 2. An answer to a write is released when its entry is applied, not before.
/// 3. A decision sees the newest image: in flight if there is one, else applied.
pub struct Partition {
    id: PartitionId,
    definition: Arc<TableDefinition>,
    pub(crate) group: Group,
    pub(crate) memtables: Memtables,
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

/// A write that was decided: what the log shall carry.
pub(crate) struct Write<'a> {
    pub(crate) key: &'a EncodedKey,
    /// `None`: delete.
    pub(crate) image: Option<&'a [u8]>,
    pub(crate) old_bytes: Option<usize>,
}

impl Partition {
    /// Takes over a group and the state that its log made.
    pub(crate) fn new(
        id: PartitionId,
        definition: Arc<TableDefinition>,
        group: Group,
        memtables: Memtables,
        statistics: Statistics,
    ) -> Self {
        Self {
            id,
            definition,
            group,
            memtables,
            in_flight: InFlight::default(),
            statistics,
            committed: Vec::new(),
            is_blocked: false,
            is_proposing: false,
            is_settling: false,
            moving: VecDeque::new(),
        }
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
    pub fn set_definition(&mut self, definition: Arc<TableDefinition>) {
        self.definition = definition;
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
        self.memtables.bytes()
    }

    /// Writes that wait for the log.
    pub fn in_flight_count(&self) -> usize {
        self.in_flight.len()
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
        self.memtables.take_merge_work(self.statistics.item_count)
    }

    /// A merge is complete.
    pub fn finish_merge(&mut self, work: MergeWork) {
        let (frozen_count, base) = work.into_base();
        self.memtables.finish_merge(frozen_count, base);
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

    /// Proposes a write; `answer` is released when it is applied.
    pub(crate) fn propose(&mut self, context: &mut Context, write: &Write<'_>, ticket: Ticket, answer: Answer) {
        let old_item_bytes = write.old_bytes.map(|bytes| u32::try_from(bytes).expect("an item has at most 400 KB"));
        let change = ChangeView { key: write.key, image: write.image, old_item_bytes, written_at_us: context.now_us };
        let payload = change.encode(context.changes(change.encoded_bytes()));
        match self.group.propose(payload.clone()) {
            Ok(index) => {
                let change = Change::decode(&payload).expect("encoded a moment ago");
                self.in_flight.add(index, (change.key, change.image), ticket, Ok(answer));
            }
            Err(ProposeError::Busy) => context.answer(ticket, Err(Error::throttling(model::error::THROTTLED))),
            Err(error) => context.answer(ticket, Err(Error::internal(format!("the write was not accepted: {error}")))),
        }
    }
}
