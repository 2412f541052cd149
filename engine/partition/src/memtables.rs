//! The memtables of one partition, read as one: the one that is written, those frozen since the
//! last merge, and the base that the merge made.
//!
//! One a partition, on its core; a merge in the background reads the frozen ones and the base. Every
//! version of a key stays in its memtable until a merge leaves it behind. Deliberately not here: the
//! skiplist itself (`memtable`), and when a merge may run (the engine).

use crate::image::Image;
use crate::merge::MergeWork;
use journal::{Location, LogIndex};
use memtable::{Direction, Entry, Found, InsertRefused, KeySpan, Memtable, MemtableOptions, Merge, Writer};

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
    pub(crate) fn create(self) -> Writer {
        Memtable::new(MemtableOptions { bytes_max: self.table_bytes_max, seed: self.seed }).0
    }
}

/// The tables of a partition.
///
/// Invariants:
/// 1. Every version in `active` is newer than every version of the same key in `frozen`, and those are newer than
///    the one in `base`; or it is the same version, with the newer location.
/// 2. `frozen` is in the order of freezing, newest first.
/// 3. `base` holds one version a key and no deletion; its tables do not overlap and are in the order of their keys.
/// 4. At most one merge runs. Its inputs are the base and the last tables of `frozen`.
pub(crate) struct Memtables {
    active: Writer,
    /// Nobody inserts into these any more; their writers stay for the owner's point reads.
    frozen: Vec<Writer>,
    base: Vec<BaseTable>,
    is_merging: bool,
    options: MemtablesOptions,
    value: Vec<u8>,
}

/// A table of the base, with the least key in it.
pub(crate) struct BaseTable {
    pub(crate) first_key: Vec<u8>,
    pub(crate) table: Writer,
}

impl Memtables {
    pub(crate) fn new(options: MemtablesOptions) -> Self {
        let active = options.create();
        Self { active, frozen: Vec::new(), base: Vec::new(), is_merging: false, options, value: Vec::new() }
    }

    /// The newest image of the key, as its stored encoding; `None` if there is no such item.
    pub(crate) fn find(&self, key: &[u8]) -> Option<&[u8]> {
        image_of(self.find_newest(key)?).item
    }

    /// The newest version of the key, be it a deletion: its index and its image.
    pub(crate) fn find_version(&self, key: &[u8]) -> Option<(LogIndex, Image<'_>)> {
        self.find_newest(key).map(|found| (LogIndex(found.version), image_of(found)))
    }

    fn find_newest(&self, key: &[u8]) -> Option<Found<'_>> {
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

    /// Inserts the newest version of a key.
    pub(crate) fn insert(&mut self, key: &[u8], index: LogIndex, location: Location, item: Option<&[u8]>) {
        Image { location, item }.encode(&mut self.value);
        self.insert_value(key, index);
    }

    /// The record of the newest version of a key lies elsewhere from now on: the version comes once more into the newest table,
    /// and hides itself in an older one. A merge leaves that one behind without telling of it.
    pub(crate) fn set_location(&mut self, key: &[u8], location: Location) {
        let mut value = std::mem::take(&mut self.value);
        let (index, image) = self.find_version(key).expect("asked for a key that has a version");
        Image { location, item: image.item }.encode(&mut value);
        self.value = value;
        self.insert_value(key, index);
    }

    fn insert_value(&mut self, key: &[u8], index: LogIndex) {
        loop {
            match self.active.insert(key, index.0, Entry::Put(&self.value)) {
                Ok(()) => return,
                Err(InsertRefused::Full | InsertRefused::Present) => self.freeze(),
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
        let tables = [&self.active].into_iter().chain(&self.frozen).chain(self.base.iter().map(|base| &base.table));
        tables.map(|table| table.bytes() + table.index_bytes()).sum()
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
        let tables = self.frozen.iter().chain(self.base.iter().map(|base| &base.table));
        let inputs = tables.map(Writer::reader).collect();
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
        let tables = self.frozen.iter().chain(self.base.iter().map(|base| &base.table));
        MergeWork::release(tables.map(Writer::reader).collect(), self.options)
    }

    fn freeze(&mut self) {
        let active = self.options.create();
        let frozen = std::mem::replace(&mut self.active, active);
        self.frozen.insert(0, frozen);
    }
}

/// What an entry of ours holds; deletions are images without an item, so that they keep their location.
pub(crate) fn image_of(found: Found<'_>) -> Image<'_> {
    match found.entry {
        Entry::Put(value) => Image::decode(value),
        Entry::Tombstone => panic!("deletions are inserted as images"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastrand::Rng;
    use journal::SegmentId;
    use std::collections::{BTreeMap, BTreeSet};

    /// Every version that was inserted is told superseded once, or is in the tables still.
    struct World {
        random: Rng,
        tables: Memtables,
        oracle: BTreeMap<Vec<u8>, Vec<u8>>,
        live: BTreeMap<Vec<u8>, Location>,
        told: BTreeSet<Location>,
        next: u32,
        merge: Option<MergeWork>,
    }

    impl World {
        fn new(seed: u64) -> Self {
            Self {
                random: Rng::with_seed(seed),
                tables: Memtables::new(MemtablesOptions { table_bytes_max: 64 << 10, seed }),
                oracle: BTreeMap::new(),
                live: BTreeMap::new(),
                told: BTreeSet::new(),
                next: 1,
                merge: None,
            }
        }

        fn write(&mut self) {
            let key = format!("key {:04}", self.random.u32(..600)).into_bytes();
            let location = Location { segment: SegmentId(1), offset: self.next, len: 1 };
            let item = (self.random.u8(..) > 60).then(|| vec![b'i'; self.random.usize(1..120)]);
            self.tables.insert(&key, LogIndex(u64::from(self.next)), location, item.as_deref());
            self.next += 1;
            self.live.insert(key.clone(), location);
            match item {
                Some(item) => self.oracle.insert(key, item),
                None => self.oracle.remove(&key),
            };
        }

        /// The record of some item is copied elsewhere, and released where it was.
        fn relocate(&mut self) {
            let place = self.random.usize(..self.oracle.len().max(1));
            let Some(key) = self.oracle.keys().nth(place).cloned() else { return };
            let location = Location { segment: SegmentId(1), offset: self.next, len: 1 };
            self.next += 1;
            self.tables.set_location(&key, location);
            let earlier = self.live.insert(key, location).expect("it was written");
            assert!(self.told.insert(earlier), "told twice: {earlier}");
        }

        fn work(&mut self) {
            if self.merge.is_none() {
                self.merge = self.tables.take_merge_work(self.oracle.len() as u64);
            }
            if self.merge.as_mut().is_some_and(|merge| merge.step(7)) {
                let mut merge = self.merge.take().expect("there is one");
                for location in merge.take_superseded() {
                    assert!(self.told.insert(location), "told twice: {location}");
                }
                let (frozen_count, base) = merge.into_base();
                self.tables.finish_merge(frozen_count, base);
            }
        }

        fn check(&self) {
            for number in 0..600 {
                let key = format!("key {number:04}").into_bytes();
                assert_eq!(self.tables.find(&key), self.oracle.get(&key).map(Vec::as_slice), "{number}");
            }
            let all = |direction| -> Vec<(Vec<u8>, Vec<u8>)> {
                let items = self.tables.range(KeySpan::ALL, direction);
                items.map(|(key, item)| (key.to_vec(), item.to_vec())).collect()
            };
            let expected: Vec<_> = self.oracle.clone().into_iter().collect();
            assert_eq!(all(Direction::Forward), expected);
            assert_eq!(all(Direction::Reverse), expected.into_iter().rev().collect::<Vec<_>>());
        }
    }

    #[test]
    fn merges_keep_what_is_newest_and_tell_what_is_not() {
        for seed in 0..8 {
            println!("seed {seed}");
            let mut world = World::new(seed);
            let mut merge_count = 0;
            for step in 0..20_000 {
                world.write();
                if step % 5 == 0 {
                    world.relocate();
                }
                let was_merging = world.merge.is_some();
                world.work();
                merge_count += u32::from(was_merging && world.merge.is_none());
                if step % 1_000 == 0 {
                    world.check();
                }
            }
            world.check();
            assert!(merge_count > 3, "{merge_count} merges");
            for (key, location) in &world.live {
                let is_told = world.told.contains(location);
                assert!(!is_told || !world.oracle.contains_key(key), "the newest version is told superseded");
            }
            // What was not told yet is found when the partition goes.
            drop(world.merge.take());
            let mut rest = world.tables.into_release_work();
            while !rest.step(100) {}
            for location in rest.take_superseded() {
                assert!(world.told.insert(location), "told twice: {location}");
            }
            assert_eq!(world.told.len(), world.next as usize - 1);
        }
    }
}
