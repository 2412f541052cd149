//! The key of the records of one table in one use of one segment by one process: derived, never stored.

use crate::Secret;
use crate::cipher::{Cipher, NONCE_BYTES, NotAuthentic};
use crate::table_keys::DataKey;
use zeroize::Zeroizing;

/// Where records lie that share a key. `FORMAT.md`, "Record keys", says why no two of them share it by chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyPlace {
    /// The journal.
    pub journal_id: u64,
    /// The segment's epoch.
    pub epoch: u64,
    /// Drawn by the process that wrote them, when it opened the journal.
    pub opening: u64,
    /// The segment.
    pub segment: u32,
}

impl KeyPlace {
    /// Derives what is named `name` and of this place from a data key.
    pub(crate) fn derive(self, data_key: &Secret, name: &[u8], out: &mut [u8; Secret::BYTES]) {
        let KeyPlace { journal_id, epoch, opening, segment } = self;
        let (journal_id, epoch, opening) = (journal_id.to_le_bytes(), epoch.to_le_bytes(), opening.to_le_bytes());
        data_key.derive(&[name, &journal_id, &epoch, &opening, &segment.to_le_bytes()], out);
    }
}

/// Seals and opens records of one place.
pub struct RecordKey {
    cipher: Cipher,
}

/// What an append needs: the key, and what its record says of it.
#[derive(Clone, Copy)]
pub struct Sealing<'a> {
    /// Seals.
    pub key: &'a RecordKey,
    /// The version of the data key that it is derived from.
    pub version: u16,
}

impl RecordKey {
    pub(crate) fn derive(data_key: &DataKey, place: KeyPlace) -> RecordKey {
        let mut bytes = Zeroizing::new([0; Secret::BYTES]);
        place.derive(&data_key.secret, b"stator record key", &mut bytes);
        RecordKey { cipher: Cipher::new(&Secret::new(*bytes)) }
    }

    /// Seals the payload of the record at `offset` into `out`, which has room for the tag; `header` is bound to it. Once per offset.
    pub fn seal(&self, offset: u32, header: &[u8], payload: &[u8], out: &mut [u8]) {
        self.cipher.seal(nonce_of(offset), header, payload, out);
    }

    /// Opens what [`RecordKey::seal`] has sealed into `out`, which has room for the payload.
    ///
    /// # Errors
    /// [`NotAuthentic`], and then nothing in `out` is of use.
    pub fn open(&self, offset: u32, header: &[u8], sealed: &[u8], out: &mut [u8]) -> Result<(), NotAuthentic> {
        self.cipher.open(nonce_of(offset), header, sealed, out)
    }
}

fn nonce_of(offset: u32) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce[..4].copy_from_slice(&offset.to_le_bytes());
    nonce
}
