//! An open file: its root in memory, everything else on the disk until it is read.
//!
//! One a file of a partition, shared by the partition and whoever reads; it is closed with the last of them. Deliberately not
//! here: keeping what was read (`cache.rs`), and reading twice what two ask for (the engine sees to that).

use crate::block::Block;
use crate::bytes::leading_number;
use crate::error::{Damage, DamageKind, TableError};
use crate::footer::Footer;
use crate::index_page::IndexPage;
use crate::record::{FileId, TableRecord};
use crate::seal::{BlockRef, Checksums, Sealer, UNIT_BYTES};
use crate::usage::{self, SegmentUse};
use crate::writer::file_name;
use runtime::{Buffer, CACHE_LINE_BYTES, File, FileSpan, Runtime, prefetch};
use security::{FileKey, NoKey};
use std::cell::RefCell;
use std::path::Path;
use std::rc::{Rc, Weak};

/// Bytes that one read of several blocks takes at most.
const STRETCH_BYTES_MAX: usize = 128 << 10;

/// Bytes of a file as they lie on the disk: see [`Table::read_stretch`].
#[derive(Debug)]
pub struct Stretch {
    /// Where in the file they begin.
    offset: u64,
    buffer: Buffer,
}

impl Stretch {
    /// Whether the block lies in it.
    pub fn covers(&self, block: BlockRef) -> bool {
        let end = self.offset + self.buffer.len() as u64;
        self.offset <= block.offset() && block.offset() + block.len_bytes() as u64 <= end
    }
}

/// A file that can be read.
pub struct Table {
    record: TableRecord,
    pub(crate) file: File,
    pub(crate) sealer: Sealer,
    root: IndexPage,
    pub(crate) usage: Option<BlockRef>,
    /// Its index pages that are in memory, by number: whoever holds them, most often the cache, decides how long they are.
    resident: RefCell<Box<[Weak<IndexPage>]>>,
}

impl Table {
    /// Opens the file that `record` names in `directory`, and reads its root. `key` gives its key, by the version that it says.
    pub async fn open(
        runtime: &Runtime,
        directory: &Path,
        record: TableRecord,
        key: impl FnOnce(u16) -> Result<FileKey, NoKey>,
    ) -> Result<Table, TableError> {
        let file = runtime.open_file_to_read(&directory.join(file_name(record.file))).await?;
        let rot = |damage| TableError::Rot { path: file.path().to_path_buf(), damage };
        let expected = record.file_bytes();
        let Some(footer_offset) = expected.checked_sub(UNIT_BYTES as u64).filter(|_| file.len_bytes() == expected)
        else {
            let kind = DamageKind::Length { expected, found: file.len_bytes() };
            return Err(rot(Damage { offset: 0, kind }));
        };
        let unit = file.read_at(footer_offset, UNIT_BYTES).await?;
        let footer = Footer::decode(unit.as_slice(), &record, Checksums::new(record.file)).map_err(rot)?;
        let Footer { key_version, root, usage } = footer;
        let key = key(key_version);
        let key = key.map_err(|reason| TableError::NoKey { path: file.path().to_path_buf(), reason })?;
        let sealer = Sealer::new(record.file, key);
        let bytes = read_payload(&file, &sealer, root).await?;
        let root = IndexPage::decode(bytes).map_err(|part| malformed(&file, root, part))?;
        let resident = RefCell::new((0..root.block_count()).map(|_| Weak::new()).collect());
        Ok(Table { record, file, sealer, root, usage, resident })
    }

    /// What its partition knows of it.
    pub fn record(&self) -> &TableRecord {
        &self.record
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Its name.
    pub fn id(&self) -> FileId {
        self.record.file
    }

    /// Bytes that it holds in memory.
    pub fn memory_bytes(&self) -> usize {
        let keys = self.record.first_key.capacity() + self.record.last_key.capacity();
        let resident = self.root.block_count() * size_of::<Weak<IndexPage>>();
        size_of::<Table>() + keys + self.root.memory_bytes() + resident
    }

    /// The index page that has to be asked about the key; `None` if the file does not reach there.
    pub fn page_of(&self, key: &[u8]) -> Option<BlockRef> {
        self.page_number_of(key).map(|number| self.page(number))
    }

    /// The same, by its number in the file.
    pub fn page_number_of(&self, key: &[u8]) -> Option<usize> {
        let is_inside = self.record.first_key.as_slice() <= key && key <= self.record.last_key.as_slice();
        if is_inside { self.root.find(key) } else { None }
    }

    /// Where the index page of a number lies.
    pub fn page(&self, number: usize) -> BlockRef {
        self.root.block(number)
    }

    /// The index page of a number, if it is in memory: found without a look into the cache.
    pub fn resident_page(&self, number: usize) -> Option<Rc<IndexPage>> {
        self.resident.borrow()[number].upgrade()
    }

    /// Where its index pages begin: the first eight bytes of their first keys, or of what separates them from the page before, as numbers. A key with a lesser
    /// number is before the page, one with a greater is not.
    pub fn page_begins(&self) -> impl Iterator<Item = u64> {
        let first = leading_number(&self.record.first_key);
        std::iter::once(first).chain(self.root.leading_numbers().skip(1))
    }

    /// Asks for the memory that says where its index pages are: the first step to a filter.
    pub fn prefetch(&self) {
        prefetch(&raw const self.resident);
    }

    /// Asks for the memory that says where the index page of a number is: the second step.
    pub fn prefetch_place(&self, number: usize) {
        prefetch(&raw const self.resident.borrow()[number]);
    }

    /// Asks for the memory of the index page of a number itself, two cache lines, if it is in memory: the third step.
    pub fn prefetch_page(&self, number: usize) {
        let page = self.resident.borrow()[number].as_ptr();
        prefetch(page);
        prefetch(page.cast::<u8>().wrapping_add(CACHE_LINE_BYTES));
    }

    /// The index page of a number is in memory from now on, for as long as somebody holds it.
    pub fn note_resident(&self, number: usize, page: &Rc<IndexPage>) {
        self.resident.borrow_mut()[number] = Rc::downgrade(page);
    }

    /// Its index pages, in the order of their keys.
    pub fn pages(&self) -> impl ExactSizeIterator<Item = BlockRef> {
        self.root.blocks()
    }

    /// Its index page over all index pages.
    pub(crate) fn root(&self) -> &IndexPage {
        &self.root
    }

    /// Reads an index page.
    pub async fn read_page(&self, page: BlockRef) -> Result<Rc<IndexPage>, TableError> {
        let buffer = self.read(page).await?;
        self.open_page(page, buffer.as_slice())
    }

    /// Reads a data block.
    pub async fn read_block(&self, block: BlockRef) -> Result<Rc<Block>, TableError> {
        let buffer = self.read(block).await?;
        self.open_block(block, buffer.as_slice())
    }

    /// Where a page or a block lies, for whoever has it read and then opened.
    pub fn span_of(&self, block: BlockRef) -> Result<FileSpan, TableError> {
        check_inside(&self.file, block.offset(), block.len_bytes())?;
        Ok(FileSpan { file: self.file.clone(), offset: block.offset(), len_bytes: block.len_bytes() })
    }

    /// Checks and opens the bytes that were read of an index page.
    pub fn open_page(&self, page: BlockRef, bytes: &[u8]) -> Result<Rc<IndexPage>, TableError> {
        let payload = self.open_payload(page, bytes)?;
        IndexPage::decode(payload).map(Rc::new).map_err(|part| malformed(&self.file, page, part))
    }

    /// Checks and opens the bytes that were read of a data block.
    pub fn open_block(&self, block: BlockRef, bytes: &[u8]) -> Result<Rc<Block>, TableError> {
        let payload = self.open_payload(block, bytes)?;
        Block::decode(payload).map(Rc::new).map_err(|part| malformed(&self.file, block, part))
    }

    /// Reads blocks with all that lies between the first of them in the file and the last. They are opened when they are needed, by [`Table::open_in`].
    pub async fn read_stretch(&self, blocks: &[BlockRef]) -> Result<Stretch, TableError> {
        let offset = blocks.iter().map(|block| block.offset()).min().expect("there is a block to read");
        let end = blocks.iter().map(|block| block.offset() + block.len_bytes() as u64).max().expect("there is one");
        let len_bytes = usize::try_from(end - offset).expect("a stretch is read into memory");
        check_inside(&self.file, offset, len_bytes)?;
        Ok(Stretch { offset, buffer: self.file.read_at(offset, len_bytes).await? })
    }

    /// Checks and opens a data block that lies in a stretch of this file.
    pub fn open_in(&self, stretch: &Stretch, block: BlockRef) -> Result<Rc<Block>, TableError> {
        let inside = usize::try_from(block.offset() - stretch.offset).expect("inside of what was read");
        self.open_block(block, &stretch.buffer.as_slice()[inside..inside + block.len_bytes()])
    }

    /// Reads what the file keeps alive in the journal, by segment.
    pub async fn read_usage(&self) -> Result<Vec<SegmentUse>, TableError> {
        let Some(block) = self.usage else { return Ok(Vec::new()) };
        let bytes = read_payload(&self.file, &self.sealer, block).await?;
        usage::decode(&bytes).ok_or_else(|| malformed(&self.file, block, "usage"))
    }

    async fn read(&self, block: BlockRef) -> Result<Buffer, TableError> {
        check_inside(&self.file, block.offset(), block.len_bytes())?;
        Ok(self.file.read_at(block.offset(), block.len_bytes()).await?)
    }

    fn open_payload(&self, block: BlockRef, bytes: &[u8]) -> Result<Box<[u8]>, TableError> {
        self.sealer.open(block, bytes).map_err(|damage| rot(&self.file, damage))
    }
}

/// How many of `blocks`, from the first, lie side by side in their file, either way, and are to be one read.
pub fn adjacent_count(blocks: &[BlockRef]) -> usize {
    let mut bytes = blocks.first().map_or(0, |first| first.len_bytes());
    let is_upwards = blocks.get(1).is_some_and(|second| second.unit > blocks[0].unit);
    let follows = |pair: &&[BlockRef]| {
        let (low, high) = if is_upwards { (pair[0], pair[1]) } else { (pair[1], pair[0]) };
        bytes += pair[1].len_bytes();
        low.end_unit() == u64::from(high.unit) && bytes <= STRETCH_BYTES_MAX
    };
    1 + blocks.windows(2).take_while(follows).count()
}

/// Reads a block, checks it, and gives its payload in memory that holds nothing else.
pub(crate) async fn read_payload(file: &File, sealer: &Sealer, block: BlockRef) -> Result<Box<[u8]>, TableError> {
    check_inside(file, block.offset(), block.len_bytes())?;
    let buffer = file.read_at(block.offset(), block.len_bytes()).await?;
    sealer.open(block, buffer.as_slice()).map_err(|damage| rot(file, damage))
}

/// Refuses what would be read behind the file's end: a reference is what a disk has said.
pub(crate) fn check_inside(file: &File, offset: u64, len_bytes: usize) -> Result<(), TableError> {
    let expected = offset + len_bytes as u64;
    if len_bytes == 0 || expected > file.len_bytes() {
        let kind = DamageKind::Length { expected, found: file.len_bytes() };
        return Err(rot(file, Damage { offset, kind }));
    }
    Ok(())
}

pub(crate) fn rot(file: &File, damage: Damage) -> TableError {
    TableError::Rot { path: file.path().to_path_buf(), damage }
}

pub(crate) fn malformed(file: &File, block: BlockRef, part: &'static str) -> TableError {
    rot(file, Damage { offset: block.offset(), kind: DamageKind::Malformed(part) })
}
