//! Spans of several files read as one: each key once, with its newest entry; the others beside it, for whoever merges files.
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

/// Whether a source is at an entry that was not yielded yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Head {
    /// It has to step, or to be supplied, first.
    Behind,
    /// It is at an entry.
    Ready,
    /// It is at the entry that the last step yielded, or at an older one of the same key.
    Yielded,
    /// It has no further entry.
    Ended,
}

/// Several ranges over the same span, in the same direction. Lives for one request, or for one merge.
pub struct Merge<'k> {
    direction: Direction,
    sources: Vec<(Head, TableRange<'k>)>,
    /// The source whose entry the last step yielded.
    newest: Option<usize>,
}

impl<'k> Merge<'k> {
    /// Begins an iteration over ranges that go in `direction`; of equal versions of a key the first source's is yielded.
    pub fn new(ranges: impl IntoIterator<Item = TableRange<'k>>, direction: Direction) -> Merge<'k> {
        let sources = ranges.into_iter().map(|range| (Head::Behind, range)).collect();
        Merge { direction, sources, newest: None }
    }

    /// Goes to the next key. Where it waits, it goes on with the same step once it was supplied.
    pub fn step(&mut self) -> MergeStep {
        self.newest = None;
        let mut is_waiting = false;
        for (head, range) in &mut self.sources {
            if matches!(head, Head::Ready | Head::Ended) {
                continue;
            }
            *head = match range.step() {
                RangeStep::Entry => Head::Ready,
                RangeStep::End => Head::Ended,
                RangeStep::Needs(_) => Head::Behind,
            };
            is_waiting |= *head == Head::Behind;
        }
        if is_waiting {
            return MergeStep::Needs;
        }
        let Some(newest) = self.first_ready() else { return MergeStep::End };
        for source in 0..self.sources.len() {
            let [(head, range), (_, newest_range)] = [&self.sources[source], &self.sources[newest]];
            if *head == Head::Ready && range.key() == newest_range.key() {
                self.sources[source].0 = Head::Yielded;
            }
        }
        self.newest = Some(newest);
        MergeStep::Entry
    }

    /// What it waits for, with the place of the source in the list that the merge was made of.
    pub fn needs(&self) -> impl Iterator<Item = (usize, Needed)> {
        let sources = self.sources.iter().enumerate().filter(|(_, (head, _))| *head == Head::Behind);
        sources.filter_map(|(source, (_, range))| Some((source, range.needed()?)))
    }

    /// The key that the last step came to.
    pub fn key(&self) -> &[u8] {
        self.newest_range().key()
    }

    /// Its newest entry.
    pub fn entry(&self) -> Entry<'_> {
        self.newest_range().entry()
    }

    /// The older entries of the same key, which nobody will see again once all sources are merged into one.
    pub fn superseded(&self) -> impl Iterator<Item = Entry<'_>> {
        let others = self.sources.iter().enumerate().filter(|(source, _)| self.newest.is_some_and(|it| it != *source));
        others.filter(|(_, (head, _))| *head == Head::Yielded).map(|(_, (_, range))| range.entry())
    }

    /// Gives the page that a source needed.
    pub fn supply_page(&mut self, source: usize, page: Rc<IndexPage>) {
        self.sources[source].1.supply_page(page);
    }

    /// Gives the block that a source needed.
    pub fn supply_block(&mut self, source: usize, block: Rc<Block>) {
        self.sources[source].1.supply_block(block);
    }

    /// The range of a source: its file, and what it will need.
    pub fn range(&self, source: usize) -> &TableRange<'k> {
        &self.sources[source].1
    }

    fn first_ready(&self) -> Option<usize> {
        let ready = (0..self.sources.len()).filter(|source| self.sources[*source].0 == Head::Ready);
        ready.min_by(|left, right| self.order(*left, *right))
    }

    /// Less when the left source's entry is to be yielded before the right one's.
    fn order(&self, left: usize, right: usize) -> Ordering {
        let (left, right) = (&self.sources[left].1, &self.sources[right].1);
        let keys = match self.direction {
            Direction::Forward => left.key().cmp(right.key()),
            Direction::Reverse => right.key().cmp(left.key()),
        };
        keys.then_with(|| right.entry().version.cmp(&left.entry().version))
    }

    fn newest_range(&self) -> &TableRange<'k> {
        &self.sources[self.newest.expect("the last step came to an entry")].1
    }
}
