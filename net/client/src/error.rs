//! What can go wrong with a request, sorted by what the caller can do about it.

use std::fmt;
use std::io;
use std::sync::Arc;

use wire::{EncodeError, Goodbye, ProtocolError};

/// Why a request has no reply.
#[derive(Clone, Debug)]
pub enum Error {
    /// DynamoDB's own answer is an error.
    Service(model::Error),
    /// No connection could be made; the request was not sent.
    NotConnected(ConnectionError),
    /// The connection was lost after the request had been sent: whether it was carried out is unknown.
    Lost(ConnectionError),
    /// No answer in time: whether the request was carried out is unknown.
    TimedOut,
    /// The request cannot be put on the wire; it was not sent.
    Encode(EncodeError),
    /// The reply is of another operation than the request: the server is at fault.
    WrongReply,
}

/// What befell a connection.
#[derive(Clone, Debug)]
pub enum ConnectionError {
    /// The socket failed.
    Io(Arc<io::Error>),
    /// The handshake took too long.
    TimedOut,
    /// The server was silent for too long with requests in flight.
    Silent,
    /// The server asks who the client is, and the client has no credentials.
    CredentialsMissing,
    /// The client's access key id is longer than any.
    CredentialsUnusable,
    /// What came is no sound Stator stream.
    Protocol(ProtocolError),
    /// The server answered what was not asked.
    UnexpectedAnswer,
    /// The server said goodbye.
    Goodbye(Goodbye),
    /// The server closed without a word.
    Closed,
    /// The client was dropped.
    Stopped,
}

impl From<EncodeError> for Error {
    fn from(error: EncodeError) -> Error {
        match error {
            // As the server would answer it.
            EncodeError::Invalid(error) => Error::Service(error),
            error => Error::Encode(error),
        }
    }
}

impl From<model::Error> for Error {
    fn from(error: model::Error) -> Error {
        Error::Service(error)
    }
}

impl From<io::Error> for ConnectionError {
    fn from(error: io::Error) -> ConnectionError {
        ConnectionError::Io(Arc::new(error))
    }
}

impl From<ProtocolError> for ConnectionError {
    fn from(error: ProtocolError) -> ConnectionError {
        ConnectionError::Protocol(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Service(error) => write!(formatter, "{error}"),
            Error::NotConnected(error) => write!(formatter, "not connected: {error}"),
            Error::Lost(error) => write!(formatter, "connection lost, outcome unknown: {error}"),
            Error::TimedOut => write!(formatter, "no answer in time, outcome unknown"),
            Error::Encode(error) => write!(formatter, "request cannot be sent: {error}"),
            Error::WrongReply => write!(formatter, "the reply is not one to the request"),
        }
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectionError::Io(error) => write!(formatter, "{error}"),
            ConnectionError::TimedOut => write!(formatter, "connecting took too long"),
            ConnectionError::Silent => write!(formatter, "the server does not answer"),
            ConnectionError::CredentialsMissing => write!(formatter, "the server asks for credentials"),
            ConnectionError::CredentialsUnusable => write!(formatter, "the access key id is longer than any"),
            ConnectionError::Protocol(error) => write!(formatter, "{error}"),
            ConnectionError::UnexpectedAnswer => write!(formatter, "an answer to no request"),
            ConnectionError::Goodbye(goodbye) => {
                write!(formatter, "the server closed (reason {}): {}", goodbye.reason.0, goodbye.message)
            }
            ConnectionError::Closed => write!(formatter, "the server closed the connection"),
            ConnectionError::Stopped => write!(formatter, "the client was dropped"),
        }
    }
}

impl std::error::Error for Error {}

impl std::error::Error for ConnectionError {}
