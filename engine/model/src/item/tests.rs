//! Items: what is written comes back, only canonical bytes pass, sizes are DynamoDB's.

use super::*;
use crate::number::Number;
use std::collections::BTreeSet;

fn number(text: &str) -> Number {
    Number::parse(text).unwrap()
}

fn item(attributes: impl IntoIterator<Item = (&'static str, Value)>) -> BTreeMap<String, Value> {
    attributes
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn strings(members: &[&str]) -> Value {
    Value::Ss(members.iter().map(|member| (*member).to_owned()).collect())
}

fn numbers(members: &[&str]) -> Value {
    Value::Ns(members.iter().map(|member| number(member)).collect())
}

fn check_round_trip(map: &BTreeMap<String, Value>) -> Item {
    let item = Item::from_value_map(map).unwrap();
    let verified = Item::verify(item.bytes().clone());
    assert_eq!(verified.as_ref(), Ok(&item), "{map:?}");
    assert_eq!(item.to_value_map(), *map);
    for (name, value) in map {
        assert_eq!(
            item.as_ref().attribute(name).map(|found| found.to_value()),
            Some(value.clone())
        );
    }
    assert_eq!(
        item.as_ref().size_bytes(),
        Item::verify_sized(item.bytes().clone()).unwrap().1
    );
    item
}

#[test]
fn every_type_comes_back() {
    let map = item([
        ("s", "text".into()),
        ("empty", "".into()),
        ("n", number("-12.5").into()),
        ("b", vec![0, 255].into()),
        ("yes", true.into()),
        ("no", false.into()),
        ("null", Value::Null),
        (
            "m",
            Value::M(item([("x", 1.into()), ("é", Value::L(vec![]))])),
        ),
        (
            "l",
            Value::L(vec![Value::Null, "x".into(), Value::M(BTreeMap::new())]),
        ),
        ("ss", strings(&["", "b", "a"])),
        ("ns", numbers(&["10", "9", "-1"])),
        ("bs", Value::Bs(BTreeSet::from([vec![], vec![0], vec![1]]))),
    ]);
    let item = check_round_trip(&map);
    assert_eq!(item.as_ref().len(), 12);
    assert_eq!(item.as_ref().attribute("zzz"), None);
    assert_eq!(item.as_ref().attribute(""), None);
    check_round_trip(&BTreeMap::new());
    assert_eq!(Item::from_value_map(&BTreeMap::new()).unwrap(), Item::EMPTY);
}
