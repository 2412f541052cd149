//! Local indexes against a naive oracle: random writes, then every index read in every way, through restarts, merges and cleaning.
#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;
use model::operation::{Page, Query, QueryRange, Reply, Scan};
use model::table::IndexProjection;
use model::{Item, KeyRange, KeyType, TableDefinition, Text, Value, ValueRef};
use partition::{Answer, Operation, QueryWork, ScanStretch, Statistics};
use runtime::simulated::Machine;
use world::{Owner, item, key, live, number, options, table, text};

const PARTITION_KEYS: [&str; 4] = ["a", "b", "c", "d\0"];
const SORT_KEY_COUNT: u64 = 24;

/// All items there should be, by their keys.
type Oracle = BTreeMap<(String, u64), Item>;

fn indexed() -> TableDefinition {
    let include = IndexProjection::Include(vec!["filler".to_owned()]);
    table(&[
        ("by-x", "x", KeyType::String, IndexProjection::All),
        ("by-y", "y", KeyType::Number, IndexProjection::KeysOnly),
        ("by-z", "z", KeyType::Binary, include),
    ])
}

/// An item with some of the index keys, of few different values.
fn draw(random: &mut Rng) -> Item {
    // Some stay in the journal when they are flushed, and have to be moved.
    let filler_bytes = if random.u8(0..4) == 0 { 400 } else { random.usize(0..120) };
    let mut others = vec![("filler", Value::B(vec![7; filler_bytes]))];
    if random.u8(0..4) > 0 {
        others.push(("x", text(["", "a", "a\0", "b", "\0"][random.usize(1..5)])));
    }
    if random.bool() {
        others.push(("y", number(random.i64(-2..3))));
    }
    if random.u8(0..3) == 0 {
        others.push(("z", Value::B(vec![random.u8(254..=255); random.usize(1..3)])));
    }
    item(PARTITION_KEYS[random.usize(0..4)], random.u64(0..SORT_KEY_COUNT), &others)
}

fn key_of(item: &Item) -> (String, u64) {
    let (Some(ValueRef::S(partition_key)), Some(ValueRef::N(sort_key))) =
        (item.as_ref().attribute("p"), item.as_ref().attribute("s"))
    else {
        panic!("{item:?}");
    };
    (partition_key.to_owned(), u64::try_from(sort_key.to_i64().unwrap()).unwrap())
}

/// Writes at random, with some writes in flight together.
async fn write(owner: &mut Owner, random: &mut Rng, oracle: &mut Oracle, write_count: usize) {
    for _ in 0..write_count {
        let item = draw(random);
        let at = key_of(&item);
        if random.u8(0..3) == 0 {
            oracle.remove(&at);
            let delete = owner.delete_of(&key(&at.0, at.1));
            owner.begin(delete);
        } else {
            oracle.insert(at, item.clone());
            let put = owner.put_of(&item);
            owner.begin(put);
        }
        if random.u8(0..10) == 0 {
            owner.settle().await;
        }
    }
    owner.settle().await;
    assert!(owner.take_outcomes().iter().all(|(_, outcome)| outcome.is_ok()));
}

/// The value of an index's key in an order that is the index's.
fn order_of(item: &Item, name: &str) -> Option<(i64, Vec<u8>)> {
    Some(match item.as_ref().attribute(name)? {
        ValueRef::N(number) => (number.to_i64().unwrap(), Vec::new()),
        ValueRef::S(text) => (0, text.as_bytes().to_vec()),
        ValueRef::B(bytes) => (0, bytes.to_vec()),
        other => panic!("{other:?}"),
    })
}

/// What the index of that key holds under a partition key, in order.
fn expected<'a>(oracle: &'a Oracle, partition_key: &str, name: &str) -> Vec<&'a Item> {
    let mut items: Vec<(_, u64, &Item)> = oracle
        .iter()
        .filter(|((own, _), _)| own == partition_key)
        .filter_map(|((_, sort_key), item)| Some((order_of(item, name)?, *sort_key, item)))
        .collect();
    items.sort_by(|left, right| (&left.0, left.1).cmp(&(&right.0, right.1)));
    items.into_iter().map(|(_, _, item)| item).collect()
}

fn page_of(answer: Result<Answer, model::Error>) -> Page {
    match answer {
        Ok(Answer::Reply(Reply::Query(page))) => *page,
        other => panic!("{other:?}"),
    }
}

/// All pages of a query of one partition key in an index.
async fn query(owner: &mut Owner, number: usize, partition_key: &str, (is_forward, limit): (bool, i64)) -> Vec<Item> {
    let definition = owner.partition.table().clone();
    let index = &definition.local_indexes[number];
    let whole = KeyRange::of_partition_key(&definition.key_schema, ValueRef::S(partition_key)).unwrap().in_index();
    let mut keys = whole.clone();
    let mut found = Vec::new();
    loop {
        let query = Query {
            table_name: Some(Text::from("things")),
            index_name: Some(Text::from(index.name.as_str())),
            scan_index_forward: is_forward,
            limit: Some(limit),
            ..Query::default()
        };
        let range = QueryRange { index: Some(number), keys: keys.clone() };
        let page = page_of(owner.call(Operation::Query(Box::new(QueryWork::new(range, query)))).await);
        found.extend(page.items.unwrap());
        let Some(last) = page.last_evaluated_key else { return found };
        let mut entry = Vec::new();
        definition.key_schema.encode_entry_key(index, last.as_ref(), &mut entry).unwrap();
        keys = if is_forward { whole.clone().after_key(&entry) } else { whole.clone().before_key(&entry) };
    }
}

/// All items of an index, in the order of the hashes of their partition keys.
async fn scan(owner: &mut Owner, number: usize) -> Vec<Item> {
    let request = Arc::new(Scan { index_name: Some(Text::from("given by its number")), ..Scan::default() });
    let stretch = ScanStretch {
        page: request.page(),
        request: Arc::clone(&request),
        index: Some(number),
        lower: bytes::Bytes::new(),
        upper: None,
        progress: None,
    };
    let Ok(Answer::Scan(part)) = owner.call(Operation::Scan(Box::new(stretch))).await else {
        panic!("a part of a scan")
    };
    assert_eq!(part.last_key, None, "all of it is one page");
    request.reply(owner.partition.table(), Some(number), part.page, None).items.unwrap()
}

/// Only what the index projects.
fn projected(definition: &TableDefinition, number: usize, item: &Item) -> Item {
    let index = &definition.local_indexes[number];
    if index.projection == IndexProjection::All {
        return item.clone();
    }
    let mut attributes = item.to_value_map();
    let kept = index.projection.non_key_attributes();
    attributes.retain(|name, _| ["p", "s", &index.sort_key.name].contains(&name.as_str()) || kept.contains(name));
    Item::from_value_map(&attributes).unwrap()
}

async fn check(owner: &mut Owner, random: &mut Rng, oracle: &Oracle) {
    let definition = owner.partition.table().clone();
    let mut statistics = Statistics {
        item_count: oracle.len() as u64,
        size_bytes: oracle.values().map(|item| item.as_ref().size_bytes() as u64).sum(),
        ..Statistics::default()
    };
    for (number, index) in definition.local_indexes.iter().enumerate() {
        let mut all = Vec::new();
        for partition_key in PARTITION_KEYS {
            let mut items: Vec<Item> = expected(oracle, partition_key, &index.sort_key.name)
                .into_iter()
                .map(|item| projected(&definition, number, item))
                .collect();
            let limit = random.i64(1..40);
            assert_eq!(query(owner, number, partition_key, (true, limit)).await, items, "{} {limit}", index.name);
            items.reverse();
            assert_eq!(query(owner, number, partition_key, (false, limit)).await, items, "{} {limit}", index.name);
            all.extend(items);
        }
        let size = &mut statistics.local_indexes[number];
        size.item_count = all.len() as u64;
        size.size_bytes = all.iter().map(|item| item.as_ref().size_bytes() as u64).sum();
        let sorted = |mut items: Vec<Item>| {
            items.sort_by(|left, right| left.bytes().cmp(right.bytes()));
            items
        };
        assert_eq!(sorted(scan(owner, number).await), sorted(all), "{}", index.name);
    }
    assert_eq!(owner.partition.statistics(), statistics);
}

#[test]
fn indexes_hold_what_the_items_say_through_restarts_merges_and_cleaning() {
    for seed in 0..6 {
        println!("seed {seed}");
        let mut random = Rng::with_seed(seed);
        let machine = Machine::new(seed);
        let mut oracle = Oracle::new();
        for _ in 0..3 {
            live(&machine, (&indexed(), options()), async |owner| {
                check(owner, &mut random, &oracle).await;
                for write_count in [5, 200, 5_000] {
                    write(owner, &mut random, &mut oracle, write_count).await;
                    check(owner, &mut random, &oracle).await;
                }
                assert!(owner.flush_count > 10, "{} flushes", owner.flush_count);
                assert!(owner.merge_count > 10, "{} merges", owner.merge_count);
                assert!(owner.cleaning_count > 3, "{} cleanings", owner.cleaning_count);
            });
        }
        assert!(oracle.len() > 30, "{} items", oracle.len());
    }
}

#[test]
fn what_is_in_flight_is_not_in_an_index_yet() {
    let machine = Machine::new(1);
    live(&machine, (&indexed(), options()), async |owner| {
        let first = item("a", 1, &[("x", text("k"))]);
        owner.put(&first).await.unwrap();
        let moved = item("a", 1, &[("x", text("l"))]);
        let put = owner.put_of(&moved);
        owner.begin(put);
        let schema = owner.partition.table().key_schema.clone();
        let keys = KeyRange::of_partition_key(&schema, ValueRef::S("a")).unwrap().in_index();
        let range = QueryRange { index: Some(0), keys };
        let asked = owner.begin(Operation::Query(Box::new(QueryWork::new(range.clone(), Query::default()))));
        let outcomes = owner.take_outcomes();
        assert_eq!(outcomes.len(), 1, "the write waits");
        assert_eq!(outcomes[0].0, asked);
        assert_eq!(page_of(outcomes[0].1.clone()).items, Some(vec![first]));
        owner.settle().await;
        owner.take_outcomes();
        let page = page_of(owner.call(Operation::Query(Box::new(QueryWork::new(range, Query::default())))).await);
        assert_eq!(page.items, Some(vec![moved]));
    });
}
