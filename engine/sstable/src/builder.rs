//! A file in the making: sorted entries in, chunks of finished blocks out. Synchronous state; the disk is `writer.rs`'s.
//!
//! ```text
//! push    -> block being filled -> placed in the chunk -> reference into the page
//! advance -> filter of a full page, in steps -> page placed -> reference into the root
//! ```
//!
//! Holds a chunk or two, two groups' hashes, one group's references, the root and the usage: about 700 KiB, whatever the file's size.

use crate::block_builder::BlockBuilder;
use crate::entry::{Content, Entry, KEY_BYTES_MAX};
use crate::filter::{FilterBuilder, filter_hash};
use crate::footer::Footer;
use crate::page_builder::PageBuilder;
use crate::record::{FileId, TableRecord};
use crate::seal::{BlockRef, Checksums, FileSeal, Sealer, UNIT_BYTES, units_for};
use crate::usage::UsageBuilder;
use runtime::Buffer;
use std::collections::VecDeque;

/// Bytes of a chunk: what a request's flush may have to wait behind.
const CHUNK_BYTES: usize = 256 << 10;
/// Entries that complete a group.
const GROUP_ENTRY_COUNT: usize = 10 << 10;
/// Keys or places of a filter that one step goes on for: a tenth of a millisecond at most.
const FILTER_STEP_COUNT: usize = 2 << 10;
/// Blocks that complete a group.
const GROUP_BLOCK_COUNT: usize = 1 << 10;
/// Bytes of separators that complete a group.
const GROUP_SEPARATOR_BYTES: usize = 64 << 10;

/// A piece of a file, to be written as it is.
#[derive(Debug)]
pub struct Chunk {
    /// Where in the file it goes, in bytes.
    pub offset: u64,
    /// Whole units.
    pub buffer: Buffer,
}

/// Builds one file. Made and fed by whoever flushes or merges.
///
/// Invariants: 1. Chunks follow each other without a gap, from the file's start. 2. `last_key` is the last key that was pushed,
/// `block_first` a copy of the first one in `block`, `block_before` of the last one before it. 3. While `is_closing_group`, `page` and `closing_hashes` are the
/// group's and no further block is placed.
pub struct Builder {
    key_version: u16,
    sealer: Sealer,
    record: TableRecord,
    block: BlockBuilder,
    block_first: Vec<u8>,
    block_before: Option<Vec<u8>>,
    last_key: Vec<u8>,
    page: PageBuilder,
    hashes: Vec<u64>,
    closing_hashes: Vec<u64>,
    is_closing_group: bool,
    filter: FilterBuilder,
    root: PageBuilder,
    usage: UsageBuilder,
    chunks: ChunkFiller,
}

impl Builder {
    /// An empty file.
    pub fn new(file: FileId, seal: FileSeal) -> Builder {
        let record = TableRecord {
            file,
            units: 0,
            footer_checksum: 0,
            entry_count: 0,
            tombstone_count: 0,
            least_version: u64::MAX,
            greatest_version: 0,
            first_key: Vec::new(),
            last_key: Vec::new(),
        };
        Builder {
            key_version: seal.version,
            sealer: Sealer::new(file, seal.key),
            record,
            block: BlockBuilder::default(),
            block_first: Vec::new(),
            block_before: None,
            last_key: Vec::new(),
            page: PageBuilder::default(),
            hashes: Vec::new(),
            closing_hashes: Vec::new(),
            is_closing_group: false,
            filter: FilterBuilder::default(),
            root: PageBuilder::default(),
            usage: UsageBuilder::default(),
            chunks: ChunkFiller::default(),
        }
    }

    /// Adds an entry; its key is greater than those before it. What full groups need is done by `advance` in steps, or here in one piece if a block is full
    /// before that is done.
    pub fn push(&mut self, key: &[u8], entry: Entry<'_>) {
        assert!(key.len() <= KEY_BYTES_MAX, "a key of {} bytes", key.len());
        assert!(self.record.entry_count == 0 || self.last_key.as_slice() < key, "keys are pushed in order, each once");
        let mut begins_block = self.block.is_empty();
        if !self.block.try_push(key, entry) {
            self.complete_block();
            begins_block = true;
            assert!(self.block.try_push(key, entry), "an empty block takes any entry");
        }
        if self.hashes.len() == self.hashes.capacity() {
            self.hashes.reserve_exact(GROUP_ENTRY_COUNT);
        }
        self.hashes.push(filter_hash(key));
        if self.record.entry_count == 0 {
            self.record.first_key = key.to_vec();
        }
        if begins_block {
            self.block_first.clear();
            self.block_first.extend_from_slice(key);
        }
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
        self.record.entry_count += 1;
        self.record.tombstone_count += u64::from(entry.content == Content::Tombstone);
        self.record.least_version = self.record.least_version.min(entry.version);
        self.record.greatest_version = self.record.greatest_version.max(entry.version);
        if let Content::InJournal { place, .. } = entry.content {
            self.usage.add(place);
        }
    }

    /// Entries so far.
    pub fn entry_count(&self) -> u64 {
        self.record.entry_count
    }

    /// Bytes of file so far, the block being filled not counted.
    pub fn file_bytes(&self) -> u64 {
        self.chunks.unit() * UNIT_BYTES as u64
    }

    /// Goes on by one bounded step with what a full group needs. Returns whether there is more to do.
    pub fn advance(&mut self) -> bool {
        if self.is_closing_group && self.filter.advance(&mut self.closing_hashes, FILTER_STEP_COUNT) {
            self.complete_group();
        }
        self.is_closing_group
    }

    /// There will be no further entry: begins what `finish` needs, so that `advance` can do it in steps.
    pub fn end(&mut self) {
        if !self.block.is_empty() {
            self.complete_block();
        }
        if !self.is_closing_group && self.page.block_count() > 0 {
            self.begin_closing_group();
        }
    }

    /// A chunk that is full, in the order of their offsets.
    pub fn take_chunk(&mut self) -> Option<Chunk> {
        self.chunks.full.pop_front()
    }

    /// Takes back the buffer of a chunk that was written.
    pub fn give_back(&mut self, mut buffer: Buffer) {
        buffer.restore();
        if buffer.len() == CHUNK_BYTES {
            self.chunks.spare = Some(buffer);
        }
    }

    /// Completes the file, which has an entry. All chunks can be taken afterwards; the record is true once they are durable.
    pub fn finish(&mut self) -> TableRecord {
        assert!(self.record.entry_count > 0, "a file has an entry");
        self.end();
        while self.advance() {}
        let root = self.chunks.place(&mut self.sealer, self.root.finish(Default::default()));
        let usage = self.usage.finish().map(|payload| self.chunks.place(&mut self.sealer, &payload));
        self.record.last_key = std::mem::take(&mut self.last_key);
        self.record.units = u32::try_from(self.chunks.unit() + 1).expect("a file has less than 16 TiB");
        let footer = Footer { key_version: self.key_version, root, usage };
        let (_, unit) = self.chunks.room(1);
        self.record.footer_checksum = footer.encode(&self.record, Checksums::new(self.record.file), unit);
        self.chunks.complete();
        self.record.clone()
    }

    fn complete_block(&mut self) {
        while self.advance() {}
        let reference = self.chunks.place(&mut self.sealer, self.block.finish());
        let separator = separator(self.block_before.as_deref(), &self.block_first);
        self.page.push(separator, reference);
        let before = self.block_before.get_or_insert_default();
        before.clear();
        before.extend_from_slice(&self.last_key);
        if self.hashes.len() >= GROUP_ENTRY_COUNT
            || self.page.block_count() >= GROUP_BLOCK_COUNT
            || self.page.separator_bytes() >= GROUP_SEPARATOR_BYTES
        {
            self.begin_closing_group();
        }
    }

    fn begin_closing_group(&mut self) {
        std::mem::swap(&mut self.hashes, &mut self.closing_hashes);
        self.filter.begin(&self.closing_hashes);
        self.is_closing_group = true;
    }

    /// The filter of the group is there.
    fn complete_group(&mut self) {
        let first = self.page.first_separator().expect("a group has a block").to_vec();
        let payload = self.page.finish(self.filter.built());
        let reference = self.chunks.place(&mut self.sealer, payload);
        self.closing_hashes.clear();
        self.root.push(&first, reference);
        self.is_closing_group = false;
    }
}

/// The shortest byte string above `before` and not above `first`; of the first block, the least that is not empty.
fn separator<'k>(before: Option<&[u8]>, first: &'k [u8]) -> &'k [u8] {
    let prefix_bytes = before.map_or(0, |before| crate::stored_key::shared_prefix(before, first));
    &first[..first.len().min(prefix_bytes + 1)]
}

/// Puts blocks one behind the other into chunks.
#[derive(Default)]
struct ChunkFiller {
    full: VecDeque<Chunk>,
    filling: Option<Chunk>,
    /// Bytes of `filling` that are used.
    used_bytes: usize,
    /// Units in chunks that are full.
    full_units: u64,
    spare: Option<Buffer>,
}

impl ChunkFiller {
    /// The unit that the next block starts at, if it fits the chunk or begins one.
    fn unit(&self) -> u64 {
        self.full_units + (self.used_bytes / UNIT_BYTES) as u64
    }

    /// Closes a block with this payload and puts it behind the others.
    fn place(&mut self, sealer: &mut Sealer, payload: &[u8]) -> BlockRef {
        let units = units_for(payload.len());
        let (unit, block) = self.room(units);
        block[..payload.len()].copy_from_slice(payload);
        let unit = u32::try_from(unit).expect("a file has less than 16 TiB");
        let checksum = sealer.close(unit, block, payload.len());
        BlockRef { unit, units: u16::try_from(units).expect("a block has less than 256 MiB"), checksum }
    }

    /// Room for a block of so many units, and the unit where it starts.
    fn room(&mut self, units: usize) -> (u64, &mut [u8]) {
        let bytes = units * UNIT_BYTES;
        let unit = self.unit();
        if self.filling.as_ref().is_some_and(|chunk| self.used_bytes + bytes > chunk.buffer.len()) {
            self.complete();
        }
        let chunk = self.filling.get_or_insert_with(|| {
            let spare = self.spare.take().filter(|spare| spare.len() >= bytes);
            let buffer = spare.unwrap_or_else(|| Buffer::zeroed(bytes.max(CHUNK_BYTES)));
            Chunk { offset: unit * UNIT_BYTES as u64, buffer }
        });
        let start = self.used_bytes;
        self.used_bytes += bytes;
        (unit, &mut chunk.buffer.as_mut_slice()[start..start + bytes])
    }

    fn complete(&mut self) {
        if let Some(mut chunk) = self.filling.take() {
            chunk.buffer.truncate(self.used_bytes);
            self.full_units += (self.used_bytes / UNIT_BYTES) as u64;
            self.used_bytes = 0;
            self.full.push_back(chunk);
        }
    }
}

const _: () = assert!(CHUNK_BYTES.is_multiple_of(UNIT_BYTES));

#[cfg(test)]
mod tests {
    use super::*;
    use security::{FileKey, Secret};

    /// The chunks of a file of so many entries; between two pushes `work` has its chance.
    fn build(entry_count: u64, mut work: impl FnMut(&mut Builder)) -> Vec<Vec<u8>> {
        let secret = Secret::draw(&mut |out: &mut [u8]| out.fill(7));
        let seal = FileSeal { version: 1, key: FileKey::derive(&secret, 1) };
        let mut builder = Builder::new(FileId(1), seal);
        for number in 0..entry_count {
            builder.push(&number.to_be_bytes(), Entry { version: number, content: Content::BareKey { item_bytes: 0 } });
            work(&mut builder);
        }
        builder.end();
        work(&mut builder);
        builder.finish();
        std::iter::from_fn(|| builder.take_chunk()).map(|chunk| chunk.buffer.as_slice().to_vec()).collect()
    }

    #[test]
    fn full_groups_are_closed_in_steps_and_the_file_is_the_same() {
        let group_count = 3;
        let entry_count = (group_count * GROUP_ENTRY_COUNT) as u64;
        let in_one_piece = build(entry_count, |_| {});
        let mut step_count = 0;
        let in_steps = build(entry_count, |builder| {
            while builder.advance() {
                step_count += 1;
            }
        });
        assert_eq!(in_steps, in_one_piece);
        let least = group_count * 4 * GROUP_ENTRY_COUNT / FILTER_STEP_COUNT;
        assert!(step_count >= least - group_count, "{step_count} steps for {group_count} groups, at least {least}");
    }
}
