//! A page of items: what Query and Scan reply, and when one ends.
//!
//! In the way of a request: the owner pushes each item that it evaluates and stops when the page is full. A scan that
//! goes on at another partition takes the same `PageBuilder` along.

use super::{CapacityUnits, Choice, ConsumedCapacity, ReturnConsumedCapacity, Select};
use crate::limits::PAGE_BYTES_MAX;
use crate::{Item, Text};

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
    count_max: u64,
    size_bytes: usize,
}

impl PageBuilder {
    /// An empty page of at most `limit` items; of any number when there is no limit.
    pub fn new(limit: Option<i64>, select: &Choice<Select>) -> PageBuilder {
        let counts_only = select.known() == Some(Select::Count);
        PageBuilder {
            items: (!counts_only).then(Vec::new),
            count: 0,
            count_max: limit.and_then(|limit| u64::try_from(limit).ok()).unwrap_or(u64::MAX),
            size_bytes: 0,
        }
    }

    /// Adds an evaluated item. When it returns false the page is full, and the item is its last.
    // DynamoDB: developer guide, "Paginating table query results": a page ends at its limit or at 1 MB, whichever
    // comes first. Observed: the item that reaches 1 MB is still in the page.
    pub fn push(&mut self, item: Item) -> bool {
        self.count += 1;
        self.size_bytes += item.as_ref().size_bytes();
        if let Some(items) = &mut self.items {
            items.push(item);
        }
        !self.is_full()
    }

    /// Whether no further item may be evaluated.
    pub fn is_full(&self) -> bool {
        self.count >= self.count_max || self.size_bytes >= PAGE_BYTES_MAX
    }

    /// How many more items may be evaluated.
    pub fn remaining_count(&self) -> u64 {
        self.count_max - self.count.min(self.count_max)
    }

    /// What the page has cost: the sum of the sizes of all its items, rounded up once.
    pub fn capacity_units(&self, is_consistent: bool) -> CapacityUnits {
        CapacityUnits::for_read(self.size_bytes, is_consistent)
    }

    /// The page. `last_evaluated_key` is the key of the last item pushed when the page is full, none at the end of
    /// the range.
    pub fn finish(self, last_evaluated_key: Option<Item>, consumed: Option<ConsumedCapacity>) -> Page {
        Page { items: self.items, count: self.count, scanned_count: self.count, last_evaluated_key, consumed }
    }

    /// What the reply tells of the page's cost.
    pub(crate) fn consumed(
        &self,
        asked: &Choice<ReturnConsumedCapacity>,
        table_name: Option<&Text>,
        is_consistent: bool,
    ) -> Option<ConsumedCapacity> {
        ConsumedCapacity::answer(asked, table_name?, self.capacity_units(is_consistent))
    }
}
