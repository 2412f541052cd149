//! Applying committed changes: to the memtables, to the figures, to those who wait.
//!
//! On a running owner the answers are released here; on one that recovers nobody waits.

use crate::memtables::Memtables;
use crate::partition::{Contents, TablePart};
use crate::{ChangeView, Context, MergeWork, Partition, PartitionOptions, Statistics};
use journal::{GroupId, Journal, Liveness, Location, Record};
use model::table::{HashRange, PartitionId};
use model::{ItemRef, TableDefinition};
use replication::{Group, GroupOptions, MemberId, OpenError, Progress, RecoveredGroup};
use std::sync::Arc;

/// The one member that groups have on a node of its own.
const SOLE_MEMBER: MemberId = MemberId(1);

impl Partition {
    /// Applies what the group has committed, now that the journal has made more of it durable.
    pub fn apply_durable(&mut self, journal: &Journal, context: &mut Context) {
        let mut committed = std::mem::take(&mut self.committed);
        self.is_blocked = self.group.handle_durable(journal, &mut committed) == Progress::Blocked;
        for entry in committed.drain(..) {
            let change = ChangeView::decode(&entry.change).expect("only `propose` writes to this log");
            self.apply_to_indexes(change.key, change.image);
            self.memtables.insert(change.key, entry.index, entry.location, change.image);
            self.statistics.apply(change.old_item_bytes.map(|bytes| bytes as usize), change.image);
            self.in_flight.settle(entry.index, change.key);
            while let Some((ticket, outcome)) = self.in_flight.take_answer(entry.index) {
                context.answer(ticket, outcome);
            }
        }
        self.committed = committed;
        self.finish_moves(journal);
    }
}

/// A partition that is being rebuilt from the journal. One a group found there, while the journal is read.
pub struct Opening {
    id: PartitionId,
    options: PartitionOptions,
    recovered: RecoveredGroup,
    memtables: Memtables,
    statistics: Statistics,
}

impl Opening {
    /// A partition of which nothing is known yet.
    pub fn new(id: PartitionId, options: PartitionOptions) -> Self {
        Self {
            id,
            options,
            recovered: RecoveredGroup::new(),
            memtables: Memtables::new(options.memtables),
            statistics: Statistics::default(),
        }
    }

    /// Takes a record of its group.
    ///
    /// # Errors
    /// A phrase that says what cannot be read.
    pub fn visit(&mut self, record: Record<'_>, location: Location, liveness: &mut Liveness) -> Result<(), String> {
        let Self { recovered, memtables, statistics, .. } = self;
        let mut result = Ok(());
        recovered.handle_record(record, location, liveness, &mut |entry, liveness| match ChangeView::decode(
            entry.change,
        ) {
            Ok(change) => {
                // The journal need not begin with the partition's first change: what is replaced is looked up.
                let known = memtables.find_version(change.key);
                if known.is_some_and(|(index, _)| index >= entry.index) {
                    // A copy of a change that is known, or that was replaced since.
                    liveness.release(entry.location);
                    return;
                }
                let old = known.and_then(|(_, image)| image.item);
                let old_bytes = old.map(|old| ItemRef::from_trusted(old).size_bytes());
                memtables.insert(change.key, entry.index, entry.location, change.image);
                statistics.apply(old_bytes, change.image);
            }
            Err(error) => result = Err(error.to_string()),
        })?;
        result
    }

    /// Takes the partition into service as the part of `definition`'s table that is `range`. Its group has one member,
    /// which leads.
    ///
    /// # Errors
    /// If what was recovered of the group contradicts itself.
    pub fn open(self, definition: Arc<TableDefinition>, range: HashRange) -> Result<Partition, OpenError> {
        let group = Group::open(GroupOptions::alone(GroupId(self.id.0), SOLE_MEMBER), self.recovered)?;
        let part = TablePart { id: self.id, range, definition };
        let contents = Contents { memtables: self.memtables, statistics: self.statistics };
        Ok(Partition::new(part, self.options, group, contents))
    }

    /// No table owns it: what is to be done so that the journal gets back the space of all its changes.
    pub fn into_release_work(self) -> MergeWork {
        self.memtables.into_release_work()
    }
}
