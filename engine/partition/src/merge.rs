//! Merging runs of a set: into one, in which superseded versions stay behind, and deletions too where nothing older is left; or to empty segments of the
//! journal that are mostly dead.
//!
//! ```text
//! inputs, by pieces of the key space -> newest version a key -> output run, in place of the inputs
//!                                    -> records in victims (`emptying.rs`): copied to the end of the log -> output run, above the inputs
//! ```
//!
//! Runs in the background beside the owner. So a copy is named by the very file that is being written, and never has to be looked for in the log. The owner may
//! change the key meanwhile: its newer version hides the copy, as it hides the original. Deliberately not here: how records are moved (`moving.rs`), which
//! runs (`merge_policy.rs`), which segments and when (the engine).

use crate::effect::SetId;
use crate::emptying::Emptying;
use crate::pace::Slice;
use crate::read_ahead::ReadAhead;
use crate::record_sums::RecordSums;
use crate::run::{Run, RunFiles, RunId};
use crate::storage::{RunWriter, Storage, StorageError};
use journal::{GroupId, SegmentId};
use sstable::{Content, Direction, Merge, MergeStep, Needed, Span, TableRange};
use std::collections::BTreeSet;
use std::ops::Bound;
use std::rc::Rc;

/// A merge, or an emptying, that is to be done.
pub struct MergeWork {
    pub(crate) group: GroupId,
    pub(crate) set: SetId,
    /// Newest first; they lie side by side.
    pub(crate) runs: Vec<Run>,
    /// Whether no older run is left.
    pub(crate) drops_deletions: bool,
    pub(crate) aim: Aim,
    /// Whether it was begun to find dead space.
    pub(crate) is_cleaning: bool,
}

/// What a merge is for.
#[derive(Clone, Debug)]
pub(crate) enum Aim {
    /// One run in the place of several.
    Replace,
    /// These segments are to be emptied: what the inputs name in them is superseded, or is moved and named by the output. The inputs stay.
    Empty(Rc<BTreeSet<SegmentId>>),
}

/// How dead space is to be found.
pub enum Cleaning {
    /// By emptying these segments.
    Empty(Rc<BTreeSet<SegmentId>>),
    /// By merging all runs: that finds whatever is superseded.
    Thorough,
}

/// What a partition can do for a cleaning.
pub enum CleaningWork {
    /// This.
    Merge(MergeWork),
    /// Something, when a merge that is under way is done.
    Later,
    /// It names nothing in the victims.
    Nothing,
}

/// Which merge it is.
#[derive(Clone, Debug)]
pub struct MergeId {
    pub(crate) set: SetId,
    pub(crate) runs: Vec<RunId>,
    is_cleaning: bool,
}

impl MergeId {
    /// Whether it was begun to find dead space.
    pub fn is_cleaning(&self) -> bool {
        self.is_cleaning
    }
}

/// A merge that is done, and not in a checkpoint yet.
pub struct Merged {
    pub(crate) set: SetId,
    pub(crate) runs: Vec<RunId>,
    pub(crate) aim: Aim,
    pub(crate) output: RunFiles,
    /// Once the checkpoint is durable.
    pub(crate) dead: RecordSums,
    /// Of what was moved.
    pub(crate) copies: RecordSums,
}

impl MergeWork {
    /// Which merge it is.
    pub fn id(&self) -> MergeId {
        let runs = self.runs.iter().map(|run| run.id).collect();
        MergeId { set: self.set, runs, is_cleaning: self.is_cleaning }
    }

    /// Merges. When this returns the output is durable, and nothing names it yet.
    ///
    /// # Errors
    /// If something cannot be read or written; then nothing is changed.
    pub async fn run(self, storage: &Storage) -> Result<Merged, StorageError> {
        let mut writer = RunWriter::new(storage, self.group);
        let (written, copies) = match &self.aim {
            Aim::Replace => (self.write_newest(storage, &mut writer).await, RecordSums::default()),
            Aim::Empty(victims) => {
                let mut emptying = Emptying::new(storage, &self.runs);
                (emptying.run(victims, &mut writer).await, emptying.into_copies())
            }
        };
        let output = match written {
            Ok(()) => writer.finish().await,
            Err(error) => Err(error),
        };
        match output {
            Ok(output) => {
                let dead = self.dead(&output);
                let runs = self.runs.iter().map(|run| run.id).collect();
                Ok(Merged { set: self.set, runs, aim: self.aim, output, dead, copies })
            }
            Err(error) => {
                writer.discard().await;
                copies.release_to(&storage.journal);
                Err(error)
            }
        }
    }

    /// Writes the newest entry of each key.
    async fn write_newest(&self, storage: &Storage, writer: &mut RunWriter) -> Result<(), StorageError> {
        let mut ahead = ReadAhead::new(&storage.runtime);
        let mut slice = Slice::new(&storage.runtime);
        let mut lower: Option<&[u8]> = None;
        loop {
            let span = piece(self.runs.iter(), lower);
            let files = self.runs.iter().flat_map(|run| run.files_between(span.lower, span.upper));
            let ranges = files.map(|file| TableRange::new(Rc::clone(file), span, Direction::Forward));
            let mut merge = Merge::new(ranges, Direction::Forward);
            loop {
                slice.step().await;
                match merge.step() {
                    MergeStep::End => break,
                    MergeStep::Needs => supply(&mut merge, &mut ahead).await?,
                    MergeStep::Entry if self.drops_deletions && merge.entry().content == Content::Tombstone => {}
                    MergeStep::Entry => writer.push(merge.key(), merge.entry()).await?,
                }
            }
            ahead.clear();
            let Bound::Included(end) = span.upper else { return Ok(()) };
            lower = Some(end);
        }
    }

    /// What the inputs kept alive and does not have to be any more.
    fn dead(&self, output: &RunFiles) -> RecordSums {
        let mut dead = RecordSums::default();
        match &self.aim {
            Aim::Empty(victims) => {
                let named = self.runs.iter().flat_map(|run| run.named_of(victims));
                named.for_each(|(segment, sum)| dead.add(segment, sum));
            }
            Aim::Replace => {
                self.runs.iter().for_each(|run| dead.add_all(&run.named));
                dead.subtract(&output.named);
            }
        }
        dead
    }
}

impl Merged {
    /// It is of no use: its files and its copies go.
    pub async fn discard(self, storage: &Storage) {
        self.copies.release_to(&storage.journal);
        for table in &self.output.tables {
            storage.remove(table.id()).await;
        }
    }
}

/// The keys behind `lower` up to the end of the first file to end which has one behind it in its run; all that are left if none has.
pub(crate) fn piece<'r>(runs: impl Iterator<Item = &'r Run>, lower: Option<&'r [u8]>) -> Span<'r> {
    let lower = lower.map_or(Bound::Unbounded, Bound::Excluded);
    let firsts = runs.map(|run| {
        let mut files = run.files_between(lower, Bound::Unbounded);
        (files.next(), files.next().is_some())
    });
    let ends = firsts.filter_map(|(file, has_next)| file.filter(|_| has_next));
    let end = ends.map(|file| file.record().last_key.as_slice()).min();
    Span { lower, upper: end.map_or(Bound::Unbounded, Bound::Included) }
}

/// Reads what a merge's sources wait for, and what they will need after it; past the cache, which is for others.
pub(crate) async fn supply(merge: &mut Merge<'_>, ahead: &mut ReadAhead) -> Result<(), StorageError> {
    let needs: Vec<(usize, Needed)> = merge.needs().collect();
    for (source, needed) in needs {
        let table = Rc::clone(merge.range(source).table());
        match needed {
            Needed::Page(page) => merge.supply_page(source, table.read_page(page).await?),
            Needed::Block(block) => {
                let opened = match ahead.open(&table, block) {
                    Some(opened) => opened,
                    None => {
                        ahead.read(merge.range(source), block).await?;
                        ahead.open(&table, block).expect("read a moment ago")
                    }
                };
                merge.supply_block(source, opened?);
            }
        }
    }
    Ok(())
}
