//! Rot on a whole node: the scrub finds it wherever it is, in files and in segments, before and after a start; it takes nothing that is right
//! for rot, whatever is merged, cleaned and cut meanwhile; and what meets rot fails by itself, and no other.

#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::EngineOptions;
use model::operation::{Attributes, GetItem, PutItem, Reply, Request, Scan};
use model::{ErrorKind, Item, Text, Value};
use runtime::simulated::{Fault, FileOperation, Machine, MachineOptions};
use runtime::{BLOCK_BYTES, Buffer, Runtime};
use sim::{Caller, Experiment, Node, Workload, create_table, item_of, node_options, seeds};

const TABLE: &str = "things";
const PERIOD_MS: u64 = 1_000;
/// As long as two passes and the rests between take.
const TWO_PASSES: Duration = Duration::from_secs(6);
const ITEM_COUNT: usize = 300;

fn options(scrub_period_ms: u64) -> EngineOptions {
    EngineOptions { memory_bytes_max: 256 << 10, scrub_period_ms, ..node_options(&["/disk-0/data", "/disk-1/data"]) }
}

fn live<T>(machine: &Machine, scrub_period_ms: u64, work: impl AsyncFnOnce(&Caller) -> T) -> T {
    let node = Node::start(machine, &options(scrub_period_ms));
    machine
        .run(async {
            node.opened().await.unwrap();
            work(&node.caller()).await
        })
        .expect("nothing goes down")
}

fn key(number: usize) -> Value {
    Value::S(format!("key {number}"))
}

/// Every third item is small enough to be in a file itself.
fn item(number: usize) -> Item {
    let bytes = if number.is_multiple_of(3) { 50 } else { 1_000 + number * 37 % 4_000 };
    let mut random = fastrand::Rng::with_seed(number as u64);
    let filler = std::iter::repeat_with(|| random.u8(..)).take(bytes).collect();
    item_of(&[("pk", key(number)), ("filler", Value::B(filler))])
}

async fn put(caller: &Caller, number: usize) {
    let item = Attributes::Valid(item(number));
    let put = PutItem { table_name: Some(Text::from(TABLE)), item, ..PutItem::default() };
    caller.call(number % 2, Request::PutItem(put)).await.unwrap();
}

/// Whether the item of that number is there; `None` if it cannot be read.
async fn has(caller: &Caller, number: usize) -> Option<bool> {
    let get = GetItem {
        table_name: Some(Text::from(TABLE)),
        key: Attributes::Valid(item_of(&[("pk", key(number))])),
        consistent_read: true,
        ..GetItem::default()
    };
    match caller.call(0, Request::GetItem(get)).await {
        Ok(Reply::GetItem(reply)) => Some(reply.item.is_some_and(|found| found == item(number))),
        Err(error) if error.kind == ErrorKind::InternalServer => None,
        other => panic!("{other:?}"),
    }
}

fn scrubbed_bytes(caller: &Caller) -> u64 {
    caller.metrics().map(|metrics| metrics.scrubbed_bytes).sum()
}

fn corruption_count(caller: &Caller) -> u64 {
    caller.metrics().map(|metrics| metrics.corruption_count).sum()
}

fn io_error_count(caller: &Caller) -> u64 {
    caller.metrics().map(|metrics| metrics.io_error_count).sum()
}

async fn overwrite(runtime: &Runtime, path: &Path, offset: usize, bytes: &[u8]) {
    let file = runtime.open_file(path).await.unwrap();
    let mut buffer = Buffer::zeroed(bytes.len());
    buffer.as_mut_slice().copy_from_slice(bytes);
    file.write_at(offset as u64, buffer).await.1.unwrap();
}

/// A machine with a table whose items are in files and in full segments; nothing is dead.
fn filled(seed: u64) -> Machine {
    let machine = Machine::with(MachineOptions { core_count: 2, ..MachineOptions::new(seed) });
    live(&machine, PERIOD_MS, async |caller| {
        caller.call(0, create_table(TABLE, "pk")).await.unwrap();
        for number in 0..ITEM_COUNT {
            put(caller, number).await;
        }
        machine.runtime().sleep(Duration::from_secs(5)).await;
    });
    machine.restart();
    machine
}

/// Sorted files; and, of the journal that has more of them, the segments but the one that is written. Some of them are spares by now: they look as before until
/// they are used again.
fn files_to_damage(machine: &Machine) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let paths = || machine.disk().files().into_iter().map(|(path, _)| path);
    let tables = paths().filter(|path| path.to_string_lossy().contains("sstables-")).collect();
    let mut segments: BTreeMap<String, Vec<(u32, PathBuf)>> = BTreeMap::new();
    for path in paths().filter(|path| path.to_string_lossy().contains("segment-")) {
        let header = machine.disk().read_live(&path);
        if header[14] == 1 {
            let id = u32::from_le_bytes(header[32..36].try_into().unwrap());
            let journal = path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
            segments.entry(journal).or_default().push((id, path));
        }
    }
    let mut segments = segments.into_values().max_by_key(Vec::len).unwrap();
    segments.sort_unstable();
    segments.pop();
    (tables, segments.into_iter().map(|(_, path)| path).collect())
}

/// What can become of a block.
fn damaged_blocks(good: &[u8], other: &[u8], at: usize, random: &mut fastrand::Rng) -> Vec<(&'static str, Vec<u8>)> {
    let block = |bytes: &[u8], at: usize| bytes[at..at + BLOCK_BYTES].to_vec();
    let mut flipped = block(good, at);
    // In the header of a flush, in the first bytes of a block: padding is known to be zero as well.
    flipped[random.usize(..BLOCK_BYTES)] ^= 1 << random.u8(..8);
    let mut zeroed = block(good, at);
    let sector = random.usize(..8) * 512;
    zeroed[sector..sector + 512].fill(0);
    let elsewhere = random.usize(..good.len() / BLOCK_BYTES) * BLOCK_BYTES;
    let mut kinds = vec![("flip", flipped), ("zeroed sector", zeroed), ("misdirected block", block(good, elsewhere))];
    if at < other.len() {
        kinds.push(("stale block", block(other, at)));
    }
    kinds.retain(|(_, bytes)| *bytes != good[at..at + BLOCK_BYTES]);
    kinds
}

/// Behind the last block of a file that means something. Behind the flushes of a segment's epoch there may be those of an earlier use of its file, which
/// nobody looks at.
fn end_block(bytes: &[u8]) -> usize {
    let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    if bytes[8..12] != *b"STSG" {
        return bytes.iter().rposition(|byte| *byte != 0).unwrap() / BLOCK_BYTES + 1;
    }
    let epoch = number(24);
    let mut end = 1;
    while (end + 1) * BLOCK_BYTES <= bytes.len() {
        let at = end * BLOCK_BYTES;
        if bytes[at + 8..at + 12] != *b"STFL" || number(at + 16) != epoch {
            break;
        }
        // The count of its blocks stands behind the magic.
        end += (number(at + 8) >> 32) as usize;
    }
    end
}

/// Plants every kind of rot in a few blocks of a file, one after the other, and waits for the scrub. How many it found before the file was no longer
/// held: merged into another and removed, or, if it is a segment, given back.
async fn found_count(
    machine: &Machine,
    caller: &Caller,
    (path, stale): (&Path, &[u8]),
    random: &mut fastrand::Rng,
) -> usize {
    let runtime = machine.runtime();
    // A segment that was given back may be used again, and a file be removed.
    let holds = |bytes: &[u8]| {
        machine.disk().files().iter().any(|(there, _)| there == path) && machine.disk().read_live(path) == bytes
    };
    let good = machine.disk().read_live(path);
    let end = end_block(&good);
    let mut outcomes = Vec::new();
    for at in [0, random.usize(..end), random.usize(..end)] {
        for (kind, block) in damaged_blocks(&good, stale, at * BLOCK_BYTES, random) {
            if !holds(&good) {
                return outcomes.len();
            }
            let before = corruption_count(caller);
            let mut bad = good.clone();
            bad[at * BLOCK_BYTES..(at + 1) * BLOCK_BYTES].copy_from_slice(&block);
            overwrite(&runtime, path, at * BLOCK_BYTES, &block).await;
            runtime.sleep(TWO_PASSES).await;
            if !holds(&bad) {
                return outcomes.len();
            }
            let found = corruption_count(caller) - before;
            assert!(found <= 6, "{kind} at block {at} of {}: found {found} times in two passes", path.display());
            outcomes.push((found > 0, kind, at));
            overwrite(&runtime, path, at * BLOCK_BYTES, &good[at * BLOCK_BYTES..(at + 1) * BLOCK_BYTES]).await;
            runtime.sleep(TWO_PASSES).await;
        }
    }
    let before = corruption_count(caller);
    runtime.sleep(TWO_PASSES).await;
    assert_eq!(corruption_count(caller), before, "all is well again");
    // What is not held is not looked at, and stays so.
    let found_count = outcomes.iter().take_while(|(is_found, ..)| *is_found).count();
    assert!(outcomes[found_count..].iter().all(|(is_found, ..)| !is_found), "{}: {outcomes:?}", path.display());
    found_count
}

#[test]
fn every_kind_of_rot_is_found_in_files_and_in_segments() {
    let mut held_counts = [0, 0];
    for seed in seeds(0..3) {
        let machine = filled(seed);
        let mut random = fastrand::Rng::with_seed(seed);
        live(&machine, PERIOD_MS, async |caller| {
            machine.runtime().sleep(TWO_PASSES).await;
            assert_eq!(corruption_count(caller), 0);
            assert!(scrubbed_bytes(caller) > 512 << 10, "{}", scrubbed_bytes(caller));
            // The newest segments first: cleaning goes on meanwhile, and takes the oldest.
            for is_table in [false, true] {
                let (mut tried, mut held_count) = (Vec::new(), 0);
                while held_count < 3 && tried.len() < 20 {
                    let (tables, segments) = files_to_damage(&machine);
                    let paths = if is_table { tables } else { segments };
                    let stale = machine.disk().read_live(&paths[0]);
                    let Some(path) = paths.iter().rfind(|path| !tried.contains(*path)) else { break };
                    let count = found_count(&machine, caller, (path, &stale), &mut random).await;
                    println!("seed {seed}: {count} faults in {}", path.display());
                    held_count += u32::from(count >= 8);
                    tried.push(path.clone());
                }
                assert!(held_count >= 1, "seed {seed}: {tried:?}");
                held_counts[usize::from(is_table)] += held_count;
            }
            for number in 0..ITEM_COUNT {
                assert_eq!(has(caller, number).await, Some(true), "item {number}");
            }
        });
    }
    assert!(held_counts.iter().all(|count| *count >= 4), "segments and files: {held_counts:?}");
}

#[test]
fn a_pass_takes_a_period_and_nothing_is_read_in_between() {
    let machine = filled(7);
    let hour = Duration::from_secs(60 * 60);
    live(&machine, 6 * 60 * 60 * 1_000, async |caller| {
        machine.runtime().sleep(Duration::from_secs(50)).await;
        assert_eq!(scrubbed_bytes(caller), 0, "who starts has other things to do");
        machine.runtime().sleep(hour).await;
        assert!(scrubbed_bytes(caller) > 0, "little data is read at a walk");
        machine.runtime().sleep(2 * hour).await;
        let all = scrubbed_bytes(caller);
        machine.runtime().sleep(2 * hour).await;
        assert_eq!(scrubbed_bytes(caller), all, "and then there is a rest");
        machine.runtime().sleep(3 * hour).await;
        assert!(scrubbed_bytes(caller) > all, "until the next pass");
        assert_eq!(corruption_count(caller), 0);
    });
}

#[test]
fn a_read_that_meets_rot_fails_alone_and_is_counted() {
    let machine = filled(5);
    let (_, segments) = files_to_damage(&machine);
    live(&machine, 0, async |caller| {
        // What is in the log is in memory as well, so of some of them nothing is read; and the start has given some back.
        let files = machine.disk().files();
        for path in segments.iter().filter(|path| files.iter().any(|(there, _)| there == *path)) {
            let block = machine.disk().read_live(path).len() / 2 / BLOCK_BYTES * BLOCK_BYTES;
            for at in (block..block + BLOCK_BYTES).step_by(64) {
                machine.disk().flip(path, at as u64, 0x55);
            }
        }
        let mut failed_count = 0;
        for number in 0..ITEM_COUNT {
            match has(caller, number).await {
                Some(is_whole) => assert!(is_whole, "item {number}"),
                None => failed_count += 1,
            }
        }
        assert!((1..10 * segments.len() as u64).contains(&failed_count), "{failed_count} items lie there");
        assert_eq!(corruption_count(caller), failed_count);
        assert_eq!(scrubbed_bytes(caller), 0);
    });
}

#[test]
fn what_cannot_be_read_together_is_read_one_by_one() {
    let machine = filled(5);
    let (mut whole_count, mut failed_count) = (0, 0);
    for nth in 0..40 {
        live(&machine, 0, async |caller| {
            machine.disk().arm(Fault::Error, FileOperation::Read, nth);
            let scan = Scan { table_name: Some(Text::from(TABLE)), ..Scan::default() };
            let scanned = caller.call(0, Request::Scan(Box::new(scan))).await;
            if machine.disk().armed_count() > 0 {
                return;
            }
            match scanned {
                Ok(Reply::Scan(reply)) => {
                    assert_eq!(reply.count, ITEM_COUNT as u64, "read {nth}");
                    whole_count += 1;
                }
                // A block of a file, say, that was read by itself.
                Err(error) => {
                    assert_eq!(error.kind, ErrorKind::InternalServer, "read {nth}: {error}");
                    failed_count += 1;
                }
                other => panic!("{other:?}"),
            }
        });
        machine.restart();
    }
    assert!(whole_count > 0 && failed_count > 0, "{whole_count} scans of {failed_count} more");
}

#[test]
fn a_disk_that_cannot_be_read_is_not_rot() {
    for (seed, lost) in [(1, "/disk-0"), (2, "/disk-1")] {
        let machine = filled(seed);
        live(&machine, PERIOD_MS, async |caller| {
            machine.runtime().sleep(TWO_PASSES).await;
            assert_eq!((io_error_count(caller), corruption_count(caller)), (0, 0), "seed {seed}");
            machine.disk().lose_directory(Path::new(lost));
            machine.runtime().sleep(TWO_PASSES).await;
            assert!(io_error_count(caller) > 0, "seed {seed}: the scrub has come to what is there");
            assert_eq!(corruption_count(caller), 0, "seed {seed}");
            let scrubbed = scrubbed_bytes(caller);
            machine.runtime().sleep(TWO_PASSES).await;
            assert!(scrubbed_bytes(caller) > scrubbed, "seed {seed}: it goes on with what is on the other");
            machine.disk().bring_back_directory(Path::new(lost));
            machine.runtime().sleep(TWO_PASSES).await;
            let io_errors = io_error_count(caller);
            machine.runtime().sleep(TWO_PASSES).await;
            assert_eq!(
                (io_error_count(caller), corruption_count(caller)),
                (io_errors, 0),
                "seed {seed}: all is well again"
            );
        });
    }
}

/// Writes far more than it holds, with the scrub at work all the time.
fn scrubbed(seed: u64, period_ms: u64) -> Workload {
    Workload {
        client_count: 3,
        step_count: 150,
        memory_bytes: 256 << 10,
        scrub_period_ms: period_ms,
        ..Workload::small(seed)
    }
}

#[test]
fn nothing_that_is_right_is_taken_for_rot() {
    for seed in seeds(0..8) {
        for period_ms in [1, 20] {
            let mut experiment = Experiment::new(scrubbed(seed, period_ms));
            let mut random = fastrand::Rng::with_seed(seed);
            for _ in 0..6 {
                let next = experiment.machine().boundary_count() + random.u64(50..900);
                experiment.run_cut_life(next);
            }
            let counted = experiment.counted();
            assert_eq!(counted.corruption_count, 0, "seed {seed}, period {period_ms}");
            assert!(counted.scrubbed_bytes > 256 << 10, "seed {seed}, period {period_ms}: {counted:?}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let trace = || {
        let mut experiment = Experiment::new(scrubbed(3, 5));
        assert_eq!(experiment.run_life(), Ok(()));
        (experiment.machine().trace_hash(), experiment.counted())
    };
    assert_eq!(trace(), trace());
}
