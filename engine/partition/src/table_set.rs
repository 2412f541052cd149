//! An ordered set of a partition: the memtable that is written, those that are frozen, and sorted runs of files, read as one.
//!
//! ```text
//! insert -> active -> frozen, newest first -> (flush) -> runs, newest first -> (merge) -> fewer runs
//! ```
//!
//! A partition has one for its items and one for each set that follows from them, all on its core. Every version of a key stays in its memtable
//! until that is flushed; a run has one version a key. Deliberately not here: the skiplist (`memtable`), files (`sstable`), what a
//! value means (`image.rs` for items), and when there is a flush or a merge (`partition.rs`, the engine).

use crate::flush::INLINE_BYTES_MAX;
use crate::image::image_of;
use crate::reads::{FilesId, Missing, Progress, Reads};
use crate::record_sums::RecordSums;
use crate::run::{Run, RunId};
use crate::walk::Walk;
use journal::{Location, SegmentId};
use memtable::{
    Direction, Entry, Found, InsertRefused, KeySpan, KeyTag, Memtable, MemtableOptions, Merge, PrefetchStep, Reader,
    SpareChunks, TaggedKey, Writer,
};
use model::table::PartitionId;
use runtime::Instant;
use sstable::{BlockRef, IndexPage, JournalPlace, SoughtKey, Table};
use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;

/// Every version: the owner reads what is applied, and nothing else is in a memtable.
pub(crate) const NEWEST: u64 = u64::MAX;

/// Runs whose memory is asked for together: enough for their cache misses to overlap, and of more than these a key is often in one of the first.
pub(crate) const RUN_GROUP_COUNT: usize = 16;

/// Inserts whose memory is asked for together: enough for their cache misses to overlap, and the nearest cache holds it until they are done.
pub(crate) const PREFETCH_INSERTS_MAX: usize = 32;

/// The index page of a file that a key can be in.
pub(crate) struct PageOfFile<'r> {
    pub(crate) file: &'r Rc<Table>,
    number: usize,
    /// If it is in memory.
    pub(crate) resident: Option<Rc<IndexPage>>,
}

/// Limits of the memtables of one set, and where their memory comes from.
#[derive(Clone, Debug)]
pub struct MemtablesOptions {
    /// Size at which a memtable is frozen whatever it holds, in bytes.
    pub table_bytes_max: usize,
    /// Seed of the skiplists' tower heights, and of the hashes of keys.
    pub seed: u64,
    /// Of the worker.
    pub spare: SpareChunks,
}

impl MemtablesOptions {
    /// A new memtable.
    fn create(&self) -> Writer {
        let options = MemtableOptions { bytes_max: self.table_bytes_max, seed: self.seed };
        Memtable::with_spare(options, self.spare.clone()).0
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
    /// Entries with a number.
    Values,
}

impl Content {
    /// Whether a newest version in a memtable is there to be read.
    pub(crate) fn is_live(self, found: Found<'_>) -> bool {
        match self {
            Self::Items => image_of(found).item.is_some(),
            Self::Entries | Self::Values => matches!(found.entry, Entry::Put(_)),
        }
    }
}

/// The newest version of a key, as a file has it.
#[derive(Clone, Debug)]
pub(crate) struct FileVersion {
    /// The log index of the change that made it.
    pub(crate) version: u64,
    pub(crate) value: FileValue,
}

/// What a file holds for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileValue {
    /// It was deleted.
    Deleted,
    /// The value itself, copied out of its block.
    Inline(bytes::Bytes),
    /// An item that the record at this place carries, and its size as DynamoDB counts it.
    InJournal(Location, u32),
    /// The key alone.
    Bare,
}

impl FileValue {
    /// What an entry of a block says.
    pub(crate) fn of(content: sstable::Content<'_>) -> Self {
        match content {
            sstable::Content::Tombstone => Self::Deleted,
            sstable::Content::Inline { value, .. } => Self::Inline(bytes::Bytes::copy_from_slice(value)),
            sstable::Content::InJournal { place, item_bytes } => Self::InJournal(location_of(place), item_bytes),
            sstable::Content::BareKey { .. } => Self::Bare,
        }
    }
}

/// A place in the journal as the journal knows it.
pub(crate) fn location_of(place: JournalPlace) -> Location {
    Location { segment: SegmentId(place.segment), offset: place.offset, len: place.bytes }
}

/// The other way.
pub(crate) fn place_of(location: Location) -> JournalPlace {
    JournalPlace { segment: location.segment.0, offset: location.offset, bytes: location.len }
}

/// See the front page.
///
/// Invariants:
/// 1. Every version in `active` is newer than every version of the same key in `frozen`, those are newer than the ones in
///    `runs`, and of two runs the first is the newer one; or it is as new, and says where the record was moved to.
/// 2. `frozen` is in the order of freezing, newest first; the last `flushing_count` of them are being flushed.
/// 3. `superseded` are the records of items' versions that a newer one supersedes which no older flush will write, as is the version itself;
///    `flushing_superseded` those among what is being flushed. So each record that never comes to a file is counted once.
pub(crate) struct TableSet {
    content: Content,
    active: Writer,
    /// Nobody inserts into these any more; their writers stay for the owner's point reads.
    frozen: Vec<Writer>,
    flushing_count: usize,
    superseded: RecordSums,
    flushing_superseded: RecordSums,
    runs: Vec<Run>,
    /// One more with each change of `runs`.
    generation: u64,
    options: MemtablesOptions,
}

impl TableSet {
    pub(crate) fn new(content: Content, options: MemtablesOptions) -> Self {
        let active = options.create();
        Self {
            content,
            active,
            frozen: Vec::new(),
            flushing_count: 0,
            superseded: RecordSums::default(),
            flushing_superseded: RecordSums::default(),
            runs: Vec::new(),
            generation: 0,
            options,
        }
    }

    /// What it holds.
    pub(crate) fn content(&self) -> Content {
        self.content
    }

    /// The newest version of the key in memory, a deletion too; `None` if no memtable has one: then the files may.
    pub(crate) fn find_in_memory(&self, key: TaggedKey<'_>) -> Option<Found<'_>> {
        let found = self.active.find_newest(key);
        found.or_else(|| self.frozen.iter().find_map(|table| table.find_newest(key)))
    }

    /// The newest version of the key in the files. `owner` is the partition whose set this is.
    pub(crate) fn find_in_files(
        &self,
        owner: PartitionId,
        sought: &SoughtKey<'_>,
        reads: &mut Reads,
    ) -> Result<Option<FileVersion>, Missing> {
        if self.runs.is_empty() {
            return Ok(None);
        }
        let (files, key) = (self.files_id(owner), sought.bytes());
        let mut passed_count = match reads.take_progress(files, key) {
            Progress::Found(found) => return Ok(Some(found)),
            Progress::Passed(count) => count,
            Progress::Led { passed_count, file, block } => match find_in_block(&file, block, key, reads) {
                Ok(None) => passed_count + 1,
                Ok(found) => return Ok(found),
                Err(Missing) => {
                    reads.keep_progress(files, key, Progress::Led { passed_count, file, block });
                    return Err(Missing);
                }
            },
        };
        for group in self.runs[passed_count..].chunks(RUN_GROUP_COUNT) {
            for page in pages_for(group, sought).into_iter().take(group.len()) {
                match page.map_or(Ok(None), |page| find_in_page(page, sought, reads)) {
                    Ok(None) => passed_count += 1,
                    Ok(found) => return Ok(found),
                    Err(Missing) => {
                        reads.keep_progress(files, key, Progress::Passed(passed_count));
                        return Err(Missing);
                    }
                }
            }
        }
        Ok(None)
    }

    /// The operation waits for what a version names: it will not have to be looked for again.
    pub(crate) fn note_found(&self, owner: PartitionId, key: &[u8], found: FileVersion, reads: &mut Reads) {
        reads.keep_progress(self.files_id(owner), key, Progress::Found(found));
    }

    /// Its files as they are now.
    pub(crate) fn files_id(&self, owner: PartitionId) -> FilesId {
        FilesId { owner, content: self.content, generation: self.generation }
    }

    /// The key as the memtables find it.
    pub(crate) fn tagged<'k>(&self, key: &'k [u8]) -> TaggedKey<'k> {
        self.active.tagged(key)
    }

    /// Asks for the memory that a read of the key looks at, one step of it: in the newest memtable that has the key. Tells whether one has it, as far as the
    /// step knows.
    pub(crate) fn prefetch(&self, tag: KeyTag, step: PrefetchStep) -> bool {
        self.active.prefetch(tag, step) || self.frozen.iter().any(|table| table.prefetch(tag, step))
    }

    /// Asks for the memory that inserts of these keys look at, of the first [`PREFETCH_INSERTS_MAX`].
    pub(crate) fn prefetch_inserts<'k>(&self, keys: impl Iterator<Item = TaggedKey<'k>>) {
        let mut expected = [None; PREFETCH_INSERTS_MAX];
        for (expected, key) in expected.iter_mut().zip(keys) {
            *expected = Some(key);
        }
        for step in PrefetchStep::ALL {
            for key in expected.iter().flatten() {
                self.prefetch(key.tag, step);
            }
        }
        self.active.prefetch_new(expected);
    }

    /// Inserts the newest version of a key.
    pub(crate) fn insert(&mut self, key: &[u8], version: u64, entry: Entry<'_>) {
        self.supersede(self.tagged(key), version, entry);
    }

    /// The same; tells the record of the version before it, if that is among what is being flushed and a file will name it: only a merge can leave it
    /// behind.
    pub(crate) fn supersede(&mut self, key: TaggedKey<'_>, version: u64, entry: Entry<'_>) -> Option<Location> {
        let is_superseding = loop {
            match self.active.insert(key, version, entry) {
                Ok(superseded) => {
                    let superseded = superseded.filter(|_| self.content == Content::Items);
                    superseded.inspect(|older| self.superseded.add_record(image_of(*older).location));
                    break superseded.is_some();
                }
                Err(InsertRefused::Full | InsertRefused::NotNewer) => self.freeze(),
                Err(error) => panic!("an entry of at most 400 KB with a version of its own: {error}"),
            }
        };
        if is_superseding || self.content != Content::Items { None } else { self.note_superseded_in_frozen(key) }
    }

    /// Notes the version of a key that a frozen memtable has, now that the active one has a newer. Its record, if a file will name it.
    fn note_superseded_in_frozen(&mut self, key: TaggedKey<'_>) -> Option<Location> {
        let newest = self.frozen.iter().enumerate().find_map(|(place, table)| Some((place, table.find_newest(key)?)));
        let (place, older) = newest?;
        let image = image_of(older);
        if place < self.frozen.len() - self.flushing_count {
            self.superseded.add_record(image.location);
            return None;
        }
        Some(image.location).filter(|_| image.item.is_some_and(|item| item.len() > INLINE_BYTES_MAX))
    }

    /// The keys of a span that are there, in order or against it.
    pub(crate) fn walk<'a>(&'a self, span: KeySpan<'a>, direction: Direction) -> Walk<'a> {
        let tables = std::iter::once(&*self.active).chain(self.frozen.iter().map(|table| &**table));
        Walk::new(self.content, tables, &self.runs, (span, direction))
    }

    /// Bytes that the memtables hold.
    pub(crate) fn memtable_bytes(&self) -> usize {
        let tables = [&self.active].into_iter().chain(&self.frozen);
        tables.map(|table| table.bytes() + table.index_bytes()).sum()
    }

    /// Bytes that the memtables hold which no flush is writing.
    pub(crate) fn unflushed_bytes(&self) -> usize {
        let waiting_count = self.frozen.len() - self.flushing_count;
        let tables = [&self.active].into_iter().filter(|active| !active.is_empty());
        tables.chain(&self.frozen[..waiting_count]).map(|table| table.bytes() + table.index_bytes()).sum()
    }

    /// Bytes that the files hold in memory.
    pub(crate) fn file_memory_bytes(&self) -> usize {
        self.runs.iter().map(Run::memory_bytes).sum()
    }

    /// The runs, newest first.
    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Freezes what is in memory and gives it out to be flushed, newest first, with the records of the versions in it that newer ones supersede; nothing if
    /// there is nothing. One flush at a time.
    pub(crate) fn begin_flush(&mut self) -> (Vec<Reader>, RecordSums) {
        assert!(self.flushing_count == 0, "one flush at a time");
        if !self.active.is_empty() {
            self.freeze();
        }
        self.flushing_count = self.frozen.len();
        self.flushing_superseded = std::mem::take(&mut self.superseded);
        (self.frozen.iter().map(Writer::reader).collect(), self.flushing_superseded.clone())
    }

    /// What was frozen for the flush is in `run` now, or nothing of it had to stay.
    pub(crate) fn finish_flush(&mut self, run: Option<Run>) {
        self.frozen.truncate(self.frozen.len() - self.flushing_count);
        self.flushing_count = 0;
        self.flushing_superseded = RecordSums::default();
        self.runs.splice(0..0, run);
        self.generation += 1;
    }

    /// The flush has failed: what was frozen is flushed with the next one.
    pub(crate) fn abandon_flush(&mut self) {
        self.note_superseded_in_flushing();
        self.flushing_count = 0;
        self.superseded.add_all(&std::mem::take(&mut self.flushing_superseded));
    }

    /// Notes the versions in what is being flushed that newer ones supersede, which will now be flushed with them.
    fn note_superseded_in_flushing(&mut self) {
        if self.content != Content::Items {
            return;
        }
        let (waiting, flushing) = self.frozen.split_at(self.frozen.len() - self.flushing_count);
        let newer = || waiting.iter().chain([&self.active]);
        for older in newest_of(flushing) {
            let key = self.tagged(older.key);
            if newer().any(|table| table.find_newest(key).is_some()) {
                self.superseded.add_record(image_of(older).location);
            }
        }
    }

    /// Gives out the newest runs, so many, to be merged.
    pub(crate) fn begin_merge(&mut self, count: usize) -> Vec<Run> {
        let runs = self.runs[..count].iter_mut().map(|run| {
            assert!(!run.is_merging, "a run is in one merge at a time");
            run.is_merging = true;
            run.clone()
        });
        runs.collect()
    }

    /// The merge of these runs has failed. The one that has the `bad` file is left alone `until` then. Whether there is one.
    pub(crate) fn abandon_merge(&mut self, merged: &[RunId], bad: Option<&Path>, until: Instant) -> bool {
        let mut is_left_alone = false;
        for run in self.runs.iter_mut().filter(|run| merged.contains(&run.id)) {
            run.is_merging = false;
            if bad.is_some_and(|bad| run.files.iter().any(|file| file.path() == bad)) {
                run.spoiled_until = Some(until);
                is_left_alone = true;
            }
        }
        is_left_alone
    }

    /// Puts a run in the place of those that were merged into it, or nothing.
    pub(crate) fn replace_runs(&mut self, merged: &[RunId], output: Option<Run>) {
        let first =
            self.runs.iter().position(|run| merged.first() == Some(&run.id)).expect("runs that are merged stay");
        let found = self.runs[first..first + merged.len()].iter().map(|run| run.id);
        assert!(found.eq(merged.iter().copied()), "merged runs lie side by side");
        self.runs.splice(first..first + merged.len(), output);
        self.generation += 1;
    }

    /// Records in `victims` were moved out of these runs, and `moved` names the copies.
    pub(crate) fn empty_segments(&mut self, runs: &[RunId], victims: &BTreeSet<SegmentId>, moved: Option<Run>) {
        let is_emptied = |run: &Run| runs.contains(&run.id);
        let first = self.runs.iter().position(is_emptied).expect("runs that are emptied stay");
        for run in self.runs.iter_mut().filter(|run| is_emptied(run)) {
            run.empty(victims);
            run.is_merging = false;
        }
        self.runs.splice(first..first, moved);
        self.generation += 1;
    }

    /// Takes over runs that a checkpoint named.
    pub(crate) fn set_runs(&mut self, runs: Vec<Run>) {
        self.runs = runs;
        self.generation += 1;
    }

    /// Keeps the versions above `version` alone; calls `leave` with what is left behind.
    pub(crate) fn keep_above(&mut self, version: u64, leave: &mut dyn FnMut(Found<'_>)) {
        let kept = TableSet::new(self.content, self.options.clone());
        let mut earlier = std::mem::replace(self, kept);
        self.runs = std::mem::take(&mut earlier.runs);
        earlier.visit_versions(&mut |found| {
            if found.version > version {
                self.insert(found.key, found.version, found.entry);
            } else {
                leave(found);
            }
        });
    }

    /// Calls `visit` with every version in memory, those of a key oldest first.
    pub(crate) fn visit_versions(&self, visit: &mut dyn FnMut(Found<'_>)) {
        let tables = self.frozen.iter().rev().chain([&self.active]);
        tables.for_each(|table| visit_versions(table, visit));
    }

    fn freeze(&mut self) {
        let active = self.options.create();
        let frozen = std::mem::replace(&mut self.active, active);
        self.frozen.insert(0, frozen);
    }
}

/// The newest version of each key in some memtables.
fn newest_of(tables: &[Writer]) -> impl Iterator<Item = Found<'_>> {
    Merge::new(tables.iter().map(|table| &**table), KeySpan::ALL, NEWEST, Direction::Forward)
}

/// Where in each of some runs the key can be. What one step to all pages' filters looks at is asked for before the first of them is taken, so that cache
/// misses overlap.
pub(crate) fn pages_for<'r>(runs: &'r [Run], sought: &SoughtKey<'_>) -> [Option<PageOfFile<'r>>; RUN_GROUP_COUNT] {
    let mut pages = [const { None }; RUN_GROUP_COUNT];
    for (page, run) in pages.iter_mut().zip(runs) {
        *page = run.page_of(sought).map(|(file, number)| PageOfFile { file, number, resident: None });
        page.iter().for_each(|page| page.file.prefetch());
    }
    pages.iter().flatten().for_each(|page| page.file.prefetch_place(page.number));
    pages.iter().flatten().for_each(|page| page.file.prefetch_page(page.number));
    for page in pages.iter_mut().flatten() {
        page.resident = page.file.resident_page(page.number).inspect(|resident| resident.prefetch(sought));
    }
    pages
}

/// The version of the key that is in a page of a run.
fn find_in_page(
    PageOfFile { file, number, resident }: PageOfFile<'_>,
    sought: &SoughtKey<'_>,
    reads: &mut Reads,
) -> Result<Option<FileVersion>, Missing> {
    let page = resident.map_or_else(|| reads.page_of_number(file, number), Ok)?;
    let Some(block) = page.probe(sought) else { return Ok(None) };
    find_in_block(file, block, sought.bytes(), reads)
}

/// The version of the key that is in a block of a file.
fn find_in_block(
    file: &Rc<Table>,
    block: BlockRef,
    key: &[u8],
    reads: &mut Reads,
) -> Result<Option<FileVersion>, Missing> {
    let block = reads.block(file, block)?;
    let found = block.find(key);
    Ok(found.map(|entry| FileVersion { version: entry.version, value: FileValue::of(entry.content) }))
}

/// Calls `visit` with every version in a memtable, those of a key oldest first.
fn visit_versions(table: &Memtable, visit: &mut dyn FnMut(Found<'_>)) {
    let mut versions = Vec::new();
    for newest in table.range(KeySpan::ALL, NEWEST).walk(Direction::Forward) {
        versions.clear();
        versions.push(newest);
        while let Some(older) = versions.last().and_then(|newer| table.find(newest.key, newer.version.checked_sub(1)?))
        {
            versions.push(older);
        }
        versions.iter().rev().for_each(|found| visit(*found));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Image;

    const KEY_COUNT: u8 = 20;

    /// A set of items' versions, each with a record of 8 bytes of its own.
    struct Versions {
        set: TableSet,
        next: u64,
    }

    impl Versions {
        fn insert(&mut self, random: &mut fastrand::Rng) {
            let location = Location { segment: SegmentId(random.u32(..4)), offset: 0, len: 8 };
            let mut value = Vec::new();
            Image { location, item: None, item_bytes: 0 }.encode(&mut value);
            self.next += 1;
            self.set.insert(&[random.u8(..KEY_COUNT)], self.next, Entry::Put(&value));
        }
    }

    fn count(dead: &RecordSums) -> usize {
        usize::try_from(dead.total().count).expect("few")
    }

    /// What a flush writes of these tables is one version a key; all others are superseded.
    fn superseded_count(tables: &[Reader]) -> usize {
        let merge = Merge::new(tables.iter().map(|table| &**table), KeySpan::ALL, NEWEST, Direction::Forward);
        tables.iter().map(|table| table.len()).sum::<usize>() - merge.count()
    }

    #[test]
    fn every_version_that_no_file_will_hold_is_counted_once_whatever_becomes_of_flushes() {
        for seed in 0..20 {
            let mut random = fastrand::Rng::with_seed(seed);
            let options = MemtablesOptions { table_bytes_max: 2 << 10, seed, spare: SpareChunks::default() };
            let mut versions = Versions { set: TableSet::new(Content::Items, options), next: 0 };
            for _ in 0..30 {
                (0..random.u32(..60)).for_each(|_| versions.insert(&mut random));
                let (tables, superseded) = versions.set.begin_flush();
                assert_eq!(count(&superseded), superseded_count(&tables), "seed {seed}");
                (0..random.u32(..60)).for_each(|_| versions.insert(&mut random));
                if random.bool() { versions.set.abandon_flush() } else { versions.set.finish_flush(None) }
            }
        }
    }

    #[test]
    fn a_version_that_a_file_is_about_to_name_is_told_when_a_newer_one_comes() {
        let options = MemtablesOptions { table_bytes_max: 64 << 10, seed: 1, spare: SpareChunks::default() };
        let mut set = TableSet::new(Content::Items, options);
        let insert = |set: &mut TableSet, offset: u32, item: &[u8]| {
            let location = Location { segment: SegmentId(1), offset, len: 8 };
            let mut value = Vec::new();
            Image { location, item: Some(item), item_bytes: 1 }.encode(&mut value);
            set.supersede(set.tagged(b"key"), u64::from(offset), Entry::Put(&value)).map(|location| location.offset)
        };
        let (small, large) = ([0; INLINE_BYTES_MAX], [0; INLINE_BYTES_MAX + 1]);
        assert_eq!(insert(&mut set, 1, &large), None);
        assert_eq!(insert(&mut set, 2, &large), None, "neither of them is in a file if this one is flushed");
        set.begin_flush();
        assert_eq!(insert(&mut set, 3, &small), Some(2));
        assert_eq!(insert(&mut set, 4, &small), None, "told once");
        set.finish_flush(None);
        set.begin_flush();
        assert_eq!(insert(&mut set, 5, &large), None, "the file has the item itself, and its record is dead");
    }
}
