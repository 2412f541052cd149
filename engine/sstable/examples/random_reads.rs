//! How many keys a second are found, one core, one disk: `cargo run --release -p sstable --example random_reads -- DIR`.
//!
//! Writes a file of a few million keys with items of 100 bytes, then looks keys up: with all blocks in memory, with none, and
//! keys that are not there. Index pages are in memory throughout. Beside each round from the disk there is one of bare reads
//! of 4 KiB of the same file at the same depth: compare with that, never across machines.
#![allow(clippy::print_stdout, reason = "it is a program that prints")]

use runtime::{BLOCK_BYTES, File, Runtime, RuntimeOptions, ShareClass, Signal};
use security::{FileKey, Secret};
use sstable::{Cache, Content, Entry, FileId, FileSeal, Piece, SoughtKey, Table, TableWriter};
use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

const KEY_COUNT: u64 = 3_000_000;
const LOOKUP_COUNT: u64 = 1_000_000;
const ROUND: Duration = Duration::from_secs(3);
/// More than all of the file.
const CACHE_BYTES: usize = 1 << 30;
/// Entries between two turns of everything else.
const STEP_ENTRY_COUNT: u64 = 256;

fn main() {
    let directory = PathBuf::from(std::env::args().nth(1).expect("name a directory on the disk to measure"));
    let options = RuntimeOptions { cpus: vec![0], ..RuntimeOptions::default() };
    let machine = runtime::start(options, move |runtime| {
        let directory = directory.clone();
        async move { measure(runtime, &directory).await.unwrap_or_else(|error| panic!("{error}")) }
    });
    machine.unwrap_or_else(|error| panic!("{error}")).join();
}

/// Keys spread evenly: 8 bytes that sort, 16 that do not matter.
fn key(number: u64) -> [u8; 24] {
    let mut key = [b'k'; 24];
    key[..8].copy_from_slice(&(number * (u64::MAX / KEY_COUNT)).to_be_bytes());
    key
}

fn key_of(file: FileId) -> FileKey {
    FileKey::derive(&Secret::draw(&mut |out: &mut [u8]| out.fill(7)), file.0)
}

async fn measure(runtime: Runtime, directory: &Path) -> Result<(), sstable::TableError> {
    runtime.create_directory(directory).await?;
    let file = FileId(runtime.chance());
    let path = directory.join(sstable::file_name(file));
    let began = runtime.now();
    let mut writer = TableWriter::create(&runtime, directory, file, FileSeal { version: 1, key: key_of(file) }).await?;
    let mut longest = Duration::ZERO;
    for number in 0..KEY_COUNT {
        let step_began = runtime.now();
        writer.push(
            &key(number),
            Entry { version: number, content: Content::Inline { item_bytes: 100, value: &[7; 100] } },
        );
        longest = longest.max(runtime.now().since(step_began));
        writer.write().await?;
        if number.is_multiple_of(STEP_ENTRY_COUNT) {
            runtime.yield_now().await;
        }
    }
    let record = writer.finish().await?;
    let seconds = runtime.now().since(began).as_secs_f64();
    let megabytes = f64::from(record.units) * 4096.0 / 1e6;
    println!(
        "written: {:.0} ns an entry, {megabytes:.0} MB at {:.0} MB/s, longest push {longest:?}",
        seconds * 1e9 / KEY_COUNT as f64,
        megabytes / seconds
    );
    let reader = Rc::new(Reader {
        table: Table::open(&runtime, directory, record, |_| Ok(key_of(file))).await?,
        file: runtime.open_file(&path).await?,
        cache: RefCell::new(Cache::new(CACHE_BYTES, 7)),
        read_count: Cell::new(0),
        running_count: Cell::new(0),
        done: Signal::new(),
    });
    for number in (0..KEY_COUNT).step_by(1_000) {
        reader.load_page(&key(number)).await?;
    }
    let pages_bytes = reader.cache.borrow().memory_bytes() - Cache::new(CACHE_BYTES, 7).memory_bytes();
    println!("index pages: {:.2} bytes a key", pages_bytes as f64 / KEY_COUNT as f64);
    reader.misses(&runtime);
    for depth in [1, 64, 256, 1, 64, 256] {
        let keys = round(&runtime, &reader, depth, Kind::Key).await;
        let bare = round(&runtime, &reader, depth, Kind::Bare).await;
        println!("from the disk, depth {depth:3}: {keys:.0} keys/s, {bare:.0} bare reads/s: {:.2}", keys / bare);
    }
    reader.hits(&runtime).await?;
    runtime.remove_file(&path).await?;
    Ok(())
}

/// What a round reads.
#[derive(Clone, Copy)]
enum Kind {
    /// A key, by way of its index page.
    Key,
    /// A unit of the file, and nothing is done with it.
    Bare,
}

struct Reader {
    table: Table,
    file: File,
    cache: RefCell<Cache>,
    read_count: Cell<u64>,
    running_count: Cell<usize>,
    done: Signal,
}

impl Reader {
    async fn load_page(&self, key: &[u8]) -> Result<(), sstable::TableError> {
        let page = self.table.page_of(key).expect("inside");
        if self.cache.borrow_mut().page(self.table.id(), page).is_none() {
            let read = self.table.read_page(page).await?;
            self.cache.borrow_mut().insert(self.table.id(), page, Piece::Page(read));
        }
        Ok(())
    }

    /// A key that is there, from the disk.
    async fn read_key(&self, number: u64) {
        let key = key(number);
        let sought = SoughtKey::new(&key);
        let page = self.table.page_of(&key).expect("inside");
        let page = self.cache.borrow_mut().page(self.table.id(), page).expect("all pages are in");
        let read = self.table.read_block(page.probe(&sought).expect("it is there")).await;
        let block = read.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(block.find(&key).expect("it is there").version, number);
    }

    async fn read_unit(&self, number: u64) {
        let unit = number % (self.file.len_bytes() / BLOCK_BYTES as u64);
        let read = self.file.read_at(unit * BLOCK_BYTES as u64, BLOCK_BYTES).await;
        read.unwrap_or_else(|error| panic!("{error}"));
    }

    fn misses(&self, runtime: &Runtime) {
        let mut cache = self.cache.borrow_mut();
        let (mut maybe_count, began) = (0, runtime.now());
        for number in 0..LOOKUP_COUNT {
            let mut key = key(spread(number) % KEY_COUNT);
            key[23] = 0;
            let sought = SoughtKey::new(&key);
            let Some(page) = self.table.page_of(&key) else { continue };
            let page = cache.page(self.table.id(), page).expect("all pages are in");
            maybe_count += u64::from(page.probe(&sought).is_some());
        }
        println!(
            "not there: {:.0} ns, {:.2} % would have been read",
            runtime.now().since(began).as_nanos() as f64 / LOOKUP_COUNT as f64,
            maybe_count as f64 * 100.0 / LOOKUP_COUNT as f64
        );
    }

    async fn hits(&self, runtime: &Runtime) -> Result<(), sstable::TableError> {
        // A tenth of the keys, so that their blocks are soon all in memory.
        let number = |turn| spread(turn) % (KEY_COUNT / 10);
        for key_number in 0..KEY_COUNT / 10 {
            let key = key(key_number);
            let page = self.table.page_of(&key).expect("inside");
            let page = self.cache.borrow_mut().page(self.table.id(), page).expect("all pages are in");
            let block = page.probe(&SoughtKey::new(&key)).expect("it is there");
            if self.cache.borrow_mut().block(self.table.id(), block).is_none() {
                let read = self.table.read_block(block).await?;
                self.cache.borrow_mut().insert(self.table.id(), block, Piece::Block(read));
            }
        }
        let mut cache = self.cache.borrow_mut();
        let (mut sum, began) = (0, runtime.now());
        for turn in 0..LOOKUP_COUNT {
            let key = key(number(turn));
            let sought = SoughtKey::new(&key);
            let page = self.table.page_of(&key).expect("inside");
            let page = cache.page(self.table.id(), page).expect("all pages are in");
            let block = page.probe(&sought).expect("it is there");
            sum += cache.block(self.table.id(), block).expect("it was taken in").find(&key).expect("there").version;
        }
        println!(
            "in memory: {:.0} ns a key (sum {sum}), {} MB of cache",
            runtime.now().since(began).as_nanos() as f64 / LOOKUP_COUNT as f64,
            cache.memory_bytes() / 1_000_000
        );
        Ok(())
    }
}

/// Reads a second with so many on their way at any time.
async fn round(runtime: &Runtime, reader: &Rc<Reader>, depth: usize, kind: Kind) -> f64 {
    reader.read_count.set(0);
    reader.running_count.set(depth);
    let began = runtime.now();
    for task in 0..depth as u64 {
        let (runtime_of_task, reader) = (runtime.clone(), Rc::clone(reader));
        runtime.spawn(ShareClass::Foreground, async move {
            let mut turn = task << 32;
            while runtime_of_task.now().since(began) < ROUND {
                turn += 1;
                match kind {
                    Kind::Key => reader.read_key(spread(turn) % KEY_COUNT).await,
                    Kind::Bare => reader.read_unit(spread(turn)).await,
                }
                reader.read_count.set(reader.read_count.get() + 1);
            }
            reader.running_count.set(reader.running_count.get() - 1);
            reader.done.notify();
        });
    }
    while reader.running_count.get() > 0 {
        reader.done.wait().await;
    }
    reader.read_count.get() as f64 / runtime.now().since(began).as_secs_f64()
}

fn spread(number: u64) -> u64 {
    let mixed = (number ^ (number >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    mixed ^ (mixed >> 29)
}
