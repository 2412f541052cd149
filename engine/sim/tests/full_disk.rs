//! A full disk: writes are refused by name, reads and deletes go on, and all goes on by itself when there is space again.

#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::EngineOptions;
use model::operation::{Attributes, DeleteItem, DeleteTable, GetItem, PutItem, Reply, Request};
use model::{Error, ErrorKind, Item, Text, Value};
use runtime::simulated::Machine;
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

#[test]
fn reads_and_deletes_go_on_and_writes_when_there_is_space_again() {
    for seed in seeds(0..6) {
        let machine = Machine::new(seed);
        let node = Node::start(&machine, &options());
        machine
            .run(async {
                node.opened().await.unwrap();
                let caller = node.caller();
                caller.call(0, create_table(TABLE, "id")).await.unwrap();
                caller.call(0, create_table(OTHER_TABLE, "id")).await.unwrap();
                put(&caller, 0).await.unwrap();
                let used_bytes: u64 = machine.disk().files().iter().map(|(_, len_bytes)| len_bytes).sum();
                machine.disk().set_capacity_bytes(used_bytes + (64 << 10));
                let mut count = 1;
                let refusal = loop {
                    match put(&caller, count).await {
                        Ok(_) => count += 1,
                        Err(refusal) => break refusal,
                    }
                    assert!(count < PUT_COUNT_MAX, "seed {seed}: the disk is never full");
                };
                assert_eq!(refusal.kind, ErrorKind::ServiceUnavailable, "seed {seed}: {refusal}");
                assert!(refusal.to_string().contains("disk is full"), "seed {seed}: {refusal}");
                for number in (0..count).step_by(2) {
                    assert!(is_there(&caller, number).await, "seed {seed}");
                    delete(&caller, number).await.unwrap();
                    assert!(!is_there(&caller, number).await, "seed {seed}");
                }
                assert!(put(&caller, 0).await.is_err(), "seed {seed}: there is still no space");
                let delete_other = DeleteTable { table_name: Some(Text::from(OTHER_TABLE)) };
                caller.call(0, Request::DeleteTable(delete_other)).await.unwrap();
                let refused = caller.call(0, create_table(OTHER_TABLE, "id")).await.unwrap_err();
                assert_eq!(refused.kind, ErrorKind::ServiceUnavailable, "seed {seed}: {refused}");
                machine.disk().set_capacity_bytes(u64::MAX);
                machine.runtime().sleep(Duration::from_secs(5)).await;
                put(&caller, 0).await.unwrap();
                assert!(is_there(&caller, 0).await, "seed {seed}");
                assert!(is_there(&caller, 1).await, "seed {seed}");
            })
            .expect("nothing goes down");
    }
}
