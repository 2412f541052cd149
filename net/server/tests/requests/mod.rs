//! Random requests of the data operations as JSON: every parameter, mostly right and sometimes wrong.
//!
//! Few names, keys and values, so that requests meet the items of other requests. Expressions: `expressions.rs`.

mod expressions;

use expressions::{Placeholders, condition, key_condition, projection, update};
use fastrand::Rng;
use serde_json::{Map, Value as Json, json};

/// The operations, each as probable as the others.
pub(crate) const OPERATIONS: [&str; 8] =
    ["PutItem", "UpdateItem", "GetItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem"];

/// The tables that requests go to: one with a sort key and a local index, one without.
pub(crate) const TABLES: [&str; 2] = ["things", "simple"];

/// The local index of the first table.
const INDEX: &str = "by-text";

const OPERATORS: [&str; 13] = [
    "EQ",
    "NE",
    "IN",
    "LE",
    "LT",
    "GE",
    "GT",
    "BETWEEN",
    "NOT_NULL",
    "NULL",
    "CONTAINS",
    "NOT_CONTAINS",
    "BEGINS_WITH",
];

/// The body that creates a table.
pub(crate) fn create_table(name: &str) -> String {
    let definition = |name: &str, attribute_type: &str| json!({"AttributeName": name, "AttributeType": attribute_type});
    let keys = |sort_key: &str| json!([{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": sort_key, "KeyType": "RANGE"}]);
    if name.ends_with(TABLES[1]) {
        return json!({"TableName": name, "BillingMode": "PAY_PER_REQUEST", "AttributeDefinitions":
            [definition("pk", "S")], "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]})
        .to_string();
    }
    let index = json!({"IndexName": INDEX, "KeySchema": keys("t"),
        "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["a"]}});
    json!({"TableName": name, "BillingMode": "PAY_PER_REQUEST", "KeySchema": keys("sk"),
        "AttributeDefinitions": [definition("pk", "S"), definition("sk", "N"), definition("t", "S")],
        "LocalSecondaryIndexes": [index]})
    .to_string()
}

/// A random request: its operation and its body. The names of its tables begin with `prefix`.
pub(crate) fn request(random: &mut Rng, prefix: &str) -> (&'static str, String) {
    let operation = pick(random, &OPERATIONS);
    let mut body = Map::new();
    if one_in(random, 2) {
        let choice = token(random, &["INDEXES", "TOTAL", "NONE"]);
        body.insert("ReturnConsumedCapacity".to_owned(), choice);
    }
    match operation {
        "BatchGetItem" => batch_get(random, prefix, &mut body),
        "BatchWriteItem" => batch_write(random, prefix, &mut body),
        _ => single_table(random, operation, prefix, &mut body),
    }
    (operation, Json::Object(body).to_string())
}

fn single_table(random: &mut Rng, operation: &str, prefix: &str, body: &mut Map<String, Json>) {
    let table = pick(random, &TABLES);
    let name = if one_in(random, 100) { "absent".to_owned() } else { format!("{prefix}{table}") };
    body.insert("TableName".to_owned(), Json::String(name));
    match operation {
        "PutItem" => drop(body.insert("Item".to_owned(), item(random, table))),
        "UpdateItem" | "DeleteItem" | "GetItem" => drop(body.insert("Key".to_owned(), key(random, table))),
        _ => {}
    }
    match operation {
        "GetItem" => {
            selection(random, body);
            consistent_read(random, body);
        }
        "PutItem" | "DeleteItem" | "UpdateItem" => write(random, operation, body),
        _ => read_many(random, operation, table, body),
    }
}

/// The parameters of the three writes of one item.
fn write(random: &mut Rng, operation: &str, body: &mut Map<String, Json>) {
    if one_in(random, 2) {
        let tokens = ["ALL_OLD", "NONE", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW"];
        let known = if operation == "UpdateItem" || one_in(random, 10) { &tokens[..] } else { &tokens[..2] };
        body.insert("ReturnValues".to_owned(), token(random, known));
    }
    if one_in(random, 3) {
        body.insert("ReturnItemCollectionMetrics".to_owned(), token(random, &["SIZE", "NONE"]));
    }
    if one_in(random, 3) {
        body.insert("ReturnValuesOnConditionCheckFailure".to_owned(), token(random, &["ALL_OLD", "NONE"]));
    }
    let is_legacy = one_in(random, 4);
    let mut placeholders = Placeholders::default();
    if operation == "UpdateItem" && !one_in(random, 10) {
        if is_legacy {
            body.insert("AttributeUpdates".to_owned(), by_name(random, attribute_update));
        } else {
            let text = update(random, &mut placeholders);
            body.insert("UpdateExpression".to_owned(), Json::String(text));
        }
    }
    if one_in(random, 2) {
        // Rarely both forms at once, which is refused.
        if is_legacy != one_in(random, 30) {
            body.insert("Expected".to_owned(), by_name(random, expected));
            conditional_operator(random, body);
        } else {
            let text = condition(random, &mut placeholders);
            body.insert("ConditionExpression".to_owned(), Json::String(text));
        }
    }
    placeholders.finish(random, body);
}

/// The parameters of Query and Scan.
fn read_many(random: &mut Rng, operation: &str, table: &str, body: &mut Map<String, Json>) {
    let mut placeholders = Placeholders::default();
    let is_legacy = one_in(random, 4);
    let has_index = (table == TABLES[0] && one_in(random, 3)) || one_in(random, 50);
    if has_index {
        body.insert("IndexName".to_owned(), Json::String(pick_rarely(random, INDEX, "absent").to_owned()));
    }
    if operation == "Query" {
        if is_legacy {
            body.insert("KeyConditions".to_owned(), key_conditions(random, table, has_index));
        } else {
            let sort_key = sort_key(table, has_index);
            let text = key_condition(random, sort_key, &mut placeholders);
            body.insert("KeyConditionExpression".to_owned(), Json::String(text));
        }
        maybe(random, body, "ScanIndexForward", |random| Json::Bool(random.bool()));
    } else if one_in(random, 4) {
        let segment_count = random.i64(1..5);
        let beyond = i64::from(one_in(random, 10));
        body.insert("TotalSegments".to_owned(), json!(segment_count));
        body.insert("Segment".to_owned(), json!(random.i64(0..segment_count + beyond)));
    }
    if one_in(random, 2) {
        let filter = if operation == "Query" { "QueryFilter" } else { "ScanFilter" };
        if is_legacy {
            body.insert(filter.to_owned(), by_name(random, legacy_condition));
            conditional_operator(random, body);
        } else {
            let text = condition(random, &mut placeholders);
            body.insert("FilterExpression".to_owned(), Json::String(text));
        }
    }
    if one_in(random, 3) {
        if is_legacy {
            body.insert("AttributesToGet".to_owned(), json!(attribute_names(random)));
        } else {
            let text = projection(random, &mut placeholders);
            body.insert("ProjectionExpression".to_owned(), Json::String(text));
        }
    }
    placeholders.finish(random, body);
    maybe(random, body, "Limit", |random| json!(if one_in(random, 20) { 0 } else { random.i64(1..20) }));
    let selects = ["ALL_ATTRIBUTES", "COUNT", "SPECIFIC_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES"];
    if one_in(random, 4) {
        body.insert("Select".to_owned(), token(random, &selects));
    }
    if one_in(random, 6) {
        let mut start = key(random, table);
        if has_index && let Some(start) = start.as_object_mut() {
            start.insert("t".to_owned(), json!({"S": short_text(random)}));
        }
        body.insert("ExclusiveStartKey".to_owned(), start);
    }
    consistent_read(random, body);
}

fn sort_key(table: &str, has_index: bool) -> Option<(&'static str, &'static str)> {
    match (table == TABLES[0], has_index) {
        (true, true) => Some(("t", "S")),
        (true, false) => Some(("sk", "N")),
        (false, _) => None,
    }
}

fn key_conditions(random: &mut Rng, table: &str, has_index: bool) -> Json {
    let mut conditions = Map::new();
    let partition_key = json!({"S": partition_key(random)});
    conditions.insert("pk".to_owned(), json!({"ComparisonOperator": "EQ", "AttributeValueList": [partition_key]}));
    if let Some((name, kind)) = sort_key(table, has_index)
        && random.bool()
    {
        let operator = pick(random, &["EQ", "LT", "LE", "GT", "GE", "BETWEEN", "BEGINS_WITH", "NE"]);
        let count = if operator == "BETWEEN" { 2 } else { 1 };
        let values: Vec<Json> = (0..count).map(|_| sort_value(random, kind)).collect();
        conditions.insert(name.to_owned(), json!({"ComparisonOperator": operator, "AttributeValueList": values}));
    }
    Json::Object(conditions)
}

fn batch_get(random: &mut Rng, prefix: &str, body: &mut Map<String, Json>) {
    let mut tables = Map::new();
    for table in TABLES {
        if one_in(random, 4) {
            continue;
        }
        let mut wanted = Map::new();
        let keys: Vec<Json> = (0..random.usize(1..8)).map(|_| key(random, table)).collect();
        // The same key twice is refused: mostly it is taken once.
        let mut distinct: Vec<Json> = Vec::new();
        for key in keys {
            if !distinct.contains(&key) || one_in(random, 30) {
                distinct.push(key);
            }
        }
        wanted.insert("Keys".to_owned(), Json::Array(distinct));
        consistent_read(random, &mut wanted);
        if one_in(random, 2) {
            selection(random, &mut wanted);
        }
        tables.insert(format!("{prefix}{table}"), Json::Object(wanted));
    }
    body.insert("RequestItems".to_owned(), Json::Object(tables));
}

fn batch_write(random: &mut Rng, prefix: &str, body: &mut Map<String, Json>) {
    let mut tables = Map::new();
    for table in TABLES {
        if one_in(random, 4) {
            continue;
        }
        let write = |random: &mut Rng| match random.u8(0..40) {
            0 => json!({}),
            1..20 => json!({"PutRequest": {"Item": item(random, table)}}),
            _ => json!({"DeleteRequest": {"Key": key(random, table)}}),
        };
        let writes: Vec<Json> = (0..random.usize(1..5)).map(|_| write(random)).collect();
        tables.insert(format!("{prefix}{table}"), Json::Array(writes));
    }
    if one_in(random, 2) {
        body.insert("ReturnItemCollectionMetrics".to_owned(), token(random, &["SIZE", "NONE"]));
    }
    body.insert("RequestItems".to_owned(), Json::Object(tables));
}

fn selection(random: &mut Rng, body: &mut Map<String, Json>) {
    let mut placeholders = Placeholders::default();
    match random.u8(0..6) {
        0 => drop(body.insert("AttributesToGet".to_owned(), json!(attribute_names(random)))),
        1 | 2 => {
            let text = projection(random, &mut placeholders);
            body.insert("ProjectionExpression".to_owned(), Json::String(text));
        }
        _ => {}
    }
    placeholders.finish_names(random, body);
}

fn consistent_read(random: &mut Rng, body: &mut Map<String, Json>) {
    maybe(random, body, "ConsistentRead", |random| Json::Bool(random.bool()));
}

fn conditional_operator(random: &mut Rng, body: &mut Map<String, Json>) {
    maybe(random, body, "ConditionalOperator", |random| token(random, &["AND", "OR"]));
}

fn attribute_update(random: &mut Rng) -> Json {
    let mut update = Map::new();
    maybe(random, &mut update, "Action", |random| token(random, &["PUT", "ADD", "DELETE"]));
    if !one_in(random, 8) {
        update.insert("Value".to_owned(), value(random, 1));
    }
    Json::Object(update)
}

fn expected(random: &mut Rng) -> Json {
    match random.u8(0..4) {
        0 => json!({"Exists": false}),
        1 => json!({"Value": value(random, 1)}),
        2 => json!({"Exists": true, "Value": value(random, 1)}),
        _ => legacy_condition(random),
    }
}

fn legacy_condition(random: &mut Rng) -> Json {
    let operator = pick(random, &OPERATORS);
    let count = match operator {
        "NULL" | "NOT_NULL" => 0,
        "BETWEEN" => 2,
        "IN" => random.usize(1..4),
        _ => 1,
    };
    let count = if one_in(random, 20) { count + 1 } else { count };
    let values: Vec<Json> = (0..count).map(|_| value(random, 1)).collect();
    json!({"ComparisonOperator": operator, "AttributeValueList": values})
}

/// One to three of the attributes, each with what `make` gives.
fn by_name(random: &mut Rng, make: impl Fn(&mut Rng) -> Json) -> Json {
    let names = attribute_names(random);
    Json::Object(names.into_iter().map(|name| (name.to_owned(), make(random))).collect())
}

fn attribute_names(random: &mut Rng) -> Vec<&'static str> {
    let mut names: Vec<&str> = (0..random.usize(1..4)).map(|_| pick(random, &["a", "b", "c", "t", "m"])).collect();
    if !one_in(random, 20) {
        names.sort_unstable();
        names.dedup();
    }
    names
}

fn key(random: &mut Rng, table: &str) -> Json {
    let mut key = Map::new();
    key.insert("pk".to_owned(), json!({"S": partition_key(random)}));
    if (table == TABLES[0]) != one_in(random, 60) {
        key.insert("sk".to_owned(), sort_value(random, "N"));
    }
    if one_in(random, 80) {
        key.insert("pk".to_owned(), value(random, 0));
    }
    Json::Object(key)
}

fn item(random: &mut Rng, table: &str) -> Json {
    let mut item = key(random, table);
    let attributes = item.as_object_mut().expect("a key is an object");
    for name in ["a", "b", "c", "m", "l"] {
        if random.bool() {
            attributes.insert(name.to_owned(), value(random, 2));
        }
    }
    if random.bool() {
        let text = json!({"S": short_text(random)});
        attributes.insert("t".to_owned(), if one_in(random, 30) { value(random, 0) } else { text });
    }
    item
}

fn partition_key(random: &mut Rng) -> &'static str {
    let often = pick(random, &["p", "q", "r"]);
    pick_rarely(random, often, "")
}

fn sort_value(random: &mut Rng, kind: &str) -> Json {
    if kind == "S" { json!({"S": short_text(random)}) } else { json!({"N": random.i32(0..4).to_string()}) }
}

fn short_text(random: &mut Rng) -> &'static str {
    pick(random, &["x", "xy", "y", "é€😀\"\\"])
}

/// An attribute value; one in fifty is none that an attribute can have.
pub(crate) fn value(random: &mut Rng, depth: usize) -> Json {
    if one_in(random, 50) {
        let unfit =
            [json!({}), json!({"N": "x"}), json!({"S": "a", "N": "1"}), json!({"SS": []}), json!({"NULL": false})];
        return pick(random, &unfit);
    }
    match random.u8(0..if depth == 0 { 9 } else { 12 }) {
        0..3 => json!({"S": short_text(random)}),
        3..5 => json!({"N": pick(random, &["0", "1", "2.50", "-3e2"])}),
        5 => json!({"B": pick(random, &["", "AQ==", "AQI="])}),
        6 => json!({"BOOL": random.bool()}),
        7 => json!({"NULL": true}),
        8 => pick(random, &[json!({"SS": ["x", "y"]}), json!({"NS": ["1", "2"]}), json!({"BS": ["AQ=="]})]),
        9 | 10 => json!({"M": {"x": value(random, depth - 1), "y": value(random, depth - 1)}}),
        _ => json!({"L": (0..random.usize(0..3)).map(|_| value(random, depth - 1)).collect::<Vec<_>>()}),
    }
}

/// One of the tokens, or rarely none of them.
fn token(random: &mut Rng, known: &[&str]) -> Json {
    let known = pick(random, known);
    Json::String(pick_rarely(random, known, "NEVER").to_owned())
}

fn maybe(random: &mut Rng, body: &mut Map<String, Json>, name: &str, make: impl FnOnce(&mut Rng) -> Json) {
    if one_in(random, 3) {
        body.insert(name.to_owned(), make(random));
    }
}

pub(crate) fn one_in(random: &mut Rng, count: u32) -> bool {
    random.u32(0..count) == 0
}

pub(crate) fn pick<T: Clone>(random: &mut Rng, choices: &[T]) -> T {
    choices[random.usize(0..choices.len())].clone()
}

fn pick_rarely<'a>(random: &mut Rng, often: &'a str, rarely: &'a str) -> &'a str {
    if one_in(random, 60) { rarely } else { often }
}
