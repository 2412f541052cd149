//! What a simulated disk keeps through power cuts, and the errors that it reports.
//!
//! Every test goes over seeds and shows both sides: what always survives, and what sometimes does not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use runtime::simulated::{CutFate, Fault, FileOperation, Halt, Machine, MachineOptions};
use runtime::{BLOCK_BYTES, Buffer, File, FileError, FileSpan, Runtime, ShareClass, Signal};

const SEEDS: std::ops::Range<u64> = 0..60;
const SECTOR_BYTES: usize = 512;

fn log() -> &'static Path {
    Path::new("/data/log")
}

/// A buffer of whole blocks full of `byte`.
fn full_of(byte: u8, block_count: usize) -> Buffer {
    let mut buffer = Buffer::zeroed(block_count * BLOCK_BYTES);
    buffer.as_mut_slice().fill(byte);
    buffer
}

async fn create_log(runtime: &Runtime, block_count: u64) -> File {
    runtime.create_directory(Path::new("/data")).await.unwrap();
    runtime.create_file(log(), block_count * BLOCK_BYTES as u64).await.unwrap()
}

/// The bytes of a log of 16 blocks after `write` ran on it and the power was cut with that fate.
fn log_after_cut(seed: u64, fate: CutFate, write: impl AsyncFnOnce(File)) -> Vec<u8> {
    let machine = Machine::new(seed);
    let runtime = machine.runtime();
    let written = machine.run(async { write(create_log(&runtime, 16).await).await });
    assert_eq!(written, Ok(()));
    machine.set_cut_fate(fate);
    machine.cut_power();
    machine.restart();
    let runtime = machine.runtime();
    let read = machine.run(async {
        let file = runtime.open_file(log()).await.unwrap();
        file.read_at(0, 16 * BLOCK_BYTES).await.unwrap().as_slice().to_vec()
    });
    let bytes = read.unwrap();
    assert_eq!(bytes, machine.disk().read_durable(log()), "seed {seed}");
    bytes
}

/// Which sectors of `bytes` hold `byte`. Each sector is written whole or not at all.
fn sectors_of(bytes: &[u8], byte: u8) -> Vec<bool> {
    let is_full = |sector: &[u8]| {
        let count = sector.iter().filter(|&&found| found == byte).count();
        assert!(count == 0 || count == SECTOR_BYTES, "half a sector of {byte}");
        count > 0
    };
    bytes.chunks(SECTOR_BYTES).map(is_full).collect()
}

#[test]
fn what_was_synced_or_written_durably_survives_every_cut_and_the_rest_does_not() {
    let mut unsynced_outcomes = BTreeSet::new();
    for seed in SEEDS {
        let bytes = log_after_cut(seed, CutFate::Drawn, async |file| {
            file.write_at(0, full_of(1, 2)).await.1.unwrap();
            file.sync().await.unwrap();
            file.write_durable_at(8192, full_of(2, 2)).await.1.unwrap();
            file.write_at(16384, full_of(3, 2)).await.1.unwrap();
        });
        assert!(bytes[..8192].iter().all(|&byte| byte == 1), "seed {seed}");
        assert!(bytes[8192..16384].iter().all(|&byte| byte == 2), "seed {seed}");
        let kept = sectors_of(&bytes[16384..24576], 3);
        unsynced_outcomes.insert((kept.iter().all(|&kept| kept), kept.iter().any(|&kept| kept)));
        assert!(bytes[24576..].iter().all(|&byte| byte == 0), "seed {seed}");
    }
    let (whole, torn, lost) = ((true, true), (false, true), (false, false));
    assert_eq!(unsynced_outcomes, BTreeSet::from([whole, torn, lost]));
}

#[test]
fn a_write_is_live_before_it_is_durable() {
    let machine = Machine::new(1);
    let runtime = machine.runtime();
    let run = machine.run(async {
        let file = create_log(&runtime, 1).await;
        file.write_at(0, full_of(1, 1)).await.1.unwrap();
        assert_eq!(file.read_at(0, BLOCK_BYTES).await.unwrap().as_slice(), full_of(1, 1).as_slice());
        assert_eq!(machine.disk().read_durable(log()), vec![0; BLOCK_BYTES]);
        file.sync().await.unwrap();
        assert_eq!(machine.disk().read_durable(log()), vec![1; BLOCK_BYTES]);
    });
    assert_eq!(run, Ok(()));
}

#[test]
fn a_sync_covers_what_was_complete_when_it_began() {
    let mut uncovered_count = 0;
    for seed in SEEDS {
        let machine = Machine::new(seed);
        let runtime = machine.runtime();
        let run = machine.run(async {
            let file = create_log(&runtime, 2).await;
            file.write_at(0, full_of(1, 1)).await.1.unwrap();
            let (late, ahead) = (file.clone(), runtime.clone());
            runtime.spawn(ShareClass::Foreground, async move {
                ahead.sleep(Duration::from_micros(20)).await;
                late.write_at(4096, full_of(2, 1)).await.1.unwrap();
            });
            file.sync().await.unwrap();
        });
        assert_eq!(run, Ok(()));
        let durable = machine.disk().read_durable(log());
        assert!(durable[..4096].iter().all(|&byte| byte == 1), "seed {seed}");
        assert_eq!(durable[4096], 0, "seed {seed}");
        uncovered_count += u32::from(machine.disk().read_live(log())[4096] == 2);
    }
    assert!(uncovered_count > 0, "a write during a sync is live and not durable after it");
}

#[test]
fn several_writes_are_in_flight_and_complete_out_of_order() {
    let mut orders = BTreeSet::new();
    for seed in SEEDS {
        let machine = Machine::new(seed);
        let runtime = machine.runtime();
        let file = machine.run(create_log(&runtime, 3)).unwrap();
        let completed = std::rc::Rc::new(RefCell::new(Vec::new()));
        for block in 0..3u8 {
            let (file, completed) = (file.clone(), completed.clone());
            runtime.spawn(ShareClass::Foreground, async move {
                file.write_at(u64::from(block) * 4096, full_of(1, 1)).await.1.unwrap();
                completed.borrow_mut().push(block);
            });
        }
        let started = machine.now();
        machine.run_until_idle().unwrap();
        assert!(machine.now().since(started) < Duration::from_millis(2), "they overlap");
        orders.insert(completed.take());
    }
    assert_eq!(orders.len(), 6, "every order occurs: {orders:?}");
}

#[test]
fn writes_tear_at_sectors_and_at_pages() {
    let mut has_torn_inside_page = false;
    for seed in SEEDS {
        let write = async |file: File| file.write_at(0, full_of(7, 4)).await.1.unwrap();
        let sectors = sectors_of(&log_after_cut(seed, CutFate::TornSectors, write)[..16384], 7);
        assert!(sectors.contains(&true) && sectors.contains(&false), "seed {seed}");
        has_torn_inside_page |= sectors.chunks(8).any(|page| page.contains(&!page[0]));
        let pages = sectors_of(&log_after_cut(seed, CutFate::TornPages, write)[..16384], 7);
        assert!(pages.chunks(8).all(|page| !page.contains(&!page[0])), "seed {seed}");
        assert!(pages.contains(&true) && pages.contains(&false), "seed {seed}");
    }
    assert!(has_torn_inside_page);
}

#[test]
fn a_later_write_may_survive_an_earlier_one() {
    let write = async |file: File| {
        for block in 0..4u8 {
            file.write_at(u64::from(block) * 4096, full_of(block + 1, 1)).await.1.unwrap();
        }
    };
    let is_there = |bytes: &[u8]| [0, 1, 2, 3].map(|block: usize| bytes[block * 4096..(block + 1) * 4096] != [0; 4096]);
    let mut drawn = BTreeSet::new();
    for seed in SEEDS {
        let reordered = is_there(&log_after_cut(seed, CutFate::Reordered, write));
        assert!(!reordered[0] && reordered[3] && reordered.is_sorted(), "seed {seed}: {reordered:?}");
        let ordered = is_there(&log_after_cut(seed, CutFate::Ordered, write));
        assert!(ordered.is_sorted_by(|first, second| first >= second), "seed {seed}: {ordered:?}");
        drawn.insert(is_there(&log_after_cut(seed, CutFate::Drawn, write)));
    }
    assert!(drawn.iter().any(|blocks| !blocks[0] && blocks[3]), "{drawn:?}");
    assert!(drawn.iter().any(|blocks| blocks[0] && !blocks[3]), "{drawn:?}");
    assert!(drawn.contains(&[true; 4]) && drawn.contains(&[false; 4]), "{drawn:?}");
}

#[test]
fn an_older_write_never_undoes_a_durable_one() {
    for seed in SEEDS {
        let bytes = log_after_cut(seed, CutFate::Drawn, async |file| {
            file.write_at(0, full_of(1, 2)).await.1.unwrap();
            file.write_durable_at(0, full_of(2, 1)).await.1.unwrap();
        });
        assert!(bytes[..4096].iter().all(|&byte| byte == 2), "seed {seed}");
    }
}

/// Writes four blocks, each acknowledged, with a cut at `boundary`. What was acknowledged, what is there, and if it was cut.
fn cut_at(seed: u64, boundary: u64) -> (Vec<usize>, Vec<usize>, bool) {
    let acknowledged = RefCell::new(Vec::new());
    let machine = Machine::new(seed);
    machine.cut_power_at(boundary);
    let runtime = machine.runtime();
    let outcome = machine.run(async {
        let file = create_log(&runtime, 4).await;
        for block in 0..4 {
            file.write_durable_at(block as u64 * 4096, full_of(9, 1)).await.1.unwrap();
            acknowledged.borrow_mut().push(block);
        }
    });
    if let Err(halt) = &outcome {
        assert_eq!(*halt, Halt::PowerCut { boundary_count: machine.boundary_count() });
    }
    machine.restart();
    let is_there = machine.disk().files().iter().any(|(path, _)| path == log());
    let bytes = if is_there { machine.disk().read_live(log()) } else { Vec::new() };
    let blocks = bytes.chunks(BLOCK_BYTES).enumerate();
    let kept = blocks.filter(|(_, block)| sectors_of(block, 9).contains(&true)).map(|(index, _)| index).collect();
    (acknowledged.take(), kept, outcome.is_err())
}

#[test]
fn at_every_boundary_the_acknowledged_survives() {
    let (mut boundary_count, mut unacknowledged_count) = (0, 0);
    for seed in SEEDS {
        for boundary in 0.. {
            let (acknowledged, kept, was_cut) = cut_at(seed, boundary);
            assert_eq!(
                (acknowledged.clone(), kept.clone(), was_cut),
                cut_at(seed, boundary),
                "seed {seed}: {boundary}"
            );
            if !was_cut {
                break;
            }
            boundary_count += 1;
            assert!(acknowledged.iter().all(|block| kept.contains(block)), "seed {seed}, boundary {boundary}");
            let unacknowledged = kept.len() - acknowledged.len();
            assert!(unacknowledged <= 1, "seed {seed}, boundary {boundary}");
            unacknowledged_count += unacknowledged;
        }
    }
    assert_eq!(boundary_count, 10 * SEEDS.count(), "two for the directory, four for the file, four writes");
    assert!(unacknowledged_count > 0, "a write that nobody heard of may be there");
}

#[test]
fn names_are_durable_after_their_directory_is_synced() {
    let mut seen = BTreeSet::new();
    for seed in SEEDS {
        let machine = Machine::new(seed);
        let runtime = machine.runtime();
        let run = machine.run(async {
            let new = Path::new("/data/new");
            create_log(&runtime, 1).await;
            runtime.create_file(new, 4096).await.unwrap().write_durable_at(0, full_of(5, 1)).await.1.unwrap();
            runtime.rename(new, log()).await.unwrap();
            assert_eq!(machine.disk().read_live(log())[0], 5);
        });
        assert_eq!(run, Ok(()));
        machine.cut_power();
        machine.restart();
        let name_count = machine.disk().files().len();
        let content = machine.disk().read_live(log())[0];
        assert_eq!(content == 5, name_count == 1, "seed {seed}: a rename is there whole or not at all");
        seen.insert(content);
        let runtime = machine.runtime();
        let run = machine.run(async {
            runtime.remove_file(log()).await.unwrap();
            runtime.sync_directory(Path::new("/data")).await.unwrap();
        });
        assert_eq!(run, Ok(()));
        machine.cut_power();
        machine.restart();
        assert!(machine.disk().files().iter().all(|(path, _)| path != log()), "seed {seed}");
    }
    assert_eq!(seen, BTreeSet::from([0, 5]), "a rename that was not synced is sometimes there");
}

#[test]
fn a_file_that_was_not_synced_has_any_length_up_to_its_own() {
    let mut lengths = BTreeSet::new();
    for seed in SEEDS {
        let machine = Machine::new(seed);
        // After the directory's creation and sync, and the file's creation and allocation: its sync.
        machine.cut_power_at(4);
        let runtime = machine.runtime();
        assert!(machine.run(create_log(&runtime, 16)).is_err());
        machine.restart();
        let found = machine.disk().files().into_iter().map(|(_, len_bytes)| len_bytes).next();
        assert!(found.is_none_or(|len_bytes| len_bytes <= 65536 && len_bytes.is_multiple_of(4096)), "{found:?}");
        lengths.insert(found);
    }
    assert!(lengths.contains(&None) && lengths.contains(&Some(0)) && lengths.contains(&Some(65536)), "{lengths:?}");
    assert!(lengths.len() > 4, "{lengths:?}");
}

#[test]
fn a_killed_process_leaves_what_it_wrote() {
    let machine = Machine::new(3);
    let runtime = machine.runtime();
    let lock = machine.run(async {
        create_log(&runtime, 1).await.write_at(0, full_of(1, 1)).await.1.unwrap();
        runtime.lock_directory(Path::new("/data")).await.unwrap()
    });
    machine.restart();
    assert_eq!(machine.disk().read_live(log()), vec![1; BLOCK_BYTES]);
    let again = machine.runtime();
    let _held = machine.run(again.lock_directory(Path::new("/data"))).unwrap().unwrap();
    // The lock of an earlier life holds nothing any more.
    drop(lock);
    let refused = machine.run(again.lock_directory(Path::new("/data"))).unwrap();
    assert_eq!(refused.err(), Some(FileError::Locked { path: "/data".into() }));
}

#[test]
fn errors_come_once_and_where_they_were_asked_for() {
    let machine = Machine::new(4);
    let runtime = machine.runtime();
    let is_io = |result: Result<(), FileError>| matches!(result, Err(FileError::Io { errno: 5, .. }));
    let run = machine.run(async {
        let file = create_log(&runtime, 2).await;
        let disk = machine.disk();
        disk.arm(Fault::Error, FileOperation::Write, 1);
        disk.arm(Fault::Error, FileOperation::Read, 0);
        disk.arm(Fault::Error, FileOperation::Sync, 0);
        for fails in [false, true, false] {
            assert_eq!(is_io(file.write_durable_at(0, full_of(1, 1)).await.1), fails);
        }
        assert!(is_io(file.read_at(0, 4096).await.map(drop)));
        assert!(file.read_at(0, 4096).await.is_ok());
        assert!(is_io(file.sync().await));
        assert!(file.sync().await.is_ok());
        assert_eq!(disk.armed_count(), 0);
    });
    assert_eq!(run, Ok(()));
}

#[test]
fn what_is_not_there_is_named() {
    let machine = Machine::new(4);
    let runtime = machine.runtime();
    let run = machine.run(async {
        let file = create_log(&runtime, 2).await;
        let past_end = FileError::PastEnd { path: log().into(), offset: 4096, len: 8192 };
        assert_eq!(file.read_at(4096, 8192).await.map(drop), Err(past_end));
        let missing = Path::new("/data/missing");
        let not_found = Err(FileError::NotFound { path: missing.into() });
        assert_eq!(runtime.open_file(missing).await.map(drop), not_found);
        assert_eq!(runtime.remove_file(missing).await, not_found);
        assert_eq!(runtime.rename(missing, log()).await, not_found);
        assert_eq!(runtime.list_directory(missing).await.map(drop), not_found);
        let exists = FileError::AlreadyExists { path: log().into() };
        assert_eq!(runtime.create_file(log(), 4096).await.map(drop), Err(exists));
    });
    assert_eq!(run, Ok(()));
}

#[test]
fn after_a_failed_sync_the_next_one_proves_nothing() {
    let mut lost_count = 0;
    for seed in SEEDS {
        let machine = Machine::new(seed);
        let runtime = machine.runtime();
        let run = machine.run(async {
            let file = create_log(&runtime, 1).await;
            file.write_at(0, full_of(1, 1)).await.1.unwrap();
            machine.disk().arm(Fault::Error, FileOperation::Sync, 0);
            assert!(file.sync().await.is_err());
            file.sync().await.unwrap();
        });
        assert_eq!(run, Ok(()));
        machine.cut_power();
        machine.restart();
        lost_count += u32::from(machine.disk().read_live(log())[0] == 0);
    }
    assert!(lost_count > 0);
}

#[test]
fn a_full_disk_says_so_and_has_space_again_after_a_removal() {
    let machine = Machine::with(MachineOptions { capacity_bytes: 64 << 10, ..MachineOptions::new(5) });
    let runtime = machine.runtime();
    let run = machine.run(async {
        create_log(&runtime, 10).await;
        let second = Path::new("/data/second");
        let no_space = FileError::NoSpace { path: second.into(), operation: "allocate" };
        assert_eq!(runtime.create_file(second, 32 << 10).await.map(drop), Err(no_space));
        runtime.remove_file(log()).await.unwrap();
        runtime.remove_file(second).await.unwrap();
        assert!(runtime.create_file(second, 64 << 10).await.is_ok());
        let entries = runtime.list_directory(Path::new("/data")).await.unwrap();
        let listed: Vec<_> = entries.iter().map(|entry| (entry.name.as_str(), entry.len_bytes)).collect();
        assert_eq!(listed, [("second", 64 << 10)]);
    });
    assert_eq!(run, Ok(()));
}

#[test]
fn a_lying_disk_and_rot_leave_other_bytes_than_were_written() {
    let machine = Machine::new(6);
    let runtime = machine.runtime();
    let run = machine.run(async {
        let file = create_log(&runtime, 2).await;
        machine.disk().arm(Fault::Lost, FileOperation::Write, 0);
        file.write_durable_at(0, full_of(1, 1)).await.1.unwrap();
        assert_eq!(file.read_at(0, 4096).await.unwrap().as_slice(), Buffer::zeroed(4096).as_slice());
        file.write_durable_at(4096, full_of(1, 1)).await.1.unwrap();
        machine.disk().flip(log(), 5000, 0x10);
        assert_eq!(file.read_at(4096, 4096).await.unwrap().as_slice()[904], 0x11);
    });
    assert_eq!(run, Ok(()));
    machine.cut_power();
    machine.restart();
    assert_eq!(machine.disk().read_live(log())[5000], 0x11);
}

#[test]
fn a_file_that_is_opened_to_read_is_read_and_not_written() {
    let machine = Machine::new(1);
    let runtime = machine.runtime();
    let done = machine.run(async {
        let file = create_log(&runtime, 4).await;
        file.write_durable_at(0, full_of(7, 1)).await.1.unwrap();
        let file = runtime.open_file_to_read(log()).await.unwrap();
        assert!(file.write_at(0, full_of(8, 1)).await.1.is_err());
        assert!(file.write_durable_at(0, full_of(8, 1)).await.1.is_err());
        assert!(file.extend_to(8 * BLOCK_BYTES as u64).await.is_err());
        assert!(file.read_at(0, BLOCK_BYTES).await.unwrap().as_slice().iter().all(|byte| *byte == 7));
    });
    assert_eq!(done, Ok(()));
    assert_eq!(machine.disk().read_durable(log()).len(), 4 * BLOCK_BYTES);
}

/// Reads 16 blocks of numbered bytes through a queue, one of which the disk fails: what came, in the order in which it did.
fn queued_reads(seed: u64) -> Vec<(u64, Option<u8>)> {
    let machine = Machine::new(seed);
    let runtime = machine.runtime();
    let read = machine.run(async {
        let file = create_log(&runtime, 16).await;
        for number in 0..16 {
            file.write_at(u64::from(number) * 4096, full_of(number, 1)).await.1.unwrap();
        }
        let signal = Signal::new();
        let queue = runtime.read_queue(&signal);
        machine.disk().arm(Fault::Error, FileOperation::Read, 5);
        for number in 0..16 {
            queue.begin(&FileSpan { file: file.clone(), offset: number * 4096, len_bytes: 4096 }, number);
        }
        let mut outcomes = Vec::new();
        while outcomes.len() < 16 {
            signal.wait().await;
            queue.drain(16, |token, result| outcomes.push((token, result.ok().map(|bytes| bytes[0]))));
        }
        outcomes
    });
    read.unwrap()
}

#[test]
fn no_more_queued_reads_are_taken_than_the_caller_takes_up() {
    let machine = Machine::new(3);
    let runtime = machine.runtime();
    let read = machine.run(async {
        let file = create_log(&runtime, 16).await;
        let signal = Signal::new();
        let queue = runtime.read_queue(&signal);
        for number in 0..16 {
            queue.begin(&FileSpan { file: file.clone(), offset: number * 4096, len_bytes: 4096 }, number);
        }
        runtime.sleep(Duration::from_secs(1)).await;
        let take = || {
            let (mut count, is_notified) = (0, signal.take());
            queue.drain(6, |_, result| count += usize::from(result.is_ok()));
            (is_notified, count)
        };
        assert_eq!([take(), take(), take(), take()], [(true, 6), (true, 6), (true, 4), (false, 0)]);
    });
    read.unwrap();
}

#[test]
fn queued_reads_end_once_in_an_order_that_the_seed_gives() {
    let mut orders = BTreeSet::new();
    for seed in SEEDS {
        let outcomes = queued_reads(seed);
        assert_eq!(outcomes, queued_reads(seed), "seed {seed}");
        assert_eq!(outcomes.iter().filter(|(_, byte)| byte.is_none()).count(), 1, "seed {seed}");
        assert!(outcomes.iter().all(|(token, byte)| byte.is_none_or(|byte| u64::from(byte) == *token)), "seed {seed}");
        let order: Vec<u64> = outcomes.iter().map(|(token, _)| *token).collect();
        assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), 16, "seed {seed}");
        orders.insert(order);
    }
    assert!(orders.len() > 1, "the order is drawn");
}
