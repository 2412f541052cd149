//! Query: the items of one partition key, in the order of their sort keys or against it; of the table or of an index.

use crate::{Context, Partition};
use memtable::{Direction, KeySpan};
use model::operation::{Evaluator, PageBuilder, PageReader, Query, QueryRange, Reply};
use model::{Access, Item, ItemRef};

/// Which entries are walked, and which way.
#[derive(Clone, Copy)]
pub(crate) struct Walk<'a> {
    /// The number of the local index, or `None` for the table.
    pub(crate) index: Option<usize>,
    pub(crate) span: KeySpan<'a>,
    pub(crate) direction: Direction,
}

impl Partition {
    /// Reads one page of `range`, which already begins where the caller wants to go on.
    pub(crate) fn query(&mut self, context: &mut Context, range: &QueryRange, request: &Query) -> Reply {
        let direction = if request.scan_index_forward { Direction::Forward } else { Direction::Reverse };
        let mut page = request.page();
        let mut last_key = None;
        if !range.keys.is_empty() {
            let span = KeySpan::between(&range.keys.lower, &range.keys.upper);
            let evaluator = &mut context.evaluator;
            let mut reader = request.reader(evaluator, &self.definition, range);
            last_key = self.fill(evaluator, (&mut reader, &mut page), Walk { index: range.index, span, direction });
        }
        if self.throughput.is_bounded(Access::Read) {
            self.throughput.take(Access::Read, request.units(&page, range).total());
        }
        Reply::Query(Box::new(request.reply(&self.definition, range, page, last_key)))
    }

    /// Shows the reader item after item until the page is full or the span ends. Returns the key from which to go on if
    /// the page is full.
    pub(crate) fn fill(
        &self,
        evaluator: &mut Evaluator,
        (reader, page): (&mut PageReader<'_>, &mut PageBuilder),
        walk: Walk<'_>,
    ) -> Option<Item> {
        let Some(number) = walk.index else {
            for (_, image) in self.memtables.range(walk.span, walk.direction) {
                let item = ItemRef::from_trusted(image);
                if !reader.read(evaluator, item, page) {
                    return Some(reader.last_evaluated_key(evaluator, item));
                }
            }
            return None;
        };
        let index = &self.definition.local_indexes[number];
        let mut key = Vec::new();
        for entry in self.local_indexes.set(number).range(walk.span, walk.direction) {
            key.clear();
            self.definition.key_schema.item_key_of_entry(index, entry.key, &mut key);
            let item = self.applied(&key).expect("an entry of an index leads to an item");
            if !reader.read(evaluator, item, page) {
                return Some(reader.last_evaluated_key(evaluator, item));
            }
        }
        None
    }
}
