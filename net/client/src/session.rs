//! One connection's state without its socket: requests in, bytes out; bytes in, answers out.
//!
//! Lives in the connection's task, from one successful handshake to the connection's end.
//! Deliberately not here: sockets and time (`connection`), routing (`route`).

use auth::Credentials;
use bytes::{Buf, BytesMut};
use tokio::sync::oneshot;
use wire::client::{self, Incoming};
use wire::limits::ACCESS_KEY_ID_BYTES_MAX;
use wire::{Challenge, EncodeError, Goodbye, GoodbyeReason, Hello, PartitionMap, Proof, RequestId, VERSION, Welcome};

use crate::error::{ConnectionError, Error};
use crate::options::ClientOptions;

/// What is asked of a server.
#[derive(Debug)]
pub(crate) enum Question {
    Operation(Box<model::operation::Request>),
    Partitions(model::Text),
}

/// What a server answers.
#[derive(Debug)]
pub(crate) enum Answered {
    Operation { reply: Box<model::operation::Reply>, is_forwarded: bool },
    Failure { error: model::Error, is_forwarded: bool },
    Partitions(Box<PartitionMap>),
}

/// A question on its way, with where its answer goes.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) question: Question,
    pub(crate) answer: oneshot::Sender<Result<Answered, Error>>,
}

#[derive(Debug)]
pub(crate) struct Session {
    decoder: client::Decoder,
    unsent: BytesMut,
    credentials: Option<Credentials>,
    /// By request id. Bounded by `in_flight_max`; a slot is used again once its answer has come.
    slots: Vec<Option<oneshot::Sender<Result<Answered, Error>>>>,
    free: Vec<usize>,
    in_flight_max: usize,
    frame_bytes_max: usize,
    /// A Ping on its way; it waits for its Pong as a request for its reply.
    is_pinged: bool,
}

/// Ids of requests start here: 0 belongs to the handshake.
const FIRST_REQUEST_ID: u64 = 1;

/// The id of Pings, past any slot's.
const PING_ID: RequestId = RequestId(u64::MAX);

impl Session {
    /// A session whose first bytes, preface and Hello, wait to be sent.
    pub(crate) fn new(options: &ClientOptions) -> Result<Session, EncodeError> {
        let mut unsent = BytesMut::new();
        let hello =
            Hello { version_min: VERSION, version_max: VERSION, features: 0, client_name: options.name.clone() };
        client::encode_hello(&hello, &mut unsent)?;
        Ok(Session {
            decoder: client::Decoder::new(),
            unsent,
            credentials: options.credentials.clone(),
            slots: Vec::new(),
            free: Vec::new(),
            in_flight_max: options.in_flight_max.max(1),
            frame_bytes_max: usize::MAX,
            is_pinged: false,
        })
    }

    /// Takes the server's limits over.
    pub(crate) fn open(&mut self, welcome: &Welcome) {
        self.in_flight_max = self.in_flight_max.min(welcome.in_flight_max as usize);
        self.frame_bytes_max = welcome.frame_bytes_max as usize;
    }

    /// How many requests more may go in flight.
    pub(crate) fn room_count(&self) -> usize {
        self.in_flight_max - self.in_flight_count()
    }

    /// Requests sent, or to be sent, whose answers have not come.
    pub(crate) fn in_flight_count(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether the server owes an answer of any kind.
    pub(crate) fn awaits_server(&self) -> bool {
        self.is_pinged || self.in_flight_count() > 0
    }

    /// Puts a request in flight; one that cannot be sent is answered at once.
    pub(crate) fn ask(&mut self, call: Call) {
        // The caller may have given up while the call was queued.
        if call.answer.is_closed() {
            return;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let request_id = RequestId(slot as u64 + FIRST_REQUEST_ID);
        let start = self.unsent.len();
        let encoded = match &call.question {
            Question::Operation(request) => client::encode_request(request_id, request, &mut self.unsent),
            Question::Partitions(table) => client::encode_describe_partitions(request_id, table, &mut self.unsent),
        };
        let frame_bytes = self.unsent.len() - start;
        let result = if frame_bytes > self.frame_bytes_max {
            self.unsent.truncate(start);
            Err(EncodeError::TooLarge { payload_bytes_max: self.frame_bytes_max })
        } else {
            encoded
        };
        match result {
            Ok(()) => self.slots[slot] = Some(call.answer),
            Err(error) => {
                self.free.push(slot);
                // A caller that has gone needs no answer.
                let _ = call.answer.send(Err(error.into()));
            }
        }
    }

    /// Asks whether the server is there, unless it has been asked already.
    pub(crate) fn ping(&mut self) {
        if !self.is_pinged {
            client::encode_ping(PING_ID, &mut self.unsent);
            self.is_pinged = true;
        }
    }

    /// Ends the connection in good order.
    pub(crate) fn say_goodbye(&mut self) {
        client::encode_goodbye(&Goodbye::new(GoodbyeReason::DONE, ""), &mut self.unsent);
    }

    pub(crate) fn unsent(&self) -> &[u8] {
        &self.unsent
    }

    pub(crate) fn sent(&mut self, count: usize) {
        self.unsent.advance(count);
    }

    pub(crate) fn received(&mut self, bytes: &[u8]) {
        self.decoder.feed(bytes);
    }

    /// The server's Welcome, once it is there. A server that asks who the client is gets its proof, which has to be sent before there is a Welcome.
    pub(crate) fn take_welcome(&mut self) -> Result<Option<Welcome>, ConnectionError> {
        match self.decoder.next_message()? {
            None => Ok(None),
            Some(Incoming::Challenge(challenge)) => match &self.credentials {
                Some(credentials) => answer_challenge(credentials, &challenge, &mut self.unsent).map(|()| None),
                None => {
                    self.say_goodbye();
                    Err(ConnectionError::CredentialsMissing)
                }
            },
            Some(Incoming::Welcome(welcome)) => Ok(Some(welcome)),
            Some(Incoming::Goodbye(goodbye)) => Err(ConnectionError::Goodbye(goodbye)),
            Some(_) => Err(ConnectionError::Protocol(wire::ProtocolError::NotStator)),
        }
    }

    /// Hands out all answers that are there.
    pub(crate) fn deliver(&mut self) -> Result<(), ConnectionError> {
        while let Some(message) = self.decoder.next_message()? {
            let (request_id, answered) = match message {
                Incoming::Reply { request_id, flags, result } => {
                    let is_forwarded = flags.is_forwarded();
                    let answered = match result {
                        Ok(reply) => Answered::Operation { reply: Box::new(reply), is_forwarded },
                        Err(error) => Answered::Failure { error, is_forwarded },
                    };
                    (request_id, answered)
                }
                Incoming::PartitionMap { request_id, map } => (request_id, Answered::Partitions(Box::new(map))),
                Incoming::Pong(PING_ID) if self.is_pinged => {
                    self.is_pinged = false;
                    continue;
                }
                Incoming::Goodbye(goodbye) => return Err(ConnectionError::Goodbye(goodbye)),
                Incoming::Challenge(_) | Incoming::Welcome(_) | Incoming::Pong(_) => {
                    return Err(ConnectionError::UnexpectedAnswer);
                }
            };
            self.settle(request_id, answered)?;
        }
        Ok(())
    }

    /// Tells all who wait that the connection is lost.
    pub(crate) fn fail(self, error: &ConnectionError) {
        for answer in self.slots.into_iter().flatten() {
            // A caller that has gone needs no answer.
            let _ = answer.send(Err(Error::Lost(error.clone())));
        }
    }

    fn settle(&mut self, request_id: RequestId, answered: Answered) -> Result<(), ConnectionError> {
        let slot = request_id.0.checked_sub(FIRST_REQUEST_ID).and_then(|slot| usize::try_from(slot).ok());
        let waiting = slot.and_then(|slot| Some((slot, self.slots.get_mut(slot)?.take()?)));
        let Some((slot, answer)) = waiting else {
            return Err(ConnectionError::UnexpectedAnswer);
        };
        self.free.push(slot);
        // A caller that has gone needs no answer.
        let _ = answer.send(Ok(answered));
        Ok(())
    }
}

/// Writes the proof that the client has these credentials.
pub(crate) fn answer_challenge(
    credentials: &Credentials,
    challenge: &Challenge,
    out: &mut BytesMut,
) -> Result<(), ConnectionError> {
    if credentials.access_key_id.len() > ACCESS_KEY_ID_BYTES_MAX {
        return Err(ConnectionError::CredentialsUnusable);
    }
    let proof = auth::prove(credentials, &challenge.nonce);
    let proof = Proof { access_key_id: credentials.access_key_id.clone(), proof };
    client::encode_proof(&proof, out).map_err(|_| ConnectionError::CredentialsUnusable)
}
