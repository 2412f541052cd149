//! The due times of a partition's items, in order, while the items of its table expire.
//!
//! One a partition, on its core, from when expiry is switched on (or the partition opened) until it is switched off. A
//! pass over all items fills it, a piece at a time, while every change brings the entries of its item up to date. Whether an
//! item is to go is decided anew when its time comes (`expiry.rs`): what is here says only where to look.

use crate::effect::{Effect, EffectsBuilder, SetId};
use crate::items::Items;
use crate::local_indexes::ItemChange;
use crate::reads::{Missing, Reads};
use crate::table_set::{Content, MemtablesOptions, TableSet};
use crate::walk::Walk;
use journal::LogIndex;
use memtable::{Direction, Entry, KeySpan};
use model::{ItemRef, ValueRef};
use std::ops::Bound;

/// Seconds since 1970 at the front of an entry, big endian.
const SECOND_BYTES: usize = 8;
/// Items that expired longer ago are kept.
// DynamoDB: developer guide, "Using time to live": values more than five years in the past are not deleted.
const AGE_SECONDS_MAX: u64 = 5 * 365 * 24 * 60 * 60;

/// Items that are looked for once one is not in memory, so that they are read together: few, for requests read too.
pub(crate) const ITEMS_AHEAD: usize = 16;

/// See the front page.
///
/// Invariants:
/// 1. Every applied item that the pass has read, or that has changed since the beginning, has its entry, and no other.
/// 2. Nothing is left to decide about entries before `decided`, until they change.
pub(crate) struct DueTimes {
    attribute_name: String,
    /// Tells apart those that a partition has had.
    generation: u64,
    pub(crate) entries: TableSet,
    /// Changes up to this one were proposed by whoever did not know of it: the pass begins when they are applied.
    begins_behind: LogIndex,
    /// Where the pass over the items goes on; `None` once it has read them all.
    unread: Option<Vec<u8>>,
    decided: Vec<u8>,
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
    pub(crate) fn new(
        (attribute_name, generation): (&str, u64),
        begins_behind: LogIndex,
        options: MemtablesOptions,
    ) -> Self {
        Self {
            attribute_name: attribute_name.to_owned(),
            generation,
            begins_behind,
            entries: TableSet::new(Content::Entries, options),
            unread: Some(Vec::new()),
            decided: Vec::new(),
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

    /// What an earlier life had found: its entries, and whether that was all of them.
    pub(crate) fn take_over(&mut self, entries: TableSet, is_complete: bool) {
        self.entries = entries;
        if is_complete {
            self.unread = None;
        }
    }

    /// Whether the pass over all items may go on once the change of this index is applied.
    pub(crate) fn may_read(&self, applied: LogIndex) -> bool {
        applied >= self.begins_behind
    }

    /// Whether the pass over all items is complete.
    pub(crate) fn is_complete(&self) -> bool {
        self.unread.is_none()
    }

    /// What a change does to the entry of its item.
    pub(crate) fn add_effects(&self, change: ItemChange<'_>, effects: &mut EffectsBuilder) {
        let second = |item: Option<ItemRef<'_>>| item.and_then(|item| due_second(item, &self.attribute_name));
        let (old, new) = (second(change.old), second(change.new));
        if old == new {
            return;
        }
        if let Some(old) = old {
            effects.remove(SetId::DueTimes, &entry_of(old, change.key), 0);
        }
        if let Some(new) = new {
            effects.add(SetId::DueTimes, &entry_of(new, change.key), 0);
        }
    }

    /// Does what a change does. An entry that is removed may not be there: the pass has not read every item.
    pub(crate) fn apply(&mut self, index: LogIndex, effect: Effect<'_>) {
        apply_effect(&mut self.entries, index, effect);
        if let Effect::Add { entry, .. } = effect {
            self.look_again_at(entry);
        }
    }

    /// Goes on with the pass over all items, for `item_count` of them. Returns whether it is complete.
    pub(crate) fn read_items(&mut self, items: &Items, reads: &mut Reads, item_count: usize) -> Result<bool, Missing> {
        for _ in 0..item_count {
            let Some(lower) = self.unread.clone() else { return Ok(true) };
            let mut walk = items.set().walk(KeySpan::from(&lower), Direction::Forward);
            let Some(entry) = walk.step(reads)? else {
                self.unread = walk.cut().map(behind);
                continue;
            };
            let (key, version) = (entry.key.to_vec(), entry.version);
            let item = match items.item_of_entry(entry, reads) {
                Ok(item) => item,
                Err(missing) => {
                    look_ahead(&mut walk, items, reads);
                    return Err(missing);
                }
            };
            if let Some(second) = due_second(item.item(), &self.attribute_name) {
                self.enter(&entry_of(second, &key), version);
            }
            self.unread = Some(behind(&key));
        }
        Ok(self.unread.is_none())
    }

    /// Enters the time of an item that the pass has read, unless the item's own change has done so.
    fn enter(&mut self, entry: &[u8], version: u64) {
        let newest = self.entries.find_in_memory(self.entries.tagged(entry));
        let is_entered = newest.is_some_and(|found| found.version >= version);
        if !is_entered {
            self.entries.insert(entry, version, Entry::Put(&[]));
            self.look_again_at(entry);
        }
    }

    /// The first entries that nothing is decided about and whose time has come, and whether there may be more: a turn looks at so many alone, deleted ones
    /// included.
    pub(crate) fn due(
        &mut self,
        reads: &mut Reads,
        range: DueRange,
        entry_count: usize,
    ) -> Result<(Vec<Vec<u8>>, bool), Missing> {
        let first = range.first.to_be_bytes();
        let upper = range.last.saturating_add(1).to_be_bytes();
        let lower = self.decided.as_slice().max(&first).to_vec();
        let span = KeySpan { lower: Bound::Included(&lower), upper: Bound::Excluded(&upper) };
        let mut walk = self.entries.walk(span, Direction::Forward);
        let mut due = Vec::new();
        while due.len() < entry_count {
            let Some(entry) = walk.step(reads)? else { break };
            due.push(entry.key.to_vec());
        }
        let may_be_more = due.len() == entry_count || walk.cut().is_some();
        if due.is_empty()
            && let Some(cut) = walk.cut()
        {
            self.decided = behind(cut);
        }
        Ok((due, may_be_more))
    }

    /// It is decided what becomes of the item of an entry, and of all entries before it.
    pub(crate) fn set_decided(&mut self, entry: &[u8]) {
        self.decided = behind(entry);
    }

    fn look_again_at(&mut self, entry: &[u8]) {
        if entry < self.decided.as_slice() {
            self.decided.clear();
            self.decided.extend_from_slice(entry);
        }
    }
}

/// Does to entries what a change does, also while nobody knows yet what for.
pub(crate) fn apply_effect(entries: &mut TableSet, index: LogIndex, effect: Effect<'_>) {
    match effect {
        Effect::Add { entry, .. } => entries.insert(entry, index.0, Entry::Put(&[])),
        Effect::Remove { entry, .. } => entries.insert(entry, index.0, Entry::Tombstone),
        Effect::Resize { .. } | Effect::SetValue { .. } => panic!("due times have neither sizes nor values"),
    }
}

/// Notes what has to be brought for the items that a walk comes to next.
fn look_ahead(walk: &mut Walk<'_>, items: &Items, reads: &mut Reads) {
    for _ in 0..ITEMS_AHEAD {
        let Ok(Some(entry)) = walk.step(reads) else { return };
        // Missing or not: it is read when its turn comes.
        let _ = items.item_of_entry(entry, reads);
    }
}

fn entry_of(second: u64, key: &[u8]) -> Vec<u8> {
    let mut entry = Vec::with_capacity(SECOND_BYTES + key.len());
    entry.extend_from_slice(&second.to_be_bytes());
    entry.extend_from_slice(key);
    entry
}

/// The first bytes behind a key.
fn behind(key: &[u8]) -> Vec<u8> {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.extend_from_slice(key);
    next.push(0);
    next
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
