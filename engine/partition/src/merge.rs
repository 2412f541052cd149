//! Merging runs of a set: into one, in which superseded versions stay behind, and deletions too where nothing older is left; or to empty segments of the
//! journal that are mostly dead.
//!
//! ```text
//! inputs, by pieces of the key space -> newest version a key -> output run, in place of the inputs
//!                                                            -> record in a victim? copied to the end of the log -> output run, above the inputs
//! ```
//!
//! Runs in the background beside the owner. So a copy is named by the very file that is being written, and never has to be looked for in the log. The owner may
//! change the key meanwhile: its newer version hides the copy, as it hides the original. Deliberately not here: how records are moved (`moving.rs`), which runs (`merge_policy.rs`), which segments and when (the engine).

use crate::effect::SetId;
use crate::flush::{RecordSums, add_sum};
use crate::moving::Moving;
use crate::pace::Slice;
use crate::read_ahead::ReadAhead;
use crate::run::{Run, RunFiles, RunId};
use crate::storage::{RunWriter, Storage, StorageError};
use journal::{GroupId, SegmentId};
use sstable::{Content, Direction, Entry, Merge, MergeStep, Needed, Span, TableRange};
use std::collections::BTreeSet;
use std::ops::Bound;
use std::rc::Rc;

/// A merge that is to be done.
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
        let victims = match &self.aim {
            Aim::Replace => None,
            Aim::Empty(victims) => Some(victims.iter().map(|segment| segment.0).collect()),
        };
        let mut merging = Merging {
            storage,
            work: &self,
            victims: victims.as_ref(),
            writer: RunWriter::new(storage, self.group),
            moving: Moving::default(),
            ahead: ReadAhead::new(&storage.runtime),
        };
        let merged = merging.merge().await;
        let Merging { writer, moving, .. } = merging;
        let copies = moving.into_copies();
        match merged {
            Ok((output, dead)) => {
                let runs = self.runs.iter().map(|run| run.id).collect();
                Ok(Merged { set: self.set, runs, aim: self.aim, output, dead, copies })
            }
            Err(error) => {
                writer.discard().await;
                copies.iter().for_each(|(segment, sum)| storage.journal.release_sum(*segment, *sum));
                Err(error)
            }
        }
    }
}

impl Merged {
    /// It is of no use: its files and its copies go.
    pub async fn discard(self, storage: &Storage) {
        self.copies.iter().for_each(|(segment, sum)| storage.journal.release_sum(*segment, *sum));
        for table in &self.output.tables {
            storage.remove(table.id()).await;
        }
    }
}

struct Merging<'w> {
    storage: &'w Storage,
    work: &'w MergeWork,
    /// Segments that are to be emptied, as files name them; `None` where the output takes the place of the inputs.
    victims: Option<&'w BTreeSet<u32>>,
    writer: RunWriter,
    moving: Moving,
    ahead: ReadAhead,
}

impl Merging<'_> {
    async fn merge(&mut self) -> Result<(RunFiles, RecordSums), StorageError> {
        let mut lower: Option<&[u8]> = None;
        loop {
            let begin = lower.map_or(Bound::Unbounded, Bound::Excluded);
            let firsts = self.work.runs.iter().map(|run| {
                let mut files = run.files_between(begin, Bound::Unbounded);
                (files.next(), files.next().is_some())
            });
            // A piece ends with the first file to end which has one behind it.
            let ends = firsts.filter_map(|(file, has_next)| file.filter(|_| has_next));
            let end = ends.map(|file| file.record().last_key.as_slice()).min();
            let span = Span { lower: begin, upper: end.map_or(Bound::Unbounded, Bound::Included) };
            self.merge_piece(span).await?;
            self.ahead.clear();
            if end.is_none() {
                break;
            }
            lower = end;
        }
        self.moving.move_gathered(self.storage, &mut self.writer).await?;
        let output = self.writer.finish().await?;
        let dead = self.dead(&output);
        Ok((output, dead))
    }

    async fn merge_piece(&mut self, span: Span<'_>) -> Result<(), StorageError> {
        let (work, victims) = (self.work, self.victims);
        let ranges = work.runs.iter().enumerate().flat_map(|(place, run)| {
            let is_oldest = place + 1 == work.runs.len();
            run.files_between(span.lower, span.upper).map(move |file| {
                let range = TableRange::new(Rc::clone(file), span, Direction::Forward);
                match victims {
                    // What names none of them hides nothing: no older run is read.
                    Some(victims) if is_oldest => range.naming(victims),
                    _ => range,
                }
            })
        });
        let mut merge = Merge::new(ranges, Direction::Forward);
        let mut slice = Slice::new(&self.storage.runtime, &self.storage.pace);
        loop {
            slice.step().await;
            match merge.step() {
                MergeStep::End => return Ok(()),
                MergeStep::Needs => self.supply(&mut merge, &mut slice).await?,
                MergeStep::Entry => self.take(merge.key(), merge.entry()).await?,
            }
        }
    }

    /// Reads what the inputs wait for, and what they will need after it; past the cache, which is for others. Blocks that were read are a slice of their own.
    async fn supply(&mut self, merge: &mut Merge<'_>, slice: &mut Slice) -> Result<(), StorageError> {
        let needs: Vec<(usize, Needed)> = merge.needs().collect();
        for (source, needed) in needs {
            let table = Rc::clone(merge.range(source).table());
            match needed {
                Needed::Page(page) => merge.supply_page(source, table.read_page(page).await?),
                Needed::Block(block) => {
                    let read = match self.ahead.take(&table, block) {
                        Some(read) => read,
                        None => {
                            self.ahead.read(merge.range(source), block).await?;
                            slice.end().await;
                            self.ahead.take(&table, block).expect("read a moment ago")
                        }
                    };
                    merge.supply_block(source, read);
                }
            }
        }
        Ok(())
    }

    /// An entry that is the newest of its key.
    async fn take(&mut self, key: &[u8], entry: Entry<'_>) -> Result<(), StorageError> {
        let Some(victims) = self.victims else {
            let is_dropped = entry.content == Content::Tombstone && self.work.drops_deletions;
            return if is_dropped { Ok(()) } else { self.writer.push(key, entry).await };
        };
        if let Content::InJournal { item_bytes, place } = entry.content
            && victims.contains(&place.segment)
        {
            self.moving.gather(key, entry.version, (item_bytes, place));
        }
        if self.moving.is_full() { self.moving.move_gathered(self.storage, &mut self.writer).await } else { Ok(()) }
    }

    /// What the inputs kept alive and does not have to be any more.
    fn dead(&self, output: &RunFiles) -> RecordSums {
        let mut dead = RecordSums::new();
        match &self.work.aim {
            Aim::Empty(victims) => {
                let named = self.work.runs.iter().flat_map(|run| run.named_of(victims));
                named.for_each(|(segment, sum)| add_sum(&mut dead, segment, sum));
            }
            Aim::Replace => {
                let named = self.work.runs.iter().flat_map(|run| &*run.named);
                named.for_each(|(segment, sum)| add_sum(&mut dead, *segment, *sum));
                for (segment, sum) in &output.named {
                    let known = dead.get_mut(segment).expect("the output names what its inputs do");
                    known.count -= sum.count;
                    known.payload_bytes -= sum.payload_bytes;
                }
                dead.retain(|_, sum| sum.count > 0);
            }
        }
        dead
    }
}
