//! The files of a partition and what names them: each change of the set is one checkpoint record, so it happens whole or not at all.
//!
//! ```text
//! flush or merge done -> queued -> state and checkpoint appended -> durable -> in service; what it replaces goes
//! ```
//!
//! One change is on its way at a time. Until its checkpoint is durable, reads see the set as it was. Deliberately not here: how files are
//! written (`flush.rs`, `merge.rs`), and when they are removed (the engine).

use crate::Statistics;
use crate::checkpoint::{Checkpoint, RunRecord};
use crate::effect::SetId;
use crate::flush::Flushed;
use crate::merge::{Aim, Merged};
use crate::partition::Partition;
use crate::run::{Run, RunFiles, RunId};
use crate::table_set::TableSet;
use journal::{
    AppendRefused, GroupId, Journal, Location, LogIndex, Position, RECORD_PAYLOAD_BYTES_MAX, Record, RecordKind,
    SegmentId,
};
use sstable::FileId;
use std::collections::{BTreeSet, VecDeque};

/// What a partition was when its memtables were frozen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    /// The last applied entry.
    pub(crate) index: LogIndex,
    pub(crate) statistics: Statistics,
    pub(crate) due_attribute: Option<String>,
    pub(crate) is_due_complete: bool,
    /// Of the due times, if there are any.
    pub(crate) due_generation: u64,
}

/// A change of the file set.
pub(crate) enum FileChange {
    /// Runs come in the place of memtables.
    Flush(Flushed),
    /// A run comes in the place of several, or above those that named emptied segments.
    Merge(Merged),
    /// Nothing changes: the checkpoint is to be at the end of the log.
    Renew,
}

/// The state of the file set. One a partition.
#[derive(Default)]
pub(crate) struct FileSet {
    /// As of the last flush whose checkpoint is durable.
    snapshot: Snapshot,
    /// The newest durable checkpoint.
    checkpoint: Option<Location>,
    queued: VecDeque<FileChange>,
    appended: Option<Appended>,
    /// The journal had no room for the checkpoint that is next.
    pub(crate) is_refused: bool,
    last_run: u64,
    pub(crate) is_flushing: bool,
    /// Files of sets that are gone: the next checkpoint does not name them.
    obsolete: Vec<FileId>,
    /// Files that nothing names any more.
    removable: Vec<FileId>,
    /// Bytes of a checkpoint that no record is long enough for: nothing new can be named.
    oversized_bytes: Option<usize>,
}

/// A change whose checkpoint is appended.
struct Appended {
    position: Position,
    location: Location,
    change: FileChange,
    /// Files that the checkpoint does not name any more.
    obsolete: Vec<FileId>,
}

impl FileSet {
    /// As a checkpoint found in the log says.
    pub(crate) fn of_checkpoint(snapshot: Snapshot, checkpoint: Option<Location>) -> Self {
        Self { snapshot, checkpoint, ..Self::default() }
    }

    /// What the checkpoint says of due times is of this expiry.
    pub(crate) fn set_due_generation(&mut self, generation: u64) {
        self.snapshot.due_generation = generation;
    }

    /// The segment of the newest checkpoint.
    pub(crate) fn floor(&self) -> Option<SegmentId> {
        self.checkpoint.map(|location| location.segment)
    }

    /// A new name for a run.
    pub(crate) fn next_run(&mut self) -> RunId {
        self.last_run += 1;
        RunId(self.last_run)
    }

    /// The files of a set that is gone are not to be named any more, nor what was known of it.
    pub(crate) fn let_go(&mut self, runs: &[Run]) {
        self.obsolete.extend(runs.iter().flat_map(|run| &run.files).map(|file| file.id()));
        self.queue(FileChange::Renew);
    }

    /// Files of sets that are gone, until a checkpoint that does not name them is durable.
    pub(crate) fn obsolete(&self) -> impl Iterator<Item = FileId> {
        let appended = self.appended.iter().flat_map(|appended| &appended.obsolete);
        appended.chain(&self.obsolete).copied()
    }

    /// The newest checkpoint names a run of a set that is gone meanwhile: its files go when the next one is durable.
    fn let_go_of_run(&mut self, run: Option<Run>) {
        run.iter().for_each(|run| self.let_go(std::slice::from_ref(run)));
    }

    /// Queues a change.
    pub(crate) fn queue(&mut self, change: FileChange) {
        self.queued.push_back(change);
    }

    /// Whether a change waits or is on its way.
    pub(crate) fn is_changing(&self) -> bool {
        self.appended.is_some() || !self.queued.is_empty()
    }

    /// All that flushes and merges have made and nothing names yet, of a partition that is gone.
    pub(crate) fn take_changes(&mut self) -> Vec<FileChange> {
        self.appended.take().map(|appended| appended.change).into_iter().chain(self.queued.drain(..)).collect()
    }

    /// Where the newest checkpoint is, and one that is on its way.
    pub(crate) fn take_checkpoints(&mut self) -> Vec<Location> {
        let appended = self.appended.as_ref().map(|appended| appended.location);
        self.checkpoint.take().into_iter().chain(appended).collect()
    }
}

impl Partition {
    /// Goes on with changes of the file set: to be called when the journal has made more durable, and after a change was queued. Returns
    /// whether something was appended.
    pub fn advance_files(&mut self, journal: &Journal) -> bool {
        self.finish_file_change(journal);
        self.files.is_refused = false;
        if self.files.appended.is_some() {
            return false;
        }
        let Some(change) = self.files.queued.pop_front() else { return false };
        match self.append_checkpoint(journal, &change) {
            Ok(location) => {
                let obsolete = std::mem::take(&mut self.files.obsolete);
                self.files.appended = Some(Appended { position: journal.appended(), location, change, obsolete });
                true
            }
            // It is tried again after the next flush of the journal, and when that has room again: writes may be held until it is named, so that no
            // flush comes.
            Err(refused) => {
                match refused {
                    AppendRefused::TooLarge { payload_bytes } => self.files.oversized_bytes = Some(payload_bytes),
                    AppendRefused::Busy | AppendRefused::NoSpace => self.files.is_refused = true,
                    // The journal is being closed, or the partition is gone: nothing makes room for that. And it is no copy.
                    AppendRefused::Closed | AppendRefused::NoKey | AppendRefused::Malformed => {}
                }
                self.files.queued.push_front(change);
                false
            }
        }
    }

    /// Bytes of the checkpoint, once, if it is longer than any record may be: then its flushes and merges come to nothing.
    pub fn take_oversized(&mut self) -> Option<usize> {
        self.files.oversized_bytes.take()
    }

    /// Whether a change of the file set waits for the journal.
    pub fn is_changing_files(&self) -> bool {
        self.files.is_changing()
    }

    /// Files that nothing names any more: whoever takes them removes them.
    pub fn take_removable_files(&mut self) -> Vec<FileId> {
        std::mem::take(&mut self.files.removable)
    }

    /// The state first, then the checkpoint: whoever finds the one finds the other.
    fn append_checkpoint(&mut self, journal: &Journal, change: &FileChange) -> Result<Location, AppendRefused> {
        if matches!(change, FileChange::Renew) && !self.has_unflushed() && !self.files.is_flushing {
            self.files.snapshot = self.snapshot();
        }
        let snapshot = match change {
            FileChange::Flush(flushed) => &flushed.snapshot,
            FileChange::Merge(_) | FileChange::Renew => &self.files.snapshot,
        };
        // What is said of another expiry than the present one means nothing.
        let is_due_known = snapshot.due_generation == self.due_generation();
        let checkpoint = Checkpoint {
            statistics: snapshot.statistics,
            due_attribute: snapshot.due_attribute.clone().filter(|_| is_due_known),
            is_due_complete: snapshot.is_due_complete && is_due_known,
            sets: self.sets_after(change),
        };
        let index = snapshot.index;
        let payload = checkpoint.encode();
        // Before anything is appended, or each try would make for the next one.
        if payload.len() > RECORD_PAYLOAD_BYTES_MAX {
            return Err(AppendRefused::TooLarge { payload_bytes: payload.len() });
        }
        self.group.renew(journal)?;
        let (group, term) = (GroupId(self.id().0), self.group.applied().term);
        journal.append(Record { kind: RecordKind::Checkpoint, group, term, index, payload: &payload })
    }

    /// The files of all sets once the change has happened.
    fn sets_after(&self, change: &FileChange) -> Vec<(SetId, Vec<RunRecord>)> {
        let mut sets = Vec::new();
        for (id, set) in self.sets() {
            let mut runs = Vec::new();
            if let FileChange::Flush(flushed) = change
                && (id != SetId::DueTimes || flushed.snapshot.due_generation == self.due_generation())
            {
                let new = flushed.outputs.iter().find(|(set, _)| *set == id).map(|(_, files)| files);
                runs.extend(new.and_then(record_of_new));
            }
            for run in set.runs() {
                match change {
                    FileChange::Merge(merged) if merged.set == id && merged.runs.contains(&run.id) => {
                        let is_first = merged.runs.first() == Some(&run.id);
                        runs.extend(record_of_new(&merged.output).filter(|_| is_first));
                        if let Aim::Empty(victims) = &merged.aim {
                            runs.push(record_of(run, victims));
                        }
                    }
                    _ => runs.push(record_of(run, &BTreeSet::new())),
                }
            }
            if !runs.is_empty() {
                sets.push((id, runs));
            }
        }
        sets
    }

    /// A checkpoint that is durable takes effect.
    fn finish_file_change(&mut self, journal: &Journal) {
        let Some(appended) = self.files.appended.take_if(|appended| appended.position <= journal.durable()) else {
            return;
        };
        let earlier = self.files.checkpoint.replace(appended.location);
        earlier.into_iter().for_each(|location| journal.release(location));
        self.files.removable.extend(appended.obsolete);
        match appended.change {
            FileChange::Renew => {}
            FileChange::Flush(Flushed { snapshot, outputs, dead }) => {
                for (id, files) in outputs {
                    let run = (!files.tables.is_empty()).then(|| Run::new(self.files.next_run(), files));
                    match self.set_mut(id, snapshot.due_generation) {
                        Some(set) => set.finish_flush(run),
                        // Of an expiry that was switched off meanwhile.
                        None => self.files.let_go_of_run(run),
                    }
                }
                self.items.note_flushed();
                self.files.snapshot = snapshot;
                self.files.is_flushing = false;
                dead.release_to(journal);
            }
            FileChange::Merge(Merged { set: id, runs, aim, output, dead, .. }) => {
                let run = (!output.tables.is_empty()).then(|| Run::new(self.files.next_run(), output));
                let due_generation = self.due_generation();
                let replaced = self.set_mut(id, due_generation).filter(|set| set.has_runs(&runs));
                match (replaced, aim) {
                    (Some(set), Aim::Empty(victims)) => set.empty_segments(&runs, &victims, run),
                    (Some(set), Aim::Replace) => {
                        let files = set.runs().iter().filter(|run| runs.contains(&run.id)).flat_map(|run| &run.files);
                        let removable: Vec<FileId> = files.map(|file| file.id()).collect();
                        set.replace_runs(&runs, run);
                        self.files.removable.extend(removable);
                    }
                    (None, _) => self.files.let_go_of_run(run),
                }
                dead.iter().for_each(|(segment, sum)| journal.release_superseded(segment, sum));
            }
        }
    }
}

/// What a checkpoint says of files that are to be a run; nothing if there are none.
fn record_of_new(files: &RunFiles) -> Option<RunRecord> {
    let records: Vec<_> = files.tables.iter().map(|file| file.record().clone()).collect();
    (!records.is_empty()).then_some(RunRecord { files: records, emptied: Vec::new() })
}

/// What a checkpoint says of a run once `victims` are emptied.
fn record_of(run: &Run, victims: &BTreeSet<SegmentId>) -> RunRecord {
    let emptied = run.named_of(victims).map(|(segment, _)| segment).chain(run.emptied.iter().copied());
    let mut emptied: Vec<SegmentId> = emptied.collect();
    emptied.sort_unstable();
    RunRecord { files: run.files.iter().map(|file| file.record().clone()).collect(), emptied }
}

impl TableSet {
    /// Whether it has these runs.
    fn has_runs(&self, runs: &[RunId]) -> bool {
        runs.iter().all(|id| self.runs().iter().any(|run| run.id == *id))
    }
}
