//! What one turn of an operation looks at is bounded, and it goes on in the next: behind deletions that lie side by side, however many, and with filters
//! that take long.
#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

mod world;

use model::operation::{Attributes, Query, QueryRange, Reply, Scan};
use model::{Item, KeyRange, TableDefinition, ValueRef};
use partition::{Answer, Operation, QueryWork, ScanStretch};
use runtime::simulated::Machine;
use std::sync::Arc;
use world::{NOW_SECOND, Owner, item, key, live, number, options, table, text};

/// More than one turn looks at.
const DELETED_COUNT: u64 = 5_000;
/// Writes in flight at one time.
const IN_FLIGHT_COUNT: usize = 500;

/// Does all of these; others have been done before.
async fn do_all(owner: &mut Owner, operations: Vec<Operation>) {
    for (number, operation) in (1..).zip(operations) {
        owner.begin(operation);
        if number % IN_FLIGHT_COUNT == 0 {
            owner.settle().await;
        }
    }
    owner.settle().await;
    assert!(owner.take_outcomes().iter().all(|(_, outcome)| outcome.is_ok()));
}

async fn put_all(owner: &mut Owner, items: impl Iterator<Item = Item>) {
    let operations = items.map(|item| owner.put_of(&item)).collect();
    do_all(owner, operations).await;
}

async fn delete_all(owner: &mut Owner, keys: impl Iterator<Item = Item>) {
    let operations = keys.map(|key| owner.delete_of(&key)).collect();
    do_all(owner, operations).await;
}

async fn query(owner: &mut Owner, is_forward: bool) -> Vec<Item> {
    let schema = &owner.partition.table().key_schema;
    let keys = KeyRange::of_partition_key(schema, ValueRef::S("a")).unwrap();
    let request = Query { scan_index_forward: is_forward, ..Query::default() };
    let work = QueryWork::new(QueryRange { index: None, keys }, request);
    match owner.call(Operation::Query(Box::new(work))).await {
        Ok(Answer::Reply(Reply::Query(page))) => page.items.unwrap(),
        other => panic!("{other:?}"),
    }
}

fn scan_of(request: &Arc<Scan>) -> Operation {
    let (page, lower) = (request.page(), bytes::Bytes::new());
    let request = Arc::clone(request);
    Operation::Scan(Box::new(ScanStretch { request, index: None, lower, upper: None, page, progress: None }))
}

async fn scan(owner: &mut Owner) -> Vec<Item> {
    let request = Arc::new(Scan::default());
    match owner.call(scan_of(&request)).await {
        Ok(Answer::Scan(part)) => request.reply(owner.partition.table(), None, part.page, None).items.unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_lies_behind_them_is_found() {
    let machine = Machine::new(1);
    live(&machine, (&table(&[]), options()), async |owner| {
        put_all(owner, (0..DELETED_COUNT + 2).map(|number| key("a", number))).await;
        owner.flush().await;
        delete_all(owner, (1..=DELETED_COUNT).map(|number| key("a", number))).await;
        let left = [key("a", 0), key("a", DELETED_COUNT + 1)];
        for _ in ["deletions in memory", "in files"] {
            assert_eq!(query(owner, true).await, left);
            assert_eq!(query(owner, false).await, [left[1].clone(), left[0].clone()]);
            assert_eq!(scan(owner).await, left);
            owner.flush().await;
        }
    });
}

#[test]
fn what_expires_behind_them_goes() {
    let machine = Machine::new(1);
    let definition = TableDefinition { time_to_live: Some("until".to_owned()), ..table(&[]) };
    let until = |sort_key, second| item("a", sort_key, &[("until", number(second))]);
    live(&machine, (&definition, options()), async |owner| {
        put_all(owner, (0..DELETED_COUNT).map(|number| until(number, NOW_SECOND + 1))).await;
        delete_all(owner, (0..DELETED_COUNT).map(|number| key("a", number))).await;
        put_all(owner, [until(DELETED_COUNT, NOW_SECOND + 2)].into_iter()).await;
    });
    live(&machine, (&definition, options()), async |owner| {
        owner.context.now_us = (NOW_SECOND + 3) * 1_000_000;
        let mut item_count = 0;
        loop {
            let expired = owner.expire(10).await;
            item_count += expired.item_count;
            owner.settle().await;
            if !expired.may_be_more {
                break;
            }
        }
        assert_eq!(item_count, 1);
    });
}

#[test]
fn a_filter_that_takes_long_is_evaluated_over_several_turns() {
    let machine = Machine::new(1);
    live(&machine, (&table(&[]), options()), async |owner| {
        put_all(owner, (0..1_000).map(|number| key("a", number))).await;
        let values = Item::from_value_map(&[(":v".to_owned(), text("b"))].into()).unwrap();
        let filter = |operand_count| Scan {
            filter_expression: Some(format!("p IN ({})", vec![":v"; operand_count].join(", ")).as_str().into()),
            expression_attribute_values: Attributes::Valid(values.clone()),
            ..Scan::default()
        };
        for (operand_count, is_answered_at_once) in [(1, true), (100, false)] {
            owner.begin(scan_of(&Arc::new(filter(operand_count))));
            assert_eq!(owner.take_outcomes().len(), usize::from(is_answered_at_once), "{operand_count} operands");
            owner.settle().await;
            assert_eq!(owner.take_outcomes().len(), usize::from(!is_answered_at_once), "{operand_count} operands");
        }
    });
}
