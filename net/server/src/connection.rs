//! One client's connection: received bytes become requests, replies become bytes to send.
//!
//! Lives on the core that accepted it, from accept to close. What the bytes mean is the protocols' (`dynamodb`,
//! `wire`); this file holds what is common to all: limits, order of sending, closing.

use crate::admin::{self, Asked};
use crate::in_flight::{Claim, Kept};
use crate::serve::Node;
use crate::speech::{IDLE_MS_MAX, Speech, WIRE_IN_FLIGHT_MAX};
use crate::turn_budget::TurnBudget;
use bytes::BytesMut;
use engine::{Engine, Replied, ReplyToken};
use model::Error;
use model::limits::PAGE_BYTES_MAX;
use model::operation::{Reply, Request};
use runtime::{ConnectionId, Instant, Sockets};
use std::time::Duration;
use wire::limits::HEADER_BYTES;
use wire::server::Incoming;
use wire::{Goodbye, GoodbyeReason, PartitionMap, PartitionRange};

/// Bytes that a client may be owed: unsent ones, and those that large replies in flight may come to. Past it no further
/// request is taken in.
const OWED_BYTES_MAX: usize = 8 << 20;
/// Bytes of requests that are held back before nothing more is read from the client.
const HELD_BACK_BYTES_MAX: usize = 64 << 10;
/// Bytes of the greatest buffer that is kept for further replies.
const KEPT_BUFFER_BYTES_MAX: usize = 64 << 10;
/// Time for a request's head from its first byte, and the longest silence within its body.
const WHOLE_REQUEST_MAX: Duration = Duration::from_secs(60);
/// Time for the wire protocol's handshake, from the connection's start.
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

/// How far a connection's end has come. Only ever goes down the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    Open,
    /// The client sends no more. What it has sent is still taken in and answered.
    PeerFinished,
    /// Nothing more is taken in; it closes when everything in flight is answered and sent.
    Draining,
    /// Likewise, for the node stops: the client is told so behind its last answer.
    Stopping,
    /// One side has said goodbye: nothing more is taken in, nothing more written.
    TakenLeave,
}

/// What a connection needs of its core in order to take requests in.
pub(crate) struct Intake<'a> {
    pub(crate) speech: &'a mut Speech,
    pub(crate) engine: &'a mut Engine,
    pub(crate) node: &'a Node,
    pub(crate) budget: &'a mut TurnBudget,
    pub(crate) now: Instant,
}

/// A connection's state.
pub(crate) struct Connection {
    protocol: Protocol,
    /// Bytes to be sent at the end of the turn.
    out: BytesMut,
    in_flight_count: usize,
    /// Bytes that the large replies in flight may come to.
    expected_bytes: usize,
    /// When the client last sent something, or had taken all that was sent to it.
    last_progress: Instant,
    /// When what it has to say next began: the handshake, or the request that is not whole yet.
    begun: Instant,
    ending: Ending,
    /// A limit keeps requests that may be there from being taken in.
    is_holding_back: bool,
    /// It is the turn's limit: the next turn goes on.
    is_postponed: bool,
    /// It is the memory for requests: whichever turn has some goes on.
    is_waiting: bool,
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
            expected_bytes: 0,
            last_progress: now,
            begun: now,
            ending: Ending::Open,
            is_holding_back: false,
            is_postponed: false,
            is_waiting: false,
            is_paused: false,
            is_touched: false,
        }
    }

    /// Takes received bytes.
    pub(crate) fn receive(&mut self, bytes: &[u8], now: Instant) {
        self.last_progress = now;
        if self.ending >= Ending::Draining {
            return;
        }
        if self.is_between_requests() {
            self.begun = now;
        }
        match &mut self.protocol {
            Protocol::Http(http) => http.receive(bytes),
            Protocol::Wire(decoder) => decoder.feed(bytes),
            Protocol::Admin(received) => received.extend_from_slice(bytes),
        }
    }

    /// The client will send no more.
    pub(crate) fn finish(&mut self) {
        self.end(Ending::PeerFinished);
    }

    /// The node stops: no further request is taken in. The admin address still says how it is.
    pub(crate) fn stop(&mut self) {
        if !matches!(self.protocol, Protocol::Admin(_)) {
            self.end(Ending::Stopping);
        }
    }

    /// All that was sent to the client is on its way.
    pub(crate) fn note_sent(&mut self, now: Instant) {
        self.last_progress = now;
    }

    /// Decodes what has been received and submits it, as far as limits allow. `queued_bytes` wait in its socket.
    pub(crate) fn submit(&mut self, id: ConnectionId, queued_bytes: usize, intake: &mut Intake<'_>) {
        loop {
            let is_open = self.ending < Ending::Draining;
            let is_at_limit = self.is_at_limit(queued_bytes);
            let may_take = is_open && !is_at_limit;
            self.is_waiting = may_take && intake.speech.in_flight.request_bytes() >= intake.node.request_bytes_max;
            self.is_postponed = may_take && !self.is_waiting && intake.budget.is_intake_over();
            self.is_holding_back = is_open && (is_at_limit || self.is_waiting || self.is_postponed);
            if !is_open || self.is_holding_back || !self.take_next(id, intake) {
                return;
            }
        }
    }

    /// Encodes the reply to the request behind a claim. Returns how many bytes that were, before they were packed.
    pub(crate) fn answer(&mut self, kept: Kept, replied: &Replied, speech: &mut Speech) -> usize {
        self.in_flight_count -= 1;
        self.expected_bytes -= kept.expected_bytes;
        if self.ending == Ending::TakenLeave {
            return 0;
        }
        let result = replied.result.as_ref();
        match (&mut self.protocol, kept.claim) {
            (Protocol::Http(http), Claim::Http(ticket)) => {
                http.answer(ticket, result, &mut speech.codec, &mut self.out)
            }
            (Protocol::Wire(_), Claim::Wire(request)) => {
                let flags = if replied.is_forwarded { wire::Flags::FORWARDED } else { wire::Flags::NONE };
                let before = self.out.len();
                wire::server::encode_reply(request, result, flags, &mut self.out);
                self.out.len() - before
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
    pub(crate) fn flush(&mut self, id: ConnectionId, sockets: &Sockets, now: Instant) {
        self.is_touched = self.is_left_over();
        if self.ending == Ending::Stopping && self.in_flight_count == 0 {
            self.say_goodbye(GoodbyeReason::SHUTTING_DOWN, "the node stops");
        }
        if !self.out.is_empty() {
            sockets.send(id, self.take_out());
        }
        if self.has_nothing_left() {
            sockets.close(id, true);
            return;
        }
        let must_pause = !self.wants_bytes() || sockets.queued_bytes(id) >= OWED_BYTES_MAX;
        if must_pause != self.is_paused {
            self.is_paused = must_pause;
            if must_pause {
                sockets.pause_receive(id);
            } else {
                // It could not be heard meanwhile: its time starts anew.
                (self.last_progress, self.begun) = (now, now);
                sockets.resume_receive(id);
            }
        }
    }

    /// The turn has ended before all that may be there was taken in, and the next can go on.
    pub(crate) fn is_postponed(&self) -> bool {
        self.is_postponed
    }

    /// Likewise, or no turn can go on before requests are answered: to be finished again in the next one there is.
    pub(crate) fn is_left_over(&self) -> bool {
        self.is_postponed || self.is_waiting
    }

    /// Enters itself into the list of connections to finish this turn, once.
    pub(crate) fn touch(&mut self, id: ConnectionId, touched: &mut Vec<ConnectionId>) {
        if !std::mem::replace(&mut self.is_touched, true) {
            touched.push(id);
        }
    }

    /// Whether it has been silent for longer than it may be, or takes too long over what it says. Such a client is told
    /// why, where its protocol can say so. The socket itself drops a client that does not take what is sent to it.
    pub(crate) fn close_if_silent(&mut self, queued_bytes: usize, now: Instant) -> bool {
        let is_its_turn = self.in_flight_count == 0 && queued_bytes == 0 && !self.is_paused && !self.is_left_over();
        if !is_its_turn || self.ending > Ending::Open {
            return false;
        }
        let (since, time_max) = match &self.protocol {
            Protocol::Http(http) if http.is_idle() => (self.last_progress, IDLE_MAX),
            Protocol::Http(http) if http.is_in_body() => (self.last_progress, WHOLE_REQUEST_MAX),
            Protocol::Wire(decoder) if !decoder.is_open() => (self.begun, HANDSHAKE_MAX),
            Protocol::Wire(decoder) if decoder.buffered_bytes() == 0 => (self.last_progress, IDLE_MAX),
            Protocol::Wire(decoder) if decoder.buffered_bytes() >= HEADER_BYTES => {
                (self.last_progress, WHOLE_REQUEST_MAX)
            }
            Protocol::Http(_) | Protocol::Wire(_) | Protocol::Admin(_) => (self.begun, WHOLE_REQUEST_MAX),
        };
        let is_silent = now.since(since) > time_max;
        if is_silent {
            self.say_goodbye(GoodbyeReason::IDLE, "nothing was heard for too long");
        }
        is_silent
    }

    /// Takes leave, in so far as the protocol has words for it; nothing is taken in or written afterwards.
    pub(crate) fn say_goodbye(&mut self, reason: GoodbyeReason, message: &'static str) {
        self.take_leave(&Goodbye::new(reason, message));
    }

    fn take_leave(&mut self, goodbye: &Goodbye) {
        if matches!(self.protocol, Protocol::Wire(_)) && self.ending < Ending::TakenLeave {
            wire::server::encode_goodbye(goodbye, &mut self.out);
        }
        self.end(Ending::TakenLeave);
    }

    fn end(&mut self, ending: Ending) {
        self.ending = self.ending.max(ending);
    }

    /// What has been written. A great buffer goes whole: the rest of it would keep all of it alive.
    fn take_out(&mut self) -> BytesMut {
        if self.out.capacity() > KEPT_BUFFER_BYTES_MAX { std::mem::take(&mut self.out) } else { self.out.split() }
    }

    fn has_nothing_left(&self) -> bool {
        let is_answered = self.in_flight_count == 0;
        let is_http_finished = matches!(&self.protocol, Protocol::Http(http) if http.is_finished());
        is_http_finished
            || match self.ending {
                Ending::Open => false,
                Ending::PeerFinished => is_answered && !self.is_holding_back,
                Ending::Draining | Ending::Stopping => is_answered,
                Ending::TakenLeave => true,
            }
    }

    /// No further request may be taken in before some are answered, or replies sent.
    fn is_at_limit(&self, queued_bytes: usize) -> bool {
        let is_full = match &self.protocol {
            Protocol::Http(http) => http.is_full(),
            Protocol::Wire(_) => self.in_flight_count >= WIRE_IN_FLIGHT_MAX as usize,
            Protocol::Admin(_) => false,
        };
        is_full || self.out.len() + queued_bytes + self.expected_bytes >= OWED_BYTES_MAX
    }

    fn wants_bytes(&self) -> bool {
        let received_bytes = match &self.protocol {
            Protocol::Http(http) if !http.wants_bytes() => return false,
            Protocol::Http(http) => http.received_bytes(),
            Protocol::Wire(decoder) => decoder.buffered_bytes(),
            Protocol::Admin(received) => received.len(),
        };
        !self.is_holding_back || received_bytes < HELD_BACK_BYTES_MAX
    }

    fn is_between_requests(&self) -> bool {
        match &self.protocol {
            Protocol::Http(http) => http.is_between_requests(),
            Protocol::Wire(decoder) => decoder.is_open() && decoder.buffered_bytes() == 0,
            Protocol::Admin(received) => received.is_empty(),
        }
    }

    /// Takes in the next message. Returns whether there was one and more may follow.
    fn take_next(&mut self, id: ConnectionId, intake: &mut Intake<'_>) -> bool {
        match &mut self.protocol {
            Protocol::Http(http) => {
                let call = http.next_call(&mut intake.speech.codec, &mut self.out);
                let examined_bytes = http.take_examined_bytes();
                intake.budget.note_examined(examined_bytes);
                let Some(call) = call else {
                    // It may have answered some by itself, and filled up.
                    self.is_holding_back = http.is_full();
                    return examined_bytes > 0;
                };
                self.submit_request(id, (Claim::Http(call.ticket), call.body_bytes), call.request, intake);
                true
            }
            Protocol::Wire(decoder) => {
                let received_bytes = decoder.buffered_bytes();
                match decoder.next_message() {
                    Ok(None) => false,
                    Ok(Some(message)) => {
                        let frame_bytes = received_bytes - decoder.buffered_bytes();
                        self.take_message(id, (message, frame_bytes), intake)
                    }
                    Err(error) => {
                        tracing::debug!(%error, "protocol error");
                        self.take_leave(&Goodbye::from(&error));
                        false
                    }
                }
            }
            Protocol::Admin(received) => {
                match admin::ask(received, intake.node) {
                    Some(Asked::Answer(answer)) => self.out.extend_from_slice(&answer),
                    Some(Asked::Rotate(rotation)) => {
                        let kept = Kept { claim: Claim::Admin, expected_bytes: 0, request_bytes: 0 };
                        let request = intake.speech.in_flight.keep(kept);
                        self.in_flight_count += 1;
                        intake.budget.note_taken(0);
                        intake.engine.rotate_keys(ReplyToken { connection: id.0, request }, &rotation);
                    }
                    None => return false,
                }
                self.end(Ending::Draining);
                false
            }
        }
    }

    /// Handles a message of a wire connection. Returns whether more may follow.
    fn take_message(
        &mut self,
        id: ConnectionId,
        (message, frame_bytes): (Incoming, usize),
        intake: &mut Intake<'_>,
    ) -> bool {
        match message {
            Incoming::Request { request_id, request } => {
                self.submit_request(id, (Claim::Wire(request_id), frame_bytes), request, intake);
                return true;
            }
            Incoming::Refused { request_id, error } => {
                wire::server::encode_reply(request_id, Err(&error), wire::Flags::NONE, &mut self.out);
            }
            Incoming::Hello(hello) => {
                tracing::debug!(client = hello.client_name, "handshake");
                wire::server::encode_welcome(&intake.speech.welcome, &mut self.out)
                    .expect("a node's cores fit in a frame");
            }
            Incoming::Ping(request_id) => wire::server::encode_pong(request_id, &mut self.out),
            Incoming::DescribePartitions { request_id, table_name } => {
                describe_partitions(intake.engine, request_id, &table_name, &mut self.out);
            }
            Incoming::Goodbye(_) => {
                self.end(Ending::TakenLeave);
                return false;
            }
        }
        self.begun = intake.now;
        intake.budget.note_taken(0);
        true
    }

    fn submit_request(
        &mut self,
        id: ConnectionId,
        (claim, request_bytes): (Claim, usize),
        request: Request,
        intake: &mut Intake<'_>,
    ) {
        let expected_bytes = expected_bytes(&request);
        let place = intake.speech.in_flight.keep(Kept { claim, expected_bytes, request_bytes });
        self.in_flight_count += 1;
        self.expected_bytes += expected_bytes;
        self.begun = intake.now;
        intake.budget.note_taken(expected_bytes);
        intake.engine.submit(ReplyToken { connection: id.0, request: place }, request);
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

/// Bytes that the reply to a request may come to, where its size is not bounded by that of one item.
fn expected_bytes(request: &Request) -> usize {
    match request {
        Request::Query(_) | Request::Scan(_) | Request::BatchGetItem(_) => PAGE_BYTES_MAX,
        _ => 0,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A client that says `bytes`, one after the other and each a second after the one before, from second `start` on.
    fn say(connection: &mut Connection, bytes: &[u8], start: u64, step: u64) -> u64 {
        let mut second = start;
        for byte in bytes {
            connection.receive(&[*byte], at(second));
            second += step;
        }
        second
    }

    fn at(second: u64) -> Instant {
        Instant(second * 1_000_000_000)
    }

    /// A byte now and then keeps no connection alive that never says what it wants.
    #[test]
    fn the_time_for_handshake_and_head_runs_from_their_first_byte() {
        let mut wire = Connection::new(Protocol::wire(), at(0));
        assert_eq!(say(&mut wire, &wire::PREFACE[..2], 0, 5), 10);
        assert!(!wire.close_if_silent(0, at(10)));
        assert!(wire.close_if_silent(0, at(11)));
        let mut http = Connection::new(Protocol::http(), at(0));
        assert!(!http.close_if_silent(0, at(500)), "it is idle");
        assert_eq!(say(&mut http, b"POST / HT", 500, 7), 563);
        assert!(!http.close_if_silent(0, at(560)));
        assert!(http.close_if_silent(0, at(561)));
    }

    /// A client that is not read from, or that takes what is sent to it slowly, cannot be blamed for its silence.
    #[test]
    fn who_is_not_heard_is_not_silent() {
        let mut connection = Connection::new(Protocol::http(), at(0));
        connection.is_paused = true;
        assert!(!connection.close_if_silent(0, at(10_000)));
        connection.is_paused = false;
        assert!(!connection.close_if_silent(1, at(10_000)));
        connection.note_sent(at(10_000));
        assert!(!connection.close_if_silent(0, at(10_600)));
        assert!(connection.close_if_silent(0, at(10_601)));
    }

    /// A rest of it would keep all of it alive.
    #[test]
    fn a_great_reply_takes_its_buffer_along() {
        let mut connection = Connection::new(Protocol::http(), at(0));
        connection.out.resize(KEPT_BUFFER_BYTES_MAX + 1, 0);
        assert!(connection.take_out().freeze().is_unique());
        connection.out.extend_from_slice(&[0; 100]);
        assert_eq!(connection.take_out().len(), 100);
        assert!(connection.out.is_empty());
    }

    #[test]
    fn a_stopping_node_hears_nothing_more() {
        let mut connection = Connection::new(Protocol::wire(), at(0));
        connection.stop();
        connection.receive(&wire::PREFACE, at(0));
        let Protocol::Wire(decoder) = &connection.protocol else { panic!("it speaks wire") };
        assert_eq!(decoder.buffered_bytes(), 0);
    }

    #[test]
    fn goodbye_is_said_once_and_last() {
        let mut connection = Connection::new(Protocol::wire(), at(0));
        connection.say_goodbye(GoodbyeReason::SHUTTING_DOWN, "the node stops");
        let said = connection.out.clone();
        connection.say_goodbye(GoodbyeReason::IDLE, "nothing was heard");
        assert!(connection.out == said && connection.has_nothing_left());
    }

    /// Requests that a limit had held back were lost when the client had finished and nothing was in flight.
    #[test]
    fn what_is_held_back_keeps_a_half_closed_connection() {
        let mut connection = Connection::new(Protocol::wire(), at(0));
        connection.finish();
        assert!(connection.has_nothing_left());
        connection.is_holding_back = true;
        assert!(!connection.has_nothing_left());
        connection.out.resize(OWED_BYTES_MAX / 2, 0);
        connection.expected_bytes = OWED_BYTES_MAX / 4;
        assert!(connection.is_at_limit(OWED_BYTES_MAX / 4));
        assert!(!connection.is_at_limit(OWED_BYTES_MAX / 4 - 1));
    }
}
