//! Updates: the item that they make, what they touch, and what is wrong with them.

use super::names;
use super::notation::{item, map};
use crate::expression::{ExpressionRef, Substitutions, Update};
use crate::{Error, Item, ItemEncoder, Value};
use std::collections::BTreeMap;

const KEY: &str = r#"pk: "k""#;
const ITEM: &str = r#"pk: "k", n: 5, s: "text", b: 0x01, t: true, l: [0, 1, 2, 3], o: {a: 1, c: {d: 2}}, ss: <"a", "b", "c">,
    ns: <1, 2>, deep: {x: [[1, 2], {y: 3}]}"#;
const VALUES: &str = r#":n: 3, :s: "new", :l: [8, 9], :m: {z: 1}, :ss: <"b", "d">, :all: <"a", "b", "c", "d">, :ns: <2, 3>, :z: 0,
    :e: [], :w: "w", :x: 1, :big: 9.9e125, :fine: 1e-5, :wide: 1e50, :bs: <0x01>"#;

struct Outcome {
    new: Option<Item>,
    touched_old: Option<Item>,
    touched_new: Option<Item>,
}

fn apply(expression: &str, given: &[&str], old: Option<&Item>) -> Result<Outcome, Error> {
    let mentioned: BTreeMap<String, Value> =
        map(VALUES).into_iter().filter(|(name, _)| super::names_of(expression, ':').contains(&name.as_str())).collect();
    let values = (!mentioned.is_empty()).then(|| Item::from_value_map(&mentioned).unwrap());
    let names = names(given);
    let substitutions = Substitutions::new(names.as_deref(), values.as_ref().map(Item::as_ref))?;
    let update = Update::parse(expression)?;
    update.check(&substitutions)?;
    substitutions.check_all_used(&[ExpressionRef::Update(&update)])?;
    let mut encoder = ItemEncoder::new();
    let key = item(KEY);
    let new = update.apply(&substitutions, old.map(Item::as_ref), key.as_ref(), &mut encoder)?;
    let touched_old = old.and_then(|old| update.touched(&substitutions, old.as_ref(), &mut encoder).unwrap());
    let touched_new = new.as_ref().and_then(|new| update.touched(&substitutions, new.as_ref(), &mut encoder).unwrap());
    Ok(Outcome { new, touched_old, touched_new })
}

/// What of the item is different afterwards: attributes as they are then, those that are gone as `null`.
#[track_caller]
fn check(expression: &str, expected: &str) {
    let old = item(ITEM);
    let new = apply(expression, &[], Some(&old)).unwrap_or_else(|error| panic!("{expression}: {error}")).new.unwrap();
    assert!(Item::verify(new.bytes().clone()).is_ok(), "{expression}: not canonical");
    let (old, new) = (old.to_value_map(), new.to_value_map());
    let gone = old.keys().filter(|name| !new.contains_key(*name)).map(|name| (name.clone(), Value::Null));
    let changed = new.iter().filter(|(name, value)| old.get(*name) != Some(value));
    let found: BTreeMap<String, Value> =
        gone.chain(changed.map(|(name, value)| (name.clone(), value.clone()))).collect();
    assert_eq!(found, map(expected), "{expression}");
}

#[test]
fn set_writes_values() {
    for (expression, expected) in [
        ("SET s = :s", r#"s: "new""#),
        ("SET x = :s, aa = :n", r#"x: "new", aa: 3"#),
        ("set zz = n", "zz: 5"),
        ("SET n = n + :n", "n: 8"),
        ("SET n = :n - n", "n: -2"),
        ("SET n = (n - :n)", "n: 2"),
        ("SET n = (n) + (:n)", "n: 8"),
        ("SET n = n + o.a", "n: 6"),
        ("SET x = if_not_exists(x, :n)", "x: 3"),
        ("SET x = if_not_exists(s, :n)", r#"x: "text""#),
        ("SET x = if_not_exists(x, if_not_exists(y, n))", "x: 5"),
        ("SET x = if_not_exists(x, :z) + if_not_exists(n, :n)", "x: 5"),
        ("SET l = list_append(l, :l)", "l: [0, 1, 2, 3, 8, 9]"),
        ("SET l = list_append(:l, l)", "l: [8, 9, 0, 1, 2, 3]"),
        ("SET x = list_append(if_not_exists(x, :e), :l)", "x: [8, 9]"),
        ("SET o.a = :s", r#"o: {a: "new", c: {d: 2}}"#),
        ("SET o.b = :s, o.c.e = n, o.c.a = :m", r#"o: {a: 1, b: "new", c: {a: {z: 1}, d: 2, e: 5}}"#),
        ("SET l[1] = :s", r#"l: [0, "new", 2, 3]"#),
        ("SET l[4] = :s", r#"l: [0, 1, 2, 3, "new"]"#),
        ("SET l[84] = :n, l[37] = :s, l[17] = :w, l[0] = :x", r#"l: [1, 1, 2, 3, "w", "new", 3]"#),
        ("SET deep.x[0][1] = :s, deep.x[1].y = :n, deep.x[1].w = :n", r#"deep: {x: [[1, "new"], {y: 3, w: 3}]}"#),
        ("SET deep.x[1].y = list_append(deep.x[0], :l)", "deep: {x: [[1, 2], {y: [1, 2, 8, 9]}]}"),
    ] {
        check(expression, expected);
    }
    // All that is read is read before anything is written.
    check("SET s = n, n = :n", "s: 5, n: 3");
    check("REMOVE n SET x = n", "n: null, x: 5");
}

#[test]
fn remove_add_and_delete_change_what_is_there() {
    for (expression, expected) in [
        ("REMOVE n, s", "n: null, s: null"),
        ("REMOVE x, o.z, l[9]", ""),
        ("REMOVE l[1], l[2]", "l: [0, 3]"),
        ("REMOVE l[0], l[1], l[2], l[3]", "l: []"),
        ("REMOVE o.a, o.c", "o: {}"),
        ("REMOVE o.c.d", "o: {a: 1, c: {}}"),
        ("REMOVE l[1] SET l[3] = :s, l[9] = :w", r#"l: [0, 2, "new", "w"]"#),
        ("REMOVE deep.x[0][0], deep.x[1].y", "deep: {x: [[2], {}]}"),
        ("ADD n :n", "n: 8"),
        ("ADD x :n", "x: 3"),
        ("ADD o.a :n, o.n :n, l[0] :n, l[7] :n", "o: {a: 4, n: 3, c: {d: 2}}, l: [3, 1, 2, 3, 3]"),
        ("ADD ss :ss, ns :ns", r#"ss: <"a", "b", "c", "d">, ns: <1, 2, 3>"#),
        ("ADD x :ss", r#"x: <"b", "d">"#),
        ("DELETE ss :ss", r#"ss: <"a", "c">"#),
        ("DELETE ss :all", "ss: null"),
        ("DELETE x :ss", ""),
        ("DELETE ns :ns ADD ss :ss SET x = :x REMOVE s", r#"ns: <1>, ss: <"a", "b", "c", "d">, x: 1, s: null"#),
    ] {
        check(expression, expected);
    }
}

#[test]
fn an_item_that_is_not_there_is_made_of_its_key() {
    let new = |expression: &str| apply(expression, &[], None).map(|outcome| outcome.new.map(|new| new.to_value_map()));
    let made = |text: &str| Ok(Some(map(text)));
    assert_eq!(new("SET x = :n"), made(r#"pk: "k", x: 3"#));
    assert_eq!(new("SET x = pk ADD c :n REMOVE a.b DELETE d :ss"), made(r#"pk: "k", x: "k", c: 3"#));
    assert_eq!(new("REMOVE x"), Ok(None));
    assert_eq!(new("REMOVE x.y, l[0] DELETE z :ss"), Ok(None));
    assert_eq!(
        new("SET a.b = :n").unwrap_err().message,
        "The document path provided in the update expression is invalid for update"
    );
}

#[track_caller]
fn check_touched(expression: &str, expected_old: &str, expected_new: &str) {
    let old = item(ITEM);
    let outcome = apply(expression, &[], Some(&old)).unwrap();
    let shown = |fragment: Option<Item>| fragment.map_or_else(BTreeMap::new, |item| item.to_value_map());
    assert_eq!(shown(outcome.touched_old), map(expected_old), "{expression}: old");
    assert_eq!(shown(outcome.touched_new), map(expected_new), "{expression}: new");
}

#[test]
fn what_was_touched_is_told_as_a_fragment() {
    check_touched("SET s = :s, x = :n", r#"s: "text""#, r#"s: "new", x: 3"#);
    check_touched("SET o.c.d = :n, o.c.e = :n", "o: {c: {d: 2}}", "o: {c: {d: 3, e: 3}}");
    check_touched("SET l[3] = :n, l[1] = :s", "l: [1, 3]", r#"l: ["new", 3]"#);
    check_touched("SET l[100] = :n", "", "");
    check_touched("REMOVE l[1], l[9]", "l: [1]", "l: [2]");
    check_touched("REMOVE n", "n: 5", "");
    check_touched("ADD n :n DELETE ss :all", r#"n: 5, ss: <"a", "b", "c">"#, "n: 8");
}

#[track_caller]
fn check_error(expression: &str, given: &[&str], expected: &str) {
    let old = item(ITEM);
    let error = apply(expression, given, Some(&old)).map(|outcome| outcome.new).expect_err(expression);
    assert_eq!(error.message, expected, "{expression}");
}

#[test]
fn what_the_item_does_not_allow_is_told() {
    let path = "The document path provided in the update expression is invalid for update";
    let missing = "The provided expression refers to an attribute that does not exist in the item";
    let wrong = "An operand in the update expression has an incorrect data type";
    let overflow = "Number overflow. Attempting to store a number with magnitude larger than supported range";
    for (expression, expected) in [
        ("SET x.y = :n", path),
        ("SET s.y = :n", path),
        ("SET l.y = :n", path),
        ("SET o[0] = :n", path),
        ("SET x[0] = :n", path),
        ("SET l[9].a = :n", path),
        ("SET l[0].a = :n", path),
        ("REMOVE x.y", path),
        ("REMOVE s.y", path),
        ("REMOVE o[1]", path),
        ("ADD x.y :n", path),
        ("DELETE x.y :ss", path),
        ("SET x = y", missing),
        ("SET x = o.z", missing),
        ("SET x = y + :n", missing),
        ("SET x = list_append(y, :l)", missing),
        ("SET x = :s, y = x", missing),
        ("SET x = s + :n", wrong),
        ("SET x = list_append(s, :l)", wrong),
        ("SET x = list_append(:l, o)", wrong),
        ("ADD s :n", wrong),
        ("ADD ns :ss", wrong),
        ("ADD l :ns", wrong),
        ("DELETE s :ss", wrong),
        ("DELETE ns :ss", wrong),
        // A type is told before what is missing, a place that cannot be before a type.
        ("SET x = y, z = s + :n", wrong),
        ("SET x.y = y, z = s + :n", wrong),
        ("SET s.y = :n, z = s + :n", path),
        ("SET x = y REMOVE q.r", path),
        ("REMOVE q.r SET x = y", missing),
        ("SET x = :big + :big", overflow),
        ("SET x = :wide + :fine", overflow),
    ] {
        check_error(expression, &[], expected);
    }
}

#[test]
fn a_text_that_is_no_update_is_told_where() {
    for (expression, expected) in [
        ("", "The expression can not be empty;"),
        ("INVALID SYNTAX HERE", r#"Syntax error; token: "INVALID", near: "INVALID SYNTAX""#),
        ("SET", r#"Syntax error; token: "<EOF>", near: "SET""#),
        ("SET _123 = :n", r#"Syntax error; token: "_", near: "SET _123""#),
        ("SET :n = :n", r#"Syntax error; token: ":n", near: "SET :n =""#),
        ("SET a = :n,", r#"Syntax error; token: "<EOF>", near: ",""#),
        ("SET a = :n + :n + :n", r#"Syntax error; token: "+", near: ":n + :n""#),
        ("SET a = (a + :n) + :n", r#"Syntax error; token: "+", near: ") + :n""#),
        ("SET a = if_not_exists(a, :n + :n)", r#"Syntax error; token: "+", near: ":n + :n""#),
        ("SET a = :n b = :n", r#"Syntax error; token: "b", near: ":n b =""#),
        ("REMOVE a = :n", r#"Syntax error; token: "=", near: "a = :n""#),
        ("REMOVE :n", r#"Syntax error; token: ":n", near: "REMOVE :n""#),
        ("ADD a b", r#"Syntax error; token: "b", near: "a b""#),
        ("DELETE a", r#"Syntax error; token: "<EOF>", near: "a""#),
        ("SET a[:n] = :n", r#"Syntax error; token: ":n", near: "[:n]""#),
        ("SET a = ((:n))", "The expression has redundant parentheses;"),
        ("SET a = ((a + :n))", "The expression has redundant parentheses;"),
        ("SET a = :n SET b = :n", r#"The "SET" section can only be used once in an update expression;"#),
        ("REMOVE a SET b = :n REMOVE c", r#"The "REMOVE" section can only be used once in an update expression;"#),
        ("SET a = f(b, :n)", "Invalid function name; function: f"),
        ("SET a = LIST_APPEND(b, :n)", "Invalid function name; function: LIST_APPEND"),
        ("SET a = size(b)", "The function is not allowed in an update expression; function: size"),
        (
            "SET a = list_append(list_append(:l, :l), :l)",
            "The function is not allowed to be used this way in an expression; function: list_append",
        ),
        ("SET status = :n", "Attribute name is a reserved keyword; reserved keyword: status"),
        ("SET a = b.name", "Attribute name is a reserved keyword; reserved keyword: name"),
        ("REMOVE l[4294967296]", "List index is not within the allowable range; index: [4294967296]"),
    ] {
        check_error(expression, &[], &format!("Invalid UpdateExpression: {expected}"));
    }
}

#[test]
fn operands_and_paths_are_checked_together() {
    let incorrect = "Incorrect operand type for operator or function; ";
    for (expression, expected) in [
        (
            "SET a = :q",
            "An expression attribute value used in expression is not defined; attribute value: :q".to_owned(),
        ),
        (
            "SET #q = :n",
            "An expression attribute name used in the document path is not defined; attribute name: #q".to_owned(),
        ),
        (
            "SET a = b.#q, c = :q",
            "An expression attribute name used in the document path is not defined; attribute name: #q".to_owned(),
        ),
        ("SET a = :n + :s", format!("{incorrect}operator or function: +, operand type: S")),
        ("SET a = :l - :n", format!("{incorrect}operator or function: -, operand type: L")),
        ("SET a = list_append(:l, :s)", format!("{incorrect}operator or function: list_append, operand type: S")),
        ("ADD a :s", format!("{incorrect}operator: ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND")),
        ("ADD a :l", format!("{incorrect}operator: ADD, operand type: LIST, typeSet: ALLOWED_FOR_ADD_OPERAND")),
        (
            "DELETE a :n",
            format!("{incorrect}operator: DELETE, operand type: NUMBER, typeSet: ALLOWED_FOR_DELETE_OPERAND"),
        ),
        (
            "SET a = list_append(:l)",
            "Incorrect number of operands for operator or function; operator or function: list_append, number of \
             operands: 1"
                .to_owned(),
        ),
        (
            "SET a = if_not_exists(:n, :n)",
            "Operator or function requires a document path; operator or function: if_not_exists".to_owned(),
        ),
    ] {
        check_error(expression, &[], &format!("Invalid UpdateExpression: {expected}"));
    }
    for (paths, how, one, two) in [
        ("a = :n, a = :s", "overlap", "[a]", "[a]"),
        ("a = :n, a.b = :s", "overlap", "[a]", "[a, b]"),
        ("a.b.c = :n, a.b = :s", "overlap", "[a, b, c]", "[a, b]"),
        ("a[1] = :n, a[1][1] = :s", "overlap", "[a, [1]]", "[a, [1], [1]]"),
        ("a.b = :n, c = :n, a[1] = :s", "conflict", "[a, b]", "[a, [1]]"),
        ("a.b[2] = :n, a.b.c = :s", "conflict", "[a, b, [2]]", "[a, b, c]"),
        ("a = :n REMOVE a", "overlap", "[a]", "[a]"),
    ] {
        check_error(
            &format!("SET {paths}"),
            &[],
            &format!(
                "Invalid UpdateExpression: Two document paths {how} with each other; must remove or rewrite one of \
                 these paths; path one: {one}, path two: {two}"
            ),
        );
    }
    check_error(
        "SET #a = :n, a = :s",
        &["#a=a"],
        "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these \
         paths; path one: [a], path two: [a]",
    );
    check("SET o.x = :n, o.c.d = :s, l[1] = :n, l[2] = :n", r#"o: {a: 1, x: 3, c: {d: "new"}}, l: [0, 3, 3, 3]"#);
}

#[test]
fn the_result_nests_no_deeper_than_items_do() {
    let nested = |levels: usize| format!("{}1{}", "{n: ".repeat(levels), "}".repeat(levels));
    let old = item(&format!("d: {}", nested(30)));
    let set = |path: &str, value: &str| {
        let values = item(&format!(":v: {value}"));
        let substitutions = Substitutions::new(None, Some(values.as_ref())).unwrap();
        let update = Update::parse(&format!("SET {path} = :v")).unwrap();
        update.check(&substitutions).unwrap();
        update.apply(&substitutions, Some(old.as_ref()), item(KEY).as_ref(), &mut ItemEncoder::new()).map(|_| ())
    };
    let too_deep = "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond \
                    supported limit";
    let path = |steps: usize| format!("d{}", ".n".repeat(steps));
    assert_eq!(set(&path(30), "{n: 1}"), Ok(()));
    assert_eq!(set(&path(30), "{n: {n: 1}}").unwrap_err().message, too_deep);
    assert_eq!(set("x", &nested(31)), Ok(()));
    assert_eq!(set("d.x", &nested(31)).unwrap_err().message, too_deep);
}

#[track_caller]
fn check_charge(expression: &str, charge: usize, old: &str) {
    // `:p` brings the charge to the limit, and one byte beyond.
    let limit = crate::limits::ITEM_SIZE_BYTES_MAX;
    let old = item(old);
    for (padding, is_fine) in [(limit - charge, true), (limit - charge + 1, false)] {
        let mut values = map(r#":one: 1, :l: [1, 1], :m: {a: "abc"}, :ss: <"bb", "ccc">, :s: "0123456789""#);
        values.insert(":p".to_owned(), Value::S("x".repeat(padding)));
        let values = Item::from_value_map(&values).unwrap();
        let substitutions = Substitutions::new(None, Some(values.as_ref())).unwrap();
        let update = Update::parse(expression).unwrap();
        update.check(&substitutions).unwrap();
        let outcome = update.check_charge(&substitutions, Some(old.as_ref()));
        assert_eq!(outcome.is_ok(), is_fine, "{expression} with {padding} bytes");
    }
}

/// The figures that were measured of DynamoDB.
#[test]
fn an_update_is_charged_for_its_text_and_values() {
    let set = 3 + 19 + 1;
    check_charge("SET b = :p", set, "");
    check_charge("SET b = :p, c = :one", set + 19 + 1 + 2, "");
    check_charge("SET b = :p REMOVE r", set + 2, "");
    check_charge("SET b = :p REMOVE abc.d, l[10]", set + (1 + 3 + 5) + (1 + 1 + 6), "");
    check_charge("SET d[0] = :p", set + 5, "");
    check_charge("SET b = :p, c = abcdefghij", set + 20 + 25, "");
    check_charge("SET b = :p, c = m.z", set + 20 + 1 + 15 + 15, "");
    check_charge("SET b = :p, c = l[10]", set + 20 + 1 + 15 + 16, "");
    check_charge("SET b = :p, n = n + :one", set + 20 + 34 + 16 + 2, "");
    check_charge("SET b = :p, n = n - :one", set + 20 + 37 + 16 + 2, "");
    check_charge("SET b = :p, c = if_not_exists(c, :s)", set + 20 + 39 + 16 + 10, r#"c: "x""#);
    check_charge("SET b = :p, c = if_not_exists(c, :m)", set + 20 + 39 + 16 + (3 + 1 + 1 + 3), r#"c: "x""#);
    check_charge("SET b = :p, l = list_append(l, :l)", set + 20 + 37 + 16 + (3 + 2 + 4), "l: [1]");
    check_charge("SET b = :p ADD abc :one", set + 19 + 3 + 2, "abc: 1");
    check_charge("SET b = :p ADD c :ss", set + 19 + 1 + 5, r#"c: <"a">"#);
    check_charge("SET b = :p ADD c :ss", set + 19 + 1 + 3, r#"c: <"bb">"#);
    check_charge("SET b = :p DELETE abc :ss", set + 1 + 3, r#"abc: <"bb">"#);
}
