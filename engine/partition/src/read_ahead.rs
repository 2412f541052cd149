//! Blocks of files that are merged, read before they are needed: some at one time, and those behind them meanwhile. Past the cache, which is for others.
//!
//! One a merge. Deliberately not here: index pages, of which there is one for many blocks.

use runtime::{OneShot, Runtime, ShareClass, one_shot};
use sstable::{Block, BlockRef, Table, TableError, TableRange};
use std::collections::HashMap;
use std::rc::Rc;

/// Blocks that are read at one time.
const BLOCK_COUNT: usize = 32;

/// A block, by its file and where it lies there.
type BlockId = (u64, u32);

/// What a read brings.
type Read = Result<Vec<Rc<Block>>, TableError>;

/// See the front page.
pub(crate) struct ReadAhead {
    runtime: Runtime,
    ready: HashMap<BlockId, Rc<Block>>,
    /// Blocks that are being read, by the first of them.
    coming: HashMap<BlockId, (Vec<BlockRef>, OneShot<Read>)>,
}

impl ReadAhead {
    pub(crate) fn new(runtime: &Runtime) -> Self {
        Self { runtime: runtime.clone(), ready: HashMap::new(), coming: HashMap::new() }
    }

    /// The block of a file, if it was read.
    pub(crate) fn take(&mut self, table: &Table, block: BlockRef) -> Option<Rc<Block>> {
        self.ready.remove(&(table.id().0, block.unit))
    }

    /// Reads the block that a range needs, with some of those that it will need after it; begins to read the next ones.
    pub(crate) async fn read(&mut self, range: &TableRange<'_>, block: BlockRef) -> Result<(), TableError> {
        let table = Rc::clone(range.table());
        let file = table.id().0;
        let mut needed = Vec::new();
        range.blocks_ahead(2 * BLOCK_COUNT, &mut needed);
        let (blocks, read) = match self.coming.remove(&(file, block.unit)) {
            Some((blocks, read)) => (blocks, read.await.expect("a read comes to an end")?),
            None => {
                let blocks = needed[..BLOCK_COUNT.min(needed.len())].to_vec();
                let read = table.read_run(&blocks).await?;
                (blocks, read)
            }
        };
        let next: Vec<BlockRef> = needed.iter().skip(read.len()).take(BLOCK_COUNT).copied().collect();
        self.ready.extend(blocks.iter().zip(read).map(|(block, data)| ((file, block.unit), data)));
        if let Some(first) = next.first() {
            self.coming.insert((file, first.unit), self.begin(table, next));
        }
        Ok(())
    }

    /// Nothing that was read is needed any more.
    pub(crate) fn clear(&mut self) {
        self.ready.clear();
        self.coming.clear();
    }

    fn begin(&self, table: Rc<Table>, blocks: Vec<BlockRef>) -> (Vec<BlockRef>, OneShot<Read>) {
        let (sender, read) = one_shot();
        let of_task = blocks.clone();
        self.runtime.spawn(ShareClass::Background, async move { sender.send(table.read_run(&of_task).await) });
        (blocks, read)
    }
}
