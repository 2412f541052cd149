//! The oracle: expressions and items by chance, evaluated a second time on trees of values, as plainly as can be.

use super::naive::{self, Fault};
use super::random::{Generator, Rendered};
use crate::expression::{Condition, ConditionKind, ExpressionRef, Projection, Substitutions, Update};
use crate::{Item, ItemEncoder, Value};
use std::collections::BTreeMap;

/// Pairs of an expression and an item that are compared, of each kind.
const PAIR_COUNT: usize = 100_000;
/// Items for each expression.
const ITEM_COUNT: usize = 10;

fn encode(map: &BTreeMap<String, Value>) -> Item {
    Item::from_value_map(map).unwrap()
}

/// An expression with its placeholders; runs `compare` with what they stand for.
fn with_substitutions<T>(rendered: &Rendered, compare: impl FnOnce(&Substitutions<'_>) -> T) -> T {
    let names = (!rendered.names.is_empty()).then_some(rendered.names.as_slice());
    let values = (!rendered.values.is_empty()).then(|| encode(&rendered.values));
    let substitutions = Substitutions::new(names, values.as_ref().map(Item::as_ref)).unwrap();
    compare(&substitutions)
}

#[test]
fn conditions_hold_as_on_trees() {
    let seed = 0x5eed_0101;
    println!("seed {seed:#x}");
    let mut generator = Generator::new(seed);
    let (mut pair_count, mut held_count) = (0, 0);
    while pair_count < PAIR_COUNT {
        let (condition, rendered) = generator.condition();
        let parsed = Condition::parse(ConditionKind::Filter, &rendered.text).unwrap();
        with_substitutions(&rendered, |substitutions| {
            // Some have operands that are refused whatever the item.
            if parsed.check(substitutions).is_err() {
                return;
            }
            substitutions.check_all_used(&[ExpressionRef::Condition(&parsed)]).unwrap();
            for _ in 0..ITEM_COUNT {
                let item = generator.item();
                let encoded = encode(&item);
                let expected = naive::holds(&condition, &item);
                let found = parsed.evaluate(substitutions, Some(encoded.as_ref()));
                assert_eq!(found, expected, "{rendered:?} on {item:?}");
                pair_count += 1;
                held_count += usize::from(found);
            }
        });
    }
    assert!((pair_count / 5..pair_count * 4 / 5).contains(&held_count), "{held_count} of {pair_count} held");
}

#[test]
fn projections_give_what_they_give_of_trees() {
    let seed = 0x5eed_0102;
    println!("seed {seed:#x}");
    let mut generator = Generator::new(seed);
    let mut encoder = ItemEncoder::new();
    let (mut pair_count, mut full_count) = (0, 0);
    while pair_count < PAIR_COUNT {
        let (paths, rendered) = generator.projection();
        let parsed = Projection::parse(&rendered.text).unwrap();
        with_substitutions(&rendered, |substitutions| {
            let outcome = parsed.check(substitutions);
            assert_eq!(outcome.is_err(), naive::clash(&paths), "{rendered:?}: {outcome:?}");
            if outcome.is_err() {
                return;
            }
            let bound = parsed.bind(substitutions);
            for _ in 0..ITEM_COUNT {
                let item = generator.item();
                let encoded = encode(&item);
                let expected = naive::project(&paths, &item);
                let found = parsed.apply(substitutions, encoded.as_ref(), &mut encoder).unwrap();
                assert_eq!(found, encode(&expected), "{rendered:?} of {item:?}");
                assert_eq!(bound.apply(encoded.as_ref(), &mut encoder).unwrap(), found);
                pair_count += 1;
                full_count += usize::from(!expected.is_empty());
            }
        });
    }
    assert!(full_count > pair_count / 3, "{full_count} of {pair_count} found anything");
}

#[test]
fn updates_make_what_they_make_of_trees() {
    let seed = 0x5eed_0103;
    println!("seed {seed:#x}");
    let mut generator = Generator::new(seed);
    let mut encoder = ItemEncoder::new();
    let key = BTreeMap::from([("pk".to_owned(), Value::from("k"))]);
    let (mut pair_count, mut done_count) = (0, 0);
    while pair_count < PAIR_COUNT {
        let (actions, rendered) = generator.update();
        let parsed = Update::parse(&rendered.text).unwrap();
        with_substitutions(&rendered, |substitutions| {
            if parsed.check(substitutions).is_err() {
                return;
            }
            for round in 0..ITEM_COUNT {
                let old = (round > 0).then(|| generator.item());
                let encoded = old.as_ref().map(encode);
                let expected = naive::update(&actions, old.as_ref(), &key);
                let old_ref = encoded.as_ref().map(Item::as_ref);
                let found = parsed.apply(substitutions, old_ref, encode(&key).as_ref(), &mut encoder);
                match (expected, found) {
                    (Ok(expected), Ok(found)) => {
                        assert_eq!(found, expected.as_ref().map(encode), "{rendered:?} on {old:?}");
                        if let (Some(new), Some(found)) = (&expected, &found) {
                            let paths: Vec<_> = actions.iter().map(|action| action.path().clone()).collect();
                            let touched = parsed.touched(substitutions, found.as_ref(), &mut encoder).unwrap();
                            let fragment = naive::project(&paths, new);
                            assert_eq!(touched, (!fragment.is_empty()).then(|| encode(&fragment)), "{rendered:?}");
                        }
                        done_count += 1;
                    }
                    (Err(faults), Err(error)) => {
                        let texts: Vec<&str> = faults.iter().map(Fault::text).collect();
                        assert!(texts.contains(&&*error.message), "{rendered:?} on {old:?}: {error}, not {texts:?}");
                    }
                    (expected, found) => panic!("{rendered:?} on {old:?}: {found:?}, not {expected:?}"),
                }
                pair_count += 1;
            }
        });
    }
    assert!(done_count > pair_count / 5, "{done_count} of {pair_count} were done");
}
