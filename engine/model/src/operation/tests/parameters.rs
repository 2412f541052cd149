//! Parameters held against one another: both kinds in one request, placeholders, projections, `Select`.

use super::*;

/// Both kinds in one request.
fn mixed(legacy: &str, expressions: &str) -> String {
    format!(
        "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: \
         {{{legacy}}} Expression parameters: {{{expressions}}}"
    )
}

const WITHOUT_FILTER: &str = "ConditionalOperator cannot be used without Filter or Expected";
const TWO_OR_MORE: &str = "ConditionalOperator can only be used when Filter or Expected has two or more elements";

fn and() -> Choice<ConditionalOperator> {
    Choice::Known(ConditionalOperator::And)
}

fn condition(value: &str) -> LegacyCondition {
    let comparison_operator = Choice::Known(ComparisonOperator::Eq);
    LegacyCondition { comparison_operator, attribute_value_list: Some(vec![single(string(value))]) }
}

fn conditions(names: &[&str]) -> Option<Vec<(Text, LegacyCondition)>> {
    Some(names.iter().map(|name| (Text::from(*name), condition("x"))).collect())
}

fn expected(names: &[&str]) -> Option<Vec<(Text, ExpectedAttribute)>> {
    let expected = || ExpectedAttribute { exists: Some(false), ..ExpectedAttribute::default() };
    Some(names.iter().map(|name| (Text::from(*name), expected())).collect())
}

fn names(placeholder: &str) -> Option<Vec<(Text, Text)>> {
    Some(vec![(Text::from(placeholder), Text::from("name"))])
}

#[test]
fn writes_take_one_kind_of_condition() {
    let check = |conditional: ConditionalWrite, expected: &str| {
        let conditional = || Some(Box::new(conditional.clone()));
        check(Request::PutItem(PutItem { conditional: conditional(), ..put() }), expected);
        check(Request::DeleteItem(DeleteItem { conditional: conditional(), ..delete() }), expected);
    };
    let none = ConditionalWrite::default;
    let holds = || ConditionalWrite { condition_expression: text("attribute_exists(pk)"), ..none() };
    check(holds(), "");
    check(ConditionalWrite { expected: expected(&["a"]), ..none() }, "");
    check(ConditionalWrite { expected: expected(&["a"]), ..holds() }, &mixed("Expected", "ConditionExpression"));
    check(
        ConditionalWrite { expected: expected(&["a"]), conditional_operator: and(), ..holds() },
        &mixed("Expected, ConditionalOperator", "ConditionExpression"),
    );
    check(
        ConditionalWrite { conditional_operator: and(), ..holds() },
        &mixed("ConditionalOperator", "ConditionExpression"),
    );
    check(ConditionalWrite { conditional_operator: and(), ..none() }, WITHOUT_FILTER);
    check(ConditionalWrite { conditional_operator: and(), expected: Some(vec![]), ..none() }, WITHOUT_FILTER);
    check(ConditionalWrite { conditional_operator: and(), expected: expected(&["a"]), ..none() }, TWO_OR_MORE);
    check(ConditionalWrite { conditional_operator: and(), expected: expected(&["a", "b"]), ..none() }, "");
    let both = || ConditionalWrite {
        expression_attribute_names: names("#a"),
        expression_attribute_values: attributes(&[(":a", string("x"))]),
        ..none()
    };
    check(both(), NAMES_WITHOUT_EXPRESSION);
    check(
        ConditionalWrite { expression_attribute_names: None, ..both() },
        "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null",
    );
    check(
        ConditionalWrite {
            conditional_operator: unknown(),
            return_values_on_condition_check_failure: unknown(),
            ..none()
        },
        "2 validation errors detected: Value 'x' at 'conditionalOperator' failed to satisfy constraint: Member must \
         satisfy enum value set: [OR, AND]; Value 'x' at 'returnValuesOnConditionCheckFailure' failed to satisfy \
         constraint: Member must satisfy enum value set: [ALL_OLD, NONE]",
    );
}

#[test]
fn conditions_are_read_with_their_placeholders() {
    let check = |conditional: ConditionalWrite, expected: &str| {
        check(Request::PutItem(PutItem { conditional: Some(Box::new(conditional)), ..put() }), expected);
    };
    let of =
        |expression: &str| ConditionalWrite { condition_expression: text(expression), ..ConditionalWrite::default() };
    check(of(""), "Invalid ConditionExpression: The expression can not be empty;");
    check(of("a ="), "Invalid ConditionExpression: Syntax error; token: \"<EOF>\", near: \"=\"");
    check(
        of("a = :a"),
        "Invalid ConditionExpression: An expression attribute value used in expression is not defined; attribute value: \
         :a",
    );
    check(
        of("#a = a"),
        "Invalid ConditionExpression: An expression attribute name used in the document path is not defined; attribute \
         name: #a",
    );
    let exists = || of("attribute_exists(pk)");
    check(
        ConditionalWrite { expression_attribute_names: Some(vec![]), ..exists() },
        "ExpressionAttributeNames must not be empty",
    );
    check(
        ConditionalWrite { expression_attribute_values: attributes(&[]), ..exists() },
        "ExpressionAttributeValues must not be empty",
    );
    check(
        ConditionalWrite { expression_attribute_names: names("a"), ..exists() },
        "ExpressionAttributeNames contains invalid key: Syntax error; key: \"a\"",
    );
    let unused = || ConditionalWrite {
        expression_attribute_names: names("#a"),
        expression_attribute_values: attributes(&[(":a", string("x"))]),
        ..exists()
    };
    check(unused(), "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a}");
    check(
        ConditionalWrite { expression_attribute_names: None, ..unused() },
        "Value provided in ExpressionAttributeValues unused in expressions: keys: {:a}",
    );
    check(
        ConditionalWrite {
            expression_attribute_values: Attributes::invalid(Text::from(":a"), Error::validation(NO_TYPE)),
            ..exists()
        },
        &format!("ExpressionAttributeValues contains invalid value: {NO_TYPE} for key :a"),
    );
}

#[test]
fn writes_report_in_order() {
    let conditional = || {
        let expression = ConditionalWrite { condition_expression: text(""), ..ConditionalWrite::default() };
        Some(Box::new(expression))
    };
    let check = |request, expected: &str| check(Request::PutItem(request), expected);
    let request = || PutItem { conditional: conditional(), ..put() };
    let all_new = Choice::Known(ReturnValues::AllNew);
    check(PutItem { item: invalid(EMPTY_SET), return_values: all_new.clone(), ..request() }, EMPTY_SET);
    check(PutItem { return_values: all_new, ..request() }, "ReturnValues can only be ALL_OLD or NONE");
    let oversized = attributes(&[("pk", string(&"x".repeat(409_600)))]);
    check(PutItem { item: oversized, ..request() }, "Item size has exceeded the maximum allowed size");
    check(request(), "Invalid ConditionExpression: The expression can not be empty;");
}

#[test]
fn selections_of_attributes() {
    let check = |selection: AttributeSelection, expected: &str| {
        let selection = || Some(Box::new(selection.clone()));
        check(Request::GetItem(GetItem { selection: selection(), ..get() }), expected);
        let wanted = KeysAndAttributes { keys: Some(vec![key("a")]), selection: selection(), ..Default::default() };
        let request_items = Some(vec![(Text::from("table"), wanted)]);
        check(Request::BatchGetItem(BatchGetItem { request_items, ..BatchGetItem::default() }), expected);
    };
    let none = AttributeSelection::default;
    let expression = |expression: &str| AttributeSelection { projection_expression: text(expression), ..none() };
    let wanted = |names: &[&str]| Some(names.iter().map(|name| Text::from(*name)).collect());
    check(expression("a, b[1].c"), "");
    check(AttributeSelection { attributes_to_get: wanted(&["a", "b"]), ..none() }, "");
    check(
        AttributeSelection { attributes_to_get: wanted(&["a"]), ..expression("a") },
        &mixed("AttributesToGet", "ProjectionExpression"),
    );
    check(AttributeSelection { expression_attribute_names: names("#a"), ..none() }, NAMES_WITHOUT_EXPRESSION);
    check(
        AttributeSelection { attributes_to_get: wanted(&["a", "b", "a"]), ..none() },
        "One or more parameter values were invalid: Duplicate value in attribute name: a",
    );
    check(expression(""), "Invalid ProjectionExpression: The expression can not be empty;");
    check(expression("!!! INVALID !!!"), "Invalid ProjectionExpression: Syntax error; token: \"!\", near: \"!!\"");
    check(
        expression("a, a.b"),
        "Invalid ProjectionExpression: Two document paths overlap with each other; must remove or rewrite one of these \
         paths; path one: [a], path two: [a, b]",
    );
    check(
        AttributeSelection { expression_attribute_names: names("#a"), ..expression("a") },
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a}",
    );
}

#[test]
fn attributes_to_get_are_counted() {
    let selection = |count: usize| {
        let attributes_to_get = Some((0..count).map(|name| Text::from(name.to_string())).collect());
        Some(Box::new(AttributeSelection { attributes_to_get, ..AttributeSelection::default() }))
    };
    let check =
        |count, expected: &str| check(Request::GetItem(GetItem { selection: selection(count), ..get() }), expected);
    check(255, "");
    check(
        0,
        "1 validation error detected: Value '[]' at 'attributesToGet' failed to satisfy constraint: Member must have \
         length greater than or equal to 1",
    );
    let shown: Vec<String> = (0..256).map(|name| name.to_string()).collect();
    check(
        256,
        &format!(
            "1 validation error detected: Value '[{}]' at 'attributesToGet' failed to satisfy constraint: Member must \
             have length less than or equal to 255",
            shown.join(", ")
        ),
    );
}

#[test]
fn a_batch_selects_in_one_way() {
    let wanted = |selection| {
        let selection = Some(Box::new(selection));
        KeysAndAttributes { keys: Some(vec![key("a")]), selection, ..KeysAndAttributes::default() }
    };
    let expression = AttributeSelection { projection_expression: text("a"), ..AttributeSelection::default() };
    let legacy = AttributeSelection { attributes_to_get: Some(vec![Text::from("a")]), ..AttributeSelection::default() };
    let tables = vec![(Text::from("table"), wanted(expression)), (Text::from("other"), wanted(legacy))];
    check(
        Request::BatchGetItem(BatchGetItem { request_items: Some(tables), ..BatchGetItem::default() }),
        &mixed("AttributesToGet", "ProjectionExpression"),
    );
}

fn query() -> Query {
    Query {
        table_name: text("table"),
        key_condition_expression: text("pk = :p"),
        expression_attribute_values: attributes(&[(":p", string("a"))]),
        ..Query::default()
    }
}

fn bare_query() -> Query {
    Query { table_name: text("table"), ..Query::default() }
}

fn scan() -> Scan {
    Scan { table_name: text("table"), ..Scan::default() }
}

#[test]
fn queries_take_one_kind_of_parameters() {
    let check = |request: Query, expected: &str| check(Request::Query(Box::new(request)), expected);
    let wanted = || Some(vec![Text::from("a")]);
    check(
        bare_query(),
        "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.",
    );
    check(Query { key_conditions: conditions(&["pk"]), ..bare_query() }, "");
    check(
        Query {
            attributes_to_get: wanted(),
            key_conditions: conditions(&["pk"]),
            query_filter: conditions(&["a"]),
            conditional_operator: and(),
            filter_expression: text("a = :p"),
            projection_expression: text("b"),
            ..query()
        },
        &mixed(
            "AttributesToGet, QueryFilter, ConditionalOperator, KeyConditions",
            "ProjectionExpression, FilterExpression, KeyConditionExpression",
        ),
    );
    // Key conditions may go with an expression for something else.
    check(Query { key_conditions: conditions(&["pk"]), projection_expression: text("b"), ..bare_query() }, "");
    check(
        Query {
            key_conditions: conditions(&["pk"]),
            query_filter: conditions(&["a"]),
            projection_expression: text("b"),
            ..bare_query()
        },
        &mixed("QueryFilter", "ProjectionExpression"),
    );
    check(Query { conditional_operator: and(), ..bare_query() }, WITHOUT_FILTER);
    check(Query { conditional_operator: and(), key_conditions: conditions(&["pk"]), ..bare_query() }, WITHOUT_FILTER);
    check(
        Query { expression_attribute_values: attributes(&[(":v", string("x"))]), ..bare_query() },
        "ExpressionAttributeValues can only be specified when using expressions: FilterExpression and \
         KeyConditionExpression are null",
    );
    check(
        Query { filter_expression: text("#missing = :p"), ..query() },
        "Invalid FilterExpression: An expression attribute name used in the document path is not defined; attribute \
         name: #missing",
    );
    check(
        Query { index_name: text("i!"), ..query() },
        "2 validation errors detected: Value 'i!' at 'indexName' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: [a-zA-Z0-9_.-]+; Value 'i!' at 'indexName' failed to satisfy constraint: Member \
         must have length greater than or equal to 3",
    );
    check(
        Query {
            attributes_to_get: Some(vec![Text::from("a"), Text::from("a")]),
            key_conditions: conditions(&["pk"]),
            ..bare_query()
        },
        "One or more parameter values were invalid: Duplicate value in attribute name: a",
    );
}

#[test]
fn scans_take_one_kind_of_parameters() {
    let check = |request: Scan, expected: &str| check(Request::Scan(Box::new(request)), expected);
    check(Scan { scan_filter: conditions(&["a"]), attributes_to_get: Some(vec![Text::from("a")]), ..scan() }, "");
    check(
        Scan { conditional_operator: and(), filter_expression: text("a = :v"), ..scan() },
        &mixed("ConditionalOperator", "FilterExpression"),
    );
    check(
        Scan {
            attributes_to_get: Some(vec![Text::from("a")]),
            scan_filter: conditions(&["a"]),
            conditional_operator: and(),
            filter_expression: text("a = :v"),
            projection_expression: text("b"),
            ..scan()
        },
        &mixed("AttributesToGet, ScanFilter, ConditionalOperator", "ProjectionExpression, FilterExpression"),
    );
    check(Scan { conditional_operator: and(), ..scan() }, WITHOUT_FILTER);
    check(Scan { conditional_operator: and(), scan_filter: conditions(&["a"]), ..scan() }, TWO_OR_MORE);
    check(Scan { expression_attribute_names: names("#a"), ..scan() }, NAMES_WITHOUT_EXPRESSION);
    check(
        Scan {
            projection_expression: text("a"),
            expression_attribute_values: attributes(&[(":v", string("x"))]),
            ..scan()
        },
        "ExpressionAttributeValues can only be specified when using expressions: FilterExpression is null",
    );
    check(
        Scan { filter_expression: text("a +"), ..scan() },
        "Invalid FilterExpression: Syntax error; token: \"+\", near: \"a +\"",
    );
}

#[test]
fn select_fits_projection_and_index() {
    let check = |select, projection: Option<&str>, index: Option<&str>, expected: &str| {
        let select = Choice::Known(select);
        let (projection_expression, index_name) = (projection.map(Text::from), index.map(Text::from));
        let scan = Scan {
            select: select.clone(),
            projection_expression: projection_expression.clone(),
            index_name: index_name.clone(),
            ..scan()
        };
        check(Request::Scan(Box::new(scan)), expected);
        let query = Query { select, projection_expression, index_name, ..query() };
        let enveloped = format!("1 validation error detected: {expected}");
        check(Request::Query(Box::new(query)), if expected.is_empty() { "" } else { &enveloped });
    };
    for select in [Select::AllAttributes, Select::Count] {
        check(select, None, None, "");
        check(select, None, Some("index"), "");
    }
    check(Select::SpecificAttributes, Some("a"), None, "");
    check(Select::AllProjectedAttributes, None, Some("index"), "");
    check(
        Select::SpecificAttributes,
        None,
        None,
        "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES",
    );
    check(
        Select::AllProjectedAttributes,
        None,
        None,
        "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName",
    );
    for (select, wanted) in [
        (Select::AllAttributes, "ALL_ATTRIBUTES"),
        (Select::AllProjectedAttributes, "ALL_PROJECTED_ATTRIBUTES"),
        (Select::Count, "only the Count"),
    ] {
        let expected = format!("Cannot specify the ProjectionExpression when choosing to get {wanted}");
        check(select, Some("a"), Some("index"), &expected);
    }
}
