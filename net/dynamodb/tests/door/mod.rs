//! A connection as a test sees it: bytes go in, calls and parsed answers come out.
#![allow(dead_code, reason = "each test takes what it needs of this")]

use auth::{AccessKeys, Verifier};
use bytes::BytesMut;
use dynamodb::{Call, Codec, Connection};
use model::operation::{Attributes, DescribeTimeToLiveReply, PutItem, Reply, Request};
use model::{Item, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One connection with its codec, always of the same seed.
pub(crate) struct Door {
    pub(crate) connection: Connection,
    pub(crate) codec: Codec,
    pub(crate) out: BytesMut,
}

/// An answer, parsed by another reader than the writer's author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of text")
    }
}

impl Door {
    pub(crate) fn new(verifier: Verifier) -> Door {
        Door { connection: Connection::new(), codec: Codec::new(verifier, 42), out: BytesMut::new() }
    }

    /// Receives some bytes; the calls that they complete.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Vec<Call> {
        self.connection.receive(bytes);
        std::iter::from_fn(|| self.connection.next_call(&mut self.codec, &mut self.out)).collect()
    }

    /// Answers a call with some reply.
    pub(crate) fn answer(&mut self, call: Call) {
        let reply = Reply::DescribeTimeToLive(DescribeTimeToLiveReply::default());
        self.connection.answer(call.ticket, Ok(&reply), &mut self.codec, &mut self.out);
    }

    /// The answers that have been written since the last time.
    pub(crate) fn answers(&mut self) -> Vec<Answer> {
        parse_answers(&self.out.split())
    }
}

/// One that lets a single key pass.
pub(crate) fn verifier() -> Verifier {
    let keys = AccessKeys::parse("[a]\naws_access_key_id = AKID\naws_secret_access_key = secret\n");
    Verifier::new(Arc::new(keys.expect("one key")))
}

/// A call of an operation, as an SDK sends it, without a signature.
pub(crate) fn post(operation: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: DynamoDB_20120810.{operation}\r\n\
         Content-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// What a call of an operation decodes to, or the body that refuses it.
pub(crate) fn call(operation: &str, body: impl AsRef<[u8]>) -> Result<Request, String> {
    let mut door = Door::new(Verifier::open());
    match door.receive(&post(operation, body)).pop() {
        Some(call) => Ok(call.request),
        None => Err(door.answers().pop().expect("an answer at once").text().to_owned()),
    }
}

/// An item, as a PutItem brings it.
pub(crate) fn item(json: &str) -> Item {
    match call("PutItem", format!(r#"{{"Item":{json}}}"#)) {
        Ok(Request::PutItem(PutItem { item: Attributes::Valid(item), .. })) => item,
        other => panic!("{json}: {other:?}"),
    }
}

/// A key whose one attribute is `pk`.
pub(crate) fn key(value: &str) -> Item {
    let map = BTreeMap::from([("pk".to_owned(), Value::S(value.to_owned()))]);
    Item::from_value_map(&map).expect("a key")
}

/// A `SerializationException` with its text.
pub(crate) fn serialization(message: &str) -> String {
    match message {
        "" => r#"{"__type":"com.amazon.coral.service#SerializationException"}"#.to_owned(),
        _ => format!(r#"{{"__type":"com.amazon.coral.service#SerializationException","Message":"{message}"}}"#),
    }
}

/// Parses a stream of answers to POSTs.
pub(crate) fn parse_answers(mut stream: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    while !stream.is_empty() {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        let head_bytes = response.parse(stream).expect("well formed").unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let headers: Vec<(String, String)> =
            response.headers.iter().map(|header| (header.name.to_owned(), text(header.value))).collect();
        let mut answer = Answer { status: response.code.expect("a status"), headers, body: Vec::new() };
        stream = &stream[head_bytes..];
        if answer.header("Transfer-Encoding").is_some() {
            stream = stream.strip_prefix(b"0\r\n\r\n").expect("the end of an empty body");
        } else if let Some(length) = answer.header("Content-Length") {
            let length: usize = length.parse().expect("a number");
            answer.body = stream[..length].to_vec();
            stream = &stream[length..];
        }
        if let Some(crc) = answer.header("x-amz-crc32") {
            assert_eq!(crc, crc32fast::hash(&answer.body).to_string());
        }
        answers.push(answer);
    }
    answers
}
