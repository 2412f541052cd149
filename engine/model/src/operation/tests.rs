//! Requests at the room's door: what `validate()` lets pass, and DynamoDB's exact answer to the rest.

use std::collections::BTreeMap;

use super::*;
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

fn key(partition: &str) -> Attributes {
    attributes(&[("pk", string(partition))])
}

fn invalid(message: &'static str) -> Attributes {
    Attributes::invalid(Text::from("bad"), Error::validation(message))
}

fn unknown<T>() -> Choice<T> {
    Choice::Unknown("x".to_owned())
}

#[track_caller]
fn check(request: Request, expected: &str) {
    let message = request.validate().err().map(|error| error.message.into_owned()).unwrap_or_default();
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
    check(
        PutItem { refused: Some("ConditionExpression"), has_expression_attribute_values: true, ..put() },
        "Stator does not support the parameter ConditionExpression of PutItem yet",
    );
    check(
        PutItem { has_expression_attribute_names: true, has_expression_attribute_values: true, ..put() },
        &format!("1 validation error detected: {NAMES_WITHOUT_EXPRESSION}"),
    );
    check(
        PutItem { has_expression_attribute_values: true, ..put() },
        "1 validation error detected: ExpressionAttributeValues can only be specified when using expressions: \
         ConditionExpression is null",
    );
    check(PutItem { item: invalid(EMPTY_SET), ..put() }, &format!("1 validation error detected: {EMPTY_SET}"));
    check(PutItem { item: invalid(NO_TYPE), ..put() }, NO_TYPE);
    check(
        PutItem { return_values: Choice::Known(ReturnValues::AllNew), ..put() },
        "1 validation error detected: ReturnValues can only be ALL_OLD or NONE",
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
    check(
        GetItem { refused: Some("ProjectionExpression"), has_expression_attribute_names: true, ..get() },
        "Stator does not support the parameter ProjectionExpression of GetItem yet",
    );
    check(GetItem { has_expression_attribute_names: true, ..get() }, NAMES_WITHOUT_EXPRESSION);
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
    check(
        DeleteItem { refused: Some("Expected"), ..delete() },
        "Stator does not support the parameter Expected of DeleteItem yet",
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

    let reply = GetItem { return_consumed_capacity: total.clone(), ..get() }.reply(None);
    assert_eq!((reply.item, units(reply.consumed)), (None, Some(0.5)));
    let reply = GetItem { return_consumed_capacity: total.clone(), consistent_read: true, ..get() };
    assert_eq!(units(reply.reply(Some(large.clone())).consumed), Some(2.0));
    assert_eq!(get().reply(Some(small.clone())), GetItemReply { item: Some(small.clone()), consumed: None });

    let request = PutItem { return_consumed_capacity: total.clone(), ..put() };
    let reply = request.reply(Some(large.clone()), small.as_ref());
    assert_eq!((reply.attributes, units(reply.consumed)), (None, Some(5.0)));
    let request = PutItem { return_values: Choice::Known(ReturnValues::AllOld), ..put() };
    assert_eq!(request.reply(Some(large.clone()), small.as_ref()).attributes, Some(large.clone()));
    assert_eq!(request.reply(None, small.as_ref()).attributes, None);

    let request = DeleteItem { return_consumed_capacity: total, ..delete() };
    assert_eq!(units(request.reply(None).consumed), Some(1.0));
    let request = DeleteItem { return_values: Choice::Known(ReturnValues::AllOld), ..delete() };
    assert_eq!(request.reply(Some(large.clone())).attributes, Some(large));
}

fn query() -> Query {
    Query {
        table_name: text("table"),
        key_condition_expression: text("pk = :p"),
        expression_attribute_values: attributes(&[(":p", string("a"))]),
        ..Query::default()
    }
}

#[test]
fn query_parameters() {
    let check = |request: Query, expected: &str| check(Request::Query(Box::new(request)), expected);
    check(query(), "");
    check(
        Query { limit: Some(0), ..query() },
        "1 validation error detected: Value at 'Limit' failed to satisfy constraint: Member must have value greater \
         than or equal to 1",
    );
    check(
        Query { select: unknown(), return_consumed_capacity: unknown(), ..query() },
        "2 validation errors detected: Value 'x' at 'select' failed to satisfy constraint: Member must satisfy enum \
         value set: [SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]; Value 'x' at \
         'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy enum value set: [INDEXES, TOTAL, \
         NONE]",
    );
    check(
        Query { refused: Some("FilterExpression"), ..query() },
        "Stator does not support the parameter FilterExpression of Query yet",
    );
    let bare = || Query { key_condition_expression: None, expression_attribute_values: Attributes::Absent, ..query() };
    check(bare(), "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.");
    check(Query { expression_attribute_names: Some(vec![]), ..bare() }, NAMES_WITHOUT_EXPRESSION);
    check(
        Query { expression_attribute_values: key("a"), ..bare() },
        "ExpressionAttributeValues can only be specified when using expressions: FilterExpression and \
         KeyConditionExpression are null",
    );
    check(
        Query {
            expression_attribute_values: Attributes::invalid(Text::from(":p"), Error::validation(NO_TYPE)),
            ..query()
        },
        &format!("ExpressionAttributeValues contains invalid value: {NO_TYPE} for key :p"),
    );
    check(
        Query { exclusive_start_key: invalid(NO_TYPE), ..query() },
        &format!("The provided starting key is invalid: {NO_TYPE}"),
    );
    let bad_number = "The parameter cannot be converted to a numeric value: b";
    check(Query { exclusive_start_key: invalid(bad_number), ..query() }, bad_number);
    check(
        Query { select: Choice::Known(Select::AllProjectedAttributes), ..query() },
        "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName",
    );
    check(
        Query { select: Choice::Known(Select::SpecificAttributes), ..query() },
        "1 validation error detected: Must specify the AttributesToGet or ProjectionExpression when choosing to get \
         SPECIFIC_ATTRIBUTES",
    );
    check(
        Query { key_condition_expression: text("pk = :x"), ..query() },
        "Invalid KeyConditionExpression: An expression attribute value used in expression is not defined; attribute \
         value: :x",
    );
}

fn schema(sort_type: Option<KeyType>) -> KeySchema {
    KeySchema {
        partition_key: KeyAttribute { name: "pk".to_owned(), key_type: KeyType::String },
        sort_key: sort_type.map(|key_type| KeyAttribute { name: "sk".to_owned(), key_type }),
    }
}

#[test]
fn a_query_starts_where_it_can_have_come_to() {
    #[track_caller]
    fn check(condition: &str, start: &[(&str, Value)], expected: &str) {
        let request = Query {
            key_condition_expression: text(condition),
            expression_attribute_values: if condition.contains(":s") {
                attributes(&[(":p", string("a")), (":s", number("5"))])
            } else {
                attributes(&[(":p", string("a"))])
            },
            exclusive_start_key: attributes(start),
            ..query()
        };
        assert_eq!(request.validate(), Ok(()));
        let outcome = request.bind(&schema(Some(KeyType::Number)));
        assert_eq!(outcome.err().map(|error| error.message.into_owned()).unwrap_or_default(), expected);
    }
    let start = |partition: &str, sort: &str| [("pk", string(partition)), ("sk", number(sort))];
    check("pk = :p", &start("a", "1"), "");
    check("pk = :p AND sk > :s", &start("a", "6"), "");
    check("pk = :p AND sk = :s", &start("a", "5"), "");
    let invalid = "The provided starting key is invalid";
    check("pk = :p", &[], invalid);
    check("pk = :p", &[("pk", string("a"))], invalid);
    check("pk = :p", &[("pk", string("a")), ("other", number("1"))], invalid);
    check("pk = :p", &[("pk", string("a")), ("sk", number("1")), ("other", number("1"))], invalid);
    let mismatch = "The provided key element does not match the schema";
    check("pk = :p", &[("pk", string("a")), ("sk", string("1"))], mismatch);
    check("another = :p", &[("pk", number("1")), ("sk", number("1"))], mismatch);
    check("another = :p", &start("a", "1"), "Query condition missed key schema element: pk");
    check(
        "pk = :p",
        &start("b", "1"),
        "The provided starting key is outside query boundaries based on provided conditions",
    );
    check("pk = :p AND sk > :s", &start("b", "5"), "The provided starting key does not match the range key predicate");
    check("pk = :p AND sk > :s", &start("b", "6"), "The query can return at most one row and cannot be restarted");
}

fn scan() -> Scan {
    Scan { table_name: text("table"), ..Scan::default() }
}

#[test]
fn scan_parameters() {
    let check = |request: Scan, expected: &str| check(Request::Scan(Box::new(request)), expected);
    let segments = |segment, total_segments| Scan { segment, total_segments, ..scan() };
    check(scan(), "");
    check(segments(Some(0), Some(1)), "");
    check(segments(Some(999_999), Some(1_000_000)), "");
    check(
        segments(Some(0), None),
        "The TotalSegments parameter is required but was not present in the request when Segment parameter is present",
    );
    check(
        segments(None, Some(4)),
        "The Segment parameter is required but was not present in the request when parameter TotalSegments is present",
    );
    check(
        segments(Some(5), Some(5)),
        "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 5 is not less \
         than TotalSegments: 5",
    );
    check(
        Scan { limit: Some(0), ..scan() },
        "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value \
         greater than or equal to 1",
    );
    check(
        segments(Some(-1), Some(1_000_001)),
        "2 validation errors detected: Value '1000001' at 'totalSegments' failed to satisfy constraint: Member must \
         have value less than or equal to 1000000; Value '-1' at 'segment' failed to satisfy constraint: Member must \
         have value greater than or equal to 0",
    );
    check(Scan { refused: Some("IndexName"), ..scan() }, "Stator does not support the parameter IndexName of Scan yet");
    check(Scan { has_expression_attribute_names: true, ..scan() }, NAMES_WITHOUT_EXPRESSION);
    check(
        Scan { has_expression_attribute_values: true, ..scan() },
        "ExpressionAttributeValues can only be specified when using expressions: FilterExpression is null",
    );
    check(
        Scan { select: Choice::Known(Select::SpecificAttributes), ..scan() },
        "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES",
    );
    check(
        Scan { exclusive_start_key: invalid(NO_TYPE), ..scan() },
        &format!("The provided starting key is invalid: {NO_TYPE}"),
    );
}

#[test]
fn segments_share_the_hashes_without_a_gap() {
    for total in [1, 2, 3, 7, 4096, 1_000_000] {
        let range = |segment| {
            Scan { segment: Some(segment), total_segments: Some(total), ..scan() }.bind(&schema(None)).unwrap()
        };
        assert_eq!((range(0).first.0, range(total - 1).last.0), (0, u64::MAX));
        for segment in (1..total).step_by(usize::try_from(total / 7 + 1).unwrap()) {
            assert_eq!(range(segment - 1).last.0 + 1, range(segment).first.0, "{segment} of {total}");
        }
    }
}

#[test]
fn a_scan_starts_in_its_own_segment() {
    let schema = schema(None);
    let bind = |segment, start: &[(&str, Value)]| {
        let start = Scan { exclusive_start_key: attributes(start), ..scan() };
        Scan { segment: Some(segment), total_segments: Some(2), ..start }.bind(&schema)
    };
    let outcomes: Vec<bool> = (0..32)
        .map(|index| {
            let start = [("pk", string(&index.to_string()))];
            let [lower, upper] = [bind(0, &start), bind(1, &start)];
            assert!(lower.is_ok() != upper.is_ok());
            let refused = if lower.is_ok() { (1, upper) } else { (0, lower) };
            assert_eq!(
                refused.1.unwrap_err().message,
                format!(
                    "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey \
                     with correct Segment. TotalSegments: 2 Segment: {}",
                    refused.0
                )
            );
            refused.0 == 0
        })
        .collect();
    assert!(outcomes.contains(&true) && outcomes.contains(&false), "keys spread over both segments");
    let mismatch = "The provided starting key is invalid: The provided key element does not match the schema";
    for bad in [&[][..], &[("pk", number("1"))], &[("pk", string("a")), ("sk", string("a"))]] {
        assert_eq!(bind(0, bad).unwrap_err().message, mismatch);
    }
}

#[test]
fn a_page_ends_at_its_limit_or_at_one_megabyte() {
    let small = item(&[("pk", string("x"))]);
    let mut page = query().page();
    assert!((0..1000).all(|_| page.push(small.clone())) && !page.is_full());
    let mut page = Query { limit: Some(2), ..query() }.page();
    assert_eq!((page.push(small.clone()), page.remaining_count(), page.push(small.clone())), (true, 1, false));
    let request = Query { return_consumed_capacity: Choice::Known(ReturnConsumedCapacity::Total), ..query() };
    let reply = request.reply(page, Some(small.clone()));
    assert_eq!((reply.count, reply.scanned_count, reply.items.unwrap().len()), (2, 2, 2));
    assert_eq!(reply.consumed.unwrap().capacity_units.as_f64(), 0.5);
    assert_eq!(reply.last_evaluated_key, Some(small));

    // 2 bytes of name and 102 398 of value: the eleventh item reaches 1 MB and is in the page.
    let large = item(&[("pk", string(&"x".repeat(102_398)))]);
    let mut page = Scan { select: Choice::Known(Select::Count), consistent_read: true, ..scan() }.page();
    let pushed = (1..).find(|_| !page.push(large.clone()));
    assert_eq!((pushed, page.capacity_units(true).as_f64()), (Some(11), 275.0));
    let reply = scan().reply(page, None);
    assert_eq!((reply.items, reply.count, reply.consumed), (None, 11, None));
}

#[test]
fn batch_get_item() {
    let check = |tables: Vec<(&str, KeysAndAttributes)>, expected: &str| {
        let request_items = Some(tables.into_iter().map(|(name, wanted)| (Text::from(name), wanted)).collect());
        check(Request::BatchGetItem(BatchGetItem { request_items, ..BatchGetItem::default() }), expected);
    };
    let keys = |range: std::ops::Range<usize>| KeysAndAttributes {
        keys: Some(range.map(|index| key(&index.to_string())).collect()),
        ..KeysAndAttributes::default()
    };
    let required = "The requestItems parameter is required for BatchGetItem";
    super::tests::check(Request::BatchGetItem(BatchGetItem::default()), required);
    check(vec![], required);
    check(vec![("table", keys(0..100))], "");
    check(
        vec![("table", keys(0..101))],
        "1 validation error detected: Value at 'RequestItems.table.member.Keys' failed to satisfy constraint: Member \
         must have length less than or equal to 100",
    );
    check(vec![("table", keys(0..60)), ("other", keys(0..60))], "Too many items requested for the BatchGetItem call");
    check(
        vec![("table", KeysAndAttributes::default()), ("other", keys(0..0))],
        "2 validation errors detected: Value null at 'requestItems.table.member.keys' failed to satisfy constraint: \
         Member must not be null; Value '[]' at 'requestItems.other.member.keys' failed to satisfy constraint: Member \
         must have length greater than or equal to 1",
    );
    check(
        vec![("a!", keys(0..1))],
        "1 validation error detected: Value '{a!=...}' at 'requestItems' failed to satisfy constraint: Map keys must \
         satisfy constraint: [Member must have length less than or equal to 255, Member must have length greater than \
         or equal to 3, Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+]",
    );
    let twice = KeysAndAttributes { keys: Some(vec![key("a"), key("b"), key("a")]), ..keys(0..0) };
    check(vec![("table", twice)], "Provided list of item keys contains duplicates");
    check(
        vec![("table", KeysAndAttributes { refused: Some("AttributesToGet"), ..keys(0..1) })],
        "Stator does not support the parameter AttributesToGet of BatchGetItem yet",
    );
    check(
        vec![("table", KeysAndAttributes { has_expression_attribute_names: true, ..keys(0..1) })],
        NAMES_WITHOUT_EXPRESSION,
    );
    check(vec![("table", KeysAndAttributes { keys: Some(vec![invalid(NO_TYPE)]), ..keys(0..0) })], NO_TYPE);
}

#[test]
fn batch_write_item() {
    let check = |tables: Vec<(&str, Vec<WriteRequest>)>, expected: &str| {
        let request_items = Some(tables.into_iter().map(|(name, writes)| (Text::from(name), writes)).collect());
        check(Request::BatchWriteItem(BatchWriteItem { request_items, ..BatchWriteItem::default() }), expected);
    };
    let puts = |count: usize| (0..count).map(|index| WriteRequest::Put(key(&index.to_string()))).collect::<Vec<_>>();
    let required = "The requestItems parameter is required for BatchWriteItem";
    super::tests::check(Request::BatchWriteItem(BatchWriteItem::default()), required);
    check(vec![], required);
    check(vec![("table", puts(25))], "");
    let length = |shown: &str| {
        format!(
            "1 validation error detected: Value '{{table=[{shown}]}}' at 'requestItems' failed to satisfy constraint: \
             Map value must satisfy constraint: [Member must have length less than or equal to 25, Member must have \
             length greater than or equal to 1]"
        )
    };
    check(vec![("table", puts(26))], &length("..."));
    check(vec![("table", puts(0))], &length(""));
    check(vec![("table", puts(13)), ("other", puts(13))], "Too many items requested for the BatchWriteItem call");
    check(
        vec![("table", vec![WriteRequest::Put(key("a")), WriteRequest::Delete(Attributes::Absent)])],
        "1 validation error detected: Value null at 'requestItems.table.member.2.member.deleteRequest.key' failed to \
         satisfy constraint: Member must not be null",
    );
    for write in [WriteRequest::Neither, WriteRequest::Both] {
        check(
            vec![("table", vec![write])],
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported \
             datatypes",
        );
    }
    check(vec![("table", vec![WriteRequest::Put(invalid(EMPTY_SET))])], EMPTY_SET);
    check(vec![("table", vec![WriteRequest::Delete(invalid(NO_TYPE))])], NO_TYPE);
    let oversized = WriteRequest::Put(attributes(&[("pk", string(&"x".repeat(409_600)))]));
    check(vec![("table", vec![oversized])], "Item size has exceeded the maximum allowed size");
}

#[test]
fn batch_keys_are_encoded_and_distinct() {
    let schema = schema(None);
    let encode = |write: WriteRequest| {
        let mut encoded = Vec::new();
        write.encode_key(&schema, &mut encoded).map(|_| encoded).map_err(|error| error.message.into_owned())
    };
    let put = encode(WriteRequest::Put(attributes(&[("pk", string("a")), ("other", number("1"))]))).unwrap();
    let delete = encode(WriteRequest::Delete(key("a"))).unwrap();
    assert_eq!(put, delete);
    let other = encode(WriteRequest::Delete(key("b"))).unwrap();
    assert_eq!(check_distinct_keys(&mut [&put, &other]), Ok(()));
    let duplicate = check_distinct_keys(&mut [&put, &other, &delete]).unwrap_err();
    assert_eq!(duplicate.message, "Provided list of item keys contains duplicates");
    let mismatch = Err("The provided key element does not match the schema".to_owned());
    assert_eq!(encode(WriteRequest::Put(attributes(&[("pk", number("1"))]))), mismatch);
    assert_eq!(encode(WriteRequest::Put(attributes(&[("other", string("a"))]))), mismatch);
    assert_eq!(encode(WriteRequest::Delete(attributes(&[("pk", string("a")), ("x", string("a"))]))), mismatch);
}

#[test]
fn table_operations_need_a_name() {
    let required = "The parameter 'TableName' is required but was not present in the request";
    check(Request::DescribeTable(DescribeTable::default()), required);
    check(Request::DeleteTable(DeleteTable::default()), required);
    check(Request::DescribeTimeToLive(DescribeTimeToLive::default()), required);
    check(Request::DescribeContinuousBackups(DescribeContinuousBackups::default()), required);
    check(Request::DescribeTable(DescribeTable { table_name: text("table") }), "");
    check(Request::DescribeEndpoints(DescribeEndpoints), "");
}

#[test]
fn tags_are_listed_by_arn() {
    let request = |arn: Option<&str>| ListTagsOfResource { resource_arn: arn.map(Text::from), next_token: None };
    let check = |arn: Option<&str>, expected: &str| check(Request::ListTagsOfResource(request(arn)), expected);
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/Users";
    check(Some(arn), "");
    check(None, "Invalid TableArn");
    check(Some("Users"), "Invalid TableArn: Invalid ResourceArn provided as input Users");
    assert_eq!(Request::ListTagsOfResource(request(Some(arn))).table_name(), Some(Ok("Users")));
    let elsewhere = "arn:aws:dynamodb:eu-west-1:000000000000:table/Users";
    let error = request(Some(elsewhere)).resolve().unwrap_err();
    assert_eq!(error.message, format!("Requested resource not found: ResourcArn: {elsewhere} not found"));
}

#[test]
fn a_request_knows_its_table() {
    assert_eq!(Request::GetItem(get()).table_name(), Some(Ok("table")));
    let arn = GetItem { table_name: text("arn:aws:dynamodb:us-east-1:000000000000:table/Users"), ..get() };
    assert_eq!(Request::GetItem(arn).table_name(), Some(Ok("Users")));
    assert_eq!(Request::ListTables(ListTables::default()).table_name(), None);
}
