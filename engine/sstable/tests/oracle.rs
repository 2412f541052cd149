//! Random files hold what was put in, and nothing else: point lookups, spans in both directions with all bounds, merges.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use fastrand::Rng;
use runtime::simulated::Machine;
use sstable::{Cache, Direction, FileId, Merge, Piece, SoughtKey, Span, Table, TableRange};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::rc::Rc;
use world::{
    Oracle, Owned, OwnedContent, collect, collect_merge, machine_with, open, random_key, random_oracle, write,
};

/// The key's entry, by way of the cache as an owner goes it.
async fn find(table: &Table, key: &[u8], cache: &mut Cache) -> Option<Owned> {
    let sought = SoughtKey::new(key);
    let page = table.page_of(key)?;
    if cache.page(table.id(), page).is_none() {
        cache.insert(table.id(), page, Piece::Page(table.read_page(page).await.unwrap()));
    }
    let block = cache.page(table.id(), page).expect("taken in").probe(&sought)?;
    if cache.block(table.id(), block).is_none() {
        cache.insert(table.id(), block, Piece::Block(table.read_block(block).await.unwrap()));
    }
    cache.block(table.id(), block).expect("taken in").find(key).map(Owned::of)
}

#[test]
fn every_key_is_found_and_no_other() {
    for (seed, count) in [(1, 1), (2, 2), (3, 40), (4, 700), (5, 6_000), (6, 40_000)] {
        let mut random = Rng::with_seed(seed);
        let oracle = random_oracle(&mut random, count);
        let (machine, record) = machine_with(seed, &oracle);
        assert_eq!(record.entry_count, oracle.len() as u64);
        assert_eq!(Some(&record.first_key), oracle.keys().next());
        assert_eq!(Some(&record.last_key), oracle.keys().last());
        machine
            .run(async {
                let table = open(&machine.runtime(), record).await.unwrap();
                let mut cache = Cache::new(300 << 10, 7);
                for (key, owned) in &oracle {
                    assert_eq!(find(&table, key, &mut cache).await.as_ref(), Some(owned), "seed {seed} {key:?}");
                }
                for _ in 0..count * 2 {
                    let key = random_key(&mut random);
                    assert_eq!(find(&table, &key, &mut cache).await.as_ref(), oracle.get(&key), "seed {seed} {key:?}");
                }
                assert!(cache.memory_bytes() <= 310 << 10, "{} bytes", cache.memory_bytes());
            })
            .unwrap();
    }
}

fn bound<'k>(random: &mut Rng, key: &'k [u8]) -> Bound<&'k [u8]> {
    match random.u8(..5) {
        0 => Bound::Unbounded,
        1 | 2 => Bound::Included(key),
        _ => Bound::Excluded(key),
    }
}

fn is_valid(lower: Bound<&[u8]>, upper: Bound<&[u8]>) -> bool {
    let key = |bound| match bound {
        Bound::Included(key) | Bound::Excluded(key) => Some(key),
        Bound::Unbounded => None,
    };
    match (key(lower), key(upper)) {
        (Some(low), Some(high)) => {
            low < high || low == high && matches!((lower, upper), (Bound::Included(_), Bound::Included(_)))
        }
        _ => true,
    }
}

#[test]
fn spans_are_what_a_map_has_in_both_directions() {
    for (seed, count) in [(11, 1), (12, 3), (13, 60), (14, 900), (15, 5_000), (16, 30_000)] {
        let mut random = Rng::with_seed(seed);
        let oracle = random_oracle(&mut random, count);
        let keys: Vec<&Vec<u8>> = oracle.keys().collect();
        let (machine, record) = machine_with(seed, &oracle);
        machine
            .run(async {
                let table = open(&machine.runtime(), record).await.unwrap();
                for _ in 0..600_000 / (count + 1_000) {
                    let mut key = || match random.u8(..3) {
                        0 => random_key(&mut random),
                        _ => keys[random.usize(..keys.len())].clone(),
                    };
                    let (first, second) = (key(), key());
                    let (lower, upper) = (bound(&mut random, &first), bound(&mut random, &second));
                    let span = Span { lower, upper };
                    let mut expected: Vec<(Vec<u8>, Owned)> = match is_valid(lower, upper) {
                        true => oracle
                            .range::<[u8], _>((lower, upper))
                            .map(|(key, owned)| (key.clone(), owned.clone()))
                            .collect(),
                        false => Vec::new(),
                    };
                    for direction in [Direction::Forward, Direction::Reverse] {
                        let found = collect(TableRange::new(Rc::clone(&table), span, direction)).await.unwrap();
                        assert!(found == expected, "seed {seed} {span:?} {direction:?}");
                        expected.reverse();
                    }
                }
            })
            .unwrap();
    }
}

#[test]
fn a_range_passes_over_what_names_no_record_in_some_segments() {
    for (seed, count) in [(51, 1), (52, 60), (53, 5_000), (54, 30_000)] {
        let mut random = Rng::with_seed(seed);
        let oracle = random_oracle(&mut random, count);
        let (machine, record) = machine_with(seed, &oracle);
        machine
            .run(async {
                let table = open(&machine.runtime(), record).await.unwrap();
                for _ in 0..20 {
                    let segments: BTreeSet<u32> = (0..random.u32(..4)).map(|_| random.u32(1..12)).collect();
                    let lower = random_key(&mut random);
                    let span = Span { lower: Bound::Included(&lower), upper: Bound::Unbounded };
                    let range = TableRange::new(Rc::clone(&table), span, Direction::Forward).naming(&segments);
                    let found = collect(range).await.unwrap();
                    let names = |owned: &Owned| match owned.content {
                        OwnedContent::InJournal(_, place) => segments.contains(&place.segment),
                        _ => false,
                    };
                    let expected = oracle.range(lower.clone()..).filter(|(_, owned)| names(owned));
                    assert!(found.iter().map(|(key, owned)| (key, owned)).eq(expected), "seed {seed} {segments:?}");
                }
            })
            .unwrap();
    }
}

/// Files with versions of the same keys, newest file first.
async fn write_layers(machine: &Machine, random: &mut Rng, counts: &[usize]) -> (Vec<Rc<Table>>, Vec<Oracle>) {
    let (mut tables, mut layers) = (Vec::new(), Vec::new());
    for (age, count) in counts.iter().enumerate() {
        let mut layer = random_oracle(random, *count);
        for owned in layer.values_mut() {
            owned.version += (counts.len() - age) as u64 * 1_000_000;
        }
        let record = write(&machine.runtime(), FileId(age as u64), &layer).await.unwrap();
        tables.push(open(&machine.runtime(), record).await.unwrap());
        layers.push(layer);
    }
    (tables, layers)
}

#[test]
fn a_merge_yields_the_newest_of_each_key_and_tells_the_others() {
    for seed in 20..32 {
        let mut random = Rng::with_seed(seed);
        let machine = Machine::new(seed);
        let counts: Vec<usize> = (0..random.usize(1..6)).map(|_| random.usize(1..3_000)).collect();
        machine
            .run(async {
                let (tables, layers) = write_layers(&machine, &mut random, &counts).await;
                let mut all: BTreeMap<Vec<u8>, Owned> = BTreeMap::new();
                for (key, owned) in layers.iter().rev().flatten() {
                    all.insert(key.clone(), owned.clone());
                }
                for _ in 0..6 {
                    let (first, second) = (random_key(&mut random), random_key(&mut random));
                    let (lower, upper) = (bound(&mut random, &first), bound(&mut random, &second));
                    if !is_valid(lower, upper) {
                        continue;
                    }
                    let mut expected: Vec<(Vec<u8>, Owned)> =
                        all.range::<[u8], _>((lower, upper)).map(|(key, owned)| (key.clone(), owned.clone())).collect();
                    for direction in [Direction::Forward, Direction::Reverse] {
                        let span = Span { lower, upper };
                        let ranges = tables.iter().map(|table| TableRange::new(Rc::clone(table), span, direction));
                        let found = collect_merge(Merge::new(ranges, direction)).await.unwrap();
                        assert!(found == expected, "seed {seed} {lower:?} {upper:?} {direction:?}");
                        expected.reverse();
                    }
                }
            })
            .unwrap();
    }
}

#[test]
fn what_a_file_keeps_alive_is_told_by_segment() {
    let mut random = Rng::with_seed(41);
    let oracle = random_oracle(&mut random, 3_000);
    let (machine, record) = machine_with(41, &oracle);
    let mut expected: BTreeMap<u32, (u32, u64)> = BTreeMap::new();
    for owned in oracle.values() {
        if let OwnedContent::InJournal(_, place) = &owned.content {
            let (count, bytes) = expected.entry(place.segment).or_default();
            *count += 1;
            *bytes += u64::from(place.bytes);
        }
    }
    machine
        .run(async {
            let table = open(&machine.runtime(), record).await.unwrap();
            let usage = table.read_usage().await.unwrap();
            let found: Vec<_> = usage.iter().map(|it| (it.segment, (it.record_count, it.payload_bytes))).collect();
            assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
        })
        .unwrap();
}

#[test]
fn blocks_that_lie_together_are_read_together() {
    let mut random = Rng::with_seed(42);
    let oracle = random_oracle(&mut random, 20_000);
    let (machine, record) = machine_with(42, &oracle);
    machine
        .run(async {
            let table = open(&machine.runtime(), record).await.unwrap();
            for direction in [Direction::Forward, Direction::Reverse] {
                let mut range = TableRange::new(Rc::clone(&table), Span::ALL, direction);
                let (mut entry_count, mut read_count, mut waiting) = (0, 0, std::collections::VecDeque::new());
                loop {
                    match range.step() {
                        sstable::RangeStep::Entry => entry_count += 1,
                        sstable::RangeStep::End => break,
                        sstable::RangeStep::Needs(sstable::Needed::Page(page)) => {
                            assert!(waiting.is_empty(), "what was read ahead was needed");
                            range.supply_page(table.read_page(page).await.unwrap());
                        }
                        sstable::RangeStep::Needs(sstable::Needed::Block(_)) => {
                            if waiting.is_empty() {
                                let mut ahead = Vec::new();
                                range.blocks_ahead(32, &mut ahead);
                                ahead.truncate(sstable::adjacent_count(&ahead));
                                let stretch = table.read_stretch(&ahead).await.unwrap();
                                waiting.extend(ahead.iter().map(|block| table.open_in(&stretch, *block).unwrap()));
                                read_count += 1;
                            }
                            range.supply_block(waiting.pop_front().expect("one was read"));
                        }
                    }
                }
                assert_eq!(entry_count, oracle.len());
                assert!(read_count < 30, "{read_count} reads");
            }
        })
        .unwrap();
}
