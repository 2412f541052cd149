//! Conditions: whether they hold, and what is wrong with them.

use super::notation::item;
use super::{names, names_of};
use crate::expression::{Condition, ConditionKind, ExpressionRef, Mention, Substitutions};
use crate::{Error, Item};

/// Placeholders for names as `#a=b`, for values as the notation has them.
fn outcome(
    kind: ConditionKind,
    expression: &str,
    (given, values): (&[&str], &str),
    found: Option<&Item>,
) -> Result<bool, Error> {
    let names = names(given);
    let values = (!values.is_empty()).then(|| item(values));
    let substitutions = Substitutions::new(names.as_deref(), values.as_ref().map(Item::as_ref))?;
    let condition = Condition::parse(kind, expression)?;
    condition.check(&substitutions)?;
    substitutions.check_all_used(&[ExpressionRef::Condition(&condition)])?;
    Ok(condition.evaluate(&substitutions, found.map(Item::as_ref)))
}

const ITEM: &str = r#"s: "hello", n: 5, m: 5.0, b: 0x0102ff, t: true, f: false, z: null, e: "", u: "aé中🦀",
    l: [1, "x", {k: [2]}, <1, 2>], o: {a: {b: "deep"}, c: 1}, ss: <"a", "b">, ns: <1, 2.5>, bs: <0x01, 0x02>, and: {or: 2}"#;
const VALUES: &str = r#":s: "hello", :h: "hel", :g: "zz", :5: 5, :6: 6.0, :1: 1, :2: 2, :b: 0x0102, :c: 0xff, :t: true, :z: null, :a: "a",
    :l: [1, "x", {k: [2]}, <2, 1>], :o: {c: 1, a: {b: "deep"}}, :ss: <"b", "a">, :ns: <2.50, 1>, :e: "", :big: 100, :S: "S", :N: "N",
    :L: "L", :el: {k: [2]}, :set: <1, 2>, :m: {b: "deep"}"#;

/// Each with the values that it mentions, on the item and on none.
#[track_caller]
fn check(expression: &str, expected: bool, expected_of_none: bool) {
    let all = item(VALUES);
    let mentioned: std::collections::BTreeMap<_, _> =
        all.to_value_map().into_iter().filter(|(name, _)| names_of(expression, ':').contains(&name.as_str())).collect();
    let values = (!mentioned.is_empty()).then(|| Item::from_value_map(&mentioned).unwrap());
    let names = names(&["#and=and", "#or=or", "#s=s"]);
    let names: Vec<_> =
        names.unwrap().into_iter().filter(|(name, _)| names_of(expression, '#').contains(&name.as_str())).collect();
    let names = (!names.is_empty()).then_some(names.as_slice());
    let substitutions = Substitutions::new(names, values.as_ref().map(Item::as_ref)).unwrap();
    let condition = Condition::parse(ConditionKind::Filter, expression).unwrap();
    condition.check(&substitutions).unwrap();
    substitutions.check_all_used(&[ExpressionRef::Condition(&condition)]).unwrap();
    let found = item(ITEM);
    assert_eq!(condition.evaluate(&substitutions, Some(found.as_ref())), expected, "{expression}");
    assert_eq!(condition.evaluate(&substitutions, None), expected_of_none, "{expression} of no item");
}

#[test]
fn comparisons_hold_by_type_and_value() {
    for (expression, expected) in [
        ("s = :s", true),
        ("n = :5", true),
        ("n = m", true),
        ("n < :6 AND n <= :5 AND n > :1 AND n >= :5", true),
        ("s < :g", true),
        ("s > :h", true),
        ("b > :b AND b < :c", true),
        ("n = :s", false),
        ("n < :s", false),
        ("t = :t", true),
        ("z = :z", true),
        ("l = :l AND o = :o AND ss = :ss AND ns = :ns", true),
        ("o.a = :m", true),
        ("o.a.b = :s", false),
        ("l[0] = :1", true),
        ("l[2].k[0] = :2", true),
        ("#and.#or = :2", true),
        ("n BETWEEN :1 AND :6", true),
        ("n BETWEEN :6 AND :big", false),
        ("s BETWEEN :1 AND :2", false),
        ("n IN (:1, :s, :5)", true),
        ("n IN (:1, m)", true),
        ("n IN (:1)", false),
        ("x = :s", false),
        ("x = y", false),
        ("x < :s OR x > :s OR x <= y OR x BETWEEN :a AND :s OR x IN (:s)", false),
        (":5 = n", true),
        (":6 > n", true),
    ] {
        check(expression, expected, false);
    }
    for expression in ["x <> :s", "x <> y", "NOT x = :s", "n <> :s"] {
        check(expression, true, true);
    }
    check("n <> :5", false, true);
}

#[test]
fn functions_hold_by_what_the_attribute_is() {
    for (expression, expected) in [
        ("attribute_exists(n)", true),
        ("attribute_exists(o.a.b) AND attribute_exists(l[3])", true),
        ("attribute_exists(l[4]) OR attribute_exists(o.z) OR attribute_exists(n.a) OR attribute_exists(s[0])", false),
        ("attribute_type(s, :S)", true),
        ("attribute_type(s, :N)", false),
        ("attribute_type(l, :L)", true),
        ("begins_with(s, :h)", true),
        ("begins_with(s, :g)", false),
        ("begins_with(s, :e)", true),
        ("begins_with(b, :b)", true),
        ("begins_with(b, :h)", false),
        ("begins_with(n, :h)", false),
        ("begins_with(:s, e)", true),
        ("contains(s, :h)", true),
        ("contains(s, :e)", true),
        ("contains(b, :c)", true),
        ("contains(b, :h)", false),
        ("contains(ss, :a)", true),
        ("contains(ss, :1)", false),
        ("contains(ns, :1)", true),
        ("contains(ns, :2)", false),
        ("contains(l, :el) AND contains(l, :set) AND contains(l, :1)", true),
        ("contains(l, :2)", false),
        ("contains(n, :5)", false),
        ("size(s) = :5", true),
        ("size(u) = :5", true),
        ("size(b) < :5 AND size(l) < :5 AND size(o) = :2 AND size(ss) = :2 AND size(ns) = :2 AND size(bs) = :2", true),
        ("size(n) = :1 OR size(t) = :1 OR size(z) = :1 OR size(s) = :s", false),
        ("size(s) BETWEEN :1 AND :6 AND size(s) IN (:5)", true),
        ("size(e) < :1", true),
        ("size(s) = n", true),
    ] {
        check(expression, expected, false);
    }
    check("attribute_not_exists(x)", true, true);
    check("attribute_not_exists(n)", false, true);
    check("NOT contains(ss, :a)", false, true);
    check("attribute_type(:5, :N)", true, true);
    check("size(n) <> :5", true, true);
}

#[test]
fn joined_conditions_bind_as_in_any_language() {
    check("n = :5 OR n = :6 AND n = :1", true, false);
    check("(n = :5 OR n = :6) AND n = :1", false, false);
    check("NOT n = :6 AND s = :s", true, false);
    check("NOT (n = :5 AND s = :s)", false, true);
    check("NOT NOT NOT n = :6", true, true);
    check("n between :1 and :6 aNd nOt s = :g oR n in (:1)", true, false);
    check("(n = :5) AND (s = (:s))", true, false);
}

#[track_caller]
fn check_error(expression: &str, given: (&[&str], &str), expected: &str) {
    let message = |kind| outcome(kind, expression, given, None).err().map(|error| error.message.into_owned());
    let condition = format!("Invalid ConditionExpression: {expected}");
    assert_eq!(message(ConditionKind::Condition).as_deref(), Some(&*condition), "{expression}");
    let filter = format!("Invalid FilterExpression: {expected}");
    assert_eq!(message(ConditionKind::Filter).as_deref(), Some(&*filter), "{expression}");
}

#[test]
fn a_text_that_is_no_condition_is_told_where() {
    for (expression, expected) in [
        ("", "The expression can not be empty;"),
        ("a", r#"Syntax error; token: "<EOF>", near: "a""#),
        ("a = ", r#"Syntax error; token: "<EOF>", near: "=""#),
        ("a IN ()", r#"Syntax error; token: ")", near: "()""#),
        ("set = :v", r#"Syntax error; token: "set", near: "set =""#),
        ("a.b.in = :v", r#"Syntax error; token: "in", near: ".in =""#),
        ("l[01] = :v", r#"Syntax error; token: "1", near: "01]""#),
        ("a = :v garbage", r#"Syntax error; token: "garbage", near: ":v garbage""#),
        ("((a = :v))", "The expression has redundant parentheses;"),
        ("((a = :v)) AND", "The expression has redundant parentheses;"),
        ("a = ((:v))", "The expression has redundant parentheses;"),
        ("foo(a)", "Invalid function name; function: foo"),
        ("Contains(a, :v)", "Invalid function name; function: Contains"),
        ("a = if_not_exists(a, :v)", "The function is not allowed in a condition expression; function: if_not_exists"),
        ("size(a)", "The function is not allowed to be used this way in an expression; function: size"),
        (
            "attribute_exists(a) = :v",
            "The function is not allowed to be used this way in an expression; function: attribute_exists",
        ),
        ("status = :v", "Attribute name is a reserved keyword; reserved keyword: status"),
        ("a.status.b = :v", "Attribute name is a reserved keyword; reserved keyword: status"),
        ("l[2147483648] = :v", "List index is not within the allowable range; index: [2147483648]"),
        ("l[99999999999999999999] = :v", "List index is not within the allowable range; index: [99999999999999999999]"),
    ] {
        check_error(expression, (&[], r#":v: 1"#), expected);
    }
    let long = format!("a = :v{}", " ".repeat(4091));
    check_error(&long, (&[], ":v: 1"), "Expression size has exceeded the maximum allowed size; expression size: 4097");
    let many = vec!["a=:v"; 151].join(" AND ");
    check_error(&many, (&[], ":v: 1"), "The expression contains too many operators; operator count: 301");
}

#[test]
fn operands_are_defined_counted_and_distinct() {
    let v = ":v: 1";
    for (expression, values, expected) in [
        ("a = :x", v, "An expression attribute value used in expression is not defined; attribute value: :x"),
        ("#x = :v", v, "An expression attribute name used in the document path is not defined; attribute name: #x"),
        ("a.#x = :v", v, "An expression attribute name used in the document path is not defined; attribute name: #x"),
        (
            "contains(a)",
            "",
            "Incorrect number of operands for operator or function; operator or function: contains, number of operands: 1",
        ),
        (
            "size(a, b) = :v",
            v,
            "Incorrect number of operands for operator or function; operator or function: size, number of operands: 2",
        ),
        (
            "contains(a.b[1], a.b[1])",
            "",
            "The first operand must be distinct from the remaining operands for this operator or function; operator: \
             contains, first operand: [a, b, [1]]",
        ),
        (
            "a IN (:v, a)",
            v,
            "The first operand must be distinct from the remaining operands for this operator or function; operator: \
             IN, first operand: [a]",
        ),
    ] {
        check_error(expression, (&[], values), expected);
    }
    let list = |count: usize| (0..count).map(|_| ":v").collect::<Vec<_>>().join(",");
    check_error(
        &format!("a IN ({})", list(101)),
        (&[], v),
        "The IN operator is provided with too many operands; number of operands: 101",
    );
    assert!(outcome(ConditionKind::Filter, &format!("a IN ({})", list(100)), (&[], v), None).is_ok());
    let deep = format!("attribute_exists(a{})", ".b".repeat(32));
    check_error(&deep, (&[], ""), "The document path has too many nesting levels; nesting levels: 33");
}

#[test]
fn operands_have_the_types_that_are_needed() {
    let v = ":v: 1";
    for (expression, values, expected) in [
        (
            "a < :v",
            ":v: [1]",
            "Incorrect operand type for operator or function; operator or function: <, operand type: L",
        ),
        (
            ":v >= a",
            ":v: {a: 1}",
            "Incorrect operand type for operator or function; operator or function: >=, operand type: M",
        ),
        (
            "a BETWEEN :v AND b",
            ":v: true",
            "Incorrect operand type for operator or function; operator or function: BETWEEN, operand type: BOOL",
        ),
        (
            "begins_with(a, :v)",
            v,
            "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
        ),
        (
            "begins_with(a, size(b))",
            "",
            "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
        ),
        (
            "size(:v) = a",
            v,
            "Incorrect operand type for operator or function; operator or function: size, operand type: N",
        ),
        (
            "attribute_type(a, :v)",
            v,
            "Incorrect operand type for operator or function; operator or function: attribute_type, operand type: N",
        ),
        (
            "attribute_type(a, b)",
            "",
            "Incorrect operand type for operator or function; operator or function: attribute_type, operand type: \
             {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
        ),
        (
            "attribute_type(a, :v)",
            r#":v: "DOG""#,
            "Invalid attribute type name found; type: DOG, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
        ),
        (
            "attribute_exists(:v)",
            v,
            "Operator or function requires a document path; operator or function: attribute_exists",
        ),
        (
            "a BETWEEN :v AND :w",
            ":v: 2, :w: 1",
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: \
             AttributeValue: {N:2}, upper bound operand: AttributeValue: {N:1}",
        ),
        (
            "a BETWEEN :v AND :w",
            r#":v: 2, :w: "x""#,
            "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: \
             AttributeValue: {N:2}, upper bound operand: AttributeValue: {S:x}",
        ),
    ] {
        check_error(expression, (&[], values), expected);
    }
}

#[test]
fn what_no_expression_uses_is_told() {
    let message = |given: &[&str], values: &str| {
        outcome(ConditionKind::Condition, "attribute_exists(a) OR #b = :v", (given, values), None).unwrap_err().message
    };
    assert_eq!(
        message(&["#b=b", "#c=c", "#d=d"], ":v: 1, :w: 2"),
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#c, #d}"
    );
    assert_eq!(
        message(&["#b=b"], ":v: 1, :w: 2"),
        "Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}"
    );
    // More than are searched one by one.
    let many: Vec<String> = (0..40).map(|number| format!("#n{number}=x")).chain(["#b=b".to_owned()]).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(
        message(&many, ":v: 1")
            .starts_with("Value provided in ExpressionAttributeNames unused in expressions: keys: {#n0, ")
    );
}

#[test]
fn many_names_are_found_as_few_are() {
    for count in [1, 16, 17, 150] {
        let names: Vec<String> = (0..count).map(|number| format!("#n{number}=x{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let tests: Vec<String> = (0..count).map(|number| format!("#n{number}=:v")).collect();
        let found = item(&format!("x{}: 1", count - 1));
        let held = outcome(ConditionKind::Filter, &tests.join(" OR "), (&names, ":v: 1"), Some(&found));
        assert_eq!(held, Ok(true), "{count} names");
    }
}

#[test]
fn the_attributes_of_a_condition_are_known() {
    let condition = Condition::parse(ConditionKind::Filter, "a = :v AND #b.c > d[1] OR size(e) = :v").unwrap();
    let names = names(&["#b=x"]);
    let values = item(":v: 1");
    let substitutions = Substitutions::new(names.as_deref(), Some(values.as_ref())).unwrap();
    let mentioned: Vec<Mention<'_>> = condition.mentions(&substitutions).collect();
    let expected = [("a", false), ("x", true), ("d", true), ("e", false)];
    let expected = expected.map(|(attribute_name, is_nested)| Mention { attribute_name, is_nested });
    assert_eq!(mentioned, expected);
}
