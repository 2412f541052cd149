//! A page of items: what Query and Scan reply, and when one ends.
//!
//! In the way of a request: a `PageReader` is shown each item in turn and fills the page until it is full. A scan that
//! goes on at another partition takes the same `PageBuilder` along.

use super::{CapacityUnits, Choice, ConsumedCapacity, Select, UnitsByIndex};
use crate::Item;
use crate::limits::PAGE_BYTES_MAX;

/// The reply of Query and of Scan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The items, in order; none at all when only their count was asked for.
    pub items: Option<Vec<Item>>,
    /// How many items match.
    pub count: u64,
    /// How many items were evaluated.
    pub scanned_count: u64,
    /// The key of the last item evaluated, when there may be more.
    pub last_evaluated_key: Option<Item>,
    /// When asked for.
    pub consumed: Option<ConsumedCapacity>,
}

/// A page that is being filled.
#[derive(Clone, Debug, PartialEq)]
pub struct PageBuilder {
    items: Option<Vec<Item>>,
    count: u64,
    scanned_count: u64,
    scanned_count_max: u64,
    /// The sizes of what was evaluated: items, or entries of an index.
    size_bytes: usize,
    /// The sizes of the items that were fetched from the table because an index does not hold enough of them.
    fetched_bytes: usize,
    /// What fetching them cost, when strongly consistent; items are rounded one by one.
    fetched_units: CapacityUnits,
}

impl PageBuilder {
    /// An empty page for at most `limit` evaluated items; for any number when there is no limit.
    pub(crate) fn new(limit: Option<i64>, select: &Choice<Select>) -> PageBuilder {
        let counts_only = select.known() == Some(Select::Count);
        PageBuilder {
            items: (!counts_only).then(Vec::new),
            count: 0,
            scanned_count: 0,
            scanned_count_max: limit.and_then(|limit| u64::try_from(limit).ok()).unwrap_or(u64::MAX),
            size_bytes: 0,
            fetched_bytes: 0,
            fetched_units: CapacityUnits::ZERO,
        }
    }

    /// Notes that an item, or an entry of an index, of that size is evaluated.
    pub(crate) fn evaluate(&mut self, size_bytes: usize) {
        self.scanned_count += 1;
        self.size_bytes += size_bytes;
    }

    /// Notes that an item of that size is fetched from the table.
    pub(crate) fn fetch(&mut self, size_bytes: usize) {
        self.fetched_bytes += size_bytes;
        self.fetched_units += CapacityUnits::for_read(size_bytes, true);
    }

    /// Adds an item that matches, unless only their count is wanted.
    pub(crate) fn push(&mut self, item: impl FnOnce() -> Item) {
        self.count += 1;
        if let Some(items) = &mut self.items {
            items.push(item());
        }
    }

    /// Whether no further item may be evaluated.
    // DynamoDB: developer guide, "Paginating table query results": a page ends at its limit or at 1 MB, whichever
    // comes first. Observed: the item that reaches 1 MB is still in the page.
    // Ours: items fetched for an index count too, or small entries could make a page of any size.
    pub fn is_full(&self) -> bool {
        self.scanned_count >= self.scanned_count_max || self.size_bytes + self.fetched_bytes >= PAGE_BYTES_MAX
    }

    /// How many further items may be evaluated, as far as their number goes.
    pub fn room(&self) -> u64 {
        self.scanned_count_max.saturating_sub(self.scanned_count)
    }

    /// What the page has cost: the sum of the sizes of all that was evaluated, rounded up once, of the table or of the
    /// local index with that place in the definition; what was fetched is the table's.
    pub fn units(&self, local_index: Option<usize>, is_consistent: bool) -> UnitsByIndex {
        let evaluated = CapacityUnits::for_read(self.size_bytes, is_consistent);
        let Some(index) = local_index else {
            return UnitsByIndex::of_table(evaluated);
        };
        let half_units = self.fetched_units.half_unit_count();
        let fetched = if is_consistent { half_units } else { half_units / 2 };
        let mut units = UnitsByIndex::of_table(CapacityUnits::from_half_unit_count(fetched));
        units.local_indexes[index] = evaluated;
        units
    }

    /// The page. `last_evaluated_key` is the key of the last item evaluated when the page is full, none at the end of
    /// the range.
    pub(crate) fn finish(self, last_evaluated_key: Option<Item>, consumed: Option<ConsumedCapacity>) -> Page {
        Page { items: self.items, count: self.count, scanned_count: self.scanned_count, last_evaluated_key, consumed }
    }
}
