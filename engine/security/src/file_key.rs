//! The key of one sorted file of a table: derived, never stored.

use crate::Secret;
use crate::cipher::{Cipher, NONCE_BYTES, NotAuthentic};
use std::fmt;
use zeroize::Zeroizing;

/// Seals and opens the blocks of one file.
pub struct FileKey {
    cipher: Cipher,
}

impl FileKey {
    /// The key of a file, from the data key of its table.
    pub fn derive(data_key: &Secret, file: u64) -> FileKey {
        let mut bytes = Zeroizing::new([0; Secret::BYTES]);
        data_key.derive(&[b"stator file key", &file.to_le_bytes()], &mut *bytes);
        FileKey { cipher: Cipher::new(&Secret::new(*bytes)) }
    }

    /// Seals the block at `unit` of the file into `out`, which has room for the tag; `bound` is bound to it. Once per unit.
    pub fn seal(&self, unit: u32, bound: &[u8], plain: &[u8], out: &mut [u8]) {
        self.cipher.seal(nonce_of(unit), bound, plain, out);
    }

    /// Opens what [`FileKey::seal`] has sealed into `out`, which has room for what was sealed.
    ///
    /// # Errors
    /// [`NotAuthentic`], and then nothing in `out` is of use.
    pub fn open(&self, unit: u32, bound: &[u8], sealed: &[u8], out: &mut [u8]) -> Result<(), NotAuthentic> {
        self.cipher.open(nonce_of(unit), bound, sealed, out)
    }
}

impl fmt::Debug for FileKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("FileKey")
    }
}

fn nonce_of(unit: u32) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce[..4].copy_from_slice(&unit.to_le_bytes());
    nonce
}
