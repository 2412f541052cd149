//! Keys: bytes that sort as the values do, keys that come back, DynamoDB's refusals, ranges against an oracle.

use super::*;
use crate::ValueRef;
use crate::value::Value;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

fn schema(partition_key: KeyType, sort_key: Option<KeyType>) -> KeySchema {
    KeySchema {
        partition_key: KeyAttribute { name: "pk".to_owned(), key_type: partition_key },
        sort_key: sort_key.map(|key_type| KeyAttribute { name: "sk".to_owned(), key_type }),
    }
}

fn item(attributes: impl IntoIterator<Item = (&'static str, Value)>) -> Item {
    let map: BTreeMap<_, _> = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Item::from_value_map(&map).unwrap()
}

fn number(text: &str) -> Value {
    Number::parse(text).unwrap().into()
}

fn encoded(schema: &KeySchema, item: &Item) -> EncodedKey {
    let mut bytes = b"before".to_vec();
    let hash = schema.encode_item_key(item.as_ref(), &mut bytes).unwrap();
    let key = EncodedKey::new(&bytes.split_off(6));
    assert_eq!(bytes, b"before");
    assert_eq!(key.hash(), hash);
    key
}

#[test]
fn bytes_are_as_the_format_says() {
    let check = |schema: &KeySchema, item: Item, expect: &[u8]| {
        let key = encoded(schema, &item);
        assert_eq!(&key[8..], expect);
        assert_eq!(schema.decode_key(&key), Some(item));
    };
    let string = schema(KeyType::String, None);
    check(&string, item([("pk", "abc".into())]), b"abc\0\0");
    check(&string, item([("pk", "\0a\0".into())]), b"\0\xFFa\0\xFF\0\0");
    let both = schema(KeyType::Binary, Some(KeyType::String));
    check(&both, item([("pk", vec![0xFF].into()), ("sk", "\0b\0".into())]), b"\xFF\0\0\0b\0");
    let numbers = schema(KeyType::Number, Some(KeyType::Number));
    check(&numbers, item([("pk", number("1e3")), ("sk", number("-42"))]), b"\xC2\x14\x3E\xAB");
    // The hash is part of the format: partitions are ranges of it.
    let key = encoded(&string, &item([("pk", "abc".into())]));
    assert_eq!(key.hash(), KeyHash(xxh3_64(b"abc\0\0")));
    assert_eq!(key[..8], xxh3_64(b"abc\0\0").to_be_bytes());
}

#[test]
fn equal_numbers_are_one_key() {
    let schema = schema(KeyType::Number, Some(KeyType::Number));
    let keys: BTreeSet<_> = ["1000", "1e3", "1000.0"]
        .iter()
        .map(|text| encoded(&schema, &item([("pk", number(text)), ("sk", number(text))])))
        .collect();
    assert_eq!(keys.len(), 1);
}

#[test]
fn refuses_keys_of_items_in_dynamodbs_words() {
    let schema = schema(KeyType::String, Some(KeyType::Binary));
    let does_not_match = "The provided key element does not match the schema";
    let check = |item: Item, put: &str, batch: &str, key: &str| {
        let mut out = b"kept".to_vec();
        let text = |result: Result<KeyHash, Error>| {
            let error = result.unwrap_err();
            assert_eq!(error.kind, crate::error::ErrorKind::Validation);
            error.message.into_owned()
        };
        assert_eq!(text(schema.encode_item_key(item.as_ref(), &mut out)), put);
        assert_eq!(text(schema.encode_batch_item_key(item.as_ref(), &mut out)), batch);
        assert_eq!(text(schema.encode_key(item.as_ref(), &mut out)), key);
        assert_eq!(out, b"kept");
    };
    let invalid = |detail: &str| format!("One or more parameter values were invalid: {detail}");
    check(Item::EMPTY, &invalid("Missing the key pk in the item"), does_not_match, does_not_match);
    check(
        item([("pk", "a".into()), ("other", vec![1].into())]),
        &invalid("Missing the key sk in the item"),
        does_not_match,
        does_not_match,
    );
    check(
        item([("pk", 1.into()), ("sk", vec![1].into())]),
        &invalid("Type mismatch for key pk expected: S actual: N"),
        does_not_match,
        does_not_match,
    );
    check(
        item([("pk", "a".into()), ("sk", Value::L(vec![]))]),
        &invalid("Type mismatch for key sk expected: B actual: L"),
        does_not_match,
        does_not_match,
    );
    let empty = |kind: &str, name: &str| {
        format!(
            "One or more parameter values are not valid. \
             The AttributeValue for a key attribute cannot contain an empty {kind} value. Key: {name}"
        )
    };
    let (string, binary) = (empty("string", "pk"), empty("binary", "sk"));
    check(item([("pk", "".into()), ("sk", vec![1].into())]), &string, &string, &string);
    check(item([("pk", "a".into()), ("sk", vec![].into())]), &binary, &binary, &binary);
    let long = invalid("Size of hashkey has exceeded the maximum size limit of2048 bytes");
    check(item([("pk", "x".repeat(2049).into()), ("sk", vec![1].into())]), &long, &long, &long);
    let long = invalid("Aggregated size of all range keys has exceeded the size limit of 1024 bytes");
    check(item([("pk", "a".into()), ("sk", vec![1; 1025].into())]), &long, &long, &long);
}

#[test]
fn a_key_parameter_is_exactly_the_key() {
    let schema = schema(KeyType::String, Some(KeyType::Binary));
    let key = item([("pk", "a".into()), ("sk", vec![1].into())]);
    let more = item([("pk", "a".into()), ("sk", vec![1].into()), ("z", 1.into())]);
    let mut out = Vec::new();
    let hash = schema.encode_key(key.as_ref(), &mut out).unwrap();
    assert_eq!(KeyHash::of_encoded_key(&out), Some(hash));
    assert_eq!(EncodedKey::new(&out), encoded(&schema, &more));
    assert!(schema.encode_key(more.as_ref(), &mut out).is_err());
}

#[test]
fn the_longest_keys_fit() {
    let schema = schema(KeyType::Binary, Some(KeyType::String));
    let longest = item([("pk", vec![0; 2048].into()), ("sk", "\0".repeat(1024).into())]);
    let key = encoded(&schema, &longest);
    assert_eq!(key.len(), ENCODED_KEY_BYTES_MAX);
    assert_eq!(schema.decode_key(&key), Some(longest));
}

#[test]
fn decodes_any_bytes_without_panic_and_only_its_own() {
    let seed = 0x5A7A_2001;
    println!("seed {seed:#x}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let types = [KeyType::String, KeyType::Number, KeyType::Binary];
    let mut accepted = 0;
    for _ in 0..100_000 {
        let schema = schema(types[chance.usize(0..3)], chance.bool().then(|| types[chance.usize(0..3)]));
        let bytes: Vec<u8> =
            (0..chance.usize(0..24)).map(|_| *chance.choice(&[0, 0, 0xFF, b'a', 0xC1, 0x54, 0x80]).unwrap()).collect();
        let Some(item) = schema.decode_key(&bytes) else { continue };
        let key = encoded(&schema, &item);
        assert_eq!(key[8..], bytes[8..]);
        accepted += 1;
    }
    assert!(accepted > 1_000, "{accepted}");
}

/// Values of one type, near each other and with bytes that matter to the encoding.
fn random_value(key_type: KeyType, chance: &mut fastrand::Rng) -> Value {
    let bytes = |chance: &mut fastrand::Rng, choices: &[u8]| -> Vec<u8> {
        (0..chance.usize(1..5)).map(|_| *chance.choice(choices).unwrap()).collect()
    };
    match key_type {
        KeyType::String => String::from_utf8(bytes(chance, b"\0\x01ab\x7f")).unwrap().into(),
        KeyType::Binary => bytes(chance, b"\0\x01a\xFE\xFF").into(),
        KeyType::Number => number(&format!("{}e{}", chance.i32(-15..15), chance.i32(-1..2))),
    }
}

fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::S(left), Value::S(right)) => left.cmp(right),
        (Value::B(left), Value::B(right)) => left.cmp(right),
        (Value::N(left), Value::N(right)) => left.cmp(right),
        _ => unreachable!("one type"),
    }
}

fn begins_with(value: &Value, prefix: &Value) -> bool {
    match (value, prefix) {
        (Value::S(value), Value::S(prefix)) => value.starts_with(prefix.as_str()),
        (Value::B(value), Value::B(prefix)) => value.starts_with(prefix),
        _ => unreachable!("strings or binaries"),
    }
}

#[test]
fn keys_sort_as_their_values_do() {
    let seed = 0x5A7A_2002;
    println!("seed {seed:#x}");
    let mut chance = fastrand::Rng::with_seed(seed);
    for key_type in [KeyType::String, KeyType::Number, KeyType::Binary] {
        let schema = schema(key_type, Some(key_type));
        for _ in 0..10_000 {
            let key = |chance: &mut fastrand::Rng| {
                let (partition_key, sort_key) = (random_value(key_type, chance), random_value(key_type, chance));
                let item = item([("pk", partition_key.clone()), ("sk", sort_key.clone())]);
                let encoded = encoded(&schema, &item);
                assert_eq!(schema.decode_key(&encoded), Some(item));
                (partition_key, sort_key, encoded)
            };
            let (left, right) = (key(&mut chance), key(&mut chance));
            let expect = compare(&left.0, &right.0).then_with(|| compare(&left.1, &right.1));
            assert_eq!(left.2[8..].cmp(&right.2[8..]), expect, "{left:?} {right:?}");
        }
    }
}

/// A condition on the sort key: how it narrows a range, and which sort keys it means.
type Condition =
    (&'static str, fn(KeyRange, ValueRef<'_>, ValueRef<'_>) -> KeyRange, fn(&Value, &Value, &Value) -> bool);

const CONDITIONS: [Condition; 8] = [
    ("none", |range, _, _| range, |_, _, _| true),
    ("=", |range, first, _| range.equal(first), |value, first, _| compare(value, first).is_eq()),
    ("<", |range, first, _| range.below(first), |value, first, _| compare(value, first).is_lt()),
    ("<=", |range, first, _| range.at_most(first), |value, first, _| compare(value, first).is_le()),
    (">", |range, first, _| range.above(first), |value, first, _| compare(value, first).is_gt()),
    (">=", |range, first, _| range.at_least(first), |value, first, _| compare(value, first).is_ge()),
    (
        "between",
        |range, first, last| range.between(first, last),
        |value, first, last| compare(value, first).is_ge() && compare(value, last).is_le(),
    ),
    ("begins_with", |range, first, _| range.begins_with(first), |value, first, _| begins_with(value, first)),
];

#[test]
fn ranges_hold_what_their_conditions_mean() {
    let seed = 0x5A7A_2003;
    println!("seed {seed:#x}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let types = [KeyType::String, KeyType::Number, KeyType::Binary];
    let mut held = 0;
    for round in 0..60_000 {
        let key_type = types[round % 3];
        let schema = schema(types[round / 3 % 3], Some(key_type));
        let partition_type = schema.partition_key.key_type;
        let (name, narrow, means) = CONDITIONS[chance.usize(0..CONDITIONS.len())];
        if name == "begins_with" && key_type == KeyType::Number {
            continue;
        }
        let wanted = random_value(partition_type, &mut chance);
        let (first, last) = (random_value(key_type, &mut chance), random_value(key_type, &mut chance));
        let values = item([("w", wanted.clone()), ("f", first.clone()), ("l", last.clone())]);
        let value = |name: &str| values.as_ref().attribute(name).unwrap();
        let range = KeyRange::of_partition_key(&schema, value("w")).unwrap();
        let range = narrow(range, value("f"), value("l"));
        let partition_key = if chance.bool() { wanted.clone() } else { random_value(partition_type, &mut chance) };
        let sort_key = if chance.bool() { first.clone() } else { random_value(key_type, &mut chance) };
        let key = encoded(&schema, &item([("pk", partition_key.clone()), ("sk", sort_key.clone())]));
        let expect = partition_key == wanted && means(&sort_key, &first, &last);
        assert_eq!(range.contains(&key), expect, "{key:?} {name} {first:?} {last:?} {range:?}");
        assert!(!expect || (key.starts_with(range.prefix()) && key.hash() == range.hash && !range.is_empty()));
        held += u32::from(expect);

        // A page that goes on after a key holds what the range held beyond it.
        let page_end = encoded(&schema, &item([("pk", wanted), ("sk", random_value(key_type, &mut chance))]));
        assert_eq!(range.clone().after_key(&page_end).contains(&key), expect && key > page_end);
        assert_eq!(range.clone().before_key(&page_end).contains(&key), expect && key < page_end);
        let elsewhere: Vec<u8> = (0..9).map(|_| chance.u8(..)).collect();
        assert_eq!(range.clone().after_key(&elsewhere).contains(&key), expect && key[..] > elsewhere[..]);
        assert_eq!(range.before_key(&elsewhere).contains(&key), expect && key[..] < elsewhere[..]);
    }
    assert!(held > 5_000, "{held}");
}

#[test]
fn a_range_needs_a_partition_key_that_can_be() {
    let schema = schema(KeyType::String, None);
    assert!(KeyRange::of_partition_key(&schema, ValueRef::S("a")).is_ok());
    assert!(KeyRange::of_partition_key(&schema, ValueRef::S("")).is_err());
    assert!(KeyRange::of_partition_key(&schema, ValueRef::S(&"x".repeat(2049))).is_err());
    let between = KeyRange::of_partition_key(&schema, ValueRef::S("a")).unwrap();
    assert!(between.between(ValueRef::S("b"), ValueRef::S("a")).is_empty());
}

#[test]
fn a_key_is_made_of_the_item_that_has_it_again() {
    let values = |key_type| -> Vec<Value> {
        match key_type {
            KeyType::String => vec!["a".into(), "\0b\0".into(), "long enough for more than two words".into()],
            KeyType::Number => vec![number("0"), number("-42.5"), number("1e100")],
            KeyType::Binary => vec![vec![0].into(), vec![0xFF, 0, 1].into()],
        }
    };
    let types = [KeyType::String, KeyType::Number, KeyType::Binary];
    for (partition_key, sort_key) in types.iter().flat_map(|first| {
        std::iter::once((*first, None)).chain(types.iter().map(move |second| (*first, Some(*second))))
    }) {
        let schema = schema(partition_key, sort_key);
        for pk in values(partition_key) {
            for sk in values(sort_key.unwrap_or(KeyType::String)) {
                let item = item([("a", "before".into()), ("pk", pk.clone()), ("sk", sk), ("z", true.into())]);
                let places = schema.places_in(item.as_ref()).unwrap();
                let mut key = Vec::new();
                assert_eq!(KeyPlaces::from_bytes(places.to_bytes()).encode_key(item.bytes(), &mut key), Some(()));
                assert_eq!(key, encoded(&schema, &item)[..]);
            }
        }
    }
}

#[test]
fn no_key_is_made_of_what_is_not_there() {
    let item = item([("b", true.into()), ("pk", "a".into())]);
    let key_at = |places, item: &[u8]| KeyPlaces::from_bytes(places).encode_key(item, &mut Vec::new());
    assert_eq!(key_at([1, 0xFF], item.bytes()), Some(()));
    for places in [[0, 0xFF], [1, 0], [2, 0xFF], [1, 2], [0xFF, 0xFF], [0xFE, 0xFE]] {
        assert_eq!(key_at(places, item.bytes()), None, "{places:?}");
    }
    let long = self::item([
        ("b", "x".repeat(PARTITION_KEY_BYTES_MAX).into()),
        ("pk", "a".into()),
        ("z", "x".repeat(100_000).into()),
    ]);
    assert_eq!(key_at([0, 1], long.bytes()), Some(()));
    for places in [[2, 0xFF], [1, 2]] {
        assert_eq!(key_at(places, long.bytes()), None, "longer than any key: {places:?}");
    }
    let seed = 0x6B65;
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..20_000 {
        let mut bytes = item.bytes().to_vec();
        bytes.truncate(random.usize(..=bytes.len()));
        for byte in &mut bytes {
            if random.u8(..4) == 0 {
                *byte = random.u8(..);
            }
        }
        // Any answer: no panic.
        key_at([random.u8(..3), random.u8(..)], &bytes);
    }
}

#[test]
fn an_attribute_behind_more_than_a_byte_counts_has_no_place() {
    let item_of = |count: usize| {
        let others = (0..count).map(|number| (format!("a{number:03}"), Value::from(true)));
        let map: BTreeMap<_, _> = others.chain([("pk".to_owned(), "a".into())]).collect();
        Item::from_value_map(&map).unwrap()
    };
    let schema = schema(KeyType::String, None);
    assert_eq!(schema.places_in(item_of(254).as_ref()).map(KeyPlaces::to_bytes), Some([254, 0xFF]));
    assert_eq!(schema.places_in(item_of(255).as_ref()), None);
}
