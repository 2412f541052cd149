//! Item collections are counted exactly, writes in flight included, and do not grow beyond their limit.
#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

mod world;

use model::operation::{Attributes, Choice, DeleteItem, PutItem, Reply, ReturnItemCollectionMetrics};
use model::table::IndexProjection;
use model::{Error, ErrorKind, Item, KeyType, TableDefinition, Text, Value};
use partition::{Answer, Operation, PartitionOptions};
use runtime::simulated::Machine;
use world::{Owner, item, key, live, options, table, text};

/// What one of the items below adds: itself, 1,000 bytes, and its entry, as much again.
const SHARE_BYTES: u64 = 2_000;

fn indexed() -> TableDefinition {
    table(&[("by-x", "x", KeyType::String, IndexProjection::All)])
}

fn limited() -> PartitionOptions {
    PartitionOptions { collection_bytes_max: 5 * SHARE_BYTES, ..options() }
}

fn large(partition_key: &str, sort_key: u64) -> Item {
    let with = |filler| item(partition_key, sort_key, &[("x", text("x")), ("filler", Value::B(vec![1; filler]))]);
    let rest = 1_000 - with(0).as_ref().size_bytes();
    with(rest)
}

fn is_too_large(result: Result<Answer, Error>) -> bool {
    match result {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error.kind, ErrorKind::ItemCollectionSizeLimitExceeded, "{error}");
            true
        }
    }
}

#[test]
fn a_collection_grows_to_its_limit_and_no_further() {
    let machine = Machine::new(1);
    live(&machine, (&indexed(), limited()), async |owner| {
        for sort_key in 1..=5 {
            owner.put(&large("a", sort_key)).await.unwrap();
        }
        assert!(is_too_large(owner.put(&key("a", 6)).await));
        assert!(!is_too_large(owner.put(&large("b", 1)).await), "another collection");
        assert!(!is_too_large(owner.put(&large("a", 5)).await), "it does not grow");
    });
    live(&machine, (&indexed(), limited()), async |owner| {
        assert!(is_too_large(owner.put(&key("a", 6)).await), "it is there again");
        owner.flush().await;
    });
    live(&machine, (&indexed(), limited()), async |owner| {
        assert!(is_too_large(owner.put(&key("a", 6)).await), "it is in a file");
        owner.delete(&key("a", 1)).await.unwrap();
        assert!(!is_too_large(owner.put(&key("a", 6)).await));
        assert!(is_too_large(owner.put(&large("a", 1)).await));
        owner.delete(&key("a", 6)).await.unwrap();
        assert!(!is_too_large(owner.put(&large("a", 1)).await));
        owner.flush().await;
        assert!(is_too_large(owner.put(&key("a", 6)).await), "the newest file counts");
    });
}

#[test]
fn writes_in_flight_count_and_refusals_wait_for_them() {
    let machine = Machine::new(2);
    live(&machine, (&indexed(), limited()), async |owner| {
        for sort_key in 1..=6 {
            let put = owner.put_of(&large("a", sort_key));
            owner.begin(put);
        }
        assert!(owner.take_outcomes().is_empty(), "the refusal tells of writes that are not durable yet");
        owner.settle().await;
        let outcomes = owner.take_outcomes();
        assert_eq!(outcomes.len(), 6);
        let refused: Vec<u64> = outcomes
            .into_iter()
            .filter(|(_, outcome)| is_too_large(outcome.clone()))
            .map(|(number, _)| number)
            .collect();
        assert_eq!(refused, [6]);
    });
}

/// A delete of nothing told how large the collection is with a write that a crash could still take back.
#[test]
fn what_is_told_of_a_collection_waits_for_its_writes() {
    let machine = Machine::new(5);
    live(&machine, (&indexed(), options()), async |owner| {
        let delete = |owner: &Owner| {
            let delete = DeleteItem {
                table_name: Some(Text::from("things")),
                key: Attributes::Valid(key("a", 9)),
                return_item_collection_metrics: Choice::Known(ReturnItemCollectionMetrics::Size),
                ..DeleteItem::default()
            };
            Operation::DeleteItem(owner.key_of(&key("a", 9)), delete)
        };
        let put = owner.put_of(&large("a", 1));
        let asked = delete(owner);
        let begun = [owner.begin(put), owner.begin(asked)];
        assert!(owner.take_outcomes().is_empty(), "the put is in flight");
        owner.settle().await;
        let told: Vec<u64> = owner.take_outcomes().into_iter().map(|(number, _)| number).collect();
        assert_eq!(told, begun);
        let asked = delete(owner);
        let asked = owner.begin(asked);
        assert_eq!(owner.take_outcomes()[0].0, asked, "nothing is in flight");
    });
}

#[test]
fn a_collection_that_is_gone_begins_anew() {
    let machine = Machine::new(7);
    let fill = async |owner: &mut Owner| {
        for sort_key in 1..=5 {
            assert!(!is_too_large(owner.put(&large("a", sort_key)).await), "{sort_key}");
        }
        assert!(is_too_large(owner.put(&key("a", 6)).await));
    };
    live(&machine, (&indexed(), limited()), async |owner| {
        fill(owner).await;
        owner.flush().await;
        for sort_key in 1..=5 {
            owner.delete(&key("a", sort_key)).await.unwrap();
        }
        owner.flush().await;
    });
    live(&machine, (&indexed(), limited()), async |owner| fill(owner).await);
}

/// Each took 32 bytes for as long as it was there: ten million of them more than many a machine has.
#[test]
fn collections_in_files_take_no_memory_each() {
    let memory_bytes = |seed, count: usize| {
        let machine = Machine::new(seed);
        live(&machine, (&indexed(), options()), async |owner| {
            for number in 0..count {
                owner.put(&key(&number.to_string(), 1)).await.unwrap();
            }
            owner.flush().await;
            owner.partition.fixed_memory_bytes()
        })
    };
    let grown_bytes = memory_bytes(6, 5_000) - memory_bytes(6, 1_000);
    assert!(grown_bytes < 4 * 4_000, "{grown_bytes} bytes");
}

#[test]
fn tables_without_local_indexes_have_no_collections() {
    let machine = Machine::new(3);
    live(&machine, (&table(&[]), limited()), async |owner| {
        for sort_key in 0..20 {
            assert_eq!(metrics(owner, &large("a", sort_key)).await, None);
        }
    });
    let machine = Machine::new(4);
    live(&machine, (&indexed(), limited()), async |owner| {
        let expected = Item::from_value_map(&[("p".to_owned(), text("a"))].into()).unwrap();
        assert_eq!(metrics(owner, &large("a", 1)).await, Some((expected, [0, 1])));
    });
}

/// What a put tells of the collection.
async fn metrics(owner: &mut Owner, item: &Item) -> Option<(Item, [u32; 2])> {
    let put = PutItem {
        table_name: Some(Text::from("things")),
        item: Attributes::Valid(item.clone()),
        return_item_collection_metrics: Choice::Known(ReturnItemCollectionMetrics::Size),
        ..PutItem::default()
    };
    let operation = Operation::PutItem(owner.key_of(item), put);
    match owner.call(operation).await {
        Ok(Answer::Reply(Reply::PutItem(reply))) => {
            reply.item_collection_metrics.map(|metrics| (metrics.item_collection_key, metrics.size_estimate_range_gb))
        }
        other => panic!("{other:?}"),
    }
}
