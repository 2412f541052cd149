//! Items whose time is over go, and no others: against the clock, writes in flight, restarts and a changing table.
#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

mod world;

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use model::table::IndexProjection;
use model::{Item, KeyType, TableDefinition, Value};
use partition::{Expired, PartitionOptions};
use runtime::Instant;
use runtime::simulated::{Machine, NodeId};
use world::{NOW_SECOND, Owner, item, key, live, number, options, table, text};

const FIVE_YEARS_SECONDS: u64 = 5 * 365 * 24 * 60 * 60;

fn expiring() -> TableDefinition {
    TableDefinition { time_to_live: Some("until".to_owned()), ..table(&[]) }
}

fn until(sort_key: u64, value: Value) -> Item {
    item("a", sort_key, &[("until", value)])
}

fn set_second(owner: &mut Owner, second: u64) {
    owner.context.now_us = second * 1_000_000;
}

/// Lets items expire until there is nothing more to do. Returns how many did.
async fn expire(owner: &mut Owner) -> usize {
    let mut item_count = 0;
    loop {
        let expired = owner.expire(10).await;
        item_count += expired.item_count;
        owner.settle().await;
        assert!(owner.take_outcomes().is_empty(), "nobody waits for an expiry");
        if !expired.may_be_more {
            return item_count;
        }
    }
}

async fn sort_keys(owner: &mut Owner) -> Vec<u64> {
    let mut found = Vec::new();
    for sort_key in 0..64 {
        if owner.item(&key("a", sort_key)).await.is_some() {
            found.push(sort_key);
        }
    }
    found
}

#[test]
fn what_is_due_goes_and_nothing_else() {
    let machine = Machine::new(1);
    live(&machine, (&expiring(), options()), async |owner| {
        let values = [
            number(NOW_SECOND),
            number(NOW_SECOND + 1),
            number(NOW_SECOND - FIVE_YEARS_SECONDS),
            number(NOW_SECOND - FIVE_YEARS_SECONDS - 1),
            text(&NOW_SECOND.to_string()),
            number("1700000000.5"),
            number(0),
            number(-5),
            number("1E125"),
        ];
        for (sort_key, value) in (0..).zip(values) {
            owner.put(&until(sort_key, value)).await.unwrap();
        }
        owner.put(&key("a", 20)).await.unwrap();
        assert_eq!(expire(owner).await, 3);
        assert_eq!(sort_keys(owner).await, [1, 3, 4, 6, 7, 8, 20]);
        set_second(owner, NOW_SECOND + 1);
        assert_eq!(expire(owner).await, 1);
        assert_eq!(sort_keys(owner).await, [3, 4, 6, 7, 8, 20]);
        assert_eq!(owner.partition.statistics().item_count, 6);
        // The clock goes back: what comes meanwhile is due by the clock all the same.
        set_second(owner, NOW_SECOND - 100);
        owner.put(&until(1, number(NOW_SECOND - 100))).await.unwrap();
        owner.put(&until(2, number(NOW_SECOND - 99))).await.unwrap();
        assert_eq!(expire(owner).await, 1);
        assert_eq!(sort_keys(owner).await, [2, 3, 4, 6, 7, 8, 20]);
    });
    // What went stays away, and what was told stays told.
    live(&machine, (&expiring(), options()), async |owner| {
        assert_eq!(owner.recovered_expiry_count, 5);
        assert_eq!(expire(owner).await, 1, "found again by the pass over all items");
        assert_eq!(sort_keys(owner).await, [3, 4, 6, 7, 8, 20]);
    });
}

#[test]
fn a_write_in_time_keeps_the_item() {
    let machine = Machine::new(2);
    live(&machine, (&expiring(), options()), async |owner| {
        let due = until(1, number(NOW_SECOND));
        owner.put(&due).await.unwrap();
        let later = until(1, number(NOW_SECOND + 60));
        let put = owner.put_of(&later);
        owner.begin(put);
        let expired = owner.expire(10).await;
        assert_eq!(expired.item_count, 0, "decided against what is in flight");
        owner.settle().await;
        assert_eq!(owner.take_outcomes().len(), 1);
        assert_eq!(owner.item(&key("a", 1)).await, Some(later));
        // An expiry in flight, and then a write of an item that is due as well.
        set_second(owner, NOW_SECOND + 60);
        assert_eq!(owner.expire(10).await.item_count, 1);
        let put = owner.put_of(&due);
        owner.begin(put);
        owner.settle().await;
        assert_eq!(owner.take_outcomes().len(), 1);
        assert_eq!(owner.item(&key("a", 1)).await, Some(due));
        assert_eq!(expire(owner).await, 1);
        assert_eq!(owner.item(&key("a", 1)).await, None);
    });
}

#[test]
fn the_delay_keeps_items_for_longer() {
    let machine = Machine::new(3);
    let delayed = PartitionOptions { expiry_delay_ms: 5_000, ..options() };
    live(&machine, (&expiring(), delayed), async |owner| {
        owner.put(&until(1, number(NOW_SECOND))).await.unwrap();
        set_second(owner, NOW_SECOND + 4);
        assert_eq!(expire(owner).await, 0);
        set_second(owner, NOW_SECOND + 5);
        assert_eq!(expire(owner).await, 1);
    });
}

#[test]
fn expiry_begins_and_ends_with_the_tables_setting() {
    let machine = Machine::new(4);
    live(&machine, (&table(&[]), options()), async |owner| {
        for sort_key in 0..40 {
            let others = [("until", number(NOW_SECOND)), ("other", number(NOW_SECOND + sort_key % 2))];
            owner.put(&item("a", sort_key, &others)).await.unwrap();
        }
        assert!(!owner.partition.has_expiry());
        assert_eq!(owner.expire(10).await, Expired::default());
        let by = |attribute: Option<&str>| {
            Arc::new(TableDefinition { time_to_live: attribute.map(str::to_owned), ..table(&[]) })
        };
        owner.partition.set_definition(by(Some("other")), Instant::default());
        let expired = owner.expire(10).await;
        assert_eq!(expired, Expired { item_count: 10, may_be_more: true }, "no more than asked for at once");
        owner.settle().await;
        owner.partition.set_definition(by(None), Instant::default());
        assert_eq!(expire(owner).await, 0);
        assert_eq!(owner.partition.statistics().item_count, 30);
        owner.partition.set_definition(by(Some("other")), Instant::default());
        assert_eq!(expire(owner).await, 10);
        assert_eq!(sort_keys(owner).await, (0..40).filter(|number| number % 2 == 1).collect::<Vec<u64>>());
        owner.partition.set_definition(by(Some("until")), Instant::default());
        assert_eq!(expire(owner).await, 20);
    });
}

/// Writes at random while time goes on: at each moment no item is there whose time was over before, whatever was
/// written while expiries were in flight. Indexes and collections follow.
#[test]
fn at_any_time_what_is_there_is_not_over() {
    for seed in 0..8 {
        println!("seed {seed}");
        let machine = Machine::new(seed);
        let mut random = Rng::with_seed(seed);
        let index = ("by-until", "until", KeyType::Number, IndexProjection::All);
        let definition = TableDefinition { time_to_live: Some("until".to_owned()), ..table(&[index]) };
        let mut second = NOW_SECOND;
        for _ in 0..2 {
            live(&machine, (&definition, options()), async |owner| {
                for _ in 0..400 {
                    second += random.u64(0..3);
                    set_second(owner, second);
                    for _ in 0..random.usize(0..6) {
                        let at = random.u64(0..64);
                        let operation = match random.u8(0..4) {
                            0 => owner.delete_of(&key("a", at)),
                            _ => owner.put_of(&until(at, number(second - 3 + random.u64(0..10)))),
                        };
                        owner.begin(operation);
                        owner.expire(random.usize(1..4)).await;
                    }
                    owner.settle().await;
                    owner.take_outcomes();
                    expire(owner).await;
                    let mut item_count = 0;
                    for sort_key in 0..64 {
                        let Some(item) = owner.item(&key("a", sort_key)).await else { continue };
                        item_count += 1;
                        let until = item.to_value_map()["until"].clone();
                        let Value::N(until) = until else { panic!("{until:?}") };
                        assert!(until.to_i64().unwrap() > i64::try_from(second).unwrap(), "{until} at {second}");
                    }
                    let statistics = owner.partition.statistics();
                    assert_eq!(
                        (statistics.item_count, statistics.local_indexes[0].item_count),
                        (item_count, item_count)
                    );
                }
            });
        }
    }
}

/// A write that was decided before expiry was switched on knows nothing of it, and is applied when the pass over all items may be over.
#[test]
fn an_item_that_was_in_flight_when_expiry_began_goes() {
    let machine = Machine::new(1);
    live(&machine, (&table(&[]), options()), async |owner| {
        owner.put(&until(1, number(NOW_SECOND))).await.unwrap();
        let written = owner.put_of(&until(2, number(NOW_SECOND)));
        owner.begin(written);
        owner.partition.set_definition(Arc::new(expiring()), Instant::default());
        owner.expire(10).await;
        owner.settle().await;
        owner.take_outcomes();
        expire(owner).await;
        assert!(sort_keys(owner).await.is_empty());
    });
}

/// What a checkpoint names stays until one that does not name it is durable.
#[test]
fn files_of_due_times_stay_while_the_newest_checkpoint_names_them() {
    let machine = Machine::new(1);
    live(&machine, (&expiring(), options()), async |owner| {
        owner.put(&until(1, number(NOW_SECOND + 1))).await.unwrap();
        let flushed = owner.partition.begin_flush().unwrap().run(&owner.storage).await.unwrap();
        owner.partition.finish_flush(flushed);
        owner.partition.advance_files(&owner.journal);
        let named = owner.journal.appended();
        owner.partition.set_definition(Arc::new(table(&[])), Instant::default());
        while owner.journal.durable() < named {
            owner.storage.runtime.sleep(Duration::from_millis(1)).await;
        }
        owner.partition.apply_durable(&owner.journal, &mut owner.context);
        for file in owner.partition.take_removable_files() {
            owner.storage.remove(file).await;
        }
    });
    live(&machine, (&table(&[]), options()), async |owner| {
        assert!(owner.item(&key("a", 1)).await.is_some());
    });
}

#[test]
fn a_start_that_ends_early_leaves_files_of_due_times_that_are_not_wanted_any_more() {
    let machine = Machine::new(1);
    live(&machine, (&expiring(), options()), async |owner| {
        owner.put(&until(1, number(NOW_SECOND + 1))).await.unwrap();
        owner.flush().await;
    });
    machine.run(async { Owner::open(&machine, &table(&[]), options()).await.flush_count }).unwrap();
    machine.kill(NodeId(0));
    machine.restart();
    live(&machine, (&table(&[]), options()), async |owner| {
        assert!(owner.item(&key("a", 1)).await.is_some());
    });
}
