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
    });
}

/// What a read has found, with its number.
fn item_of((number, outcome): (u64, Outcome)) -> (u64, Option<Item>) {
    match outcome {
        Ok(Answer::Reply(Reply::GetItem(reply))) => (number, reply.item),
        other => panic!("{other:?}"),
    }
}
