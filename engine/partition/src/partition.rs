//! A partition: its group, its sets, its files, and what is in flight between group and memtables.

use crate::collections::Collections;
use crate::due_times::DueTimes;
use crate::effect::SetId;
use crate::file_set::{FileChange, FileSet, Snapshot};
use crate::flush::{FlushSet, FlushWork, Flushed};
use crate::in_flight::InFlight;
use crate::items::{ImageSize, ItemBytes, Items};
use crate::local_indexes::LocalIndexes;
use crate::merge::{Aim, Cleaning, CleaningWork, MergeId, MergeWork, Merged};
use crate::merge_policy::runs_to_merge;
use crate::reads::{Missing, Reads};
use crate::run::Run;
use crate::table_set::TableSet;
use crate::throughput::Throughput;
use crate::{LiveBytes, MemtablesOptions, Opening, PartitionError, Statistics};
use journal::{GroupId, Journal, SegmentId};
use memtable::{KeyTag, PrefetchStep, TaggedKey};
use model::table::{HashRange, PartitionId};
use model::{Access, TableDefinition};
use replication::{CommittedEntry, Group, Progress};
use runtime::Instant;
use sstable::{FileId, Table};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

/// Bytes of a journal record beside the item's size, about: the headers of record and change, the seal, four for each of a dozen attributes.
const RECORD_OVERHEAD_BYTES: u64 = 96;

/// How partitions are made. The same for all of a worker.
#[derive(Clone, Debug)]
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
/// 1. Memtables and files hold exactly what the group's applied entries make, the other sets what follows from the items.
/// 2. An answer to a write is released when its entry is applied, not before; so is an answer that tells what a write in
///    flight does.
/// 3. A decision sees the newest image: in flight if there is one, else applied.
pub struct Partition {
    id: PartitionId,
    pub(crate) definition: Arc<TableDefinition>,
    pub(crate) options: PartitionOptions,
    pub(crate) group: Group,
    pub(crate) items: Items,
    pub(crate) local_indexes: LocalIndexes,
    /// Empty on a table without local indexes.
    pub(crate) collections: Collections,
    /// While items of the table expire.
    pub(crate) due_times: Option<DueTimes>,
    due_times_count: u64,
    pub(crate) throughput: Throughput,
    pub(crate) in_flight: InFlight,
    pub(crate) statistics: Statistics,
    pub(crate) files: FileSet,
    /// Used again by each `apply_durable`.
    pub(crate) committed: Vec<CommittedEntry>,
    /// The journal refused entries: they are collected again after its next flush.
    pub(crate) is_blocked: bool,
    is_proposing: bool,
    is_settling: bool,
}

/// A part of a table.
pub(crate) struct TablePart {
    pub(crate) id: PartitionId,
    pub(crate) range: HashRange,
    pub(crate) definition: Arc<TableDefinition>,
}

/// By what items expire, as far as entries of due times are known.
pub(crate) struct KnownExpiry {
    pub(crate) attribute: String,
    /// Every item has been looked at.
    pub(crate) is_complete: bool,
}

/// What the log of a partition and its files have made.
pub(crate) struct Contents {
    pub(crate) items: Items,
    pub(crate) local_indexes: LocalIndexes,
    pub(crate) collections: Collections,
    /// Entries of due times, while items expire.
    pub(crate) due_times: Option<(TableSet, KnownExpiry)>,
    pub(crate) statistics: Statistics,
    pub(crate) files: FileSet,
}

impl Partition {
    /// A partition of a new table: of `definition`'s, the part that is `range`. Its group has one member, which leads.
    ///
    /// # Errors
    /// If the group cannot be made.
    pub fn create(
        id: PartitionId,
        (definition, range): (Arc<TableDefinition>, HashRange),
        options: PartitionOptions,
    ) -> Result<Self, PartitionError> {
        Opening::new(id, options).open_without_files(definition, range)
    }

    /// Takes over a group and what its log and its files made.
    pub(crate) fn new(part: TablePart, options: PartitionOptions, group: Group, contents: Contents) -> Self {
        let TablePart { id, range, definition } = part;
        let Contents { items, mut local_indexes, collections, due_times, statistics, files } = contents;
        local_indexes.make(definition.local_indexes.len());
        let throughput = Throughput::new(range, &definition);
        let in_flight = InFlight::default();
        let mut partition = Self {
            id,
            definition,
            options,
            group,
            items,
            local_indexes,
            collections,
            due_times: None,
            due_times_count: 0,
            throughput,
            in_flight,
            statistics,
            files,
            committed: Vec::new(),
            is_blocked: false,
            is_proposing: false,
            is_settling: false,
        };
        partition.begin_expiry();
        partition.take_over_due_times(due_times);
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
    pub fn set_definition(&mut self, definition: Arc<TableDefinition>, now: Instant) {
        self.throughput.set_rates(&definition, now);
        self.definition = definition;
        self.begin_expiry();
    }

    /// How much it holds, as of the last applied change.
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// About how many bytes of the journal its items need.
    pub fn live_bytes(&self) -> LiveBytes {
        let Statistics { item_count, size_bytes, .. } = self.statistics;
        let counted = size_bytes + item_count * RECORD_OVERHEAD_BYTES;
        let runs = self.items.set().runs();
        let counts = runs.iter().map(Run::item_counts);
        let (entries, in_journal) = counts.fold((0, 0), |all, run| (all.0 + run.0, all.1 + run.1));
        let record_count: u64 = runs.iter().map(|run| run.named_sum.count).sum();
        let record_bytes: u64 = runs.iter().map(|run| run.named_sum.encoded_bytes()).sum();
        if entries == 0 {
            return LiveBytes { counted, stored: counted };
        }
        // In 128 bits: each factor is of many items.
        let all_bytes = u128::from(item_count) * u128::from(in_journal) * u128::from(record_bytes);
        let stored = all_bytes / (u128::from(entries) * u128::from(record_count)).max(1);
        LiveBytes { counted, stored: u64::try_from(stored).unwrap_or(u64::MAX) }
    }

    /// Bytes that its memtables hold.
    pub fn memtable_bytes(&self) -> usize {
        self.sets().map(|(_, set)| set.memtable_bytes()).sum()
    }

    /// Bytes that its memtables hold which no flush is writing.
    pub fn unflushed_bytes(&self) -> usize {
        self.sets().map(|(_, set)| set.unflushed_bytes()).sum()
    }

    /// Bytes that it holds in memory beside its memtables, which no flush takes out of it.
    pub fn fixed_memory_bytes(&self) -> usize {
        self.sets().map(|(_, set)| set.file_memory_bytes()).sum()
    }

    /// Whether its log takes a good deal more before what was proposed is durable.
    pub fn has_room_for_writes(&self) -> bool {
        self.group.has_room()
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

    /// Whether everything that was proposed is applied, and no checkpoint is on its way.
    pub fn is_settled(&self) -> bool {
        let is_applied = self.in_flight.len() == 0 && !self.is_proposing && !self.is_blocked;
        is_applied && !self.files.is_changing() && self.group.waits_for().is_none()
    }

    /// What to ask for the memory of an item with, by its key.
    pub fn tag_of(&self, key: &[u8]) -> KeyTag {
        self.tagged(key).tag
    }

    /// A key as the memtables of the items find it, and what is in flight.
    pub(crate) fn tagged<'k>(&self, key: &'k [u8]) -> TaggedKey<'k> {
        self.items.set().tagged(key)
    }

    /// Asks for the memory that an operation on the key with this tag looks at. Whoever has several of them takes each step for all,
    /// and then executes them. Tells whether a memtable has the key, as far as the step knows.
    pub fn prefetch(&self, tag: KeyTag, step: PrefetchStep) -> bool {
        self.items.set().prefetch(tag, step)
    }

    /// Hands new entries of the group to the journal, which makes them durable with those of all other groups.
    pub fn collect(&mut self, journal: &Journal) {
        self.is_blocked = self.group.collect(journal) == Progress::Blocked;
    }

    /// Whether the journal had no room for what was proposed, or for what names new files.
    pub fn is_blocked(&self) -> bool {
        self.is_blocked || self.files.is_refused
    }

    /// The first segment of the log in which there is something that a start needs: of the group, of the files' checkpoint, of changes that
    /// no file holds.
    pub fn floor(&self) -> Option<SegmentId> {
        self.group.floor().into_iter().chain(self.files.floor()).chain(self.items.floor()).min()
    }

    /// Whether its memtables hold anything that no flush is writing.
    pub fn has_unflushed(&self) -> bool {
        self.unflushed_bytes() > 0
    }

    /// Freezes the memtables, to be flushed; `None` while a flush is under way, or if they are empty. What comes of it goes to
    /// [`Partition::finish_flush`] or [`Partition::abandon_flush`].
    pub fn begin_flush(&mut self) -> Option<FlushWork> {
        if !self.can_flush() {
            return None;
        }
        let snapshot = self.snapshot();
        let mut sets = Vec::new();
        for id in self.set_ids() {
            let set = self.set_mut(id, snapshot.due_generation).expect("it has just been listed");
            let (content, has_runs) = (set.content(), !set.runs().is_empty());
            let (tables, superseded) = set.begin_flush();
            sets.push(FlushSet { set: id, content, tables, superseded, has_runs });
        }
        self.items.note_flush();
        self.files.is_flushing = true;
        Some(FlushWork { group: GroupId(self.id.0), snapshot, sets })
    }

    /// A flush is done: its files are to be named. The caller goes on with [`Partition::advance_files`].
    pub fn finish_flush(&mut self, flushed: Flushed) {
        self.files.queue(FileChange::Flush(flushed));
    }

    /// A flush has failed: its memtables wait for the next one.
    pub fn abandon_flush(&mut self) {
        self.files.is_flushing = false;
        self.items.note_abandoned();
        for id in self.set_ids() {
            let generation = self.due_generation();
            self.set_mut(id, generation).expect("it has just been listed").abandon_flush();
        }
    }

    /// Writes the checkpoint again at the end of the log, so that its floor moves there.
    pub fn renew(&mut self) {
        if !self.files.is_changing() {
            self.files.queue(FileChange::Renew);
        }
    }

    /// Whether a merge is due because reads look into too many runs. Not of what could not be read a while ago, nor of what lies behind that.
    pub fn is_merge_due(&self, now: Instant) -> bool {
        self.due_merge(now).is_some()
    }

    /// The merge that is due.
    pub fn take_merge_work(&mut self, now: Instant) -> Option<MergeWork> {
        let (id, count) = self.due_merge(now)?;
        Some(self.begin_merge(id, count, Aim::Replace))
    }

    /// A set, and how many of its newest runs are to be merged.
    fn due_merge(&self, now: Instant) -> Option<(SetId, usize)> {
        self.sets().find_map(|(id, set)| {
            // Runs behind one that is being merged wait for it.
            let is_free = |run: &&Run| !run.is_merging && !run.is_spoiled(now);
            let count = runs_to_merge(set.runs().iter().take_while(is_free).map(Run::entry_count));
            (count > 0).then_some((id, count))
        })
    }

    /// A merge of the newest runs of the items, down to the last that names something in the victims, which moves that: runs that name nothing are only asked
    /// what they hide. Or one of all runs, which finds what is superseded. Neither reads what could not be read a while ago.
    pub fn take_cleaning_work(&mut self, cleaning: &Cleaning, now: Instant) -> CleaningWork {
        let runs = self.items.set().runs();
        let is_needed = |run: &Run| match cleaning {
            Cleaning::Empty(victims) => run.names_any(victims),
            Cleaning::Thorough => true,
        };
        let last = runs.iter().rposition(is_needed);
        let Some(count) = last.map(|last| last + 1) else { return CleaningWork::Nothing };
        if runs[..count].iter().any(|run| run.is_spoiled(now)) {
            return CleaningWork::Nothing;
        }
        if runs[..count].iter().any(|run| run.is_merging) {
            return CleaningWork::Later;
        }
        let aim = match cleaning {
            Cleaning::Empty(victims) => Aim::Empty(Rc::clone(victims)),
            Cleaning::Thorough => Aim::Replace,
        };
        let work = self.begin_merge(SetId::Items, count, aim);
        CleaningWork::Merge(MergeWork { is_cleaning: true, ..work })
    }

    /// The segments in which files of items name records, each as often as there are runs that do, with the bytes of such a run: to empty the segment all of
    /// them are read.
    pub fn cleaning_passes(&self) -> impl Iterator<Item = (SegmentId, u64)> {
        self.items.set().runs().iter().flat_map(|run| {
            let pass_bytes = run.file_bytes();
            run.named.iter().map(move |(segment, _)| (segment, pass_bytes))
        })
    }

    /// The segments that cannot be emptied because a run that names records in them, or one above it, could not be read a while ago.
    pub fn spoiled_segments(&self, now: Instant) -> impl Iterator<Item = SegmentId> {
        let runs = self.items.set().runs().iter().skip_while(move |run| !run.is_spoiled(now));
        runs.flat_map(|run| run.named.iter().map(|(segment, _)| segment))
    }

    fn begin_merge(&mut self, id: SetId, count: usize, aim: Aim) -> MergeWork {
        let generation = self.due_generation();
        let set = self.set_mut(id, generation).expect("it has just been listed");
        let drops_deletions = count == set.runs().len();
        let runs = set.begin_merge(count);
        MergeWork { group: GroupId(self.id.0), set: id, runs, drops_deletions, aim, is_cleaning: false }
    }

    /// A merge is done: its run is to be named. The caller goes on with [`Partition::advance_files`].
    pub fn finish_merge(&mut self, merged: Merged) {
        self.files.queue(FileChange::Merge(merged));
    }

    /// A merge has failed: its runs stay. If one has the `bad` file, that and what lies behind it is left alone `until` then. Whether one has.
    pub fn abandon_merge(&mut self, merge: &MergeId, bad: Option<&Path>, until: Instant) -> bool {
        let generation = self.due_generation();
        self.set_mut(merge.set, generation).is_some_and(|set| set.abandon_merge(&merge.runs, bad, until))
    }

    /// Whether any of its sets has files.
    pub fn has_files(&self) -> bool {
        self.sets().any(|(_, set)| !set.runs().is_empty())
    }

    /// Its files that are in service.
    pub fn files(&self) -> impl Iterator<Item = &Rc<Table>> {
        self.sets().flat_map(|(_, set)| set.runs()).flat_map(|run| &run.files)
    }

    /// Its files that a durable checkpoint may name: also those that the next one will not.
    pub fn file_ids(&self) -> Vec<FileId> {
        self.files().map(|file| file.id()).chain(self.files.obsolete()).collect()
    }

    /// Whether a flush was begun that has not taken effect.
    pub fn is_flushing(&self) -> bool {
        self.files.is_flushing
    }

    /// Whether there is something to flush and nothing in the way.
    pub fn can_flush(&self) -> bool {
        !self.files.is_flushing && self.has_unflushed()
    }

    /// Bytes of its files.
    pub fn file_bytes(&self) -> u64 {
        self.sets().flat_map(|(_, set)| set.runs()).map(Run::file_bytes).sum()
    }

    /// How many entries of the items' files a merge of all would leave behind, at the least.
    pub fn superseded_count(&self) -> u64 {
        let runs = self.items.set().runs();
        let entries: u64 = runs.iter().map(Run::entry_count).sum();
        match runs {
            // Each key is in it once.
            [run] => run.entry_count() - run.item_counts().0,
            _ => entries.saturating_sub(self.statistics.item_count),
        }
    }

    /// The item as of the last applied change.
    pub(crate) fn applied<'a>(
        &'a self,
        reads: &mut Reads,
        key: TaggedKey<'_>,
    ) -> Result<Option<ItemBytes<'a>>, Missing> {
        self.items.find(key, reads)
    }

    /// The item as it will be once everything in flight is applied.
    pub(crate) fn newest<'a>(
        &'a self,
        reads: &mut Reads,
        key: TaggedKey<'_>,
    ) -> Result<Option<ItemBytes<'a>>, Missing> {
        match self.in_flight.newest(key) {
            Some(image) => Ok(image.map(|image| ItemBytes::Memory(&image.bytes, image.item_bytes))),
            None => self.applied(reads, key),
        }
    }

    /// The same, for a write: what else that looks at is brought with it.
    pub(crate) fn newest_to_replace<'a>(
        &'a self,
        reads: &mut Reads,
        key: TaggedKey<'_>,
    ) -> Result<Option<ItemBytes<'a>>, Missing> {
        let found = self.newest(reads, key);
        if found.is_err() {
            // Missing or not: it is looked at when the item is there.
            let _ = self.collection_after(key.bytes, (None, None), reads);
        }
        found
    }

    /// The size of the item as it will be once everything in flight is applied.
    pub(crate) fn newest_size(&self, reads: &mut Reads, key: TaggedKey<'_>) -> Result<Option<ImageSize>, Missing> {
        match self.in_flight.newest(key) {
            Some(image) => Ok(image.map(|image| ImageSize::in_memory(image.item_bytes as usize))),
            None => self.items.find_size(key, reads),
        }
    }

    /// What it is now, as of the last applied change.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let due = self.due_times.as_ref();
        Snapshot {
            index: self.group.applied().index,
            statistics: self.statistics,
            due_attribute: due.map(|due| due.attribute_name().to_owned()),
            is_due_complete: due.is_some_and(DueTimes::is_complete),
            due_generation: self.due_times_count,
        }
    }

    /// All sets that it has.
    pub(crate) fn sets(&self) -> impl Iterator<Item = (SetId, &TableSet)> {
        let indexes = (0_u8..).zip(&self.local_indexes.sets).map(|(number, set)| (SetId::LocalIndex(number), set));
        let due = self.due_times.as_ref().map(|due| (SetId::DueTimes, &due.entries));
        let collections = (SetId::Collections, &self.collections.applied);
        [(SetId::Items, self.items.set())].into_iter().chain(indexes).chain(due).chain([collections])
    }

    fn set_ids(&self) -> Vec<SetId> {
        self.sets().map(|(id, _)| id).collect()
    }

    /// One of them; of due times, only those of that generation.
    pub(crate) fn set_mut(&mut self, id: SetId, due_generation: u64) -> Option<&mut TableSet> {
        match id {
            SetId::Items => Some(self.items.set_mut()),
            SetId::LocalIndex(number) => self.local_indexes.sets.get_mut(usize::from(number)),
            SetId::DueTimes => {
                let due = self.due_times.as_mut().filter(|due| due.generation() == due_generation);
                due.map(|due| &mut due.entries)
            }
            SetId::Collections => Some(&mut self.collections.applied),
        }
    }

    /// Whether a write has to know no more of what it replaces than its size: nothing follows from the item, and nobody pays by it.
    pub(crate) fn needs_sizes_alone(&self) -> bool {
        let has_indexes = !self.definition.local_indexes.is_empty();
        !has_indexes && self.due_times.is_none() && !self.throughput.is_bounded(Access::Write)
    }

    /// Counts the times that expiry was switched.
    pub(crate) fn due_generation(&self) -> u64 {
        self.due_times_count
    }

    /// Begins to note when items are due, or ceases to, as the table wants it.
    fn begin_expiry(&mut self) {
        let wanted = self.definition.time_to_live.as_deref();
        if self.due_times.as_ref().map(DueTimes::attribute_name) == wanted {
            return;
        }
        self.due_times_count += 1;
        let (generation, options) = (self.due_times_count, self.options.memtables.clone());
        if let Some(earlier) = self.due_times.take() {
            self.files.let_go(earlier.entries.runs());
        }
        let last_index = self.group.last_index();
        self.due_times = wanted.map(|attribute| DueTimes::new((attribute, generation), last_index, options));
    }

    /// What an earlier life has found of due times counts if it was for the same attribute.
    fn take_over_due_times(&mut self, found: Option<(TableSet, KnownExpiry)>) {
        let Some((entries, known)) = found else { return };
        match self.due_times.as_mut().filter(|due| due.attribute_name() == known.attribute) {
            Some(due) => {
                due.take_over(entries, known.is_complete);
                self.files.set_due_generation(self.due_times_count);
            }
            None => self.files.let_go(entries.runs()),
        }
    }
}
