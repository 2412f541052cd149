//! A walk over a span of one set: memtables and files as one, each key once, with its newest version, without those that are deleted.
//!
//! Lives for one attempt of an operation. Where a block has to be brought, or a turn has looked at enough, it is cut behind the last key that it has
//! passed, be that there or deleted, and the operation begins another one there. It says [`Missing`] if it has passed none.

use crate::reads::{Missing, Reads};
use crate::run::Run;
use crate::table_set::{Content, FileValue, NEWEST};
use memtable::{Direction, Found, KeySpan, Memtable};
use sstable::{MergeStep, Needed, Span, TableRange};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Bound;
use std::rc::Rc;

/// See the front page.
pub(crate) struct Walk<'a> {
    content: Content,
    direction: Direction,
    memory: memtable::Merge<'a, 'a>,
    /// What `memory` has yielded last and the walk has not.
    memory_head: Option<Found<'a>>,
    files: sstable::Merge<'a>,
    files_head: Head,
    /// The key that was looked at last ...
    last: Last<'a>,
    /// ... if it was in a file, and the files are behind it.
    last_of_files: Vec<u8>,
    /// The last key that it looks at, if the span goes on behind it.
    cut: Option<Cow<'a, [u8]>>,
}

/// The key that was looked at last, whether it is there or deleted.
#[derive(Clone, Copy)]
enum Last<'a> {
    /// There is none yet.
    None,
    /// It is in a memtable.
    Memory(&'a [u8]),
    /// It is in a file; the files are still there.
    AtFiles,
    /// It is in a file.
    BehindFiles,
}

/// Where the files are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Head {
    /// They have to step first.
    Behind,
    /// At an entry that was not yielded.
    Ready,
    Ended,
}

/// A key with its newest version.
pub(crate) struct WalkEntry<'w> {
    pub(crate) key: &'w [u8],
    /// The log index of the change that made it.
    pub(crate) version: u64,
    pub(crate) value: WalkValue<'w>,
}

/// What the key has.
pub(crate) enum WalkValue<'w> {
    /// In a memtable.
    Memory(Found<'w>),
    /// In a file.
    File(FileValue),
}

impl<'a> Walk<'a> {
    pub(crate) fn new(
        content: Content,
        tables: impl IntoIterator<Item = &'a Memtable>,
        runs: &'a [Run],
        (span, direction): (KeySpan<'a>, Direction),
    ) -> Self {
        let (span, cut) = cut_at_files(runs, span, direction);
        let mut memory = memtable::Merge::new(tables, span, NEWEST, direction);
        let memory_head = memory.next();
        let files_direction = match direction {
            Direction::Forward => sstable::Direction::Forward,
            Direction::Reverse => sstable::Direction::Reverse,
        };
        let files_span = Span { lower: span.lower, upper: span.upper };
        let files = runs.iter().flat_map(|run| run.files_between(span.lower, span.upper));
        let ranges = files.map(|file| TableRange::new(Rc::clone(file), files_span, files_direction));
        let files = sstable::Merge::new(ranges, files_direction);
        let files_head = if runs.is_empty() { Head::Ended } else { Head::Behind };
        Self {
            content,
            direction,
            memory,
            memory_head,
            files,
            files_head,
            last: Last::None,
            last_of_files: Vec::new(),
            cut: cut.map(Cow::Borrowed),
        }
    }

    /// The key where it ends though the span does not: the operation goes on behind it. That way it looks into one or two files of a run, however
    /// many the span touches, and at no more keys than a turn may, however many are deleted.
    pub(crate) fn cut(&self) -> Option<&[u8]> {
        self.cut.as_deref()
    }

    /// The next key that is there; none where it ends, and where it is cut.
    ///
    /// # Errors
    /// If it has passed no key and cannot go on.
    pub(crate) fn step(&mut self, reads: &mut Reads) -> Result<Option<WalkEntry<'_>>, Missing> {
        loop {
            if let Err(missing) = reads.count_entry().and_then(|()| self.advance_files(reads)) {
                self.cut = Some(self.last_key().ok_or(missing)?);
                return Ok(None);
            }
            match self.next_source() {
                None => return Ok(None),
                Some(Ordering::Greater) => {
                    self.files_head = Head::Behind;
                    self.last = Last::AtFiles;
                    if self.files.entry().content != sstable::Content::Tombstone {
                        let entry = self.files.entry();
                        let value = WalkValue::File(FileValue::of(entry.content));
                        return Ok(Some(WalkEntry { key: self.files.key(), version: entry.version, value }));
                    }
                }
                Some(order) => {
                    if order == Ordering::Equal {
                        self.files_head = Head::Behind;
                    }
                    let found = self.memory_head.expect("it was compared");
                    self.last = Last::Memory(found.key);
                    self.memory_head = self.memory.next();
                    if self.content.is_live(found) {
                        let value = WalkValue::Memory(found);
                        return Ok(Some(WalkEntry { key: found.key, version: found.version, value }));
                    }
                }
            }
        }
    }

    fn last_key(&self) -> Option<Cow<'a, [u8]>> {
        match self.last {
            Last::None => None,
            Last::Memory(key) => Some(Cow::Borrowed(key)),
            Last::AtFiles => Some(Cow::Owned(self.files.key().to_vec())),
            Last::BehindFiles => Some(Cow::Owned(self.last_of_files.clone())),
        }
    }

    /// Which source has the next key: less, the memtables; greater, the files; equal, both.
    fn next_source(&self) -> Option<Ordering> {
        match (self.memory_head, self.files_head == Head::Ready) {
            (None, false) => None,
            (Some(_), false) => Some(Ordering::Less),
            (None, true) => Some(Ordering::Greater),
            (Some(found), true) => Some(match self.direction {
                Direction::Forward => found.key.cmp(self.files.key()),
                Direction::Reverse => self.files.key().cmp(found.key),
            }),
        }
    }

    fn advance_files(&mut self, reads: &mut Reads) -> Result<(), Missing> {
        if matches!(self.last, Last::AtFiles) && self.files_head == Head::Behind {
            self.last_of_files.clear();
            self.last_of_files.extend_from_slice(self.files.key());
            self.last = Last::BehindFiles;
        }
        while self.files_head == Head::Behind {
            self.files_head = match self.files.step() {
                MergeStep::Entry => Head::Ready,
                MergeStep::End => Head::Ended,
                MergeStep::Needs => {
                    self.supply(reads)?;
                    Head::Behind
                }
            };
        }
        Ok(())
    }

    /// Gives each file what it waits for; what is not there is noted, of all files.
    fn supply(&mut self, reads: &mut Reads) -> Result<(), Missing> {
        let needs: Vec<(usize, Needed)> = self.files.needs().collect();
        let mut result = Ok(());
        for (source, needed) in needs {
            match needed {
                Needed::Page(page) => match reads.page(self.files.range(source).table(), page) {
                    Ok(page) => self.files.supply_page(source, page),
                    Err(missing) => result = Err(missing),
                },
                Needed::Block(block) => match reads.block_of_range(self.files.range(source), block) {
                    Ok(block) => self.files.supply_block(source, block),
                    Err(missing) => result = Err(missing),
                },
            }
        }
        result
    }
}

/// The part of a span, from where it begins, that ends with the first file to end.
fn cut_at_files<'a>(runs: &'a [Run], span: KeySpan<'a>, direction: Direction) -> (KeySpan<'a>, Option<&'a [u8]>) {
    let ends = runs.iter().filter_map(|run| {
        let mut files = run.files_between(span.lower, span.upper);
        let (first, next) = match direction {
            Direction::Forward => (files.next()?, files.next()),
            Direction::Reverse => (files.next_back()?, files.next_back()),
        };
        let record = first.record();
        next.map(
            |_| if direction == Direction::Forward { record.last_key.as_slice() } else { record.first_key.as_slice() },
        )
    });
    match direction {
        Direction::Forward => match ends.min() {
            Some(end) => (KeySpan { lower: span.lower, upper: Bound::Included(end) }, Some(end)),
            None => (span, None),
        },
        Direction::Reverse => match ends.max() {
            Some(end) => (KeySpan { lower: Bound::Included(end), upper: span.upper }, Some(end)),
            None => (span, None),
        },
    }
}
