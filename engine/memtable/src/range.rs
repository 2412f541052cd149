//! Iteration over a span of keys, forward and in reverse, one entry per key: the newest that the caller may see.
//!
//! Tombstones are yielded: who merges several memtables needs them. Entries inserted meanwhile are seen or not,
//! as they come; those of a version up to `at_version` that were there at the beginning are all seen.
//!
//! Forward is a walk along level 0. In reverse there are no links to follow: the iterator keeps its path, the last
//! node before its position on every level, and seeks the one before from the lowest level of the path that is
//! still before it, a few steps on average.
//!
//! Not here: several memtables (`merge.rs`).

use crate::Found;
use crate::memtable::Memtable;
use crate::node::{HEIGHT_MAX, Node};
use crate::position::Position;
use std::ops::Bound;

/// Which keys: from a lower to an upper bound.
#[derive(Clone, Copy, Debug)]
pub struct KeySpan<'k> {
    /// Where the span begins.
    pub lower: Bound<&'k [u8]>,
    /// Where the span ends.
    pub upper: Bound<&'k [u8]>,
}

impl<'k> KeySpan<'k> {
    /// Every key.
    pub const ALL: KeySpan<'static> = KeySpan { lower: Bound::Unbounded, upper: Bound::Unbounded };

    /// From `lower`, included, to `upper`, excluded.
    pub fn between(lower: &'k [u8], upper: &'k [u8]) -> KeySpan<'k> {
        KeySpan { lower: Bound::Included(lower), upper: Bound::Excluded(upper) }
    }

    /// From `lower` on.
    pub fn from(lower: &'k [u8]) -> KeySpan<'k> {
        KeySpan { lower: Bound::Included(lower), upper: Bound::Unbounded }
    }

    fn begins_after(&self, key: &[u8]) -> bool {
        match self.lower {
            Bound::Included(lower) => key < lower,
            Bound::Excluded(lower) => key <= lower,
            Bound::Unbounded => false,
        }
    }

    fn ends_before(&self, key: &[u8]) -> bool {
        match self.upper {
            Bound::Included(upper) => key > upper,
            Bound::Excluded(upper) => key >= upper,
            Bound::Unbounded => false,
        }
    }
}

/// Which way to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Keys ascending.
    Forward,
    /// Keys descending.
    Reverse,
}

/// A span of one memtable's keys as of a version: where an iteration begins.
#[derive(Clone, Copy)]
pub struct Range<'m, 'k> {
    table: &'m Memtable,
    span: KeySpan<'k>,
    at_version: u64,
}

impl<'m, 'k> Range<'m, 'k> {
    pub(crate) fn new(table: &'m Memtable, span: KeySpan<'k>, at_version: u64) -> Range<'m, 'k> {
        Range { table, span, at_version }
    }

    /// Keys ascending.
    pub fn forward(self) -> Forward<'m, 'k> {
        let mut forward = Forward { range: self, cursor: Cursor::Done };
        match self.span.lower {
            Bound::Included(key) | Bound::Excluded(key) => forward.place_at(key),
            Bound::Unbounded => {
                forward.cursor = self.table.successor(self.table.head()).map_or(Cursor::Done, Cursor::At);
            }
        }
        forward
    }

    /// Keys descending.
    pub fn reverse(self) -> Reverse<'m, 'k> {
        let levels = self.table.top_level() + 1;
        let path = [self.table.head(); HEIGHT_MAX];
        let mut reverse = Reverse { range: self, path, levels, candidate: None };
        match self.span.upper {
            Bound::Included(key) => reverse.place_at(key),
            Bound::Excluded(key) => reverse.place_before(&Position::new(key)),
            Bound::Unbounded => reverse.place_before(&Position::end()),
        }
        reverse
    }

    /// The way that is asked for.
    pub fn walk(self, direction: Direction) -> Walk<'m, 'k> {
        match direction {
            Direction::Forward => Walk::Forward(self.forward()),
            Direction::Reverse => Walk::Reverse(self.reverse()),
        }
    }
}

/// Where a forward iteration is.
enum Cursor<'m> {
    /// At a node that is to be looked at.
    At(Node<'m>),
    /// At a node that was yielded: goes on to the next only when asked.
    Behind(Node<'m>),
    Done,
}

/// Keys ascending, each with its newest visible entry. Lives for one request.
pub struct Forward<'m, 'k> {
    range: Range<'m, 'k>,
    cursor: Cursor<'m>,
}

impl Forward<'_, '_> {
    /// Goes on, forward or back, at the first key of the span that is not less than `key`.
    pub fn seek(&mut self, key: &[u8]) {
        match self.range.span.lower {
            Bound::Included(lower) | Bound::Excluded(lower) if key < lower => self.place_at(lower),
            _ => self.place_at(key),
        }
    }

    fn place_at(&mut self, key: &[u8]) {
        let table = self.range.table;
        let mut first = table.seek(&Position::new(key));
        if let Some(node) = first
            && self.range.span.begins_after(node.key())
        {
            first = table.successor(node);
        }
        self.cursor = first.map_or(Cursor::Done, Cursor::At);
    }
}

impl<'m> Iterator for Forward<'m, '_> {
    type Item = Found<'m>;

    #[inline]
    fn next(&mut self) -> Option<Found<'m>> {
        let table = self.range.table;
        let mut next = match self.cursor {
            Cursor::At(node) => Some(node),
            Cursor::Behind(node) => table.successor(node),
            Cursor::Done => None,
        };
        self.cursor = Cursor::Done;
        loop {
            let node = next?;
            if self.range.span.ends_before(node.key()) {
                return None;
            }
            if let Some(found) = table.visible(node, self.range.at_version) {
                table.prefetch_after(node);
                self.cursor = Cursor::Behind(node);
                return Some(found);
            }
            next = table.successor(node);
        }
    }
}

/// Keys descending, each with its newest visible entry. Lives for one request.
///
/// Invariant: `path[level]` is a node on `level` (or the head) that lies before the candidate or is it, and no
/// `path[level + 1]` lies behind `path[level]`.
pub struct Reverse<'m, 'k> {
    range: Range<'m, 'k>,
    path: [Node<'m>; HEIGHT_MAX],
    /// Levels of `path` in use.
    levels: usize,
    /// The next node to look at.
    candidate: Option<Node<'m>>,
}

impl<'m> Reverse<'m, '_> {
    /// Goes on, forward or back, at the last key of the span that is not greater than `key`.
    pub fn seek(&mut self, key: &[u8]) {
        match self.range.span.upper {
            Bound::Included(upper) if key > upper => self.place_at(upper),
            Bound::Excluded(upper) if key >= upper => self.place_before(&Position::new(upper)),
            _ => self.place_at(key),
        }
    }

    /// The candidate is the last key not greater than `key`.
    fn place_at(&mut self, key: &[u8]) {
        self.place_before(&Position::new(key));
        if let Some(next) = self.range.table.successor(self.path[0])
            && next.key() == key
        {
            self.candidate = Some(next);
        }
    }

    /// The candidate is the last node before `position`, sought from the top.
    fn place_before(&mut self, position: &Position<'_>) {
        self.path = [self.range.table.head(); HEIGHT_MAX];
        self.descend_to(position, self.levels - 1);
    }

    fn descend_to(&mut self, position: &Position<'_>, level: usize) {
        let path = &mut self.path;
        let from = (path[level], level);
        self.range.table.descend(position, from, |level, node, _| path[level] = node);
        let last = self.path[0];
        self.candidate = (!last.is_head()).then_some(last);
    }

    /// Moves the path, and the candidate, before `node`, which is the path's end or lies behind it.
    fn retreat(&mut self, node: Node<'m>) {
        let position = Position::new(node.key());
        let is_before = |node: &Node<'_>| node.is_head() || position.is_after(*node);
        match self.path[..self.levels].iter().position(is_before) {
            Some(level) => self.descend_to(&position, level),
            None => self.place_before(&position),
        }
    }
}

impl<'m> Iterator for Reverse<'m, '_> {
    type Item = Found<'m>;

    fn next(&mut self) -> Option<Found<'m>> {
        loop {
            let node = self.candidate?;
            if self.range.span.begins_after(node.key()) {
                self.candidate = None;
                return None;
            }
            self.retreat(node);
            if let Some(found) = self.range.table.visible(node, self.range.at_version) {
                return Some(found);
            }
        }
    }
}

/// An iteration whose direction is only known at run time.
pub enum Walk<'m, 'k> {
    /// Keys ascending.
    Forward(Forward<'m, 'k>),
    /// Keys descending.
    Reverse(Reverse<'m, 'k>),
}

impl Walk<'_, '_> {
    /// Goes on at the first key, in the walk's direction, that does not lie before `key`.
    pub fn seek(&mut self, key: &[u8]) {
        match self {
            Walk::Forward(forward) => forward.seek(key),
            Walk::Reverse(reverse) => reverse.seek(key),
        }
    }
}

impl<'m> Iterator for Walk<'m, '_> {
    type Item = Found<'m>;

    #[inline]
    fn next(&mut self) -> Option<Found<'m>> {
        match self {
            Walk::Forward(forward) => forward.next(),
            Walk::Reverse(reverse) => reverse.next(),
        }
    }
}
