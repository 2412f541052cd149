//! Who connects, where a server asks: Challenge and Proof, whole, in a wrong order, of a wrong shape, cut and damaged.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)] // A test stops at what it did not expect; its numbers are small.

mod samples;

use bytes::BytesMut;
use flatbuffers::{FlatBufferBuilder, TableUnfinishedWIPOffset, WIPOffset};
use samples::{frame, hello_bytes};
use wire::limits::{ACCESS_KEY_ID_BYTES_MAX, HANDSHAKE_PAYLOAD_BYTES_MAX, HEADER_BYTES};
use wire::{
    Challenge, Goodbye, GoodbyeReason, Kind, Malformation, PREFACE, Proof, ProtocolError, RequestId, VERSION, client,
    server,
};

/// A server's decoder that has asked for a proof.
fn asking_server() -> server::Decoder {
    let mut decoder = server::Decoder::new(true);
    decoder.feed(&hello_bytes(VERSION, VERSION));
    assert!(matches!(decoder.next_message(), Ok(Some(server::Incoming::Hello(_)))));
    assert!(!decoder.is_open());
    decoder
}

fn proof_bytes() -> BytesMut {
    let mut out = BytesMut::new();
    client::encode_proof(&Proof { access_key_id: "AKIDTEST".to_owned(), proof: [0xA5; 32] }, &mut out).unwrap();
    out
}

fn challenge_bytes() -> BytesMut {
    let mut out = BytesMut::new();
    server::encode_challenge(&Challenge { nonce: [0x5A; 32] }, &mut out);
    out
}

/// A payload whose table has these fields, some absent, and one that nobody knows.
fn proof_payload(access_key_id: Option<&str>, bytes: Option<&[u8]>) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    let access_key_id = access_key_id.map(|id| builder.create_string(id));
    let bytes = bytes.map(|bytes| builder.create_vector(bytes));
    let table = builder.start_table();
    if let Some(access_key_id) = access_key_id {
        builder.push_slot_always(4, access_key_id);
    }
    if let Some(bytes) = bytes {
        builder.push_slot_always(6, bytes);
    }
    builder.push_slot_always(8, 1_u8);
    finished(builder, table)
}

fn challenge_payload(nonce: Option<&[u8]>) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    let nonce = nonce.map(|nonce| builder.create_vector(nonce));
    let table = builder.start_table();
    if let Some(nonce) = nonce {
        builder.push_slot_always(4, nonce);
    }
    builder.push_slot_always(6, 1_u8);
    finished(builder, table)
}

fn finished(mut builder: FlatBufferBuilder<'_>, table: WIPOffset<TableUnfinishedWIPOffset>) -> Vec<u8> {
    let table = builder.end_table(table);
    builder.finish_minimal(table);
    let mut payload = builder.finished_data().to_vec();
    payload.resize(payload.len().next_multiple_of(8), 0);
    payload
}

#[test]
fn a_handshake_with_a_proof() {
    let mut server = asking_server();
    let challenge = Challenge { nonce: std::array::from_fn(|index| index as u8) };
    let mut out = BytesMut::new();
    server::encode_challenge(&challenge, &mut out);
    let mut client = client::Decoder::new();
    client.feed(&out);
    let Some(client::Incoming::Challenge(read)) = client.next_message().unwrap() else {
        panic!("a Challenge was sent")
    };
    assert_eq!(read, challenge);

    let proof = Proof { access_key_id: "AKIDTËST".to_owned(), proof: std::array::from_fn(|index| !(index as u8)) };
    let mut out = BytesMut::new();
    client::encode_proof(&proof, &mut out).unwrap();
    for byte in &out[..] {
        assert!(!server.is_open());
        assert!(matches!(server.next_message(), Ok(None)));
        server.feed(&[*byte]);
    }
    let Some(server::Incoming::Proof(read)) = server.next_message().unwrap() else { panic!("a Proof was sent") };
    assert_eq!(read, proof);
    assert!(server.is_open());

    let mut out = BytesMut::new();
    server::encode_welcome(&samples::welcome(), &mut out).unwrap();
    client.feed(&out);
    assert!(matches!(client.next_message().unwrap(), Some(client::Incoming::Welcome(_))));
    // The limit of the handshake holds no longer.
    let mut out = BytesMut::new();
    client::encode_get_item(RequestId(1), "t", &[0; 8192], false, &mut out).unwrap();
    server.feed(&out);
    assert!(matches!(server.next_message().unwrap(), Some(server::Incoming::Request { .. })));
}

#[test]
fn what_is_no_proof_where_one_is_asked_for() {
    let check = |bytes: &[u8], expect: ProtocolError| {
        let mut decoder = asking_server();
        decoder.feed(bytes);
        assert_eq!(decoder.next_message().unwrap_err(), expect);
        assert!(!decoder.is_open());
        // Not even a sound proof mends it.
        decoder.feed(&proof_bytes());
        assert_eq!(decoder.next_message().unwrap_err(), expect);
    };
    let unexpected =
        [Kind::HELLO, Kind::PING, Kind::GET_ITEM, Kind::DESCRIBE_PARTITIONS, Kind::CHALLENGE, Kind::WELCOME];
    for kind in unexpected.into_iter().chain([Kind(0x0199), Kind::ERROR]) {
        check(&frame(kind, 0, &[0; 64]), ProtocolError::Unexpected { kind });
    }
    let payload_bytes = HANDSHAKE_PAYLOAD_BYTES_MAX + 8;
    check(
        &frame(Kind::PROOF, 0, &vec![0; payload_bytes])[..HEADER_BYTES],
        ProtocolError::FrameTooLarge { payload_bytes, payload_bytes_max: HANDSHAKE_PAYLOAD_BYTES_MAX },
    );
    let check = |access_key_id: Option<&str>, proof: Option<&[u8]>, malformation: Malformation| {
        let payload = proof_payload(access_key_id, proof);
        check(&frame(Kind::PROOF, 0, &payload), ProtocolError::Malformed { kind: Kind::PROOF, malformation });
    };
    let longest = "k".repeat(ACCESS_KEY_ID_BYTES_MAX);
    let too_long = "k".repeat(ACCESS_KEY_ID_BYTES_MAX + 1);
    check(None, Some(&[1; 32]), Malformation::Missing("access_key_id"));
    check(Some(&too_long), Some(&[1; 32]), Malformation::Wrong("access_key_id"));
    check(Some("AKIDTEST"), None, Malformation::Missing("proof"));
    for proof_bytes in [0, 31, 33, 64] {
        check(Some("AKIDTEST"), Some(&vec![1; proof_bytes]), Malformation::Wrong("proof"));
    }
    // The longest id is taken, and so is a field of a later version.
    let mut decoder = asking_server();
    decoder.feed(&frame(Kind::PROOF, 0, &proof_payload(Some(&longest), Some(&[1; 32]))));
    match decoder.next_message() {
        Ok(Some(server::Incoming::Proof(proof))) => assert_eq!(proof, Proof { access_key_id: longest, proof: [1; 32] }),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_proof_comes_once_and_only_when_asked_for() {
    let unexpected = ProtocolError::Unexpected { kind: Kind::PROOF };
    let mut decoder = server::Decoder::new(false);
    decoder.feed(&[hello_bytes(VERSION, VERSION), proof_bytes()].concat());
    assert!(matches!(decoder.next_message(), Ok(Some(server::Incoming::Hello(_)))));
    assert_eq!(decoder.next_message().unwrap_err(), unexpected);
    for asks_for_proof in [false, true] {
        let mut decoder = server::Decoder::new(asks_for_proof);
        decoder.feed(&[&PREFACE[..], &proof_bytes()].concat());
        assert_eq!(decoder.next_message().unwrap_err(), unexpected);
    }
    let mut decoder = asking_server();
    decoder.feed(&[proof_bytes(), proof_bytes()].concat());
    assert!(matches!(decoder.next_message(), Ok(Some(server::Incoming::Proof(_)))));
    assert!(decoder.is_open());
    assert_eq!(decoder.next_message().unwrap_err(), unexpected);
    // Who has no credentials may leave.
    let mut decoder = asking_server();
    let mut goodbye = BytesMut::new();
    client::encode_goodbye(&Goodbye::new(GoodbyeReason::DONE, ""), &mut goodbye);
    decoder.feed(&[goodbye, proof_bytes()].concat());
    assert!(matches!(decoder.next_message(), Ok(Some(server::Incoming::Goodbye(_)))));
    assert!(!decoder.is_open());
}

#[test]
fn a_challenge_comes_once_and_before_the_welcome() {
    let after = |first: &[u8], second: &[u8]| {
        let mut decoder = client::Decoder::new();
        decoder.feed(first);
        assert!(matches!(decoder.next_message(), Ok(Some(_))));
        decoder.feed(second);
        decoder.next_message()
    };
    let unexpected = ProtocolError::Unexpected { kind: Kind::CHALLENGE };
    let mut welcome = BytesMut::new();
    server::encode_welcome(&samples::welcome(), &mut welcome).unwrap();
    assert_eq!(after(&welcome, &challenge_bytes()).unwrap_err(), unexpected);
    assert_eq!(after(&challenge_bytes(), &challenge_bytes()).unwrap_err(), unexpected);
    for kind in [Kind::PONG, Kind::ERROR, Kind::PARTITION_MAP, Kind::PROOF, Kind::HELLO] {
        let result = after(&challenge_bytes(), &frame(kind, 0, &[0; 64]));
        assert_eq!(result.unwrap_err(), ProtocolError::Unexpected { kind });
    }
    assert!(matches!(after(&challenge_bytes(), &welcome), Ok(Some(client::Incoming::Welcome(_)))));
    let mut goodbye = BytesMut::new();
    server::encode_goodbye(&Goodbye::new(GoodbyeReason::NOT_AUTHENTICATED, ""), &mut goodbye);
    match after(&challenge_bytes(), &goodbye) {
        Ok(Some(client::Incoming::Goodbye(goodbye))) => assert_eq!(goodbye.reason, GoodbyeReason(10)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn challenges_of_another_shape() {
    let decode = |nonce: Option<&[u8]>| {
        let bytes = frame(Kind::CHALLENGE, 0, &challenge_payload(nonce));
        let (answer, _) = client::Answer::split(&bytes).unwrap().unwrap();
        let result = answer.decode();
        // As a connection's first frame, what cannot be read comes from some other server.
        let mut decoder = client::Decoder::new();
        decoder.feed(&bytes);
        assert_eq!(decoder.next_message().err(), result.as_ref().err().map(|_| ProtocolError::NotStator));
        result
    };
    let malformed = |malformation| ProtocolError::Malformed { kind: Kind::CHALLENGE, malformation };
    assert_eq!(decode(None).unwrap_err(), malformed(Malformation::Missing("nonce")));
    for nonce_bytes in [0, 31, 33, 64] {
        assert_eq!(decode(Some(&vec![1; nonce_bytes])).unwrap_err(), malformed(Malformation::Wrong("nonce")));
    }
    // A field of a later version is ignored.
    match decode(Some(&[1; 32])) {
        Ok(client::Incoming::Challenge(challenge)) => assert_eq!(challenge, Challenge { nonce: [1; 32] }),
        other => panic!("{other:?}"),
    }
}

#[test]
fn truncated_and_damaged_handshakes() {
    let take_proof = |bytes: &[u8]| {
        let mut decoder = asking_server();
        decoder.feed(bytes);
        decoder.next_message()
    };
    let take_challenge = |bytes: &[u8]| match client::Answer::split(bytes) {
        Ok(Some((answer, _))) => answer.decode().map(Some),
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    };
    for length in 0..proof_bytes().len() {
        assert!(matches!(take_proof(&proof_bytes()[..length]), Ok(None)), "{length} bytes");
    }
    for length in 0..challenge_bytes().len() {
        assert!(matches!(take_challenge(&challenge_bytes()[..length]), Ok(None)), "{length} bytes");
    }
    let cut = |bytes: &[u8], payload_bytes: usize| {
        let mut bytes = bytes[..HEADER_BYTES + payload_bytes].to_vec();
        bytes[..4].copy_from_slice(&(payload_bytes as u32).to_le_bytes());
        bytes
    };
    for payload_bytes in (0..proof_bytes().len() - HEADER_BYTES).step_by(8) {
        let result = take_proof(&cut(&proof_bytes(), payload_bytes));
        assert!(matches!(result, Err(ProtocolError::Malformed { .. })), "{payload_bytes} bytes: {result:?}");
    }
    for payload_bytes in (0..challenge_bytes().len() - HEADER_BYTES).step_by(8) {
        let result = take_challenge(&cut(&challenge_bytes(), payload_bytes));
        assert!(matches!(result, Err(ProtocolError::Malformed { .. })), "{payload_bytes} bytes: {result:?}");
    }
    let flipped = |bytes: &[u8], bit: usize| {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    };
    for bit in 0..proof_bytes().len() * 8 {
        let _ = take_proof(&flipped(&proof_bytes(), bit));
    }
    for bit in 0..challenge_bytes().len() * 8 {
        let _ = take_challenge(&flipped(&challenge_bytes(), bit));
    }
}
