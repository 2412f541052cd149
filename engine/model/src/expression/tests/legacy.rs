//! Conditions and updates of the parameters from before expressions.

use super::notation::{item, map};
use crate::expression::{
    Comparator, ConditionBuilder, Join, KeyConditionBuilder, Projection, Substitutions, UpdateBuilder,
};
use crate::{Error, Item, ItemEncoder, ItemRef, KeyAttribute, KeySchema, KeyType, Value};
use std::collections::BTreeMap;

const ITEM: &str = r#"pk: "k", n: 5, s: "hello", l: [1, 2], ss: <"a", "b">, #x: 1, a.b: 2"#;

/// Of an item, the conditions that `build` makes, with the values under their names.
fn holds(join: Join, build: impl Fn(&mut ConditionBuilder, ItemRef<'_>)) -> bool {
    let values = item(r#"five: 5, six: 6, hello: "hello", he: "he", one: 1, a: "a", l: [1, 2]"#);
    let mut builder = ConditionBuilder::new();
    build(&mut builder, values.as_ref());
    let bound = builder.finish(join).unwrap().unwrap();
    let found = item(ITEM);
    bound.condition().evaluate(&bound.substitutions(), Some(found.as_ref()))
}

#[test]
fn every_operator_holds_as_it_says() {
    type Build = fn(&mut ConditionBuilder, ItemRef<'_>);
    let cases: [(Build, bool); 22] = [
        (|builder, values| builder.compare("n", Comparator::Equal, values.attribute("five").unwrap()), true),
        (|builder, values| builder.compare("n", Comparator::NotEqual, values.attribute("five").unwrap()), false),
        (|builder, values| builder.compare("x", Comparator::NotEqual, values.attribute("five").unwrap()), true),
        (|builder, values| builder.compare("n", Comparator::Less, values.attribute("six").unwrap()), true),
        (|builder, values| builder.compare("n", Comparator::GreaterOrEqual, values.attribute("six").unwrap()), false),
        (|builder, values| builder.compare("l", Comparator::Equal, values.attribute("l").unwrap()), true),
        (|builder, values| builder.compare("#x", Comparator::Equal, values.attribute("one").unwrap()), true),
        (|builder, _| builder.exists("a.b"), true),
        (|builder, _| builder.exists("x"), false),
        (|builder, _| builder.not_exists("x"), true),
        (|builder, _| builder.not_exists("n"), false),
        (|builder, values| builder.contains("s", values.attribute("he").unwrap()), true),
        (|builder, values| builder.contains("ss", values.attribute("a").unwrap()), true),
        (|builder, values| builder.contains("l", values.attribute("one").unwrap()), true),
        (|builder, values| builder.not_contains("l", values.attribute("one").unwrap()), false),
        (|builder, values| builder.not_contains("l", values.attribute("six").unwrap()), true),
        (|builder, values| builder.not_contains("x", values.attribute("six").unwrap()), false),
        (|builder, values| builder.begins_with("s", values.attribute("he").unwrap()), true),
        (|builder, values| builder.begins_with("n", values.attribute("he").unwrap()), false),
        (|builder, values| builder.is_in("n", values.attributes().map(|(_, value)| value)), true),
        (|builder, values| builder.is_in("l", [values.attribute("five").unwrap()]), false),
        (
            |builder, values| {
                builder.between("n", values.attribute("five").unwrap(), values.attribute("six").unwrap());
            },
            true,
        ),
    ];
    for (position, (build, expected)) in cases.into_iter().enumerate() {
        assert_eq!(holds(Join::All, build), expected, "case {position}");
        assert_eq!(holds(Join::Any, build), expected, "case {position}");
    }
}

#[test]
fn tests_are_joined_however_many_they_are() {
    let build = |failing: usize, count: usize| {
        move |builder: &mut ConditionBuilder, _: ItemRef<'_>| {
            (0..count).for_each(|test| if test < failing { builder.exists("x") } else { builder.exists("n") });
        }
    };
    for count in [1, 2, 3, 5, 100, 40_001] {
        assert!(holds(Join::All, build(0, count)) && holds(Join::Any, build(0, count)));
        assert!(!holds(Join::All, build(1, count)));
        assert_eq!(holds(Join::Any, build(1, count)), count > 1);
        assert!(!holds(Join::Any, build(count, count)));
    }
    assert!(ConditionBuilder::new().finish(Join::All).unwrap().is_none());
}

fn updated(
    build: impl Fn(&mut UpdateBuilder, ItemRef<'_>),
    old: Option<&str>,
) -> Result<Option<BTreeMap<String, Value>>, Error> {
    let values = item(r#"three: 3, s: "new", l: [3], ss: <"b", "c">, all: <"a", "b">"#);
    let mut builder = UpdateBuilder::new();
    build(&mut builder, values.as_ref());
    let bound = builder.finish()?;
    let (old, key) = (old.map(item), item(r#"pk: "k""#));
    bound.update().check_charge(&bound.substitutions(), old.as_ref().map(Item::as_ref))?;
    let old = old.as_ref().map(Item::as_ref);
    let new = bound.update().apply(&bound.substitutions(), old, key.as_ref(), &mut ItemEncoder::new())?;
    Ok(new.map(|new| new.to_value_map()))
}

#[test]
fn actions_change_whole_attributes() {
    let all = |builder: &mut UpdateBuilder, values: ItemRef<'_>| {
        builder.put("s", values.attribute("s").unwrap());
        builder.put("a.b", values.attribute("s").unwrap());
        builder.add("n", values.attribute("three").unwrap());
        builder.add("l", values.attribute("l").unwrap());
        builder.delete("ss", values.attribute("ss").unwrap());
        builder.remove("#x");
    };
    let expected = r#"pk: "k", n: 8, s: "new", l: [1, 2, 3], ss: <"a">, a.b: "new""#;
    assert_eq!(updated(all, Some(ITEM)), Ok(Some(map(expected))));
    let expected = r#"pk: "k", n: 3, s: "new", l: [3], a.b: "new""#;
    assert_eq!(updated(all, None), Ok(Some(map(expected))));
    let delete = |builder: &mut UpdateBuilder, values: ItemRef<'_>| {
        builder.delete("ss", values.attribute("all").unwrap());
    };
    assert_eq!(updated(delete, Some(r#"ss: <"a">, b: 1"#)), Ok(Some(map("b: 1"))));
    assert_eq!(updated(delete, None), Ok(None));
    assert_eq!(updated(|_, _| {}, None), Ok(Some(map(r#"pk: "k""#))));
    let mismatch = |builder: &mut UpdateBuilder, values: ItemRef<'_>| {
        builder.add("s", values.attribute("three").unwrap());
    };
    assert_eq!(updated(mismatch, Some(ITEM)).unwrap_err().message, "Type mismatch for attribute to update");
}

#[test]
fn key_conditions_are_of_one_or_two_tests_that_ranges_answer() {
    let values = item(r#"p: "k", s: "a", t: "b""#);
    let value = |name: &str| values.as_ref().attribute(name).unwrap();
    let attribute = |name: &str| KeyAttribute { name: name.to_owned(), key_type: KeyType::String };
    let schema = KeySchema { partition_key: attribute("pk"), sort_key: Some(attribute("sk")) };
    let mut builder = KeyConditionBuilder::new();
    builder.compare("pk", Comparator::Equal, value("p"));
    builder.between("sk", value("s"), value("t"));
    let range = builder.finish().unwrap().bind(&schema).unwrap();
    for (sort, is_within) in [("Z", false), ("a", true), ("b", true), ("ba", false)] {
        let mut encoded = Vec::new();
        schema.encode_key(item(&format!(r#"pk: "k", sk: "{sort}""#)).as_ref(), &mut encoded).unwrap();
        assert_eq!(range.contains(&encoded), is_within, "{sort}");
    }
    let mut builder = KeyConditionBuilder::new();
    builder.compare("pk", Comparator::NotEqual, value("p"));
    assert_eq!(builder.finish().unwrap_err().message, "Attempted conditional constraint is not an indexable operation");
    for count in [0, 3] {
        let mut builder = KeyConditionBuilder::new();
        (0..count).for_each(|_| builder.begins_with("sk", value("s")));
        assert_eq!(builder.finish().unwrap_err().message, "Conditions can be of length 1 or 2 only");
    }
}

#[test]
fn attributes_to_get_are_names_and_not_paths() {
    let projection = Projection::of_attributes(["a.b", "#x", "missing"]);
    let substitutions = Substitutions::new(None, None).unwrap();
    let projected = projection.apply(&substitutions, item(ITEM).as_ref(), &mut ItemEncoder::new()).unwrap();
    assert_eq!(projected.to_value_map(), map("#x: 1, a.b: 2"));
}
