//! A place in a data block: its key, put together, and its entry. Goes either way at the same cost.

use crate::block::{Block, RUN_ENTRY_COUNT};
use crate::entry::Entry;
use std::rc::Rc;

/// A place in a block; keeps the block in memory. Lives as long as whoever walks.
///
/// Invariant: `key` is the key of entry `number`, and `starts` are those of its run, each as the bytes from it to the end
/// of all entries.
pub struct BlockCursor {
    block: Rc<Block>,
    number: usize,
    run: Option<usize>,
    starts: [u32; RUN_ENTRY_COUNT],
    key: Vec<u8>,
}

impl BlockCursor {
    /// At the first entry.
    pub(crate) fn new(block: Rc<Block>) -> BlockCursor {
        let mut cursor = BlockCursor { block, number: 0, run: None, starts: [0; RUN_ENTRY_COUNT], key: Vec::new() };
        cursor.place_at(0);
        cursor
    }

    /// Entries of the block.
    pub(crate) fn entry_count(&self) -> usize {
        self.block.entry_count()
    }

    /// Which entry it is at.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// The block that it is in.
    pub(crate) fn block(&self) -> &Rc<Block> {
        &self.block
    }

    /// The key.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// The entry.
    pub(crate) fn entry(&self) -> Entry<'_> {
        let run = self.number / RUN_ENTRY_COUNT;
        self.block.take(&mut self.bytes_at(run, self.number % RUN_ENTRY_COUNT)).entry
    }

    /// Goes to an entry that is there.
    pub(crate) fn place_at(&mut self, number: usize) {
        assert!(number < self.entry_count(), "entry {number} of {}", self.entry_count());
        let run = number / RUN_ENTRY_COUNT;
        if self.run != Some(run) {
            let block = Rc::clone(&self.block);
            let all = block.run_bytes(run);
            let mut rest = all;
            for start in &mut self.starts[..block.entries_in_run(run)] {
                *start = u32::try_from(all.len() - rest.len()).expect("a block is shorter than 4 GiB");
                block.take(&mut rest);
            }
            self.run = Some(run);
        }
        self.number = number;
        let mut key = std::mem::take(&mut self.key);
        let stored = self.block.take(&mut self.bytes_at(run, number % RUN_ENTRY_COUNT));
        let head = self.block.take(&mut self.bytes_at(run, 0)).suffix;
        key.clear();
        key.extend_from_slice(&head[..stored.shared_bytes]);
        key.extend_from_slice(stored.suffix);
        self.key = key;
    }

    fn bytes_at(&self, run: usize, place: usize) -> &[u8] {
        &self.block.run_bytes(run)[self.starts[place] as usize..]
    }
}
