//! The key of a segment's code: derived, never stored.
//!
//! A code says how often each byte occurs in what all tables of a core have in a segment, so it is sealed as they are, with what is all tables': the catalog's key.

use crate::Secret;
use crate::cipher::{Cipher, NONCE_BYTES, NotAuthentic};
use crate::record_key::KeyPlace;
use crate::table_keys::DataKey;
use zeroize::Zeroizing;

/// The code is the one thing that is ever sealed with its key.
const NONCE: [u8; NONCE_BYTES] = [0; NONCE_BYTES];

/// Seals and opens the code of one segment in one use of its file by one process.
pub struct CodeKey {
    cipher: Cipher,
}

impl CodeKey {
    pub(crate) fn derive(data_key: &DataKey, place: KeyPlace) -> CodeKey {
        let mut bytes = Zeroizing::new([0; Secret::BYTES]);
        place.derive(&data_key.secret, b"stator code key", &mut bytes);
        CodeKey { cipher: Cipher::new(&Secret::new(*bytes)) }
    }

    /// Seals a code into `out`, which has room for the tag. Once.
    pub fn seal(&self, code: &[u8], out: &mut [u8]) {
        self.cipher.seal(NONCE, b"", code, out);
    }

    /// Opens what [`CodeKey::seal`] has sealed into `out`, which has room for the code.
    ///
    /// # Errors
    /// [`NotAuthentic`], and then nothing in `out` is of use.
    pub fn open(&self, sealed: &[u8], out: &mut [u8]) -> Result<(), NotAuthentic> {
        self.cipher.open(NONCE, b"", sealed, out)
    }
}
