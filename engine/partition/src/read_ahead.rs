//! Blocks of files that are merged, read before they are needed: some at one time, and those behind them meanwhile. Past the cache, which is for others.
//!
//! They are opened one by one, by who needs them: to open all that a read brings would be more than a slice. One a merge. Deliberately not here: index pages,
//! of which there is one for many blocks.

use crate::read_pipeline::ReadPipeline;
use runtime::Runtime;
use sstable::{Block, BlockRef, Stretch, Table, TableError, TableRange, adjacent_count};
use std::collections::HashMap;
use std::rc::Rc;

/// Reads at a time for each file: the one that is waited for, and those that will be there when its blocks are used up.
const READ_COUNT: usize = 3;
/// Blocks of all of them: a read takes 32 of a common size.
const BLOCK_COUNT: usize = 32 * READ_COUNT;

/// See the front page.
pub(crate) struct ReadAhead {
    runtime: Runtime,
    /// By file.
    files: HashMap<u64, OfFile>,
}

/// What was read of a file, and will be: blocks that lie side by side.
struct OfFile {
    ready: Option<Stretch>,
    coming: ReadPipeline<Vec<BlockRef>, Result<Stretch, TableError>>,
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
        let of_file = self.files.entry(range.table().id().0);
        let OfFile { ready, coming } =
            of_file.or_insert_with(|| OfFile { ready: None, coming: ReadPipeline::new(&self.runtime, READ_COUNT) });
        if coming.plans().next().is_none_or(|blocks| blocks[0].unit != block.unit) {
            coming.clear();
        }
        let mut needed = Vec::new();
        range.blocks_ahead(BLOCK_COUNT, &mut needed);
        let known_count = coming.plans().map(Vec::len).sum();
        let mut rest = needed.get(known_count..).unwrap_or_default();
        while coming.has_room() && !rest.is_empty() {
            let (next, others) = rest.split_at(adjacent_count(rest));
            let (table, blocks) = (Rc::clone(range.table()), next.to_vec());
            coming.begin(next.to_vec(), async move { table.read_stretch(&blocks).await });
            rest = others;
        }
        *ready = None;
        let (_, read) = coming.next().await.expect("the needed block is the first of those ahead");
        *ready = Some(read?);
        Ok(())
    }

    /// Nothing that was read is needed any more.
    pub(crate) fn clear(&mut self) {
        self.files.clear();
    }
}
