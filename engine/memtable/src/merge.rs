//! Several memtables read as one: a partition has one that is written and a few frozen ones on their way to disk.
//!
//! Of a key that several hold, the newest visible version wins. A tombstone is yielded like any entry by [`Merge`],
//! for below the memtables there may be sstables; [`Live`] leaves deleted keys out.
//!
//! Not here: sstables, which have a merge of their own.

use crate::memtable::{Memtable, Reader};
use crate::range::{Direction, KeySpan, Walk};
use crate::{Entry, Found};
use std::cmp::Ordering;

/// The newest entry of `key` whose version is at most `at_version` in any of `tables`, given newest first: every
/// version in a table is greater than those in the tables after it.
pub fn find_newest<'m>(tables: &'m [Reader], key: &[u8], at_version: u64) -> Option<Found<'m>> {
    tables.iter().find_map(|table| table.find(key, at_version))
}

/// The keys of several memtables in order, each once, with its newest visible entry. Lives for one request.
pub struct Merge<'m, 'k> {
    direction: Direction,
    sources: Vec<Source<'m, 'k>>,
}

struct Source<'m, 'k> {
    /// What `rest` has yielded last and the merge has not.
    head: Option<Found<'m>>,
    rest: Walk<'m, 'k>,
}

impl<'m, 'k> Merge<'m, 'k> {
    /// Begins an iteration over `span` in all `tables`, in any order, as of `at_version`.
    pub fn new(
        tables: impl IntoIterator<Item = &'m Memtable>,
        span: KeySpan<'k>,
        at_version: u64,
        direction: Direction,
    ) -> Merge<'m, 'k> {
        let begin = |table: &'m Memtable| {
            let mut rest = table.range(span, at_version).walk(direction);
            Source { head: rest.next(), rest }
        };
        Merge { direction, sources: tables.into_iter().map(begin).collect() }
    }

    /// Without the keys whose newest visible entry is a tombstone.
    pub fn live(self) -> Live<'m, 'k> {
        Live { merge: self }
    }

    /// Goes on at the first key, in the merge's direction, that does not lie before `key`.
    pub fn seek(&mut self, key: &[u8]) {
        for source in &mut self.sources {
            source.rest.seek(key);
            source.head = source.rest.next();
        }
    }

    /// Less when `left` is to be yielded before `right`.
    fn order(&self, left: &Found<'_>, right: &Found<'_>) -> Ordering {
        let keys = match self.direction {
            Direction::Forward => left.key.cmp(right.key),
            Direction::Reverse => right.key.cmp(left.key),
        };
        keys.then(right.version.cmp(&left.version))
    }
}

impl<'m> Iterator for Merge<'m, '_> {
    type Item = Found<'m>;

    fn next(&mut self) -> Option<Found<'m>> {
        if let [only] = self.sources.as_mut_slice() {
            let found = only.head;
            only.head = only.rest.next();
            return found;
        }
        let heads = self.sources.iter().filter_map(|source| source.head);
        let first = heads.min_by(|left, right| self.order(left, right))?;
        for source in &mut self.sources {
            if source.head.is_some_and(|head| head.key == first.key) {
                source.head = source.rest.next();
            }
        }
        Some(first)
    }
}

/// A [`Merge`] without deleted keys: what a caller sees who has nothing below the memtables.
pub struct Live<'m, 'k> {
    merge: Merge<'m, 'k>,
}

impl Live<'_, '_> {
    /// Goes on at the first key, in the merge's direction, that does not lie before `key`.
    pub fn seek(&mut self, key: &[u8]) {
        self.merge.seek(key);
    }
}

impl<'m> Iterator for Live<'m, '_> {
    type Item = Found<'m>;

    fn next(&mut self) -> Option<Found<'m>> {
        self.merge.find(|found| found.entry != Entry::Tombstone)
    }
}
