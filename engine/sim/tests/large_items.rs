//! Items of the greatest size that DynamoDB allows, in the forms that take the most room where they are stored.

#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

use engine::EngineOptions;
use model::limits::ITEM_SIZE_BYTES_MAX;
use model::operation::{Attributes, GetItem, PutItem, Reply, Request};
use model::{Error, ErrorKind, Item, Text, Value};
use runtime::simulated::{Machine, NodeId};
use sim::{Caller, Node, create_table, item_of, node_options};
use std::collections::BTreeSet;

const TABLE: &str = "things";

fn options() -> EngineOptions {
    EngineOptions { segment_bytes: 8 << 20, ..node_options(&["/disk/data"]) }
}

/// The largest item that has so many elements of one kind.
fn largest(key: &str, elements: impl Fn(usize) -> Value) -> Item {
    let item = |count| item_of(&[("pk", Value::S(key.to_owned())), ("l", elements(count))]);
    let (mut fits, mut too_many) = (1, ITEM_SIZE_BYTES_MAX + 1);
    while too_many - fits > 1 {
        let middle = fits.midpoint(too_many);
        if item(middle).as_ref().size_bytes() <= ITEM_SIZE_BYTES_MAX { fits = middle } else { too_many = middle }
    }
    item(fits)
}

fn items() -> Vec<Item> {
    let empty = |count| Value::L(vec![Value::S(String::new()); count]);
    let short = |count| Value::L(vec![Value::S("a".to_owned()); count]);
    let flags = |count| Value::L(vec![Value::Bool(true); count]);
    let lists = |count| Value::L(vec![Value::L(Vec::new()); count]);
    let members = |count| Value::Ss((0..count).map(|number| format!("{number:x}")).collect::<BTreeSet<_>>());
    vec![
        largest("empty", empty),
        largest("short", short),
        largest("flags", flags),
        largest("lists", lists),
        largest("members", members),
    ]
}

async fn put(caller: &Caller, item: &Item) -> Result<Reply, Error> {
    let item = Attributes::Valid(item.clone());
    let put = PutItem { table_name: Some(Text::from(TABLE)), item, ..PutItem::default() };
    caller.call(0, Request::PutItem(put)).await
}

async fn get(caller: &Caller, item: &Item) -> Option<Item> {
    let key = item.to_value_map()["pk"].clone();
    let key = Attributes::Valid(item_of(&[("pk", key)]));
    let get = GetItem { table_name: Some(Text::from(TABLE)), key, consistent_read: true, ..GetItem::default() };
    match caller.call(0, Request::GetItem(get)).await {
        Ok(Reply::GetItem(reply)) => reply.item,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_largest_items_are_stored_and_read_back() {
    let machine = Machine::new(1);
    let items = items();
    let node = Node::start(&machine, &options());
    machine
        .run(async {
            node.opened().await.unwrap();
            let caller = node.caller();
            caller.call(0, create_table(TABLE, "pk")).await.unwrap();
            for item in &items {
                put(&caller, item).await.unwrap();
                assert!(get(&caller, item).await.as_ref() == Some(item));
            }
            let larger = largest("empty", |count| Value::L(vec![Value::S(String::new()); count]));
            let mut larger = larger.to_value_map();
            larger.insert("one more".to_owned(), Value::Bool(true));
            let refused = put(&caller, &Item::from_value_map(&larger).unwrap()).await.unwrap_err();
            assert_eq!(refused.kind, ErrorKind::Validation, "{refused}");
        })
        .unwrap();
    machine.kill(NodeId(0));
    machine.restart();
    let node = Node::start(&machine, &options());
    machine
        .run(async {
            node.opened().await.unwrap();
            for item in &items {
                assert!(get(&node.caller(), item).await.as_ref() == Some(item));
            }
        })
        .unwrap();
}
