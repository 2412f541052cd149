//! UpdateItem, and the parameters from before expressions: JSON to the model's request.

mod door;

use std::collections::BTreeMap;

use door::call;
use model::operation::*;
use model::*;

fn check(operation: &str, body: &str, expect: Request) {
    assert_eq!(call(operation, body), Ok(expect), "{operation} {body}");
}

fn text(text: &'static str) -> Option<Text> {
    Some(Text::from_static(text))
}

fn map(name: &str, value: Value) -> Attributes {
    Attributes::Valid(Item::from_value_map(&BTreeMap::from([(name.to_owned(), value)])).expect("a legal item"))
}

fn single(value: &str) -> Attributes {
    map(SINGLE_VALUE_NAME, Value::S(value.to_owned()))
}

fn unfit(message: &'static str) -> Attributes {
    Attributes::invalid(Text::from_static(SINGLE_VALUE_NAME), Error::validation(message))
}

const EMPTY: &str = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes";

#[test]
fn updates() {
    check("UpdateItem", "{}", Request::UpdateItem(Box::default()));
    check(
        "UpdateItem",
        r##"{"TableName":"abc","Key":{"pk":{"S":"x"}},"UpdateExpression":"SET #a = :v","ConditionExpression":"b",
            "ExpressionAttributeNames":{"#a":"c"},"ExpressionAttributeValues":{":v":{"N":"1"}},"ReturnValues":"ALL_NEW",
            "ReturnConsumedCapacity":"INDEXES","ReturnItemCollectionMetrics":"SIZE",
            "ReturnValuesOnConditionCheckFailure":"ALL_OLD","Unheard":[]}"##,
        Request::UpdateItem(Box::new(UpdateItem {
            table_name: text("abc"),
            key: map("pk", Value::S("x".to_owned())),
            update_expression: text("SET #a = :v"),
            attribute_updates: None,
            return_values: Choice::Known(ReturnValues::AllNew),
            return_consumed_capacity: Choice::Known(ReturnConsumedCapacity::Indexes),
            return_item_collection_metrics: Choice::Known(ReturnItemCollectionMetrics::Size),
            conditional: ConditionalWrite {
                condition_expression: text("b"),
                expression_attribute_names: Some(vec![(Text::from("#a"), Text::from("c"))]),
                expression_attribute_values: map(":v", Value::N(Number::parse("1").expect("a number"))),
                return_values_on_condition_check_failure: Choice::Known(ReturnValuesOnConditionCheckFailure::AllOld),
                ..ConditionalWrite::default()
            },
        })),
    );
    let update = |action, value| AttributeUpdate { action, value };
    check(
        "UpdateItem",
        r#"{"AttributeUpdates":{"a":{"Action":"ADD","Value":{"S":"old"}},"b":{"Action":"x"},"c":{},"d":null,
            "a":{"Action":"PUT","Value":{"S":"new"}},"e":{"Value":{}},"f":{"Value":{"N":"1","S":"2"}},"g":{"Value":null}}}"#,
        Request::UpdateItem(Box::new(UpdateItem {
            attribute_updates: Some(vec![
                (Text::from("a"), update(Choice::Known(AttributeAction::Put), single("new"))),
                (Text::from("b"), update(Choice::Unknown("x".to_owned()), Attributes::Absent)),
                (Text::from("c"), AttributeUpdate::default()),
                (Text::from("d"), AttributeUpdate::default()),
                (Text::from("e"), update(Choice::Absent, unfit(EMPTY))),
                (
                    Text::from("f"),
                    update(
                        Choice::Absent,
                        unfit(
                            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the \
                             supported datatypes",
                        ),
                    ),
                ),
                (Text::from("g"), AttributeUpdate::default()),
            ]),
            ..UpdateItem::default()
        })),
    );
}

#[test]
fn expected_attributes() {
    let expected = vec![
        (Text::from("a"), ExpectedAttribute { exists: Some(true), value: single("x"), ..ExpectedAttribute::default() }),
        (
            Text::from("b"),
            ExpectedAttribute {
                comparison_operator: Choice::Known(ComparisonOperator::In),
                // A list has no place for what is not given.
                attribute_value_list: Some(vec![single("y"), unfit(EMPTY), unfit(EMPTY)]),
                ..ExpectedAttribute::default()
            },
        ),
        (Text::from("c"), ExpectedAttribute::default()),
    ];
    let conditional = ConditionalWrite {
        expected: Some(expected),
        conditional_operator: Choice::Known(ConditionalOperator::Or),
        ..ConditionalWrite::default()
    };
    let body = r#"{"Expected":{"a":{"Exists":"true","Value":{"S":"x"}},"b":{"ComparisonOperator":"IN",
        "AttributeValueList":[{"S":"y"},{},null]},"c":{"Unheard":0}},"ConditionalOperator":"OR"}"#;
    let boxed = Some(Box::new(conditional.clone()));
    check("PutItem", body, Request::PutItem(PutItem { conditional: boxed.clone(), ..PutItem::default() }));
    check("DeleteItem", body, Request::DeleteItem(DeleteItem { conditional: boxed, ..DeleteItem::default() }));
    check("UpdateItem", body, Request::UpdateItem(Box::new(UpdateItem { conditional, ..UpdateItem::default() })));
}

#[test]
fn conditions_of_reads() {
    let condition = |comparison_operator, attribute_value_list| LegacyCondition {
        comparison_operator: Choice::Known(comparison_operator),
        attribute_value_list,
    };
    let filter = vec![
        (Text::from("a"), condition(ComparisonOperator::NotNull, None)),
        (Text::from("b"), condition(ComparisonOperator::Between, Some(vec![single("x"), single("y")]))),
        (Text::from("c"), LegacyCondition { attribute_value_list: Some(Vec::new()), ..LegacyCondition::default() }),
    ];
    let json = r#"{"a":{"ComparisonOperator":"NOT_NULL"},"b":{"AttributeValueList":[{"S":"x"},{"S":"y"}],
        "ComparisonOperator":"BETWEEN"},"c":{"AttributeValueList":[]}}"#;
    check(
        "Query",
        &format!(
            r#"{{"KeyConditions":{{"pk":{{"ComparisonOperator":"EQ","AttributeValueList":[{{"S":"z"}}]}}}},
                "QueryFilter":{json},"AttributesToGet":["a",null],"ConditionalOperator":"AND"}}"#
        ),
        Request::Query(Box::new(Query {
            key_conditions: Some(vec![(Text::from("pk"), condition(ComparisonOperator::Eq, Some(vec![single("z")])))]),
            query_filter: Some(filter.clone()),
            attributes_to_get: Some(vec![Text::from("a"), Text::default()]),
            conditional_operator: Choice::Known(ConditionalOperator::And),
            ..Query::default()
        })),
    );
    check(
        "Scan",
        &format!(r#"{{"ScanFilter":{json},"AttributesToGet":[],"ConditionalOperator":"XOR"}}"#),
        Request::Scan(Box::new(Scan {
            scan_filter: Some(filter),
            attributes_to_get: Some(Vec::new()),
            conditional_operator: Choice::Unknown("XOR".to_owned()),
            ..Scan::default()
        })),
    );
}

#[test]
fn values_that_no_attribute_can_have() {
    let value = |json: &str| match call("UpdateItem", format!(r#"{{"AttributeUpdates":{{"a":{{"Value":{json}}}}}}}"#)) {
        Ok(Request::UpdateItem(update)) => update.attribute_updates.expect("one").remove(0).1.value,
        other => panic!("{json}: {other:?}"),
    };
    let check = |json: &str, message: &str| match value(json) {
        Attributes::Invalid(invalid) => {
            assert_eq!((&invalid.attribute_name[..], &invalid.error.message[..]), (SINGLE_VALUE_NAME, message));
        }
        other => panic!("{json}: {other:?}"),
    };
    check(r#"{"SS":[]}"#, "One or more parameter values were invalid: An string set  may not be empty");
    check(r#"{"L":[{"M":{"x":{}}}]}"#, EMPTY);
    check(r#"{"N":"x"}"#, "The parameter cannot be converted to a numeric value: x");
    check(r#"{"L":[{"N":""},{"S":"a"}]}"#, "The parameter cannot be converted to a numeric value");
    // The next value of the same request is read as if nothing had been.
    let body = r#"{"AttributeUpdates":{"a":{"Value":{"L":[{"M":{"x":{"N":"y"}}}]}},"b":{"Value":{"S":"z"}}}}"#;
    let Ok(Request::UpdateItem(update)) = call("UpdateItem", body) else { panic!("a request") };
    let updates = update.attribute_updates.expect("two");
    assert!(matches!(updates[0].1.value, Attributes::Invalid(_)));
    assert_eq!(updates[1].1.value, single("z"));
}
