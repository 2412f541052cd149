//! What a message costs without its socket: `cargo bench -p wire`.
//!
//! A "round" is the server's whole work: cut the frame, verify it, make the model's request, encode the reply.

#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::hint::black_box;

use bytes::BytesMut;
use criterion::{Criterion, criterion_group, criterion_main};
use flatbuffers::FlatBufferBuilder;
use model::operation::{GetItemReply, Page, PutItemReply, Reply};
use model::{Item, Value};
use wire::server::{self, Decoder, Incoming};
use wire::{Flags, Hello, RequestId, VERSION, client};

fn item(value_bytes: usize) -> Item {
    let value = Value::S("v".repeat(value_bytes));
    let key = Value::S("user-0000000000000001234".to_owned());
    Item::from_value_map(&BTreeMap::from([("id".to_owned(), key), ("field0".to_owned(), value)])).unwrap()
}

fn key() -> Item {
    let key = Value::S("user-0000000000000001234".to_owned());
    Item::from_value_map(&BTreeMap::from([("id".to_owned(), key)])).unwrap()
}

fn open_decoder() -> Decoder {
    let hello = Hello { version_min: VERSION, version_max: VERSION, features: 0, client_name: String::new() };
    let mut out = BytesMut::new();
    client::encode_hello(&hello, &mut out).unwrap();
    let mut decoder = Decoder::default();
    decoder.feed(&out);
    assert!(decoder.next_message().unwrap().is_some());
    decoder
}

/// As many rounds as requests lie in one received piece: 32, the depth of a full pipeline.
fn rounds(criterion: &mut Criterion) {
    const DEPTH: u64 = 32;
    let mut group = criterion.benchmark_group("round");
    group.throughput(criterion::Throughput::Elements(DEPTH));
    let (mut gets, mut puts) = (BytesMut::new(), BytesMut::new());
    for number in 0..DEPTH {
        client::encode_get_item(RequestId(number), "usertable", key().bytes(), false, &mut gets).unwrap();
        client::encode_put_item(RequestId(number), "usertable", item(100).bytes(), &mut puts).unwrap();
    }
    let found = Reply::GetItem(GetItemReply { item: Some(item(100)), consumed: None });
    let written = Reply::PutItem(PutItemReply::default());
    for (name, requests, reply) in [("get_item x32", &gets, &found), ("put_item 100 B x32", &puts, &written)] {
        let mut decoder = open_decoder();
        let mut out = BytesMut::new();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                decoder.feed(requests);
                while let Some(message) = decoder.next_message().unwrap() {
                    let Incoming::Request { request_id, request } = message else { panic!("requests were sent") };
                    black_box(&request);
                    server::encode_reply(request_id, Ok(reply), Flags::NONE, &mut out);
                }
                black_box(&out);
                out.clear();
            });
        });
    }
    group.finish();
}

fn client_side(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("client");
    let key = key();
    let mut out = BytesMut::new();
    group.bench_function("encode get_item", |bencher| {
        bencher.iter(|| {
            out.clear();
            client::encode_get_item(RequestId(1), "usertable", black_box(key.bytes()), false, &mut out).unwrap();
        });
    });
    // The same payload through the library's builder, copied to the send buffer: what `writer` saves.
    let mut builder = FlatBufferBuilder::with_capacity(1024);
    group.bench_function("encode get_item, library's builder", |bencher| {
        bencher.iter(|| {
            out.clear();
            builder.reset();
            let key = builder.create_vector::<u8>(black_box(key.bytes()));
            let name = builder.create_string("usertable");
            let table = builder.start_table();
            builder.push_slot_always(6, key);
            builder.push_slot_always(4, name);
            let table = builder.end_table(table);
            builder.finish_minimal(table);
            out.extend_from_slice(&[0; 16]);
            out.extend_from_slice(builder.finished_data());
        });
    });
    let reply = Reply::GetItem(GetItemReply { item: Some(item(100)), consumed: None });
    let mut received = BytesMut::new();
    server::encode_reply(RequestId(1), Ok(&reply), Flags::NONE, &mut received);
    group.bench_function("read get_item's answer", |bencher| {
        bencher.iter(|| {
            let (answer, _) = client::Answer::split(black_box(&received)).unwrap().unwrap();
            black_box(answer.item().unwrap());
        });
    });
    group.finish();
}

fn pages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("page of 1 MiB");
    let items = vec![item(1000); 1000];
    let page = Page { items: Some(items), count: 1000, scanned_count: 1000, ..Page::default() };
    let reply = Reply::Query(Box::new(page));
    let mut out = BytesMut::new();
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            out.clear();
            server::encode_reply(RequestId(1), Ok(black_box(&reply)), Flags::NONE, &mut out);
        });
    });
    // The same through the library's builder: items gathered, copied into its buffer, copied into the send buffer.
    let Reply::Query(page) = &reply else { panic!("the reply is a page") };
    let items = page.items.as_ref().unwrap();
    let mut builder = FlatBufferBuilder::with_capacity(4 << 20);
    let (mut gathered, mut ends) = (Vec::new(), Vec::new());
    group.bench_function("encode, library's builder", |bencher| {
        bencher.iter(|| {
            out.clear();
            builder.reset();
            gathered.clear();
            ends.clear();
            for item in black_box(items) {
                gathered.extend_from_slice(item.bytes());
                ends.push(u32::try_from(gathered.len()).unwrap());
            }
            let ends = builder.create_vector(&ends);
            let bytes = builder.create_vector(&gathered);
            let list = builder.start_table();
            builder.push_slot_always(6, ends);
            builder.push_slot_always(4, bytes);
            let list = builder.end_table(list);
            let page = builder.start_table();
            builder.push_slot_always(4, list);
            let page = builder.end_table(page);
            builder.finish_minimal(page);
            out.extend_from_slice(&[0; 16]);
            out.extend_from_slice(builder.finished_data());
        });
    });
    group.finish();
}

criterion_group!(benches, rounds, client_side, pages);
criterion_main!(benches);
