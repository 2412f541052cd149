//! Why the keys of a node cannot be used: each names the file or the service, and says what to do, or that nothing was done.

use model::TableId;
use security::{KeyFileError, KeyOwner, KeyringError, MasterKeyId};
use std::fmt;
use std::path::PathBuf;

/// See the front page.
#[derive(Debug, PartialEq, Eq)]
pub enum KeysError {
    /// There are keys and no keyring.
    NoKeyring {
        /// Where it was looked for.
        keyring: PathBuf,
        /// What it wraps.
        keys: PathBuf,
    },
    /// The keyring is not one.
    Keyring {
        /// Which file.
        keyring: PathBuf,
        /// What is wrong with it.
        cause: KeyringError,
    },
    /// There is data and no keys.
    NoKeys {
        /// Where they were looked for.
        keys: PathBuf,
        /// The data.
        journal: PathBuf,
    },
    /// The keys cannot be unwrapped.
    Keys {
        /// Which file.
        keys: PathBuf,
        /// The keyring that was tried.
        keyring: PathBuf,
        /// What is wrong.
        cause: KeyFileError,
    },
    /// There are keys of a table that the catalog has never known.
    NoTable {
        /// Which file.
        keys: PathBuf,
        /// The table, by its id.
        table: KeyOwner,
        /// The last one that the catalog has known.
        last: TableId,
    },
    /// A key service has wrapped the master key, and none is named.
    NoService {
        /// Where the master key stands.
        keyring: PathBuf,
        /// Which one it is.
        id: MasterKeyId,
        /// The service's key that wraps it.
        service_key: String,
    },
    /// The key service does not unwrap a master key.
    NotUnwrapped {
        /// Where the master key stands.
        keyring: PathBuf,
        /// Which one it is.
        id: MasterKeyId,
        /// The service, its key and what it said.
        cause: String,
    },
    /// The key service does not make a master key.
    NotMade {
        /// The service, its key and what it said.
        cause: String,
    },
}

impl fmt::Display for KeysError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKeyring { keyring, keys } => write!(
                out,
                "the keyring {} is missing, and nothing can be read without the master keys that wrap {}: put it back, or name its place with --keyring",
                keyring.display(),
                keys.display()
            ),
            Self::Keyring { keyring, cause: cause @ (KeyringError::Twice(_) | KeyringError::TooMany) } => {
                write!(out, "the keyring {} cannot be used: {cause}", keyring.display())
            }
            Self::Keyring { keyring, cause } => {
                write!(out, "the keyring {} cannot be used: {cause}; restore it from its copy", keyring.display())
            }
            Self::NoKeys { keys, journal } => write!(
                out,
                "{} is missing, and the data in {} cannot be read without it: restore it from a copy; data of a version that did not encrypt is not read by this one",
                keys.display(),
                journal.display()
            ),
            Self::Keys { keys, keyring, cause: cause @ KeyFileError::NoMasterKey(_) } => write!(
                out,
                "{} cannot be used: {cause}, which is not in the keyring {}; put back the keyring that belongs to this data, or name its place with --keyring",
                keys.display(),
                keyring.display()
            ),
            Self::Keys { keys, cause: cause @ KeyFileError::Version(_), .. } => {
                write!(out, "{} cannot be used: {cause}; use the program that wrote it", keys.display())
            }
            Self::Keys { keys, cause, .. } => {
                write!(out, "{} cannot be used: {cause}; restore it from a copy", keys.display())
            }
            Self::NoTable { keys, table, last } => write!(
                out,
                "{} has keys of {table}, and the catalog, which is in `journal-0` of the data directories, has known none above table {}: a part of its log is missing; put it \
                 back before another start; no key was dropped",
                keys.display(),
                last.0
            ),
            Self::NoService { keyring, id, service_key } => write!(
                out,
                "master key {id} of the keyring {} is wrapped by {service_key} of a key service; name the service with --kms-endpoint or --kms-region, and --kms-key-id to let it make new ones",
                keyring.display()
            ),
            Self::NotUnwrapped { keyring, id, cause } => {
                write!(
                    out,
                    "master key {id} of the keyring {} cannot be unwrapped: {cause}; nothing was changed",
                    keyring.display()
                )
            }
            Self::NotMade { cause } => write!(out, "no master key could be made: {cause}; nothing was changed"),
        }
    }
}

impl std::error::Error for KeysError {}
