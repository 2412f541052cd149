//! Any text as an expression of any kind: it parses, or an error names the word that does not belong there.

use super::notation::item;
use super::{names, names_of};
use crate::expression::{Condition, ConditionKind, ExpressionRef, KeyCondition, Projection, Substitutions, Update};
use crate::{Error, Item, ItemEncoder};

const WORDS: [&str; 50] = [
    "a",
    "bb",
    "pk",
    "#p",
    "#s",
    "#q",
    ":p",
    ":s",
    ":n",
    ":q",
    "=",
    "<>",
    "<",
    "<=",
    ">",
    ">=",
    "AND",
    "or",
    "NOT",
    "BETWEEN",
    "IN",
    "SET",
    "remove",
    "ADD",
    "DELETE",
    "(",
    ")",
    "(",
    ")",
    ",",
    ".",
    "[",
    "]",
    "0",
    "12",
    "99999999999",
    "+",
    "-",
    "size",
    "begins_with",
    "if_not_exists",
    "list_append",
    "attribute_exists",
    "status",
    "é",
    "\u{0}",
    "_",
    "\"",
    "🦀",
    "\t",
];

#[track_caller]
fn check_error(expression: &str, error: &Error) {
    let Some((_, detail)) = error.message.split_once("Expression: Syntax error; token: \"") else {
        return;
    };
    let (token, near) = detail.split_once("\", near: \"").unwrap();
    let near = near.strip_suffix('"').unwrap();
    assert!(token == "<EOF>" || near.contains(token), "{expression:?}: {}", error.message);
    assert!(expression.contains(near), "{expression:?}: {}", error.message);
}

/// Parses and checks an expression as every kind and evaluates what passes.
fn run(expression: &str, substitutions: &Substitutions<'_>, found: &Item) {
    let mut encoder = ItemEncoder::new();
    for kind in [ConditionKind::Condition, ConditionKind::KeyCondition] {
        match Condition::parse(kind, expression) {
            Err(error) => check_error(expression, &error),
            Ok(condition) if condition.check(substitutions).is_ok() => {
                let _ = substitutions.check_all_used(&[ExpressionRef::Condition(&condition)]);
                condition.evaluate(substitutions, Some(found.as_ref()));
                assert!(condition.mentions(substitutions).count() <= expression.len());
                if let Err(error) = KeyCondition::of_condition(&condition, substitutions) {
                    assert_eq!(error.kind, crate::ErrorKind::Validation);
                }
            }
            Ok(_) => {}
        }
    }
    match Update::parse(expression) {
        Err(error) => check_error(expression, &error),
        Ok(update) if update.check(substitutions).is_ok() => {
            let _ = update.check_charge(substitutions, Some(found.as_ref()));
            for old in [None, Some(found.as_ref())] {
                let new = update.apply(substitutions, old, found.as_ref(), &mut encoder);
                if let Ok(Some(new)) = new {
                    assert!(Item::verify(new.bytes().clone()).is_ok(), "{expression:?} makes no item");
                }
            }
        }
        Ok(_) => {}
    }
    match Projection::parse(expression) {
        Err(error) => check_error(expression, &error),
        Ok(projection) if projection.check(substitutions).is_ok() => {
            projection.apply(substitutions, found.as_ref(), &mut encoder).unwrap();
        }
        Ok(_) => {}
    }
}

#[test]
fn no_text_makes_anything_panic_and_each_error_names_a_word() {
    let seed = 0x5eed_0001;
    println!("seed {seed:#x}");
    let mut random = fastrand::Rng::with_seed(seed);
    let names = names(&["#p=pk", "#s=a"]);
    let values = item(r#":p: "x", :s: <1, 2>, :n: 5"#);
    let substitutions = Substitutions::new(names.as_deref(), Some(values.as_ref())).unwrap();
    let found = item(r#"pk: "x", a: [1, {bb: 2}], bb: <1, 3>"#);
    for round in 0..60_000 {
        let start = ["", "", "SET a = ", "SET a = :n + bb REMOVE ", "a = :p AND ", "a, "][round % 6];
        let separator = if random.bool() { " " } else { "" };
        let words: Vec<&str> = (0..random.usize(0..14)).map(|_| WORDS[random.usize(0..WORDS.len())]).collect();
        run(&format!("{start}{}", words.join(separator)), &substitutions, &found);
    }
    assert_eq!(names_of("#a.#b = :c", '#'), ["#a", "#b"]);
}

#[test]
fn depth_is_bounded_before_the_stack_is() {
    let values = item(":n: 5");
    let substitutions = Substitutions::new(None, Some(values.as_ref())).unwrap();
    let found = item("a: 1");
    for deep in [
        "(".repeat(4096),
        "NOT ".repeat(1024),
        "size(".repeat(800),
        format!("SET a = {}", "(".repeat(4000)),
        format!("SET a = {}", "if_not_exists(a,".repeat(250)),
        format!("a{}", "[0]".repeat(1300)),
        format!("SET a{} = :n", ".a".repeat(2000)),
    ] {
        run(&deep, &substitutions, &found);
    }
    let error = Condition::parse(ConditionKind::Filter, &"(".repeat(4096)).unwrap_err();
    assert_eq!(
        error.message,
        "Invalid FilterExpression: The expression contains too many operators; operator count: 301"
    );
}
