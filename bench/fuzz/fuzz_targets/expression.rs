//! Any text as a condition, an update and a projection, with values for the placeholders that it mentions, on an item of
//! all types and on none.
//!
//! Holds: nothing panics; a fault is DynamoDB's own ValidationException; what an update or a projection makes is an item;
//! a projection applied to many items does as one applied to each.

#![no_main]

use fuzz::placeholders_of;
use libfuzzer_sys::fuzz_target;
use model::expression::{Condition, ConditionKind, ExpressionRef, Projection, Substitutions, Update};
use model::{Error, ErrorKind, Item, ItemEncoder, ItemRef, Number};
use std::cell::LazyCell;

thread_local! {
    static FOUND: LazyCell<Item> = const { LazyCell::new(found) };
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (names, values) = placeholders_of(text);
    let Ok(substitutions) = Substitutions::new(names.as_deref(), values.as_ref().map(Item::as_ref)) else { return };
    FOUND.with(|found| {
        expect_validation(condition(text, &substitutions, found.as_ref()));
        expect_validation(update(text, &substitutions, found.as_ref()));
        expect_validation(projection(text, &substitutions, found.as_ref()));
    });
});

fn expect_validation(outcome: Result<(), Error>) {
    if let Err(error) = outcome {
        assert_eq!(error.kind, ErrorKind::Validation, "{error:?}");
    }
}

fn condition(text: &str, substitutions: &Substitutions<'_>, found: ItemRef<'_>) -> Result<(), Error> {
    let condition = Condition::parse(ConditionKind::Filter, text)?;
    condition.check(substitutions)?;
    condition.evaluate(substitutions, Some(found));
    condition.evaluate(substitutions, None);
    // The placeholders are those of the text, but some may stand where no word is read.
    substitutions.check_all_used(&[ExpressionRef::Condition(&condition)])
}

fn update(text: &str, substitutions: &Substitutions<'_>, found: ItemRef<'_>) -> Result<(), Error> {
    let update = Update::parse(text)?;
    update.check(substitutions)?;
    let mut encoder = ItemEncoder::new();
    for old in [Some(found), None] {
        update.check_charge(substitutions, old)?;
        if let Some(new) = update.apply(substitutions, old, found, &mut encoder)? {
            verify(&new);
            if let Some(touched) = update.touched(substitutions, new.as_ref(), &mut encoder)? {
                verify(&touched);
            }
        }
    }
    Ok(())
}

fn projection(text: &str, substitutions: &Substitutions<'_>, found: ItemRef<'_>) -> Result<(), Error> {
    let projection = Projection::parse(text)?;
    projection.check(substitutions)?;
    let mut encoder = ItemEncoder::new();
    let projected = projection.apply(substitutions, found, &mut encoder)?;
    verify(&projected);
    assert_eq!(projection.bind(substitutions).apply(found, &mut encoder)?, projected);
    Ok(())
}

fn verify(item: &Item) {
    assert_eq!(Item::verify(item.bytes().clone()).as_ref(), Ok(item));
}

/// Attributes named by single letters, nested in each other.
fn found() -> Item {
    let mut encoder = ItemEncoder::new();
    encoder.begin_item();
    encoder.name("a");
    encoder.begin_map();
    encoder.name("b");
    encoder.begin_list();
    encoder.number(Number::from(1_i64));
    encoder.begin_map();
    encoder.name("c");
    encoder.string("text");
    encoder.end_map();
    encoder.begin_list();
    encoder.end_list();
    encoder.end_list();
    encoder.end_map();
    encoder.name("l");
    encoder.begin_list();
    (0..4_i64).for_each(|number| encoder.number(Number::from(number)));
    encoder.end_list();
    encoder.name("n");
    encoder.number(Number::from(-5_i64));
    encoder.name("p");
    encoder.string("key");
    encoder.name("S");
    encoder.begin_set(model::AttributeType::StringSet);
    encoder.string("1");
    encoder.string("2");
    encoder.end_set();
    encoder.name("x");
    encoder.binary(b"\x01\xff");
    encoder.name("z");
    encoder.null();
    encoder.finish().expect("a small item")
}
