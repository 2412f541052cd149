//! A partition that comes back: from the records of its group in the log, and from the files that its newest checkpoint names.
//!
//! ```text
//! visit    each record of the log: changes into memtables; a checkpoint takes away those that it covers
//! open     its files are opened, and the journal is told what they keep alive
//! ```
//!
//! One a group found in the log, while the journal is read. A change that a checkpoint covers is dead here: whether its record lives is for
//! the files to say. So is a moved record: only files name those.

use crate::checkpoint::{Checkpoint, RunRecord};
use crate::collections::Collections;
use crate::due_times;
use crate::effect::{Effects, SetId};
use crate::file_set::{FileSet, Snapshot};
use crate::image::image_of;
use crate::items::Items;
use crate::local_indexes::LocalIndexes;
use crate::partition::{Contents, KnownExpiry, TablePart};
use crate::record_sums::RecordSums;
use crate::run::{Run, RunFiles};
use crate::statistics::ChangeSizes;
use crate::storage::Storage;
use crate::table_set::{Content, TableSet};
use crate::{ChangeError, ChangeView, Partition, PartitionOptions, Statistics};
use journal::{GroupId, Journal, Liveness, Location, LogIndex, Record, RecordKind};
use model::TableDefinition;
use model::table::{HashRange, PartitionId};
use replication::{Group, GroupOptions, MemberId, RecoveredGroup};
use sstable::TableError;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// The one member that groups have on a node of its own.
const SOLE_MEMBER: MemberId = MemberId(1);

/// Why a partition cannot be opened.
#[derive(Debug)]
pub enum PartitionError {
    /// Its group's log contradicts itself.
    Group(replication::OpenError),
    /// A file that its checkpoint names.
    Table(TableError),
}

impl fmt::Display for PartitionError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(error) => error.fmt(out),
            Self::Table(error) => error.fmt(out),
        }
    }
}

impl std::error::Error for PartitionError {}

/// See the front page.
pub struct Opening {
    id: PartitionId,
    options: PartitionOptions,
    recovered: RecoveredGroup,
    items: Items,
    local_indexes: LocalIndexes,
    collections: Collections,
    due_entries: TableSet,
    checkpoint: Option<Covering>,
    /// What the changes behind the checkpoint have done to the figures, in order.
    deltas: VecDeque<Delta>,
    /// Where a key is put together.
    key: Vec<u8>,
}

/// The newest checkpoint so far, and where it lies: changes up to its index are in the files that it names.
struct Covering {
    index: LogIndex,
    location: Location,
    checkpoint: Checkpoint,
}

/// What a change does to the figures.
struct Delta {
    index: LogIndex,
    sizes: ChangeSizes,
    effects: Box<[u8]>,
}

impl Opening {
    /// A partition of which nothing is known yet.
    pub fn new(id: PartitionId, options: PartitionOptions) -> Self {
        Self {
            id,
            options: options.clone(),
            recovered: RecoveredGroup::new(),
            items: Items::new(id, options.memtables.clone()),
            local_indexes: LocalIndexes::new(options.memtables.clone()),
            collections: Collections::new(id, options.memtables.clone()),
            due_entries: TableSet::new(Content::Entries, options.memtables),
            checkpoint: None,
            deltas: VecDeque::new(),
            key: Vec::new(),
        }
    }

    /// Takes a record of its group.
    ///
    /// # Errors
    /// A phrase that says what cannot be read.
    pub fn visit(&mut self, record: Record<'_>, location: Location, liveness: &mut Liveness) -> Result<(), String> {
        if record.kind == RecordKind::Checkpoint {
            self.visit_checkpoint(record, location, liveness)?;
        }
        let mut recovered = std::mem::take(&mut self.recovered);
        let mut result = Ok(());
        let visited = recovered.handle_record(record, location, liveness, &mut |entry, liveness| {
            let applied = ChangeView::decode(entry.change)
                .and_then(|change| self.apply(entry.index, entry.location, change, liveness));
            if let Err(error) = applied {
                result = Err(error.to_string());
            }
        });
        self.recovered = recovered;
        visited.and(result)
    }

    fn visit_checkpoint(
        &mut self,
        record: Record<'_>,
        location: Location,
        liveness: &mut Liveness,
    ) -> Result<(), String> {
        let checkpoint = Checkpoint::decode(record.payload).ok_or("the checkpoint is not readable")?;
        let index = record.index;
        // Only a flush covers more than the checkpoint before.
        if self.checkpoint.as_ref().is_none_or(|covering| covering.index < index) {
            self.forget_covered(index, liveness);
        }
        let earlier = self.checkpoint.replace(Covering { index, location, checkpoint });
        earlier.into_iter().for_each(|covering| liveness.release(covering.location));
        Ok(())
    }

    /// What is in files as of this index need not be in memory.
    fn forget_covered(&mut self, index: LogIndex, liveness: &mut Liveness) {
        self.items.keep_above(index, &mut |covered| liveness.release(covered));
        let sets = self.local_indexes.sets.iter_mut();
        for set in sets.chain([&mut self.collections.applied, &mut self.due_entries]) {
            set.keep_above(index.0, &mut |_| {});
        }
        while self.deltas.front().is_some_and(|delta| delta.index <= index) {
            self.deltas.pop_front();
        }
    }

    fn apply(
        &mut self,
        index: LogIndex,
        location: Location,
        change: ChangeView<'_>,
        liveness: &mut Liveness,
    ) -> Result<(), ChangeError> {
        if self.checkpoint.as_ref().is_some_and(|covering| index <= covering.index) {
            liveness.release(location);
            return Ok(());
        }
        let key = change.key(&mut self.key)?;
        let sizes = ChangeSizes::of(&change);
        self.items.insert(self.items.set().tagged(key), index, sizes.image(location, change.image));
        self.deltas.push_back(Delta { index, sizes, effects: change.effects.bytes().into() });
        for (set, effect) in change.effects.iter() {
            match set {
                SetId::LocalIndex(number) => self.local_indexes.apply(number, index, effect),
                SetId::DueTimes => due_times::apply_effect(&mut self.due_entries, index, effect),
                SetId::Collections => self.collections.apply_effect(index, effect),
                SetId::Items => panic!("effects are not on items"),
            }
        }
        Ok(())
    }

    /// Takes the partition into service as the part of `definition`'s table that is `range`. Its group has one member,
    /// which leads. Opens its files and tells the journal what they keep alive.
    ///
    /// # Errors
    /// If what was recovered of the group contradicts itself, or a file is not as it was written.
    pub async fn open(
        mut self,
        (definition, range): (Arc<TableDefinition>, HashRange),
        storage: &Storage,
    ) -> Result<Partition, PartitionError> {
        let mut files = FileSet::default();
        let mut statistics = Statistics::default();
        let mut due = None;
        if let Some(Covering { index, location, checkpoint }) = self.checkpoint.take() {
            let Checkpoint { statistics: covered, due_attribute, is_due_complete, sets } = checkpoint;
            statistics = covered;
            let snapshot = Snapshot {
                index,
                statistics,
                due_attribute: due_attribute.clone(),
                is_due_complete,
                due_generation: 0,
            };
            files = FileSet::of_checkpoint(snapshot, Some(location));
            self.open_sets(sets, &mut files, storage).await?;
            due = due_attribute.map(|attribute| KnownExpiry { attribute, is_complete: is_due_complete });
        }
        for Delta { sizes, effects, .. } in self.deltas.drain(..) {
            let effects = Effects::decode(&effects).expect("they were read from a change");
            statistics.apply(sizes, effects);
        }
        self.assemble((definition, range), files, (statistics, due))
    }

    /// The same of one that never had files.
    pub(crate) fn open_without_files(
        self,
        definition: Arc<TableDefinition>,
        range: HashRange,
    ) -> Result<Partition, PartitionError> {
        self.assemble((definition, range), FileSet::default(), (Statistics::default(), None))
    }

    fn assemble(
        self,
        (definition, range): (Arc<TableDefinition>, HashRange),
        files: FileSet,
        (statistics, due): (Statistics, Option<KnownExpiry>),
    ) -> Result<Partition, PartitionError> {
        let options = GroupOptions::alone(GroupId(self.id.0), SOLE_MEMBER);
        let group = Group::open(options, self.recovered).map_err(PartitionError::Group)?;
        let part = TablePart { id: self.id, range, definition };
        let Self { items, local_indexes, collections, due_entries, .. } = self;
        let due_times = due.map(|expiry| (due_entries, expiry));
        let contents = Contents { items, local_indexes, collections, due_times, statistics, files };
        Ok(Partition::new(part, self.options, group, contents))
    }

    /// Opens the files of all sets.
    async fn open_sets(
        &mut self,
        sets: Vec<(SetId, Vec<RunRecord>)>,
        files: &mut FileSet,
        storage: &Storage,
    ) -> Result<(), PartitionError> {
        for (set, runs) in sets {
            let mut opened = Vec::new();
            for RunRecord { files: records, emptied } in runs {
                let mut run = RunFiles::default();
                for record in records {
                    let table = storage.open(GroupId(self.id.0), record).await.map_err(PartitionError::Table)?;
                    run.push(table).await.map_err(PartitionError::Table)?;
                }
                let run = Run::of_record(files.next_run(), run, &emptied);
                run.named.iter().for_each(|(segment, sum)| storage.journal.retain(segment, sum));
                opened.push(run);
            }
            match set {
                SetId::Items => self.items.set_mut().set_runs(opened),
                SetId::LocalIndex(number) => {
                    self.local_indexes.make(usize::from(number) + 1);
                    self.local_indexes.sets[usize::from(number)].set_runs(opened);
                }
                SetId::DueTimes => self.due_entries.set_runs(opened),
                SetId::Collections => self.collections.applied.set_runs(opened),
            }
        }
        Ok(())
    }

    /// No table owns it: the journal gets back the space of all its changes. Its files are removed by whoever finds them.
    pub fn release(self, journal: &Journal) {
        let mut dead = RecordSums::default();
        self.items.set().visit_versions(&mut |found| dead.add_record(image_of(found).location));
        let own = self.recovered.into_locations().into_iter().chain(self.checkpoint.map(|covering| covering.location));
        own.for_each(|location| dead.add_record(location));
        dead.release_to(journal);
    }
}
