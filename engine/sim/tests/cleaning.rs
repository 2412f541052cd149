//! Nodes that write far more than they hold: space stays bounded, and no cut in the middle of cleaning loses or revives anything.

#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

use engine::EngineOptions;
use model::operation::{Attributes, PutItem, Reply, Request};
use model::{Error, ErrorKind, Text, Value};
use runtime::simulated::Machine;
use runtime::{BLOCK_BYTES, Buffer, Runtime};
use sim::{Caller, Experiment, Node, Workload, create_table, item_of, node_options, noise, seeds};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

const SEGMENT_BYTES: u64 = 64 << 10;
/// So little that memtables are flushed all the time.
const MEMORY_BYTES: u64 = 256 << 10;
/// Segments that a worker may have on disk while it holds next to nothing: what memtables may hold, what is not worth looking for, what one look has not
/// emptied yet, and spares.
const SEGMENT_COUNT_MAX: usize = 56;

/// One core, so that all writes go to one log, and enough of them that it turns round.
fn overwriting(seed: u64, step_count: usize) -> Workload {
    Workload {
        core_count: 1,
        client_count: 3,
        step_count,
        segment_bytes: SEGMENT_BYTES,
        memory_bytes: MEMORY_BYTES,
        ..Workload::small(seed)
    }
}

fn segment_count(machine: &Machine) -> usize {
    let files = machine.disk().files();
    files.iter().filter(|(path, _)| path.to_string_lossy().contains("segment-")).count()
}

#[test]
fn space_stays_bounded_over_many_lives() {
    for seed in seeds(0..6) {
        let mut experiment = Experiment::new(overwriting(seed, 250));
        for life in 0..6 {
            assert_eq!(experiment.run_life(), Ok(()), "seed {seed}");
            let count = segment_count(experiment.machine());
            assert!(count <= SEGMENT_COUNT_MAX, "seed {seed}, life {life}: {count} segments");
            experiment.machine().cut_power();
            experiment.restart();
        }
        // Each write took at least a block for itself or with the few that came at the same moment.
        let written_count = experiment.machine().boundary_count();
        assert!(
            written_count * 4096 > 4 * SEGMENT_COUNT_MAX as u64 * SEGMENT_BYTES,
            "seed {seed}: {written_count} writes"
        );
    }
}

/// A life that is cut at `boundary`, one that is cut while it recovers or soon after, one to its end. The trace.
fn run_cut(seed: u64, boundary: u64) -> u64 {
    let mut experiment = Experiment::new(overwriting(seed, 160));
    experiment.run_cut_life(boundary);
    let next = experiment.machine().boundary_count() + boundary % 150;
    experiment.run_cut_life(next);
    assert_eq!(experiment.run_life(), Ok(()), "seed {seed}, boundary {boundary}");
    experiment.machine().trace_hash()
}

#[test]
fn no_cut_while_segments_are_emptied_loses_or_revives_anything() {
    for seed in seeds(0..4) {
        let mut unharmed = Experiment::new(overwriting(seed, 160));
        assert_eq!(unharmed.run_life(), Ok(()), "seed {seed}");
        let boundary_count = unharmed.machine().boundary_count();
        eprintln!("seed {seed}: {boundary_count} write boundaries");
        assert!(boundary_count > 250, "seed {seed}: the log turns round");
        for boundary in (boundary_count / 4 + seed..boundary_count).step_by(3) {
            eprintln!("seed {seed}, boundary {boundary}");
            run_cut(seed, boundary);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in seeds(0..2) {
        assert_eq!(run_cut(seed, 200), run_cut(seed, 200), "seed {seed}");
    }
}

/// A node with a table, and so little memory that it flushes all the time.
async fn start(machine: &Machine) -> Caller {
    let options =
        EngineOptions { segment_bytes: SEGMENT_BYTES, memory_bytes_max: MEMORY_BYTES, ..node_options(&["/disk/data"]) };
    let node = Node::start(machine, &options);
    node.opened().await.unwrap();
    let caller = node.caller();
    caller.call(0, create_table("things", "id")).await.unwrap();
    caller
}

async fn put(caller: &Caller, number: usize) {
    try_put(caller, number).await.unwrap();
}

async fn try_put(caller: &Caller, number: usize) -> Result<Reply, Error> {
    let item = item_of(&[("id", Value::S(format!("thing-{number}"))), ("noise", noise(2_000))]);
    let put = PutItem { table_name: Some(Text::from("things")), item: Attributes::Valid(item), ..PutItem::default() };
    caller.call(0, Request::PutItem(put)).await
}

/// The segment in use that comes first in the log or before it.
fn first_segment(machine: &Machine) -> PathBuf {
    let paths = machine.disk().files().into_iter().map(|(path, _)| path);
    let segments = paths.filter(|path| path.to_string_lossy().contains("segment-")).filter_map(|path| {
        // One that is being made is empty.
        let id = machine.disk().read_live(&path).get(32..36).map(|id| u32::from_le_bytes(id.try_into().unwrap()))?;
        (id > 0).then_some((id, path))
    });
    segments.min().unwrap().1
}

/// Writes something else over all blocks of a segment but its header.
async fn spoil(runtime: &Runtime, path: &Path) {
    spoil_blocks(runtime, path, BLOCK_BYTES as u64..SEGMENT_BYTES).await;
}

async fn spoil_blocks(runtime: &Runtime, path: &Path, offsets: Range<u64>) {
    let file = runtime.open_file(path).await.unwrap();
    for offset in offsets.step_by(BLOCK_BYTES) {
        let mut block = Buffer::zeroed(BLOCK_BYTES);
        block.as_mut_slice().fill(0x5A);
        file.write_at(offset, block).await.1.unwrap();
    }
}

#[test]
fn a_segment_that_cannot_be_read_does_not_keep_others_from_being_emptied() {
    /// Never written again: the first segment cannot die by itself.
    const COLD_COUNT: usize = 2;
    /// Written again in no order, so that segments hold a little that is live for long.
    const HOT_COUNT: usize = 400;
    let machine = Machine::new(4);
    let work = async {
        let caller = start(&machine).await;
        for number in 0..COLD_COUNT + HOT_COUNT {
            put(&caller, number).await;
            if number == HOT_COUNT / 4 {
                spoil(&machine.runtime(), &first_segment(&machine)).await;
            }
        }
        let mut random = fastrand::Rng::with_seed(4);
        for _ in 0..6_000 {
            put(&caller, random.usize(COLD_COUNT..COLD_COUNT + HOT_COUNT)).await;
        }
        machine.runtime().sleep(Duration::from_secs(60)).await;
    };
    machine.run(work).expect("nothing goes down");
    let count = segment_count(&machine);
    assert!(count <= SEGMENT_COUNT_MAX, "{count} segments");
}

/// The longest of the sorted files.
fn longest_table(machine: &Machine) -> PathBuf {
    let paths = machine.disk().files().into_iter().map(|(path, _)| path);
    let tables = paths.filter(|path| path.to_string_lossy().contains("sstables-"));
    tables.max_by_key(|path| machine.disk().read_live(path).len()).unwrap()
}

fn table_count(machine: &Machine) -> usize {
    machine.disk().files().iter().filter(|(path, _)| path.to_string_lossy().contains("sstables-")).count()
}

/// Writes again and again, on a node whose longest file can or cannot be read. The most files that there were, and the segments that are left.
fn file_counts(is_rotten: bool) -> (usize, usize) {
    let machine = Machine::new(7);
    let work = async {
        let caller = start(&machine).await;
        let mut random = fastrand::Rng::with_seed(7);
        for number in 0..600 {
            put(&caller, number).await;
        }
        machine.runtime().sleep(Duration::from_secs(5)).await;
        let table = longest_table(&machine);
        if is_rotten {
            // Its first block: what has it open goes on knowing where the others are.
            spoil_blocks(&machine.runtime(), &table, 0..BLOCK_BYTES as u64).await;
        }
        let (mut most, mut failed_count) = (0, 0);
        for number in 0..4_000 {
            // A filter that is wrong about one of the keys leads to the block that is rotten.
            if let Err(error) = try_put(&caller, random.usize(600..1_000)).await {
                assert!(is_rotten && error.kind == ErrorKind::InternalServer, "{error}");
                failed_count += 1;
            }
            if number % 20 == 0 {
                machine.runtime().sleep(Duration::from_millis(100)).await;
            }
            most = most.max(table_count(&machine));
        }
        assert!(failed_count < 100, "{failed_count} writes failed");
        machine.runtime().sleep(Duration::from_secs(60)).await;
        let is_there = machine.disk().files().iter().any(|(path, _)| *path == table);
        assert!(is_there || !is_rotten, "it was merged: nothing was tried");
        most
    };
    let most = machine.run(work).expect("nothing goes down");
    (most, segment_count(&machine))
}

#[test]
fn a_file_that_cannot_be_read_does_not_keep_newer_ones_from_being_merged_nor_segments_from_being_emptied() {
    let [(sound_file_count, sound_segment_count), (file_count, segment_count)] = [false, true].map(file_counts);
    eprintln!("{sound_file_count} files, {sound_segment_count} segments; with rot {file_count}, {segment_count}");
    // Runs above the rotten one become one when there are twenty of them, not with it.
    assert!(file_count <= sound_file_count + 20, "{file_count} files, {sound_file_count} without rot");
    // What it names stays where it is.
    let kept_count = 600 * 2_100 / 65_536;
    assert!(
        segment_count <= sound_segment_count + kept_count,
        "{segment_count} segments, {sound_segment_count} without rot"
    );
}

#[test]
fn a_backlog_is_worked_off_when_nobody_asks_anything() {
    let machine = Machine::new(6);
    let work = async {
        let caller = start(&machine).await;
        let mut random = fastrand::Rng::with_seed(6);
        for number in 0..100 {
            put(&caller, number).await;
        }
        // The first round fails, so that for a second none is begun while segments fill.
        spoil(&machine.runtime(), &first_segment(&machine)).await;
        for _ in 0..3_000 {
            put(&caller, random.usize(2..400)).await;
        }
        let behind_count = segment_count(&machine);
        machine.runtime().sleep(Duration::from_secs(60)).await;
        (behind_count, segment_count(&machine))
    };
    let (behind_count, count) = machine.run(work).expect("nothing goes down");
    assert!(behind_count > 60, "{behind_count} segments: there is no backlog");
    assert!(count <= 40, "{count} segments");
}
