//! Point reads over many runs of files: the newest version of a key is found whichever run has it, and what none has is not found.
#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

mod world;

use model::Item;
use model::operation::{GetItem, Reply};
use partition::{Answer, Operation, Outcome};
use runtime::simulated::Machine;
use std::collections::BTreeMap;
use world::{item, key, live, number, options, table};

/// Items of each flush: more runs than are looked into together.
const FLUSHES: [u64; 17] = [216, 216, 36, 36, 36, 36, 36, 6, 6, 6, 6, 6, 1, 1, 1, 1, 1];

#[test]
fn a_key_is_found_in_whichever_of_many_runs_its_newest_version_is() {
    live(&Machine::new(1), (&table(&[]), options()), async |owner| {
        let mut written = BTreeMap::new();
        for (flush, count) in (0_u64..).zip(FLUSHES) {
            // Some keys of older runs, and some that are new.
            for at in (0..count).map(|at| 2 * (at * (flush + 1) + flush * 20)) {
                owner.begin(owner.put_of(&item("a", at, &[("flush", number(flush))])));
                written.insert(at, flush);
            }
            owner.flush().await;
            assert!(owner.take_outcomes().iter().all(|(_, outcome)| outcome.is_ok()));
        }
        assert_eq!((owner.flush_count, owner.merge_count), (FLUSHES.len(), 0));
        assert!((0..17).all(|flush| written.values().any(|of| *of == flush)), "each run has a key");
        let keys = 0..=written.keys().last().unwrap() + 2;
        for at in keys.clone() {
            owner.begin(Operation::GetItem(owner.key_of(&key("a", at)), GetItem::default()));
        }
        owner.settle().await;
        let found: BTreeMap<u64, Option<Item>> = owner.take_outcomes().into_iter().map(item_of).collect();
        assert_eq!(found.len(), keys.clone().count());
        for (at, found) in keys.zip(found.into_values()) {
            let expected = written.get(&at).map(|flush| item("a", at, &[("flush", number(*flush))]));
            assert_eq!(found, expected, "key {at}");
        }
        // Every page is in memory now. So many runs are passed ahead, and no more.
        let absent = Operation::GetItem(owner.key_of(&key("a", 1)), GetItem::default());
        assert_eq!(owner.foreseen(&absent).map(|found| (found.passed_count(), found.has_block())), Some((16, false)));
    });
}

#[test]
fn what_was_foreseen_before_files_changed_or_of_another_key_does_no_harm() {
    live(&Machine::new(2), (&table(&[]), options()), async |owner| {
        let put = |owner: &mut world::Owner, at: u64, version: u64| {
            owner.begin(owner.put_of(&item("a", at, &[("version", number(version))])));
        };
        (0..200).for_each(|at| put(owner, at, 1));
        owner.flush().await;
        let get = |owner: &world::Owner, at| Operation::GetItem(owner.key_of(&key("a", at)), GetItem::default());
        let nothing_there = owner.foreseen(&get(owner, 500)).expect("there are files");
        // Index page and block are brought, so that the next look ahead comes to the block.
        owner.begin(get(owner, 7));
        owner.settle().await;
        let of_eight = owner.foreseen(&get(owner, 8)).expect("8 is not in the cache");
        let told = [&nothing_there, &of_eight].map(|foreseen| (foreseen.passed_count(), foreseen.has_block()));
        assert_eq!(told, [(1, false), (0, true)]);
        put(owner, 8, 2);
        put(owner, 500, 2);
        owner.flush().await;
        owner.take_outcomes();
        let still_nothing = owner.foreseen(&get(owner, 600)).expect("there are files");
        let cases = [(8, &of_eight, 2), (500, &nothing_there, 2), (9, &of_eight, 1), (10, &still_nothing, 1)];
        for (at, foreseen, version) in cases {
            owner.begin_foreseen(get(owner, at), Some(foreseen.clone()));
            owner.settle().await;
            let found = owner.take_outcomes().into_iter().map(item_of).next().expect("it is answered").1;
            assert_eq!(found, Some(item("a", at, &[("version", number(version))])), "key {at}");
        }
    });
}

/// What a read has found, with its number.
fn item_of((number, outcome): (u64, Outcome)) -> (u64, Option<Item>) {
    match outcome {
        Ok(Answer::Reply(Reply::GetItem(reply))) => (number, reply.item),
        other => panic!("{other:?}"),
    }
}
