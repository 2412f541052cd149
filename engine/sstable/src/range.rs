//! A span of one file's keys, in order or against it: synchronous state that says which block it needs next.
//!
//! ```text
//! step -> Entry            key() and entry() are the next ones
//!      -> Needs(Page r)    supply_page(what is at r), step again
//!      -> Needs(Block r)   supply_block(what is at r), step again
//!      -> End
//! ```
//!
//! A block is asked for only if a key of the span can be in it. Whoever supplies may look ahead (`blocks_ahead`).

use crate::block::Block;
use crate::block_cursor::BlockCursor;
use crate::entry::Entry;
use crate::index_page::IndexPage;
use crate::seal::BlockRef;
use crate::table::Table;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Bound;
use std::rc::Rc;

/// Which way an iteration goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Keys ascending.
    Forward,
    /// Keys descending.
    Reverse,
}

/// A span of keys.
#[derive(Clone, Copy, Debug)]
pub struct Span<'k> {
    /// Where it begins.
    pub lower: Bound<&'k [u8]>,
    /// Where it ends.
    pub upper: Bound<&'k [u8]>,
}

impl Span<'static> {
    /// All keys.
    pub const ALL: Span<'static> = Span { lower: Bound::Unbounded, upper: Bound::Unbounded };
}

impl Span<'_> {
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

/// What a range waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needed {
    /// An index page.
    Page(BlockRef),
    /// A data block.
    Block(BlockRef),
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeStep {
    /// At the next entry.
    Entry,
    /// Cannot go on without this.
    Needs(Needed),
    /// There is no further entry.
    End,
}

/// Where a range is.
enum State {
    /// Needs page `page`; enters it at the span's bound, or at its near end.
    BeforePage {
        page: usize,
        at_bound: bool,
    },
    /// Needs block `block` of the page.
    BeforeBlock {
        block: usize,
        at_bound: bool,
    },
    /// At an entry of block `block`.
    Inside {
        block: usize,
        cursor: BlockCursor,
    },
    End,
}

/// A span of one file's keys. Lives for one request, or for one merge.
pub struct TableRange<'k> {
    table: Rc<Table>,
    span: Span<'k>,
    direction: Direction,
    /// The page that it is in, by its number in the root.
    page: Option<(usize, Rc<IndexPage>)>,
    state: State,
    /// The last step came to an entry: the next one leaves it.
    is_at_entry: bool,
    /// Entries that do not name a record in one of these segments of the journal are passed over.
    segments: Option<&'k BTreeSet<u32>>,
}

impl<'k> TableRange<'k> {
    /// Begins an iteration; nothing is needed before the first step.
    pub fn new(table: Rc<Table>, span: Span<'k>, direction: Direction) -> TableRange<'k> {
        let record = table.record();
        let is_outside = span.begins_after(&record.last_key) || span.ends_before(&record.first_key);
        let bound = match direction {
            Direction::Forward => span.lower,
            Direction::Reverse => span.upper,
        };
        let page = match (bound, direction) {
            (Bound::Included(key) | Bound::Excluded(key), _) => table.root().find(key).unwrap_or(0),
            (Bound::Unbounded, Direction::Forward) => 0,
            (Bound::Unbounded, Direction::Reverse) => table.root().block_count() - 1,
        };
        let state = if is_outside { State::End } else { State::BeforePage { page, at_bound: true } };
        TableRange { table, span, direction, page: None, state, is_at_entry: false, segments: None }
    }

    /// Passes over the entries that do not name a record in one of these segments of the journal: their keys are not put together. Forward.
    pub fn naming(self, segments: &'k BTreeSet<u32>) -> TableRange<'k> {
        assert_eq!(self.direction, Direction::Forward, "entries are passed over on the way forward");
        TableRange { segments: Some(segments), ..self }
    }

    /// The file.
    pub fn table(&self) -> &Rc<Table> {
        &self.table
    }

    /// Goes to the next entry.
    pub fn step(&mut self) -> RangeStep {
        if std::mem::replace(&mut self.is_at_entry, false) {
            self.leave_entry();
        }
        if let Some(needed) = self.needed() {
            return RangeStep::Needs(needed);
        }
        let State::Inside { cursor, .. } = &self.state else { return RangeStep::End };
        let is_beyond = match self.direction {
            Direction::Forward => self.span.ends_before(cursor.key()),
            Direction::Reverse => self.span.begins_after(cursor.key()),
        };
        if is_beyond {
            self.state = State::End;
            return RangeStep::End;
        }
        self.is_at_entry = true;
        RangeStep::Entry
    }

    /// What it waits for, if it waits.
    pub fn needed(&self) -> Option<Needed> {
        match self.state {
            State::BeforePage { page, .. } => Some(Needed::Page(self.table.root().block(page))),
            State::BeforeBlock { block, .. } => Some(Needed::Block(self.current_page().block(block))),
            State::Inside { .. } | State::End => None,
        }
    }

    /// The key that the last step came to.
    pub fn key(&self) -> &[u8] {
        self.cursor().key()
    }

    /// The entry that the last step came to.
    pub fn entry(&self) -> Entry<'_> {
        self.cursor().entry()
    }

    /// Gives the page that the last step needed.
    pub fn supply_page(&mut self, page: Rc<IndexPage>) {
        let State::BeforePage { page: number, at_bound } = self.state else { panic!("no page was asked for") };
        let block = match (self.bound().filter(|_| at_bound), self.direction) {
            (Some(key), _) => page.find(key).unwrap_or(0),
            (None, Direction::Forward) => 0,
            (None, Direction::Reverse) => page.block_count() - 1,
        };
        self.page = Some((number, page));
        self.state = State::BeforeBlock { block, at_bound };
    }

    /// Gives the block that the last step needed.
    pub fn supply_block(&mut self, data: Rc<Block>) {
        let State::BeforeBlock { block, at_bound } = self.state else { panic!("no block was asked for") };
        let place = match (self.bound().filter(|_| at_bound), self.direction) {
            (None, Direction::Forward) => Some(0),
            (None, Direction::Reverse) => Some(data.entry_count() - 1),
            (Some(key), direction) => {
                let (number, found) = data.seek(key);
                match (direction, found.is_some_and(|_| self.includes_bound())) {
                    (_, true) => Some(number),
                    (Direction::Forward, false) => {
                        let number = number + usize::from(found.is_some());
                        (number < data.entry_count()).then_some(number)
                    }
                    (Direction::Reverse, false) => number.checked_sub(1),
                }
            }
        };
        let mut cursor = BlockCursor::new(data);
        match place.and_then(|number| wanted_from(&mut cursor, number, self.segments)) {
            Some(number) => {
                cursor.place_at(number);
                self.state = State::Inside { block, cursor };
            }
            None => self.leave_block(block),
        }
    }

    /// Appends the references of up to `count` blocks that will be needed from the one that is needed now on, that one
    /// included, as far as the page at hand tells.
    pub fn blocks_ahead(&self, count: usize, out: &mut Vec<BlockRef>) {
        let State::BeforeBlock { block, .. } = self.state else { return };
        let page = self.current_page();
        let mut next = Some(block);
        for _ in 0..count {
            let Some(number) = next else { return };
            out.push(page.block(number));
            next = self.next_block(number);
        }
    }

    fn leave_entry(&mut self) {
        let State::Inside { block, cursor } = &mut self.state else { return };
        let next = match self.direction {
            Direction::Forward => Some(cursor.number() + 1).filter(|number| *number < cursor.entry_count()),
            Direction::Reverse => cursor.number().checked_sub(1),
        };
        match next.and_then(|number| wanted_from(cursor, number, self.segments)) {
            Some(number) => cursor.place_at(number),
            None => {
                let block = *block;
                self.leave_block(block);
            }
        }
    }

    fn leave_block(&mut self, block: usize) {
        if let Some(block) = self.next_block(block) {
            self.state = State::BeforeBlock { block, at_bound: false };
            return;
        }
        let page = self.page.as_ref().expect("a block is left on a page").0;
        let root = self.table.root();
        // A page's separator says of all its blocks what a block's says of its entries.
        self.state = match self.next_number(root, page) {
            Some(page) if self.is_on_last_block(block) => State::BeforePage { page, at_bound: false },
            _ => State::End,
        };
    }

    /// Whether the page ends, in this direction, with the block.
    fn is_on_last_block(&self, block: usize) -> bool {
        match self.direction {
            Direction::Forward => block + 1 == self.current_page().block_count(),
            Direction::Reverse => block == 0,
        }
    }

    /// The block after this one on the page, if a key of the span can be in it.
    fn next_block(&self, block: usize) -> Option<usize> {
        self.next_number(self.current_page(), block)
    }

    fn next_number(&self, page: &IndexPage, number: usize) -> Option<usize> {
        match self.direction {
            Direction::Forward => {
                let next = number + 1;
                (next < page.block_count() && !self.span.ends_before(page.separator(next))).then_some(next)
            }
            Direction::Reverse => {
                // All keys before are below this separator.
                let separator = page.separator(number);
                let is_beyond = match self.span.lower {
                    Bound::Included(lower) | Bound::Excluded(lower) => separator.cmp(lower) != Ordering::Greater,
                    Bound::Unbounded => false,
                };
                number.checked_sub(1).filter(|_| !is_beyond)
            }
        }
    }

    fn current_page(&self) -> &IndexPage {
        &self.page.as_ref().expect("a page was supplied before its blocks are needed").1
    }

    fn cursor(&self) -> &BlockCursor {
        match &self.state {
            State::Inside { cursor, .. } if self.is_at_entry => cursor,
            _ => panic!("the last step did not come to an entry"),
        }
    }

    /// The key at which the iteration begins.
    fn bound(&self) -> Option<&'k [u8]> {
        let bound = match self.direction {
            Direction::Forward => self.span.lower,
            Direction::Reverse => self.span.upper,
        };
        match bound {
            Bound::Included(key) | Bound::Excluded(key) => Some(key),
            Bound::Unbounded => None,
        }
    }

    fn includes_bound(&self) -> bool {
        match self.direction {
            Direction::Forward => matches!(self.span.lower, Bound::Included(_)),
            Direction::Reverse => matches!(self.span.upper, Bound::Included(_)),
        }
    }
}

/// The entry from `number` on, or the first one behind it that names a record in one of `segments`.
fn wanted_from(cursor: &mut BlockCursor, number: usize, segments: Option<&BTreeSet<u32>>) -> Option<usize> {
    match segments {
        None => Some(number),
        Some(segments) => cursor.find_naming(number, segments),
    }
}
