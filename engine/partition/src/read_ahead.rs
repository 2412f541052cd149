//! Blocks of files that are merged, read before they are needed: some at one time, and those behind them meanwhile. Past the cache, which is for others.
//!
//! They are opened one by one, by who needs them: to open all that a read brings would be more than a slice. One a merge. Deliberately not here: index pages,
//! of which there is one for many blocks.

use runtime::{OneShot, Runtime, ShareClass, one_shot};
use sstable::{Block, BlockRef, Stretch, Table, TableError, TableRange, run_count};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// Reads that are on their way for each file: the next one is there when the blocks of one are used up.
const READ_COUNT: usize = 2;
/// Blocks of all of them, and of the one that is waited for: a read takes 64 of a common size.
const BLOCK_COUNT: usize = 256;

/// See the front page.
pub(crate) struct ReadAhead {
    runtime: Runtime,
    /// By file.
    files: HashMap<u64, OfFile>,
}

/// What was read of a file, and will be.
#[derive(Default)]
struct OfFile {
    ready: Option<Stretch>,
    coming: VecDeque<Coming>,
}

/// Blocks that lie side by side, and what their read brings.
struct Coming {
    blocks: Vec<BlockRef>,
    read: OneShot<Result<Stretch, TableError>>,
}

impl ReadAhead {
    pub(crate) fn new(runtime: &Runtime) -> Self {
        Self { runtime: runtime.clone(), files: HashMap::new() }
    }

    /// The block of a file, if it was read.
    pub(crate) fn open(&self, table: &Table, block: BlockRef) -> Option<Result<Rc<Block>, TableError>> {
        let ready = self.files.get(&table.id().0)?.ready.as_ref();
        Some(table.open_in(ready.filter(|stretch| stretch.covers(block))?, block))
    }

    /// Reads the block that a range needs, with some of those that it will need after it; begins to read the next ones.
    pub(crate) async fn read(&mut self, range: &TableRange<'_>, block: BlockRef) -> Result<(), TableError> {
        let of_file = self.files.entry(range.table().id().0).or_default();
        let mut needed = Vec::new();
        range.blocks_ahead(BLOCK_COUNT, &mut needed);
        if of_file.coming.front().is_none_or(|coming| coming.blocks[0].unit != block.unit) {
            of_file.coming.clear();
            of_file.begin(&self.runtime, range.table(), &needed);
        }
        let Coming { blocks, read } = of_file.coming.pop_front().expect("begun, if it was not before");
        let known_count = blocks.len() + of_file.coming.iter().map(|coming| coming.blocks.len()).sum::<usize>();
        let mut rest = needed.get(known_count..).unwrap_or_default();
        while of_file.coming.len() < READ_COUNT && !rest.is_empty() {
            rest = &rest[of_file.begin(&self.runtime, range.table(), rest)..];
        }
        of_file.ready = None;
        of_file.ready = Some(read.await.expect("a read comes to an end")?);
        Ok(())
    }

    /// Nothing that was read is needed any more.
    pub(crate) fn clear(&mut self) {
        self.files.clear();
    }
}

impl OfFile {
    /// Begins to read the first of `blocks` and those that one read brings with it. How many these are.
    fn begin(&mut self, runtime: &Runtime, table: &Rc<Table>, blocks: &[BlockRef]) -> usize {
        let blocks = blocks[..run_count(blocks)].to_vec();
        let (table, of_task, count) = (Rc::clone(table), blocks.clone(), blocks.len());
        let (sender, read) = one_shot();
        runtime.spawn(ShareClass::Background, async move { sender.send(table.read_stretch(&of_task).await) });
        self.coming.push_back(Coming { blocks, read });
        count
    }
}
