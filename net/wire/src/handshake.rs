//! The messages that open and close a connection: Hello, Challenge, Proof, Welcome, Goodbye.
//!
//! Deliberately not here: when each may come (`server`, `client`), how a proof is made and checked (who holds the secrets),
//! and closing itself (whoever owns the socket).

use std::borrow::Cow;

use bytes::BytesMut;

use crate::error::{EncodeError, ProtocolError};
use crate::frame::{Flags, Kind, PREFACE, RequestId};
use crate::generated as fbs;
use crate::limits::{
    ACCESS_KEY_ID_BYTES_MAX, CORES_COUNT_MAX, FRAME_BYTES_MAX, GOODBYE_MESSAGE_BYTES_MAX, HEADER_BYTES,
};
use crate::payload::Payload;
use crate::writer::{LONG, REFERENCE, SHORT, Shape, WORD, Writer};

/// The version of the protocol that PROTOCOL.md describes, and the only one spoken here.
pub const VERSION: u16 = 1;

/// A client's first frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The lowest version that the client speaks.
    pub version_min: u16,
    /// The highest.
    pub version_max: u16,
    /// Feature bits that the client would like; none are defined in version 1.
    pub features: u64,
    /// What the client calls itself, for the server's log.
    pub client_name: String,
}

/// The answer to a Hello of a server that has access keys: the client is to prove that it knows one's secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Random, and used for one connection.
    pub nonce: [u8; 32],
}

/// The client's answer to a Challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The access key whose secret the client knows; at most [`ACCESS_KEY_ID_BYTES_MAX`].
    pub access_key_id: String,
    /// Made of the secret, the nonce and the id, as PROTOCOL.md tells. Who checks it compares in constant time.
    pub proof: [u8; 32],
}

/// The server's answer to a Hello, or to a Proof that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The version chosen.
    pub version: u16,
    /// The core that this connection belongs to.
    pub core: u16,
    /// Feature bits granted.
    pub features: u64,
    /// Bytes of the greatest frame the server takes, header included.
    pub frame_bytes_max: u32,
    /// Requests in flight on one connection, past which the server stops reading.
    pub in_flight_max: u32,
    /// Milliseconds of silence after which the connection may be closed; 0 is never.
    pub idle_ms_max: u32,
    /// What the server calls itself.
    pub server_name: String,
    /// Every core of the node, each once.
    pub cores: Vec<CoreEndpoint>,
}

/// Where a core listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreEndpoint {
    /// The core.
    pub core: u16,
    /// Its port.
    pub port: u16,
    /// Its host; empty means the host that the client has connected to.
    pub address: String,
}

/// The sender's last frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goodbye {
    /// Why the sender closes.
    pub reason: GoodbyeReason,
    /// The lowest version that the sender speaks.
    pub version_min: u16,
    /// The highest.
    pub version_max: u16,
    /// For people; cut to [`GOODBYE_MESSAGE_BYTES_MAX`].
    pub message: Cow<'static, str>,
}

/// Why a connection is closed. Reasons of later versions are legal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoodbyeReason(pub u16);

#[allow(missing_docs)] // Told in PROTOCOL.md, section 7.
impl GoodbyeReason {
    pub const NOT_STATOR: GoodbyeReason = GoodbyeReason(1);
    pub const UNSUPPORTED_VERSION: GoodbyeReason = GoodbyeReason(2);
    pub const FRAME_TOO_LARGE: GoodbyeReason = GoodbyeReason(3);
    pub const MALFORMED: GoodbyeReason = GoodbyeReason(4);
    pub const UNEXPECTED_FRAME: GoodbyeReason = GoodbyeReason(5);
    pub const IDLE: GoodbyeReason = GoodbyeReason(6);
    pub const TOO_MANY_CONNECTIONS: GoodbyeReason = GoodbyeReason(7);
    pub const SHUTTING_DOWN: GoodbyeReason = GoodbyeReason(8);
    pub const DONE: GoodbyeReason = GoodbyeReason(9);
    pub const NOT_AUTHENTICATED: GoodbyeReason = GoodbyeReason(10);
}

impl Goodbye {
    /// A Goodbye of this version.
    pub fn new(reason: GoodbyeReason, message: impl Into<Cow<'static, str>>) -> Goodbye {
        Goodbye { reason, version_min: VERSION, version_max: VERSION, message: message.into() }
    }
}

/// What to tell a peer that broke the protocol.
impl From<&ProtocolError> for Goodbye {
    fn from(error: &ProtocolError) -> Goodbye {
        let reason = match error {
            ProtocolError::NotStator => GoodbyeReason::NOT_STATOR,
            ProtocolError::UnsupportedVersion { .. } => GoodbyeReason::UNSUPPORTED_VERSION,
            ProtocolError::FrameTooLarge { .. } => GoodbyeReason::FRAME_TOO_LARGE,
            ProtocolError::Malformed { .. } => GoodbyeReason::MALFORMED,
            ProtocolError::Unexpected { .. } => GoodbyeReason::UNEXPECTED_FRAME,
        };
        Goodbye::new(reason, error.to_string())
    }
}

/// Writes the preface and a Hello.
pub(crate) fn encode_hello(hello: &Hello, out: &mut BytesMut) -> Result<(), EncodeError> {
    static SHAPE: Shape<4> = Shape::new([SHORT, SHORT, LONG, REFERENCE]);
    out.extend_from_slice(&PREFACE);
    let mut writer = Writer::new(Kind::HELLO, Flags::NONE, RequestId(0), out);
    let table = writer.root(&SHAPE);
    writer.short(table, fbs::Hello::VT_VERSION_MIN, hello.version_min);
    writer.short(table, fbs::Hello::VT_VERSION_MAX, hello.version_max);
    writer.long(table, fbs::Hello::VT_FEATURES, hello.features);
    writer.text(table, fbs::Hello::VT_CLIENT_NAME, &hello.client_name);
    writer.finish()
}

/// Reads a Hello and finds the version to speak. Unknown fields are fine: it comes before versions are known.
pub(crate) fn decode_hello(payload: Payload<'_>) -> Result<Hello, ProtocolError> {
    let hello = payload.root::<fbs::Hello<'_>>()?;
    let (version_min, version_max) = (hello.version_min(), hello.version_max());
    if version_min > VERSION || version_max < VERSION {
        return Err(ProtocolError::UnsupportedVersion { version_min, version_max });
    }
    Ok(Hello {
        version_min,
        version_max,
        features: hello.features(),
        client_name: hello.client_name().unwrap_or_default().to_owned(),
    })
}

/// Writes a Challenge; it always fits.
pub(crate) fn encode_challenge(challenge: &Challenge, out: &mut BytesMut) {
    static SHAPE: Shape<1> = Shape::new([REFERENCE]);
    let mut writer = Writer::new(Kind::CHALLENGE, Flags::NONE, RequestId(0), out);
    let table = writer.root(&SHAPE);
    writer.bytes(table, fbs::Challenge::VT_NONCE, &challenge.nonce);
    writer.finish().expect("a Challenge is short");
}

/// Reads a Challenge. Unknown fields are fine: it comes before the version is told.
pub(crate) fn decode_challenge(payload: Payload<'_>) -> Result<Challenge, ProtocolError> {
    let challenge = payload.root::<fbs::Challenge<'_>>()?;
    let nonce = challenge.nonce().ok_or_else(|| payload.missing("nonce"))?;
    Ok(Challenge { nonce: nonce.bytes().try_into().map_err(|_| payload.wrong("nonce"))? })
}

/// Writes a Proof.
pub(crate) fn encode_proof(proof: &Proof, out: &mut BytesMut) -> Result<(), EncodeError> {
    static SHAPE: Shape<2> = Shape::new([REFERENCE, REFERENCE]);
    let mut writer = Writer::new(Kind::PROOF, Flags::NONE, RequestId(0), out);
    let table = writer.root(&SHAPE);
    writer.text(table, fbs::Proof::VT_ACCESS_KEY_ID, &proof.access_key_id);
    writer.bytes(table, fbs::Proof::VT_PROOF, &proof.proof);
    writer.finish()
}

/// Reads a Proof. Unknown fields are fine: it comes before the version is told.
pub(crate) fn decode_proof(payload: Payload<'_>) -> Result<Proof, ProtocolError> {
    let proof = payload.root::<fbs::Proof<'_>>()?;
    let access_key_id = proof.access_key_id().ok_or_else(|| payload.missing("access_key_id"))?;
    if access_key_id.len() > ACCESS_KEY_ID_BYTES_MAX {
        return Err(payload.wrong("access_key_id"));
    }
    let bytes = proof.proof().ok_or_else(|| payload.missing("proof"))?;
    Ok(Proof {
        access_key_id: access_key_id.to_owned(),
        proof: bytes.bytes().try_into().map_err(|_| payload.wrong("proof"))?,
    })
}

/// Writes a Welcome.
pub(crate) fn encode_welcome(welcome: &Welcome, out: &mut BytesMut) -> Result<(), EncodeError> {
    static SHAPE: Shape<8> = Shape::new([SHORT, SHORT, LONG, WORD, WORD, WORD, REFERENCE, REFERENCE]);
    static CORE_SHAPE: Shape<3> = Shape::new([SHORT, SHORT, REFERENCE]);
    let mut writer = Writer::new(Kind::WELCOME, Flags::NONE, RequestId(0), out);
    let table = writer.root(&SHAPE);
    writer.short(table, fbs::Welcome::VT_VERSION, welcome.version);
    writer.short(table, fbs::Welcome::VT_CORE, welcome.core);
    writer.long(table, fbs::Welcome::VT_FEATURES, welcome.features);
    writer.word(table, fbs::Welcome::VT_FRAME_BYTES_MAX, welcome.frame_bytes_max);
    writer.word(table, fbs::Welcome::VT_IN_FLIGHT_MAX, welcome.in_flight_max);
    writer.word(table, fbs::Welcome::VT_IDLE_MS_MAX, welcome.idle_ms_max);
    writer.text(table, fbs::Welcome::VT_SERVER_NAME, &welcome.server_name);
    let cores = writer.vector(table, fbs::Welcome::VT_CORES, welcome.cores.len());
    for (index, core) in welcome.cores.iter().enumerate() {
        let element = writer.element(cores, index, &CORE_SHAPE);
        writer.short(element, fbs::CoreEndpoint::VT_CORE, core.core);
        writer.short(element, fbs::CoreEndpoint::VT_PORT, core.port);
        writer.text(element, fbs::CoreEndpoint::VT_ADDRESS, &core.address);
    }
    writer.finish()
}

pub(crate) fn decode_welcome(payload: Payload<'_>) -> Result<Welcome, ProtocolError> {
    let welcome = payload.root::<fbs::Welcome<'_>>()?;
    let version = welcome.version();
    if version != VERSION {
        return Err(ProtocolError::UnsupportedVersion { version_min: version, version_max: version });
    }
    let cores = welcome.cores().ok_or_else(|| payload.missing("cores"))?;
    if cores.is_empty() || cores.len() > CORES_COUNT_MAX {
        return Err(payload.wrong("cores"));
    }
    let frame_bytes_max = welcome.frame_bytes_max();
    if !(HEADER_BYTES..=FRAME_BYTES_MAX).contains(&(frame_bytes_max as usize)) {
        return Err(payload.wrong("frame_bytes_max"));
    }
    if welcome.in_flight_max() == 0 {
        return Err(payload.wrong("in_flight_max"));
    }
    let endpoint = |core: fbs::CoreEndpoint<'_>| CoreEndpoint {
        core: core.core(),
        port: core.port(),
        address: core.address().unwrap_or_default().to_owned(),
    };
    Ok(Welcome {
        version,
        core: welcome.core(),
        features: welcome.features(),
        frame_bytes_max,
        in_flight_max: welcome.in_flight_max(),
        idle_ms_max: welcome.idle_ms_max(),
        server_name: welcome.server_name().unwrap_or_default().to_owned(),
        cores: cores.iter().map(endpoint).collect(),
    })
}

/// Writes a Goodbye; it always fits.
pub(crate) fn encode_goodbye(goodbye: &Goodbye, out: &mut BytesMut) {
    static SHAPE: Shape<4> = Shape::new([SHORT, SHORT, SHORT, REFERENCE]);
    let mut writer = Writer::new(Kind::GOODBYE, Flags::NONE, RequestId(0), out);
    let table = writer.root(&SHAPE);
    writer.short(table, fbs::Goodbye::VT_REASON, goodbye.reason.0);
    writer.short(table, fbs::Goodbye::VT_VERSION_MIN, goodbye.version_min);
    writer.short(table, fbs::Goodbye::VT_VERSION_MAX, goodbye.version_max);
    let end = goodbye.message.floor_char_boundary(GOODBYE_MESSAGE_BYTES_MAX);
    writer.text(table, fbs::Goodbye::VT_MESSAGE, &goodbye.message[..end]);
    writer.finish().expect("a Goodbye is short");
}

pub(crate) fn decode_goodbye(payload: Payload<'_>) -> Result<Goodbye, ProtocolError> {
    let goodbye = payload.root::<fbs::Goodbye<'_>>()?;
    Ok(Goodbye {
        reason: GoodbyeReason(goodbye.reason()),
        version_min: goodbye.version_min(),
        version_max: goodbye.version_max(),
        message: Cow::Owned(goodbye.message().unwrap_or_default().to_owned()),
    })
}
