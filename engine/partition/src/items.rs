//! The items of one partition, as of the last applied change: in memory, in the core's cache, or on the disk.
//!
//! One a partition, on its core. What a memtable holds for a key is in FORMAT.md; how tables become files is in `table_set.rs` and `flush.rs`.
//! Deliberately not here: the sets that follow from the items (`local_indexes.rs`, `due_times.rs`, `collections.rs`).

use crate::change::ChangeView;
use crate::image::{Image, image_of};
use crate::reads::{Missing, Reads};
use crate::table_set::{Content, FileValue, MemtablesOptions, TableSet, place_of};
use crate::walk::{WalkEntry, WalkValue};
use bytes::Bytes;
use journal::{Location, LogIndex, SegmentId};
use memtable::{Entry, TaggedKey};
use model::ItemRef;
use model::table::PartitionId;
use sstable::SoughtKey;

/// The items. See the front page.
pub(crate) struct Items {
    owner: PartitionId,
    set: TableSet,
    /// Where a value is put together; used again by each insert.
    value: Vec<u8>,
    /// The segment of the first change in the memtables that no flush is writing, and of the first in those that one is.
    unflushed_floor: Option<SegmentId>,
    flushing_floor: Option<SegmentId>,
}

/// An item in its stored encoding, wherever it was found.
#[derive(Clone, Debug)]
pub(crate) enum ItemBytes<'a> {
    /// In a memtable or in flight, with its size as DynamoDB counts it.
    Memory(&'a [u8], u32),
    /// In the cache, or read from the disk.
    Shared(Bytes),
}

/// An image whose size is known without its item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ImageSize {
    /// As DynamoDB counts it.
    pub(crate) item_bytes: usize,
    /// The record that carries it, where a file names that and the cache does not know of it.
    pub(crate) record: Option<Location>,
}

impl ImageSize {
    /// Of an image in a memtable, in flight, in the cache or in a file itself.
    pub(crate) fn in_memory(item_bytes: usize) -> Self {
        Self { item_bytes, record: None }
    }
}

impl ItemBytes<'_> {
    /// The item.
    pub(crate) fn item(&self) -> ItemRef<'_> {
        match self {
            Self::Memory(bytes, _) => ItemRef::from_trusted(bytes),
            Self::Shared(bytes) => ItemRef::from_trusted(bytes),
        }
    }

    /// Its size as DynamoDB counts it, in bytes.
    pub(crate) fn size_bytes(&self) -> usize {
        match self {
            Self::Memory(_, item_bytes) => *item_bytes as usize,
            Self::Shared(_) => self.item().size_bytes(),
        }
    }
}

impl Items {
    pub(crate) fn new(owner: PartitionId, options: MemtablesOptions) -> Self {
        let set = TableSet::new(Content::Items, options);
        Self { owner, set, value: Vec::new(), unflushed_floor: None, flushing_floor: None }
    }

    /// The tables.
    pub(crate) fn set(&self) -> &TableSet {
        &self.set
    }

    /// The tables, to flush and to merge them.
    pub(crate) fn set_mut(&mut self) -> &mut TableSet {
        &mut self.set
    }

    /// The newest image of the key; `None` if there is no such item.
    pub(crate) fn find<'a>(
        &'a self,
        sought: TaggedKey<'_>,
        reads: &mut Reads,
    ) -> Result<Option<ItemBytes<'a>>, Missing> {
        if let Some(found) = self.set.find_in_memory(sought) {
            return Ok(image_of(found).into_item());
        }
        let key = sought.bytes;
        if self.set.runs().is_empty() {
            return Ok(None);
        }
        let sought = SoughtKey::new(key);
        if let Some((_, item)) = reads.cache.item(self.owner.0, &sought) {
            return Ok(Some(ItemBytes::Shared(item)));
        }
        let Some(found) = self.set.find_in_files(self.owner, &sought, reads)? else { return Ok(None) };
        match self.item_of(&sought, found.version, &found.value, reads) {
            Ok(item) => Ok(item.map(ItemBytes::Shared)),
            Err(missing) => {
                self.set.note_found(self.owner, key, found, reads);
                Err(missing)
            }
        }
    }

    /// What a write would take the place of: known without the item.
    pub(crate) fn find_size(&self, sought: TaggedKey<'_>, reads: &mut Reads) -> Result<Option<ImageSize>, Missing> {
        let of_item = |item: &[u8]| ImageSize::in_memory(ItemRef::from_trusted(item).size_bytes());
        if let Some(found) = self.set.find_in_memory(sought) {
            let image = image_of(found);
            return Ok(image.item.map(|_| ImageSize::in_memory(image.item_bytes as usize)));
        }
        if self.set.runs().is_empty() {
            return Ok(None);
        }
        let sought = SoughtKey::new(sought.bytes);
        if let Some((_, item)) = reads.cache.item(self.owner.0, &sought) {
            return Ok(Some(of_item(&item)));
        }
        let Some(found) = self.set.find_in_files(self.owner, &sought, reads)? else { return Ok(None) };
        match found.value {
            FileValue::Deleted => Ok(None),
            FileValue::Inline(item) => Ok(Some(of_item(&item))),
            FileValue::InJournal(location, item_bytes) => {
                Ok(Some(ImageSize { item_bytes: item_bytes as usize, record: Some(location) }))
            }
            FileValue::Bare => panic!("entries without items are not among the items"),
        }
    }

    /// The item of a key that a walk has come to; its value is one of a live entry.
    pub(crate) fn item_of_entry<'w>(&self, entry: WalkEntry<'w>, reads: &mut Reads) -> Result<ItemBytes<'w>, Missing> {
        match entry.value {
            WalkValue::Memory(found) => Ok(image_of(found).into_item().expect("a walk yields live entries")),
            WalkValue::File(value) => {
                let sought = SoughtKey::new(entry.key);
                let cached = reads.cache.item(self.owner.0, &sought).filter(|(version, _)| *version == entry.version);
                if let Some((_, item)) = cached {
                    return Ok(ItemBytes::Shared(item));
                }
                let item = self.item_of(&sought, entry.version, &value, reads)?;
                Ok(ItemBytes::Shared(item.expect("a walk yields live entries")))
            }
        }
    }

    /// The item that a file's value means, which the cache then has.
    fn item_of(
        &self,
        sought: &SoughtKey<'_>,
        version: u64,
        value: &FileValue,
        reads: &mut Reads,
    ) -> Result<Option<Bytes>, Missing> {
        let mut place = None;
        let item = match value {
            FileValue::Deleted => return Ok(None),
            FileValue::Inline(item) => item.clone(),
            FileValue::InJournal(location, item_bytes) => {
                place = Some(place_of(*location));
                let payload = reads.record(*location, *item_bytes)?;
                let change = ChangeView::decode(&payload).expect("only `propose` writes to this log");
                assert_eq!(change.key(&mut reads.key), Ok(sought.bytes()), "the record of {location} is the key's");
                payload.slice_ref(change.image.expect("a file names records with items"))
            }
            FileValue::Bare => panic!("entries without items are not among the items"),
        };
        reads.cache.insert_item(self.owner.0, sought, (version, item.clone()), place);
        Ok(Some(item))
    }

    /// Inserts the newest version of a key. The record of the version before it, if a file is about to name that.
    pub(crate) fn insert(&mut self, key: TaggedKey<'_>, index: LogIndex, image: Image<'_>) -> Option<Location> {
        self.unflushed_floor.get_or_insert(image.location.segment);
        image.encode(&mut self.value);
        self.set.supersede(key, index.0, Entry::Put(&self.value))
    }

    /// Keeps the versions above `index` alone; calls `leave` with the records of the others.
    pub(crate) fn keep_above(&mut self, index: LogIndex, leave: &mut dyn FnMut(Location)) {
        self.set.keep_above(index.0, &mut |found| leave(image_of(found).location));
        self.unflushed_floor = None;
        let floor = &mut self.unflushed_floor;
        self.set.visit_versions(&mut |found| {
            let segment = image_of(found).location.segment;
            *floor = Some(floor.map_or(segment, |floor| floor.min(segment)));
        });
    }

    /// The first segment of the log in which there is a change that is in memory alone.
    pub(crate) fn floor(&self) -> Option<SegmentId> {
        self.flushing_floor.into_iter().chain(self.unflushed_floor).min()
    }

    /// What is in the memtables is being flushed from now on.
    pub(crate) fn note_flush(&mut self) {
        self.flushing_floor = self.unflushed_floor.take();
    }

    /// That is in files now.
    pub(crate) fn note_flushed(&mut self) {
        self.flushing_floor = None;
    }

    /// That was not written: it waits for the next flush.
    pub(crate) fn note_abandoned(&mut self) {
        self.unflushed_floor = self.floor();
        self.flushing_floor = None;
    }
}
