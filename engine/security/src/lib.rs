//! Encryption at rest: master keys, data keys, keys of records, files and segments' codes.
//!
//! On the way of a request this is inside step "durable": the journal seals what it appends with a key from here, and opens what it
//! reads back. Pure: bytes and chance are arguments. The bytes, and the proof that no nonce is used twice, are in `FORMAT.md`.
//!
//! ```text
//! Keyring       master keys, as their file says: in clear, or wrapped by a key service   worker 0
//!   KeyTable    data keys of all tables, as the file `keys` says, wrapped by the newest master key   worker 0
//!     TableKeys data keys of one table                      shared by all cores
//!       GroupKeys  group -> its table's keys; record keys, file keys and code keys derived from them   one per journal
//! ```
//!
//! Deliberately not here: reading and replacing the two files and asking a key service (`engine`), and where a record's bytes stand (`journal`).
#![forbid(unsafe_code)]

#[cfg(feature = "audit")]
pub mod audit;
mod cipher;
mod code_key;
mod error;
mod file_key;
mod group_keys;
mod key_table;
mod keyring;
mod record_key;
mod secret;
mod table_keys;
mod wrapped_key;

pub use cipher::{Cipher, NONCE_BYTES, NotAuthentic, TAG_BYTES};
pub use code_key::CodeKey;
pub use error::{KeyFileError, KeyLimit, KeyringError, WrongKey};
pub use file_key::FileKey;
pub use group_keys::{GroupKeys, NoKey};
pub use key_table::{KEY_TABLE_BYTES_MAX, KEY_TABLE_UNIT_BYTES, KeyTable};
pub use keyring::{KEYRING_BYTES_MAX, Keyring, MasterKey, MasterKeyId};
pub use record_key::{KeyPlace, RecordKey, Sealing};
pub use secret::Secret;
pub use table_keys::{DATA_KEY_COUNT_MAX, KeyOwner, TableKeys, Wrapping};
pub use wrapped_key::{NotWrapped, WrappedKey};
