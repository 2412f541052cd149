//! Key conditions at the room's door: what is read off an expression, and DynamoDB's texts for what is wrong.

use std::collections::BTreeMap;

use super::{names, values};
use crate::expression::KeyCondition;
use crate::table::{IndexProjection, LocalIndex};
use crate::{Item, KeyAttribute, KeySchema, KeyType, Number, Value};

fn schema() -> KeySchema {
    KeySchema {
        partition_key: KeyAttribute { name: "pk".into(), key_type: KeyType::String },
        sort_key: Some(KeyAttribute { name: "sk".into(), key_type: KeyType::String }),
    }
}

/// The error of parsing, or else of binding to a table with the keys `pk` and `sk`; empty when there is none.
fn error(expression: &str, given_names: &[&str], given_values: &[&str]) -> String {
    let (names, values) = (names(given_names), values(given_values));
    KeyCondition::parse(expression, names.as_deref(), values.as_ref().map(Item::as_ref))
        .and_then(|condition| condition.bind(&schema()))
        .err()
        .map(|error| error.message.into_owned())
        .unwrap_or_default()
}

#[track_caller]
fn check(expression: &str, given_names: &[&str], given_values: &[&str], expected: &str) {
    assert_eq!(error(expression, given_names, given_values), expected, "{expression}");
}

/// With `:p` and `:s` given, and what is wrong told after "Invalid KeyConditionExpression: ".
#[track_caller]
fn check_invalid(expression: &str, expected: &str) {
    check(expression, &[], &[":p=x", ":s=y"], &format!("Invalid KeyConditionExpression: {expected}"));
}

#[test]
fn conditions_are_accepted_in_all_their_forms() {
    for expression in [
        "pk = :p AND sk = :s",
        "pk=:p and sk<:s",
        "sk <= :s AND pk = :p",
        "pk = :p And :s >= sk",
        "pk = :p AND begins_with(sk, :s)",
        "pk = :p AND begins_with ( sk , :s )",
        "(pk = :p) AND (sk > :s)",
        "(pk = :p AND sk = :s)",
        "(pk = :p AND (sk = :s))",
        "(pk) = :p AND sk = (:s)",
        ":p = pk AND sk BETWEEN :p AND :s",
        "pk = :p\n\tAND\r\nsk between :p and :s",
    ] {
        check(expression, &[], &[":p=x", ":s=y"], "");
    }
    check("pk = :p", &[], &[":p=x"], "");
    check("#p = :p AND #s = :s", &["#p=pk", "#s=sk"], &[":p=x", ":s=y"], "");
    check("#1 = :1 AND begins_with(#2, :2)", &["#1=pk", "#2=sk"], &[":1=x", ":2=y"], "");
}

#[test]
fn a_syntax_error_names_the_word() {
    check_invalid("", "The expression can not be empty;");
    check_invalid("  ", r#"Syntax error; token: "<EOF>", near: """#);
    check_invalid("pk", r#"Syntax error; token: "<EOF>", near: "pk""#);
    check_invalid("pk = ", r#"Syntax error; token: "<EOF>", near: "=""#);
    check_invalid("pk = :p AND", r#"Syntax error; token: "<EOF>", near: "AND""#);
    check_invalid("things are not gonna be ok", r#"Syntax error; token: "are", near: "things are not""#);
    check_invalid("pk > 4", r#"Syntax error; token: "4", near: "> 4""#);
    check_invalid("pk = = :p", r#"Syntax error; token: "=", near: "= = :p""#);
    check_invalid("book-id = :p", r#"Syntax error; token: "-", near: "book-id""#);
    check_invalid("pk = :p AND __x = :s", r#"Syntax error; token: "_", near: "AND __""#);
    check_invalid("(pk = :p", r#"Syntax error; token: "<EOF>", near: ":p""#);
    check_invalid("pk = :p)", r#"Syntax error; token: ")", near: ":p)""#);
    check_invalid("(size(pk))[0] > sk", r#"Syntax error; token: "[", near: ")[0""#);
    check_invalid("pk = :p sk = :s", r#"Syntax error; token: "sk", near: ":p sk =""#);
    check_invalid("pk AND sk = :s", r#"Syntax error; token: "AND", near: "pk AND sk""#);
    check_invalid("and = :p", r#"Syntax error; token: "and", near: "and =""#);
    check_invalid("begins_with()", r#"Syntax error; token: ")", near: "()""#);
    check_invalid("pk between :p , :s", r#"Syntax error; token: ",", near: ":p , :s""#);
    check_invalid("pk[a] = :p", r#"Syntax error; token: "a", near: "[a]""#);
    check_invalid("p\u{e9} = :p", "Syntax error; token: \"\u{e9}\", near: \"p\u{e9} =\"");
}

#[test]
fn what_parses_may_still_be_wrong() {
    check_invalid("((pk = :p)) AND sk = :s", "The expression has redundant parentheses;");
    check_invalid("((pk = :p AND sk = :s))", "The expression has redundant parentheses;");
    check_invalid("pk = ((:p)) AND sk = :s", "The expression has redundant parentheses;");
    check_invalid("pk = :p AND starts(sk, :s)", "Invalid function name; function: starts");
    check_invalid("pk = :p AND Begins_With(sk, :s)", "Invalid function name; function: Begins_With");
    check_invalid(
        "pk = if_not_exists(sk, :s)",
        "The function is not allowed in a condition expression; function: if_not_exists",
    );
    check_invalid(
        "pk = begins_with(sk, :s)",
        "The function is not allowed to be used this way in an expression; function: begins_with",
    );
    check_invalid("size(pk)", "The function is not allowed to be used this way in an expression; function: size");
    check_invalid("pk = :p AND status = :s", "Attribute name is a reserved keyword; reserved keyword: status");
    check_invalid("Name = :p", "Attribute name is a reserved keyword; reserved keyword: Name");
    check_invalid(
        "pk = :p AND sk = :other",
        "An expression attribute value used in expression is not defined; attribute value: :other",
    );
    check_invalid(
        "pk = :p AND #s = :s",
        "An expression attribute name used in the document path is not defined; attribute name: #s",
    );
    check_invalid(
        "pk = :p AND begins_with(sk)",
        "Incorrect number of operands for operator or function; operator or function: begins_with, number of \
         operands: 1",
    );
    check_invalid(
        "pk = pk",
        "The first operand must be distinct from the remaining operands for this operator or function; operator: =, \
         first operand: [pk]",
    );
    check_invalid(
        "pk = :p AND sk BETWEEN :s AND :p",
        "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: \
         AttributeValue: {S:y}, upper bound operand: AttributeValue: {S:x}",
    );
}

#[test]
fn operands_have_the_types_that_their_operators_take() {
    check(
        "pk = :p AND begins_with(sk, :n)",
        &[],
        &[":p=x", ":n=1"],
        "Invalid KeyConditionExpression: Incorrect operand type for operator or function; operator or function: \
         begins_with, operand type: N",
    );
    check(
        "pk = :p AND sk < :b",
        &[],
        &[":p=x", ":b=true"],
        "Invalid KeyConditionExpression: Incorrect operand type for operator or function; operator or function: <, \
         operand type: BOOL",
    );
    check(
        "pk = :p AND sk BETWEEN :n AND :p",
        &[],
        &[":p=a", ":n=1"],
        "Invalid KeyConditionExpression: The BETWEEN operator requires same data type for lower and upper bounds; \
         lower bound operand: AttributeValue: {N:1}, upper bound operand: AttributeValue: {S:a}",
    );
    let mismatch = "One or more parameter values were invalid: Condition parameter type does not match schema type";
    check("pk = :n", &[], &[":n=1"], mismatch);
    check("pk = :p AND sk > :n", &[], &[":p=x", ":n=1"], mismatch);
    check("pk = :p AND sk > :b", &[], &[":p=x", ":b=0x01ff"], mismatch);
    check("pk = :b", &[], &[":b=true"], mismatch);
}

#[test]
fn bounds_are_values_that_keys_can_have() {
    let empty = "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an \
                 empty string value. Key: ";
    check("pk = :p", &[], &[":p="], &format!("{empty}pk"));
    check("pk = :p AND sk > :s", &[], &[":p=x", ":s="], &format!("{empty}sk"));
    check("pk = :p AND begins_with(sk, :s)", &[], &[":p=x", ":s="], &format!("{empty}sk"));
    let long = |length: usize| format!(":s={}", "x".repeat(length));
    check("pk = :p AND sk > :s", &[], &[":p=x", &long(1024)], "");
    check(
        "pk = :p AND sk > :s",
        &[],
        &[":p=x", &long(1025)],
        "One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of \
         1024 bytes",
    );
    check(
        "pk = :s",
        &[],
        &[&long(2049)],
        "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes",
    );
}

#[test]
fn only_ranges_of_keys_can_be_asked_for() {
    let given = &[":p=x", ":s=y"];
    for (expression, operator) in [
        ("pk = :p OR sk = :s", "OR"),
        ("NOT pk = :p AND sk = :s", "NOT"),
        ("pk = :p AND sk IN (:s)", "IN"),
        ("pk = :p AND sk <> :s", "<>"),
        ("attribute_exists(pk) AND sk = :s AND pk = :p", "attribute_exists"),
        ("contains(pk, :p) AND sk = :s", "contains"),
    ] {
        check(expression, &[], given, &format!("Invalid operator used in KeyConditionExpression: {operator}"));
    }
    let cases = [
        ("pk = :p AND sk = size(:s)", "KeyConditionExpressions cannot contain nested operations"),
        ("size(pk) > :p AND sk = :s", "KeyConditionExpressions cannot contain nested operations"),
        ("pk.a = :p AND sk = :s", "KeyConditionExpressions cannot have conditions on nested attributes"),
        ("pk[0] = :p AND sk = :s", "KeyConditionExpressions cannot have conditions on nested attributes"),
        (
            "pk = :p AND pk = :s",
            "Invalid KeyConditionExpression: KeyConditionExpressions must only contain one condition per key",
        ),
        ("pk = :p AND :s = :p", "Invalid condition in KeyConditionExpression: No key attribute specified"),
        (
            "pk = :p AND sk = pk AND sk = :s",
            "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition",
        ),
        (
            "pk = :p AND :s BETWEEN sk AND pk",
            "Invalid condition in KeyConditionExpression: BETWEEN operator must have the key attribute as its first \
             operand",
        ),
        (
            "pk = :p AND begins_with(:s, sk)",
            "Invalid condition in KeyConditionExpression: begins_with operator must have the key attribute as its \
             first operand",
        ),
        (
            "pk = :p AND sk = :s AND c = :s",
            "The number of query conditions (3) exceeds the number of key attributes defined in the schema (2)",
        ),
        ("sk = :p AND c = :s", "Query condition missed key schema element: pk"),
        ("pk = :p AND c = :s", "Query condition missed key schema element: sk"),
        ("pk > :p AND sk = :s", "Query key condition not supported"),
        ("begins_with(pk, :p) AND sk = :s", "Query key condition not supported"),
    ];
    for (expression, expected) in cases {
        check(expression, &[], given, expected);
    }
    check("sk = :v", &[], &[":v=x"], "Query condition missed key schema element: pk");
}

#[test]
fn placeholders_are_well_formed_defined_and_used() {
    let p = &[":p=x"];
    check(
        "#p = :p",
        &["#p=pk", "#q=a", "#r=b"],
        p,
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#q, #r}",
    );
    check(
        "pk = :p",
        &[],
        &[":p=x", ":q=y"],
        "Value provided in ExpressionAttributeValues unused in expressions: keys: {:q}",
    );
    check("", &["a=pk"], p, "ExpressionAttributeNames contains invalid key: Syntax error; key: \"a\"");
    check("", &["#=pk"], p, "ExpressionAttributeNames contains invalid key: Syntax error; key: \"#\"");
    check("", &["#a-b=pk"], p, "ExpressionAttributeNames contains invalid key: Syntax error; key: \"#a-b\"");
    check("", &[], &["p=x"], "ExpressionAttributeValues contains invalid key: Syntax error; key: \"p\"");
    let empty = KeyCondition::parse("", Some(&[]), None).unwrap_err();
    assert_eq!(empty.message, "ExpressionAttributeNames must not be empty");
    let no_values = Item::from_value_map(&BTreeMap::new()).unwrap();
    let empty = KeyCondition::parse("", None, Some(no_values.as_ref()));
    assert_eq!(empty.unwrap_err().message, "ExpressionAttributeValues must not be empty");
    let long = format!("#{}=pk", "a".repeat(255));
    assert!(error("", &[&long], p).contains("a key that is too long"));
    assert!(error("#a = :p", &["#a="], p).starts_with("ExpressionAttributeNames contains invalid value: "));
}

#[test]
fn size_and_nesting_are_bounded() {
    let at_limit = format!("pk = :p{}", " ".repeat(4089));
    check(&at_limit, &[], &[":p=x"], "");
    check(
        &format!("{at_limit} "),
        &[],
        &[":p=x"],
        "Invalid KeyConditionExpression: Expression size has exceeded the maximum allowed size; expression size: 4097",
    );
    let operators = vec!["pk=:p"; 151].join(" AND ");
    check(
        &operators,
        &[],
        &[":p=x"],
        "Invalid KeyConditionExpression: The expression contains too many operators; operator count: 301",
    );
    for deep in ["(".repeat(4096), "NOT ".repeat(1024), "size(".repeat(800)] {
        let text = error(&deep, &[], &[":p=x"]);
        assert!(text.ends_with("The expression contains too many operators; operator count: 301"), "{text}");
    }
}

/// Each test, with operands in place of `?`, and each key type: a sort key lies in the range exactly when it passes.
#[test]
fn ranges_hold_the_keys_that_pass_the_test() {
    const TESTS: [&str; 7] = ["= :s", "< :s", "<= :s", "> :s", ">= :s", "BETWEEN :s AND :t", "begins_with"];
    let seed = 0x5eed_0002;
    println!("seed {seed:#x}");
    let mut random = fastrand::Rng::with_seed(seed);
    let id = KeyAttribute { name: "id".into(), key_type: KeyType::String };
    let table = KeySchema { sort_key: Some(id), ..schema() };
    for round in 0..4000 {
        let key_type = [KeyType::String, KeyType::Number, KeyType::Binary][round % 3];
        let mut value = || random_key(&mut random, key_type);
        let (mut lower, mut upper, key) = (value(), value(), value());
        if compare(&lower, &upper).is_gt() {
            std::mem::swap(&mut lower, &mut upper);
        }
        let partition = Value::S("p".to_owned());
        let sort_key = Some(KeyAttribute { name: "sk".into(), key_type });
        let schema = KeySchema { sort_key, ..schema() };
        let mut encoded = Vec::new();
        let item = map(&[("pk", &partition), ("sk", &key)]);
        schema.encode_key(item.as_ref(), &mut encoded).unwrap();
        // The same attribute as the sort key of an index.
        let index = LocalIndex {
            name: "i".to_owned(),
            sort_key: KeyAttribute { name: "sk".into(), key_type },
            projection: IndexProjection::All,
        };
        let (mut item_key, mut entry) = (Vec::new(), Vec::new());
        let item = map(&[("pk", &partition), ("id", &Value::from("x")), ("sk", &key)]);
        table.encode_item_key(item.as_ref(), &mut item_key).unwrap();
        assert!(table.encode_entry(&index, item.as_ref(), &item_key, &mut entry));
        for test in TESTS {
            let (expression, used) = match test {
                "begins_with" if key_type == KeyType::Number => continue,
                "begins_with" => ("pk = :p AND begins_with(sk, :s)".to_owned(), 2),
                test if test.contains(":t") => (format!("pk = :p AND sk {test}"), 3),
                test => (format!("pk = :p AND sk {test}"), 2),
            };
            let values = map(&[(":p", &partition), (":s", &lower), (":t", &upper)][..used]);
            let condition = KeyCondition::parse(&expression, None, Some(values.as_ref())).unwrap();
            let expected = match test {
                "= :s" => compare(&key, &lower).is_eq(),
                "< :s" => compare(&key, &lower).is_lt(),
                "<= :s" => compare(&key, &lower).is_le(),
                "> :s" => compare(&key, &lower).is_gt(),
                ">= :s" => compare(&key, &lower).is_ge(),
                "begins_with" => bytes(&key).starts_with(&bytes(&lower)),
                _ => compare(&key, &lower).is_ge() && compare(&key, &upper).is_le(),
            };
            let range = condition.bind(&schema).unwrap();
            assert_eq!(range.contains(&encoded), expected, "{key:?} {expression} {lower:?} {upper:?}");
            let range = condition.bind_in_index(&index.key_schema(&table)).unwrap();
            assert_eq!(range.contains(&entry), expected, "entry {key:?} {expression} {lower:?} {upper:?}");
        }
    }
}

fn random_key(random: &mut fastrand::Rng, key_type: KeyType) -> Value {
    let length = random.usize(1..4);
    match key_type {
        KeyType::String => Value::S((0..length).map(|_| ['a', 'b', '\u{0}', 'é'][random.usize(0..4)]).collect()),
        KeyType::Number => Value::N(Number::parse(&random.i32(-20..20).to_string()).unwrap()),
        KeyType::Binary => Value::B((0..length).map(|_| [0, 1, 254, 255][random.usize(0..4)]).collect()),
    }
}

fn map(entries: &[(&str, &Value)]) -> Item {
    let map: BTreeMap<String, Value> =
        entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).clone())).collect();
    Item::from_value_map(&map).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::S(text) => text.clone().into_bytes(),
        Value::B(bytes) => bytes.clone(),
        other => panic!("{other:?} has no beginning"),
    }
}

fn compare(left: &Value, right: &Value) -> std::cmp::Ordering {
    match (left, right) {
        (Value::N(left), Value::N(right)) => left.cmp(right),
        (left, right) => bytes(left).cmp(&bytes(right)),
    }
}
