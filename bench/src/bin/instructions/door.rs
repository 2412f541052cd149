//! A connection without its socket: received bytes in, requests out; replies in, bytes to send out.
//!
//! What `net/server` does with a connection, for one client that has sent several requests at once.

use crate::callgrind::counted;
use crate::node::DEPTH;
use crate::operation::{Operation, PAGE_ITEM_COUNT};
use auth::{AccessKeys, Credentials, Message, Scope, Signer, Verifier, time_text};
use bytes::BytesMut;
use dynamodb::{Codec, Connection};
use engine::{Engine, Replied, ReplyToken};
use model::Request;
use model::operation::{GetItemReply, Page, PutItemReply, Reply};
use std::sync::Arc;
use wire::server::{Decoder, Incoming};
use wire::{Flags, Hello, RequestId, VERSION, client, server};

/// What requests are signed with, and when: 1 January 2026.
const ACCESS_KEY_ID: &str = "local";
const SECRET: &str = "secret";
const NOW_S: u64 = 1_767_225_600;

/// How a request comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// The DynamoDB API, whoever calls.
    Http,
    /// The DynamoDB API with signatures that are checked.
    SignedHttp,
    /// The binary protocol.
    Wire,
}

impl Protocol {
    /// Each of them.
    pub(crate) const ALL: [Protocol; 3] = [Protocol::Http, Protocol::SignedHttp, Protocol::Wire];

    /// As the baseline names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Protocol::Http => "http",
            Protocol::SignedHttp => "signed-http",
            Protocol::Wire => "wire",
        }
    }

    /// A call as a client sends it.
    pub(crate) fn call(self, target: &str, body: &str) -> Vec<u8> {
        let http = http_call(target, body);
        match self {
            Protocol::Http | Protocol::SignedHttp => http,
            Protocol::Wire => {
                let mut frame = BytesMut::new();
                client::encode_request(RequestId(1), &decode(&http), &mut frame).expect("the protocol carries it");
                frame.to_vec()
            }
        }
    }
}

/// How much of an operation is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// Its request is decoded and its reply encoded.
    Codec,
}

impl Part {
    /// Both.
    pub(crate) const ALL: [Part; 2] = [Part::Whole, Part::Codec];

    /// As the baseline names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Part::Whole => "whole",
            Part::Codec => "codec",
        }
    }
}

/// Decodes `count` requests, which go nowhere, and encodes as many replies.
pub(crate) fn run_codec(protocol: Protocol, operation: Operation, count: usize) {
    let mut door = Door::open(protocol);
    let mut out = BytesMut::new();
    let bytes = batch(protocol, operation, 0..DEPTH);
    let reply = reply_to(operation);
    let mut tokens = Vec::with_capacity(DEPTH);
    let mut exchange = || {
        out.clear();
        door.take(&bytes, &mut out, |token, request| {
            assert!(std::hint::black_box(request).table_name().is_some(), "the operations name their table");
            tokens.push(token);
        });
        assert_eq!(tokens.len(), DEPTH);
        for token in tokens.drain(..) {
            door.answer(&Replied { token, result: Ok(reply.clone()), is_forwarded: false }, &mut out);
        }
    };
    // Once before: what grows has grown.
    exchange();
    counted(&mut || (0..count / DEPTH).for_each(|_| exchange()));
}

/// A reply as the operation has it.
fn reply_to(operation: Operation) -> Reply {
    let put = match operation {
        Operation::GetSmall | Operation::PutSmall => Operation::PutSmall,
        _ => Operation::Put,
    };
    let Request::PutItem(put) = decode(&http_call("PutItem", &put.body(0))) else { panic!("a put is decoded as one") };
    let item = put.item.item().cloned();
    match operation {
        Operation::Get | Operation::GetSmall => Reply::GetItem(GetItemReply { item, consumed: None }),
        Operation::Put | Operation::PutSmall => Reply::PutItem(PutItemReply::default()),
        Operation::Update => Reply::UpdateItem(Box::default()),
        Operation::Query => Reply::Query(Box::new(Page {
            items: item.map(|item| vec![item; PAGE_ITEM_COUNT]),
            count: PAGE_ITEM_COUNT as u64,
            scanned_count: PAGE_ITEM_COUNT as u64,
            last_evaluated_key: None,
            consumed: None,
        })),
    }
}

/// One connection.
pub(crate) enum Door {
    /// Of the DynamoDB API; tickets by token.
    Http(Box<Connection>, Box<Codec>, Vec<Option<dynamodb::Ticket>>),
    /// Of the binary protocol; request ids by token.
    Wire(Box<Decoder>, Vec<RequestId>),
}

impl Door {
    /// A connection past its handshake.
    pub(crate) fn open(protocol: Protocol) -> Door {
        match protocol {
            Protocol::Http => Door::http(Verifier::open()),
            Protocol::SignedHttp => {
                let file = format!("[bench]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET}\n");
                Door::http(Verifier::new(Arc::new(AccessKeys::parse(&file).expect("one key"))))
            }
            Protocol::Wire => {
                let hello =
                    Hello { version_min: VERSION, version_max: VERSION, features: 0, client_name: "bench".to_owned() };
                let mut bytes = BytesMut::new();
                client::encode_hello(&hello, &mut bytes).expect("a short name fits");
                let mut decoder = Decoder::default();
                decoder.feed(&bytes);
                assert!(matches!(decoder.next_message(), Ok(Some(Incoming::Hello(_)))));
                Door::Wire(Box::new(decoder), Vec::new())
            }
        }
    }

    fn http(verifier: Verifier) -> Door {
        let mut codec = Codec::new(verifier, 1);
        codec.set_time(NOW_S);
        Door::Http(Box::default(), Box::new(codec), Vec::new())
    }

    /// Takes received bytes and submits the requests in them; how many there were. What is written goes to `out`.
    pub(crate) fn submit(&mut self, bytes: &[u8], engine: &mut Engine, out: &mut BytesMut) -> usize {
        self.take(bytes, out, |token, request| engine.submit(token, request))
    }

    /// Takes received bytes, and gives out the requests in them; how many there were.
    fn take(&mut self, bytes: &[u8], out: &mut BytesMut, mut give: impl FnMut(ReplyToken, Request)) -> usize {
        match self {
            Door::Http(connection, codec, tickets) => {
                tickets.clear();
                connection.receive(bytes);
                while let Some(call) = connection.next_call(codec, out) {
                    give(token(tickets.len()), call.request);
                    tickets.push(Some(call.ticket));
                }
                tickets.len()
            }
            Door::Wire(decoder, request_ids) => {
                request_ids.clear();
                decoder.feed(bytes);
                while let Some(message) = decoder.next_message().expect("sound frames") {
                    let Incoming::Request { request_id, request } = message else {
                        panic!("not a request: {message:?}")
                    };
                    give(token(request_ids.len()), request);
                    request_ids.push(request_id);
                }
                request_ids.len()
            }
        }
    }

    /// Writes a reply to `out`.
    pub(crate) fn answer(&mut self, replied: &Replied, out: &mut BytesMut) {
        let place = usize::try_from(replied.token.request).expect("a small number");
        let result = replied.result.as_ref();
        match self {
            Door::Http(connection, codec, tickets) => {
                let ticket = tickets[place].take().expect("each call is answered once");
                connection.answer(ticket, result, codec, out);
            }
            Door::Wire(_, request_ids) => server::encode_reply(request_ids[place], result, Flags::NONE, out),
        }
    }
}

/// The bodies of an operation on several items, as one client sends them at once.
pub(crate) fn batch(protocol: Protocol, operation: Operation, numbers: impl Iterator<Item = usize>) -> Vec<u8> {
    numbers.flat_map(|number| protocol.call(operation.target(), &operation.body(number))).collect()
}

fn http_call(target: &str, body: &str) -> Vec<u8> {
    // The headers of an SDK.
    let (length, time) = (body.len(), time_text(NOW_S));
    let signed = format!(
        "Host: 127.0.0.1:8000\r\nX-Amz-Target: DynamoDB_20120810.{target}\r\n\
         Content-Type: application/x-amz-json-1.0\r\nX-Amz-Date: {time}\r\nContent-Length: {length}\r\n"
    );
    let message = Message { method: "POST", target: b"/", headers: signed.as_bytes(), body: body.as_bytes() };
    let scope = Scope { region: "us-east-1", service: "dynamodb" };
    let authorization = Signer::new(&Credentials::new(ACCESS_KEY_ID, SECRET), scope, &time).authorization(&message);
    format!(
        "POST / HTTP/1.1\r\n{signed}User-Agent: aws-sdk-rust/1.3 os/linux lang/rust/1.92\r\nAccept-Encoding: identity\r\n\
         Authorization: {authorization}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn decode(http: &[u8]) -> Request {
    let (mut connection, mut out) = (Connection::new(), BytesMut::new());
    connection.receive(http);
    let call = connection.next_call(&mut Codec::new(Verifier::open(), 1), &mut out);
    call.expect("a call that can be decoded").request
}

fn token(place: usize) -> ReplyToken {
    ReplyToken { connection: 0, request: place as u64 }
}
