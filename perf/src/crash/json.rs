//! Attribute values in DynamoDB's JSON.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use client::{AttributeMap, Value};
use model::Number;
use serde_json::{Map, Value as Json, json};

/// An item or a key as JSON.
pub(super) fn from_attributes(attributes: &AttributeMap) -> Json {
    Json::Object(attributes.iter().map(|(name, value)| (name.clone(), from_value(value))).collect())
}

/// An item or a key from JSON. None if it is none.
pub(super) fn to_attributes(json: &Json) -> Option<AttributeMap> {
    json.as_object()?.iter().map(|(name, value)| Some((name.clone(), to_value(value)?))).collect()
}

fn from_value(value: &Value) -> Json {
    match value {
        Value::S(text) => json!({ "S": text }),
        Value::N(number) => json!({ "N": number.to_string() }),
        Value::B(bytes) => json!({ "B": BASE64.encode(bytes) }),
        Value::Bool(boolean) => json!({ "BOOL": boolean }),
        Value::Null => json!({ "NULL": true }),
        Value::M(map) => json!({ "M": from_attributes(map) }),
        Value::L(list) => json!({ "L": list.iter().map(from_value).collect::<Vec<_>>() }),
        Value::Ss(set) => json!({ "SS": set }),
        Value::Ns(set) => json!({ "NS": set.iter().map(Number::to_string).collect::<Vec<_>>() }),
        Value::Bs(set) => json!({ "BS": set.iter().map(|bytes| BASE64.encode(bytes)).collect::<Vec<_>>() }),
    }
}

fn to_value(json: &Json) -> Option<Value> {
    let object: &Map<String, Json> = json.as_object()?;
    let (token, json) = object.iter().next().filter(|_| object.len() == 1)?;
    Some(match &token[..] {
        "S" => Value::S(to_text(json)?),
        "N" => Value::N(to_number(json)?),
        "B" => Value::B(to_bytes(json)?),
        "BOOL" => Value::Bool(json.as_bool()?),
        "NULL" => Value::Null,
        "M" => Value::M(to_attributes(json)?),
        "L" => Value::L(json.as_array()?.iter().map(to_value).collect::<Option<_>>()?),
        "SS" => Value::Ss(to_set(json, to_text)?),
        "NS" => Value::Ns(to_set(json, to_number)?),
        "BS" => Value::Bs(to_set(json, to_bytes)?),
        _ => return None,
    })
}

fn to_text(json: &Json) -> Option<String> {
    json.as_str().map(str::to_owned)
}

fn to_number(json: &Json) -> Option<Number> {
    Number::parse(json.as_str()?).ok()
}

fn to_bytes(json: &Json) -> Option<Vec<u8>> {
    BASE64.decode(json.as_str()?).ok()
}

fn to_set<T: Ord>(json: &Json, to_member: impl Fn(&Json) -> Option<T>) -> Option<BTreeSet<T>> {
    json.as_array()?.iter().map(to_member).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_goes_there_and_back() {
        let number = |text| Number::parse(text).unwrap();
        let values = [
            Value::from("text"),
            Value::N(number("-12.50")),
            Value::B(vec![0, 255]),
            Value::Bool(false),
            Value::Null,
            Value::L(vec![Value::Null, Value::from(1)]),
            Value::Ss(BTreeSet::from(["a".to_owned(), "b".to_owned()])),
            Value::Ns(BTreeSet::from([number("1"), number("2.5")])),
            Value::Bs(BTreeSet::from([vec![1], vec![2, 3]])),
        ];
        let mut map = AttributeMap::new();
        for (place, value) in values.into_iter().enumerate() {
            map.insert(format!("attribute-{place}"), value);
        }
        map.insert("map".to_owned(), Value::M(map.clone()));
        assert_eq!(to_attributes(&from_attributes(&map)), Some(map));
        for json in [json!({"a": {"S": 1}}), json!({"a": {"X": "1"}}), json!({"a": {"S": "b", "N": "1"}}), json!([])] {
            assert_eq!(to_attributes(&json), None, "{json}");
        }
    }
}
