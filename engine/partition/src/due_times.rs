//! The due times of a partition's items, in order, while the items of its table expire.
//!
//! One a partition, on its core, from when expiry is switched on (or the partition opened) until it is switched off. A
//! pass over all items fills it, a piece at a time, while `apply` keeps it true for every item that changes. Whether an
//! item is to go is decided anew when its time comes (`expiry.rs`): what is here says only where to look.

use crate::local_indexes::ItemChange;
use crate::memtables::Memtables;
use crate::table_set::{Content, MemtablesOptions, TableSet};
use memtable::{Direction, Entry, KeySpan};
use model::{ItemRef, ValueRef};
use std::ops::Bound;

/// Seconds since 1970 at the front of an entry, big endian.
const SECOND_BYTES: usize = 8;
/// Items that expired longer ago are kept.
// DynamoDB: developer guide, "Using time to live": values more than five years in the past are not deleted.
const AGE_SECONDS_MAX: u64 = 5 * 365 * 24 * 60 * 60;

/// See the front page.
///
/// Invariants:
/// 1. Every applied item that the pass has read, or that has changed since the beginning, has its entry, and no other.
/// 2. Nothing is left to decide about entries before `decided`, until they change.
pub(crate) struct DueTimes {
    attribute_name: String,
    /// Tells apart those that a partition has had.
    generation: u64,
    entries: TableSet,
    entry_count: u64,
    /// Of the last change of an entry.
    version: u64,
    /// Where the pass over the items goes on; `None` once it has read them all.
    unread: Option<Vec<u8>>,
    decided: Vec<u8>,
    entry: Vec<u8>,
}

/// The due times that let an item go, in seconds since 1970, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DueRange {
    first: u64,
    last: u64,
}

impl DueRange {
    /// What is due at a time, if items may stay for `delay_ms` after theirs.
    pub(crate) fn at(now_ms: u64, delay_ms: u64) -> Self {
        Self { first: (now_ms / 1_000).saturating_sub(AGE_SECONDS_MAX), last: now_ms.saturating_sub(delay_ms) / 1_000 }
    }

    /// Whether an item whose time is in `attribute_name` is to go.
    pub(crate) fn contains(&self, item: ItemRef<'_>, attribute_name: &str) -> bool {
        due_second(item, attribute_name).is_some_and(|second| (self.first..=self.last).contains(&second))
    }
}

impl DueTimes {
    /// Nothing yet, of items that expire by that attribute.
    pub(crate) fn new(attribute_name: &str, generation: u64, options: MemtablesOptions) -> Self {
        Self {
            attribute_name: attribute_name.to_owned(),
            generation,
            entries: TableSet::new(Content::Entries, options),
            entry_count: 0,
            version: 0,
            unread: Some(Vec::new()),
            decided: Vec::new(),
            entry: Vec::new(),
        }
    }

    /// The attribute by which items expire.
    pub(crate) fn attribute_name(&self) -> &str {
        &self.attribute_name
    }

    /// Which of those that the partition has had it is.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// The entries, to merge them, and how many there are.
    pub(crate) fn entries_mut(&mut self) -> (&mut TableSet, u64) {
        (&mut self.entries, self.entry_count)
    }

    /// Bytes that the entries hold.
    pub(crate) fn bytes(&self) -> usize {
        self.entries.bytes()
    }

    /// Makes the entry of one item what it is after a change.
    pub(crate) fn apply(&mut self, change: ItemChange<'_>) {
        let second = |item: Option<ItemRef<'_>>| item.and_then(|item| due_second(item, &self.attribute_name));
        let (old, new) = (second(change.old), second(change.new));
        if old == new {
            return;
        }
        if let Some(old) = old {
            self.remove(old, change.key);
        }
        if let Some(new) = new {
            self.add(new, change.key);
        }
    }

    /// Goes on with the pass over all items, for `item_count` of them. Returns whether it is complete.
    pub(crate) fn read_items(&mut self, items: &Memtables, item_count: usize) -> bool {
        let Some(lower) = self.unread.take() else { return true };
        let mut range = items.range(KeySpan::from(&lower), Direction::Forward);
        for (key, image) in range.by_ref().take(item_count) {
            if let Some(second) = due_second(ItemRef::from_trusted(image), &self.attribute_name) {
                self.add(second, key);
            }
        }
        self.unread = range.next().map(|(key, _)| key.to_vec());
        self.unread.is_none()
    }

    /// The first entries that nothing is decided about and whose time has come.
    pub(crate) fn due(&self, range: DueRange, entry_count: usize) -> Vec<Vec<u8>> {
        let first = range.first.to_be_bytes();
        let upper = range.last.saturating_add(1).to_be_bytes();
        let span =
            KeySpan { lower: Bound::Included(self.decided.as_slice().max(&first)), upper: Bound::Excluded(&upper) };
        let due = self.entries.range(span, Direction::Forward);
        due.take(entry_count).map(|found| found.key.to_vec()).collect()
    }

    /// It is decided what becomes of the item of an entry, and of all entries before it.
    pub(crate) fn set_decided(&mut self, mut entry: Vec<u8>) {
        // The first bytes after the entry.
        entry.push(0);
        self.decided = entry;
    }

    fn add(&mut self, second: u64, key: &[u8]) {
        self.encode(second, key);
        if self.has_entry() {
            return;
        }
        self.version += 1;
        self.entries.insert(&self.entry, self.version, Entry::Put(&[]));
        self.entry_count += 1;
        if self.entry < self.decided {
            self.decided.clone_from(&self.entry);
        }
    }

    /// The entry may not be there: the pass has not read every item.
    fn remove(&mut self, second: u64, key: &[u8]) {
        self.encode(second, key);
        if self.has_entry() {
            self.version += 1;
            self.entries.insert(&self.entry, self.version, Entry::Tombstone);
            self.entry_count -= 1;
        }
    }

    fn encode(&mut self, second: u64, key: &[u8]) {
        self.entry.clear();
        self.entry.extend_from_slice(&second.to_be_bytes());
        self.entry.extend_from_slice(key);
    }

    fn has_entry(&self) -> bool {
        self.entries.find_newest(&self.entry).is_some_and(|found| found.entry != Entry::Tombstone)
    }
}

/// The encoded key of the item of an entry.
pub(crate) fn item_key(entry: &[u8]) -> &[u8] {
    &entry[SECOND_BYTES..]
}

/// When an item is due, in seconds since 1970, without what is behind the point. None for an item without the
/// attribute, with another type than a number, and with a number that is no time: they do not expire.
fn due_second(item: ItemRef<'_>, attribute_name: &str) -> Option<u64> {
    let ValueRef::N(number) = item.attribute(attribute_name)? else { return None };
    if number.is_negative() {
        return None;
    }
    let power = 10_u128.checked_pow(u32::from(number.exponent().unsigned_abs()));
    let seconds = match power {
        Some(power) if number.exponent() < 0 => number.coefficient() / power,
        Some(power) => number.coefficient().checked_mul(power)?,
        None if number.exponent() < 0 => 0,
        None => return None,
    };
    u64::try_from(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Item, Number, Value};

    fn check(value: Value, expect: Option<u64>) {
        let item = Item::from_value_map(&[("at".to_owned(), value.clone())].into()).unwrap();
        assert_eq!(due_second(item.as_ref(), "at"), expect, "{value:?}");
        assert_eq!(due_second(item.as_ref(), "other"), None);
    }

    #[test]
    fn numbers_that_are_times_are_due() {
        let number = |text: &str| Value::N(Number::parse(text).unwrap());
        check(number("1700000000"), Some(1_700_000_000));
        check(number("17E8"), Some(1_700_000_000));
        check(number("1700000000.999"), Some(1_700_000_000));
        check(number("0"), Some(0));
        check(number("1E-130"), Some(0));
        check(number("-1"), None);
        check(number("18446744073709551616"), None);
        check(number("1E125"), None);
        check(Value::S("1700000000".to_owned()), None);
    }

    #[test]
    fn what_is_due_lies_between_five_years_ago_and_the_delay() {
        let range = DueRange::at(1_700_000_000_999, 0);
        assert_eq!(range, DueRange { first: 1_700_000_000 - AGE_SECONDS_MAX, last: 1_700_000_000 });
        assert_eq!(DueRange::at(1_700_000_000_999, 1_000).last, 1_699_999_999);
        assert_eq!(DueRange::at(5, 10), DueRange { first: 0, last: 0 });
    }
}
