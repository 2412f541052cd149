//! The client's half: requests become bytes, a connection's bytes become answers.
//!
//! Used by `net/client`, and by load generators that own their sockets. [`Decoder`] gives whole messages; who wants no
//! allocation at all cuts frames itself with [`Answer::split`] and reads the item where it lies.
//!
//! Deliberately not here: sockets, which request an id belongs to, what to do about a stale map (`net/client`).

use bytes::{Bytes, BytesMut};
use model::Error;
use model::operation::{Reply, Request};

use crate::error::{EncodeError, Malformation, ProtocolError};
use crate::frame::{Flags, Frame, FrameReader, Header, Kind, RequestId};
use crate::generated as fbs;
use crate::handshake::{self, Challenge, Goodbye, Hello, Proof, Welcome};
use crate::limits::{HEADER_BYTES, PAYLOAD_BYTES_MAX};
use crate::operation::{self, get_item, put_item};
use crate::partition_map::{self, PartitionMap};
use crate::payload::{Payload, verified_root};
use crate::reader::{Broken, TableReader};
use crate::writer::Writer;

/// What a server has sent.
#[derive(Debug)]
pub enum Incoming {
    /// The server asks who the client is. Answer with [`encode_proof`]; without credentials with [`encode_goodbye`], and close.
    Challenge(Challenge),
    /// The handshake is done.
    Welcome(Welcome),
    /// The answer to a ping.
    Pong(RequestId),
    /// The answer to [`encode_describe_partitions`], when it succeeds.
    PartitionMap {
        /// The request it answers.
        request_id: RequestId,
        /// The map.
        map: PartitionMap,
    },
    /// The answer to an operation, or a failure of any request.
    Reply {
        /// The request it answers.
        request_id: RequestId,
        /// Whether it took a detour.
        flags: Flags,
        /// The answer.
        result: Result<Reply, Error>,
    },
    /// The server closes.
    Goodbye(Goodbye),
}

/// Decodes what one connection's server sends.
#[derive(Debug)]
pub struct Decoder {
    frames: FrameReader,
    stage: Stage,
}

/// How far the handshake has come. Only ever goes down the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing is read.
    Start,
    /// A Challenge is read.
    Challenged,
    /// A Welcome is read.
    Open,
}

impl Decoder {
    /// A decoder at the start of a connection.
    pub fn new() -> Decoder {
        Decoder { frames: FrameReader::of_client(PAYLOAD_BYTES_MAX), stage: Stage::Start }
    }

    /// Takes received bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.frames.feed(bytes);
    }

    /// The next message, or `None` until more bytes are there.
    ///
    /// # Errors
    /// The server broke the protocol, or is something else altogether: close.
    pub fn next_message(&mut self) -> Result<Option<Incoming>, ProtocolError> {
        let result = match self.frames.next_frame() {
            Ok(None) => return Ok(None),
            Ok(Some(frame)) => self.decode(&frame),
            Err(error) => Err(error),
        };
        // What cannot be read at all as the first frame comes from some other server.
        let result = match result {
            Err(ProtocolError::UnsupportedVersion { .. }) => result,
            Err(_) if self.stage == Stage::Start => Err(ProtocolError::NotStator),
            result => result,
        };
        if let Err(error) = &result {
            self.frames.fail(error.clone());
        }
        result.map(Some)
    }

    fn decode(&mut self, frame: &Frame) -> Result<Incoming, ProtocolError> {
        let kind = frame.header.kind;
        let is_in_turn = match kind {
            Kind::GOODBYE => true,
            Kind::CHALLENGE => self.stage == Stage::Start,
            Kind::WELCOME => self.stage != Stage::Open,
            _ => self.stage == Stage::Open,
        };
        if !is_in_turn {
            return Err(ProtocolError::Unexpected { kind });
        }
        let message = decode_frame(frame)?;
        self.stage = if kind == Kind::CHALLENGE { Stage::Challenged } else { Stage::Open };
        Ok(message)
    }
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder::new()
    }
}

fn decode_frame(frame: &Frame) -> Result<Incoming, ProtocolError> {
    let Header { kind, flags, request_id, .. } = frame.header;
    let payload = Payload::new(frame);
    match kind {
        Kind::GOODBYE => Ok(Incoming::Goodbye(handshake::decode_goodbye(payload)?)),
        Kind::CHALLENGE => Ok(Incoming::Challenge(handshake::decode_challenge(payload)?)),
        Kind::WELCOME => Ok(Incoming::Welcome(handshake::decode_welcome(payload)?)),
        Kind::PONG if frame.payload.is_empty() => Ok(Incoming::Pong(request_id)),
        Kind::PONG => Err(ProtocolError::malformed(kind, Malformation::NotEmpty)),
        Kind::PARTITION_MAP => Ok(Incoming::PartitionMap { request_id, map: partition_map::decode_map(payload)? }),
        Kind::ERROR => {
            let error = operation::decode_failure(payload)?;
            Ok(Incoming::Reply { request_id, flags, result: Err(error) })
        }
        _ => match operation::decode_reply(kind, payload)? {
            Some(reply) => Ok(Incoming::Reply { request_id, flags, result: Ok(reply) }),
            None => Err(ProtocolError::Unexpected { kind }),
        },
    }
}

/// One answer, read where it lies in the caller's receive buffer.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Kind, flags, request id.
    pub header: Header,
    payload: &'a [u8],
}

impl<'a> Answer<'a> {
    /// Splits the first whole frame off `received`: the answer and the bytes it takes up; `None` while it is not whole.
    ///
    /// # Errors
    /// The header breaks the protocol: close.
    pub fn split(received: &'a [u8]) -> Result<Option<(Answer<'a>, usize)>, ProtocolError> {
        let Some(header) = Header::parse(received, PAYLOAD_BYTES_MAX)? else {
            return Ok(None);
        };
        let end = HEADER_BYTES + header.payload_bytes;
        Ok(received.get(HEADER_BYTES..end).map(|payload| (Answer { header, payload }, end)))
    }

    /// The answer as a message of its own; copies the payload.
    ///
    /// # Errors
    /// The answer is not sound.
    pub fn decode(&self) -> Result<Incoming, ProtocolError> {
        decode_frame(&Frame { header: self.header, payload: Bytes::copy_from_slice(self.payload) })
    }

    /// Whether the request failed.
    pub fn is_error(&self) -> bool {
        self.header.kind == Kind::ERROR
    }

    /// The encoded item of a reply to GetItem; `None` when there is no such item. Not verified: `ItemRef` readers that
    /// do not trust the server verify it first.
    ///
    /// # Errors
    /// The answer is no sound reply to GetItem.
    pub fn item(&self) -> Result<Option<&'a [u8]>, ProtocolError> {
        let kind = self.header.kind;
        if kind != Kind::GET_ITEM.reply() {
            return Err(ProtocolError::Unexpected { kind });
        }
        let reply = TableReader::root(self.payload).and_then(|reply| reply.bytes(fbs::GetItemReply::VT_ITEM));
        reply.map_err(|Broken| ProtocolError::malformed(kind, Malformation::NotFlatBuffer))
    }

    /// The code (PROTOCOL.md, section 4) and message of an error.
    ///
    /// # Errors
    /// The answer is no sound error.
    pub fn error(&self) -> Result<(u16, &'a str), ProtocolError> {
        let kind = self.header.kind;
        if kind != Kind::ERROR {
            return Err(ProtocolError::Unexpected { kind });
        }
        let error = verified_root::<fbs::Error<'_>>(kind, self.payload)?;
        Ok((error.kind(), error.message().unwrap_or_default()))
    }
}

/// Appends the preface and a Hello to `out`: a connection's first bytes.
///
/// # Errors
/// The client's name fits in no frame.
pub fn encode_hello(hello: &Hello, out: &mut BytesMut) -> Result<(), EncodeError> {
    handshake::encode_hello(hello, out)
}

/// Appends a Proof to `out`: the answer to a Challenge. A server refuses an access key id of more than
/// [`ACCESS_KEY_ID_BYTES_MAX`](crate::limits::ACCESS_KEY_ID_BYTES_MAX).
///
/// # Errors
/// The access key id fits in no frame.
pub fn encode_proof(proof: &Proof, out: &mut BytesMut) -> Result<(), EncodeError> {
    handshake::encode_proof(proof, out)
}

/// Appends a Goodbye to `out`: the last frame of the connection.
pub fn encode_goodbye(goodbye: &Goodbye, out: &mut BytesMut) {
    handshake::encode_goodbye(goodbye, out);
}

/// Appends a Ping to `out`.
pub fn encode_ping(request_id: RequestId, out: &mut BytesMut) {
    Writer::new(Kind::PING, Flags::NONE, request_id, out).finish().expect("no payload is never too large");
}

/// Appends a request for a table's partition map to `out`.
///
/// # Errors
/// The name fits in no frame.
pub fn encode_describe_partitions(
    request_id: RequestId,
    table_name: &str,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    partition_map::encode_describe(request_id, table_name, out)
}

/// Appends an operation to `out`. On an error nothing is appended.
///
/// # Errors
/// The request has something that the protocol does not carry, an invalid item, or is too large.
pub fn encode_request(request_id: RequestId, request: &Request, out: &mut BytesMut) -> Result<(), EncodeError> {
    let mut writer = Writer::new(operation::kind_of_request(request), Flags::NONE, request_id, out);
    match operation::encode_request(request, &mut writer) {
        Ok(()) => writer.finish(),
        Err(error) => {
            writer.cancel();
            Err(error)
        }
    }
}

/// Appends a plain GetItem to `out`: a table's name and an encoded key. No allocation but the buffer's growth.
///
/// # Errors
/// It fits in no frame.
pub fn encode_get_item(
    request_id: RequestId,
    table_name: &str,
    key: &[u8],
    consistent_read: bool,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let mut writer = Writer::new(Kind::GET_ITEM, Flags::NONE, request_id, out);
    get_item::encode_plain(table_name, key, consistent_read, &mut writer);
    writer.finish()
}

/// Appends a plain PutItem to `out`: a table's name and an encoded item. No allocation but the buffer's growth.
///
/// # Errors
/// It fits in no frame.
pub fn encode_put_item(
    request_id: RequestId,
    table_name: &str,
    item: &[u8],
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let mut writer = Writer::new(Kind::PUT_ITEM, Flags::NONE, request_id, out);
    put_item::encode_plain(table_name, item, &mut writer);
    writer.finish()
}
