//! An ordered set of memtables, read as one: the one that is written, those frozen since the last merge, and the base
//! that the merge made.
//!
//! A partition has one for its items and one for each index over them, all on its core; a merge in the background reads
//! the frozen ones and the base. Every version of a key stays in its memtable until a merge leaves it behind.
//! Deliberately not here: the skiplist itself (`memtable`), what a value means (`image.rs` for items), and when a merge
//! may run (the engine).

use crate::image::image_of;
use crate::merge::{MergeTarget, MergeWork};
use journal::Location;
use memtable::{Direction, Entry, Found, InsertRefused, KeySpan, Memtable, MemtableOptions, Merge, Writer};

/// Every version: the owner reads what is applied, and nothing else is in a memtable.
const NEWEST: u64 = u64::MAX;
/// Superseded versions that are not worth a merge.
const SUPERSEDED_COUNT_MIN: u64 = 64 << 10;
/// Frozen memtables that a read may have to look into before a merge is due whatever they hold.
const FROZEN_COUNT_MAX: usize = 8;

/// Limits of the memtables of one set.
#[derive(Clone, Copy, Debug)]
pub struct MemtablesOptions {
    /// Size at which a memtable is frozen whatever it holds, in bytes.
    pub table_bytes_max: usize,
    /// Seed of the skiplists' tower heights.
    pub seed: u64,
}

impl MemtablesOptions {
    /// A new memtable.
    pub(crate) fn create(self) -> Writer {
        Memtable::new(MemtableOptions { bytes_max: self.table_bytes_max, seed: self.seed }).0
    }
}

/// What the tables of a set hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Items, each with the place of its change in the journal. A deletion is an image without an item, so that it
    /// keeps its place.
    Items,
    /// Entries of an index: keys alone. They follow from items, and nothing in the journal is theirs.
    Entries,
}

impl Content {
    /// Whether a newest version is there to be read; one that is not is left behind by a merge.
    pub(crate) fn is_live(self, found: Found<'_>) -> bool {
        match self {
            Self::Items => image_of(found).item.is_some(),
            Self::Entries => matches!(found.entry, Entry::Put(_)),
        }
    }

    /// The journal record that is given back with a version.
    pub(crate) fn location(self, found: Found<'_>) -> Option<Location> {
        match self {
            Self::Items => Some(image_of(found).location),
            Self::Entries => None,
        }
    }
}

/// The tables of a set.
///
/// Invariants:
/// 1. Every version in `active` is newer than every version of the same key in `frozen`, and those are newer than
///    the one in `base`; or it is the same version, put in once more with another value.
/// 2. `frozen` is in the order of freezing, newest first.
/// 3. `base` holds one version a key and no deletion; its tables do not overlap and are in the order of their keys.
/// 4. At most one merge runs. Its inputs are the base and the last tables of `frozen`.
pub(crate) struct TableSet {
    content: Content,
    active: Writer,
    /// Nobody inserts into these any more; their writers stay for the owner's point reads.
    frozen: Vec<Writer>,
    base: Vec<BaseTable>,
    is_merging: bool,
    options: MemtablesOptions,
}

/// A table of the base, with the least key in it.
pub(crate) struct BaseTable {
    pub(crate) first_key: Vec<u8>,
    pub(crate) table: Writer,
}

impl TableSet {
    pub(crate) fn new(content: Content, options: MemtablesOptions) -> Self {
        let active = options.create();
        Self { content, active, frozen: Vec::new(), base: Vec::new(), is_merging: false, options }
    }

    /// The newest version of the key, a deletion too; `None` if no table has one.
    pub(crate) fn find_newest(&self, key: &[u8]) -> Option<Found<'_>> {
        let found = self.active.find_newest(key);
        let found = found.or_else(|| self.frozen.iter().find_map(|table| table.find_newest(key)));
        found.or_else(|| {
            let after = self.base.partition_point(|base| base.first_key.as_slice() <= key);
            self.base[after.checked_sub(1)?].table.find_newest(key)
        })
    }

    /// Asks for the memory that a read of the key looks at: first for all reads that are to come, then, with
    /// `is_second`, for all of them again.
    pub(crate) fn prefetch(&self, key: &[u8], is_second: bool) {
        let base = self.base.partition_point(|base| base.first_key.as_slice() <= key);
        let base = base.checked_sub(1).map(|place| &self.base[place].table);
        for table in [&self.active].into_iter().chain(base) {
            if is_second { table.prefetch_entry(key) } else { table.prefetch_slot(key) }
        }
    }

    /// Inserts the newest version of a key, or that version once more: it hides itself as it was.
    pub(crate) fn insert(&mut self, key: &[u8], version: u64, entry: Entry<'_>) {
        loop {
            match self.active.insert(key, version, entry) {
                Ok(()) => return,
                Err(InsertRefused::Full | InsertRefused::Present) => self.freeze(),
                Err(error) => panic!("an entry of at most 400 KB with a version of its own: {error}"),
            }
        }
    }

    /// The keys of a span that are there, each once with its newest version, in order or against it.
    pub(crate) fn range<'a>(
        &'a self,
        span: KeySpan<'a>,
        direction: Direction,
    ) -> impl Iterator<Item = Found<'a>> + use<'a> {
        let sources = std::iter::once(&*self.active)
            .chain(self.frozen.iter().map(|table| &**table))
            .chain(self.base.iter().map(|base| &*base.table));
        let content = self.content;
        Merge::new(sources, span, NEWEST, direction).filter(move |found| content.is_live(*found))
    }

    /// Bytes that all tables hold.
    pub(crate) fn bytes(&self) -> usize {
        let tables = [&self.active].into_iter().chain(&self.frozen).chain(self.base.iter().map(|base| &base.table));
        tables.map(|table| table.bytes() + table.index_bytes()).sum()
    }

    /// The merge that is due, if one is: superseded versions outweigh the `live_count` keys there are, or a read has
    /// to look into too many tables. The tables that it reads stay until [`TableSet::finish_merge`].
    pub(crate) fn take_merge_work(&mut self, live_count: u64, target: MergeTarget) -> Option<MergeWork> {
        if self.is_merging {
            return None;
        }
        let base_count: usize = self.base.iter().map(|base| base.table.len()).sum();
        let newer_count: usize = self.active.len() + self.frozen.iter().map(|table| table.len()).sum::<usize>();
        let superseded_count = (base_count as u64 + newer_count as u64).saturating_sub(live_count);
        let is_wasteful = superseded_count > live_count + SUPERSEDED_COUNT_MIN;
        let is_deep = self.frozen.len() >= 2 && newer_count >= base_count / 2;
        if !is_wasteful && !is_deep && self.frozen.len() < FROZEN_COUNT_MAX {
            return None;
        }
        if !self.active.is_empty() {
            self.freeze();
        }
        self.is_merging = true;
        let tables = self.frozen.iter().chain(self.base.iter().map(|base| &base.table));
        let inputs = tables.map(Writer::reader).collect();
        Some(MergeWork::new(inputs, (self.content, self.options), self.frozen.len(), target))
    }

    /// The merge is done: its output takes the place of its inputs.
    pub(crate) fn finish_merge(&mut self, frozen_count: usize, base: Vec<BaseTable>) {
        assert!(self.is_merging, "a merge ends once");
        self.is_merging = false;
        self.frozen.truncate(self.frozen.len() - frozen_count);
        self.base = base;
    }

    /// Work that gives back the space of every version in every table.
    pub(crate) fn into_release_work(mut self) -> MergeWork {
        self.freeze();
        let tables = self.frozen.iter().chain(self.base.iter().map(|base| &base.table));
        MergeWork::release(tables.map(Writer::reader).collect(), (self.content, self.options))
    }

    fn freeze(&mut self) {
        let active = self.options.create();
        let frozen = std::mem::replace(&mut self.active, active);
        self.frozen.insert(0, frozen);
    }
}
