//! A full disk: writes are refused by name, reads and deletes go on, and all goes on by itself when there is space again.

#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::EngineOptions;
use model::operation::{Attributes, DeleteItem, DeleteTable, GetItem, PutItem, Reply, Request};
use model::{Error, ErrorKind, Item, Text, Value};
use runtime::simulated::{Machine, NodeId};
use sim::{Caller, Node, create_table, node_options, seeds};

const TABLE: &str = "things";
const OTHER_TABLE: &str = "others";
const PUT_COUNT_MAX: usize = 4_000;

fn options() -> EngineOptions {
    EngineOptions { segment_bytes: 256 << 10, scrub_period_ms: 60_000, ..node_options(&["/disk/data"]) }
}

fn attributes(number: usize, text: Option<&str>) -> Attributes {
    let mut map = BTreeMap::from([("id".to_owned(), Value::S(format!("thing-{number}")))]);
    map.extend(text.map(|text| ("text".to_owned(), Value::S(text.to_owned()))));
    Attributes::Valid(Item::from_value_map(&map).unwrap())
}

async fn put(caller: &Caller, number: usize) -> Result<Reply, Error> {
    let table_name = Some(Text::from(TABLE));
    let item = attributes(number, Some(&"x".repeat(2_000)));
    caller.call(0, Request::PutItem(PutItem { table_name, item, ..PutItem::default() })).await
}

async fn delete(caller: &Caller, number: usize) -> Result<Reply, Error> {
    let (table_name, key) = (Some(Text::from(TABLE)), attributes(number, None));
    caller.call(0, Request::DeleteItem(DeleteItem { table_name, key, ..DeleteItem::default() })).await
}

async fn is_there(caller: &Caller, number: usize) -> bool {
    let (table_name, key) = (Some(Text::from(TABLE)), attributes(number, None));
    match caller.call(0, Request::GetItem(GetItem { table_name, key, ..GetItem::default() })).await {
        Ok(Reply::GetItem(reply)) => reply.item.is_some(),
        other => panic!("{other:?}"),
    }
}

/// Lets a node live on the machine.
fn live<T>(machine: &Machine, options: &EngineOptions, work: impl AsyncFnOnce(&Caller) -> T) -> T {
    let node = Node::start(machine, options);
    let lived = machine.run(async {
        node.opened().await.unwrap();
        work(&node.caller()).await
    });
    lived.expect("nothing goes down")
}

/// Makes the tables, and puts items until the disk is full. How many there are.
async fn fill(machine: &Machine, caller: &Caller) -> usize {
    caller.call(0, create_table(TABLE, "id")).await.unwrap();
    caller.call(0, create_table(OTHER_TABLE, "id")).await.unwrap();
    put(caller, 0).await.unwrap();
    let used_bytes: u64 = machine.disk().files().iter().map(|(_, len_bytes)| len_bytes).sum();
    machine.disk().set_capacity_bytes(used_bytes + (64 << 10));
    for count in 1..PUT_COUNT_MAX {
        if let Err(refusal) = put(caller, count).await {
            assert_eq!(refusal.kind, ErrorKind::ServiceUnavailable, "{refusal}");
            assert!(refusal.to_string().contains("disk is full"), "{refusal}");
            return count;
        }
    }
    panic!("the disk is never full");
}

async fn delete_table(caller: &Caller, table: &str) -> Result<Reply, Error> {
    caller.call(0, Request::DeleteTable(DeleteTable { table_name: Some(Text::from(table)) })).await
}

fn refused_count(caller: &Caller) -> u64 {
    caller.metrics().map(|metrics| metrics.refused_count).sum()
}

/// There is space again, and time to find that out.
async fn make_space(machine: &Machine) {
    machine.disk().set_capacity_bytes(u64::MAX);
    machine.runtime().sleep(Duration::from_secs(5)).await;
}

/// Every other item can be deleted.
async fn delete_half(caller: &Caller, count: usize) {
    for number in (0..count).step_by(2) {
        assert!(is_there(caller, number).await);
        delete(caller, number).await.unwrap();
        assert!(!is_there(caller, number).await);
    }
}

#[test]
fn reads_and_deletes_go_on_and_writes_when_there_is_space_again() {
    for seed in seeds(0..6) {
        println!("seed {seed}");
        let machine = Machine::new(seed);
        live(&machine, &options(), async |caller| {
            let count = fill(&machine, caller).await;
            assert_eq!(refused_count(caller), 1);
            delete_half(caller, count).await;
            assert!(put(caller, 0).await.is_err(), "there is still no space");
            delete_table(caller, OTHER_TABLE).await.unwrap();
            let refused = caller.call(0, create_table(OTHER_TABLE, "id")).await.unwrap_err();
            assert_eq!(refused.kind, ErrorKind::ServiceUnavailable, "{refused}");
            assert_eq!(refused_count(caller), 3, "each is counted");
            make_space(&machine).await;
            put(caller, 0).await.unwrap();
            assert!(is_there(caller, 0).await);
            assert!(is_there(caller, 1).await);
        });
    }
}

/// A process writes nothing into a segment that an earlier one began, and there is no room for another.
#[test]
fn deletes_go_on_after_a_restart() {
    for seed in seeds(0..6) {
        println!("seed {seed}");
        let machine = Machine::new(seed);
        let count = live(&machine, &options(), async |caller| fill(&machine, caller).await);
        machine.kill(NodeId(0));
        machine.restart();
        live(&machine, &options(), async |caller| {
            delete_half(caller, count).await;
            assert!(put(caller, 0).await.is_err(), "there is still no space");
            delete_table(caller, TABLE).await.unwrap();
            make_space(&machine).await;
            caller.call(0, create_table(TABLE, "id")).await.unwrap();
            put(caller, 0).await.unwrap();
        });
    }
}

/// The table whose flush had no room is deleted: nothing is left that needs any.
#[test]
fn writes_go_on_when_what_could_not_be_flushed_is_gone() {
    for seed in seeds(0..6) {
        println!("seed {seed}");
        let machine = Machine::new(seed);
        // Memory is used up long before the segments that there are.
        let options = EngineOptions { memory_bytes_max: 256 << 10, segment_bytes: 1 << 20, ..options() };
        live(&machine, &options, async |caller| {
            fill(&machine, caller).await;
            delete_table(caller, TABLE).await.unwrap();
            make_space(&machine).await;
            caller.call(0, create_table(TABLE, "id")).await.unwrap();
            put(caller, 0).await.unwrap();
        });
    }
}
