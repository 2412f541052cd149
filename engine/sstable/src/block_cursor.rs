//! A place in a data block: its key, put together, and its entry. Goes either way at the same cost.

use crate::block::{Block, INTERVAL_ENTRY_COUNT};
use crate::entry::{Content, Entry, StoredEntry};
use std::collections::BTreeSet;
use std::rc::Rc;

/// A place in a block; keeps the block in memory. Lives as long as whoever walks.
///
/// Invariants: 1. `key` is the key of entry `number`, and `head` the first key of its interval. 2. The first `known_count` of `starts` are those of entries of its
/// interval, each as the bytes from the interval's start: as many as were come to, and one more. So going forward decodes each entry once.
pub(crate) struct BlockCursor {
    block: Rc<Block>,
    number: usize,
    interval: Option<usize>,
    head: Vec<u8>,
    starts: [u32; INTERVAL_ENTRY_COUNT + 1],
    known_count: usize,
    key: Vec<u8>,
}

impl BlockCursor {
    /// At the first entry.
    pub(crate) fn new(block: Rc<Block>) -> BlockCursor {
        let starts = [0; INTERVAL_ENTRY_COUNT + 1];
        let (head, key) = (Vec::new(), Vec::new());
        let mut cursor = BlockCursor { block, number: 0, interval: None, head, starts, known_count: 0, key };
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

    /// The key.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// The entry.
    pub(crate) fn entry(&self) -> Entry<'_> {
        let interval = self.block.interval_bytes(self.number / INTERVAL_ENTRY_COUNT);
        self.block.take(&mut &interval[self.starts[self.number % INTERVAL_ENTRY_COUNT] as usize..]).entry
    }

    /// Goes to an entry that is there.
    pub(crate) fn place_at(&mut self, number: usize) {
        let block = Rc::clone(&self.block);
        let stored = self.decode(&block, number);
        stored.key.assemble(&self.head, &mut self.key);
        self.number = number;
    }

    /// The first entry from `number` on that names a record in one of these segments of the journal. The cursor stays where it is, and has to go there or
    /// on to another block.
    pub(crate) fn find_naming(&mut self, number: usize, segments: &BTreeSet<u32>) -> Option<usize> {
        let block = Rc::clone(&self.block);
        let names = |entry: Entry<'_>| match entry.content {
            Content::InJournal { place, .. } => segments.contains(&place.segment),
            Content::Tombstone | Content::Inline { .. } | Content::BareKey { .. } => false,
        };
        (number..self.entry_count()).find(|number| names(self.decode(&block, *number).entry))
    }

    /// Decodes an entry; notes where those up to the next one start, and the first key of its interval.
    fn decode<'b>(&mut self, block: &'b Block, number: usize) -> StoredEntry<'b> {
        assert!(number < block.entry_count(), "entry {number} of {}", block.entry_count());
        let (interval, place) = (number / INTERVAL_ENTRY_COUNT, number % INTERVAL_ENTRY_COUNT);
        if self.interval != Some(interval) {
            self.interval = Some(interval);
            self.known_count = 1;
        }
        let bytes = block.interval_bytes(interval);
        loop {
            let known = place.min(self.known_count - 1);
            let mut rest = &bytes[self.starts[known] as usize..];
            let stored = block.take(&mut rest);
            if known == 0 {
                self.head.clear();
                self.head.extend_from_slice(stored.key.suffix);
            }
            self.starts[known + 1] = u32::try_from(bytes.len() - rest.len()).expect("a block is shorter than 4 GiB");
            self.known_count = self.known_count.max(known + 2);
            if known == place {
                return stored;
            }
        }
    }
}
