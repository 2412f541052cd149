//! Nothing that a user has written can be read on the disk: words of no other meaning stand in keys, names of attributes, values, indexes and the
//! table's own name, and are looked for in every file and every file's name, after they went through the log, sorted files, merges and cleaning.

#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::EngineOptions;
use model::operation::{Attributes, DeleteItem, PutItem, Request};
use model::{Item, Text, Value};
use runtime::simulated::{Machine, MachineOptions};
use sim::{Caller, Node, create_table, item_of, node_options, seeds};

const TABLE: &str = "canary-table";
const KEY: &str = "canary-key-name";
const CANARY: &[u8] = b"canary";
const KEY_COUNT: usize = 40;
const ROUND_COUNT: usize = 30;

fn options() -> EngineOptions {
    EngineOptions {
        memory_bytes_max: 256 << 10,
        scrub_period_ms: 100,
        ..node_options(&["/disk-0/data", "/disk-1/data"])
    }
}

fn live(machine: &Machine, work: impl AsyncFnOnce(&Caller)) {
    let node = Node::start(machine, &options());
    machine
        .run(async {
            node.opened().await.unwrap();
            work(&node.caller()).await;
        })
        .expect("nothing goes down");
}

fn key(number: usize) -> (&'static str, Value) {
    (KEY, Value::S(format!("canary-key-{number}")))
}

/// Some are so small that a sorted file holds them itself, some so large that it names their record.
fn item(number: usize, round: usize) -> Item {
    let count = if (number + round).is_multiple_of(2) { 1 } else { 150 };
    item_of(&[
        key(number),
        ("canary-text", Value::S("canary-value ".repeat(count))),
        ("canary-bytes", Value::B(b"canary-bytes".to_vec())),
        ("list", Value::L(vec![Value::S("canary-element".to_owned())])),
        ("set", Value::Ss(["canary-member".to_owned()].into())),
    ])
}

/// Writes every key over and over, and deletes some.
async fn overwrite(caller: &Caller, machine: &Machine) {
    for round in 0..ROUND_COUNT {
        for number in 0..KEY_COUNT {
            let table_name = Some(Text::from(TABLE));
            let request = if (number + round) % 11 == 0 {
                let key = Attributes::Valid(item_of(&[key(number)]));
                Request::DeleteItem(DeleteItem { table_name, key, ..DeleteItem::default() })
            } else {
                let item = Attributes::Valid(item(number, round));
                Request::PutItem(PutItem { table_name, item, ..PutItem::default() })
            };
            caller.call(number % 2, request).await.unwrap();
        }
        machine.runtime().sleep(Duration::from_millis(20)).await;
    }
    machine.runtime().sleep(Duration::from_secs(2)).await;
}

/// The files that hold the word, or are called by it.
fn files_with_canary(machine: &Machine) -> Vec<PathBuf> {
    let has = |bytes: &[u8]| bytes.windows(CANARY.len()).any(|window| window == CANARY);
    let paths = machine.disk().files().into_iter().map(|(path, _)| path);
    paths.filter(|path| has(path.to_string_lossy().as_bytes()) || has(&machine.disk().read_live(path))).collect()
}

fn paths_with(machine: &Machine, part: &str) -> Vec<PathBuf> {
    let paths = machine.disk().files().into_iter().map(|(path, _)| path);
    paths.filter(|path| path.to_string_lossy().contains(part)).collect()
}

#[test]
fn no_file_holds_a_canary_after_flushes_merges_and_cleaning() {
    for seed in seeds(0..3) {
        let machine = Machine::with(MachineOptions { core_count: 2, ..MachineOptions::new(seed) });
        live(&machine, async |caller| {
            caller.call(0, create_table(TABLE, KEY)).await.unwrap();
            overwrite(caller, &machine).await;
            let (flush_count, merge_count) = caller
                .metrics()
                .fold((0, 0), |(flushes, merges), of| (flushes + of.flush_count, merges + of.merge_count));
            assert!(flush_count > 4 && merge_count > 2, "{flush_count} flushes, {merge_count} merges");
        });
        let segments = paths_with(&machine, "segment-");
        assert!(!paths_with(&machine, "sstables-").is_empty() && segments.len() > 2);
        // Some were used again: their ids are higher than their numbers.
        let ids = segments.iter().map(|path| {
            let header = machine.disk().read_live(path);
            let number: u32 = path.to_string_lossy().rsplit('-').next().unwrap().parse().unwrap();
            (u32::from_le_bytes(header[32..36].try_into().unwrap()), number)
        });
        assert!(ids.clone().any(|(id, number)| id > number), "{:?}", ids.collect::<Vec<_>>());
        assert_eq!(files_with_canary(&machine), Vec::<PathBuf>::new());
        machine.cut_power();
        machine.restart();
        live(&machine, async |caller| overwrite(caller, &machine).await);
        assert_eq!(files_with_canary(&machine), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_canary_that_is_there_would_be_found() {
    let machine = Machine::new(1);
    let write = async |path: &str| {
        let file = machine.runtime().create_file(Path::new(path), 4_096).await.unwrap();
        let mut buffer = runtime::Buffer::zeroed(4_096);
        buffer.as_mut_slice()[4_090..].copy_from_slice(CANARY);
        file.write_durable_at(0, buffer).await.1.unwrap();
    };
    machine.run(write("/file")).unwrap();
    assert_eq!(files_with_canary(&machine), [PathBuf::from("/file")]);
}
