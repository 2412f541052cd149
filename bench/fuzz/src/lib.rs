//! What several targets share: the two doors as functions, and an item looked at in every way there is.
//!
//! Deliberately not here: what holds of a result. Each target says that itself.

#![forbid(unsafe_code)]

mod placeholders;
pub mod seeds;

pub use placeholders::placeholders_of;

use auth::Verifier;
use bytes::{Bytes, BytesMut};
use dynamodb::{Codec, Connection};
use model::operation::Request;
use model::{Item, ItemRef, Number, ValueRef};
use wire::{Hello, RequestId, VERSION, client, server};

/// The operations that the HTTP door knows, as `X-Amz-Target` names them.
pub const OPERATIONS: &[&str] = &[
    "GetItem",
    "PutItem",
    "Query",
    "DeleteItem",
    "BatchGetItem",
    "BatchWriteItem",
    "Scan",
    "CreateTable",
    "DescribeTable",
    "ListTables",
    "DeleteTable",
    "DescribeEndpoints",
    "DescribeTimeToLive",
    "DescribeContinuousBackups",
    "ListTagsOfResource",
    "UpdateTable",
    "UpdateTimeToLive",
    "TagResource",
    "UntagResource",
    "DescribeLimits",
    "UpdateItem",
];

/// A call as an SDK sends it, without a signature.
pub fn post(operation: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: DynamoDB_20120810.{operation}\r\n\
         Content-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// What a body decodes to as a call of an operation; `None` when it was answered at once, which it then must have been.
pub fn decode_http(operation: &str, body: &[u8]) -> Option<Request> {
    let mut connection = Connection::new();
    let mut codec = Codec::new(Verifier::open(), 42);
    let mut out = BytesMut::new();
    connection.receive(&post(operation, body));
    let call = connection.next_call(&mut codec, &mut out);
    assert_eq!(call.is_none(), out.starts_with(b"HTTP/1.1 "), "either a call or an answer");
    Some(call?.request)
}

/// What a request becomes behind the binary protocol; `None` when the protocol does not carry it.
pub fn through_wire(request: &Request) -> Option<Result<Request, model::Error>> {
    let mut frame = BytesMut::new();
    if client::encode_request(RequestId(7), request, &mut frame).is_err() {
        assert!(frame.is_empty(), "on an error nothing is appended");
        return None;
    }
    let mut decoder = open_wire(false);
    decoder.feed(&frame);
    match decoder.next_message().expect("what was encoded is sound").expect("a whole frame was fed") {
        server::Incoming::Request { request_id: RequestId(7), request } => Some(Ok(request)),
        server::Incoming::Refused { request_id: RequestId(7), error } => Some(Err(error)),
        other => panic!("a request became {other:?}"),
    }
}

/// A server's decoder after the Hello: open, unless it asks for a proof.
pub fn open_wire(asks_for_proof: bool) -> server::Decoder {
    let hello = Hello { version_min: VERSION, version_max: VERSION, features: 0, client_name: "fuzz".to_owned() };
    let mut bytes = BytesMut::new();
    client::encode_hello(&hello, &mut bytes).expect("a short name fits");
    let mut decoder = server::Decoder::new(asks_for_proof);
    decoder.feed(&bytes);
    assert!(matches!(decoder.next_message(), Ok(Some(server::Incoming::Hello(_)))));
    decoder
}

/// Holds a verified item against its tree, its size against its parts', and its numbers against their text.
pub fn check_item(item: &Item, size_bytes: usize) {
    assert_eq!(item.as_ref().size_bytes(), size_bytes, "both ways to measure agree");
    let tree = item.to_value_map();
    let again = Item::from_value_map(&tree).expect("what is an item can be written as one");
    assert_eq!(&again, item, "the encoding is canonical");
    look_at_item(item.as_ref());
}

/// Reads every value where it lies.
pub fn look_at_item(item: ItemRef<'_>) {
    assert_eq!(item.len(), item.attributes().count());
    for (name, value) in item.attributes() {
        assert_eq!(item.attribute(name), Some(value), "what is listed is found");
        look_at_value(value);
    }
    Item::verify(Bytes::copy_from_slice(item.as_bytes())).expect("a view lies on a verified item");
}

fn look_at_value(value: ValueRef<'_>) {
    match value {
        ValueRef::N(number) => {
            let mut text = Vec::new();
            number.write_plain(&mut text);
            assert_eq!(Number::parse(std::str::from_utf8(&text).expect("digits")), Ok(number));
        }
        ValueRef::M(map) => {
            for (name, value) in map.attributes() {
                assert_eq!(map.attribute(name), Some(value), "what is listed is found");
                look_at_value(value);
            }
        }
        ValueRef::L(list) => {
            for (position, value) in list.iter().enumerate() {
                assert_eq!(list.element(position), Some(value));
                look_at_value(value);
            }
            assert_eq!(list.element(list.len()), None);
        }
        ValueRef::Ss(set) | ValueRef::Ns(set) | ValueRef::Bs(set) => {
            for member in set.iter() {
                assert!(set.contains(member), "a member is found");
                look_at_value(member);
            }
        }
        _ => {}
    }
    value.size_bytes();
}
