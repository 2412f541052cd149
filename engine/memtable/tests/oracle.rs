//! The memtable against a `BTreeMap` of (key, version descending): random operations, every answer compared.
#![cfg(not(loom))]

use memtable::{Direction, Entry, Found, InsertRefused, KeySpan, Memtable, MemtableOptions, Merge, Writer};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Bound;

type Oracle = BTreeMap<(Vec<u8>, Reverse<u64>), Option<Vec<u8>>>;

const SEEDS: [u64; 6] = [1, 2, 3, 0xdead_beef, u64::MAX, 0];

/// How keys look: what they begin with decides whether links alone can tell them apart.
#[derive(Clone, Copy, Debug)]
enum Keys {
    /// Spread over the whole range, as hashes are.
    Hashed,
    /// Eight bytes in common: links tell nothing.
    OneCollection,
    /// 0 to 9 bytes of 0x00, 0x01, 0xff: prefixes of each other, shorter than what a link carries.
    Awkward,
}

fn random_key(keys: Keys, random: &mut fastrand::Rng) -> Vec<u8> {
    match keys {
        Keys::Hashed => {
            let number = random.u64(..400);
            let mut key = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes().to_vec();
            key.extend_from_slice(&number.to_be_bytes());
            key
        }
        Keys::OneCollection => format!("partition/{:03}", random.u32(..400)).into_bytes(),
        Keys::Awkward => (0..random.usize(..10)).map(|_| [0, 1, 0xff][random.usize(..3)]).collect(),
    }
}

fn flat(found: Found<'_>) -> (Vec<u8>, u64, Option<Vec<u8>>) {
    let value = match found.entry {
        Entry::Put(value) => Some(value.to_vec()),
        Entry::Tombstone => None,
    };
    (found.key.to_vec(), found.version, value)
}

fn within(span: KeySpan<'_>, key: &[u8]) -> bool {
    (match span.lower {
        Bound::Included(lower) => key >= lower,
        Bound::Excluded(lower) => key > lower,
        Bound::Unbounded => true,
    }) && (match span.upper {
        Bound::Included(upper) => key <= upper,
        Bound::Excluded(upper) => key < upper,
        Bound::Unbounded => true,
    })
}

/// What an iteration over `span` has to yield.
fn expected(oracle: &Oracle, span: KeySpan<'_>, at: u64) -> Vec<(Vec<u8>, u64, Option<Vec<u8>>)> {
    let mut yielded: Vec<(Vec<u8>, u64, Option<Vec<u8>>)> = Vec::new();
    for ((key, Reverse(version)), value) in oracle {
        let is_next = yielded.last().is_none_or(|(last, _, _)| last != key);
        if *version <= at && within(span, key) && is_next {
            yielded.push((key.clone(), *version, value.clone()));
        }
    }
    yielded
}

fn random_bound<'k>(key: &'k [u8], random: &mut fastrand::Rng) -> Bound<&'k [u8]> {
    [Bound::Included(key), Bound::Excluded(key), Bound::Unbounded][random.usize(..3)]
}

fn check_reads(table: &Memtable, oracle: &Oracle, keys: Keys, random: &mut fastrand::Rng) {
    let (one, other) = (random_key(keys, random), random_key(keys, random));
    let newest = oracle.keys().map(|(_, Reverse(version))| *version).max().unwrap_or(0);
    let at = if random.bool() { u64::MAX } else { random.u64(..=newest) };

    let found = table.find(&one, at).map(flat);
    let exact = KeySpan { lower: Bound::Included(&one), upper: Bound::Included(&one) };
    assert_eq!(found, expected(oracle, exact, at).pop());
    assert_eq!(table.get(&one, at), table.find(&one, at).map(|found| found.entry));

    let span = KeySpan { lower: random_bound(&one, random), upper: random_bound(&other, random) };
    let mut expect = expected(oracle, span, at);
    let forward: Vec<_> = table.range(span, at).forward().map(flat).collect();
    assert_eq!(forward, expect, "{span:?} at {at}");

    let sought = random_key(keys, random);
    for direction in [Direction::Forward, Direction::Reverse] {
        let mut walk = table.range(span, at).walk(direction);
        for _ in 0..random.usize(..3) {
            walk.next();
        }
        walk.seek(&sought);
        let expect = match direction {
            Direction::Forward => expect.iter().find(|(key, _, _)| *key >= sought),
            Direction::Reverse => expect.iter().rev().find(|(key, _, _)| *key <= sought),
        };
        assert_eq!(walk.next().map(flat).as_ref(), expect, "{span:?} at {at} {direction:?}");
    }

    expect.reverse();
    let reverse: Vec<_> = table.range(span, at).reverse().map(flat).collect();
    assert_eq!(reverse, expect, "{span:?} at {at} in reverse");
}

fn insert_random(writer: &mut Writer, oracle: &mut Oracle, (keys, version): (Keys, u64), random: &mut fastrand::Rng) {
    let key = random_key(keys, random);
    let value = (random.u8(..5) > 0).then(|| (0..random.usize(..40)).map(|_| random.u8(..)).collect::<Vec<u8>>());
    let entry = value.as_deref().map_or(Entry::Tombstone, Entry::Put);
    let result = writer.insert(writer.tagged(&key), version, entry).map(|superseded| superseded.map(flat));
    let exact = KeySpan { lower: Bound::Included(&key), upper: Bound::Included(&key) };
    let newest = expected(oracle, exact, u64::MAX).pop();
    if newest.as_ref().is_some_and(|(_, newest, _)| *newest >= version) {
        assert_eq!(result, Err(InsertRefused::NotNewer));
    } else {
        assert_eq!(result, Ok(newest));
        oracle.insert((key, Reverse(version)), value);
    }
    assert_eq!(writer.len(), oracle.len());
}

#[test]
fn answers_as_a_btree_map_does() {
    for keys in [Keys::Hashed, Keys::OneCollection, Keys::Awkward] {
        for seed in SEEDS {
            println!("keys {keys:?} seed {seed}");
            let mut random = fastrand::Rng::with_seed(seed);
            let (mut writer, reader) = Memtable::new(MemtableOptions { bytes_max: 4 << 20, seed });
            let mut oracle = Oracle::new();
            for round in 0..1500 {
                // Sometimes out of order, sometimes a version that is there.
                let version = if random.u8(..4) == 0 { random.u64(..=round) } else { round };
                insert_random(&mut writer, &mut oracle, (keys, version), &mut random);
                if round % 10 == 0 {
                    check_reads(&reader, &oracle, keys, &mut random);
                    check_reads(&writer, &oracle, keys, &mut random);
                }
            }
        }
    }
}

#[test]
fn several_memtables_merge_as_one() {
    for keys in [Keys::Hashed, Keys::OneCollection, Keys::Awkward] {
        for seed in SEEDS {
            println!("keys {keys:?} seed {seed}");
            let mut random = fastrand::Rng::with_seed(seed);
            let mut oracle = Oracle::new();
            let mut readers = Vec::new();
            let mut version = 0;
            for _ in 0..4 {
                let options = MemtableOptions { bytes_max: 1 << 20, seed };
                let (mut writer, reader) = Memtable::new(options);
                let mut own = Oracle::new();
                for _ in 0..random.u64(..200) {
                    version += 1;
                    insert_random(&mut writer, &mut own, (keys, version), &mut random);
                }
                readers.insert(0, reader);
                oracle.append(&mut own);
            }
            for _ in 0..30 {
                check_merge(&readers, &oracle, keys, &mut random);
            }
        }
    }
}

fn check_merge(readers: &[memtable::Reader], oracle: &Oracle, keys: Keys, random: &mut fastrand::Rng) {
    let (one, other) = (random_key(keys, random), random_key(keys, random));
    let at = random.u64(..1000);
    let exact = KeySpan { lower: Bound::Included(&one), upper: Bound::Included(&one) };
    let found = memtable::find_newest(readers, &one, at).map(flat);
    assert_eq!(found, expected(oracle, exact, at).pop());

    let span = KeySpan { lower: random_bound(&one, random), upper: random_bound(&other, random) };
    for direction in [Direction::Forward, Direction::Reverse] {
        let merge = || Merge::new(readers.iter().map(|reader| &**reader), span, at, direction);
        let mut expect = expected(oracle, span, at);
        if direction == Direction::Reverse {
            expect.reverse();
        }
        assert_eq!(merge().map(flat).collect::<Vec<_>>(), expect, "{span:?} {direction:?}");

        let sought = random_key(keys, random);
        let mut sought_merge = merge();
        sought_merge.seek(&sought);
        let is_reached = |key: &Vec<u8>| match direction {
            Direction::Forward => *key >= sought,
            Direction::Reverse => *key <= sought,
        };
        let from_there = expect.iter().find(|(key, _, _)| is_reached(key));
        assert_eq!(sought_merge.next().map(flat).as_ref(), from_there);

        expect.retain(|(_, _, value)| value.is_some());
        assert_eq!(merge().live().map(flat).collect::<Vec<_>>(), expect);
    }
}

#[test]
fn every_version_of_a_key_is_found_as_of_any_time() {
    let (mut writer, reader) = Memtable::new(MemtableOptions { bytes_max: 1 << 20, seed: 1 });
    for number in 1..=1000_u64 {
        writer.insert(writer.tagged(b"key"), number * 2, Entry::Put(&number.to_be_bytes())).unwrap();
    }
    assert_eq!(reader.find(b"key", 1), None);
    for at in 2..=2001 {
        let found = reader.find(b"key", at).unwrap();
        assert_eq!((found.version, found.entry), (at / 2 * 2, Entry::Put(&(at / 2).to_be_bytes())));
    }
}

#[test]
fn the_same_seed_gives_the_same_structure() {
    let build = |seed| {
        let (mut writer, _) = Memtable::new(MemtableOptions { bytes_max: 1 << 20, seed });
        let mut random = fastrand::Rng::with_seed(7);
        let mut version = 0;
        while writer.insert(writer.tagged(&random_key(Keys::Hashed, &mut random)), version, Entry::Tombstone).is_ok() {
            version += 1;
        }
        writer.len()
    };
    assert_eq!(build(3), build(3));
    assert_ne!(build(3), build(4), "heights, so the room for entries, follow the seed");
}
