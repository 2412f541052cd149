//! What is in a directory: typed figures, for whoever prints them.
//!
//! Live bytes are those that a start would find alive: of the log what each group needs in it, of the store what the usage of the files says.

use super::fault::{Fault, FaultCause};
use super::key_text::key_text;
use super::log::GroupLog;
use super::{Inspection, Worker};
use crate::open::SSTABLES_PREFIX;
use control::CATALOG_GROUP;
use journal::{GroupId, Location, LogIndex, RecordSum, SegmentId, Survey, SurveyedSegment, Tail, Term};
use model::TableId;
use partition::{RunRecord, SetId};
use runtime::CoreId;
use sstable::{FileId, TableRecord};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Everything, at a glance.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// In the order of their numbers.
    pub workers: Vec<WorkerSummary>,
    /// In the order of their names.
    pub tables: Vec<TableSummary>,
    /// What could not be read for it.
    pub faults: Vec<Fault>,
}

/// What one worker has left.
#[derive(Clone, Debug)]
pub struct WorkerSummary {
    /// Which one.
    pub core: CoreId,
    /// How its log ends.
    pub tail: Tail,
    /// The first segment of its log.
    pub replay_start: SegmentId,
    /// Oldest first.
    pub segments: Vec<SegmentSummary>,
    /// How many files wait to become segments.
    pub spare_count: usize,
    /// Their bytes.
    pub spare_bytes: u64,
    /// Segment files whose headers tell nothing.
    pub doubtful: Vec<PathBuf>,
    /// The catalog first, on worker 0; then the partitions, those of deleted tables included.
    pub partitions: Vec<PartitionSummary>,
    /// Sorted files that no checkpoint names, with their bytes: the next start removes them.
    pub unnamed: Vec<(PathBuf, u64)>,
}

/// One segment.
#[derive(Clone, Debug)]
pub struct SegmentSummary {
    /// What the journal knows of it.
    pub segment: SurveyedSegment,
    /// Records that are alive.
    pub live: RecordSum,
}

/// What the log of one group says.
#[derive(Clone, Debug)]
pub struct PartitionSummary {
    /// The group, which has the partition's number.
    pub group: GroupId,
    /// Its table's name; `None` for the catalog and for what deleted tables have left.
    pub table: Option<String>,
    /// The newest term that it tells.
    pub term: Term,
    /// Its last entry.
    pub last: LogIndex,
    /// The newest checkpoint.
    pub checkpoint: Option<CheckpointSummary>,
    /// Entries that no checkpoint covers: a start applies them again.
    pub behind_count: u64,
    /// The first segment that holds anything of it that a start needs.
    pub floor: Option<SegmentId>,
    /// Bytes of its records that are alive.
    pub journal_bytes: u64,
    /// The files that its checkpoint names.
    pub files: Vec<FileSummary>,
    /// Items that there are.
    pub item_count: u64,
    /// Their size as DynamoDB counts it.
    pub item_bytes: u64,
}

/// A checkpoint.
#[derive(Clone, Copy, Debug)]
pub struct CheckpointSummary {
    /// What all entries up to this one have made is in it, or in the files that it names.
    pub index: LogIndex,
    /// Where its record lies; the first one, where it has several.
    pub location: Location,
}

/// A sorted file that a checkpoint names.
#[derive(Clone, Debug)]
pub struct FileSummary {
    /// Its name.
    pub file: FileId,
    /// The set whose entries it holds.
    pub set: SetId,
    /// The run of that set, the newest one is 0.
    pub run: usize,
    /// Its length.
    pub bytes: u64,
    /// Entries, tombstones included.
    pub entry_count: u64,
    /// Those that are tombstones.
    pub tombstone_count: u64,
    /// The least key, readable.
    pub first_key: String,
    /// The greatest key, readable.
    pub last_key: String,
    /// Bytes of the records that its entries name.
    pub journal_bytes: u64,
}

/// A table of the catalog.
#[derive(Clone, Debug)]
pub struct TableSummary {
    /// Its name.
    pub name: String,
    /// Its number.
    pub id: TableId,
    /// DynamoDB's name of its status.
    pub status: &'static str,
    /// How many partitions it has.
    pub partition_count: usize,
    /// Items that there are.
    pub item_count: u64,
    /// Their size as DynamoDB counts it.
    pub item_bytes: u64,
    /// Bytes of its sorted files.
    pub sstable_bytes: u64,
    /// Bytes of its records that are alive.
    pub journal_bytes: u64,
}

/// Live records by segment.
type Live = BTreeMap<SegmentId, RecordSum>;

impl Inspection {
    /// Gives what is in the directory. Of each file the footer, the root and the usage are read.
    pub async fn summary(&self) -> Summary {
        let mut summary = Summary { faults: self.faults.clone(), ..Summary::default() };
        for worker in &self.workers {
            if let Some(survey) = &worker.survey {
                let found = self.worker_summary(worker, survey, &mut summary.faults).await;
                summary.workers.push(found);
            }
        }
        let partitions = || summary.workers.iter().flat_map(|worker| &worker.partitions);
        let tables = self.tables.iter().map(|table| {
            let own = || partitions().filter(|partition| partition.table.as_deref() == Some(&table.definition.name));
            TableSummary {
                name: table.definition.name.clone(),
                id: table.definition.id,
                status: table.definition.status.token(),
                partition_count: table.partitions.len(),
                item_count: own().map(|partition| partition.item_count).sum(),
                item_bytes: own().map(|partition| partition.item_bytes).sum(),
                sstable_bytes: own().flat_map(|partition| &partition.files).map(|file| file.bytes).sum(),
                journal_bytes: own().map(|partition| partition.journal_bytes).sum(),
            }
        });
        let tables = tables.collect();
        summary.tables = tables;
        summary
    }

    async fn worker_summary(&self, worker: &Worker, survey: &Survey, faults: &mut Vec<Fault>) -> WorkerSummary {
        let mut live = Live::new();
        let mut partitions = Vec::new();
        for (group, log) in &worker.groups {
            partitions.push(self.partition_summary((worker.core, survey), (*group, log), &mut live, faults).await);
        }
        let segments = survey.segments().map(|segment| {
            let live = live.get(&segment.segment).copied().unwrap_or_default();
            SegmentSummary { segment, live }
        });
        WorkerSummary {
            core: worker.core,
            tail: survey.tail().clone(),
            replay_start: survey.replay_start(),
            segments: segments.collect(),
            spare_count: survey.spares().count(),
            spare_bytes: survey.spares().map(|(_, bytes)| bytes).sum(),
            doubtful: survey.doubtful().map(|(path, _)| path.to_path_buf()).collect(),
            unnamed: self.unnamed_files(worker.core, &partitions, faults).await,
            partitions,
        }
    }

    async fn partition_summary(
        &self,
        worker: (CoreId, &Survey),
        (group, log): (GroupId, &GroupLog),
        live: &mut Live,
        faults: &mut Vec<Fault>,
    ) -> PartitionSummary {
        let table = self.table_of(group);
        let is_kept = table.is_some() || group == CATALOG_GROUP;
        // What a deleted table has left is dead, whatever names it.
        let mut own = if is_kept { log.live() } else { Live::new() };
        let floor = own.keys().next().copied();
        let mut files = Vec::new();
        let sets = log.checkpoint.iter().flat_map(|checkpoint| &checkpoint.sets);
        for (set, file) in sets.flat_map(|(set, runs)| files_of(runs).map(move |file| (*set, file))) {
            let RunFile { number, run, file: record } = file;
            // Nor need the file be there.
            let mut used = if is_kept { self.usage_of(worker, (group, record), faults).await } else { Live::new() };
            used.retain(|segment, _| run.emptied.binary_search(segment).is_err());
            let keys = [&record.first_key, &record.last_key].map(|key| key_text(table, set, key));
            let [first_key, last_key] = keys;
            files.push(FileSummary {
                file: record.file,
                set,
                run: number,
                bytes: record.file_bytes(),
                entry_count: record.entry_count,
                tombstone_count: record.tombstone_count,
                first_key,
                last_key,
                journal_bytes: bytes_of(&used),
            });
            add(&mut own, &used);
        }
        add(live, &own);
        let covered = log.checkpoint.as_ref().map(|checkpoint| checkpoint.statistics).unwrap_or_default();
        let behind = |figure: fn(&super::log::EntryLog) -> i64| log.entries.iter().map(figure).sum::<i64>();
        PartitionSummary {
            group,
            table: table.map(|table| table.definition.name.clone()),
            term: log.state.map_or(Term(0), |(_, term, _)| term),
            last: log.last,
            checkpoint: log.covered().map(|(index, location)| CheckpointSummary { index, location }),
            behind_count: log.entries.len() as u64,
            floor,
            journal_bytes: bytes_of(&own),
            files,
            item_count: covered.item_count.saturating_add_signed(behind(|entry| entry.items)),
            item_bytes: covered.size_bytes.saturating_add_signed(behind(|entry| entry.bytes)),
        }
    }

    /// What a file keeps alive in the journal.
    async fn usage_of(
        &self,
        worker: (CoreId, &Survey),
        (group, record): (GroupId, &TableRecord),
        faults: &mut Vec<Fault>,
    ) -> Live {
        let read = match self.open_table(worker, group, record).await {
            Ok(table) => table.read_usage().await,
            Err(error) => Err(error),
        };
        let sum_of = |used: sstable::SegmentUse| {
            let sum = RecordSum { count: u64::from(used.record_count), payload_bytes: used.payload_bytes };
            (SegmentId(used.segment), sum)
        };
        match read {
            Ok(usage) => usage.into_iter().map(sum_of).collect(),
            Err(error) => {
                faults.push(Fault { core: worker.0, cause: FaultCause::Table(error) });
                Live::new()
            }
        }
    }

    /// Files of a worker that none of its partitions names.
    async fn unnamed_files(
        &self,
        core: CoreId,
        partitions: &[PartitionSummary],
        faults: &mut Vec<Fault>,
    ) -> Vec<(PathBuf, u64)> {
        let files = partitions.iter().flat_map(|partition| &partition.files);
        let named: BTreeSet<FileId> = files.map(|file| file.file).collect();
        let mut unnamed = Vec::new();
        for directory in &self.data_directories {
            let folder = directory.join(format!("{SSTABLES_PREFIX}{}", core.0));
            let listed = match self.runtime.list_directory(&folder).await {
                Ok(listed) => listed,
                // It was killed before it made any.
                Err(runtime::FileError::NotFound { .. }) => continue,
                Err(error) => {
                    faults.push(Fault { core, cause: FaultCause::File(error) });
                    continue;
                }
            };
            for entry in listed {
                let file = sstable::parse_file_name(&entry.name);
                if file.is_some_and(|file| !named.contains(&file)) {
                    unnamed.push((folder.join(&entry.name), entry.len_bytes));
                }
            }
        }
        unnamed
    }
}

/// A file, and the run that it is part of.
#[derive(Clone, Copy)]
pub(super) struct RunFile<'a> {
    /// Its number in its set, from 0, the newest.
    pub(super) number: usize,
    pub(super) run: &'a RunRecord,
    pub(super) file: &'a TableRecord,
}

/// All files of the runs of a set.
pub(super) fn files_of(runs: &[RunRecord]) -> impl Iterator<Item = RunFile<'_>> {
    let runs = runs.iter().enumerate();
    runs.flat_map(|(number, run)| run.files.iter().map(move |file| RunFile { number, run, file }))
}

fn add(live: &mut Live, more: &Live) {
    for (segment, sum) in more {
        let known = live.entry(*segment).or_default();
        known.count += sum.count;
        known.payload_bytes += sum.payload_bytes;
    }
}

fn bytes_of(live: &Live) -> u64 {
    live.values().map(|sum| sum.encoded_bytes()).sum()
}
