//! Bytes that no honest peer sends: nothing panics, nothing is held past the frame limit, nothing is taken for what it
//! is not.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)] // A test stops at what it did not expect; its numbers are small.

mod samples;

use bytes::BytesMut;
use fastrand::Rng;
use flatbuffers::FlatBufferBuilder;
use model::operation::{Attributes, Request};
use model::{Error, ErrorKind, Text};
use samples::{KIND_COUNT, frame, hello_bytes};
use wire::limits::{FRAME_BYTES_MAX, HANDSHAKE_PAYLOAD_BYTES_MAX, HEADER_BYTES, RECEIVE_BUFFER_BYTES};
use wire::{Kind, Malformation, PREFACE, ProtocolError, RequestId, VERSION, client, server};

fn open_server() -> server::Decoder {
    let mut decoder = server::Decoder::default();
    decoder.feed(&hello_bytes(VERSION, VERSION));
    assert!(matches!(decoder.next_message(), Ok(Some(server::Incoming::Hello(_)))));
    decoder
}

/// What the server makes of `bytes` after the handshake.
fn after_handshake(bytes: &[u8]) -> Result<Option<server::Incoming>, ProtocolError> {
    let mut decoder = open_server();
    decoder.feed(bytes);
    let result = decoder.next_message();
    if let Err(error) = &result {
        // A connection once lost stays lost, and takes no more memory.
        decoder.feed(&[0; 100]);
        assert_eq!(decoder.next_message().unwrap_err(), *error);
        assert_eq!(decoder.buffered_bytes(), 0);
    }
    result
}

#[test]
fn a_connection_that_starts_wrong() {
    let check = |bytes: &[u8], expect: ProtocolError| {
        let mut decoder = server::Decoder::default();
        decoder.feed(bytes);
        assert_eq!(decoder.next_message().unwrap_err(), expect, "{bytes:?}");
    };
    check(b"G", ProtocolError::NotStator);
    check(b"GET / HTTP/1.1\r\n\r\n", ProtocolError::NotStator);
    check(b"STATOR\n", ProtocolError::NotStator);
    check(&hello_bytes(2, 9), ProtocolError::UnsupportedVersion { version_min: 2, version_max: 9 });
    check(&hello_bytes(0, 0), ProtocolError::UnsupportedVersion { version_min: 0, version_max: 0 });
    check(&hello_bytes(1, 0), ProtocolError::UnsupportedVersion { version_min: 1, version_max: 0 });
    let first = |frame: Vec<u8>| [&PREFACE[..], &frame].concat();
    check(&first(frame(Kind::PING, 0, &[])), ProtocolError::Unexpected { kind: Kind::PING });
    check(&first(frame(Kind::GET_ITEM, 0, &[0; 64])), ProtocolError::Unexpected { kind: Kind::GET_ITEM });
    check(
        &first(frame(Kind::HELLO, 0, &[])),
        ProtocolError::Malformed { kind: Kind::HELLO, malformation: Malformation::NotFlatBuffer },
    );
    let payload_bytes = HANDSHAKE_PAYLOAD_BYTES_MAX + 8;
    check(
        &first(frame(Kind::HELLO, 0, &vec![0; payload_bytes])[..HEADER_BYTES].to_vec()),
        ProtocolError::FrameTooLarge { payload_bytes, payload_bytes_max: HANDSHAKE_PAYLOAD_BYTES_MAX },
    );
    let mut decoder = server::Decoder::default();
    for byte in PREFACE {
        decoder.feed(&[byte]);
        assert!(matches!(decoder.next_message(), Ok(None)));
    }
}

#[test]
fn another_server_on_the_other_end() {
    for bytes in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"-ERR unknown command 'STATOR'\r\n", &[0; 64]] {
        let mut decoder = client::Decoder::new();
        decoder.feed(bytes);
        assert_eq!(decoder.next_message().unwrap_err(), ProtocolError::NotStator, "{bytes:?}");
    }
}

#[test]
fn frames_that_break_the_rules() {
    let check = |bytes: &[u8], expect: ProtocolError| assert_eq!(after_handshake(bytes).unwrap_err(), expect);
    let malformed = |kind, malformation| ProtocolError::Malformed { kind, malformation };
    check(&frame(Kind::PING, 0, &[0; 8]), malformed(Kind::PING, Malformation::NotEmpty));
    check(&frame(Kind::GET_ITEM, 0, &[0; 12]), malformed(Kind::GET_ITEM, Malformation::Unaligned));
    check(&frame(Kind::GET_ITEM, 0, &[]), malformed(Kind::GET_ITEM, Malformation::NotFlatBuffer));
    check(&frame(Kind::GET_ITEM, 0, &[0xFF; 64]), malformed(Kind::GET_ITEM, Malformation::NotFlatBuffer));
    let first_or_replies =
        [Kind::HELLO, Kind::PROOF, Kind::WELCOME, Kind::CHALLENGE, Kind::PONG, Kind::PARTITION_MAP, Kind::ERROR];
    for kind in first_or_replies {
        check(&frame(kind, 0, &[0; 64]), ProtocolError::Unexpected { kind });
    }
    let mut oversized = frame(Kind::GET_ITEM, 0, &[]);
    oversized[..4].copy_from_slice(&(FRAME_BYTES_MAX as u32).to_le_bytes());
    check(
        &oversized,
        ProtocolError::FrameTooLarge {
            payload_bytes: FRAME_BYTES_MAX,
            payload_bytes_max: FRAME_BYTES_MAX - HEADER_BYTES,
        },
    );
}

#[test]
fn requests_that_are_refused_alone() {
    let check = |bytes: &[u8], expect: ErrorKind| {
        let mut decoder = open_server();
        decoder.feed(bytes);
        match decoder.next_message() {
            Ok(Some(server::Incoming::Refused { request_id, error })) => {
                assert_eq!((request_id, error.kind), (RequestId(42), expect));
            }
            other => panic!("{other:?}"),
        }
        // The connection goes on.
        let mut ping = BytesMut::new();
        client::encode_ping(RequestId(1), &mut ping);
        decoder.feed(&ping);
        assert!(matches!(decoder.next_message(), Ok(Some(server::Incoming::Ping(RequestId(1))))));
    };
    check(&frame(Kind(0x0199), 0, &[1; 16]), ErrorKind::UnknownOperation);
    check(&frame(Kind::GET_ITEM.reply(), 0, &[1; 16]), ErrorKind::UnknownOperation);
    check(&frame(Kind::PING, 2, &[]), ErrorKind::Serialization);
    // A table with a sixth field, where GetItem has five.
    let mut builder = FlatBufferBuilder::new();
    let table = builder.start_table();
    builder.push_slot_always(14, 1_u8);
    let table = builder.end_table(table);
    builder.finish_minimal(table);
    let mut payload = builder.finished_data().to_vec();
    payload.resize(payload.len().next_multiple_of(8), 0);
    check(&frame(Kind::GET_ITEM, 0, &payload), ErrorKind::Serialization);
    // A condition with a seventh field, where it has six, in each request that has one.
    for (kind, field) in [(Kind::PUT_ITEM, 14), (Kind::DELETE_ITEM, 14), (Kind::UPDATE_ITEM, 18)] {
        let mut builder = FlatBufferBuilder::new();
        let conditional = builder.start_table();
        builder.push_slot_always(16, 1_u8);
        let conditional = builder.end_table(conditional);
        let table = builder.start_table();
        builder.push_slot_always(field, conditional);
        let table = builder.end_table(table);
        builder.finish_minimal(table);
        let mut payload = builder.finished_data().to_vec();
        payload.resize(payload.len().next_multiple_of(8), 0);
        check(&frame(kind, 0, &payload), ErrorKind::Serialization);
    }
}

#[test]
fn an_item_that_is_none_is_told_in_its_turn() {
    let mut out = BytesMut::new();
    client::encode_get_item(RequestId(1), "table", b"no item at all", false, &mut out).unwrap();
    match after_handshake(&out).unwrap() {
        Some(server::Incoming::Request { request: Request::GetItem(request), .. }) => {
            assert_eq!(request.table_name, Some(Text::from("table")));
            let Attributes::Invalid(invalid) = request.key else { panic!("{:?}", request.key) };
            assert_eq!(invalid.error.kind, ErrorKind::Serialization);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_payload_that_is_one_table_many_times() {
    // A BatchGetItem whose list refers to a single table a million times: small to send, costly to walk.
    let mut builder = FlatBufferBuilder::new();
    let name = builder.create_string("table");
    let keys = builder.start_table();
    builder.push_slot_always(4, name);
    let keys = builder.end_table(keys);
    let list = builder.create_vector(&vec![keys; 1_000_000]);
    let root = builder.start_table();
    builder.push_slot_always(4, list);
    let root = builder.end_table(root);
    builder.finish_minimal(root);
    let mut payload = builder.finished_data().to_vec();
    payload.resize(payload.len().next_multiple_of(8), 0);
    assert_eq!(
        after_handshake(&frame(Kind::BATCH_GET_ITEM, 0, &payload)).unwrap_err(),
        ProtocolError::Malformed { kind: Kind::BATCH_GET_ITEM, malformation: Malformation::NotFlatBuffer }
    );
}

#[test]
fn memory_follows_what_has_come_not_what_is_announced() {
    let mut decoder = open_server();
    let mut header = frame(Kind::PUT_ITEM, 0, &[]);
    let payload_bytes = FRAME_BYTES_MAX - HEADER_BYTES;
    header[..4].copy_from_slice(&(payload_bytes as u32).to_le_bytes());
    decoder.feed(&header);
    let mut fed = HEADER_BYTES;
    let piece = [0xFF; 10_000];
    while fed < FRAME_BYTES_MAX {
        assert!(matches!(decoder.next_message(), Ok(None)), "{fed} bytes fed");
        let bound = (2 * fed).clamp(RECEIVE_BUFFER_BYTES, FRAME_BYTES_MAX) + piece.len();
        assert!(decoder.held_bytes() <= bound, "{} bytes held after {fed}", decoder.held_bytes());
        let piece = &piece[..piece.len().min(FRAME_BYTES_MAX - fed)];
        decoder.feed(piece);
        fed += piece.len();
    }
    assert!(decoder.next_message().is_err());
    assert_eq!(decoder.held_bytes(), 0);
}

#[test]
fn truncated_payloads_are_refused_or_mean_the_same() {
    for seed in 0..30 * KIND_COUNT as u64 {
        let mut random = Rng::with_seed(seed);
        let request = samples::request(seed as usize % KIND_COUNT, &mut random);
        let mut out = BytesMut::new();
        client::encode_request(RequestId(42), &request, &mut out).unwrap();
        for payload_bytes in (0..out.len() - HEADER_BYTES).step_by(8) {
            let mut truncated = out[..HEADER_BYTES + payload_bytes].to_vec();
            truncated[..4].copy_from_slice(&(payload_bytes as u32).to_le_bytes());
            match after_handshake(&truncated) {
                Err(ProtocolError::Malformed { .. }) => {}
                // Bytes of absent fields at the end of a table carry nothing.
                Ok(Some(server::Incoming::Request { request: read, .. })) if read == request => {}
                other => panic!("seed {seed}, {payload_bytes} bytes: {other:?}"),
            }
        }
    }
}

#[test]
fn flipped_bits_never_panic() {
    for seed in 0..KIND_COUNT as u64 {
        let mut random = Rng::with_seed(seed);
        let kind = seed as usize % KIND_COUNT;
        let mut request = BytesMut::new();
        client::encode_request(RequestId(1), &samples::request(kind, &mut random), &mut request).unwrap();
        let mut reply = BytesMut::new();
        server::encode_reply(RequestId(1), Ok(&samples::reply(kind, &mut random)), wire::Flags::NONE, &mut reply);
        for bit in 0..request.len().min(400) * 8 {
            let mut flipped = request.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let _ = after_handshake(&flipped);
        }
        for bit in 0..reply.len().min(400) * 8 {
            let mut flipped = reply.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(Some((answer, _))) = client::Answer::split(&flipped) {
                let _ = (answer.decode(), answer.item(), answer.error());
            }
        }
    }
}

#[test]
fn damaged_payloads_never_panic() {
    for seed in 0..20_000 {
        let mut random = Rng::with_seed(seed);
        let kind = random.usize(0..KIND_COUNT);
        let mut out = BytesMut::new();
        let is_request = random.bool();
        if is_request {
            client::encode_request(RequestId(1), &samples::request(kind, &mut random), &mut out).unwrap();
        } else {
            server::encode_reply(RequestId(1), Ok(&samples::reply(kind, &mut random)), wire::Flags::NONE, &mut out);
        }
        let damage_count = random.usize(1..6);
        for _ in 0..damage_count {
            let place = random.usize(HEADER_BYTES..out.len().max(HEADER_BYTES + 1)).min(out.len() - 1);
            out[place] = [0, 1, 0x7F, 0x80, 0xFF, random.u8(..)][random.usize(0..6)];
        }
        if is_request {
            let _ = after_handshake(&out);
        } else if let Ok(Some((answer, _))) = client::Answer::split(&out) {
            let _ = (answer.decode(), answer.item(), answer.error());
        }
    }
}

#[test]
fn damaged_errors_never_panic() {
    for seed in 0..10_000 {
        let mut random = Rng::with_seed(seed);
        let error = Error::validation("no").with_detail(samples::detail(&mut random));
        let mut out = BytesMut::new();
        server::encode_reply(RequestId(1), Err(&error), wire::Flags::NONE, &mut out);
        for _ in 0..random.usize(1..6) {
            let place = random.usize(HEADER_BYTES..out.len());
            out[place] = [0, 1, 0x7F, 0x80, 0xFF, random.u8(..)][random.usize(0..6)];
        }
        if let Ok(Some((answer, _))) = client::Answer::split(&out) {
            let _ = (answer.decode(), answer.error());
        }
    }
}

#[test]
fn random_bytes_never_panic() {
    let kinds = [
        Kind::GET_ITEM,
        Kind::QUERY,
        Kind::BATCH_WRITE_ITEM,
        Kind::UPDATE_ITEM,
        Kind::DESCRIBE_PARTITIONS,
        Kind::PROOF,
        Kind::CHALLENGE,
    ];
    for seed in 0..20_000 {
        let mut random = Rng::with_seed(seed);
        let payload: Vec<u8> = (0..random.usize(0..40) * 8).map(|_| random.u8(..) & random.u8(..)).collect();
        let bytes = if random.bool() { frame(kinds[random.usize(0..kinds.len())], 0, &payload) } else { payload };
        let _ = after_handshake(&bytes);
        let mut decoder = server::Decoder::new(true);
        decoder.feed(&hello_bytes(VERSION, VERSION));
        assert!(decoder.next_message().is_ok());
        decoder.feed(&bytes);
        let _ = decoder.next_message();
        let mut decoder = client::Decoder::new();
        decoder.feed(&bytes);
        let _ = decoder.next_message();
    }
}
