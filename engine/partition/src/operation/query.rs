//! Query: the items of one partition key, in the order of their sort keys or against it; of the table or of an index.

use crate::items::ItemBytes;
use crate::reads::Reads;
use crate::walk::Walk;
use crate::{Context, Missing, Partition};
use memtable::{Direction, KeySpan};
use model::operation::{Evaluator, PageBuilder, PageReader, Query, QueryRange, Reply};
use model::{Access, Item};
use std::ops::Bound;

/// Entries from one whose item is not there that are looked at for what else has to be brought.
const ENTRIES_AHEAD: u64 = 64;

/// A query on its way: what is asked, and how far it has come.
#[derive(Clone, Debug)]
pub struct QueryWork {
    /// Which keys.
    pub range: QueryRange,
    /// The request.
    pub request: Query,
    page: Option<PageBuilder>,
    reached: Option<Vec<u8>>,
}

impl QueryWork {
    /// A query that is to begin.
    pub fn new(range: QueryRange, request: Query) -> Self {
        Self { range, request, page: None, reached: None }
    }
}

/// Which entries are walked, which way, and from where.
pub(crate) struct Route<'a> {
    /// The number of the local index, or `None` for the table.
    pub(crate) index: Option<usize>,
    pub(crate) span: KeySpan<'a>,
    pub(crate) direction: Direction,
    /// The last entry that was dealt with.
    pub(crate) reached: &'a mut Option<Vec<u8>>,
}

impl Partition {
    /// Reads one page of the range, which already begins where the caller wants to go on.
    pub(crate) fn query(&mut self, context: &mut Context, work: &mut QueryWork) -> Result<Reply, Missing> {
        let QueryWork { range, request, page: begun, reached } = work;
        let direction = if request.scan_index_forward { Direction::Forward } else { Direction::Reverse };
        let mut page = begun.take().unwrap_or_else(|| request.page());
        let mut last_key = None;
        if !range.keys.is_empty() {
            let Context { evaluator, reads, .. } = context;
            let mut reader = request.reader(evaluator, &self.definition, range);
            let span = KeySpan::between(&range.keys.lower, &range.keys.upper);
            let route = Route { index: range.index, span, direction, reached };
            match self.fill((evaluator, reads), (&mut reader, &mut page), route) {
                Ok(last) => last_key = last,
                Err(missing) => {
                    *begun = Some(page);
                    return Err(missing);
                }
            }
        }
        if self.throughput.is_bounded(Access::Read) {
            self.throughput.take(Access::Read, request.units(&page, range).total());
        }
        Ok(Reply::Query(Box::new(request.reply(&self.definition, range, page, last_key))))
    }

    /// Shows the reader item after item until the page is full or the span ends. Returns the key from which to go on if
    /// the page is full. What has been read stays read where something is missing.
    pub(crate) fn fill(
        &self,
        (evaluator, reads): (&mut Evaluator, &mut Reads),
        (reader, page): (&mut PageReader<'_>, &mut PageBuilder),
        route: Route<'_>,
    ) -> Result<Option<Item>, Missing> {
        let Route { index, span, direction, reached } = route;
        let begin = reached.take();
        let span = span_behind(span, direction, begin.as_deref());
        let mut last = begin.clone();
        let mut walk = match index {
            None => self.items.set().walk(span, direction),
            Some(number) => self.local_indexes.sets[number].walk(span, direction),
        };
        let filled = self.fill_from((&mut walk, index), (evaluator, reads), (reader, page), &mut last);
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
        &self,
        (walk, index): (&mut Walk<'_>, Option<usize>),
        (evaluator, reads): (&mut Evaluator, &mut Reads),
        (reader, page): (&mut PageReader<'_>, &mut PageBuilder),
        last: &mut Option<Vec<u8>>,
    ) -> Result<Option<Item>, Missing> {
        // Entries that are still looked at, once an item is not there.
        let mut ahead_count = None;
        loop {
            let entry = match walk.step(reads) {
                Ok(Some(entry)) => entry,
                Ok(None) => break,
                Err(missing) => return Err(missing),
            };
            let key = entry.key;
            let item = match index {
                None => self.items.item_of_entry(entry, reads).map(Some),
                Some(number) => self.item_of_index_entry(number, key, reads),
            };
            match (item, &mut ahead_count) {
                (Ok(item), None) => {
                    let item = item.expect("an entry of an index leads to an item");
                    reads.count_work(reader.weight() - 1);
                    if !reader.read(evaluator, (item.item(), item.size_bytes()), page) {
                        return Ok(Some(reader.last_evaluated_key(evaluator, item.item())));
                    }
                    let last = last.get_or_insert_default();
                    last.clear();
                    last.extend_from_slice(key);
                }
                (Err(Missing), None) => ahead_count = Some(page.room().min(ENTRIES_AHEAD)),
                (_, Some(_)) => {}
            }
            if let Some(count) = &mut ahead_count {
                *count = count.saturating_sub(1);
                if *count == 0 || reads.wants_enough() {
                    break;
                }
            }
        }
        if ahead_count.is_some() { Err(Missing) } else { Ok(None) }
    }

    fn item_of_index_entry<'a>(
        &'a self,
        number: usize,
        entry: &[u8],
        reads: &mut Reads,
    ) -> Result<Option<ItemBytes<'a>>, Missing> {
        let index = &self.definition.local_indexes[number];
        let mut key = Vec::with_capacity(entry.len());
        self.definition.key_schema.item_key_of_entry(index, entry, &mut key);
        self.applied(reads, &key)
    }
}

/// The part of a span that is left behind an entry.
fn span_behind<'a>(span: KeySpan<'a>, direction: Direction, reached: Option<&'a [u8]>) -> KeySpan<'a> {
    match (reached, direction) {
        (None, _) => span,
        (Some(reached), Direction::Forward) => KeySpan { lower: Bound::Excluded(reached), upper: span.upper },
        (Some(reached), Direction::Reverse) => KeySpan { lower: span.lower, upper: Bound::Excluded(reached) },
    }
}
