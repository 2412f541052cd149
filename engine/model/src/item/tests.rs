//! Items: what is written comes back, only canonical bytes pass, sizes and refusals are DynamoDB's.

mod random;

use super::*;
use crate::limits::{ATTRIBUTE_NAME_BYTES_MAX, NESTING_LEVEL_MAX};
use crate::number::Number;
use crate::value::AttributeType;
use random::random_item;
use std::collections::BTreeSet;

fn number(text: &str) -> Number {
    Number::parse(text).unwrap()
}

fn item(attributes: impl IntoIterator<Item = (&'static str, Value)>) -> BTreeMap<String, Value> {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn strings(members: &[&str]) -> Value {
    Value::Ss(members.iter().map(|member| (*member).to_owned()).collect())
}

fn numbers(members: &[&str]) -> Value {
    Value::Ns(members.iter().map(|member| number(member)).collect())
}

fn binaries(members: &[&[u8]]) -> Value {
    Value::Bs(members.iter().map(|member| member.to_vec()).collect())
}

/// A value inside of so many lists.
fn nested(wraps: usize, value: Value) -> Value {
    (0..wraps).fold(
        value,
        |value, wrap| {
            if wrap % 2 == 0 { Value::L(vec![value]) } else { Value::M(item([("n", value)])) }
        },
    )
}

fn check_round_trip(map: &BTreeMap<String, Value>) -> Item {
    let item = Item::from_value_map(map).unwrap();
    let (verified, size_bytes) = Item::verify_sized(item.bytes().clone()).unwrap();
    assert_eq!(verified, item);
    assert_eq!(item.as_ref().size_bytes(), size_bytes);
    assert!(
        size_bytes <= view::SIZE_PER_ENCODED_BYTE_MAX * item.bytes().len(),
        "{size_bytes} of {}",
        item.bytes().len()
    );
    assert_eq!(item.as_ref().size_bytes(), map_size_bytes(map));
    assert_eq!(item.to_value_map(), *map);
    for (name, value) in map {
        let found = item.as_ref().attribute(name).unwrap();
        assert_eq!(found.to_value(), *value);
        assert_eq!(found.attribute_type(), value.attribute_type());
        assert_eq!(found.size_bytes(), value_size_bytes(value));
        assert_eq!(item.as_ref().attribute(&format!("{name}?")), None);
    }
    item
}

/// The size rule a second time, over the tree.
fn map_size_bytes(map: &BTreeMap<String, Value>) -> usize {
    map.iter().map(|(name, value)| name.len() + value_size_bytes(value)).sum()
}

fn value_size_bytes(value: &Value) -> usize {
    match value {
        Value::S(text) => text.len(),
        Value::N(number) => number.item_size_bytes(),
        Value::B(bytes) => bytes.len(),
        Value::Bool(_) | Value::Null => 1,
        Value::M(map) => 3 + map.len() + map_size_bytes(map),
        Value::L(list) => 3 + list.iter().map(|element| 1 + value_size_bytes(element)).sum::<usize>(),
        Value::Ss(set) => set.iter().map(String::len).sum(),
        Value::Ns(set) => set.iter().map(Number::item_size_bytes).sum(),
        Value::Bs(set) => set.iter().map(Vec::len).sum(),
    }
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
        ("m", Value::M(item([("x", 1.into()), ("é", Value::L(vec![]))]))),
        ("l", Value::L(vec![Value::Null, "x".into(), Value::M(BTreeMap::new())])),
        ("ss", strings(&["", "b", "a"])),
        ("ns", numbers(&["10", "9", "-1"])),
        ("bs", binaries(&[b"", b"\0", b"\x01"])),
        ("one empty", strings(&[""])),
    ]);
    let encoded = check_round_trip(&map);
    assert_eq!(encoded.as_ref().len(), 13);
    assert_eq!(encoded.as_ref().attribute("zzz"), None);
    assert_eq!(encoded.as_ref().attribute(""), None);
    assert_eq!(check_round_trip(&BTreeMap::new()), Item::EMPTY);
    assert_eq!(
        format!("{:?}", Item::from_value_map(&item([("a", numbers(&["1", "2"])), ("b", vec![1].into())])).unwrap()),
        r#"{"a": {1, 2}, "b": b"\x01"}"#
    );
}

#[test]
fn bytes_are_as_the_format_says() {
    let map = item([("pk", "user-1".into()), ("n", 42.into())]);
    assert_eq!(check_round_trip(&map).bytes()[..], *b"\x10\x01n\x02\xC1\x54\x02pk\x01user-1\x05\x02");
    let map = item([
        ("l", Value::L(vec![Value::Null, true.into(), false.into()])),
        ("m", Value::M(item([("x", vec![7].into())]))),
        ("s", strings(&["b", "a", ""])),
    ]);
    let list = b"\x01l\x20\x06\x05\x04\x01\x02\x03";
    let inner = b"\x01m\x10\x01x\x03\x07\x01";
    let set = b"\x01s\x30ab\x00\x01\x03";
    let expect = [&[0x10], &list[..], inner, set, &[9, 17, 3]].concat();
    assert_eq!(check_round_trip(&map).bytes()[..], expect);
}

#[test]
fn widths_change_where_the_format_says() {
    // One attribute: name length, name, tag and 4 bytes less than the entries have.
    for (entries_bytes, version, overhead) in [(255, 0x10, 2), (256, 0x11, 3), (65_535, 0x11, 3), (65_536, 0x12, 5)] {
        let encoded = check_round_trip(&item([("a", "x".repeat(entries_bytes - 3).into())]));
        assert_eq!(encoded.bytes()[0], version, "{entries_bytes}");
        assert_eq!(encoded.bytes().len(), entries_bytes + overhead);
    }
    // 256 binaries of one byte or none: the count needs two bytes, the entries do not.
    let members: Vec<Vec<u8>> = std::iter::once(vec![]).chain((0..255).map(|byte| vec![byte])).collect();
    let set = Value::Bs(members.into_iter().collect());
    let encoded = check_round_trip(&item([("a", set)]));
    assert_eq!(encoded.bytes()[3], 0x51);
    for name_bytes in [1, 254, 255, 256, ATTRIBUTE_NAME_BYTES_MAX] {
        let name = "n".repeat(name_bytes);
        check_round_trip(&BTreeMap::from([(name.clone(), Value::Null), (format!("{}o", &name[1..]), 1.into())]));
    }
}

#[test]
fn a_nested_map_is_an_item() {
    let inner = item([("x", 1.into()), ("y", Value::L(vec![Value::Null]))]);
    let outer = check_round_trip(&item([("m", Value::M(inner.clone())), ("z", "x".repeat(300).into())]));
    let Some(ValueRef::M(map)) = outer.as_ref().attribute("m") else { panic!("a map") };
    assert_eq!(map.to_item(), Item::from_value_map(&inner).unwrap());
}

#[test]
fn sizes_are_dynamodbs() {
    for (value, expect) in [
        (Value::Null, 1),
        ("é".into(), 2),
        (Value::L(vec![]), 3),
        (Value::M(BTreeMap::new()), 3),
        (Value::L(vec![Value::Null, "ab".into()]), 3 + 1 + 1 + 1 + 2),
        (Value::M(item([("ab", 12.into())])), 3 + 1 + 2 + 2),
        (strings(&["a", "bc"]), 3),
        (numbers(&["1", "-1"]), 5),
        (number("1234.56").into(), 4),
    ] {
        assert_eq!(check_round_trip(&item([("name", value)])).as_ref().size_bytes(), 4 + expect);
    }
}

#[test]
fn attributes_come_in_any_order_and_the_last_of_a_name_counts() {
    let mut encoder = ItemEncoder::new();
    for round in 0..3 {
        encoder.begin_item();
        for (name, value) in [("b", 1), ("a", 2), ("c", 3), ("a", 4), ("b", 5)] {
            encoder.name(name);
            encoder.begin_map();
            for inner in ["z", "y", "x"] {
                encoder.name(inner);
                encoder.number(Number::from(value + round));
            }
            encoder.end_map();
        }
        let encoded = encoder.finish().unwrap();
        let value = |value: i64| Value::M(["x", "y", "z"].map(|name| (name.to_owned(), (value + round).into())).into());
        assert_eq!(encoded.to_value_map(), item([("a", value(4)), ("b", value(5)), ("c", value(3))]));
        assert_eq!(Item::verify(encoded.bytes().clone()), Ok(encoded));
    }
}

#[test]
fn a_name_twice_in_a_row_is_one_attribute() {
    let mut encoder = ItemEncoder::new();
    encoder.begin_item();
    for value in 1i64..4 {
        encoder.name("a");
        encoder.number(Number::from(value));
    }
    let encoded = encoder.finish().unwrap();
    assert_eq!(encoded, Item::from_value_map(&item([("a", 3.into())])).unwrap());
}

#[test]
fn sets_come_in_any_order() {
    let mut encoder = ItemEncoder::new();
    encoder.begin_item();
    encoder.name("ns");
    encoder.begin_set(AttributeType::NumberSet);
    ["10", "-3", "9", "0.5"].iter().for_each(|text| encoder.number(number(text)));
    encoder.end_set();
    let encoded = encoder.finish().unwrap();
    assert_eq!(encoded.to_value_map(), item([("ns", numbers(&["-3", "0.5", "9", "10"]))]));
    let Some(ValueRef::Ns(set)) = encoded.as_ref().attribute("ns") else { panic!("a set") };
    assert_eq!(set.set_type(), AttributeType::NumberSet);
    for (text, expect) in [("9", true), ("9.0", true), ("8", false), ("11", false), ("-4", false)] {
        assert_eq!(set.contains(ValueRef::N(number(text))), expect, "{text}");
    }
    assert!(!set.contains(ValueRef::S("9")));
}

#[test]
fn refuses_in_dynamodbs_words() {
    let check = |write: &dyn Fn(&mut ItemEncoder), expect: &str| {
        let mut encoder = ItemEncoder::new();
        encoder.begin_item();
        encoder.name("a");
        write(&mut encoder);
        let error = encoder.finish().unwrap_err();
        assert_eq!(error.message, expect);
        // The next item is not touched by it.
        encoder.begin_item();
        assert_eq!(encoder.finish().unwrap(), Item::EMPTY);
    };
    let set = |set_type, members: &'static [&'static str]| {
        move |encoder: &mut ItemEncoder| {
            encoder.begin_set(set_type);
            for member in members {
                match set_type {
                    AttributeType::StringSet => encoder.string(member),
                    AttributeType::NumberSet => encoder.number(number(member)),
                    _ => encoder.binary(member.as_bytes()),
                }
            }
            encoder.end_set();
        }
    };
    let invalid = |detail: &str| format!("One or more parameter values were invalid: {detail}");
    use AttributeType::{BinarySet, NumberSet, StringSet};
    check(&set(StringSet, &[]), &invalid("An string set  may not be empty"));
    check(&set(NumberSet, &[]), &invalid("An number set  may not be empty"));
    check(&set(BinarySet, &[]), &invalid("Binary sets should not be empty"));
    check(&set(StringSet, &["b", "a", "b"]), &invalid("Input collection [b, a, b] contains duplicates."));
    check(&set(NumberSet, &["1", "1.0"]), "Input collection contains duplicates");
    check(&set(BinarySet, &["a", "a"]), &invalid("Input collection [YQ==, YQ==]of type BS contains duplicates."));
    check(
        &|encoder| {
            encoder.begin_map();
            encoder.name("");
            encoder.null();
            encoder.end_map();
        },
        "Empty attribute name",
    );
    check(
        &|encoder| {
            encoder.null();
            encoder.name(&"x".repeat(ATTRIBUTE_NAME_BYTES_MAX + 1));
            encoder.null();
        },
        "Attribute name is too large, must be less than 65536 bytes",
    );
    // The first fault is told, whatever follows.
    check(
        &|encoder| {
            encoder.fail(Number::parse("x").unwrap_err());
            set(StringSet, &[])(encoder);
        },
        "The parameter cannot be converted to a numeric value: x",
    );
}

#[test]
fn nests_to_level_32_and_no_deeper() {
    // DynamoDB: observed: a leaf inside of 31 maps is stored, one inside of 32 is refused.
    let refused = Err("Nesting Levels have exceeded supported limits: \
         Attributes in the item have nested levels beyond supported limit"
        .into());
    for (value, wraps, expect) in [
        (Value::Null, 31, Ok(())),
        (Value::L(vec![]), 31, Ok(())),
        (strings(&["a"]), 31, Ok(())),
        (Value::Null, 32, refused.clone()),
        (Value::L(vec![]), 32, refused.clone()),
        (Value::Null, 100, refused.clone()),
    ] {
        let map = item([("a", nested(wraps, value.clone()))]);
        let encoded = Item::from_value_map(&map);
        assert_eq!(encoded.as_ref().map(|_| ()).map_err(|error| error.message.clone()), expect, "{wraps} {value:?}");
        if encoded.is_ok() {
            check_round_trip(&map);
        }
    }
    // A value that fits where it is may not fit where it is copied to.
    let deepest = Item::from_value_map(&item([("a", nested(31, Value::Null))])).unwrap();
    for (wraps, expect) in [(0, true), (1, false)] {
        let mut encoder = ItemEncoder::new();
        encoder.begin_item();
        encoder.name("copy");
        (0..wraps).for_each(|_| encoder.begin_list());
        encoder.value(deepest.as_ref().attribute("a").unwrap());
        (0..wraps).for_each(|_| encoder.end_list());
        assert_eq!(encoder.finish().is_ok(), expect, "{wraps}");
    }
}

#[test]
fn the_verifier_does_not_follow_endless_nesting() {
    // Maps and lists of one element, by hand: tag, the element (a map's with its name), count.
    let nest = |tag: u8, name: &[u8], depth: usize| {
        let mut bytes = vec![0x06];
        for level in 0..=depth {
            let (tag, name) = if level == depth { (0x10, &b"\x01a"[..]) } else { (tag, name) };
            let is_wide = name.len() + bytes.len() > 0xFF;
            bytes.splice(0..0, [&[tag | u8::from(is_wide)], name].concat());
            bytes.extend_from_slice(if is_wide { &[1, 0] } else { &[1] });
        }
        Item::verify(Bytes::from(bytes))
    };
    for (tag, name) in [(0x20, &b""[..]), (0x10, &b"\x01n"[..])] {
        assert!(nest(tag, name, NESTING_LEVEL_MAX - 1).is_ok());
        assert_eq!(nest(tag, name, NESTING_LEVEL_MAX), Err(EncodingError::TooDeep));
        assert_eq!(nest(tag, name, 10_000), Err(EncodingError::TooDeep));
    }
}

#[test]
fn refuses_bytes_for_the_right_reason() {
    let check = |bytes: &[u8], expect: EncodingError| {
        assert_eq!(Item::verify(Bytes::copy_from_slice(bytes)), Err(expect), "{bytes:02x?}");
    };
    check(b"", EncodingError::Truncated);
    check(b"\x10", EncodingError::Truncated);
    check(b"\x13\0", EncodingError::Truncated);
    check(b"\x14\0", EncodingError::UnknownVersion);
    check(b"{}", EncodingError::UnknownVersion);
    check(b"\x10\x01", EncodingError::BadName);
    check(b"\x10\xFF", EncodingError::Truncated);
    check(b"\x11\0\0", EncodingError::BadDirectory);
    check(b"\x10\x01a\x06\0", EncodingError::BadDirectory);
    check(b"\x10\0\x06\x01", EncodingError::BadName);
    check(b"\x10\xFF\x01\0a\x06\x01", EncodingError::BadName);
    check(b"\x10\x02a\x01", EncodingError::BadName);
    check(b"\x10\x01a\x01", EncodingError::Truncated);
    check(b"\x10\x01\xFF\x06\x01", EncodingError::NotUtf8);
    check(b"\x10\x01a\x01\xFF\x01", EncodingError::NotUtf8);
    check(b"\x10\x01a\x06\0\x01", EncodingError::BadValue);
    check(b"\x10\x01a\x07\x01", EncodingError::BadValue);
    check(b"\x10\x01a\x60\x01", EncodingError::BadValue);
    check(b"\x10\x01a\x02\x01", EncodingError::BadNumber);
    check(b"\x10\x01a\x02\xC1\x54\0\x01", EncodingError::BadNumber);
    check(b"\x10\x01a\x02\xC1\x00\x01", EncodingError::BadNumber);
    check(b"\x10\x01a\x02\xC1\xC8\x01", EncodingError::BadNumber);
    check(b"\x10\x01a\x30\0\x01", EncodingError::EmptySet);
    check(b"\x10\x01a\x30ba\x01\x02\x01", EncodingError::MembersNotInOrder);
    check(b"\x10\x01a\x30aa\x01\x02\x01", EncodingError::MembersNotInOrder);
    check(b"\x10\x01b\x06\x01a\x06\x03\x02", EncodingError::NamesNotInOrder);
    check(b"\x10\x01a\x06\x01a\x06\x03\x02", EncodingError::NamesNotInOrder);
    check(b"\x10\x01a\x06\x01b\x06\x09\x02", EncodingError::BadDirectory);
    check(b"\x10\x01a\x20\x06\x06\0\x02\x01", EncodingError::Truncated);
    let long = vec![0x12; crate::limits::ITEM_ENCODED_BYTES_MAX + 1];
    assert_eq!(Item::verify(Bytes::from(long)), Err(EncodingError::TooLong));
}

#[test]
fn random_items_come_back() {
    let seed = 0x5A7A_1001;
    println!("seed {seed:#x}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut encoder = ItemEncoder::new();
    let (mut deepest, mut largest) = (0, 0);
    for _ in 0..3_000 {
        let map = random_item(&mut chance);
        let encoded = check_round_trip(&map);
        deepest = deepest.max(map.values().map(random::depth).max().unwrap_or(0));
        largest = largest.max(encoded.bytes().len());
        // Written in another order, it is the same bytes; copied value by value, too.
        let mut attributes: Vec<_> = encoded.as_ref().attributes().collect();
        chance.shuffle(&mut attributes);
        encoder.begin_item();
        for (name, value) in attributes {
            encoder.name(name);
            encoder.value(value);
        }
        assert_eq!(encoder.finish().unwrap(), encoded);
    }
    assert!(deepest == NESTING_LEVEL_MAX && largest > 0x1_0000, "{deepest} {largest}");
}

#[test]
fn damaged_items_are_refused_or_other_items() {
    let seed = 0x5A7A_1002;
    println!("seed {seed:#x}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let (mut accepted, mut refused) = (0, 0);
    let mut check = |bytes: Vec<u8>| {
        let Ok((damaged, size_bytes)) = Item::verify_sized(Bytes::from(bytes)) else {
            refused += 1;
            return;
        };
        accepted += 1;
        // Whatever passes is canonical, and every way of looking at it works.
        let map = damaged.to_value_map();
        assert_eq!(Item::from_value_map(&map).as_ref(), Ok(&damaged));
        assert_eq!(damaged.as_ref().size_bytes(), size_bytes);
        assert!(map.keys().all(|name| damaged.as_ref().attribute(name).is_some()));
    };
    for _ in 0..60 {
        let encoded = Item::from_value_map(&random_item(&mut chance)).unwrap().into_bytes();
        if encoded.len() > 1500 {
            continue;
        }
        for length in 0..encoded.len() {
            check(encoded[..length].to_vec());
        }
        for at in 0..encoded.len() {
            for bit in 0..8 {
                let mut flipped = encoded.to_vec();
                flipped[at] ^= 1 << bit;
                check(flipped);
            }
            let mut overwritten = encoded.to_vec();
            overwritten[at] = chance.u8(..);
            check(overwritten);
        }
    }
    for _ in 0..20_000 {
        let mut bytes: Vec<u8> = (0..chance.usize(0..40)).map(|_| chance.u8(0..8)).collect();
        bytes.insert(0, 0x10);
        check(bytes);
    }
    assert!(accepted > 1_000 && refused > 50_000, "{accepted} {refused}");
}

#[test]
fn finished_items_outlive_the_encoder_and_huge_ones_are_let_go() {
    let mut encoder = ItemEncoder::new();
    let mut kept = Vec::new();
    for round in 0..2_000usize {
        encoder.begin_item();
        encoder.name("a");
        encoder.binary(&vec![round.to_le_bytes()[0]; round * 7 % 20_000]);
        kept.push(encoder.finish().unwrap());
    }
    encoder.begin_item();
    encoder.name("huge");
    encoder.string(&"x".repeat(4 << 20));
    kept.push(encoder.finish().unwrap());
    drop(encoder);
    for (round, item) in kept.iter().take(2_000).enumerate() {
        let expect = vec![round.to_le_bytes()[0]; round * 7 % 20_000];
        assert_eq!(item.as_ref().attribute("a"), Some(ValueRef::B(&expect)));
    }
    assert_eq!(kept[2_000].as_ref().size_bytes(), 4 + (4 << 20));
}

#[test]
fn beyond_the_limit_of_the_encoding_is_an_item_too_large() {
    let mut encoder = ItemEncoder::new();
    encoder.begin_item();
    encoder.name("a");
    encoder.binary(&vec![0; crate::limits::ITEM_ENCODED_BYTES_MAX]);
    assert_eq!(encoder.finish().unwrap_err().message, "Item size has exceeded the maximum allowed size");
}

#[test]
fn sets_of_a_tree_need_members() {
    for empty in [Value::Ss(BTreeSet::new()), Value::Ns(BTreeSet::new()), Value::Bs(BTreeSet::new())] {
        assert!(Item::from_value_map(&item([("a", empty)])).is_err());
    }
}
