//! What a table's settings do to its items on a whole node of two cores: items expire, throughput is held to.
#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

use std::time::Duration;

use model::operation::{
    AttributeDefinitionParameter, Attributes, BatchGetItem, BatchWriteItem, Choice, CreateTable, GetItem, KeyRole,
    KeySchemaElement, KeysAndAttributes, PutItem, Reply, Request, Scan, ThroughputParameter, TimeToLiveSpecification,
    UpdateTable, UpdateTimeToLive, WriteRequest,
};
use model::table::BillingMode;
use model::{Error, ErrorDetail, ErrorKind, Item, KeyType, Number, Text, Value};
use runtime::simulated::{Machine, MachineOptions};
use sim::{Caller, Node, node_options};

const TABLE: &str = "things";

fn machine(seed: u64) -> Machine {
    Machine::with(MachineOptions { core_count: 2, ..MachineOptions::new(seed) })
}

/// Starts the node, does `work` on it, and cuts the power.
fn live<T>(machine: &Machine, work: impl AsyncFnOnce(&Caller) -> T) -> T {
    let options = node_options(&["/disk-0/data"]);
    let node = Node::start(machine, &options);
    let result = machine.run(async {
        node.opened().await.unwrap();
        work(&node.caller()).await
    });
    machine.cut_power();
    machine.restart();
    result.unwrap()
}

fn name() -> Option<Text> {
    Some(Text::from(TABLE))
}

async fn create(caller: &Caller, units: Option<(i64, i64)>) {
    let definition = AttributeDefinitionParameter {
        attribute_name: Some(Text::from("pk")),
        attribute_type: Choice::Known(KeyType::Number),
    };
    let key = KeySchemaElement { attribute_name: Some(Text::from("pk")), key_type: Choice::Known(KeyRole::Hash) };
    let billing_mode = if units.is_some() { BillingMode::Provisioned } else { BillingMode::PayPerRequest };
    let create = CreateTable {
        table_name: name(),
        attribute_definitions: Some(vec![definition]),
        key_schema: Some(vec![key]),
        billing_mode: Choice::Known(billing_mode),
        provisioned_throughput: units.map(throughput),
        ..CreateTable::default()
    };
    caller.call(0, Request::CreateTable(Box::new(create))).await.unwrap();
}

fn throughput((read, write): (i64, i64)) -> ThroughputParameter {
    ThroughputParameter { read_capacity_units: Some(read), write_capacity_units: Some(write) }
}

async fn expire(caller: &Caller, is_enabled: bool) {
    let specification =
        TimeToLiveSpecification { enabled: Some(is_enabled), attribute_name: Some(Text::from("until")) };
    let update = UpdateTimeToLive { table_name: name(), time_to_live_specification: Some(specification) };
    caller.call(1, Request::UpdateTimeToLive(update)).await.unwrap();
}

fn number(value: u64) -> Value {
    Value::N(Number::parse(&value.to_string()).unwrap())
}

fn item(key: u64, until: Option<u64>) -> Attributes {
    let mut attributes = std::collections::BTreeMap::from([("pk".to_owned(), number(key))]);
    attributes.extend(until.map(|until| ("until".to_owned(), number(until))));
    Attributes::Valid(Item::from_value_map(&attributes).unwrap())
}

async fn put(caller: &Caller, key: u64, until: Option<u64>) {
    let put = PutItem { table_name: name(), item: item(key, until), ..PutItem::default() };
    caller.call(usize::from(key.is_multiple_of(2)), Request::PutItem(put)).await.unwrap();
}

async fn item_count(caller: &Caller) -> u64 {
    match caller.call(0, Request::Scan(Box::new(Scan { table_name: name(), ..Scan::default() }))).await {
        Ok(Reply::Scan(page)) => page.count,
        other => panic!("{other:?}"),
    }
}

#[test]
fn items_go_within_seconds_of_their_time_and_stay_away() {
    const COUNT: u64 = 400;
    let machine = machine(1);
    let second = || machine.runtime().wall_clock_ms() / 1_000;
    let wait = async |seconds| machine.runtime().sleep(Duration::from_secs(seconds)).await;
    live(&machine, async |caller| {
        create(caller, None).await;
        for key in 0..COUNT {
            put(caller, key, Some(second() + 5 * (key % 2))).await;
        }
        put(caller, COUNT, None).await;
        wait(20).await;
        assert_eq!(item_count(caller).await, COUNT + 1, "expiry is not switched on");
        expire(caller, true).await;
        wait(3).await;
        assert_eq!(item_count(caller).await, 1);
        let until = second() + 10;
        for key in 0..COUNT {
            put(caller, key, Some(until)).await;
        }
        wait(5).await;
        assert_eq!(item_count(caller).await, COUNT + 1);
        // Some are rescued.
        for key in 0..10 {
            put(caller, key, None).await;
        }
        wait(8).await;
        assert_eq!(item_count(caller).await, 11);
        for key in 0..COUNT {
            put(caller, key, Some(second() + 5)).await;
        }
    });
    live(&machine, async |caller| {
        assert_eq!(item_count(caller).await, COUNT + 1);
        wait(10).await;
        assert_eq!(item_count(caller).await, 1);
        put(caller, 1, Some(second() + 2)).await;
        expire(caller, false).await;
        wait(10).await;
        assert_eq!(item_count(caller).await, 2);
    });
}

fn is_write_throttled(error: &Error) -> bool {
    let Some(ErrorDetail::ThrottlingReasons(reasons)) = error.detail.as_deref() else { return false };
    error.kind == ErrorKind::ProvisionedThroughputExceeded
        && reasons[0].reason == "TableWriteProvisionedThroughputExceeded"
}

fn write_batch(keys: std::ops::Range<u64>) -> Request {
    let writes = keys.map(|key| WriteRequest::Put(item(key, None))).collect();
    Request::BatchWriteItem(BatchWriteItem {
        request_items: Some(vec![(Text::from(TABLE), writes)]),
        ..BatchWriteItem::default()
    })
}

fn read_batch(keys: std::ops::Range<u64>) -> Request {
    let keys = Some(keys.map(|key| item(key, None)).collect());
    let asked = KeysAndAttributes { keys, consistent_read: true, ..KeysAndAttributes::default() };
    let request_items = Some(vec![(Text::from(TABLE), asked)]);
    Request::BatchGetItem(BatchGetItem { request_items, ..BatchGetItem::default() })
}

#[test]
fn throughput_is_held_to_and_batches_hand_back_the_rest() {
    let machine = machine(2);
    live(&machine, async |caller| {
        create(caller, Some((1, 1))).await;
        // 300 units of burst, half of them in each partition; a batch goes to both.
        let (mut written, mut was_partial) = (0, false);
        let error = loop {
            match caller.call(0, write_batch(0..25)).await {
                Ok(Reply::BatchWriteItem(reply)) => {
                    let rest: usize = reply.unprocessed_items.iter().map(|(_, writes)| writes.len()).sum();
                    was_partial |= rest > 0;
                    written += 25 - rest;
                }
                Ok(other) => panic!("{other:?}"),
                Err(error) => break error,
            }
        };
        assert!(is_write_throttled(&error), "{error:?}");
        assert!(was_partial && (300..=304).contains(&written), "{written} written");
        let (mut read, mut was_partial) = (0, false);
        let error = loop {
            match caller.call(1, read_batch(0..20)).await {
                Ok(Reply::BatchGetItem(reply)) => {
                    let rest: usize = reply.unprocessed_keys.iter().map(|(_, asked)| asked.keys().len()).sum();
                    let found: usize = reply.responses.iter().map(|(_, items)| items.len()).sum();
                    assert_eq!(found + rest, 20);
                    was_partial |= rest > 0;
                    read += found;
                }
                Ok(other) => panic!("{other:?}"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind, ErrorKind::ProvisionedThroughputExceeded, "{error:?}");
        assert!(was_partial && (300..=304).contains(&read), "{read} read");
        let get = GetItem { table_name: name(), key: item(1, None), ..GetItem::default() };
        let scan = Scan { table_name: name(), ..Scan::default() };
        for request in [Request::GetItem(get), Request::Scan(Box::new(scan))] {
            let error = caller.call(0, request).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::ProvisionedThroughputExceeded, "{error:?}");
        }
        let raise = UpdateTable {
            table_name: name(),
            provisioned_throughput: Some(throughput((1_000, 1_000))),
            ..UpdateTable::default()
        };
        caller.call(0, Request::UpdateTable(Box::new(raise))).await.unwrap();
        machine.runtime().sleep(Duration::from_secs(1)).await;
        for _ in 0..10 {
            caller.call(1, write_batch(0..25)).await.unwrap();
            let Ok(Reply::BatchGetItem(reply)) = caller.call(0, read_batch(0..20)).await else { panic!("a batch") };
            assert!(reply.unprocessed_keys.is_empty());
        }
    });
}
