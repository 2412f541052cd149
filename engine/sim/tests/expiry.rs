//! Expiry comes and goes on a whole node.

#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

use engine::EngineOptions;
use model::operation::{Attributes, PutItem, Request, TimeToLiveSpecification, UpdateTimeToLive};
use model::{Number, Text, Value};
use runtime::simulated::Machine;
use sim::{Node, create_table, item_of, node_options, with_table};
use std::time::Duration;

const IDLE_TABLE: &str = "idle";
const BUSY_TABLE: &str = "busy";
const SEGMENT_BYTES: u64 = 256 << 10;
/// Segments that the busy table's puts would fill if none were used again.
const FILLED_COUNT: u64 = 64;
const ITEM_BYTES: usize = 4_000;

fn put(table: &str, attributes: &[(&str, Value)]) -> Request {
    let item = Attributes::Valid(item_of(attributes));
    Request::PutItem(PutItem { table_name: Some(Text::from(table)), item, ..PutItem::default() })
}

fn expire(is_enabled: bool) -> Request {
    let specification =
        TimeToLiveSpecification { enabled: Some(is_enabled), attribute_name: Some(Text::from("until")) };
    Request::UpdateTimeToLive(UpdateTimeToLive {
        table_name: Some(Text::from(IDLE_TABLE)),
        time_to_live_specification: Some(specification),
    })
}

/// What its partition has to write down once its due times are not wanted any more does not wait for a write that never comes.
#[test]
fn a_table_that_nobody_uses_does_not_hold_up_the_log_when_its_expiry_ends() {
    let machine = Machine::new(1);
    let options =
        EngineOptions { memory_bytes_max: 1 << 20, segment_bytes: SEGMENT_BYTES, ..node_options(&["/disk/data"]) };
    let node = Node::start(&machine, &options);
    let segment_count =
        || machine.disk().files().iter().filter(|(path, _)| path.to_string_lossy().contains("segment-")).count();
    machine
        .run(async {
            node.opened().await.unwrap();
            let caller = node.caller();
            for table in [IDLE_TABLE, BUSY_TABLE] {
                caller.call(0, create_table(table, "pk")).await.unwrap();
            }
            for is_enabled in [true, false] {
                caller.call(0, expire(is_enabled)).await.unwrap();
            }
            for number in 0..FILLED_COUNT * SEGMENT_BYTES / ITEM_BYTES as u64 {
                let key = Value::S(format!("key {}", number % 8));
                let put = put(BUSY_TABLE, &[("pk", key), ("filler", Value::B(vec![7; ITEM_BYTES]))]);
                caller.call(0, put).await.unwrap();
            }
            machine.runtime().sleep(Duration::from_secs(10)).await;
            assert!(segment_count() < 24, "{} segments", segment_count());
        })
        .unwrap();
}

/// Items that have long left memory go as soon as those that have not: each has to be read, and several are at a time.
#[test]
fn items_on_the_disk_expire_within_seconds() {
    const ITEM_COUNT: u64 = 3_000;
    const SECONDS: u64 = 20;
    let machine = Machine::new(2);
    let options = EngineOptions { memory_bytes_max: 1 << 20, ..node_options(&["/disk/data"]) };
    with_table(&machine, &options, create_table(IDLE_TABLE, "pk"), async |caller| {
        let until = machine.runtime().wall_clock_ms() / 1_000 - 60;
        let until = Value::N(Number::parse(&until.to_string()).unwrap());
        for number in 0..ITEM_COUNT {
            let filler = Value::B(vec![7; ITEM_BYTES]);
            let key = Value::S(format!("key {number}"));
            let put = put(IDLE_TABLE, &[("pk", key), ("until", until.clone()), ("filler", filler)]);
            caller.call(0, put).await.unwrap();
        }
        caller.call(0, expire(true)).await.unwrap();
        machine.runtime().sleep(Duration::from_secs(SECONDS)).await;
        let expired_count: u64 = caller.metrics().map(|metrics| metrics.expired_count).sum();
        assert_eq!(expired_count, ITEM_COUNT, "after {SECONDS} s");
    });
}
