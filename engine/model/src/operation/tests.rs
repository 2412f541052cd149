//! Requests at the room's door: what `validate()` lets pass, and DynamoDB's exact answer to the rest.

mod batches;
mod indexes;
mod legacy;
mod paging;
mod parameters;
mod sizes;
mod updates;

use std::collections::BTreeMap;

use super::*;
use crate::table::{IndexProjection, LocalIndex, TableDefinition};
use crate::{Item, KeyAttribute, KeySchema, KeyType, Number, Text, Value};

fn text(text: &str) -> Option<Text> {
    Some(Text::from(text))
}

fn string(text: &str) -> Value {
    Value::S(text.to_owned())
}

fn number(text: &str) -> Value {
    Value::N(Number::parse(text).unwrap())
}

fn item(attributes: &[(&str, Value)]) -> Item {
    let map: BTreeMap<String, Value> =
        attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Item::from_value_map(&map).unwrap()
}

fn attributes(attributes: &[(&str, Value)]) -> Attributes {
    Attributes::Valid(item(attributes))
}

/// The value of a legacy parameter.
fn single(value: Value) -> Attributes {
    attributes(&[(SINGLE_VALUE_NAME, value)])
}

fn key(partition: &str) -> Attributes {
    attributes(&[("pk", string(partition))])
}

fn invalid(message: &'static str) -> Attributes {
    Attributes::invalid(Text::from("bad"), Error::validation(message))
}

fn unknown<T>() -> Choice<T> {
    Choice::Unknown("x".to_owned())
}

/// A table of `pk` and `sk` with local indexes of these names, each by the string attribute of its name, that hold
/// all.
pub(crate) fn indexed_table(names: &[&str]) -> TableDefinition {
    let mut definition = TableDefinition::new("table", schema(Some(KeyType::String)));
    definition.local_indexes = names.iter().map(|name| local_index(name, IndexProjection::All)).collect();
    definition
}

fn local_index(name: &str, projection: IndexProjection) -> LocalIndex {
    let sort_key = KeyAttribute { name: name.to_owned(), key_type: KeyType::String };
    LocalIndex { name: name.to_owned(), sort_key, projection }
}

fn table(sort_type: Option<KeyType>) -> TableDefinition {
    TableDefinition::new("table", schema(sort_type))
}

fn schema(sort_type: Option<KeyType>) -> KeySchema {
    KeySchema {
        partition_key: KeyAttribute { name: "pk".to_owned(), key_type: KeyType::String },
        sort_key: sort_type.map(|key_type| KeyAttribute { name: "sk".to_owned(), key_type }),
    }
}

#[track_caller]
fn check(request: Request, expected: &str) {
    let message =
        request.validate(&mut Evaluator::new()).err().map(|error| error.message.into_owned()).unwrap_or_default();
    assert_eq!(message, expected, "{request:?}");
}

const EMPTY_SET: &str = "One or more parameter values were invalid: An string set  may not be empty";
const NO_TYPE: &str = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes";
const NAMES_WITHOUT_EXPRESSION: &str = "ExpressionAttributeNames can only be specified when using expressions";

fn put() -> PutItem {
    PutItem { table_name: text("table"), item: key("a"), ..PutItem::default() }
}

fn get() -> GetItem {
    GetItem { table_name: text("table"), key: key("a"), ..GetItem::default() }
}

fn delete() -> DeleteItem {
    DeleteItem { table_name: text("table"), key: key("a"), ..DeleteItem::default() }
}

#[test]
fn put_item() {
    let check = |request, expected: &str| check(Request::PutItem(request), expected);
    check(put(), "");
    check(PutItem { return_values: Choice::Known(ReturnValues::AllOld), ..put() }, "");
    // A bad table name is reported alone.
    check(
        PutItem { table_name: text(""), return_values: unknown(), item: Attributes::Absent, ..put() },
        "1 validation error detected: Value '' at 'tableName' failed to satisfy constraint: Member must have length \
         greater than or equal to 1",
    );
    check(
        PutItem { item: Attributes::Absent, ..put() },
        "1 validation error detected: Value null at 'item' failed to satisfy constraint: Member must not be null",
    );
    check(
        PutItem {
            return_consumed_capacity: unknown(),
            return_item_collection_metrics: unknown(),
            return_values: unknown(),
            ..put()
        },
        "3 validation errors detected: Value 'x' at 'returnConsumedCapacity' failed to satisfy constraint: Member \
         must satisfy enum value set: [INDEXES, TOTAL, NONE]; Value 'x' at 'returnValues' failed to satisfy \
         constraint: Member must satisfy enum value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]; Value \
         'x' at 'returnItemCollectionMetrics' failed to satisfy constraint: Member must satisfy enum value set: \
         [SIZE, NONE]",
    );
    check(PutItem { item: invalid(EMPTY_SET), ..put() }, EMPTY_SET);
    check(PutItem { item: invalid(NO_TYPE), ..put() }, NO_TYPE);
    check(
        PutItem { return_values: Choice::Known(ReturnValues::AllNew), ..put() },
        "ReturnValues can only be ALL_OLD or NONE",
    );
    let sized = |size: usize| attributes(&[("pk", string(&"x".repeat(size - 2)))]);
    check(PutItem { item: sized(409_600), ..put() }, "");
    check(PutItem { item: sized(409_601), ..put() }, "Item size has exceeded the maximum allowed size");
}

#[test]
fn get_item() {
    let check = |request, expected: &str| check(Request::GetItem(request), expected);
    check(get(), "");
    check(
        GetItem { table_name: text("ab"), ..get() },
        "TableName must be at least 3 characters long and at most 255 characters long",
    );
    check(
        GetItem { key: Attributes::Absent, return_consumed_capacity: unknown(), ..get() },
        "2 validation errors detected: Value 'x' at 'returnConsumedCapacity' failed to satisfy constraint: Member \
         must satisfy enum value set: [INDEXES, TOTAL, NONE]; Value null at 'key' failed to satisfy constraint: \
         Member must not be null",
    );
    check(GetItem { key: invalid(EMPTY_SET), ..get() }, EMPTY_SET);
}

#[test]
fn delete_item() {
    let check = |request, expected: &str| check(Request::DeleteItem(request), expected);
    check(delete(), "");
    check(
        DeleteItem { return_values: unknown(), return_consumed_capacity: unknown(), ..delete() },
        "2 validation errors detected: Value 'x' at 'returnConsumedCapacity' failed to satisfy constraint: Member \
         must satisfy enum value set: [INDEXES, TOTAL, NONE]; Value 'x' at 'returnValues' failed to satisfy \
         constraint: Member must satisfy enum value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]",
    );
    check(
        DeleteItem { key: Attributes::Absent, ..delete() },
        "1 validation error detected: Value null at 'key' failed to satisfy constraint: Member must not be null",
    );
    check(DeleteItem { key: invalid(NO_TYPE), ..delete() }, NO_TYPE);
    check(
        DeleteItem { return_values: Choice::Known(ReturnValues::UpdatedNew), ..delete() },
        "ReturnValues can only be ALL_OLD or NONE",
    );
}

#[test]
fn single_item_replies() {
    let total = Choice::Known(ReturnConsumedCapacity::Total);
    let units = |consumed: Option<ConsumedCapacity>| consumed.map(|consumed| consumed.capacity_units.as_f64());
    let large = item(&[("pk", string(&"x".repeat(5000)))]);
    let small = item(&[("pk", string("x"))]);

    let (evaluator, definition) = (&mut Evaluator::new(), &table(None));
    let (old, new) = (Some(large.as_ref()), Some(small.as_ref()));
    let effect = |old, new| WriteEffect { old, new, collection_bytes: None };

    let request = GetItem { return_consumed_capacity: total.clone(), ..get() };
    let reply = request.reply(evaluator, definition, None);
    assert_eq!((reply.item, units(reply.consumed)), (None, Some(0.5)));
    let request = GetItem { return_consumed_capacity: total.clone(), consistent_read: true, ..get() };
    assert_eq!(units(request.reply(evaluator, definition, old).consumed), Some(2.0));
    let reply = get().reply(evaluator, definition, new);
    assert_eq!(reply, GetItemReply { item: Some(small.clone()), consumed: None });

    let request = PutItem { return_consumed_capacity: total.clone(), ..put() };
    let reply = request.reply(evaluator, definition, effect(old, new));
    assert_eq!((reply.attributes, units(reply.consumed)), (None, Some(5.0)));
    let request = PutItem { return_values: Choice::Known(ReturnValues::AllOld), ..put() };
    assert_eq!(request.reply(evaluator, definition, effect(old, new)).attributes, Some(large.clone()));
    assert_eq!(request.reply(evaluator, definition, effect(None, new)).attributes, None);

    let request = DeleteItem { return_consumed_capacity: total, ..delete() };
    assert_eq!(units(request.reply(evaluator, definition, effect(None, None)).consumed), Some(1.0));
    let request = DeleteItem { return_values: Choice::Known(ReturnValues::AllOld), ..delete() };
    assert_eq!(request.reply(evaluator, definition, effect(old, None)).attributes, Some(large.clone()));
}

#[test]
fn table_operations_need_a_name() {
    let required = "The parameter 'TableName' is required but was not present in the request";
    check(Request::DescribeTable(DescribeTable::default()), required);
    check(Request::DeleteTable(DeleteTable::default()), required);
    check(Request::DescribeTimeToLive(DescribeTimeToLive::default()), required);
    check(Request::DescribeContinuousBackups(DescribeContinuousBackups::default()), required);
    check(Request::DescribeTable(DescribeTable { table_name: text("table") }), "");
    check(Request::DescribeEndpoints(DescribeEndpoints::default()), "");
}

#[test]
fn tags_are_listed_by_arn() {
    let request = |arn: Option<&str>| ListTagsOfResource { resource_arn: arn.map(Text::from), next_token: None };
    let check = |arn: Option<&str>, expected: &str| check(Request::ListTagsOfResource(request(arn)), expected);
    let arn = "arn:aws:dynamodb:us-east-1:123456789012:table/Users";
    check(Some(arn), "");
    check(None, "Invalid TableArn");
    check(Some("Users"), "Invalid TableArn: Invalid ResourceArn provided as input Users");
    assert_eq!(Request::ListTagsOfResource(request(Some(arn))).table_name(), Some(Ok("Users")));
    let elsewhere = "arn:aws:dynamodb:eu-west-1:123456789012:table/Users";
    let error = request(Some(elsewhere)).resolve().unwrap_err();
    assert_eq!(error.message, format!("Requested resource not found: ResourcArn: {elsewhere} not found"));
}

#[test]
fn a_request_knows_its_table() {
    assert_eq!(Request::GetItem(get()).table_name(), Some(Ok("table")));
    let arn = GetItem { table_name: text("arn:aws:dynamodb:us-east-1:123456789012:table/Users"), ..get() };
    assert_eq!(Request::GetItem(arn).table_name(), Some(Ok("Users")));
    assert_eq!(Request::ListTables(ListTables::default()).table_name(), None);
}
