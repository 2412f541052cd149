//! The parameters from before there were expressions: what may be asked, and what is meant by it.

use super::*;

use ComparisonOperator::{BeginsWith, Between, Contains, Eq, Ge, Gt, In, Le, Lt, Ne, NotContains, NotNull, Null};

fn list(values: &[Value]) -> Option<Vec<Attributes>> {
    Some(values.iter().map(|value| single(value.clone())).collect())
}

fn strings(values: &[&str]) -> Vec<Value> {
    values.iter().map(|value| string(value)).collect()
}

fn string_set() -> Value {
    Value::Ss(["a".to_owned()].into())
}

fn condition(operator: ComparisonOperator, values: &[Value]) -> LegacyCondition {
    LegacyCondition { comparison_operator: Choice::Known(operator), attribute_value_list: list(values) }
}

fn expect(operator: ComparisonOperator, values: &[Value]) -> ExpectedAttribute {
    ExpectedAttribute {
        comparison_operator: Choice::Known(operator),
        attribute_value_list: list(values),
        ..ExpectedAttribute::default()
    }
}

fn invalid_parameter(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!("One or more parameter values were invalid: {detail}") }
}

#[test]
fn operands_fit_their_operator() {
    let check = |operator, values: &[Value], expected: &str| {
        let named = |condition| Some(vec![(Text::from("a"), condition)]);
        let scan =
            Scan { table_name: text("table"), scan_filter: named(condition(operator, values)), ..Scan::default() };
        check(Request::Scan(Box::new(scan)), expected);
        let query = Query {
            table_name: text("table"),
            key_conditions: Some(vec![(Text::from("pk"), condition(Eq, &strings(&["a"])))]),
            query_filter: named(condition(operator, values)),
            ..Query::default()
        };
        super::check(Request::Query(Box::new(query)), expected);
        let expected_attributes = Some(vec![(Text::from("a"), expect(operator, values))]);
        let conditional = ConditionalWrite { expected: expected_attributes, ..ConditionalWrite::default() };
        super::check(Request::PutItem(PutItem { conditional: Some(Box::new(conditional)), ..put() }), expected);
    };
    let count =
        |operator| invalid_parameter(&format!("Invalid number of argument(s) for the {operator} ComparisonOperator"));
    for operator in [Eq, Ne, Le, Lt, Ge, Gt, Contains, NotContains, BeginsWith] {
        check(operator, &strings(&["a"]), "");
        check(operator, &[], &count(operator.token()));
        check(operator, &strings(&["a", "b"]), &count(operator.token()));
    }
    for operator in [Null, NotNull] {
        check(operator, &[], "");
        check(operator, &strings(&["a"]), &count(operator.token()));
    }
    check(In, &strings(&["a", "b", "c"]), "");
    check(In, &[], &count("IN"));
    check(Between, &strings(&["a", "b"]), "");
    check(Between, &strings(&["a"]), &count("BETWEEN"));
    check(
        In,
        &[string("a"), number("1")],
        &invalid_parameter("AttributeValues inside AttributeValueList must be of same type"),
    );
    check(Eq, &[string_set()], "");
    check(Ne, &[Value::Bool(true)], "");
    for (operator, value, token) in [
        (Gt, string_set(), "SS"),
        (BeginsWith, number("1"), "N"),
        (Contains, Value::Null, "NULL"),
        (In, Value::Bool(true), "BOOL"),
    ] {
        let detail = format!("ComparisonOperator {} is not valid for {token} AttributeValue type", operator.token());
        check(operator, &[value], &invalid_parameter(&detail));
    }
    check(
        Between,
        &[number("2"), number("1")],
        "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound",
    );
}

#[test]
fn operators_are_constrained() {
    let nothing = || Some(vec![(Text::from("a"), LegacyCondition::default())]);
    let wrong = || {
        Some(vec![(Text::from("b"), LegacyCondition { comparison_operator: unknown(), ..LegacyCondition::default() })])
    };
    let set = "[IN, NULL, BETWEEN, LT, NOT_CONTAINS, EQ, GT, NOT_NULL, NE, LE, BEGINS_WITH, GE, CONTAINS]";
    let query = Query {
        table_name: text("table"),
        query_filter: nothing(),
        key_conditions: wrong(),
        conditional_operator: unknown(),
        ..Query::default()
    };
    check(
        Request::Query(Box::new(query)),
        &format!(
            "3 validation errors detected: Value null at 'queryFilter.a.member.comparisonOperator' failed to satisfy \
             constraint: Member must not be null; Value 'x' at 'conditionalOperator' failed to satisfy constraint: Member \
             must satisfy enum value set: [OR, AND]; Value 'x' at 'keyConditions.b.member.comparisonOperator' failed to \
             satisfy constraint: Member must satisfy enum value set: {set}"
        ),
    );
    let expected =
        vec![(Text::from("a"), ExpectedAttribute { comparison_operator: unknown(), ..ExpectedAttribute::default() })];
    let conditional = ConditionalWrite { expected: Some(expected), ..ConditionalWrite::default() };
    let action = AttributeUpdate { action: unknown(), ..AttributeUpdate::default() };
    let update = UpdateItem {
        table_name: text("table"),
        key: key("a"),
        attribute_updates: Some(vec![(Text::from("b"), action)]),
        conditional,
        ..UpdateItem::default()
    };
    check(
        Request::UpdateItem(Box::new(update)),
        &format!(
            "2 validation errors detected: Value 'x' at 'expected.a.member.comparisonOperator' failed to satisfy \
             constraint: Member must satisfy enum value set: {set}; Value 'x' at 'attributeUpdates.b.member.action' failed \
             to satisfy constraint: Member must satisfy enum value set: [ADD, PUT, DELETE]"
        ),
    );
}

#[test]
fn members_of_expected_go_together() {
    let check = |attribute: ExpectedAttribute, detail: &str| {
        let expected = Some(vec![(Text::from("a"), attribute)]);
        let conditional = ConditionalWrite { expected, ..ConditionalWrite::default() };
        let request = DeleteItem { conditional: Some(Box::new(conditional)), ..delete() };
        check(Request::DeleteItem(request), &invalid_parameter(detail));
    };
    let none = ExpectedAttribute::default;
    let value = || single(string("x"));
    let eq = || ExpectedAttribute { comparison_operator: Choice::Known(Eq), ..none() };
    check(ExpectedAttribute { value: value(), ..none() }, "");
    check(ExpectedAttribute { value: value(), exists: Some(true), ..none() }, "");
    check(ExpectedAttribute { exists: Some(false), ..none() }, "");
    check(ExpectedAttribute { value: value(), ..eq() }, "");
    check(none(), "Value must be provided when Exists is null for Attribute: a");
    check(
        ExpectedAttribute { exists: Some(true), ..none() },
        "Value must be provided when Exists is true for Attribute: a",
    );
    check(
        ExpectedAttribute { exists: Some(false), value: value(), ..none() },
        "Value cannot be used when Exists is false for Attribute: a",
    );
    check(
        ExpectedAttribute { value: value(), attribute_value_list: list(&strings(&["x"])), ..eq() },
        "Value and AttributeValueList cannot be used together for Attribute: a",
    );
    check(
        ExpectedAttribute { attribute_value_list: list(&strings(&["x"])), ..none() },
        "AttributeValueList can only be used with a ComparisonOperator for Attribute: a",
    );
    check(
        ExpectedAttribute { exists: Some(true), value: value(), ..eq() },
        "Exists and ComparisonOperator cannot be used together for Attribute: a",
    );
    check(eq(), "Value or AttributeValueList must be used with ComparisonOperator: EQ for Attribute: a");
}

#[test]
fn actions_fit_their_values() {
    let check = |action: Option<AttributeAction>, value: Option<Value>, detail: &str| {
        let action = action.map_or(Choice::Absent, Choice::Known);
        let update = AttributeUpdate { action, value: value.map_or(Attributes::Absent, single) };
        let request = UpdateItem {
            table_name: text("table"),
            key: key("a"),
            attribute_updates: Some(vec![(Text::from("a"), update)]),
            ..UpdateItem::default()
        };
        check(Request::UpdateItem(Box::new(request)), &invalid_parameter(detail));
    };
    let (put, add, delete) = (AttributeAction::Put, AttributeAction::Add, AttributeAction::Delete);
    check(None, Some(string("a")), "");
    check(Some(put), Some(Value::Null), "");
    check(Some(delete), None, "");
    check(Some(delete), Some(string_set()), "");
    for value in [number("1"), string_set(), Value::L(vec![])] {
        check(Some(add), Some(value), "");
    }
    for action in [None, Some(put), Some(add)] {
        check(action, None, "Only DELETE action is allowed when no attribute value is specified");
    }
    check(Some(delete), Some(string("a")), "DELETE action with value is not supported for the type S");
    check(Some(add), Some(string("a")), "ADD action is not supported for the type S");
}

/// Whether a condition lets a write to an item pass.
fn holds(conditional: ConditionalWrite, old: Option<&Item>) -> bool {
    let evaluator = &mut Evaluator::new();
    let request = DeleteItem { conditional: Some(Box::new(conditional)), ..delete() };
    assert_eq!(Request::DeleteItem(request.clone()).validate(evaluator), Ok(()));
    match request.check_condition(evaluator, &table(None), old.map(Item::as_ref)) {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(
                (error.kind, &error.message[..]),
                (crate::ErrorKind::ConditionalCheckFailed, "The conditional request failed")
            );
            false
        }
    }
}

#[test]
fn expected_is_what_it_says() {
    let old = item(&[("pk", string("a")), ("n", number("5")), ("s", string("hello")), ("set", string_set())]);
    let check = |name: &str, attribute: ExpectedAttribute, expected: bool| {
        let expected_attributes = Some(vec![(Text::from(name), attribute.clone())]);
        let conditional = ConditionalWrite { expected: expected_attributes, ..ConditionalWrite::default() };
        assert_eq!(holds(conditional, Some(&old)), expected, "{name} {attribute:?}");
    };
    let none = ExpectedAttribute::default;
    check("n", ExpectedAttribute { value: single(number("5.0")), ..none() }, true);
    check("n", ExpectedAttribute { value: single(string("5")), ..none() }, false);
    check("n", ExpectedAttribute { exists: Some(false), ..none() }, false);
    check("other", ExpectedAttribute { exists: Some(false), ..none() }, true);
    check("n", expect(Between, &[number("4"), number("5")]), true);
    check("n", expect(In, &[number("4"), number("6")]), false);
    check("n", expect(Ne, &[number("6")]), true);
    check("s", expect(BeginsWith, &strings(&["he"])), true);
    check("s", expect(Contains, &strings(&["ll"])), true);
    check("set", expect(NotContains, &strings(&["b"])), true);
    check("n", expect(NotNull, &[]), true);
    check("other", expect(Null, &[]), true);

    let two = |operator| ConditionalWrite {
        expected: Some(vec![
            (Text::from("n"), expect(Gt, &[number("4")])),
            (Text::from("s"), expect(Eq, &strings(&["other"]))),
        ]),
        conditional_operator: operator,
        ..ConditionalWrite::default()
    };
    assert!(!holds(two(Choice::Absent), Some(&old)));
    assert!(!holds(two(Choice::Known(ConditionalOperator::And)), Some(&old)));
    assert!(holds(two(Choice::Known(ConditionalOperator::Or)), Some(&old)));
    assert!(!holds(two(Choice::Known(ConditionalOperator::Or)), None));
    assert!(holds(ConditionalWrite { expected: Some(vec![]), ..ConditionalWrite::default() }, None));
}

#[test]
fn the_item_is_told_when_it_was_asked_for() {
    let old = item(&[("pk", string("a"))]);
    let told = |asked, old: Option<&Item>| {
        let conditional = ConditionalWrite {
            condition_expression: text("pk = :other"),
            expression_attribute_values: attributes(&[(":other", string("b"))]),
            return_values_on_condition_check_failure: asked,
            ..ConditionalWrite::default()
        };
        let request = PutItem { conditional: Some(Box::new(conditional)), ..put() };
        let outcome = request.check_condition(&mut Evaluator::new(), &table(None), old.map(Item::as_ref));
        outcome.unwrap_err().detail.map(|detail| *detail)
    };
    let all_old = || Choice::Known(ReturnValuesOnConditionCheckFailure::AllOld);
    assert_eq!(told(Choice::Absent, Some(&old)), None);
    assert_eq!(told(all_old(), None), None);
    assert_eq!(told(all_old(), Some(&old)), Some(crate::ErrorDetail::Item(old.clone())));
}

#[test]
fn key_conditions_are_bound() {
    let schema = Some(KeyType::Number);
    let check = |conditions: &[(&str, LegacyCondition)], expected: &str| {
        let key_conditions =
            conditions.iter().map(|(name, condition)| (Text::from(*name), condition.clone())).collect();
        let request = Query { table_name: text("table"), key_conditions: Some(key_conditions), ..Query::default() };
        let evaluator = &mut Evaluator::new();
        let outcome = request.validate(evaluator).and_then(|()| request.bind(evaluator, &table(schema)));
        let message = outcome.err().map(|error| error.message.into_owned()).unwrap_or_default();
        assert_eq!(message, expected, "{conditions:?}");
    };
    let partition = || ("pk", condition(Eq, &strings(&["a"])));
    check(&[partition()], "");
    for (operator, values) in [(Between, &[number("1"), number("2")][..]), (Le, &[number("1")]), (Eq, &[number("1")])] {
        check(&[partition(), ("sk", condition(operator, values))], "");
    }
    check(&[], "Conditions can be of length 1 or 2 only");
    let third = ("x", condition(Eq, &strings(&["a"])));
    check(
        &[partition(), ("sk", condition(Eq, &[number("1")])), third.clone()],
        "Conditions can be of length 1 or 2 only",
    );
    check(std::slice::from_ref(&third), "Query condition missed key schema element: pk");
    check(&[partition(), third], "Query condition missed key schema element: sk");
    check(
        &[partition(), ("sk", condition(Ne, &[number("1")]))],
        "Attempted conditional constraint is not an indexable operation",
    );
    check(
        &[("pk", condition(Eq, &[number("1")]))],
        "One or more parameter values were invalid: Condition parameter type does not match schema type",
    );
    check(&[("pk", condition(Gt, &strings(&["a"])))], "Query key condition not supported");
}
