//! Why keys cannot be had. All of them stop a start, or refuse a rotation; none loses anything.

use crate::keyring::MASTER_KEY_COUNT_MAX;
use crate::{DATA_KEY_COUNT_MAX, KEYRING_BYTES_MAX, KeyOwner, MasterKeyId};
use std::fmt;

/// Why a text is not a keyring. Lines count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyringError {
    /// It does not begin with the line that names the format.
    NoKeyring,
    /// A line that is neither a key nor a comment.
    Line(usize),
    /// The same key stands in it twice.
    Twice(usize),
    /// There is no key in it.
    Empty,
    /// There are more keys in it than it may hold, or more text.
    TooMany,
}

impl fmt::Display for KeyringError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyringError::NoKeyring => write!(formatter, "its first line is not `stator-keyring 1`"),
            KeyringError::Line(line) => {
                write!(
                    formatter,
                    "line {line} is neither `key` and 64 hexadecimal digits nor `kms`, an id, the name of a key and a wrapped key in base64"
                )
            }
            KeyringError::Twice(line) => {
                write!(formatter, "the key of line {line} stands in it twice: take that line out")
            }
            KeyringError::Empty => write!(formatter, "it holds no key"),
            KeyringError::TooMany => write!(
                formatter,
                "it holds more than {MASTER_KEY_COUNT_MAX} keys or {} KiB: take out the oldest",
                KEYRING_BYTES_MAX >> 10
            ),
        }
    }
}

impl std::error::Error for KeyringError {}

/// What a key service has unwrapped is another key than the keyring says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongKey {
    /// The key that was asked for.
    pub expected: MasterKeyId,
    /// The key that came.
    pub found: MasterKeyId,
}

impl fmt::Display for WrongKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "it is master key {} when unwrapped, and not {}", self.found, self.expected)
    }
}

impl std::error::Error for WrongKey {}

/// Why bytes are not the table of data keys, or cannot be unwrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFileError {
    /// Too short, without our magic number, or with a checksum that does not pass.
    Damaged,
    /// A version of the format that this program does not know.
    Version(u16),
    /// The keyring does not hold the master key that wraps.
    NoMasterKey(MasterKeyId),
    /// The master key is there and does not unwrap: the bytes were changed by somebody.
    NotAuthentic {
        /// Whose key.
        owner: KeyOwner,
        /// Which version of it.
        version: u16,
    },
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyFileError::Damaged => write!(formatter, "it is damaged"),
            KeyFileError::Version(found) => write!(formatter, "it has format version {found}"),
            KeyFileError::NoMasterKey(id) => write!(formatter, "its keys are wrapped by master key {id}"),
            KeyFileError::NotAuthentic { owner, version } => {
                write!(formatter, "key {version} of {owner} was changed")
            }
        }
    }
}

impl std::error::Error for KeyFileError {}

/// There are as many keys as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyLimit;

impl fmt::Display for KeyLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "it has {DATA_KEY_COUNT_MAX} keys, which is the most")
    }
}

impl std::error::Error for KeyLimit {}
