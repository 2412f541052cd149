//! Projections: the parts that they name, and what is wrong with them.

use super::names;
use super::notation::{item, map};
use crate::expression::{Projection, Substitutions};
use crate::{Error, Item, ItemEncoder};

const ITEM: &str =
    r#"pk: "k", a: {b: [2, 4, {x: "hi", y: "yo"}, [5, 6, 7]], c: 5, e: {}}, b: "hello", l: ["zero", "one", "two"]"#;

fn project(expression: &str, given: &[&str]) -> Result<Item, Error> {
    let names = names(given);
    let substitutions = Substitutions::new(names.as_deref(), None)?;
    let projection = Projection::parse(expression)?;
    projection.check(&substitutions)?;
    let (found, mut encoder) = (item(ITEM), ItemEncoder::new());
    let projected = projection.apply(&substitutions, found.as_ref(), &mut encoder)?;
    assert_eq!(projection.bind(&substitutions).apply(found.as_ref(), &mut encoder).unwrap(), projected);
    assert!(Item::verify(projected.bytes().clone()).is_ok(), "{expression}: not canonical");
    Ok(projected)
}

#[track_caller]
fn check(expression: &str, expected: &str) {
    assert_eq!(project(expression, &[]).unwrap().to_value_map(), map(expected), "{expression}");
}

#[test]
fn parts_are_given_where_they_stand() {
    for (expression, expected) in [
        ("pk", r#"pk: "k""#),
        (" pk  ,   b  ", r#"pk: "k", b: "hello""#),
        ("b, pk, x", r#"pk: "k", b: "hello""#),
        ("x", ""),
        ("a.c", "a: {c: 5}"),
        ("a.b[0]", "a: {b: [2]}"),
        ("a.b[1], a.b[0]", "a: {b: [2, 4]}"),
        ("a.b[2].y", r#"a: {b: [{y: "yo"}]}"#),
        ("a.b[2].y, a.b[2].x, a.b[0]", r#"a: {b: [2, {x: "hi", y: "yo"}]}"#),
        ("a.b[3][2], a.b[3][0], a.b[9]", "a: {b: [[5, 7]]}"),
        ("l[2], l[0]", r#"l: ["zero", "two"]"#),
        ("a.e", "a: {e: {}}"),
        ("a.e.x", ""),
        ("a.b[3].x", ""),
        ("a.b[9], a.x, a.y.z, b.x, a.b[0].x", ""),
        ("a.x, a.b[0], x, a.b[9].x", "a: {b: [2]}"),
    ] {
        check(expression, expected);
    }
    check("a[0]", "");
    let renamed = project("#a.#c, #b", &["#a=a", "#c=c", "#b=b"]).unwrap();
    assert_eq!(renamed.to_value_map(), map(r#"a: {c: 5}, b: "hello""#));
}

#[track_caller]
fn check_error(expression: &str, expected: &str) {
    let error = project(expression, &[]).expect_err(expression);
    assert_eq!(error.message, format!("Invalid ProjectionExpression: {expected}"), "{expression}");
}

#[test]
fn what_is_wrong_is_told() {
    for (expression, expected) in [
        ("", "The expression can not be empty;"),
        ("!!! INVALID !!!", r#"Syntax error; token: "!", near: "!!""#),
        ("a,", r#"Syntax error; token: "<EOF>", near: ",""#),
        (",a", r#"Syntax error; token: ",", near: ",a""#),
        ("a b", r#"Syntax error; token: "b", near: "a b""#),
        ("(a)", r#"Syntax error; token: "(", near: "(a""#),
        ("pk, status", "Attribute name is a reserved keyword; reserved keyword: status"),
        ("l[2147483648]", "List index is not within the allowable range; index: [2147483648]"),
        ("#x", "An expression attribute name used in the document path is not defined; attribute name: #x"),
    ] {
        check_error(expression, expected);
    }
    check_error(&format!("a{}", ".b".repeat(32)), "The document path has too many nesting levels; nesting levels: 33");
    for (expression, how, one, two) in [
        ("a, a", "overlap", "[a]", "[a]"),
        ("a, a.b", "overlap", "[a]", "[a, b]"),
        ("a.b.c, a.b", "overlap", "[a, b, c]", "[a, b]"),
        ("a.b[0],a.b[0]", "overlap", "[a, b, [0]]", "[a, b, [0]]"),
        ("a.b, a[1]", "conflict", "[a, b]", "[a, [1]]"),
    ] {
        check_error(
            expression,
            &format!(
                "Two document paths {how} with each other; must remove or rewrite one of these paths; path one: \
                 {one}, path two: {two}"
            ),
        );
    }
}

#[test]
fn plain_attributes_are_projected_without_an_expression() {
    let projection = Projection::of_attributes(["l", "#odd", "pk", "l", "b.c"]);
    let substitutions = Substitutions::new(None, None).unwrap();
    let found = crate::Item::from_value_map(&{
        let mut attributes = map(ITEM);
        attributes.insert("#odd".to_owned(), 1.into());
        attributes
    })
    .unwrap();
    let projected = projection.apply(&substitutions, found.as_ref(), &mut ItemEncoder::new()).unwrap();
    let names: Vec<String> = projected.to_value_map().into_keys().collect();
    assert_eq!(names, ["#odd", "l", "pk"]);
    assert_eq!(projection.mentions(&substitutions).count(), 4);
}
