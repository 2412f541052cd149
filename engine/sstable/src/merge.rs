//! Spans of several files read as one: each key once, with its newest entry.
//!
//! As the memtables' merge: the newest version of a key wins, and a tombstone is yielded like any entry, for the caller
//! may have newer sources of its own. Synchronous state: says which file needs which block.

use crate::block::Block;
use crate::entry::Entry;
use crate::index_page::IndexPage;
use crate::range::{Direction, Needed, RangeStep, TableRange};
use std::cmp::Ordering;
use std::rc::Rc;

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeStep {
    /// At the next key.
    Entry,
    /// Cannot go on without what [`Merge::needs`] lists.
    Needs,
    /// There is no further key.
    End,
}

/// Several ranges over the same span, in the same direction. Lives for one request, or for one merge.
///
/// Invariant: a source that has not ended is in one of the two lists.
pub struct Merge<'k> {
    direction: Direction,
    sources: Vec<TableRange<'k>>,
    /// Sources at an entry that was not yielded yet; the last of them is the next. So a source that goes on right before the others, as one that is much
    /// longer than they are does nearly always, costs one comparison.
    ready: Vec<usize>,
    /// Sources that have to step first, or to be supplied: those at the entry that the last step yielded, and at older ones of the same key.
    behind: Vec<usize>,
    /// The source whose entry the last step yielded.
    newest: Option<usize>,
}

impl<'k> Merge<'k> {
    /// Begins an iteration over ranges that go in `direction`; of equal versions of a key the first source's is yielded.
    pub fn new(ranges: impl IntoIterator<Item = TableRange<'k>>, direction: Direction) -> Merge<'k> {
        let sources: Vec<_> = ranges.into_iter().collect();
        let behind = (0..sources.len()).collect();
        Merge { direction, ready: Vec::with_capacity(sources.len()), sources, behind, newest: None }
    }

    /// Goes to the next key. Where it waits, it goes on with the same step once it was supplied.
    pub fn step(&mut self) -> MergeStep {
        self.newest = None;
        let mut place = 0;
        while let Some(source) = self.behind.get(place).copied() {
            match self.sources[source].step() {
                RangeStep::Entry => {
                    self.behind.swap_remove(place);
                    self.make_ready(source);
                }
                RangeStep::End => drop(self.behind.swap_remove(place)),
                RangeStep::Needs(_) => place += 1,
            }
        }
        if !self.behind.is_empty() {
            return MergeStep::Needs;
        }
        let Some(newest) = self.ready.pop() else { return MergeStep::End };
        self.behind.push(newest);
        while let Some(older) = self.ready.pop_if(|next| self.sources[*next].key() == self.sources[newest].key()) {
            self.behind.push(older);
        }
        self.newest = Some(newest);
        MergeStep::Entry
    }

    /// What it waits for, with the place of the source in the list that the merge was made of.
    pub fn needs(&self) -> impl Iterator<Item = (usize, Needed)> {
        self.behind.iter().filter_map(|source| Some((*source, self.sources[*source].needed()?)))
    }

    /// The key that the last step came to.
    pub fn key(&self) -> &[u8] {
        self.newest_range().key()
    }

    /// Its newest entry.
    pub fn entry(&self) -> Entry<'_> {
        self.newest_range().entry()
    }

    /// The source that has it, by its place in the list that the merge was made of.
    pub fn source(&self) -> usize {
        self.newest.expect("the last step came to an entry")
    }

    /// Gives the page that a source needed.
    pub fn supply_page(&mut self, source: usize, page: Rc<IndexPage>) {
        self.sources[source].supply_page(page);
    }

    /// Gives the block that a source needed.
    pub fn supply_block(&mut self, source: usize, block: Rc<Block>) {
        self.sources[source].supply_block(block);
    }

    /// The range of a source: its file, and what it will need.
    pub fn range(&self, source: usize) -> &TableRange<'k> {
        &self.sources[source]
    }

    /// Puts a source that has come to an entry in its place among those that are ready.
    fn make_ready(&mut self, source: usize) {
        let is_later = |other: &usize| self.order(source, *other) == Ordering::Less;
        let is_next = self.ready.last().is_none_or(is_later);
        let place = if is_next { self.ready.len() } else { self.ready.partition_point(is_later) };
        self.ready.insert(place, source);
    }

    /// Less when the left source's entry is to be yielded before the right one's.
    fn order(&self, left: usize, right: usize) -> Ordering {
        let [left_range, right_range] = [&self.sources[left], &self.sources[right]];
        let keys = match self.direction {
            Direction::Forward => left_range.key().cmp(right_range.key()),
            Direction::Reverse => right_range.key().cmp(left_range.key()),
        };
        let versions = || right_range.entry().version.cmp(&left_range.entry().version);
        keys.then_with(versions).then(left.cmp(&right))
    }

    fn newest_range(&self) -> &TableRange<'k> {
        &self.sources[self.source()]
    }
}
