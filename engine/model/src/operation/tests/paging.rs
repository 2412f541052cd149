//! Query and Scan: their parameters, where a page starts and where it ends.

use super::*;

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
        "1 validation error detected: ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName",
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
        assert_eq!(request.validate(&mut Evaluator::new()), Ok(()));
        let outcome = request.bind(&mut Evaluator::new(), &table(Some(KeyType::Number)));
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

#[test]
fn a_page_goes_on_in_the_direction_of_its_query() {
    let schema = schema(Some(KeyType::Number));
    let encoded = |sort: &str| {
        let mut encoded = Vec::new();
        let key = item(&[("pk", string("a")), ("sk", number(sort))]);
        schema.encode_key(key.as_ref(), &mut encoded).unwrap();
        encoded
    };
    let start = || attributes(&[("pk", string("a")), ("sk", number("5"))]);
    let in_range = |scan_index_forward, exclusive_start_key| {
        let range = Query { scan_index_forward, exclusive_start_key, ..query() }
            .bind(&mut Evaluator::new(), &table(Some(KeyType::Number)))
            .unwrap();
        ["4", "5", "6"].map(|sort| range.keys.contains(&encoded(sort)))
    };
    assert_eq!(in_range(true, Attributes::Absent), [true, true, true]);
    assert_eq!(in_range(true, start()), [false, false, true]);
    assert_eq!(in_range(false, start()), [true, false, false]);
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
            Scan { segment: Some(segment), total_segments: Some(total), ..scan() }
                .bind(&mut Evaluator::new(), &table(None))
                .unwrap()
        };
        assert_eq!((range(0).hashes.first().0, range(total - 1).hashes.last().0), (0, u64::MAX));
        for segment in (1..total).step_by(usize::try_from(total / 7 + 1).unwrap()) {
            let before = range(segment - 1).hashes.last().0;
            assert_eq!(before + 1, range(segment).hashes.first().0, "{segment} of {total}");
        }
    }
}

#[test]
fn a_scan_starts_in_its_own_segment() {
    let bind = |segment, start: &[(&str, Value)]| {
        let start = Scan { exclusive_start_key: attributes(start), ..scan() };
        Scan { segment: Some(segment), total_segments: Some(2), ..start }.bind(&mut Evaluator::new(), &table(None))
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
    let (evaluator, definition) = (&mut Evaluator::new(), &table(None));
    let range = query().bind(evaluator, definition).unwrap();
    let small = item(&[("pk", string("x"))]);
    let mut read = |request: &Query, page: &mut PageBuilder| {
        request.reader(evaluator, definition, &range).read(
            evaluator,
            (small.as_ref(), small.as_ref().size_bytes()),
            page,
        )
    };
    let mut page = query().page();
    assert!((0..1000).all(|_| read(&query(), &mut page)) && !page.is_full());
    let request =
        Query { limit: Some(2), return_consumed_capacity: Choice::Known(ReturnConsumedCapacity::Total), ..query() };
    let mut page = request.page();
    assert_eq!((read(&request, &mut page), read(&request, &mut page)), (true, false));
    let reply = request.reply(definition, &range, page, Some(small.clone()));
    assert_eq!((reply.count, reply.scanned_count, reply.items.unwrap().len()), (2, 2, 2));
    assert_eq!(reply.consumed.unwrap().capacity_units.as_f64(), 0.5);
    assert_eq!(reply.last_evaluated_key, Some(small));

    // 2 bytes of name and 102 398 of value: the eleventh item reaches 1 MB and is in the page.
    let large = item(&[("pk", string(&"x".repeat(102_398)))]);
    let request = Scan { select: Choice::Known(Select::Count), consistent_read: true, ..scan() };
    let mut page = request.page();
    let mut reader = request.reader(evaluator, definition, None);
    let pushed = (1..).find(|_| !reader.read(evaluator, (large.as_ref(), large.as_ref().size_bytes()), &mut page));
    assert_eq!((pushed, request.units(&page, None).total().as_f64()), (Some(11), 275.0));
    let reply = scan().reply(definition, None, page, None);
    assert_eq!((reply.items, reply.count, reply.consumed), (None, 11, None));
}
