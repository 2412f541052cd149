//! The memtables of one partition, read as one: the one that is written, those frozen since the
//! last merge, and the base that the merge made.
//!
//! One a partition, on its core; a merge in the background reads the frozen ones and the base. Every
//! version of a key stays in its memtable until a merge leaves it behind. Deliberately not here: the
//! skiplist itself (`memtable`), and when a merge may run (the engine).

use crate::image::Image;
use crate::merge::MergeWork;
use journal::{Location, LogIndex};
use memtable::{Direction, Entry, Found, InsertRefused, KeySpan, Memtable, MemtableOptions, Merge, Reader, Writer};

/// Every version: the owner reads what is applied, and nothing else is in a memtable.
const NEWEST: u64 = u64::MAX;
/// Superseded versions that are not worth a merge.
const SUPERSEDED_COUNT_MIN: u64 = 64 << 10;
/// Frozen memtables that a read may have to look into before a merge is due whatever they hold.
const FROZEN_COUNT_MAX: usize = 8;

/// Limits of a partition's memtables.
#[derive(Clone, Copy, Debug)]
pub struct MemtablesOptions {
    /// Size at which a memtable is frozen whatever it holds, in bytes.
    pub table_bytes_max: usize,
    /// Seed of the skiplists' tower heights.
    pub seed: u64,
}

impl MemtablesOptions {
    /// A new memtable.
    pub(crate) fn create(self) -> (Writer, Reader) {
        Memtable::new(MemtableOptions { bytes_max: self.table_bytes_max, seed: self.seed })
    }
}

/// The tables of a partition.
///
/// Invariants:
/// 1. Every version in `active` is newer than every version of the same key in `frozen`, and those are newer than
///    the one in `base`.
/// 2. `frozen` is in the order of freezing, newest first.
/// 3. `base` holds one version a key and no deletion; its tables do not overlap and are in the order of their keys.
/// 4. At most one merge runs. Its inputs are the base and the last tables of `frozen`.
pub(crate) struct Memtables {
    active: Writer,
    frozen: Vec<Reader>,
    base: Vec<BaseTable>,
    is_merging: bool,
    options: MemtablesOptions,
    value: Vec<u8>,
}

/// A table of the base, with the least key in it.
#[derive(Clone)]
pub(crate) struct BaseTable {
    pub(crate) first_key: Vec<u8>,
    pub(crate) table: Reader,
}

impl Memtables {
    pub(crate) fn new(options: MemtablesOptions) -> Self {
        let (active, _) = options.create();
        Self { active, frozen: Vec::new(), base: Vec::new(), is_merging: false, options, value: Vec::new() }
    }

    /// The newest image of the key, as its stored encoding; `None` if there is no such item.
    pub(crate) fn find(&self, key: &[u8]) -> Option<&[u8]> {
        let found = self.find_entry(&self.active, key);
        let found = found.or_else(|| self.frozen.iter().find_map(|table| self.find_entry(table, key)));
        let found = found.or_else(|| {
            let after = self.base.partition_point(|base| base.first_key.as_slice() <= key);
            self.find_entry(&self.base[after.checked_sub(1)?].table, key)
        });
        found?.item
    }

    /// Inserts the newest version of a key.
    pub(crate) fn insert(&mut self, key: &[u8], index: LogIndex, location: Location, item: Option<&[u8]>) {
        Image { location, item }.encode(&mut self.value);
        loop {
            match self.active.insert(key, index.0, Entry::Put(&self.value)) {
                Ok(()) => return,
                Err(InsertRefused::Full) => self.freeze(),
                Err(error) => panic!("a change of at most 400 KB with an index of its own: {error}"),
            }
        }
    }

    /// The items in a span of encoded keys, each once with its key, in the order of their keys or against it.
    pub(crate) fn range<'a>(
        &'a self,
        span: KeySpan<'a>,
        direction: Direction,
    ) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let sources = std::iter::once(&*self.active)
            .chain(self.frozen.iter().map(|table| &**table))
            .chain(self.base.iter().map(|base| &*base.table));
        Merge::new(sources, span, NEWEST, direction).filter_map(|found| Some((found.key, image_of(found).item?)))
    }

    /// Bytes that all tables hold.
    pub(crate) fn bytes(&self) -> usize {
        let frozen: usize = self.frozen.iter().map(|table| table.bytes()).sum();
        let base: usize = self.base.iter().map(|base| base.table.bytes()).sum();
        self.active.bytes() + frozen + base
    }

    /// The merge that is due, if one is: superseded versions outweigh the `item_count` items there are, or a read has
    /// to look into too many tables. The tables that it reads stay until [`Memtables::finish_merge`].
    pub(crate) fn take_merge_work(&mut self, item_count: u64) -> Option<MergeWork> {
        if self.is_merging {
            return None;
        }
        let base_count: usize = self.base.iter().map(|base| base.table.len()).sum();
        let newer_count: usize = self.active.len() + self.frozen.iter().map(|table| table.len()).sum::<usize>();
        let superseded_count = (base_count as u64 + newer_count as u64).saturating_sub(item_count);
        let is_wasteful = superseded_count > item_count + SUPERSEDED_COUNT_MIN;
        let is_deep = self.frozen.len() >= 2 && newer_count >= base_count / 2;
        if !is_wasteful && !is_deep && self.frozen.len() < FROZEN_COUNT_MAX {
            return None;
        }
        if !self.active.is_empty() {
            self.freeze();
        }
        self.is_merging = true;
        let inputs = self.frozen.iter().cloned().chain(self.base.iter().map(|base| base.table.clone())).collect();
        Some(MergeWork::new(inputs, self.frozen.len(), self.options))
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
        let base = self.base.into_iter().map(|base| base.table);
        MergeWork::release(self.frozen.into_iter().chain(base).collect(), self.options)
    }

    fn find_entry<'a>(&'a self, table: &'a Memtable, key: &[u8]) -> Option<Image<'a>> {
        table.find(key, NEWEST).map(image_of)
    }

    fn freeze(&mut self) {
        let (active, _) = self.options.create();
        let frozen = std::mem::replace(&mut self.active, active);
        self.frozen.insert(0, frozen.reader());
    }
}

/// What an entry of ours holds; deletions are images without an item, so that they keep their location.
pub(crate) fn image_of(found: Found<'_>) -> Image<'_> {
    match found.entry {
        Entry::Put(value) => Image::decode(value),
        Entry::Tombstone => panic!("deletions are inserted as images"),
    }
}
