//! When answers are released: none that tells of a write before that write is durable.
#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

mod world;

use model::operation::Reply;
use partition::{Answer, Outcome};
use runtime::simulated::Machine;
use world::{Owner, item, key, live, number, options, table};

fn removed(outcome: &Outcome) -> Option<model::Item> {
    match outcome {
        Ok(Answer::Reply(Reply::DeleteItem(reply))) => reply.attributes.clone(),
        other => panic!("{other:?}"),
    }
}

/// The numbers of the operations that are answered by now.
fn answered(owner: &mut Owner) -> Vec<u64> {
    owner.take_outcomes().into_iter().map(|(number, _)| number).collect()
}

#[test]
fn a_delete_of_what_is_being_deleted_waits_for_that() {
    let machine = Machine::new(1);
    live(&machine, (&table(&[]), options()), async |owner| {
        let thing = item("a", 1, &[("n", number(1))]);
        owner.put(&thing).await.unwrap();
        let delete = |owner: &Owner| owner.delete_of(&key("a", 1));
        let (first, second) = (delete(owner), delete(owner));
        let first = owner.begin(first);
        let second = owner.begin(second);
        let other = owner.delete_of(&key("a", 2));
        let other = owner.begin(other);
        assert_eq!(answered(owner), [other], "nothing of that key is on its way");
        owner.settle().await;
        let outcomes = owner.take_outcomes();
        let numbers: Vec<u64> = outcomes.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [first, second]);
        assert_eq!((removed(&outcomes[0].1), removed(&outcomes[1].1)), (Some(thing), None));
        let third = delete(owner);
        let third = owner.begin(third);
        assert_eq!(answered(owner), [third], "it is durable that nothing is there");
    });
}

#[test]
fn what_was_not_durable_was_not_answered() {
    for seed in 0..20 {
        let machine = Machine::new(seed);
        let is_gone = live(&machine, (&table(&[]), options()), async |owner| {
            owner.put(&key("a", 1)).await.unwrap();
            for _ in 0..2 {
                let delete = owner.delete_of(&key("a", 1));
                owner.begin(delete);
            }
            owner.partition.collect(&owner.journal);
            machine.runtime().sleep(std::time::Duration::from_micros(seed * 20)).await;
            owner.partition.apply_durable(&owner.journal, &mut owner.context);
            !answered(owner).is_empty()
        });
        live(&machine, (&table(&[]), options()), async |owner| {
            let found = owner.item(&key("a", 1)).await;
            assert!(!is_gone || found.is_none(), "seed {seed}: the delete was answered");
        });
    }
}
