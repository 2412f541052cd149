//! Random files on a simulated machine, and what has to be in them.
#![allow(dead_code, reason = "each test file uses a part")]

use fastrand::Rng;
use runtime::simulated::Machine;
use runtime::{FileError, Runtime};
use security::{FileKey, Secret};
use sstable::{
    Content, Direction, Entry, FileId, FileSeal, JournalPlace, Merge, MergeStep, Needed, RangeStep, Span, Table,
    TableError, TableRange, TableRecord, TableWriter,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use xxhash_rust::xxh3::xxh3_64;

/// An entry as a test keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) version: u64,
    pub(crate) content: OwnedContent,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OwnedContent {
    Tombstone,
    Inline(u32, Vec<u8>),
    InJournal(u32, JournalPlace),
    BareKey(u32),
}

pub(crate) type Oracle = BTreeMap<Vec<u8>, Owned>;

impl Owned {
    pub(crate) fn of(entry: Entry<'_>) -> Owned {
        let content = match entry.content {
            Content::Tombstone => OwnedContent::Tombstone,
            Content::Inline { item_bytes, value } => OwnedContent::Inline(item_bytes, value.to_vec()),
            Content::InJournal { item_bytes, place } => OwnedContent::InJournal(item_bytes, place),
            Content::BareKey { item_bytes } => OwnedContent::BareKey(item_bytes),
        };
        Owned { version: entry.version, content }
    }

    pub(crate) fn entry(&self) -> Entry<'_> {
        let content = match &self.content {
            OwnedContent::Tombstone => Content::Tombstone,
            OwnedContent::Inline(item_bytes, value) => Content::Inline { item_bytes: *item_bytes, value },
            OwnedContent::InJournal(item_bytes, place) => Content::InJournal { item_bytes: *item_bytes, place: *place },
            OwnedContent::BareKey(item_bytes) => Content::BareKey { item_bytes: *item_bytes },
        };
        Entry { version: self.version, content }
    }

    pub(crate) fn random(random: &mut Rng, version: u64) -> Owned {
        let item_bytes = random.u32(1..400_000);
        let content = match random.u8(..10) {
            0 | 1 => OwnedContent::Tombstone,
            2 => OwnedContent::BareKey(item_bytes),
            3..6 => {
                let (segment, offset) = (random.u32(1..9), random.u32(64..32_000));
                let place = JournalPlace { segment, offset, bytes: item_bytes };
                OwnedContent::InJournal(item_bytes, place)
            }
            6 if random.u8(..20) == 0 => OwnedContent::Inline(item_bytes, vec![random.u8(..); random.usize(..30_000)]),
            _ => OwnedContent::Inline(item_bytes, (0..random.usize(..200)).map(|_| random.u8(..)).collect()),
        };
        Owned { version, content }
    }
}

/// Keys that share much or little: of a few partition keys, with sort keys of a few letters, or all random; some with the hash of all, or of the partition key.
pub(crate) fn random_key(random: &mut Rng) -> Vec<u8> {
    let mut key = match random.u8(..5) {
        0 => (0..random.usize(..10)).map(|_| random.u8(..)).collect(),
        1 => vec![random.u8(..4); 24],
        2 => vec![b'k'; random.usize(..3)],
        3 => {
            let mut key = hashed(&random.u16(..2_000).to_string());
            // Now and then a key that is like another but for its first bytes.
            key[0] ^= u8::from(random.u8(..8) == 0);
            return key;
        }
        _ => hashed(&random.u8(..40).to_string()),
    };
    key.extend((0..random.usize(..5)).map(|_| random.u8(b'a'..b'e')));
    key
}

fn hashed(partition_key: &str) -> Vec<u8> {
    let ended = format!("user{partition_key}\0\0");
    [xxh3_64(ended.as_bytes()).to_be_bytes().as_slice(), ended.as_bytes()].concat()
}

pub(crate) fn random_oracle(random: &mut Rng, count: usize) -> Oracle {
    let mut oracle = Oracle::new();
    for version in 0..count as u64 {
        let owned = Owned::random(random, version * 3 + 1);
        oracle.insert(random_key(random), owned);
    }
    oracle
}

pub(crate) fn directory() -> PathBuf {
    PathBuf::from("/data")
}

pub(crate) async fn write(runtime: &Runtime, file: FileId, oracle: &Oracle) -> Result<TableRecord, FileError> {
    runtime.create_directory(&directory()).await?;
    let mut writer = TableWriter::create(runtime, &directory(), file, seal_of(file)).await?;
    for (key, owned) in oracle {
        writer.push(key, owned.entry());
        writer.write().await?;
    }
    writer.finish().await
}

pub(crate) async fn open(runtime: &Runtime, record: TableRecord) -> Result<Rc<Table>, TableError> {
    let file = record.file;
    Table::open(runtime, &directory(), record, |_| Ok(key_of(file))).await.map(Rc::new)
}

/// A machine with a file that holds what `oracle` says.
pub(crate) fn machine_with(seed: u64, oracle: &Oracle) -> (Machine, TableRecord) {
    let machine = Machine::new(seed);
    let record = machine.run(write(&machine.runtime(), FileId(seed), oracle)).expect("up").expect("it is written");
    (machine, record)
}

pub(crate) fn path_of(record: &TableRecord) -> PathBuf {
    Path::new("/data").join(sstable::file_name(record.file))
}

/// All that a range yields.
pub(crate) async fn collect(mut range: TableRange<'_>) -> Result<Vec<(Vec<u8>, Owned)>, TableError> {
    let mut found = Vec::new();
    loop {
        match range.step() {
            RangeStep::Entry => found.push((range.key().to_vec(), Owned::of(range.entry()))),
            RangeStep::End => return Ok(found),
            RangeStep::Needs(Needed::Page(page)) => {
                let page = range.table().read_page(page).await?;
                range.supply_page(page);
            }
            RangeStep::Needs(Needed::Block(block)) => {
                let block = range.table().read_block(block).await?;
                range.supply_block(block);
            }
        }
    }
}

/// Everything in the file is read, in order and by reference.
pub(crate) async fn read_all(runtime: &Runtime, record: &TableRecord) -> Result<Vec<(Vec<u8>, Owned)>, TableError> {
    let table = open(runtime, record.clone()).await?;
    table.read_usage().await?;
    collect(TableRange::new(table, Span::ALL, Direction::Forward)).await
}

/// All that a merge yields.
pub(crate) async fn collect_merge(mut merge: Merge<'_>) -> Result<Vec<(Vec<u8>, Owned)>, TableError> {
    let mut found = Vec::new();
    loop {
        match merge.step() {
            MergeStep::Entry => found.push((merge.key().to_vec(), Owned::of(merge.entry()))),
            MergeStep::End => return Ok(found),
            MergeStep::Needs => {
                let needs: Vec<(usize, Needed)> = merge.needs().collect();
                assert!(!needs.is_empty(), "it waits for something");
                for (source, needed) in needs {
                    let table = Rc::clone(merge.range(source).table());
                    match needed {
                        Needed::Page(page) => merge.supply_page(source, table.read_page(page).await?),
                        Needed::Block(block) => merge.supply_block(source, table.read_block(block).await?),
                    }
                }
            }
        }
    }
}

/// The key of a file, the same whenever it is asked for.
pub(crate) fn key_of(file: FileId) -> FileKey {
    FileKey::derive(&Secret::draw(&mut |out: &mut [u8]| out.fill(7)), file.0)
}

/// What seals a file.
pub(crate) fn seal_of(file: FileId) -> FileSeal {
    FileSeal { version: 1, key: key_of(file) }
}
