//! What can be wrong with a peer's bytes, and with a message of our own that cannot be sent. Faults of one request are
//! `model::Error` and not here.

use std::fmt;

use crate::frame::Kind;

/// The peer broke the protocol: tell it with a Goodbye, then close. Cheap to clone; carries facts, not prose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// The stream does not start with the preface.
    NotStator,
    /// No version of the protocol is spoken by both; the peer's range.
    UnsupportedVersion {
        /// The peer's lowest.
        version_min: u16,
        /// The peer's highest.
        version_max: u16,
    },
    /// A header announces more than the limit.
    FrameTooLarge {
        /// Bytes announced.
        payload_bytes: usize,
        /// Bytes allowed.
        payload_bytes_max: usize,
    },
    /// A frame or its payload is not what its kind asks for.
    Malformed {
        /// The frame's kind.
        kind: Kind,
        /// What is wrong with it.
        malformation: Malformation,
    },
    /// A known kind at a wrong moment or from the wrong side.
    Unexpected {
        /// The frame's kind.
        kind: Kind,
    },
}

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformation {
    /// The payload's length is not a multiple of eight.
    Unaligned,
    /// A payload where there must be none.
    NotEmpty,
    /// The payload is no FlatBuffer of its kind's table, or too costly a one.
    NotFlatBuffer,
    /// A field that must be there is not.
    Missing(&'static str),
    /// A field's value makes no sense.
    Wrong(&'static str),
}

impl ProtocolError {
    pub(crate) fn malformed(kind: Kind, malformation: Malformation) -> ProtocolError {
        ProtocolError::Malformed { kind, malformation }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProtocolError::NotStator => write!(formatter, "not Stator's binary protocol"),
            ProtocolError::UnsupportedVersion { version_min, version_max } => {
                write!(formatter, "no common protocol version: the peer speaks {version_min} to {version_max}")
            }
            ProtocolError::FrameTooLarge { payload_bytes, payload_bytes_max } => {
                write!(formatter, "a payload of {payload_bytes} bytes where at most {payload_bytes_max} are allowed")
            }
            ProtocolError::Malformed { kind, malformation } => {
                write!(formatter, "malformed frame of kind {:#06x}: ", kind.0)?;
                malformation.fmt(formatter)
            }
            ProtocolError::Unexpected { kind } => {
                write!(formatter, "unexpected frame of kind {:#06x}", kind.0)
            }
        }
    }
}

impl fmt::Display for Malformation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformation::Unaligned => write!(formatter, "its length is not a multiple of 8"),
            Malformation::NotEmpty => write!(formatter, "a payload where none is allowed"),
            Malformation::NotFlatBuffer => {
                write!(formatter, "the payload is no FlatBuffer of its table")
            }
            Malformation::Missing(field) => write!(formatter, "`{field}` is missing"),
            Malformation::Wrong(field) => write!(formatter, "`{field}` makes no sense"),
        }
    }
}

impl std::error::Error for ProtocolError {}

/// A message cannot be put on the wire; nothing was written.
#[derive(Clone, Debug, PartialEq)]
pub enum EncodeError {
    /// The request names a parameter that the protocol does not carry.
    NotCarried(&'static str),
    /// An item or key of the request is invalid; DynamoDB's own error for it.
    Invalid(model::Error),
    /// The message is greater than a frame may be.
    TooLarge {
        /// Bytes that a payload may have.
        payload_bytes_max: usize,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EncodeError::NotCarried(name) => {
                write!(formatter, "the parameter {name} is not in the protocol")
            }
            EncodeError::Invalid(error) => write!(formatter, "{}", error.message),
            EncodeError::TooLarge { payload_bytes_max } => {
                write!(formatter, "a message of more than {payload_bytes_max} bytes fits in no frame")
            }
        }
    }
}

impl std::error::Error for EncodeError {}
