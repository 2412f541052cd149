//! One client's connection: received bytes become requests, replies become bytes to send.
//!
//! Lives on the core that accepted it, from accept to close. What the bytes mean is the protocols' (`dynamodb`,
//! `wire`); this file holds what is common to all: limits, order of sending, closing.

use crate::admin::{self, Asked};
use crate::in_flight::Claim;
use crate::serve::Node;
use crate::speech::{IDLE_MS_MAX, Speech, WIRE_IN_FLIGHT_MAX};
use bytes::BytesMut;
use engine::{Engine, ReplyToken};
use model::Error;
use model::operation::{Reply, Request};
use runtime::{ConnectionId, Instant, Sockets};
use std::time::Duration;
use wire::server::Incoming;
use wire::{Goodbye, GoodbyeReason, PartitionMap, PartitionRange};

/// Bytes that may wait to be sent before nothing more is read from the client.
const UNSENT_BYTES_MAX: usize = 8 << 20;
/// Time in which a client has to say what it wants: the handshake, or a whole request once it has begun.
const WHOLE_REQUEST_MAX: Duration = Duration::from_secs(60);
/// Time for the wire protocol's handshake.
const HANDSHAKE_MAX: Duration = Duration::from_millis(wire::limits::HANDSHAKE_MS_MAX);
/// Silence after which a connection with nothing in flight is closed.
const IDLE_MAX: Duration = Duration::from_millis(IDLE_MS_MAX as u64);

/// What a connection speaks, with the state of its decoder.
pub(crate) enum Protocol {
    /// The DynamoDB API.
    Http(Box<dynamodb::Connection>),
    /// The binary protocol.
    Wire(Box<wire::server::Decoder>),
    /// Health, metrics and rotation of keys.
    Admin(BytesMut),
}

/// A connection's state.
pub(crate) struct Connection {
    protocol: Protocol,
    /// Bytes to be sent at the end of the turn.
    out: BytesMut,
    in_flight_count: usize,
    last_received: Instant,
    /// Nothing more is read; it closes when everything in flight is answered and sent.
    is_closing: bool,
    is_paused: bool,
    /// It is in the core's list of connections to finish this turn.
    is_touched: bool,
}

impl Connection {
    /// A connection that has just been accepted on a listener of `protocol`.
    pub(crate) fn new(protocol: Protocol, now: Instant) -> Self {
        Self {
            protocol,
            out: BytesMut::new(),
            in_flight_count: 0,
            last_received: now,
            is_closing: false,
            is_paused: false,
            is_touched: false,
        }
    }

    /// Takes received bytes.
    pub(crate) fn receive(&mut self, bytes: &[u8], now: Instant) {
        self.last_received = now;
        if self.is_closing {
            return;
        }
        match &mut self.protocol {
            Protocol::Http(http) => http.receive(bytes),
            Protocol::Wire(decoder) => decoder.feed(bytes),
            Protocol::Admin(received) => received.extend_from_slice(bytes),
        }
    }

    /// The client will send no more.
    pub(crate) fn finish(&mut self) {
        self.is_closing = true;
    }

    /// Decodes what has been received and submits it, as far as limits allow.
    pub(crate) fn submit(&mut self, id: ConnectionId, speech: &mut Speech, engine: &mut Engine, node: &Node) {
        if self.out.len() >= UNSENT_BYTES_MAX {
            return;
        }
        match &mut self.protocol {
            Protocol::Http(http) => {
                while let Some(call) = http.next_call(&mut speech.codec, &mut self.out) {
                    let request = speech.in_flight.keep(Claim::Http(call.ticket));
                    self.in_flight_count += 1;
                    engine.submit(ReplyToken { connection: id.0, request }, call.request);
                }
            }
            Protocol::Wire(_) => {
                while self.in_flight_count < WIRE_IN_FLIGHT_MAX as usize && self.next_message(id, speech, engine) {}
            }
            Protocol::Admin(received) => {
                let asked = admin::ask(received, node).filter(|_| !self.is_closing);
                self.is_closing |= asked.is_some();
                match asked {
                    Some(Asked::Answer(answer)) => self.out.extend_from_slice(&answer),
                    Some(Asked::Rotate(rotation)) => {
                        let request = speech.in_flight.keep(Claim::Admin);
                        self.in_flight_count += 1;
                        engine.rotate_keys(ReplyToken { connection: id.0, request }, &rotation);
                    }
                    None => {}
                }
            }
        }
    }

    /// Encodes the reply to the request behind `claim`.
    pub(crate) fn answer(
        &mut self,
        claim: Claim,
        result: &Result<Reply, Error>,
        is_forwarded: bool,
        speech: &mut Speech,
    ) {
        self.in_flight_count -= 1;
        match (&mut self.protocol, claim) {
            (Protocol::Http(http), Claim::Http(ticket)) => {
                http.answer(ticket, result.as_ref(), &mut speech.codec, &mut self.out);
            }
            (Protocol::Wire(_), Claim::Wire(request)) => {
                let flags = if is_forwarded { wire::Flags::FORWARDED } else { wire::Flags::NONE };
                wire::server::encode_reply(request, result.as_ref(), flags, &mut self.out);
            }
            _ => panic!("a claim is of the protocol of its connection"),
        }
    }

    /// Answers an admin connection whose rotation has come to its end.
    pub(crate) fn answer_rotation(&mut self, result: &Result<String, String>) {
        self.in_flight_count -= 1;
        self.out.extend_from_slice(&admin::answer_rotation(result));
    }

    /// Sends what has been written; pauses, resumes and closes as the state asks for.
    pub(crate) fn flush(&mut self, id: ConnectionId, sockets: &Sockets) {
        self.is_touched = false;
        if !self.out.is_empty() {
            sockets.send(id, self.out.split());
        }
        if self.has_nothing_left() {
            sockets.close(id, true);
            return;
        }
        let must_pause = !self.wants_bytes() || sockets.queued_bytes(id) >= UNSENT_BYTES_MAX;
        if must_pause != self.is_paused {
            self.is_paused = must_pause;
            if must_pause { sockets.pause_receive(id) } else { sockets.resume_receive(id) }
        }
    }

    /// Enters itself into the list of connections to finish this turn, once.
    pub(crate) fn touch(&mut self, id: ConnectionId, touched: &mut Vec<ConnectionId>) {
        if !std::mem::replace(&mut self.is_touched, true) {
            touched.push(id);
        }
    }

    /// Whether it has been silent for longer than it may be. Such a client is told why, where its protocol can say so.
    pub(crate) fn close_if_silent(&mut self, now: Instant) -> bool {
        if self.in_flight_count > 0 || self.is_closing {
            return false;
        }
        let silent_max = match &self.protocol {
            Protocol::Http(http) if http.is_idle() => IDLE_MAX,
            Protocol::Wire(decoder) if !decoder.is_open() => HANDSHAKE_MAX,
            Protocol::Wire(decoder) if decoder.buffered_bytes() == 0 => IDLE_MAX,
            _ => WHOLE_REQUEST_MAX,
        };
        let is_silent = now.since(self.last_received) > silent_max;
        if is_silent {
            self.say_goodbye(GoodbyeReason::IDLE, "nothing was heard for too long");
        }
        is_silent
    }

    /// Takes leave, in so far as the protocol has words for it; nothing is read afterwards.
    pub(crate) fn say_goodbye(&mut self, reason: GoodbyeReason, message: &'static str) {
        if matches!(self.protocol, Protocol::Wire(_)) && !self.is_closing {
            wire::server::encode_goodbye(&Goodbye::new(reason, message), &mut self.out);
        }
        self.is_closing = true;
    }

    fn has_nothing_left(&self) -> bool {
        match &self.protocol {
            Protocol::Http(http) => http.is_finished() || (self.is_closing && self.in_flight_count == 0),
            Protocol::Wire(_) | Protocol::Admin(_) => self.is_closing && self.in_flight_count == 0,
        }
    }

    fn wants_bytes(&self) -> bool {
        match &self.protocol {
            Protocol::Http(http) => http.wants_bytes(),
            Protocol::Wire(_) => self.in_flight_count < WIRE_IN_FLIGHT_MAX as usize,
            Protocol::Admin(_) => true,
        }
    }

    /// Handles the next message of a wire connection. Returns whether there was one and more may follow.
    fn next_message(&mut self, id: ConnectionId, speech: &mut Speech, engine: &mut Engine) -> bool {
        let Protocol::Wire(decoder) = &mut self.protocol else { return false };
        match decoder.next_message() {
            Ok(None) => return false,
            Ok(Some(Incoming::Request { request_id, request })) => {
                let place = speech.in_flight.keep(Claim::Wire(request_id));
                self.in_flight_count += 1;
                engine.submit(ReplyToken { connection: id.0, request: place }, request);
            }
            Ok(Some(Incoming::Refused { request_id, error })) => {
                wire::server::encode_reply(request_id, Err(&error), wire::Flags::NONE, &mut self.out);
            }
            Ok(Some(Incoming::Hello(hello))) => {
                tracing::debug!(client = hello.client_name, "handshake");
                wire::server::encode_welcome(&speech.welcome, &mut self.out).expect("a node's cores fit in a frame");
            }
            Ok(Some(Incoming::Ping(request_id))) => wire::server::encode_pong(request_id, &mut self.out),
            Ok(Some(Incoming::DescribePartitions { request_id, table_name })) => {
                describe_partitions(engine, request_id, &table_name, &mut self.out);
            }
            Ok(Some(Incoming::Goodbye(_))) => {
                self.is_closing = true;
                return false;
            }
            Err(error) => {
                tracing::debug!(%error, "protocol error");
                wire::server::encode_goodbye(&Goodbye::from(&error), &mut self.out);
                self.is_closing = true;
                return false;
            }
        }
        true
    }
}

impl Protocol {
    /// At the start of an HTTP connection.
    pub(crate) fn http() -> Self {
        Self::Http(Box::default())
    }

    /// At the start of a wire connection.
    pub(crate) fn wire() -> Self {
        Self::Wire(Box::default())
    }

    /// At the start of an admin connection.
    pub(crate) fn admin() -> Self {
        Self::Admin(BytesMut::new())
    }
}

fn describe_partitions(engine: &Engine, request_id: wire::RequestId, table_name: &str, out: &mut BytesMut) {
    let Some(table) = engine.table(table_name) else {
        let error = Error::table_not_found(table_name);
        return wire::server::encode_reply(request_id, Err(&error), wire::Flags::NONE, out);
    };
    let ranges = table
        .partitions
        .iter()
        .map(|placement| PartitionRange { first_hash: placement.range.first(), core: placement.core.0 });
    let map = PartitionMap {
        version: 1,
        table_id: table.definition.id,
        key_schema: table.definition.key_schema.clone(),
        ranges: ranges.collect(),
    };
    wire::server::encode_partition_map(request_id, &map, out).expect("a table's partitions fit in a frame");
}

// `Request` and `Reply` pass through here by value, between decoders and the engine.
const _: () = assert!(size_of::<Request>() <= 256 && size_of::<Reply>() <= 128);
