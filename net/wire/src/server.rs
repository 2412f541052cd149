//! The server's half: a connection's bytes become requests, answers become bytes.
//!
//! In the way of a request: `net/server` feeds what its socket received to the connection's `Decoder` and takes the
//! messages out; what the engine answers goes through the `encode_` functions into the connection's send buffer. A text or
//! an item of a request shares memory with the receive buffer: who keeps one for long copies it.
//!
//! Deliberately not here: time (idle, handshake) and counts of requests in flight, which the connection's owner holds.

use bytes::BytesMut;
use model::operation::{Reply, Request};
use model::{Error, Text};

use crate::error::{EncodeError, Malformation, ProtocolError};
use crate::frame::{Flags, Frame, FrameReader, Kind, RequestId};
use crate::handshake::{self, Challenge, Goodbye, Hello, Proof, Welcome};
use crate::limits::{HANDSHAKE_PAYLOAD_BYTES_MAX, PAYLOAD_BYTES_MAX};
use crate::operation;
use crate::partition_map::{self, PartitionMap};
use crate::payload::{Payload, Refusal};
use crate::writer::Writer;

/// What a client has sent.
#[derive(Debug)]
pub enum Incoming {
    /// The handshake, with a version in common. Answer with [`encode_challenge`] if the decoder asks for a proof, else with
    /// [`encode_welcome`]; or with [`encode_goodbye`], and close.
    Hello(Hello),
    /// The answer to a Challenge; whether it holds is still to be checked. Answer with [`encode_welcome`]; or with
    /// [`encode_goodbye`], close, and take no further message: what lies behind a proof that does not hold is a stranger's.
    Proof(Proof),
    /// Answer with [`encode_pong`].
    Ping(RequestId),
    /// A request for a table's partition map: answer with [`encode_partition_map`] or an error.
    DescribePartitions {
        /// Who asks.
        request_id: RequestId,
        /// The table, by name or ARN.
        table_name: Text,
    },
    /// An operation, not yet validated: answer with [`encode_reply`].
    Request {
        /// Who asks.
        request_id: RequestId,
        /// What is asked for.
        request: Request,
    },
    /// A frame that is sound and a request that cannot be read: answer with this error.
    Refused {
        /// Who asks.
        request_id: RequestId,
        /// The answer.
        error: Error,
    },
    /// The client closes: close too.
    Goodbye(Goodbye),
}

/// Decodes what one connection's client sends. Lives with the connection, on its core.
#[derive(Debug)]
pub struct Decoder {
    frames: FrameReader,
    asks_for_proof: bool,
    awaits: Awaits,
}

/// What a client may send next. Only ever goes down the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaits {
    Hello,
    Proof,
    Requests,
}

impl Decoder {
    /// A decoder at the start of a connection. With `asks_for_proof`, a Proof must follow the Hello.
    pub fn new(asks_for_proof: bool) -> Decoder {
        Decoder { frames: FrameReader::of_server(HANDSHAKE_PAYLOAD_BYTES_MAX), asks_for_proof, awaits: Awaits::Hello }
    }

    /// Takes received bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.frames.feed(bytes);
    }

    /// The next message, or `None` until more bytes are there.
    ///
    /// # Errors
    /// The client broke the protocol: send it `Goodbye::from(&error)` and close. Nothing more comes out.
    pub fn next_message(&mut self) -> Result<Option<Incoming>, ProtocolError> {
        let Some(frame) = self.frames.next_frame()? else {
            return Ok(None);
        };
        match self.decode(&frame) {
            Ok(message) => Ok(Some(message)),
            Err(Refusal::Request(error)) => Ok(Some(Incoming::Refused { request_id: frame.header.request_id, error })),
            Err(Refusal::Protocol(error)) => {
                self.frames.fail(error.clone());
                Err(error)
            }
        }
    }

    /// Whether what has been received may have a whole message in it.
    pub fn may_have_message(&self) -> bool {
        self.frames.has_next()
    }

    /// Bytes received and not yet returned as messages.
    pub fn buffered_bytes(&self) -> usize {
        self.frames.buffered_bytes()
    }

    /// Bytes of memory that the receive buffer holds.
    pub fn held_bytes(&self) -> usize {
        self.frames.held_bytes()
    }

    /// Whether the client's part of the handshake is done: requests may come.
    pub fn is_open(&self) -> bool {
        self.awaits == Awaits::Requests
    }

    fn decode(&mut self, frame: &Frame) -> Result<Incoming, Refusal> {
        let kind = frame.header.kind;
        let request_id = frame.header.request_id;
        let payload = Payload::new(frame);
        if !self.is_open() {
            return Ok(self.decode_handshake(kind, payload)?);
        }
        if frame.header.flags != Flags::NONE {
            return Err(Refusal::Request(Error::serialization("The request has flags that the server does not know")));
        }
        match kind {
            Kind::PING if frame.payload.is_empty() => Ok(Incoming::Ping(request_id)),
            Kind::PING => Err(ProtocolError::malformed(kind, Malformation::NotEmpty).into()),
            Kind::GOODBYE => Ok(Incoming::Goodbye(handshake::decode_goodbye(payload)?)),
            Kind::DESCRIBE_PARTITIONS => {
                let table_name = partition_map::decode_describe(payload)?;
                Ok(Incoming::DescribePartitions { request_id, table_name })
            }
            Kind::HELLO
            | Kind::PROOF
            | Kind::WELCOME
            | Kind::CHALLENGE
            | Kind::PONG
            | Kind::PARTITION_MAP
            | Kind::ERROR => Err(ProtocolError::Unexpected { kind }.into()),
            _ => {
                let request = operation::decode_request(kind, payload)?;
                Ok(Incoming::Request { request_id, request })
            }
        }
    }

    fn decode_handshake(&mut self, kind: Kind, payload: Payload<'_>) -> Result<Incoming, ProtocolError> {
        match (self.awaits, kind) {
            (Awaits::Hello, Kind::HELLO) => {
                let hello = handshake::decode_hello(payload)?;
                if self.asks_for_proof {
                    self.awaits = Awaits::Proof;
                } else {
                    self.open();
                }
                Ok(Incoming::Hello(hello))
            }
            (Awaits::Proof, Kind::PROOF) => {
                let proof = handshake::decode_proof(payload)?;
                self.open();
                Ok(Incoming::Proof(proof))
            }
            (Awaits::Proof, Kind::GOODBYE) => Ok(Incoming::Goodbye(handshake::decode_goodbye(payload)?)),
            _ => Err(ProtocolError::Unexpected { kind }),
        }
    }

    fn open(&mut self) {
        self.awaits = Awaits::Requests;
        self.frames.set_payload_bytes_max(PAYLOAD_BYTES_MAX);
    }
}

/// A decoder that asks for no proof.
impl Default for Decoder {
    fn default() -> Decoder {
        Decoder::new(false)
    }
}

/// Appends a Challenge to `out`.
pub fn encode_challenge(challenge: &Challenge, out: &mut BytesMut) {
    handshake::encode_challenge(challenge, out);
}

/// Appends a Welcome to `out`.
///
/// # Errors
/// The server's name and endpoints fit in no frame.
pub fn encode_welcome(welcome: &Welcome, out: &mut BytesMut) -> Result<(), EncodeError> {
    handshake::encode_welcome(welcome, out)
}

/// Appends a Goodbye to `out`: the last frame of the connection.
pub fn encode_goodbye(goodbye: &Goodbye, out: &mut BytesMut) {
    handshake::encode_goodbye(goodbye, out);
}

/// Appends the answer to a Ping to `out`.
pub fn encode_pong(request_id: RequestId, out: &mut BytesMut) {
    Writer::new(Kind::PONG, Flags::NONE, request_id, out).finish().expect("no payload is never too large");
}

/// Appends a partition map to `out`.
///
/// # Errors
/// The map fits in no frame.
pub fn encode_partition_map(request_id: RequestId, map: &PartitionMap, out: &mut BytesMut) -> Result<(), EncodeError> {
    partition_map::encode_map(request_id, map, out)
}

/// Appends the answer to an operation to `out`. One that fits in no frame becomes an InternalServerError.
pub fn encode_reply(request_id: RequestId, result: Result<&Reply, &Error>, flags: Flags, out: &mut BytesMut) {
    let reply = match result {
        Ok(reply) => reply,
        Err(error) => return encode_error(request_id, error, flags, out),
    };
    let mut writer = Writer::new(operation::kind_of_reply(reply), flags, request_id, out);
    let encoded = match operation::encode_reply(reply, &mut writer) {
        Ok(()) => writer.finish(),
        Err(error) => {
            writer.cancel();
            Err(error)
        }
    };
    if let Err(error) = encoded {
        let error = Error::internal(format!("The reply cannot be sent: {error}"));
        encode_error(request_id, &error, flags, out);
    }
}

fn encode_error(request_id: RequestId, error: &Error, flags: Flags, out: &mut BytesMut) {
    let mut writer = Writer::new(Kind::ERROR, flags, request_id, out);
    operation::encode_failure(error, &mut writer);
    if writer.finish().is_err() {
        // What it tells besides does not fit: the error itself has to come through.
        let bare = Error::new(error.kind, error.message.clone());
        let mut writer = Writer::new(Kind::ERROR, flags, request_id, out);
        operation::encode_failure(&bare, &mut writer);
        writer.finish().expect("an error's message is cut to fit");
    }
}
