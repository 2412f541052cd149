//! One connection of the HTTP door: bytes in, calls out; replies in, bytes out, in the order of the requests.
//!
//! ```text
//!   socket -> receive() -> next_call() -> Call { ticket, request } -> the engine
//!   socket <- out       <- answer(ticket, reply or error)          <- the engine
//! ```
//! Lives on the core that accepted it, from accept to close; dropped by the server loop. Pure: the socket, time-outs and
//! closing are the server's, which closes once [`Connection::is_finished`] and everything in `out` is sent.

use std::mem;

use bytes::BytesMut;
use model::operation::{Reply, Request};
use model::table::REGION;
use model::{Error, Text};

use crate::checks::{self, Stop};
use crate::codec::Codec;
use crate::http::Refusal;
use crate::http::decoder::{Event, HttpRequest, RequestDecoder};
use crate::http::head::Method;
use crate::http::pipeline::{Pipeline, Sequence};
use crate::http::request_id::RequestId;
use crate::http::response::{self, ContentType, Manner, Status};
use crate::limits::RECEIVED_BYTES_MAX;

/// Bytes of bodies that are looked at, and of refusals that are written, before whoever asks for calls has a say again: requests that are
/// refused are no calls.
const EXAMINED_BYTES_MAX: usize = 1 << 20;

/// The state of one connection.
#[derive(Debug, Default)]
pub struct Connection {
    decoder: RequestDecoder,
    pipeline: Pipeline,
    /// Nothing more is read: the last request to be answered has been seen.
    is_closing: bool,
    /// Bytes of bodies, unpacked, that were looked at, and of refusals, since it was last asked.
    examined_bytes: usize,
}

/// A call for the engine.
#[derive(Debug)]
pub struct Call {
    /// To be handed back with the outcome.
    pub ticket: Ticket,
    /// Not validated yet.
    pub request: Request,
    /// Bytes of its body, as it is unpacked.
    pub body_bytes: usize,
}

/// A call's claim to its answer. Each is answered once, on its own connection.
#[derive(Debug)]
pub struct Ticket {
    sequence: Sequence,
    manner: Manner,
}

impl Ticket {
    /// The id that the answer will carry.
    pub fn request_id(&self) -> RequestId {
        self.manner.request_id
    }
}

impl Connection {
    /// A connection that has just been accepted.
    pub fn new() -> Connection {
        Connection::default()
    }

    /// Takes what the socket received. Bytes behind the connection's last request are dropped.
    pub fn receive(&mut self, bytes: &[u8]) {
        if !self.is_closing {
            self.decoder.receive(bytes);
        }
    }

    /// Whether more bytes are of use now. When not, the socket should be paused until answers have left.
    pub fn wants_bytes(&self) -> bool {
        !self.is_closing && (!self.pipeline.is_full() || self.decoder.received_bytes() < RECEIVED_BYTES_MAX)
    }

    /// Answers have to leave before a further request is taken in.
    pub fn is_full(&self) -> bool {
        self.pipeline.is_full()
    }

    /// Nothing of the next request has been received. Earlier ones may be under way.
    pub fn is_between_requests(&self) -> bool {
        self.decoder.is_idle()
    }

    /// The head of a request has been received, and its body is on the way.
    pub fn is_in_body(&self) -> bool {
        self.decoder.is_in_body()
    }

    /// Whether what has been received may have a whole call in it.
    pub fn may_have_call(&self) -> bool {
        self.decoder.may_be_whole()
    }

    /// Bytes received and not yet taken out as calls.
    pub fn received_bytes(&self) -> usize {
        self.decoder.received_bytes()
    }

    /// Bytes of answers that wait for earlier ones.
    pub fn held_answer_bytes(&self) -> usize {
        self.pipeline.held_bytes()
    }

    /// Bytes of bodies that were looked at since this was last asked, as they are unpacked, and of refusals: they tell the work.
    pub fn take_examined_bytes(&mut self) -> usize {
        mem::take(&mut self.examined_bytes)
    }

    /// The next call, if a whole one has been received. To be asked until there is none, after each
    /// [`Connection::receive`] and each [`Connection::answer`]: a full pipeline holds requests back. So does the work of
    /// refusing others: ask again where there is none while [`Connection::take_examined_bytes`] tells of some.
    ///
    /// What needs no engine (refusals, health checks, preflights) is answered on the way, into `out`.
    pub fn next_call(&mut self, codec: &mut Codec, out: &mut BytesMut) -> Option<Call> {
        let examined_bytes_max = self.examined_bytes + EXAMINED_BYTES_MAX;
        while !self.is_closing && !self.pipeline.is_full() && self.examined_bytes < examined_bytes_max {
            match self.decoder.next() {
                Ok(None) => return None,
                Ok(Some(Event::ContinueExpected)) => self.answer_at_once(out, response::CONTINUE),
                Ok(Some(Event::Request(request))) => {
                    if let Some(call) = self.take_request(&request, codec, out) {
                        return Some(call);
                    }
                }
                Err(refusal) => self.refuse(refusal, out),
            }
        }
        None
    }

    /// Writes the outcome of a call, and whatever was waiting for it, to `out`; or keeps it until earlier calls of the
    /// connection are answered. Returns the bytes of its body before it is packed, which tell the work.
    pub fn answer(
        &mut self,
        ticket: Ticket,
        outcome: Result<&Reply, &Error>,
        codec: &mut Codec,
        out: &mut BytesMut,
    ) -> usize {
        let mut body_bytes = 0;
        self.pipeline
            .answer(ticket.sequence, out, |out| body_bytes = codec.write_outcome(&ticket.manner, outcome, out));
        body_bytes
    }

    /// Every answer is written and there will be no further one: close, once `out` is sent.
    pub fn is_finished(&self) -> bool {
        self.is_closing && self.pipeline.is_empty()
    }

    /// No request is under way or half received: the connection may be closed without loss.
    pub fn is_idle(&self) -> bool {
        self.pipeline.is_empty() && self.decoder.is_idle()
    }

    fn take_request(&mut self, request: &HttpRequest, codec: &mut Codec, out: &mut BytesMut) -> Option<Call> {
        let manner = manner(request, codec);
        if !manner.keep_alive {
            self.close();
        }
        let mut body_bytes = 0;
        let examined = checks::examine(request, codec, &mut body_bytes);
        self.examined_bytes += body_bytes;
        let stop = match examined {
            Ok(mut call) => {
                if let Request::DescribeEndpoints(call) = &mut call {
                    call.host = host(request);
                }
                let ticket = Ticket { sequence: self.pipeline.enter(), manner };
                return Some(Call { ticket, request: call, body_bytes });
            }
            Err(stop) => stop,
        };
        if matches!(stop, Stop::TooLarge) {
            self.close();
        }
        let sequence = self.pipeline.enter();
        let mut answer_bytes = 0;
        self.pipeline.answer(sequence, out, |out| {
            let before = out.len();
            write_stop(stop, request, &manner, codec, out);
            answer_bytes = out.len() - before;
        });
        self.examined_bytes += answer_bytes;
        None
    }

    fn refuse(&mut self, refusal: Refusal, out: &mut BytesMut) {
        self.answer_at_once(out, response::refusal(refusal));
        self.close();
    }

    fn answer_at_once(&mut self, out: &mut BytesMut, answer: &[u8]) {
        let sequence = self.pipeline.enter();
        self.pipeline.answer(sequence, out, |out| out.extend_from_slice(answer));
    }

    fn close(&mut self) {
        self.is_closing = true;
        self.decoder = RequestDecoder::default();
    }
}

fn manner(request: &HttpRequest, codec: &mut Codec) -> Manner {
    let head = &request.head;
    Manner {
        request_id: codec.next_request_id(),
        // DynamoDB: observed: whoever does not name DynamoDB's own type is answered in the general one.
        content_type: checks::content_type(request).unwrap_or(ContentType::Json),
        is_http_1_1: head.is_http_1_1,
        keep_alive: head.keep_alive,
        accepts_gzip: head.accepts_gzip,
        is_cross_origin: !head.origin.is_empty(),
        omits_body: head.method == Method::Head,
    }
}

/// Where the client has reached the server, as it says.
fn host(request: &HttpRequest) -> Option<Text> {
    let host = std::str::from_utf8(request.value(request.head.host)).ok()?;
    (!host.is_empty()).then(|| host.into())
}

fn write_stop(stop: Stop, request: &HttpRequest, manner: &Manner, codec: &mut Codec, out: &mut BytesMut) {
    let plain = Manner { content_type: ContentType::Unnamed, ..*manner };
    match stop {
        Stop::Refused(error) => {
            codec.write_outcome(manner, Err(&error), out);
        }
        Stop::Preflight => {
            let head = &request.head;
            response::write_preflight(manner, request.value(head.cors_headers), request.value(head.cors_method), out);
        }
        // DynamoDB: observed: the blank at the end is part of it.
        Stop::Health => {
            let body = [b"healthy: dynamodb.", REGION.as_bytes(), b".amazonaws.com "];
            codec.write_plain(Status::Ok, &plain, &body, out);
        }
        Stop::NotFound => codec.write_plain(Status::NotFound, &plain, &[b"<UnknownOperationException/>\n"], out),
        Stop::TooLarge => out.extend_from_slice(response::refusal(Refusal::BodyTooLarge)),
    }
}
