//! Expiry comes and goes on a whole node.

#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

use engine::EngineOptions;
use model::operation::{Attributes, PutItem, Request, TimeToLiveSpecification, UpdateTimeToLive};
use model::{Text, Value};
use runtime::simulated::Machine;
use sim::{Node, create_table, item_of, node_options};
use std::time::Duration;

const IDLE_TABLE: &str = "idle";
const BUSY_TABLE: &str = "busy";
const SEGMENT_BYTES: u64 = 256 << 10;
/// Segments that the busy table's puts would fill if none were used again.
const FILLED_COUNT: u64 = 64;
const ITEM_BYTES: usize = 4_000;

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
                let item = item_of(&[("pk", key), ("filler", Value::B(vec![7; ITEM_BYTES]))]);
                let item = Attributes::Valid(item);
                let put = PutItem { table_name: Some(Text::from(BUSY_TABLE)), item, ..PutItem::default() };
                caller.call(0, Request::PutItem(put)).await.unwrap();
            }
            machine.runtime().sleep(Duration::from_secs(10)).await;
            assert!(segment_count() < 24, "{} segments", segment_count());
        })
        .unwrap();
}
