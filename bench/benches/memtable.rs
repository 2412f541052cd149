//! The memtable beside `crossbeam-skiplist` and a `BTreeMap`: insert, get, miss and range, in one thread.
//!
//! Keys are 32 bytes and begin with 8 bytes of hash, as encoded keys do; values are 16 bytes. The peers hold the same
//! keys without versions, in boxes of their own, which spares them a comparison that the memtable makes.

use criterion::{BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput, measurement::WallTime};
use criterion::{criterion_group, criterion_main};
use crossbeam_skiplist::SkipMap;
use memtable::{Entry, KeySpan, Memtable, MemtableOptions, Reader};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];
const RANGE_ITEMS: usize = 100;
const VALUE: [u8; 16] = [7; 16];
const SEED: u64 = 42;

type Key = [u8; 32];
type Boxed = Box<[u8]>;

fn keys(count: usize, seed: u64) -> Vec<Key> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut key = || {
        let mut key = [0; 32];
        random.fill(&mut key);
        key
    };
    (0..count).map(|_| key()).collect()
}

/// Keys of one item collection, in order: 8 bytes of hash and 16 of partition key in common, then a counter.
fn collection(count: usize) -> Vec<Key> {
    let key = |number: usize| {
        let mut key = [b'k'; 32];
        key[24..].copy_from_slice(&(number as u64).to_be_bytes());
        key
    };
    (0..count).map(key).collect()
}

fn build_memtable(keys: &[Key]) -> Reader {
    let (mut writer, reader) = Memtable::new(MemtableOptions { bytes_max: 256 << 20, seed: SEED });
    for (version, key) in keys.iter().enumerate() {
        writer.insert(writer.tagged(key), version as u64, Entry::Put(&VALUE)).expect("room for a million keys");
    }
    reader
}

fn build_skip_map(keys: &[Key]) -> SkipMap<Boxed, Boxed> {
    let map = SkipMap::new();
    for key in keys {
        map.insert(Boxed::from(key.as_slice()), Boxed::from(VALUE.as_slice()));
    }
    map
}

fn build_btree_map(keys: &[Key]) -> BTreeMap<Boxed, Boxed> {
    let mut map = BTreeMap::new();
    for key in keys {
        map.insert(Boxed::from(key.as_slice()), Boxed::from(VALUE.as_slice()));
    }
    map
}

fn group<'c>(criterion: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_millis(700));
    group
}

fn insert(criterion: &mut Criterion) {
    for (name, make) in
        [("insert", (|count| keys(count, SEED)) as fn(usize) -> Vec<Key>), ("insert_sequential", collection)]
    {
        let mut group = group(criterion, name);
        for size in SIZES {
            let keys = make(size);
            group.throughput(Throughput::Elements(size as u64));
            group.bench_function(BenchmarkId::new("memtable", size), |bencher| {
                bencher.iter_batched(|| (), |()| build_memtable(&keys), BatchSize::PerIteration);
            });
            group.bench_function(BenchmarkId::new("crossbeam", size), |bencher| {
                bencher.iter_batched(|| (), |()| build_skip_map(&keys), BatchSize::PerIteration);
            });
            group.bench_function(BenchmarkId::new("btree", size), |bencher| {
                bencher.iter_batched(|| (), |()| build_btree_map(&keys), BatchSize::PerIteration);
            });
        }
    }
}

/// Looks `sought` up in turn, in an order that has nothing to do with that of insertion.
fn get(criterion: &mut Criterion) {
    for name in ["get_hit", "get_miss"] {
        let mut group = group(criterion, name);
        for size in SIZES {
            let keys = keys(size, SEED);
            let mut sought = if name == "get_hit" { keys.clone() } else { self::keys(size, SEED + 1) };
            fastrand::Rng::with_seed(SEED).shuffle(&mut sought);
            group.throughput(Throughput::Elements(1));

            let table = build_memtable(&keys);
            let mut turn = sought.iter().cycle();
            group.bench_function(BenchmarkId::new("memtable", size), |bencher| {
                bencher.iter(|| black_box(table.get(turn.next().expect("endless"), u64::MAX)).is_some());
            });
            drop(table);
            let table = build_skip_map(&keys);
            let mut turn = sought.iter().cycle();
            group.bench_function(BenchmarkId::new("crossbeam", size), |bencher| {
                bencher.iter(|| black_box(table.get(turn.next().expect("endless").as_slice())).is_some());
            });
            drop(table);
            let table = build_btree_map(&keys);
            let mut turn = sought.iter().cycle();
            group.bench_function(BenchmarkId::new("btree", size), |bencher| {
                bencher.iter(|| black_box(table.get(turn.next().expect("endless").as_slice())).is_some());
            });
        }
    }
}

/// From a random key, the next hundred; every key and value is looked at.
fn range(criterion: &mut Criterion) {
    for name in ["range", "range_reverse"] {
        let mut group = group(criterion, name);
        for size in SIZES {
            let keys = keys(size, SEED);
            let mut sought = keys.clone();
            fastrand::Rng::with_seed(SEED).shuffle(&mut sought);
            group.throughput(Throughput::Elements(RANGE_ITEMS as u64));

            let table = build_memtable(&keys);
            let mut turn = sought.iter().cycle();
            group.bench_function(BenchmarkId::new("memtable", size), |bencher| {
                let look = |found: memtable::Found<'_>| match found.entry {
                    Entry::Put(value) => u64::from(value[0]) + u64::from(found.key[31]),
                    Entry::Tombstone => 0,
                };
                bencher.iter(|| -> u64 {
                    let key = turn.next().expect("endless");
                    if name == "range" {
                        table.range(KeySpan::from(key), u64::MAX).forward().take(RANGE_ITEMS).map(look).sum()
                    } else {
                        let span = KeySpan { upper: std::ops::Bound::Excluded(key), ..KeySpan::ALL };
                        table.range(span, u64::MAX).reverse().take(RANGE_ITEMS).map(look).sum()
                    }
                });
            });
            drop(table);
            let table = build_skip_map(&keys);
            let mut turn = sought.iter().cycle();
            group.bench_function(BenchmarkId::new("crossbeam", size), |bencher| {
                bencher.iter(|| -> u64 {
                    let key = Boxed::from(turn.next().expect("endless").as_slice());
                    let look = |entry: crossbeam_skiplist::map::Entry<'_, Boxed, Boxed>| {
                        u64::from(entry.value()[0]) + u64::from(entry.key()[31])
                    };
                    if name == "range" {
                        table.range(key..).take(RANGE_ITEMS).map(look).sum()
                    } else {
                        table.range(..key).rev().take(RANGE_ITEMS).map(look).sum()
                    }
                });
            });
            drop(table);
            let table = build_btree_map(&keys);
            let mut turn = sought.iter().cycle();
            group.bench_function(BenchmarkId::new("btree", size), |bencher| {
                bencher.iter(|| -> u64 {
                    let key = Boxed::from(turn.next().expect("endless").as_slice());
                    let look = |(key, value): (&Boxed, &Boxed)| u64::from(value[0]) + u64::from(key[31]);
                    if name == "range" {
                        table.range(key..).take(RANGE_ITEMS).map(look).sum()
                    } else {
                        table.range(..key).rev().take(RANGE_ITEMS).map(look).sum()
                    }
                });
            });
        }
    }
}

criterion_group!(benches, insert, get, range);
criterion_main!(benches);
