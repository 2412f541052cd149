//! Flushes, merges, cleaning and checkpoints with the power cut at their writes: nothing acknowledged is lost, nothing deleted comes back.
#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

mod world;

use fastrand::Rng;
use model::table::IndexProjection;
use model::{Item, Value};
use model::{KeyType, TableDefinition};
use partition::{Cleaning, CleaningWork};
use runtime::simulated::{Fault, FileOperation, Machine};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use world::{Owner, item, key, live, live_until_cut, number, options, table, text};

const KEY_COUNT: u64 = 40;
/// Workloads, each with cuts of its own.
const WORKLOAD_COUNT: u64 = 50;
/// Cuts of one workload.
const CUT_COUNT: u64 = 8;

/// What has to be there: acknowledged, or perhaps there because it was under way.
#[derive(Default)]
struct Oracle {
    items: BTreeMap<u64, Item>,
    under_way: Option<(u64, Option<Item>)>,
}

fn definition() -> TableDefinition {
    table(&[("by-x", "x", KeyType::String, IndexProjection::KeysOnly)])
}

/// Attributes before those of the key, so many that the change has the key beside the item.
const MANY_ATTRIBUTES: usize = 260;

/// Small ones go into the files, larger ones stay in the journal.
fn random_item(random: &mut Rng, at: u64) -> Item {
    if random.u8(..16) == 0 {
        let names: Vec<String> = (0..MANY_ATTRIBUTES).map(|place| format!("#{place:03}")).collect();
        let mut others: Vec<_> = names.iter().map(|name| (name.as_str(), number(at))).collect();
        others.push(("x", text("m")));
        return item("a", at, &others);
    }
    let length = if random.bool() { random.usize(1..60) } else { random.usize(300..3_000) };
    let filler: String = (0..length).map(|_| random.alphanumeric()).collect();
    item(
        "a",
        at,
        &[("filler", text(&filler)), ("x", text(&random.u8(b'a'..=b'z').to_string())), ("n", number(random.u32(..)))],
    )
}

async fn write_at_random(owner: &mut Owner, random: &mut Rng, oracle: &RefCell<Oracle>, count: usize) {
    for _ in 0..count {
        let at = random.u64(..KEY_COUNT);
        let new = (random.u8(..4) > 0).then(|| random_item(random, at));
        oracle.borrow_mut().under_way = Some((at, new.clone()));
        match &new {
            Some(item) => owner.put(item).await.unwrap(),
            None => owner.delete(&key("a", at)).await.unwrap(),
        };
        let mut oracle = oracle.borrow_mut();
        oracle.under_way = None;
        match new {
            Some(item) => oracle.items.insert(at, item),
            None => oracle.items.remove(&at),
        };
    }
}

/// Everything is as acknowledged; what was under way is there wholly or not at all, and then for good.
async fn check(owner: &mut Owner, oracle: &RefCell<Oracle>) {
    let under_way = oracle.borrow().under_way.clone();
    if let Some((at, new)) = under_way {
        let found = owner.item(&key("a", at)).await;
        let mut oracle = oracle.borrow_mut();
        oracle.under_way = None;
        assert!(found == new || found.as_ref() == oracle.items.get(&at), "key {at}");
        match found {
            Some(item) => oracle.items.insert(at, item),
            None => oracle.items.remove(&at),
        };
    }
    for at in 0..KEY_COUNT {
        let found = owner.item(&key("a", at)).await;
        assert_eq!(found.as_ref(), oracle.borrow().items.get(&at), "key {at}");
    }
    let statistics = owner.partition.statistics();
    let oracle = oracle.borrow();
    let size_bytes: usize = oracle.items.values().map(|item| item.as_ref().size_bytes()).sum();
    assert_eq!((statistics.item_count, statistics.size_bytes), (oracle.items.len() as u64, size_bytes as u64));
    assert_eq!(statistics.local_indexes[0].item_count, statistics.item_count);
}

/// How many write boundaries a life of that workload has.
fn boundaries_of(seed: u64) -> u64 {
    let machine = Machine::new(seed);
    let oracle = RefCell::new(Oracle::default());
    let before = machine.boundary_count();
    let mut random = Rng::with_seed(seed);
    assert!(live_until_cut(&machine, (&definition(), options()), async |owner| {
        write_at_random(owner, &mut random, &oracle, 300).await;
    }));
    machine.boundary_count() - before
}

#[test]
fn nothing_is_lost_and_nothing_comes_back_wherever_the_power_is_cut() {
    let (mut most_flushes, mut most_cleanings) = (0, 0);
    for seed in 0..WORKLOAD_COUNT {
        println!("seed {seed}");
        let boundary_count = boundaries_of(seed);
        for cut in 0..CUT_COUNT {
            let machine = Machine::new(seed);
            let oracle = RefCell::new(Oracle::default());
            let mut random = Rng::with_seed(seed);
            machine.cut_power_at(machine.boundary_count() + boundary_count * (cut + 1) / (CUT_COUNT + 1) + seed % 7);
            live_until_cut(&machine, (&definition(), options()), async |owner| {
                for _ in 0..300 {
                    write_at_random(owner, &mut random, &oracle, 1).await;
                    most_flushes = most_flushes.max(owner.flush_count);
                    most_cleanings = most_cleanings.max(owner.cleaning_count);
                }
            });
            machine.cut_power();
            machine.restart();
            // A second life, and in it a cut that may hit the opening.
            machine.cut_power_at(machine.boundary_count() + random.u64(1..boundary_count));
            live_until_cut(&machine, (&definition(), options()), async |owner| {
                check(owner, &oracle).await;
                write_at_random(owner, &mut random, &oracle, 300).await;
                check(owner, &oracle).await;
            });
            machine.cut_power();
            machine.restart();
            live(&machine, (&definition(), options()), async |owner| check(owner, &oracle).await);
        }
    }
    assert!(most_flushes > 10 && most_cleanings > 3, "{most_flushes} flushes, {most_cleanings} cleanings");
}

#[test]
fn what_is_flushed_is_read_from_files_and_the_log_is_short() {
    let machine = Machine::new(1);
    let oracle = RefCell::new(Oracle::default());
    let mut random = Rng::with_seed(1);
    for life in 0..4 {
        live(&machine, (&definition(), options()), async |owner| {
            check(owner, &oracle).await;
            write_at_random(owner, &mut random, &oracle, 1_500).await;
            check(owner, &oracle).await;
            owner.store().await;
            owner.store().await;
            check(owner, &oracle).await;
            let segment_count = owner.journal.usage().len();
            assert!(segment_count <= 8, "life {life}: {segment_count} segments");
            assert!(owner.merge_count > 3 && owner.cleaning_count > 3, "{} merges", owner.merge_count);
        });
    }
}

#[test]
fn items_of_many_small_values_need_as_much_of_the_journal_as_they_are_stored_in() {
    live(&Machine::new(1), (&table(&[]), options()), async |owner| {
        for at in 0..60 {
            let numbers = (0..300).map(|place| number(place % 10)).collect();
            owner.put(&item("a", at, &[("numbers", Value::L(numbers))])).await.unwrap();
        }
        owner.store().await;
        let stored_bytes: u64 = owner.journal.usage().iter().map(|usage| usage.live_bytes).sum();
        let (live_bytes, size_bytes) = (owner.partition.live_bytes().stored, owner.partition.statistics().size_bytes);
        assert!(stored_bytes > size_bytes, "{stored_bytes} stored, {size_bytes} counted");
        assert!((stored_bytes * 9 / 10..=stored_bytes).contains(&live_bytes), "{live_bytes} of {stored_bytes}");
    });
}

#[test]
fn nothing_is_looked_for_in_files_that_hold_each_key_once() {
    live(&Machine::new(1), (&table(&[]), options()), async |owner| {
        let large = |at: u64, letter: &str| item("a", at, &[("filler", text(&letter.repeat(1_000)))]);
        for at in 0..3 {
            owner.put(&large(at, "x")).await.unwrap();
        }
        owner.flush().await;
        for at in 0..3 {
            owner.put(&large(at, "y")).await.unwrap();
        }
        assert_eq!(owner.partition.superseded_count(), 0, "what is superseded is in memory or the only run");
        owner.flush().await;
        assert_eq!(owner.partition.superseded_count(), 3);
        owner.clean(&Rc::default()).await;
        assert_eq!(owner.partition.superseded_count(), 0);
    });
}

#[test]
fn what_a_run_above_hides_is_not_moved() {
    const ITEM_COUNT: u64 = 60;
    const KEPT_COUNT: u64 = 5;
    live(&Machine::new(1), (&table(&[]), options()), async |owner| {
        let large = |at: u64, letter: &str| item("a", at, &[("filler", text(&letter.repeat(4_000)))]);
        let mut oracle = BTreeMap::new();
        // At once, so that each letter comes to one run.
        for at in 0..ITEM_COUNT {
            owner.begin(owner.put_of(&large(at, "x")));
            oracle.insert(at, large(at, "x"));
        }
        owner.flush().await;
        let victims_end = owner.journal.last_segment().unwrap();
        for at in KEPT_COUNT..ITEM_COUNT {
            owner.begin(owner.put_of(&large(at, "y")));
            oracle.insert(at, large(at, "y"));
        }
        owner.begin(owner.delete_of(&key("a", 0)));
        oracle.remove(&0);
        owner.flush().await;
        owner.take_outcomes();
        owner.journal.set_replay_start(owner.partition.floor().unwrap());
        let usage = owner.journal.usage().into_iter();
        let victims = usage.filter(|usage| !usage.is_visited && usage.segment < victims_end);
        let victims: Rc<BTreeSet<_>> = Rc::new(victims.map(|usage| usage.segment).collect());
        assert!(!victims.is_empty());
        let before = owner.journal.appended();
        owner.clean(&victims).await;
        // What was kept, the group's state, and the checkpoint.
        assert_eq!(owner.journal.appended().0 - before.0, KEPT_COUNT - 1 + 2);
        assert!(owner.journal.usage().iter().all(|usage| !victims.contains(&usage.segment)), "they are empty");
        for at in 0..ITEM_COUNT {
            assert_eq!(owner.item(&key("a", at)).await, oracle.get(&at).cloned(), "key {at}");
        }
    });
}

#[test]
fn records_that_cannot_be_read_together_are_moved_one_by_one() {
    let mut moved_count = 0;
    for nth in 0..12 {
        let machine = Machine::new(2);
        live(&machine, (&table(&[]), options()), async |owner| {
            for at in 0..80 {
                owner.begin(owner.put_of(&item("a", at, &[("filler", text(&"x".repeat(4_000)))])));
            }
            owner.flush().await;
            owner.take_outcomes();
            owner.journal.set_replay_start(owner.partition.floor().unwrap());
            let usage = owner.journal.usage().into_iter().filter(|usage| !usage.is_visited);
            let cleaning = Cleaning::Empty(Rc::new(usage.map(|usage| usage.segment).collect()));
            let CleaningWork::Merge(work) = owner.partition.take_cleaning_work(&cleaning, machine.runtime().now())
            else {
                panic!("there are segments before the log")
            };
            machine.disk().arm(Fault::Error, FileOperation::Read, nth);
            let merged = work.run(&owner.storage).await;
            if machine.disk().armed_count() == 0 {
                // A block of a file that cannot be read ends it.
                moved_count += usize::from(merged.is_ok());
            }
        });
    }
    assert!(moved_count > 0, "no stretch was hit");
}

/// Bytes that the journal takes for superseded, over all segments.
fn superseded_bytes(owner: &Owner) -> u64 {
    owner.journal.usage().iter().map(|usage| usage.superseded_bytes).sum()
}

#[test]
fn what_is_overwritten_in_a_file_is_known_to_be_superseded_before_a_merge_comes_to_it() {
    live(&Machine::new(1), (&table(&[]), options()), async |owner| {
        let large = |at: u64, letter: &str| item("a", at, &[("filler", text(&letter.repeat(1_000)))]);
        // Few enough that nothing is flushed but where it says so.
        for at in 0..2 {
            owner.put(&large(at, "x")).await.unwrap();
        }
        owner.store().await;
        assert_eq!(superseded_bytes(owner), 0);
        owner.put(&large(0, "y")).await.unwrap();
        let one = superseded_bytes(owner);
        assert!((1_000..1_300).contains(&one), "{one} bytes: overwritten unread");
        owner.item(&key("a", 1)).await.unwrap();
        owner.put(&large(1, "y")).await.unwrap();
        assert_eq!(superseded_bytes(owner), 2 * one, "overwritten out of the cache");
        owner.put(&large(1, "z")).await.unwrap();
        assert_eq!(superseded_bytes(owner), 2 * one, "that one is in no file");
        owner.store().await;
        let everything = Rc::new(owner.journal.usage().iter().map(|usage| usage.segment).collect());
        owner.clean(&everything).await;
        assert_eq!(superseded_bytes(owner), 0, "the merge has come to them");
    });
}
