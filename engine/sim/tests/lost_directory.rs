//! One of several disks is lost while the node runs: what is on the others is answered right, what is on it fails and is never answered wrong, the
//! node says which directory it is, and once that is back all that was acknowledged is there.

#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use engine::EngineOptions;
use model::operation::{Attributes, GetItem, PutItem, Reply, Request};
use model::{Error, ErrorKind, Item, Text, Value};
use runtime::StopReason;
use runtime::simulated::{Halt, Machine, MachineOptions, NodeId};
use sim::{Caller, Node, create_table, item_of, node_options, seeds};

const TABLE: &str = "things";
const ITEM_COUNT: usize = 200;
/// Writes after the loss: more than the journal's spares hold, so that it needs new ones.
const WRITE_COUNT: usize = 400;

/// What each item was last acknowledged to be, and what else it may be since a write that was not answered.
type Known = BTreeMap<usize, (u32, Option<u32>)>;

fn options(directories: &[&str]) -> EngineOptions {
    EngineOptions { memory_bytes_max: 256 << 10, ..node_options(directories) }
}

fn live<T>(machine: &Machine, directories: &[&str], work: impl AsyncFnOnce(&Caller) -> T) -> Result<T, Halt> {
    let node = Node::start(machine, &options(directories));
    machine.run(async {
        node.opened().await.unwrap();
        work(&node.caller()).await
    })
}

fn key(number: usize) -> Value {
    Value::S(format!("key {number}"))
}

/// Every third item is small enough to be in a file itself.
fn item(number: usize, version: u32) -> Item {
    let bytes = if number.is_multiple_of(3) { 50 } else { 1_000 + number * 37 % 2_000 };
    let mut random = fastrand::Rng::with_seed(number as u64 + u64::from(version) * 1_000);
    let filler = std::iter::repeat_with(|| random.u8(..)).take(bytes).collect();
    item_of(&[("pk", key(number)), ("filler", Value::B(filler))])
}

async fn put(caller: &Caller, number: usize, version: u32) -> Result<Reply, Error> {
    let item = Attributes::Valid(item(number, version));
    let put = PutItem { table_name: Some(Text::from(TABLE)), item, ..PutItem::default() };
    caller.call(0, Request::PutItem(put)).await
}

/// Reads every item; how many were there, and how many could not be read. None is another than it may be.
async fn read_all(caller: &Caller, known: &RefCell<Known>) -> (usize, usize) {
    let (mut right_count, mut failed_count) = (0, 0);
    let numbers: Vec<usize> = known.borrow().keys().copied().collect();
    for number in numbers {
        let key = Attributes::Valid(item_of(&[("pk", key(number))]));
        let get = GetItem { table_name: Some(Text::from(TABLE)), key, consistent_read: true, ..GetItem::default() };
        match caller.call(0, Request::GetItem(get)).await {
            Ok(Reply::GetItem(reply)) => {
                let (version, maybe) = known.borrow()[&number];
                let may_be = |version: u32| reply.item.as_ref() == Some(&item(number, version));
                assert!(may_be(version) || maybe.is_some_and(may_be), "item {number} was answered wrong");
                right_count += 1;
            }
            Err(error) if error.kind == ErrorKind::InternalServer => failed_count += 1,
            other => panic!("item {number}: {other:?}"),
        }
    }
    (right_count, failed_count)
}

/// Writes an item; false: it was refused, as what a lost disk refuses is. What has no answer may have been done.
async fn write(caller: &Caller, known: &RefCell<Known>, step: usize) -> bool {
    let number = step % ITEM_COUNT;
    let version = u32::try_from(step).unwrap() + 1;
    let before = known.borrow().get(&number).map_or(version, |(version, _)| *version);
    known.borrow_mut().insert(number, (before, Some(version)));
    match put(caller, number, version).await {
        Ok(_) => {
            known.borrow_mut().insert(number, (version, None));
            true
        }
        Err(error) => {
            assert_eq!(error.kind, ErrorKind::InternalServer, "{error}");
            false
        }
    }
}

fn io_error_count(caller: &Caller) -> u64 {
    caller.metrics().map(|metrics| metrics.io_error_count).sum()
}

#[test]
fn the_loss_of_one_of_two_disks_loses_and_falsifies_nothing() {
    let directories = ["/disk-0/data", "/disk-1/data"];
    let (mut stopped_count, mut readable_count, mut unreadable_count, mut written_count) = (0, 0, 0, 0);
    for seed in seeds(0..20) {
        println!("seed {seed}");
        // The journal of one worker has its last segment on one of the two disks.
        let core_count = if seed % 4 == 0 { 2 } else { 1 };
        let lost = if seed % 2 == 0 { "/disk-1" } else { "/disk-0" };
        let machine = Machine::with(MachineOptions { core_count, ..MachineOptions::new(seed) });
        let known = RefCell::new(Known::new());
        live(&machine, &directories, async |caller| {
            caller.call(0, create_table(TABLE, "pk")).await.unwrap();
            for step in 0..ITEM_COUNT {
                assert!(write(caller, &known, step).await);
            }
            machine.runtime().sleep(Duration::from_secs(5)).await;
        })
        .unwrap();
        machine.restart();
        let outcome = live(&machine, &directories, async |caller| {
            // What a start flushes and merges is done.
            machine.runtime().sleep(Duration::from_secs(5)).await;
            machine.disk().lose_directory(Path::new(lost));
            let (right_count, failed_count) = read_all(caller, &known).await;
            readable_count += right_count;
            unreadable_count += failed_count;
            assert!(failed_count == 0 || io_error_count(caller) > 0, "seed {seed}: it is counted");
            assert_eq!(
                caller.metrics().map(|metrics| metrics.corruption_count).sum::<u64>(),
                0,
                "seed {seed}: nothing rots"
            );
            for step in ITEM_COUNT..ITEM_COUNT + WRITE_COUNT {
                written_count += usize::from(write(caller, &known, step).await);
            }
            read_all(caller, &known).await;
        });
        match outcome {
            Ok(()) => {}
            Err(Halt::Stopped(reason @ StopReason::FlushFailed(_))) => {
                let told = reason.to_string();
                let directory = format!("{lost}/data/journal-");
                assert!(told.contains(&directory) && told.contains("segment-"), "seed {seed}: {told}");
                assert!(told.contains(&format!("See to the disk of {directory}")), "seed {seed}: {told}");
                stopped_count += 1;
            }
            Err(halt) => panic!("seed {seed}: {halt:?}"),
        }
        machine.cut_power();
        machine.restart();
        machine.disk().bring_back_directory(Path::new(lost));
        live(&machine, &directories, async |caller| {
            let all_count = known.borrow().len();
            assert_eq!(read_all(caller, &known).await, (all_count, 0), "seed {seed}: all of it is there again");
        })
        .unwrap();
    }
    println!(
        "{stopped_count} nodes stopped, {readable_count} reads were right, {unreadable_count} failed, {written_count} writes went on"
    );
    assert!(stopped_count > 0 && readable_count > 0 && unreadable_count > 0 && written_count > 0);
}

#[test]
fn a_start_without_the_disk_names_it() {
    let machine = Machine::new(3);
    let directories = ["/disk-0/data", "/disk-1/data"];
    live(&machine, &directories, async |caller| {
        caller.call(0, create_table(TABLE, "pk")).await.unwrap();
    })
    .unwrap();
    machine.kill(NodeId(0));
    machine.restart();
    machine.disk().lose_directory(Path::new("/disk-1"));
    let node = Node::start(&machine, &options(&directories));
    let failure = machine.run(node.opened()).unwrap().unwrap_err();
    assert!(failure.contains("/disk-1/data cannot be read") && failure.contains("mounted"), "{failure}");
}
