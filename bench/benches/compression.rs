//! What compressing and decompressing an item of 1 KB costs.

#![allow(missing_docs)]

use compression::{Code, Histogram};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fastrand::Rng;
use std::hint::black_box;

const ITEM_BYTES: usize = 1_100;

/// Bytes of 64 kinds, all as often, as in the fields of YCSB.
fn text(random: &mut Rng, length: usize) -> Vec<u8> {
    (0..length).map(|_| b' ' + random.u8(..64)).collect()
}

fn items(criterion: &mut Criterion) {
    let mut random = Rng::with_seed(1);
    let mut histogram = Histogram::default();
    histogram.add(&text(&mut random, 1 << 20));
    let code = Code::of(&histogram);
    let items: Vec<Vec<u8>> = (0..64).map(|_| text(&mut random, ITEM_BYTES)).collect();
    let noise: Vec<u8> = (0..ITEM_BYTES).map(|_| random.u8(..)).collect();
    let mut group = criterion.benchmark_group("compression");
    group.throughput(Throughput::Bytes(ITEM_BYTES as u64));
    let mut out = vec![0; Code::room_bytes(ITEM_BYTES)];
    let mut turn = 0;
    let mut next = || {
        turn = (turn + 1) % items.len();
        turn
    };
    group.bench_function("compress", |bencher| bencher.iter(|| code.compress(black_box(&items[next()]), &mut out)));
    group.bench_function("refuse noise", |bencher| bencher.iter(|| code.compress(black_box(&noise), &mut out)));
    let compress = |item: &Vec<u8>| {
        let taken = code.compress(item, &mut out).expect("text is worth it");
        out[..taken].to_vec()
    };
    let compressed: Vec<Vec<u8>> = items.iter().map(compress).collect();
    let mut plain = vec![0; ITEM_BYTES];
    group.bench_function("decompress", |bencher| {
        bencher.iter(|| code.decompress(black_box(&compressed[next()]), &mut plain));
    });
    group.bench_function("count", |bencher| bencher.iter(|| histogram.add(black_box(&items[next()]))));
    group.bench_function("make a code", |bencher| bencher.iter(|| Code::of(black_box(&histogram))));
    group.finish();
}

criterion_group!(benches, items);
criterion_main!(benches);
