//! Filling a page of a Query or a Scan with the items that a walk comes to.
//!
//! What has been read stays read where something has to be brought first: the route says how far it has come. Deliberately not here: which items a page
//! takes and when it is full (`model::operation::PageReader`).

use crate::items::ItemBytes;
use crate::reads::Reads;
use crate::walk::{Walk, WalkEntry};
use crate::{Missing, Partition};
use memtable::{Direction, KeySpan};
use model::Item;
use model::operation::{Evaluator, PageBuilder, PageReader};
use std::ops::Bound;

/// Entries from one whose item is not there that are looked at for what else has to be brought.
const ENTRIES_AHEAD: u64 = 64;

/// Which entries are walked, which way, and from where.
pub(crate) struct Route<'a> {
    /// The number of the local index, or `None` for the table.
    pub(crate) index: Option<usize>,
    pub(crate) span: KeySpan<'a>,
    pub(crate) direction: Direction,
    /// The last entry that was dealt with.
    pub(crate) reached: &'a mut Option<Vec<u8>>,
}

/// A page that is being filled. Lives for one turn of an operation.
pub(crate) struct PageFill<'a, 'r> {
    pub(crate) partition: &'a Partition,
    pub(crate) evaluator: &'a mut Evaluator,
    pub(crate) reads: &'a mut Reads,
    pub(crate) reader: &'a mut PageReader<'r>,
    pub(crate) page: &'a mut PageBuilder,
}

impl PageFill<'_, '_> {
    /// Shows the reader item after item until the page is full or the span ends. Returns the key from which to go on if
    /// the page is full.
    ///
    /// # Errors
    /// If something has to be brought first, or the turn is over.
    pub(crate) fn fill(&mut self, route: Route<'_>) -> Result<Option<Item>, Missing> {
        let Route { index, span, direction, reached } = route;
        let begin = reached.take();
        let span = span_behind(span, direction, begin.as_deref());
        let mut last = begin.clone();
        let mut walk = match index {
            None => self.partition.items.set().walk(span, direction),
            Some(number) => self.partition.local_indexes.sets[number].walk(span, direction),
        };
        let filled = self.fill_from(&mut walk, index, &mut last);
        match (filled, walk.cut()) {
            (Ok(None), Some(cut)) => {
                *reached = Some(cut.to_vec());
                Err(Missing)
            }
            (Ok(done), _) => Ok(done),
            (Err(missing), _) => {
                *reached = last;
                Err(missing)
            }
        }
    }

    fn fill_from(
        &mut self,
        walk: &mut Walk<'_>,
        index: Option<usize>,
        last: &mut Option<Vec<u8>>,
    ) -> Result<Option<Item>, Missing> {
        while let Some(entry) = walk.step(self.reads)? {
            let key = entry.key;
            let item = match item_of(self.partition, index, entry, self.reads) {
                Ok(item) => item,
                Err(missing) => {
                    self.look_ahead(walk, index);
                    return Err(missing);
                }
            };
            self.reads.count_work(self.reader.weight() - 1);
            if !self.reader.read(self.evaluator, (item.item(), item.size_bytes()), self.page) {
                return Ok(Some(self.reader.last_evaluated_key(self.evaluator, item.item())));
            }
            let last = last.get_or_insert_default();
            last.clear();
            last.extend_from_slice(key);
        }
        Ok(None)
    }

    /// Notes what has to be brought for the items behind one that is missing, as many as the page has room for.
    fn look_ahead(&mut self, walk: &mut Walk<'_>, index: Option<usize>) {
        for _ in 1..self.page.room().min(ENTRIES_AHEAD) {
            if self.reads.wants_enough() {
                return;
            }
            let Ok(Some(entry)) = walk.step(self.reads) else { return };
            // Missing or not: it is read when its turn comes.
            let _ = item_of(self.partition, index, entry, self.reads);
        }
    }
}

/// The item that an entry of the table or of an index leads to.
fn item_of<'a>(
    partition: &'a Partition,
    index: Option<usize>,
    entry: WalkEntry<'a>,
    reads: &mut Reads,
) -> Result<ItemBytes<'a>, Missing> {
    let Some(number) = index else { return partition.items.item_of_entry(entry, reads) };
    let index = &partition.definition.local_indexes[number];
    let mut key = Vec::with_capacity(entry.key.len());
    partition.definition.key_schema.item_key_of_entry(index, entry.key, &mut key);
    Ok(partition.applied(reads, partition.tagged(&key))?.expect("an entry of an index leads to an item"))
}

/// The part of a span that is left behind an entry.
fn span_behind<'a>(span: KeySpan<'a>, direction: Direction, reached: Option<&'a [u8]>) -> KeySpan<'a> {
    match (reached, direction) {
        (None, _) => span,
        (Some(reached), Direction::Forward) => KeySpan { lower: Bound::Excluded(reached), upper: span.upper },
        (Some(reached), Direction::Reverse) => KeySpan { lower: span.lower, upper: Bound::Excluded(reached) },
    }
}
