//! What operations read from the disk: what is there already, and what has to be brought first.
//!
//! Decisions and reads are synchronous. One that cannot go on without a block of a file or a record of the journal notes it here and ends
//! with [`Missing`]; the engine brings it and does the operation again, from the beginning or from where it had come to. By then everything
//! may be otherwise (a file merged away, a record moved): the operation sees what is there at that moment, so nothing that was
//! brought can be stale. Blocks, index pages and items stay in the core's cache; one [`Reads`] a core.
//!
//! Deliberately not here: when something is brought, and how much at one time (the engine).

use crate::look_ahead::Foreseen;
use crate::table_set::{Content, FileVersion, location_of};
use bytes::Bytes;
use journal::{Journal, Location, OwnedRecord, ReadError};
use model::table::PartitionId;
use runtime::{FileError, FileSpan};
use sstable::{Block, BlockRef, Cache, CacheUsage, IndexPage, Piece, Table, TableError};
use std::fmt;
use std::rc::Rc;

/// Entries that one turn of an operation looks at, deleted ones included; behind the last of them it goes on in the next turn.
const ENTRY_COUNT_MAX: usize = 2_048;
/// Blocks that are brought together where one is missed and those after it will be.
const BLOCKS_AHEAD: usize = 8;
/// Things that one operation waits for at a time ...
const NEED_COUNT_MAX: usize = 64;
/// ... and bytes of records among them as they are in memory, if it is more than one: no page is longer.
const NEED_BYTES_MAX: usize = 1 << 20;

/// An operation cannot go on: what it needs is noted, or it has had its share of this turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing;

/// Something on the disk.
#[derive(Clone)]
pub enum Need {
    /// An index page of a file.
    Page(Rc<Table>, BlockRef),
    /// A data block of a file.
    Block(Rc<Table>, BlockRef),
    /// A record of the journal.
    Record(Location),
}

/// Tells needs apart: two operations that need the same wait for one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NeedId {
    /// A block of a file: its id and where the block starts.
    Block(u64, u32),
    /// A record.
    Record(Location),
}

/// Tells files apart that something is needed of; in an order that is the same in each run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileName {
    /// A sorted file, by its id.
    Table(u64),
    /// A segment of the journal.
    Segment(u32),
}

/// What was read.
#[derive(Clone)]
pub enum Brought {
    /// An index page.
    Page(Rc<IndexPage>),
    /// A data block.
    Block(Rc<Block>),
    /// The payload of a record.
    Record(Bytes),
    /// It is not there any more: whoever needed it looks again where it is now.
    Gone,
}

/// Why something could not be read.
#[derive(Debug)]
pub enum NeedError {
    /// A file of the partition.
    Table(TableError),
    /// The journal.
    Record(ReadError),
}

impl fmt::Display for NeedError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(error) => error.fmt(out),
            Self::Record(error) => error.fmt(out),
        }
    }
}

impl std::error::Error for NeedError {}

impl NeedError {
    /// What the disk said, if it was the disk.
    pub fn file_error(&self) -> Option<&FileError> {
        match self {
            Self::Table(TableError::File(error)) | Self::Record(ReadError::File(error)) => Some(error),
            _ => None,
        }
    }
}

/// How the read of a need begins.
pub enum Begun {
    /// This is to be read.
    Read(FileSpan),
    /// It is not there any more.
    Gone,
}

impl Need {
    /// What tells it apart.
    pub fn id(&self) -> NeedId {
        match self {
            Self::Page(table, block) | Self::Block(table, block) => NeedId::Block(table.id().0, block.unit),
            Self::Record(location) => NeedId::Record(*location),
        }
    }

    /// The file that it is in.
    pub fn file(&self) -> FileName {
        match self {
            Self::Page(table, _) | Self::Block(table, _) => FileName::Table(table.id().0),
            Self::Record(location) => FileName::Segment(location.segment.0),
        }
    }

    /// The first half of bringing it, for whoever has files read: says what to read.
    ///
    /// # Errors
    /// If it cannot be where it should be.
    pub fn begin(&self, journal: &Journal) -> Result<Begun, NeedError> {
        match self {
            Self::Page(table, block) | Self::Block(table, block) => {
                table.span_of(*block).map(Begun::Read).map_err(NeedError::Table)
            }
            Self::Record(location) => match journal.begin_read(*location) {
                Ok(span) => Ok(Begun::Read(span)),
                Err(ReadError::Released(_)) => Ok(Begun::Gone),
                Err(error) => Err(NeedError::Record(error)),
            },
        }
    }

    /// The second half: checks the bytes that were read and opens them.
    ///
    /// # Errors
    /// If they are not what was written.
    pub fn finish(&self, journal: &Journal, bytes: &[u8]) -> Result<Brought, NeedError> {
        match self {
            Self::Page(table, page) => table.open_page(*page, bytes).map(Brought::Page).map_err(NeedError::Table),
            Self::Block(table, block) => table.open_block(*block, bytes).map(Brought::Block).map_err(NeedError::Table),
            Self::Record(location) => brought_record(journal.finish_read(*location, bytes)),
        }
    }
}

fn brought_record(read: Result<OwnedRecord, ReadError>) -> Result<Brought, NeedError> {
    match read {
        Ok(record) => Ok(Brought::Record(record.payload)),
        Err(ReadError::Released(_)) => Ok(Brought::Gone),
        Err(error) => Err(NeedError::Record(error)),
    }
}

/// What was brought for one operation and is held until it ends, so that the cache cannot lose it meanwhile.
#[derive(Default)]
pub struct Supplies {
    /// Few enough to look through.
    records: Vec<(Location, Bytes)>,
    pinned: Vec<Piece>,
    looks: Vec<Look>,
}

/// How far an operation has looked for a key in the files of a set: where it goes on with them when it is done again.
struct Look {
    key: Box<[u8]>,
    files: FilesId,
    progress: Progress,
}

/// The files of a set, as they were at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FilesId {
    pub(crate) owner: PartitionId,
    /// Of the sets of a partition that are looked into by this no two hold the same.
    pub(crate) content: Content,
    /// Of the set, one more with each change of its files.
    pub(crate) generation: u64,
}

/// See [`Look`].
#[derive(Clone)]
pub(crate) enum Progress {
    /// The key is not in so many runs, the newest ones.
    Passed(usize),
    /// The same, and the next one may have it in this block.
    Led { passed_count: usize, file: Rc<Table>, block: BlockRef },
    /// It was found.
    Found(FileVersion),
}

impl Supplies {
    /// Whether there are none.
    fn are_none(&self) -> bool {
        self.records.is_empty() && self.pinned.is_empty() && self.looks.is_empty()
    }

    /// Holds what was brought.
    pub fn add(&mut self, need: &Need, brought: &Brought) {
        match (need, brought) {
            (_, Brought::Page(page)) => self.pinned.push(Piece::Page(Rc::clone(page))),
            (_, Brought::Block(block)) => self.pinned.push(Piece::Block(Rc::clone(block))),
            (Need::Record(location), Brought::Record(payload)) => {
                self.records.push((*location, payload.clone()));
            }
            (_, Brought::Record(_) | Brought::Gone) => {}
        }
    }
}

/// See the front page.
pub struct Reads {
    pub(crate) cache: Cache,
    /// Of the operation that is being done.
    supplies: Supplies,
    needs: Vec<Need>,
    /// Of the records among them.
    need_bytes: usize,
    /// How far the key of the operation was looked for ahead of it.
    foreseen: Option<Foreseen>,
    superseded: Vec<Location>,
    entry_count: usize,
    /// Used again by each look ahead.
    ahead: Vec<BlockRef>,
    /// Where the key of a record is put together.
    pub(crate) key: Vec<u8>,
}

impl Reads {
    /// With a cache of so many bytes, which takes hashes by the seed.
    pub fn new(cache_bytes_max: usize, seed: u64) -> Self {
        Self {
            cache: Cache::new(cache_bytes_max, seed),
            supplies: Supplies::default(),
            needs: Vec::new(),
            need_bytes: 0,
            foreseen: None,
            superseded: Vec::new(),
            entry_count: 0,
            ahead: Vec::new(),
            key: Vec::new(),
        }
    }

    /// The cache of blocks, index pages and items.
    pub fn cache(&mut self) -> &mut Cache {
        &mut self.cache
    }

    /// How often the cache had what was looked for.
    pub fn cache_usage(&self) -> CacheUsage {
        self.cache.usage()
    }

    /// Bytes that the cache holds.
    pub fn memory_bytes(&self) -> usize {
        self.cache.memory_bytes()
    }

    /// An operation is about to be done for which nothing was brought.
    #[inline]
    pub fn begin(&mut self) {
        if !self.supplies.are_none() || !self.needs.is_empty() {
            self.begin_with(Supplies::default());
        }
        self.entry_count = 0;
    }

    /// An operation is about to be done for which this was brought.
    pub fn begin_with(&mut self, supplies: Supplies) {
        self.supplies = supplies;
        self.needs.clear();
        self.need_bytes = 0;
        self.entry_count = 0;
    }

    /// What was found out about the key of the next operation, or of no operation.
    #[inline]
    pub fn foresee(&mut self, foreseen: Option<Foreseen>) {
        self.foreseen = foreseen;
    }

    /// The operation ended with [`Missing`]: what it needs, and what it had. Without needs it goes on in the next turn.
    pub fn take_missing(&mut self) -> (Vec<Need>, Supplies) {
        self.need_bytes = 0;
        (std::mem::take(&mut self.needs), std::mem::take(&mut self.supplies))
    }

    /// Keeps what was read of a file for whoever asks next.
    pub fn keep(&mut self, need: &Need, brought: &Brought) {
        match (need, brought) {
            (Need::Page(table, block), Brought::Page(page)) => {
                self.cache.insert(table.id(), *block, Piece::Page(Rc::clone(page)));
            }
            (Need::Block(table, block), Brought::Block(data)) => {
                self.cache.insert(table.id(), *block, Piece::Block(Rc::clone(data)));
            }
            _ => {}
        }
    }

    /// The item is otherwise from now on. Where its record was moved after the item was read the place is the one before: its segment is being emptied,
    /// or gone, for numbers of segments are not used again. Nothing is released by it: an estimate is too low by what nobody knows any more.
    pub(crate) fn forget_item(&mut self, owner: PartitionId, key: &[u8]) {
        let place = self.cache.remove_item(owner.0, key);
        self.superseded.extend(place.map(location_of));
    }

    /// A write was proposed that takes the place of what this record carries, which a file names.
    pub(crate) fn note_superseded(&mut self, record: Option<Location>) {
        self.superseded.extend(record);
    }

    /// Records whose items were overwritten: dead when the files that name them are merged. Those that were noticed, which are
    /// nearly all.
    pub(crate) fn take_superseded(&mut self) -> impl Iterator<Item = Location> + '_ {
        self.superseded.drain(..)
    }

    /// How far the operation has looked for a key in these very files, or was looked for it.
    pub(crate) fn take_progress(&mut self, files: FilesId, key: &[u8]) -> Progress {
        let looks = &mut self.supplies.looks;
        if let Some(place) = looks.iter().position(|look| look.files == files && *look.key == *key) {
            return looks.swap_remove(place).progress;
        }
        let is_of_this = |foreseen: &mut Foreseen| foreseen.files == files && *foreseen.key == *key;
        match self.foreseen.take_if(is_of_this) {
            None => Progress::Passed(0),
            Some(Foreseen { passed_count, block: None, .. }) => Progress::Passed(passed_count),
            Some(Foreseen { passed_count, block: Some((file, block)), .. }) => {
                Progress::Led { passed_count, file, block }
            }
        }
    }

    /// The operation cannot go on: it will be from here.
    pub(crate) fn keep_progress(&mut self, files: FilesId, key: &[u8], progress: Progress) {
        if self.supplies.looks.len() < NEED_COUNT_MAX {
            self.supplies.looks.push(Look { key: key.into(), files, progress });
        }
    }

    /// Counts an entry that was looked at.
    ///
    /// # Errors
    /// If the operation has looked at enough in this turn.
    pub(crate) fn count_entry(&mut self) -> Result<(), Missing> {
        self.entry_count += 1;
        if self.entry_count > ENTRY_COUNT_MAX { Err(Missing) } else { Ok(()) }
    }

    /// What was done with an entry took as long as looking at so many others takes.
    pub(crate) fn count_work(&mut self, entry_count: usize) {
        self.entry_count += entry_count;
    }

    /// The index page, or it is noted.
    pub(crate) fn page(&mut self, table: &Rc<Table>, page: BlockRef) -> Result<Rc<IndexPage>, Missing> {
        self.cache.page(table.id(), page).ok_or_else(|| self.want(Need::Page(Rc::clone(table), page), 0))
    }

    /// The index page of this number, or it is noted.
    pub(crate) fn page_of_number(&mut self, table: &Rc<Table>, number: usize) -> Result<Rc<IndexPage>, Missing> {
        if let Some(page) = table.resident_page(number) {
            return Ok(page);
        }
        let page = self.page(table, table.page(number))?;
        table.note_resident(number, &page);
        Ok(page)
    }

    /// The data block, or it is noted.
    pub(crate) fn block(&mut self, table: &Rc<Table>, block: BlockRef) -> Result<Rc<Block>, Missing> {
        self.cache.block(table.id(), block).ok_or_else(|| self.want(Need::Block(Rc::clone(table), block), 0))
    }

    /// The block that a range needs; if it is missing it is noted with those after it.
    pub(crate) fn block_of_range(
        &mut self,
        range: &sstable::TableRange<'_>,
        block: BlockRef,
    ) -> Result<Rc<Block>, Missing> {
        if let Some(found) = self.cache.block(range.table().id(), block) {
            return Ok(found);
        }
        let mut ahead = std::mem::take(&mut self.ahead);
        range.blocks_ahead(BLOCKS_AHEAD, &mut ahead);
        for block in ahead.drain(..) {
            if self.cache.block(range.table().id(), block).is_none() {
                self.want(Need::Block(Rc::clone(range.table()), block), 0);
            }
        }
        self.ahead = ahead;
        Err(Missing)
    }

    /// The payload of the record, or it is noted. Its item is of so many bytes, as DynamoDB counts it: about what the payload takes in memory, which may
    /// be several times what it takes where it lies.
    pub(crate) fn record(&mut self, location: Location, item_bytes: u32) -> Result<Bytes, Missing> {
        let found = self.supplies.records.iter().find(|(of, _)| *of == location).map(|(_, payload)| payload.clone());
        found.ok_or_else(|| {
            let bytes = location.len.max(item_bytes) as usize;
            self.want(Need::Record(location), bytes)
        })
    }

    /// Whether it would be too much to look for more that has to be brought.
    pub(crate) fn wants_enough(&self) -> bool {
        self.needs.len() >= NEED_COUNT_MAX || self.need_bytes >= NEED_BYTES_MAX
    }

    /// Notes what is needed; of a record, how many bytes.
    fn want(&mut self, need: Need, record_bytes: usize) -> Missing {
        if !self.wants_enough() {
            self.need_bytes += record_bytes;
            self.needs.push(need);
        }
        Missing
    }
}
