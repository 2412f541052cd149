//! The parts of an sstable, in memory: building a file, asking an index page, finding in a block, walking a file, the cache.
//!
//! Keys are 24 bytes: the hash of what follows, a text and its end, as encoded keys are. Files are made on the simulated machine, outside of
//! what is measured; building is measured without a disk.

use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, measurement::WallTime};
use criterion::{criterion_group, criterion_main};
use runtime::simulated::Machine;
use security::{FileKey, Secret};
use sstable::{
    Block, BlockRef, Builder, Cache, Content, Direction, Entry, FileId, FileSeal, IndexPage, JournalPlace, Merge,
    MergeStep, Needed, Piece, RangeStep, SoughtKey, Span, Table, TableRange, TableWriter,
};
use std::hint::black_box;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64;

const KEY_COUNT: usize = 200_000;
const SEED: u64 = 42;
const PLACE: JournalPlace = JournalPlace { segment: 900, offset: 1 << 24, bytes: 1_200 };

type Key = [u8; 24];

fn keys(seed: u64) -> Vec<Key> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut key = || {
        let mut key = [b'k'; 24];
        key[14..22].fill_with(|| random.u8(b'a'..=b'z'));
        key[22..].fill(0);
        let hash = xxh3_64(&key[8..]);
        key[..8].copy_from_slice(&hash.to_be_bytes());
        key
    };
    let mut keys: Vec<Key> = (0..KEY_COUNT).map(|_| key()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// What the entries of a file have.
#[derive(Clone, Copy)]
enum Kind {
    InJournal,
    Inline,
}

impl Kind {
    const ALL: [(&'static str, Kind); 2] = [("in_journal", Kind::InJournal), ("inline_100", Kind::Inline)];

    fn content(self) -> Content<'static> {
        match self {
            Kind::InJournal => Content::InJournal { item_bytes: 1_000, place: PLACE },
            Kind::Inline => Content::Inline { item_bytes: 100, value: &[7; 100] },
        }
    }
}

fn seal() -> FileSeal {
    let data_key = Secret::draw(&mut |out: &mut [u8]| out.fill(7));
    FileSeal { version: 1, key: FileKey::derive(&data_key, 1) }
}

/// A file with all of its pages and blocks in memory.
struct Loaded {
    table: Rc<Table>,
    pages: Vec<(BlockRef, Rc<IndexPage>)>,
    blocks: Vec<(BlockRef, Rc<Block>)>,
}

fn load(keys: &[Key], kind: Kind) -> Loaded {
    let machine = Machine::new(SEED);
    let runtime = machine.runtime();
    let directory = Path::new("/data");
    machine
        .run(async {
            runtime.create_directory(directory).await.expect("nothing fails");
            let mut writer = TableWriter::create(&runtime, directory, FileId(1), seal()).await.expect("nothing fails");
            for (version, key) in keys.iter().enumerate() {
                writer.push(key, Entry { version: version as u64, content: kind.content() });
                writer.write().await.expect("nothing fails");
            }
            let record = writer.finish().await.expect("nothing fails");
            let table =
                Rc::new(Table::open(&runtime, directory, record, |_| Ok(seal().key)).await.expect("nothing fails"));
            let (mut pages, mut blocks) = (Vec::new(), Vec::new());
            let mut range = TableRange::new(Rc::clone(&table), Span::ALL, Direction::Forward);
            loop {
                match range.step() {
                    RangeStep::Entry => {}
                    RangeStep::End => return Loaded { table, pages, blocks },
                    RangeStep::Needs(Needed::Page(page)) => {
                        let read = table.read_page(page).await.expect("nothing fails");
                        pages.push((page, Rc::clone(&read)));
                        range.supply_page(read);
                    }
                    RangeStep::Needs(Needed::Block(block)) => {
                        let read = table.read_block(block).await.expect("nothing fails");
                        blocks.push((block, Rc::clone(&read)));
                        range.supply_block(read);
                    }
                }
            }
        })
        .expect("nothing goes down")
}

fn group<'c>(criterion: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    group
}

fn build(criterion: &mut Criterion) {
    let keys = keys(SEED);
    let mut group = group(criterion, "build");
    group.throughput(Throughput::Elements(keys.len() as u64));
    for (name, kind) in Kind::ALL {
        group.bench_function(BenchmarkId::new(name, keys.len()), |bencher| {
            bencher.iter(|| {
                let mut builder = Builder::new(FileId(1), seal());
                for (version, key) in keys.iter().enumerate() {
                    builder.push(key, Entry { version: version as u64, content: kind.content() });
                    while let Some(chunk) = builder.take_chunk() {
                        builder.give_back(chunk.buffer);
                    }
                }
                builder.finish().footer_checksum
            });
        });
    }
}

/// A cache that holds all of the file.
fn filled(loaded: &Loaded) -> Cache {
    let mut cache = Cache::new(1 << 30, 7);
    for (page, read) in &loaded.pages {
        cache.insert(loaded.table.id(), *page, Piece::Page(Rc::clone(read)));
    }
    for (block, read) in &loaded.blocks {
        cache.insert(loaded.table.id(), *block, Piece::Block(Rc::clone(read)));
    }
    cache
}

fn lookups(criterion: &mut Criterion) {
    let held = keys(SEED);
    let mut order = held.clone();
    fastrand::Rng::with_seed(SEED).shuffle(&mut order);
    let absent = keys(SEED + 1);
    for (name, kind) in Kind::ALL {
        let loaded = load(&held, kind);
        let mut cache = filled(&loaded);
        let table = &loaded.table;
        let mut group = group(criterion, name);
        group.throughput(Throughput::Elements(1));
        let mut turn = order.iter().cycle();
        // All of it: the root, the page's filter and separators, the block, each through the cache.
        group.bench_function("get_hit", |bencher| {
            bencher.iter(|| {
                let sought = SoughtKey::new(turn.next().expect("endless"));
                let page = table.page_of(sought.bytes()).expect("inside");
                let block = cache.page(table.id(), page).expect("all is in").probe(&sought).expect("it is there");
                let block = cache.block(table.id(), block).expect("all is in");
                black_box(block.find(sought.bytes()).expect("it is there").version)
            });
        });
        let mut turn = absent.iter().step_by(7).cycle();
        group.bench_function("get_miss", |bencher| {
            bencher.iter(|| {
                let sought = SoughtKey::new(turn.next().expect("endless"));
                let page = table.page_of(sought.bytes())?;
                black_box(cache.page(table.id(), page).expect("all is in").probe(&sought))
            });
        });
        let mut turn = loaded.blocks.iter().cycle();
        let hot: Vec<Key> = held.iter().take(16).copied().collect();
        let mut hot_turn = hot.iter().cycle();
        group.bench_function("find_in_hot_block", |bencher| {
            let (_, block) = turn.next().expect("endless");
            bencher.iter(|| black_box(block.find(hot_turn.next().expect("endless"))).is_some());
        });
        group.throughput(Throughput::Elements(held.len() as u64));
        group.bench_function("walk", |bencher| bencher.iter(|| walk(&loaded)));
        group.bench_function("merge_of_one", |bencher| bencher.iter(|| merge(&loaded)));
    }
}

fn walk(loaded: &Loaded) -> u64 {
    let (mut pages, mut blocks) = (loaded.pages.iter(), loaded.blocks.iter());
    let mut range = TableRange::new(Rc::clone(&loaded.table), Span::ALL, Direction::Forward);
    let mut sum = 0;
    loop {
        match range.step() {
            RangeStep::Entry => sum += range.entry().version + u64::from(range.key()[0]),
            RangeStep::End => return sum,
            RangeStep::Needs(Needed::Page(_)) => {
                range.supply_page(Rc::clone(&pages.next().expect("in the order of the file").1));
            }
            RangeStep::Needs(Needed::Block(_)) => {
                range.supply_block(Rc::clone(&blocks.next().expect("in the order of the file").1));
            }
        }
    }
}

fn merge(loaded: &Loaded) -> u64 {
    let (mut pages, mut blocks) = (loaded.pages.iter(), loaded.blocks.iter());
    let range = TableRange::new(Rc::clone(&loaded.table), Span::ALL, Direction::Forward);
    let mut merge = Merge::new([range], Direction::Forward);
    let mut sum = 0;
    loop {
        match merge.step() {
            MergeStep::Entry => sum += merge.entry().version + u64::from(merge.key()[0]),
            MergeStep::End => return sum,
            MergeStep::Needs => {
                let (_, needed) = merge.needs().next().expect("it waits");
                match needed {
                    Needed::Page(_) => merge.supply_page(0, Rc::clone(&pages.next().expect("in file order").1)),
                    Needed::Block(_) => merge.supply_block(0, Rc::clone(&blocks.next().expect("in file order").1)),
                }
            }
        }
    }
}

criterion_group!(benches, build, lookups);
criterion_main!(benches);
