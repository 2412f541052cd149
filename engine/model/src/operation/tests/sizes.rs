//! How large an item may be, to the byte, whatever it is made of and however it is written.

use super::*;
use crate::limits::ITEM_SIZE_BYTES_MAX;

/// A random value of at most about `bytes`.
fn value(random: &mut fastrand::Rng, bytes: usize, depth: usize) -> Value {
    match random.u32(0..if depth < 4 { 9 } else { 6 }) {
        0 => Value::S("é".repeat(random.usize(0..=bytes / 2))),
        1 => Value::N(Number::from(random.i64(..))),
        2 => Value::B(vec![0; random.usize(0..=bytes)]),
        3 => Value::Bool(random.bool()),
        4 => Value::Null,
        5 => Value::Ss(texts(random).into_iter().collect()),
        6 => Value::Ns((0..random.usize(1..5)).map(|_| Number::from(random.i64(..))).collect()),
        7 => Value::L((0..random.usize(0..5)).map(|_| value(random, bytes / 5, depth + 1)).collect()),
        _ => Value::M(texts(random).into_iter().map(|name| (name, value(random, bytes / 5, depth + 1))).collect()),
    }
}

/// A few distinct strings.
fn texts(random: &mut fastrand::Rng) -> Vec<String> {
    (0..random.usize(1..5)).map(|number| format!("{number}{}", random.u32(..))).collect()
}

/// A random item of exactly `size_bytes`, whose key is `pk` = "a".
fn sized(random: &mut fastrand::Rng, size_bytes: usize) -> Item {
    let mut map = BTreeMap::from([("pk".to_owned(), string("a"))]);
    for number in 0..random.usize(0..8) {
        map.insert(format!("attribute{number}"), value(random, size_bytes / 16, 0));
    }
    map.insert("fill".to_owned(), string(""));
    let missing = size_bytes - Item::from_value_map(&map).unwrap().as_ref().size_bytes();
    map.insert("fill".to_owned(), string(&"x".repeat(missing)));
    let item = Item::from_value_map(&map).unwrap();
    assert_eq!(item.as_ref().size_bytes(), size_bytes);
    item
}

#[test]
fn items_are_as_large_as_they_may_be() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let (evaluator, definition) = (&mut Evaluator::new(), &table(None));
    for _ in 0..100 {
        for (size_bytes, is_small) in [(ITEM_SIZE_BYTES_MAX, true), (ITEM_SIZE_BYTES_MAX + 1, false)] {
            let item = sized(&mut random, size_bytes);
            let told = |outcome: Result<(), crate::Error>| outcome.err().map(|error| error.message.into_owned());
            let too_large = |message: &str| (!is_small).then(|| message.to_owned());
            let request = Request::PutItem(PutItem { item: Attributes::Valid(item.clone()), ..put() });
            let expected = too_large("Item size has exceeded the maximum allowed size");
            assert_eq!(told(request.validate(evaluator)), expected, "seed {seed}");
            let writes = vec![(Text::from("table"), vec![WriteRequest::Put(Attributes::Valid(item.clone()))])];
            let batch = BatchWriteItem { request_items: Some(writes), ..BatchWriteItem::default() };
            assert_eq!(told(Request::BatchWriteItem(batch).validate(evaluator)), expected, "seed {seed}");
            // The same item made by an update of one that has everything else: what is left alone is not charged for.
            let fill = item.as_ref().attribute("fill").unwrap();
            let mut rest = item.to_value_map();
            rest.remove("fill");
            let rest = Item::from_value_map(&rest).unwrap();
            let crate::ValueRef::S(fill) = fill else { panic!("it is a string") };
            let legacy = AttributeUpdate { value: single(string(fill)), ..AttributeUpdate::default() };
            let update = UpdateItem {
                table_name: text("table"),
                key: key("a"),
                attribute_updates: Some(vec![(Text::from("fill"), legacy)]),
                ..UpdateItem::default()
            };
            let outcome = update.apply(evaluator, definition, Some(rest.as_ref())).map(|_| ());
            assert_eq!(
                told(outcome),
                too_large("Item size to update has exceeded the maximum allowed size"),
                "seed {seed}"
            );
        }
    }
}

#[test]
fn index_entries_count_with_the_item() {
    let definition = indexed_table(&["i"]);
    let indexed = |bytes: usize| {
        item(&[("pk", string("p")), ("sk", string("s")), ("i", string("1")), ("a", string(&"x".repeat(bytes)))])
    };
    let overhead = indexed(0).as_ref().size_bytes();
    let half = ITEM_SIZE_BYTES_MAX / 2 - overhead;
    assert_eq!(check_index_entries(&definition, indexed(half).as_ref()), Ok(()));
    let error = check_index_entries(&definition, indexed(half + 1).as_ref()).unwrap_err();
    assert_eq!(error.message, "Item size has exceeded the maximum allowed size");
    assert_eq!(check_index_entries(&table(None), indexed(half + 1).as_ref()), Ok(()));
    assert_eq!(collection_share_bytes(&definition, indexed(0).as_ref()), 2 * overhead as u64);
}
