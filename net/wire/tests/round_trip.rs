//! What one side encodes the other side decodes, for every kind of message, whole or in pieces.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)] // A test stops at what it did not expect; its numbers are small.

mod samples;

use std::borrow::Cow;

use bytes::BytesMut;
use fastrand::Rng;
use model::operation::{
    AttributeUpdate, Attributes, Choice, CreateTable, GetItem, LegacyCondition, PutItem, Reply, Request, Scan,
    UpdateItem,
};
use model::{Error, ErrorDetail, ErrorKind, Item, KeyHash, TableId, Text, ThrottlingReason};
use samples::KIND_COUNT;
use wire::{
    EncodeError, Flags, Goodbye, GoodbyeReason, Hello, PartitionMap, PartitionRange, RequestId, client, server,
};

/// Random messages per kind.
const ROUND_COUNT: u64 = 300;

fn hello() -> Hello {
    Hello { version_min: 0, version_max: 7, features: u64::MAX, client_name: "ünit".to_owned() }
}

/// A server's decoder after the handshake.
fn open_server() -> server::Decoder {
    let mut decoder = server::Decoder::default();
    let mut out = BytesMut::new();
    client::encode_hello(&hello(), &mut out).unwrap();
    decoder.feed(&out);
    let Some(server::Incoming::Hello(read)) = decoder.next_message().unwrap() else { panic!("a Hello was sent") };
    assert_eq!(read, hello());
    decoder
}

/// A client's decoder after the handshake.
fn open_client() -> client::Decoder {
    let mut decoder = client::Decoder::new();
    let mut out = BytesMut::new();
    server::encode_welcome(&samples::welcome(), &mut out).unwrap();
    decoder.feed(&out);
    let Some(client::Incoming::Welcome(read)) = decoder.next_message().unwrap() else { panic!("a Welcome was sent") };
    assert_eq!(read, samples::welcome());
    decoder
}

#[test]
fn requests_of_all_kinds() {
    let mut decoder = open_server();
    for seed in 0..ROUND_COUNT * KIND_COUNT as u64 {
        let mut random = Rng::with_seed(seed);
        let request = samples::request(seed as usize % KIND_COUNT, &mut random);
        let mut out = BytesMut::new();
        client::encode_request(RequestId(seed), &request, &mut out).unwrap();
        assert_eq!(out.len() % 8, 0, "seed {seed}");
        decoder.feed(&out);
        match decoder.next_message() {
            Ok(Some(server::Incoming::Request { request_id, request: read })) => {
                assert_eq!((request_id, read), (RequestId(seed), request), "seed {seed}");
            }
            other => panic!("seed {seed}: {other:?}"),
        }
        assert!(matches!(decoder.next_message(), Ok(None)), "seed {seed}");
    }
}

#[test]
fn replies_of_all_kinds() {
    let mut decoder = open_client();
    for seed in 0..ROUND_COUNT * KIND_COUNT as u64 {
        let mut random = Rng::with_seed(seed);
        let reply = samples::reply(seed as usize % KIND_COUNT, &mut random);
        let flags = if random.bool() { Flags::FORWARDED } else { Flags::NONE };
        let mut out = BytesMut::new();
        server::encode_reply(RequestId(seed), Ok(&reply), flags, &mut out);
        decoder.feed(&out);
        match decoder.next_message() {
            Ok(Some(client::Incoming::Reply { request_id, flags: read_flags, result })) => {
                assert_eq!((request_id, read_flags, result), (RequestId(seed), flags, Ok(reply)), "seed {seed}");
            }
            other => panic!("seed {seed}: {other:?}"),
        }
    }
}

#[test]
fn many_messages_in_any_pieces() {
    for seed in 0..50 {
        let mut random = Rng::with_seed(seed);
        let requests: Vec<Request> =
            (0..40).map(|_| samples::request(random.usize(0..KIND_COUNT), &mut random)).collect();
        let mut out = BytesMut::new();
        for (number, request) in requests.iter().enumerate() {
            client::encode_request(RequestId(number as u64), request, &mut out).unwrap();
        }
        let mut decoder = open_server();
        let mut read = Vec::new();
        let mut rest = &out[..];
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(random.usize(1..=rest.len().min(200)));
            rest = after;
            decoder.feed(piece);
            while let Some(message) = decoder.next_message().unwrap() {
                let server::Incoming::Request { request_id, request } = message else { panic!("seed {seed}") };
                assert_eq!(request_id.0, read.len() as u64, "seed {seed}");
                read.push(request);
            }
        }
        assert!(read == requests, "seed {seed}");
        assert_eq!(decoder.buffered_bytes(), 0, "seed {seed}");
    }
}

#[test]
fn errors_of_all_kinds() {
    let mut decoder = open_client();
    for kind in ErrorKind::ALL {
        let error = Error::new(kind, format!("a text with ünicode about {kind:?}"));
        let mut out = BytesMut::new();
        server::encode_reply(RequestId(u64::MAX), Err(&error), Flags::NONE, &mut out);
        let (answer, _) = client::Answer::split(&out).unwrap().unwrap();
        assert!(answer.is_error());
        assert_eq!(answer.error().unwrap().1, error.message);
        decoder.feed(&out);
        let Some(client::Incoming::Reply { result, .. }) = decoder.next_message().unwrap() else { panic!("{kind:?}") };
        assert_eq!(result, Err(error));
    }
}

#[test]
fn errors_tell_their_details() {
    let mut decoder = open_client();
    for seed in 0..ROUND_COUNT {
        let mut random = Rng::with_seed(seed);
        let kind = ErrorKind::ALL[random.usize(0..ErrorKind::ALL.len())];
        let error = Error::new(kind, "no").with_detail(samples::detail(&mut random));
        let mut out = BytesMut::new();
        server::encode_reply(RequestId(seed), Err(&error), Flags::NONE, &mut out);
        decoder.feed(&out);
        let Some(client::Incoming::Reply { result, .. }) = decoder.next_message().unwrap() else { panic!("{seed}") };
        assert_eq!(result, Err(error), "seed {seed}");
    }
    // Details that fit in no frame are left out.
    let reason = ThrottlingReason { reason: Cow::Owned("x".repeat(33 << 20)), resource: Cow::Borrowed("y") };
    let error = Error::throttling("no");
    let large = error.clone().with_detail(ErrorDetail::ThrottlingReasons(vec![reason]));
    let mut out = BytesMut::new();
    server::encode_reply(RequestId(1), Err(&large), Flags::NONE, &mut out);
    decoder.feed(&out);
    let Some(client::Incoming::Reply { result, .. }) = decoder.next_message().unwrap() else { panic!("an error") };
    assert_eq!(result, Err(error));
}

#[test]
fn a_partition_map_and_who_owns_what() {
    let map = PartitionMap {
        version: 3,
        table_id: TableId(u64::MAX),
        key_schema: samples::key_schema(&mut Rng::with_seed(1)),
        ranges: [(0, 4), (100, 2), (101, 4), (u64::MAX, 0)]
            .map(|(first_hash, core)| PartitionRange { first_hash: KeyHash(first_hash), core })
            .to_vec(),
    };
    let mut out = BytesMut::new();
    server::encode_partition_map(RequestId(5), &map, &mut out).unwrap();
    let mut decoder = open_client();
    decoder.feed(&out);
    let Some(client::Incoming::PartitionMap { request_id, map: read }) = decoder.next_message().unwrap() else {
        panic!("a map was sent")
    };
    assert_eq!((request_id, &read), (RequestId(5), &map));
    for (hash, core) in [(0, 4), (99, 4), (100, 2), (101, 4), (u64::MAX - 1, 4), (u64::MAX, 0)] {
        assert_eq!(read.owner(KeyHash(hash)), core, "hash {hash}");
    }
}

#[test]
fn small_messages() {
    let mut out = BytesMut::new();
    client::encode_ping(RequestId(9), &mut out);
    client::encode_describe_partitions(RequestId(10), "tablé", &mut out).unwrap();
    client::encode_goodbye(&Goodbye::new(GoodbyeReason::DONE, "enough"), &mut out);
    let mut decoder = open_server();
    decoder.feed(&out);
    assert!(matches!(decoder.next_message().unwrap(), Some(server::Incoming::Ping(RequestId(9)))));
    let Some(server::Incoming::DescribePartitions { request_id, table_name }) = decoder.next_message().unwrap() else {
        panic!("a request for a map was sent")
    };
    assert_eq!((request_id, &table_name[..]), (RequestId(10), "tablé"));
    let Some(server::Incoming::Goodbye(goodbye)) = decoder.next_message().unwrap() else {
        panic!("a Goodbye was sent")
    };
    assert_eq!((goodbye.reason, &goodbye.message[..]), (GoodbyeReason::DONE, "enough"));

    let mut out = BytesMut::new();
    server::encode_pong(RequestId(9), &mut out);
    let long = Goodbye { message: Cow::Owned("ü".repeat(1000)), ..Goodbye::new(GoodbyeReason::IDLE, "") };
    server::encode_goodbye(&long, &mut out);
    let mut decoder = open_client();
    decoder.feed(&out);
    assert!(matches!(decoder.next_message().unwrap(), Some(client::Incoming::Pong(RequestId(9)))));
    let Some(client::Incoming::Goodbye(goodbye)) = decoder.next_message().unwrap() else {
        panic!("a Goodbye was sent")
    };
    assert_eq!((goodbye.reason, &goodbye.message[..]), (GoodbyeReason::IDLE, &"ü".repeat(256)[..]));
}

#[test]
fn plain_forms_are_the_general_ones() {
    let key = samples::item(&mut Rng::with_seed(4));
    for consistent_read in [false, true] {
        let request = GetItem {
            table_name: Some(Text::from("t")),
            key: Attributes::Valid(key.clone()),
            consistent_read,
            ..GetItem::default()
        };
        let (mut general, mut plain) = (BytesMut::new(), BytesMut::new());
        client::encode_request(RequestId(1), &Request::GetItem(request), &mut general).unwrap();
        client::encode_get_item(RequestId(1), "t", key.bytes(), consistent_read, &mut plain).unwrap();
        assert_eq!(general, plain);
    }
    let request =
        PutItem { table_name: Some(Text::from("t")), item: Attributes::Valid(key.clone()), ..PutItem::default() };
    let (mut general, mut plain) = (BytesMut::new(), BytesMut::new());
    client::encode_request(RequestId(1), &Request::PutItem(request), &mut general).unwrap();
    client::encode_put_item(RequestId(1), "t", key.bytes(), &mut plain).unwrap();
    assert_eq!(general, plain);
}

#[test]
fn an_answer_is_read_where_it_lies() {
    let item = samples::item(&mut Rng::with_seed(7));
    for item in [None, Some(item)] {
        let reply = Reply::GetItem(model::operation::GetItemReply { item: item.clone(), consumed: None });
        let mut out = BytesMut::new();
        server::encode_reply(RequestId(77), Ok(&reply), Flags::FORWARDED, &mut out);
        for length in 0..out.len() {
            assert!(client::Answer::split(&out[..length]).unwrap().is_none(), "{length} bytes");
        }
        let (answer, used) = client::Answer::split(&out).unwrap().unwrap();
        assert_eq!((answer.header.request_id, answer.header.flags, used), (RequestId(77), Flags::FORWARDED, out.len()));
        assert_eq!(answer.item().unwrap(), item.as_ref().map(|item: &Item| &item.bytes()[..]));
    }
}

#[test]
fn what_cannot_be_sent_leaves_no_trace() {
    let check = |request: Request, expect: EncodeError| {
        let mut out = BytesMut::from(&b"before"[..]);
        assert_eq!(client::encode_request(RequestId(1), &request, &mut out), Err(expect));
        assert_eq!(&out[..], b"before");
    };
    check(
        Request::CreateTable(Box::new(CreateTable { refused: Some("VectorIndexes"), ..CreateTable::default() })),
        EncodeError::NotCarried("VectorIndexes"),
    );
    let error = Error::validation("no such value");
    let item = Attributes::invalid(Text::from("a"), error.clone());
    check(Request::PutItem(PutItem { item: item.clone(), ..PutItem::default() }), EncodeError::Invalid(error.clone()));
    let update = AttributeUpdate { action: Choice::Absent, value: item.clone() };
    let update = UpdateItem { attribute_updates: Some(vec![(Text::from("a"), update)]), ..UpdateItem::default() };
    check(Request::UpdateItem(Box::new(update)), EncodeError::Invalid(error.clone()));
    let condition = LegacyCondition { attribute_value_list: Some(vec![item]), ..LegacyCondition::default() };
    let scan = Scan { scan_filter: Some(vec![(Text::from("a"), condition)]), ..Scan::default() };
    check(Request::Scan(Box::new(scan)), EncodeError::Invalid(error));
    let table_name = Some(Text::from("x".repeat(33 << 20)));
    check(
        Request::GetItem(GetItem { table_name, ..GetItem::default() }),
        EncodeError::TooLarge { payload_bytes_max: wire::limits::PAYLOAD_BYTES_MAX },
    );
}

#[test]
fn a_reply_too_large_for_a_frame_becomes_an_error() {
    let names = vec![Text::from("x".repeat(1 << 20)); 40];
    let reply = Reply::ListTables(model::operation::ListTablesReply {
        table_names: names,
        last_evaluated_table_name: Some(Text::from("x")),
    });
    let mut out = BytesMut::new();
    server::encode_reply(RequestId(1), Ok(&reply), Flags::NONE, &mut out);
    assert!(out.len() < 1000, "{} bytes", out.len());
    let mut decoder = open_client();
    decoder.feed(&out);
    let Some(client::Incoming::Reply { result: Err(error), .. }) = decoder.next_message().unwrap() else {
        panic!("an error was sent")
    };
    assert_eq!(error.kind, ErrorKind::InternalServer);
}
