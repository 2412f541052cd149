//! One client's connection: received bytes become requests, replies become bytes to send.
//!
//! Lives on the core that accepted it, from accept to close. What the bytes mean is the protocols' (`dynamodb`,
//! `wire`); this file holds what is common to all: limits, order of sending, closing. How long a client may take
//! for what is in `connection/patience.rs`, what the binary protocol's messages do in `connection/messages.rs`.

mod messages;
mod patience;

use self::patience::Taking;
use crate::admin::{self, Asked};
use crate::in_flight::{Claim, Kept};
use crate::owing::{Owed, Owing};
use crate::receiving::{Received, Receiving, SMALL_BYTES_MAX};
use crate::reply_sizes::Expected;
use crate::serve::Node;
use crate::speech::{Speech, WIRE_IN_FLIGHT_MAX};
use crate::turn_budget::TurnBudget;
use bytes::BytesMut;
use engine::{Engine, Replied, ReplyToken};
use model::operation::{Reply, Request};
use runtime::{ConnectionId, Instant, Sockets};
use wire::{Challenge, Goodbye, GoodbyeReason};

/// Bytes that a client may be owed: unsent ones, and those that replies in flight may come to. Past it no further
/// request is taken in.
const OWED_BYTES_MAX: usize = 8 << 20;
/// Bytes of the greatest buffer that is kept for further replies.
const KEPT_BUFFER_BYTES_MAX: usize = 64 << 10;

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
    /// Its socket is dropped with what is unsent.
    Dropped,
}

/// What a connection needs of its core in order to take requests in.
pub(crate) struct Intake<'a> {
    pub(crate) speech: &'a mut Speech,
    pub(crate) engine: &'a mut Engine,
    pub(crate) node: &'a Node,
    pub(crate) owing: &'a mut Owing,
    pub(crate) budget: &'a mut TurnBudget,
    pub(crate) now: Instant,
}

/// A request that was decoded, and the answer that it asks for.
struct Decoded {
    request: Request,
    kept: Kept,
}

/// A connection's state.
pub(crate) struct Connection {
    protocol: Protocol,
    /// Bytes to be sent at the end of the turn.
    out: BytesMut,
    in_flight_count: usize,
    /// Bytes that the replies in flight may come to, ...
    expected_bytes: usize,
    /// ... and are likely to.
    likely_bytes: usize,
    /// What is counted among what all clients are owed.
    owed: Owed,
    /// How it takes what is sent to it.
    taking: Taking,
    /// Waits until there is room for its reply.
    aside: Option<Decoded>,
    /// What its client has been asked and has not proved yet.
    challenge: Option<Box<Challenge>>,
    /// When the client last sent something, or had taken all that was sent to it.
    last_progress: Instant,
    /// When what it has to say next began: the handshake, or the request that is not whole yet.
    begun: Instant,
    ending: Ending,
    /// What it has received, among what all have.
    received: Received,
    /// Received bytes may hold a whole request: they were not looked at since they came, or since a limit kept one from being taken in.
    has_unread: bool,
    /// A limit keeps requests that may be there from being taken in.
    is_holding_back: bool,
    /// It is the turn's limit: the next turn goes on.
    is_postponed: bool,
    /// It is memory that others have, for requests or replies: whichever turn has some goes on.
    is_waiting: bool,
    is_paused: bool,
    /// It is in the core's list of connections to finish this turn.
    is_touched: bool,
    /// Its socket was asked to close.
    is_closed: bool,
}

impl Connection {
    /// A connection that has just been accepted on a listener of `protocol`.
    pub(crate) fn new(protocol: Protocol, now: Instant) -> Self {
        Self {
            protocol,
            out: BytesMut::new(),
            in_flight_count: 0,
            expected_bytes: 0,
            likely_bytes: 0,
            owed: Owed::default(),
            taking: Taking::default(),
            aside: None,
            challenge: None,
            last_progress: now,
            begun: now,
            ending: Ending::Open,
            received: Received::default(),
            has_unread: false,
            is_holding_back: false,
            is_postponed: false,
            is_waiting: false,
            is_paused: false,
            is_touched: false,
            is_closed: false,
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
        self.has_unread = true;
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

    /// All that was sent to the client is on its way; `queued_bytes` have been sent since.
    pub(crate) fn note_sent(&mut self, queued_bytes: usize, owing: &mut Owing, now: Instant) {
        self.last_progress = now;
        self.count_owed(queued_bytes, owing);
    }

    /// Decodes what has been received and submits it, as far as limits allow. `queued_bytes` wait in its socket.
    pub(crate) fn submit(&mut self, id: ConnectionId, queued_bytes: usize, intake: &mut Intake<'_>) {
        loop {
            let has_more = self.ending < Ending::Draining && (self.aside.is_some() || self.may_have_request());
            let is_at_limit = self.is_at_limit(queued_bytes) || intake.owing.exceeds_share(&self.owed);
            let may_take = has_more && !is_at_limit;
            self.is_waiting = may_take && self.must_wait(intake);
            self.is_postponed = may_take && !self.is_waiting && intake.budget.is_intake_over();
            self.is_holding_back = has_more && (is_at_limit || self.is_waiting || self.is_postponed);
            if !has_more || self.is_holding_back {
                return;
            }
            if !self.take_next(id, intake) {
                self.has_unread = self.is_holding_back;
                return;
            }
        }
    }

    /// Whether a request may be there that was not looked at. Of a large one all has to be, so that its beginning is held back by nothing.
    fn may_have_request(&self) -> bool {
        self.has_unread
            && match &self.protocol {
                Protocol::Http(http) => http.may_have_call(),
                Protocol::Wire(decoder) => decoder.may_have_message(),
                Protocol::Admin(_) => true,
            }
    }

    /// Whether what is there to take in has to wait for memory which others have.
    fn must_wait(&self, intake: &mut Intake<'_>) -> bool {
        if matches!(self.protocol, Protocol::Admin(_)) {
            return false;
        }
        let is_full = intake.speech.in_flight.request_bytes() >= intake.node.client_bytes_max;
        is_full || self.aside.as_ref().is_some_and(|decoded| !self.may_begin(decoded.kept.expected, intake))
    }

    /// Whether there is room for such a reply.
    fn may_begin(&self, expected: Expected, intake: &mut Intake<'_>) -> bool {
        let in_flight_bytes_max = intake.speech.in_flight.reply_bytes_max();
        !intake.owing.is_overcommitted(in_flight_bytes_max, expected.bytes_max)
            && intake.owing.admits(&self.owed, expected.likely_bytes)
    }

    /// Encodes the reply to the request behind a claim. Returns how many bytes that were, before they were packed.
    pub(crate) fn answer(&mut self, kept: Kept, replied: &Replied, speech: &mut Speech) -> usize {
        self.in_flight_count -= 1;
        self.expected_bytes -= kept.expected.bytes;
        self.likely_bytes -= kept.expected.likely_bytes;
        if self.ending >= Ending::TakenLeave {
            return 0;
        }
        let result = replied.result.as_ref();
        let bytes = match (&mut self.protocol, kept.claim) {
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
        };
        speech.reply_sizes.note(kept.expected, bytes);
        bytes
    }

    /// Answers an admin connection whose rotation has come to its end.
    pub(crate) fn answer_rotation(&mut self, result: &Result<String, String>) {
        self.in_flight_count -= 1;
        self.out.extend_from_slice(&admin::answer_rotation(result));
    }

    /// Sends what has been written; pauses, resumes and closes as the state asks for.
    pub(crate) fn flush(
        &mut self,
        id: ConnectionId,
        sockets: &Sockets,
        (receiving, owing): (&mut Receiving, &mut Owing),
        now: Instant,
    ) {
        self.is_touched = self.is_left_over();
        if self.ending == Ending::Stopping && self.in_flight_count == 0 {
            self.say_goodbye(GoodbyeReason::SHUTTING_DOWN, "the node stops");
        }
        if !self.out.is_empty() {
            let out = self.take_out();
            self.taking.note_given(out.len());
            sockets.send(id, out);
        }
        self.count_owed(sockets.queued_bytes(id), owing);
        if self.has_nothing_left() && !std::mem::replace(&mut self.is_closed, true) {
            sockets.close(id, true);
        }
        self.pause_or_resume(id, sockets, receiving, now);
    }

    /// Its turn has come among those that wait for others' requests to become whole.
    pub(crate) fn receive_on(&mut self, id: ConnectionId, sockets: &Sockets, receiving: &mut Receiving, now: Instant) {
        receiving.go_on(id, &mut self.received, now);
        self.pause_or_resume(id, sockets, receiving, now);
    }

    fn pause_or_resume(&mut self, id: ConnectionId, sockets: &Sockets, receiving: &mut Receiving, now: Instant) {
        let held_bytes = self.received_bytes() + self.aside.as_ref().map_or(0, |decoded| decoded.kept.request_bytes);
        receiving.count(&mut self.received, held_bytes);
        let wants_bytes = self.wants_bytes() && self.aside.is_none() && sockets.queued_bytes(id) < OWED_BYTES_MAX;
        let must_pause = if wants_bytes && self.ending == Ending::Open && !self.is_closed {
            !receiving.may_read(id, &mut self.received, now)
        } else {
            receiving.hinder(id, &mut self.received);
            !wants_bytes
        };
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

    /// It is closed: takes itself out of what all connections have.
    pub(crate) fn leave(&mut self, id: ConnectionId, receiving: &mut Receiving, owing: &mut Owing) {
        receiving.forget(id, &mut self.received);
        owing.set(&mut self.owed, 0);
    }

    /// The turn has ended before all that may be there was taken in, and the next can go on.
    pub(crate) fn is_postponed(&self) -> bool {
        self.is_postponed
    }

    /// Likewise, or no turn can go on before others' requests are answered and their replies sent: to be finished again in the next one there is.
    pub(crate) fn is_left_over(&self) -> bool {
        self.is_postponed || self.is_waiting
    }

    /// Enters itself into the list of connections to finish this turn, once.
    pub(crate) fn touch(&mut self, id: ConnectionId, touched: &mut Vec<ConnectionId>) {
        if !std::mem::replace(&mut self.is_touched, true) {
            touched.push(id);
        }
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
                Ending::TakenLeave | Ending::Dropped => true,
            }
    }

    /// No further request may be taken in before some are answered, or replies sent.
    fn is_at_limit(&self, queued_bytes: usize) -> bool {
        let is_full = match &self.protocol {
            Protocol::Http(http) => http.is_full(),
            Protocol::Wire(_) => self.in_flight_count >= WIRE_IN_FLIGHT_MAX as usize,
            Protocol::Admin(_) => false,
        };
        is_full || self.unsent_bytes(queued_bytes) + self.expected_bytes >= OWED_BYTES_MAX
    }

    fn count_owed(&mut self, queued_bytes: usize, owing: &mut Owing) {
        let bytes = self.unsent_bytes(queued_bytes) + self.likely_bytes;
        owing.set(&mut self.owed, bytes);
    }

    /// Bytes of replies that are not sent.
    fn unsent_bytes(&self, queued_bytes: usize) -> usize {
        let held_bytes = match &self.protocol {
            Protocol::Http(http) => http.held_answer_bytes(),
            Protocol::Wire(_) | Protocol::Admin(_) => 0,
        };
        self.out.len() + held_bytes + queued_bytes
    }

    fn wants_bytes(&self) -> bool {
        match &self.protocol {
            Protocol::Http(http) if !http.wants_bytes() => false,
            _ => !self.is_holding_back || self.received_bytes() < SMALL_BYTES_MAX,
        }
    }

    /// Bytes of requests that are not taken in yet.
    fn received_bytes(&self) -> usize {
        match &self.protocol {
            Protocol::Http(http) => http.received_bytes(),
            Protocol::Wire(decoder) => decoder.buffered_bytes(),
            Protocol::Admin(received) => received.len(),
        }
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
        if let Some(decoded) = self.aside.take() {
            self.begin(id, decoded, intake);
            return true;
        }
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
                        let kept = Kept { claim: Claim::Admin, expected: Expected::default(), request_bytes: 0 };
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

    fn submit_request(
        &mut self,
        id: ConnectionId,
        (claim, request_bytes): (Claim, usize),
        request: Request,
        intake: &mut Intake<'_>,
    ) {
        let expected = intake.speech.reply_sizes.expect(&request);
        let decoded = Decoded { request, kept: Kept { claim, expected, request_bytes } };
        if self.may_begin(expected, intake) {
            self.begin(id, decoded, intake);
        } else {
            self.aside = Some(decoded);
        }
    }

    fn begin(&mut self, id: ConnectionId, Decoded { request, kept }: Decoded, intake: &mut Intake<'_>) {
        let Expected { bytes: expected_bytes, likely_bytes, .. } = kept.expected;
        let place = intake.speech.in_flight.keep(kept);
        self.in_flight_count += 1;
        self.expected_bytes += expected_bytes;
        self.likely_bytes += likely_bytes;
        intake.owing.add(&mut self.owed, likely_bytes);
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

    /// At the start of a wire connection, whose client is asked who it is or not.
    pub(crate) fn wire(asks_for_proof: bool) -> Self {
        Self::Wire(Box::new(wire::server::Decoder::new(asks_for_proof)))
    }

    /// At the start of an admin connection.
    pub(crate) fn admin() -> Self {
        Self::Admin(BytesMut::new())
    }
}

// `Request` and `Reply` pass through here by value, between decoders and the engine.
const _: () = assert!(size_of::<Request>() <= 256 && size_of::<Reply>() <= 128);

#[cfg(test)]
mod tests;
