//! UpdateItem: what it may ask, what it makes of an item, what it replies.

use super::*;
use crate::ErrorKind;

fn update() -> UpdateItem {
    UpdateItem { table_name: text("table"), key: key("a"), ..UpdateItem::default() }
}

fn update_with(expression: &str, values: &[(&str, Value)]) -> UpdateItem {
    let expression_attribute_values = if values.is_empty() { Attributes::Absent } else { attributes(values) };
    let conditional = ConditionalWrite { expression_attribute_values, ..ConditionalWrite::default() };
    UpdateItem { update_expression: text(expression), conditional, ..update() }
}

#[test]
fn update_item_parameters() {
    let check = |request: UpdateItem, expected: &str| check(Request::UpdateItem(Box::new(request)), expected);
    let one = || [(":v", string("x"))];
    check(update(), "");
    check(update_with("SET a = :v", &one()), "");
    check(
        UpdateItem { table_name: text(""), return_values: unknown(), ..update() },
        "1 validation error detected: Value '' at 'tableName' failed to satisfy constraint: Member must have length \
         greater than or equal to 1",
    );
    check(
        UpdateItem {
            key: Attributes::Absent,
            return_values: unknown(),
            return_consumed_capacity: unknown(),
            ..update()
        },
        "3 validation errors detected: Value 'x' at 'returnConsumedCapacity' failed to satisfy constraint: Member must \
         satisfy enum value set: [INDEXES, TOTAL, NONE]; Value 'x' at 'returnValues' failed to satisfy constraint: Member \
         must satisfy enum value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]; Value null at 'key' failed to \
         satisfy constraint: Member must not be null",
    );
    let legacy = AttributeUpdate { value: single(string("x")), ..AttributeUpdate::default() };
    let legacy = || Some(vec![(Text::from("a"), legacy.clone())]);
    check(
        UpdateItem { attribute_updates: legacy(), ..update_with("SET a = :v", &one()) },
        "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: \
         {AttributeUpdates} Expression parameters: {UpdateExpression}",
    );
    let values = ConditionalWrite { expression_attribute_values: attributes(&one()), ..ConditionalWrite::default() };
    check(
        UpdateItem { conditional: values, ..update() },
        "ExpressionAttributeValues can only be specified when using expressions: UpdateExpression and \
         ConditionExpression are null",
    );
    check(UpdateItem { key: invalid(EMPTY_SET), ..update_with("", &[]) }, EMPTY_SET);
    check(update_with("", &[]), "Invalid UpdateExpression: The expression can not be empty;");
    check(
        update_with("INVALID SYNTAX HERE", &one()),
        "Invalid UpdateExpression: Syntax error; token: \"INVALID\", near: \"INVALID SYNTAX\"",
    );
    check(
        update_with("SET a = :v", &[]),
        "Invalid UpdateExpression: An expression attribute value used in expression is not defined; attribute value: :v",
    );
    check(
        update_with("SET a = :v", &[(":v", string("x")), (":unused", string("x"))]),
        "Value provided in ExpressionAttributeValues unused in expressions: keys: {:unused}",
    );
    // A placeholder is used if either expression uses it; the update is read first.
    let both = |update_expression: &str, condition: &str| {
        let mut request = update_with(update_expression, &[(":v", string("x")), (":w", string("x"))]);
        request.conditional.condition_expression = text(condition);
        request
    };
    check(both("SET a = :v", "a = :w"), "");
    check(both("SET a =", "a ="), "Invalid UpdateExpression: Syntax error; token: \"<EOF>\", near: \"=\"");
    for return_values in [ReturnValues::AllNew, ReturnValues::UpdatedOld, ReturnValues::UpdatedNew] {
        check(UpdateItem { return_values: Choice::Known(return_values), ..update() }, "");
    }
}

/// What an update makes of an item in a table with the key `pk`, `sk` and an index by the string `i`.
fn apply(request: &UpdateItem, old: Option<&Item>) -> Result<Option<Item>, String> {
    let (evaluator, mut definition) = (&mut Evaluator::new(), indexed_table(&["i"]));
    definition.local_indexes[0].projection = IndexProjection::KeysOnly;
    let old = old.map(Item::as_ref);
    let told = |error: crate::Error| error.message.into_owned();
    request.validate(evaluator).map_err(told)?;
    request.check_condition(evaluator, &definition, old).map_err(told)?;
    let updated = request.apply(evaluator, &definition, old).map_err(told)?;
    Ok(updated.item)
}

fn in_range(request: UpdateItem) -> UpdateItem {
    UpdateItem { key: attributes(&[("pk", string("a")), ("sk", string("b"))]), ..request }
}

#[test]
fn an_update_makes_an_item() {
    let key_alone = item(&[("pk", string("a")), ("sk", string("b"))]);
    assert_eq!(apply(&in_range(update()), None), Ok(Some(key_alone.clone())));
    let old = item(&[("pk", string("a")), ("sk", string("b")), ("n", number("5"))]);
    assert_eq!(apply(&in_range(update()), Some(&old)), Ok(Some(old.clone())));
    let add = in_range(update_with("SET n = n + :one", &[(":one", number("1"))]));
    let new = item(&[("pk", string("a")), ("sk", string("b")), ("n", number("6"))]);
    assert_eq!(apply(&add, Some(&old)), Ok(Some(new.clone())));
    assert_eq!(
        apply(&add, None),
        Err("The provided expression refers to an attribute that does not exist in the item".to_owned())
    );
    let legacy = AttributeUpdate { action: Choice::Known(AttributeAction::Add), value: single(number("1")) };
    let legacy = UpdateItem { attribute_updates: Some(vec![(Text::from("n"), legacy)]), ..in_range(update()) };
    assert_eq!(apply(&legacy, Some(&old)), Ok(Some(new)));
    assert_eq!(apply(&in_range(update_with("REMOVE n", &[])), Some(&old)), Ok(Some(key_alone)));
    assert_eq!(apply(&in_range(update_with("REMOVE n", &[])), None), Ok(None));
}

#[test]
fn keys_are_kept() {
    let check = |request: UpdateItem, expected: &str| {
        assert_eq!(apply(&in_range(request), None).err().unwrap_or_default(), expected);
    };
    let kept = |name: &str| {
        format!(
            "One or more parameter values were invalid: Cannot update attribute {name}. This attribute is part of the key"
        )
    };
    let scalar = |role: &str| {
        format!("Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: {role}")
    };
    let set = |expression| update_with(expression, &[(":v", string("x"))]);
    check(set("SET pk = :v"), &kept("pk"));
    check(set("SET a = :v, sk = :v, pk = :v"), &kept("pk"));
    check(update_with("REMOVE sk", &[]), &kept("sk"));
    check(set("SET sk.a = :v"), &kept("sk"));
    check(set("SET i.a = :v"), &scalar("IndexKey: i"));
    check(update_with("SET a = pk.b", &[]), &scalar("Key: pk"));
    let legacy = AttributeUpdate { value: single(string("x")), ..AttributeUpdate::default() };
    check(UpdateItem { attribute_updates: Some(vec![(Text::from("pk"), legacy)]), ..update() }, &kept("pk"));
    check(set("SET i = :v"), "");
    check(
        update_with("SET i = :v", &[(":v", number("1"))]),
        "One or more parameter values were invalid: Type mismatch for Index Key i Expected: S Actual: N IndexName: i",
    );
    check(
        update_with("SET i = :v", &[(":v", string(""))]),
        "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The \
         AttributeValue for a key attribute cannot contain an empty string value. IndexName: i, IndexKey: i",
    );
    let mut nested = set("SET a = :v");
    nested.conditional.condition_expression = text("attribute_exists(sk[0])");
    check(nested, &scalar("Key: sk"));
    // What the update may not do is told before the condition is looked at.
    let mut failing = set("SET pk = :v");
    failing.conditional.condition_expression = text("attribute_exists(a)");
    check(failing, &kept("pk"));
}

#[test]
fn replies_tell_what_was_asked() {
    let old = item(&[
        ("pk", string("a")),
        ("m", Value::M([("x".to_owned(), number("1")), ("y".to_owned(), number("2"))].into())),
        ("n", number("1")),
    ]);
    let definition = table(None);
    let told = |expression: &str, return_values| {
        let evaluator = &mut Evaluator::new();
        let request = UpdateItem {
            return_values: Choice::Known(return_values),
            ..update_with(expression, &[(":v", number("9"))])
        };
        let updated = request.apply(evaluator, &definition, Some(old.as_ref())).unwrap().item;
        let effect =
            WriteEffect { old: Some(old.as_ref()), new: updated.as_ref().map(Item::as_ref), collection_bytes: None };
        request.reply(evaluator, &definition, effect).attributes
    };
    let map = |x: &str| ("m", Value::M([("x".to_owned(), number(x))].into()));
    let expression = "SET m.x = :v, z = :v";
    assert_eq!(told(expression, ReturnValues::None), None);
    assert_eq!(told(expression, ReturnValues::AllOld), Some(old.clone()));
    assert_eq!(told(expression, ReturnValues::UpdatedOld), Some(item(&[map("1")])));
    assert_eq!(told(expression, ReturnValues::UpdatedNew), Some(item(&[map("9"), ("z", number("9"))])));
    let all_new = told("SET n = :v", ReturnValues::AllNew).unwrap();
    assert_eq!(all_new.as_ref().attribute("n"), Some(crate::ValueRef::N(Number::from(9_i64))));
    assert_eq!(all_new.as_ref().len(), 3);
    assert_eq!(told("SET z = :v", ReturnValues::UpdatedOld), None);
}

#[test]
fn a_condition_is_told_as_failed() {
    let evaluator = &mut Evaluator::new();
    let mut request = update_with("SET n = :v", &[(":v", number("9"))]);
    request.conditional.condition_expression = text("attribute_exists(pk)");
    request.validate(evaluator).unwrap();
    let definition = table(None);
    let error = request.check_condition(evaluator, &definition, None).unwrap_err();
    assert_eq!(error.kind, ErrorKind::ConditionalCheckFailed);
    let old = item(&[("pk", string("a"))]);
    assert_eq!(request.check_condition(evaluator, &definition, Some(old.as_ref())), Ok(()));
}
