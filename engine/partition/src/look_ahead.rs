//! Looking for keys in the cache and in files ahead of the operations on them: for a few operations together, step by step, so that their cache misses overlap.
//!
//! ```text
//! the item in the cache -> there: its bytes
//!                       -> not: filters of the runs -> separators of the first that may have the key -> its block in the cache
//! ```
//!
//! On the way to the filters it is the misses of a key's runs that overlap; before and behind, those of the keys. It changes nothing but for the mark of an index
//! page that it was used. What comes of it is where the look for the key goes on, [`Foreseen`]: its operation finds it with [`Reads`], so that nothing is looked
//! for twice. Deliberately not here: the look itself (`table_set.rs`), and which operations are done together (the engine).

use crate::Partition;
use crate::reads::{FilesId, Reads};
use crate::table_set::{PageOfFile, RUN_GROUP_COUNT, TableSet, pages_for};
use model::EncodedKey;
use sstable::{Ahead, BlockRef, PieceAhead, SoughtKey, Table};
use std::rc::Rc;

/// See the front page. Of one key.
pub struct LookAhead<'p> {
    set: &'p TableSet,
    files: FilesId,
    key: &'p EncodedKey,
    sought: SoughtKey<'p>,
    /// Of the newest runs, when their filters were asked for.
    pages: [Option<PageOfFile<'p>>; RUN_GROUP_COUNT],
    step: Step,
}

/// What has been asked for.
enum Step {
    /// The item's place in the cache, and what is behind it.
    Item(PieceAhead),
    /// Filters of the newest runs.
    Filters,
    /// The separators of the page that may lead to the key, by the number of its run.
    Separators(usize),
    /// The place in the cache of the block that the key may be in, and what is behind it.
    Block { foreseen: Foreseen, ahead: PieceAhead },
    /// There is no more to ask for.
    Done(Option<Foreseen>),
}

/// Where the look for a key goes on: the newest runs do not have it.
#[derive(Clone)]
pub struct Foreseen {
    pub(crate) key: EncodedKey,
    pub(crate) files: FilesId,
    pub(crate) passed_count: usize,
    /// Where the next one may have it, if that is known.
    pub(crate) block: Option<(Rc<Table>, BlockRef)>,
}

impl Foreseen {
    /// Runs that do not have the key, the newest ones.
    pub fn passed_count(&self) -> usize {
        self.passed_count
    }

    /// Whether it says in which block of the next run the key may be.
    pub fn has_block(&self) -> bool {
        self.block.is_some()
    }
}

impl<'p> LookAhead<'p> {
    /// Begins to look for the key of an operation on an item; `None` if there are no files.
    pub fn begin(partition: &'p Partition, key: &'p EncodedKey, reads: &Reads) -> Option<Self> {
        let (set, owner) = (partition.items.set(), partition.id());
        if set.runs().is_empty() {
            return None;
        }
        let sought = SoughtKey::new(key);
        let step = Step::Item(PieceAhead::item(&reads.cache, owner.0, &sought));
        let files = set.files_id(owner);
        Some(Self { set, files, key, sought, pages: [const { None }; RUN_GROUP_COUNT], step })
    }

    /// The next step. Whether there is a further one.
    pub fn advance(&mut self, reads: &Reads) -> bool {
        self.step = match std::mem::replace(&mut self.step, Step::Done(None)) {
            Step::Item(mut ahead) => match ahead.advance(&reads.cache) {
                Ahead::Further => Step::Item(ahead),
                Ahead::There => Step::Done(None),
                Ahead::Absent => {
                    let newest = &self.set.runs()[..self.set.runs().len().min(RUN_GROUP_COUNT)];
                    self.pages = pages_for(newest, &self.sought);
                    Step::Filters
                }
            },
            Step::Filters => self.pass_runs(),
            Step::Separators(run) => self.block_in(run, reads),
            Step::Block { foreseen, mut ahead } => match ahead.advance(&reads.cache) {
                Ahead::Further => Step::Block { foreseen, ahead },
                Ahead::There | Ahead::Absent => Step::Done(Some(foreseen)),
            },
            Step::Done(foreseen) => Step::Done(foreseen),
        };
        !matches!(self.step, Step::Done(_))
    }

    /// What has come of it.
    pub fn into_foreseen(self) -> Option<Foreseen> {
        match self.step {
            Step::Done(foreseen) => foreseen,
            Step::Block { foreseen, .. } => Some(foreseen),
            Step::Item(_) | Step::Filters | Step::Separators(_) => None,
        }
    }

    /// Passes the runs that do not have the key, up to the first that may.
    fn pass_runs(&self) -> Step {
        let mut passed_count = 0;
        for page in self.pages.iter().take(self.set.runs().len()) {
            match page {
                // The key is outside of the run.
                None => {}
                // Its page has to be read first.
                Some(PageOfFile { resident: None, .. }) => break,
                Some(PageOfFile { resident: Some(page), .. }) if page.may_contain(&self.sought) => {
                    page.prefetch_block_of(&self.sought);
                    return Step::Separators(passed_count);
                }
                Some(_) => {}
            }
            passed_count += 1;
        }
        Step::Done(Some(self.foresee(passed_count, None)))
    }

    /// The block of a run that the key is in, if it is in that run.
    fn block_in(&self, run: usize, reads: &Reads) -> Step {
        let Some(PageOfFile { file, resident: Some(page), .. }) = &self.pages[run] else {
            panic!("the page of run {run} said that the key may be there")
        };
        match page.block_of(&self.sought) {
            None => Step::Done(Some(self.foresee(run + 1, None))),
            Some(block) => {
                let ahead = PieceAhead::block(&reads.cache, file.id(), block);
                Step::Block { foreseen: self.foresee(run, Some((Rc::clone(file), block))), ahead }
            }
        }
    }

    fn foresee(&self, passed_count: usize, block: Option<(Rc<Table>, BlockRef)>) -> Foreseen {
        Foreseen { key: self.key.clone(), files: self.files, passed_count, block }
    }
}
