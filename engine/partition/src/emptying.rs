//! Emptying segments of the journal: the entries of some runs that name records in them, each looked for in the runs above; what is in none is live, and moved.
//!
//! ```text
//! runs that name a victim -> entries that do, by key -> batch: filters of the runs above pass over nearly all that are not there
//!                                                           -> blocks of those above that may have a key, read together -> is not there: moved
//! ```
//!
//! So of the runs above no more is read than what may hide one of these entries, and an entry that names no victim costs no more than its decoding. One a
//! merge, in the background. Deliberately not here: how records are moved (`moving.rs`), and what becomes of the runs (`merge.rs`).

use crate::merge::{piece, supply};
use crate::moving::Moving;
use crate::pace::Slice;
use crate::read_ahead::ReadAhead;
use crate::read_pipeline::ReadPipeline;
use crate::record_sums::RecordSums;
use crate::run::Run;
use crate::storage::{RunWriter, Storage, StorageError};
use journal::SegmentId;
use sstable::{
    Block, BlockRef, Content, Direction, Entry, IndexPage, JournalPlace, Merge, MergeStep, SoughtKey, Span, Table,
    TableRange,
};
use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound;
use std::rc::Rc;

/// Entries that are looked for together.
const BATCH_COUNT: usize = 4_096;
/// Units between two blocks that are read with them.
const GAP_UNITS_MAX: u32 = 2;
/// Units from the first block to the last that are read together.
const STRETCH_UNITS_MAX: u32 = 32;
/// Such reads at one time.
const READ_COUNT_MAX: usize = 8;

/// See the front page.
pub(crate) struct Emptying<'w> {
    storage: &'w Storage,
    /// Newest first.
    runs: &'w [Run],
    batch: Batch,
    /// Of each run the index page that was asked last: keys ascend.
    pages: Vec<Option<(PageId, Rc<IndexPage>)>>,
    ahead: ReadAhead,
    slice: Slice,
    moving: Moving,
}

/// A file, and the number of a page in it.
type PageId = (u64, usize);

/// Entries in the order of their keys.
#[derive(Default)]
struct Batch {
    keys: Vec<u8>,
    candidates: Vec<Candidate>,
}

/// An entry that names a record in a victim, the newest that does of its key.
struct Candidate {
    /// Where its key ends among all keys; it begins where the one before it ends.
    key_end: usize,
    /// The place of its run.
    run: usize,
    version: u64,
    item_bytes: u32,
    place: JournalPlace,
    /// A run above has the key.
    is_superseded: bool,
}

/// A block of a run above that may have the key of an entry, which is given by its place in the batch.
struct Suspect {
    table: Rc<Table>,
    block: BlockRef,
    candidate: usize,
}

impl<'w> Emptying<'w> {
    pub(crate) fn new(storage: &'w Storage, runs: &'w [Run]) -> Self {
        Self {
            storage,
            runs,
            batch: Batch::default(),
            pages: vec![None; runs.len()],
            ahead: ReadAhead::new(&storage.runtime),
            slice: Slice::new(&storage.runtime),
            moving: Moving::default(),
        }
    }

    /// All copies that were made.
    pub(crate) fn into_copies(self) -> RecordSums {
        self.moving.into_copies()
    }

    /// Moves what is live in the victims, and writes the entries of it with their new places.
    ///
    /// # Errors
    /// If something cannot be read or written. The copies that were made until then are known.
    pub(crate) async fn run(
        &mut self,
        victims: &BTreeSet<SegmentId>,
        writer: &mut RunWriter,
    ) -> Result<(), StorageError> {
        let runs = self.runs;
        let naming: Vec<usize> = (0..runs.len()).filter(|place| runs[*place].names_any(victims)).collect();
        let victims: BTreeSet<u32> = victims.iter().map(|segment| segment.0).collect();
        let mut lower: Option<&[u8]> = None;
        loop {
            let span = piece(naming.iter().map(|place| &runs[*place]), lower);
            self.gather_piece(span, &naming, (&victims, writer)).await?;
            self.ahead.clear();
            let Bound::Included(end) = span.upper else { break };
            lower = Some(end);
        }
        self.resolve(writer).await?;
        self.moving.move_gathered(self.storage, writer).await
    }

    /// The entries of a piece of the key space that name a victim.
    async fn gather_piece(
        &mut self,
        span: Span<'_>,
        naming: &[usize],
        (victims, writer): (&BTreeSet<u32>, &mut RunWriter),
    ) -> Result<(), StorageError> {
        let runs = self.runs;
        let files = naming.iter().flat_map(|place| {
            let files = runs[*place].files_between(span.lower, span.upper);
            files.map(move |file| (*place, TableRange::new(Rc::clone(file), span, Direction::Forward).naming(victims)))
        });
        let (run_of, ranges): (Vec<usize>, Vec<TableRange<'_>>) = files.unzip();
        let mut merge = Merge::new(ranges, Direction::Forward);
        loop {
            self.slice.step().await;
            match merge.step() {
                MergeStep::End => return Ok(()),
                MergeStep::Needs => supply(&mut merge, &mut self.ahead).await?,
                MergeStep::Entry => {
                    self.batch.push(merge.key(), merge.entry(), run_of[merge.source()]);
                    if self.batch.candidates.len() == BATCH_COUNT {
                        self.resolve(writer).await?;
                    }
                }
            }
        }
    }

    /// Finds out what of the batch is live, and has it moved.
    async fn resolve(&mut self, writer: &mut RunWriter) -> Result<(), StorageError> {
        let mut batch = std::mem::take(&mut self.batch);
        let suspects = self.suspects(&batch).await?;
        self.look_at(suspects, &mut batch).await?;
        for (key, candidate) in batch.iter().filter(|(_, candidate)| !candidate.is_superseded) {
            let Candidate { version, item_bytes, place, .. } = *candidate;
            self.moving.gather(key, version, (item_bytes, place));
            if self.moving.is_full(self.storage) {
                self.moving.move_gathered(self.storage, writer).await?;
            }
        }
        batch.clear();
        self.batch = batch;
        Ok(())
    }

    /// The blocks of the runs above that may have a key of the batch.
    async fn suspects(&mut self, batch: &Batch) -> Result<Vec<Suspect>, StorageError> {
        let runs = self.runs;
        let mut suspects = Vec::new();
        for (number, (key, candidate)) in batch.iter().enumerate() {
            self.slice.step().await;
            let sought = SoughtKey::new(key);
            for (place, run) in runs[..candidate.run].iter().enumerate() {
                let Some((table, page)) = run.page_of(&sought) else { continue };
                let page = self.page(place, table, page).await?;
                if let Some(block) = page.probe(&sought) {
                    suspects.push(Suspect { table: Rc::clone(table), block, candidate: number });
                }
            }
        }
        Ok(suspects)
    }

    async fn page(&mut self, run: usize, table: &Rc<Table>, number: usize) -> Result<Rc<IndexPage>, StorageError> {
        let id = (table.id().0, number);
        if let Some((_, page)) = self.pages[run].as_ref().filter(|(known, _)| *known == id) {
            return Ok(Rc::clone(page));
        }
        let page = match table.resident_page(number) {
            Some(page) => page,
            None => table.read_page(table.page(number)).await?,
        };
        self.pages[run] = Some((id, Rc::clone(&page)));
        Ok(page)
    }

    /// Reads the blocks, and notes which entries are superseded.
    async fn look_at(&mut self, mut suspects: Vec<Suspect>, batch: &mut Batch) -> Result<(), StorageError> {
        suspects.sort_unstable_by_key(|suspect| (suspect.table.id(), suspect.block.unit, suspect.candidate));
        let mut rest = VecDeque::from(suspects);
        let mut reads = ReadPipeline::new(&self.storage.runtime, READ_COUNT_MAX);
        loop {
            while reads.has_room()
                && let Some(together) = take_together(&mut rest)
            {
                let table = Rc::clone(&together[0].table);
                let blocks: Vec<BlockRef> = together.iter().map(|suspect| suspect.block).collect();
                reads.begin(together, async move { table.read_stretch(&blocks).await });
            }
            let Some((together, stretch)) = reads.next().await else { return Ok(()) };
            let stretch = stretch?;
            let mut at: Option<(u32, Rc<Block>)> = None;
            for Suspect { table, block, candidate } in together {
                self.slice.step().await;
                let data = match at.take_if(|(unit, _)| *unit == block.unit) {
                    Some((_, data)) => data,
                    None => table.open_in(&stretch, block)?,
                };
                let (key, _) = batch.get(candidate);
                let is_there = data.find(key).is_some();
                batch.candidates[candidate].is_superseded |= is_there;
                at = Some((block.unit, data));
            }
        }
    }
}

/// The first suspects whose blocks lie close together in one file.
fn take_together(suspects: &mut VecDeque<Suspect>) -> Option<Vec<Suspect>> {
    let first = suspects.pop_front()?;
    let (file, begin, mut end) = (first.table.id(), first.block.unit, end_of(first.block));
    let mut together = vec![first];
    while let Some(next) = suspects.front() {
        let is_close = next.table.id() == file
            && next.block.unit <= end + GAP_UNITS_MAX
            && end_of(next.block) - begin <= STRETCH_UNITS_MAX;
        if !is_close {
            break;
        }
        end = end.max(end_of(next.block));
        together.extend(suspects.pop_front());
    }
    Some(together)
}

fn end_of(block: BlockRef) -> u32 {
    block.unit + u32::from(block.units)
}

impl Batch {
    fn push(&mut self, key: &[u8], entry: Entry<'_>, run: usize) {
        let Content::InJournal { item_bytes, place } = entry.content else {
            panic!("an entry that names a segment names a record")
        };
        self.keys.extend_from_slice(key);
        let (key_end, version) = (self.keys.len(), entry.version);
        self.candidates.push(Candidate { key_end, run, version, item_bytes, place, is_superseded: false });
    }

    fn get(&self, number: usize) -> (&[u8], &Candidate) {
        let key_begin = number.checked_sub(1).map_or(0, |before| self.candidates[before].key_end);
        let candidate = &self.candidates[number];
        (&self.keys[key_begin..candidate.key_end], candidate)
    }

    fn iter(&self) -> impl Iterator<Item = (&[u8], &Candidate)> {
        (0..self.candidates.len()).map(|number| self.get(number))
    }

    fn clear(&mut self) {
        self.keys.clear();
        self.candidates.clear();
    }
}
