//! A master key as a key service has wrapped it: opaque bytes, and the name of the service's key.
//!
//! What stands in a `kms` line of the keyring, behind the id. No secret. Deliberately not here: asking the service (`engine` and its caller).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// The longest name of a service's key, in bytes: AWS KMS has no longer one.
const SERVICE_KEY_BYTES_MAX: usize = 2048;
/// The most bytes of a wrapped key: AWS KMS takes no more.
const BLOB_BYTES_MAX: usize = 6144;

/// See the front page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    service_key: String,
    blob: Vec<u8>,
}

impl WrappedKey {
    /// What a service gave: the name of its key, and the bytes.
    ///
    /// # Errors
    /// [`NotWrapped`] if that cannot stand in a keyring.
    pub fn new(service_key: &str, blob: &[u8]) -> Result<WrappedKey, NotWrapped> {
        let is_visible = service_key.bytes().all(|byte| byte.is_ascii_graphic());
        if !(1..=SERVICE_KEY_BYTES_MAX).contains(&service_key.len()) || !is_visible {
            return Err(NotWrapped::Name);
        }
        if !(1..=BLOB_BYTES_MAX).contains(&blob.len()) {
            return Err(NotWrapped::Blob(blob.len()));
        }
        Ok(WrappedKey { service_key: service_key.to_owned(), blob: blob.to_vec() })
    }

    /// The service's key that wraps it.
    pub fn service_key(&self) -> &str {
        &self.service_key
    }

    /// What the service unwraps.
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// As two fields of a line.
    pub(crate) fn text(&self) -> String {
        format!("{} {}", self.service_key, STANDARD.encode(&self.blob))
    }

    /// Reads the two fields.
    pub(crate) fn parse(service_key: &[u8], blob: &[u8]) -> Option<WrappedKey> {
        let service_key = str::from_utf8(service_key).ok()?;
        WrappedKey::new(service_key, &STANDARD.decode(blob).ok()?).ok()
    }
}

/// Why something is no wrapped key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotWrapped {
    /// The name of the service's key is empty, too long, or not of visible ASCII characters.
    Name,
    /// There are no bytes, or too many; so many.
    Blob(usize),
}

impl fmt::Display for NotWrapped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotWrapped::Name => {
                write!(formatter, "a key's name that is not 1 to {SERVICE_KEY_BYTES_MAX} visible ASCII characters")
            }
            NotWrapped::Blob(bytes) => {
                write!(formatter, "a wrapped key of {bytes} bytes, and not 1 to {BLOB_BYTES_MAX}")
            }
        }
    }
}

impl std::error::Error for NotWrapped {}
