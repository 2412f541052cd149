//! Both protocols' codecs without a socket: requests and outcomes through each, there and back.
#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs of this")]

use auth::Verifier;
use bytes::BytesMut;
use dynamodb::{Codec, Connection};
use model::Error;
use model::operation::{Reply, Request};
use wire::{CoreEndpoint, EncodeError, Flags, Hello, RequestId, VERSION, Welcome, client, server};

/// A call of an operation, as an SDK sends it, without a signature.
pub fn post(operation: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: DynamoDB_20120810.{operation}\r\n\
         Content-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// The body of one whole answer, and how many bytes the answer takes up; none while it is not whole.
pub fn body_of_answer(answer: &[u8]) -> Option<(&[u8], usize)> {
    let head_bytes = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..head_bytes]).expect("a head of text");
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length:"))?;
    let end = head_bytes + length.trim().parse::<usize>().expect("a number");
    answer.get(head_bytes..end).map(|body| (body, end))
}

/// The door of HTTP.
pub struct Http(Codec);

impl Http {
    pub fn new() -> Http {
        Http(Codec::new(Verifier::open(), 1))
    }

    /// What a call decodes to, or the body that refuses it.
    pub fn decode(&mut self, operation: &str, body: &[u8]) -> Result<Request, String> {
        let (mut connection, mut out) = (Connection::new(), BytesMut::new());
        connection.receive(&post(operation, body));
        match connection.next_call(&mut self.0, &mut out) {
            Some(call) => Ok(call.request),
            None => Err(text_of_answer(&out)),
        }
    }

    /// The body of the answer that tells `outcome`.
    pub fn encode(&mut self, outcome: Result<&Reply, &Error>) -> String {
        let (mut connection, mut out) = (Connection::new(), BytesMut::new());
        connection.receive(&post("ListTables", b"{}"));
        let call = connection.next_call(&mut self.0, &mut out).expect("a call");
        connection.answer(call.ticket, outcome, &mut self.0, &mut out);
        text_of_answer(&out)
    }
}

fn text_of_answer(answer: &[u8]) -> String {
    let (body, _) = body_of_answer(answer).expect("a whole answer");
    String::from_utf8(body.to_vec()).expect("a body of text")
}

/// The binary protocol's two ends.
pub struct Wire {
    server: server::Decoder,
    client: client::Decoder,
}

impl Wire {
    /// After the handshake.
    pub fn open() -> Wire {
        let (mut wire, mut out) =
            (Wire { server: server::Decoder::default(), client: client::Decoder::new() }, BytesMut::new());
        client::encode_hello(&hello(), &mut out).expect("a short name");
        wire.server.feed(&out);
        assert!(matches!(wire.server.next_message(), Ok(Some(server::Incoming::Hello(_)))));
        let welcome = Welcome {
            version: VERSION,
            core: 0,
            features: 0,
            frame_bytes_max: 1 << 20,
            in_flight_max: 1,
            idle_ms_max: 0,
            server_name: String::new(),
            cores: vec![CoreEndpoint { core: 0, port: 1, address: String::new() }],
        };
        let mut out = BytesMut::new();
        server::encode_welcome(&welcome, &mut out).expect("few cores");
        wire.client.feed(&out);
        assert!(matches!(wire.client.next_message(), Ok(Some(client::Incoming::Welcome(_)))));
        wire
    }

    /// A request as the server gets it.
    pub fn request(&mut self, request: &Request) -> Result<Request, EncodeError> {
        let mut out = BytesMut::new();
        client::encode_request(RequestId(1), request, &mut out)?;
        self.server.feed(&out);
        match self.server.next_message() {
            Ok(Some(server::Incoming::Request { request, .. })) => Ok(request),
            other => panic!("{request:?}: {other:?}"),
        }
    }

    /// An outcome as the client gets it.
    pub fn outcome(&mut self, outcome: Result<&Reply, &Error>) -> Result<Reply, Error> {
        let mut out = BytesMut::new();
        server::encode_reply(RequestId(1), outcome, Flags::NONE, &mut out);
        self.client.feed(&out);
        match self.client.next_message() {
            Ok(Some(client::Incoming::Reply { result, .. })) => result,
            other => panic!("{outcome:?}: {other:?}"),
        }
    }
}

/// How a test introduces itself.
pub fn hello() -> Hello {
    Hello { version_min: VERSION, version_max: VERSION, features: 0, client_name: "test".to_owned() }
}
