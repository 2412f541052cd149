//! When answers are released: none that tells of a write before that write is durable.
#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

mod world;

use model::operation::{Attributes, Choice, ConditionalWrite, PutItem, Reply, ReturnValues, UpdateItem};
use model::{Error, ErrorKind, Item, Text, Value};
use partition::{Answer, Operation, Outcome};
use runtime::simulated::Machine;
use world::{Owner, item, key, live, number, options, table, text};

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

/// A put that wants nothing to be there.
fn put_if_absent(owner: &Owner, item: &Item) -> Operation {
    let condition = ConditionalWrite {
        condition_expression: Some(Text::from("attribute_not_exists(p)")),
        ..ConditionalWrite::default()
    };
    let put = PutItem {
        table_name: Some(Text::from("things")),
        item: Attributes::Valid(item.clone()),
        conditional: Some(Box::new(condition)),
        ..PutItem::default()
    };
    Operation::PutItem(owner.key_of(item), put)
}

/// An update that adds to `n` of the item with key `a`, 1.
fn add(owner: &Owner, value: Value) -> Operation {
    let values = Item::from_value_map(&[(":more".to_owned(), value)].into()).unwrap();
    let update = UpdateItem {
        table_name: Some(Text::from("things")),
        key: Attributes::Valid(key("a", 1)),
        update_expression: Some(Text::from("SET n = n + :more")),
        return_values: Choice::Known(ReturnValues::AllNew),
        conditional: ConditionalWrite {
            expression_attribute_values: Attributes::Valid(values),
            ..ConditionalWrite::default()
        },
        ..UpdateItem::default()
    };
    Operation::UpdateItem(owner.key_of(&key("a", 1)), Box::new(update))
}

fn refusal(outcome: &Outcome) -> &Error {
    outcome.as_ref().expect_err("it is refused")
}

#[test]
fn decisions_see_what_is_in_flight_and_refusals_wait_for_it() {
    let machine = Machine::new(2);
    live(&machine, (&table(&[]), options()), async |owner| {
        let thing = item("a", 1, &[("n", number(1))]);
        let operations = [
            put_if_absent(owner, &thing),
            put_if_absent(owner, &thing),
            add(owner, number(5)),
            add(owner, text("five")),
            add(owner, number(7)),
        ];
        let begun: Vec<u64> = operations.into_iter().map(|operation| owner.begin(operation)).collect();
        assert!(owner.take_outcomes().is_empty(), "each tells of the first put");
        owner.settle().await;
        let outcomes = owner.take_outcomes();
        assert_eq!(outcomes.iter().map(|(number, _)| *number).collect::<Vec<_>>(), begun);
        assert!(outcomes[0].1.is_ok());
        assert_eq!(refusal(&outcomes[1].1).kind, ErrorKind::ConditionalCheckFailed);
        assert_eq!(refusal(&outcomes[3].1).kind, ErrorKind::Validation);
        for (number_of, expected) in [(2, 6), (4, 13)] {
            let Ok(Answer::Reply(Reply::UpdateItem(reply))) = &outcomes[number_of].1 else { panic!("{outcomes:?}") };
            assert_eq!(reply.attributes, Some(item("a", 1, &[("n", number(expected))])));
        }
        // Nothing is in flight: refused at once.
        let put = put_if_absent(owner, &thing);
        let refused = owner.begin(put);
        assert_eq!(answered(owner), [refused]);
        assert_eq!(owner.item(&key("a", 1)).await, Some(item("a", 1, &[("n", number(13))])));
    });
}
