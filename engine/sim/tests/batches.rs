//! BatchGetItem and BatchWriteItem on a whole node of two cores: what is refused as a whole, what is handed back.
#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

use engine::EngineOptions;
use model::operation::{
    AttributeSelection, Attributes, BatchGetItem, BatchGetItemReply, BatchWriteItem, KeysAndAttributes, PutItem, Reply,
    Request, WriteRequest,
};
use model::{Error, Text, Value};
use runtime::simulated::{Machine, MachineOptions};
use sim::{Caller, create_table, item_of, node_options, with_table};

const TABLE: &str = "things";

/// Does `work` on a node that has the table.
fn live(seed: u64, work: impl AsyncFnOnce(&Caller)) {
    let machine = Machine::with(MachineOptions { core_count: 2, ..MachineOptions::new(seed) });
    // Segments that hold several of the largest items.
    let options = EngineOptions { segment_bytes: 4 << 20, ..node_options(&["/disk-0/data"]) };
    with_table(&machine, &options, create_table(TABLE, "pk"), work);
}

/// The table by its name, and again by its ARN.
fn names() -> [Text; 2] {
    [Text::from(TABLE), Text::from(format!("arn:aws:dynamodb:us-east-1:123456789012:table/{TABLE}").as_str())]
}

fn key(number: usize) -> Attributes {
    Attributes::Valid(item_of(&[("pk", Value::S(format!("key {number}")))]))
}

fn keys(numbers: &[usize]) -> KeysAndAttributes {
    let keys = Some(numbers.iter().copied().map(key).collect());
    KeysAndAttributes { keys, consistent_read: true, ..KeysAndAttributes::default() }
}

fn read(tables: Vec<(Text, KeysAndAttributes)>) -> Request {
    Request::BatchGetItem(BatchGetItem { request_items: Some(tables), ..BatchGetItem::default() })
}

fn write(tables: Vec<(Text, Vec<WriteRequest>)>) -> Request {
    Request::BatchWriteItem(BatchWriteItem { request_items: Some(tables), ..BatchWriteItem::default() })
}

async fn batch_get(caller: &Caller, tables: Vec<(Text, KeysAndAttributes)>) -> BatchGetItemReply {
    match caller.call(1, read(tables)).await {
        Ok(Reply::BatchGetItem(reply)) => reply,
        other => panic!("{other:?}"),
    }
}

fn item_counts(reply: &BatchGetItemReply) -> Vec<usize> {
    reply.responses.iter().map(|(_, items)| items.len()).collect()
}

#[test]
fn a_table_may_be_named_in_two_ways_but_no_item_twice() {
    let reads = |by: [&[usize]; 2]| names().into_iter().zip(by.map(keys)).collect();
    let puts = |numbers: &[usize]| numbers.iter().map(|number| WriteRequest::Put(key(*number))).collect();
    let writes = |by: [&[usize]; 2]| names().into_iter().zip(by.map(puts)).collect();
    live(1, async |caller| {
        for request in [write(writes([&[1, 2], &[3, 1]])), read(reads([&[1, 2], &[3, 1]]))] {
            let error = caller.call(0, request).await.unwrap_err();
            assert_eq!(error, Error::validation("Provided list of item keys contains duplicates"));
        }
        let reply = batch_get(caller, reads([&[1, 2], &[3]])).await;
        assert_eq!(item_counts(&reply), [0, 0], "nothing of it was written");
        caller.call(0, write(writes([&[1, 2], &[3, 4, 5]]))).await.unwrap();
        let reply = batch_get(caller, reads([&[5, 1, 2], &[3, 4]])).await;
        assert_eq!(item_counts(&reply), [3, 2], "each under the name that it was asked for by");
    });
}

#[test]
fn what_one_reply_may_not_hold_is_handed_back() {
    const COUNT: usize = 45;
    // Of items of 400,000 bytes 16 MiB hold 41.
    const FIT_COUNT: usize = 41;
    let all: Vec<usize> = (0..COUNT).collect();
    let ask = |wanted: KeysAndAttributes| vec![(Text::from(TABLE), wanted)];
    live(2, async |caller| {
        for number in 0..COUNT {
            let filler = ("filler", Value::B(vec![7; 399_980]));
            let item = Attributes::Valid(item_of(&[("pk", Value::S(format!("key {number}"))), filler]));
            let put = PutItem { table_name: Some(Text::from(TABLE)), item, ..PutItem::default() };
            caller.call(0, Request::PutItem(put)).await.unwrap();
        }
        let reply = batch_get(caller, ask(keys(&all))).await;
        assert_eq!(item_counts(&reply), [FIT_COUNT]);
        let [(table, rest)] = reply.unprocessed_keys.as_slice() else { panic!("{:?}", reply.unprocessed_keys) };
        assert_eq!((table.as_str(), rest.keys().len(), rest.consistent_read), (TABLE, COUNT - FIT_COUNT, true));
        let reply = batch_get(caller, reply.unprocessed_keys.clone()).await;
        assert_eq!((item_counts(&reply), reply.unprocessed_keys), (vec![COUNT - FIT_COUNT], vec![]));
        // DynamoDB: API reference: the limit is one of the reply's size.
        let selection = AttributeSelection { projection_expression: Some(Text::from("pk")), ..Default::default() };
        let wanted = KeysAndAttributes { selection: Some(Box::new(selection)), ..keys(&all) };
        let reply = batch_get(caller, ask(wanted)).await;
        assert_eq!((item_counts(&reply), reply.unprocessed_keys), (vec![COUNT], vec![]));
    });
}
