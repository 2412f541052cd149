//! Random trees of values: all types, deep and wide ones, names and texts with more than ASCII.

use super::{item, nested, number};
use crate::number::Number;
use crate::value::Value;
use std::collections::BTreeMap;

const CHARACTERS: [&str; 10] = ["a", "b", "Z", "0", "\0", "\u{7f}", "é", "\u{ffff}", "中", "🦀"];

/// A random item: mostly small, some above 255 bytes and 64 KiB, some as deep as can be.
pub(super) fn random_item(chance: &mut fastrand::Rng) -> BTreeMap<String, Value> {
    let mut map = random_map(chance, 4);
    match chance.u8(0..40) {
        0 => {
            map.insert("long".to_owned(), "x".repeat(chance.usize(60_000..70_000)).into());
        }
        1 => {
            map.extend(item([("deep", nested(31, "leaf".into()))]));
        }
        2 => {
            let list = (0..chance.i64(200..600)).map(Value::from).collect();
            map.insert("wide".to_owned(), Value::L(list));
        }
        _ => {}
    }
    map
}

/// How many levels a value takes.
pub(super) fn depth(value: &Value) -> usize {
    1 + match value {
        Value::M(map) => map.values().map(depth).max().unwrap_or(0),
        Value::L(list) => list.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn random_map(chance: &mut fastrand::Rng, levels: usize) -> BTreeMap<String, Value> {
    (0..chance.usize(0..6)).map(|_| (random_name(chance), random_value(chance, levels))).collect()
}

fn random_value(chance: &mut fastrand::Rng, levels: usize) -> Value {
    let set_size = chance.usize(1..5);
    match chance.u8(0..if levels == 0 { 8 } else { 10 }) {
        0 => random_text(chance).into(),
        1 => random_number(chance).into(),
        2 => random_bytes(chance).into(),
        3 => chance.bool().into(),
        4 => Value::Null,
        5 => Value::Ss((0..set_size).map(|_| random_text(chance)).collect()),
        6 => Value::Ns((0..set_size).map(|_| random_number(chance)).collect()),
        7 => Value::Bs((0..set_size).map(|_| random_bytes(chance)).collect()),
        8 => Value::M(random_map(chance, levels - 1)),
        _ => Value::L((0..chance.usize(0..5)).map(|_| random_value(chance, levels - 1)).collect()),
    }
}

fn random_name(chance: &mut fastrand::Rng) -> String {
    let repeats = if chance.u8(0..50) == 0 { 260 } else { 1 };
    format!("{}{}", random_text(chance), CHARACTERS[chance.usize(0..10)].repeat(repeats))
}

fn random_text(chance: &mut fastrand::Rng) -> String {
    (0..chance.usize(0..8)).map(|_| CHARACTERS[chance.usize(0..10)]).collect()
}

fn random_bytes(chance: &mut fastrand::Rng) -> Vec<u8> {
    (0..chance.usize(0..8)).map(|_| chance.u8(..)).collect()
}

fn random_number(chance: &mut fastrand::Rng) -> Number {
    match chance.u8(0..4) {
        0 => Number::from(chance.i64(-20..20)),
        1 => Number::from(chance.i64(..)),
        2 => number(&format!("{}e{}", chance.i64(-9999..9999), chance.i32(-120..120))),
        _ => number(&format!("-0.{:038}", chance.u128(0..10u128.pow(38)))),
    }
}
