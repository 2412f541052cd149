//! The items of one partition, as of the last applied change.
//!
//! One a partition, on its core. What a table holds for a key is in FORMAT.md; how tables become one is in
//! `table_set.rs`. Deliberately not here: the indexes over the items (`local_indexes.rs`).

use crate::image::{Image, image_of};
use crate::merge::{MergeTarget, MergeWork};
use crate::table_set::{BaseTable, Content, MemtablesOptions, TableSet};
use journal::{Location, LogIndex};
use memtable::{Direction, Entry, KeySpan};

/// The items. See the front page.
pub(crate) struct Memtables {
    tables: TableSet,
    /// Where a value is put together; used again by each insert.
    value: Vec<u8>,
}

impl Memtables {
    pub(crate) fn new(options: MemtablesOptions) -> Self {
        Self { tables: TableSet::new(Content::Items, options), value: Vec::new() }
    }

    /// The newest image of the key, as its stored encoding; `None` if there is no such item.
    pub(crate) fn find(&self, key: &[u8]) -> Option<&[u8]> {
        image_of(self.tables.find_newest(key)?).item
    }

    /// The newest version of the key, be it a deletion: its index and its image.
    pub(crate) fn find_version(&self, key: &[u8]) -> Option<(LogIndex, Image<'_>)> {
        self.tables.find_newest(key).map(|found| (LogIndex(found.version), image_of(found)))
    }

    /// See [`TableSet::prefetch`].
    pub(crate) fn prefetch(&self, key: &[u8], is_second: bool) {
        self.tables.prefetch(key, is_second);
    }

    /// Inserts the newest version of a key.
    pub(crate) fn insert(&mut self, key: &[u8], index: LogIndex, location: Location, item: Option<&[u8]>) {
        Image { location, item }.encode(&mut self.value);
        self.tables.insert(key, index.0, Entry::Put(&self.value));
    }

    /// The record of the newest version of a key lies elsewhere from now on: the version comes once more into the newest
    /// table, and hides itself in an older one. A merge leaves that one behind without telling of it.
    pub(crate) fn set_location(&mut self, key: &[u8], location: Location) {
        let newest = self.tables.find_newest(key).expect("asked for a key that has a version");
        let version = newest.version;
        Image { location, item: image_of(newest).item }.encode(&mut self.value);
        self.tables.insert(key, version, Entry::Put(&self.value));
    }

    /// The items in a span of encoded keys, each once with its key, in the order of their keys or against it.
    pub(crate) fn range<'a>(
        &'a self,
        span: KeySpan<'a>,
        direction: Direction,
    ) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.tables.range(span, direction).filter_map(|found| Some((found.key, image_of(found).item?)))
    }

    /// See [`TableSet::bytes`].
    pub(crate) fn bytes(&self) -> usize {
        self.tables.bytes()
    }

    /// See [`TableSet::take_merge_work`].
    pub(crate) fn take_merge_work(&mut self, item_count: u64) -> Option<MergeWork> {
        self.tables.take_merge_work(item_count, MergeTarget::Items)
    }

    /// See [`TableSet::finish_merge`].
    pub(crate) fn finish_merge(&mut self, frozen_count: usize, base: Vec<BaseTable>) {
        self.tables.finish_merge(frozen_count, base);
    }

    /// Work that gives back the space of every version in every table.
    pub(crate) fn into_release_work(self) -> MergeWork {
        self.tables.into_release_work()
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
                let (_, frozen_count, base) = merge.into_base();
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
