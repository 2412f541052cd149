//! AES-256-GCM from one slice into another. The only place that names the cipher.
//!
//! Whoever holds a [`Cipher`] makes sure that no nonce comes twice under it; `FORMAT.md` says why that is so for each. With the feature `audit` every
//! use is noted in a ledger that panics when a pair comes twice.

use crate::Secret;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use std::fmt;

/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 12;
/// Bytes of a tag, which follows what is sealed.
pub const TAG_BYTES: usize = 16;

/// The bytes, what they are bound to, or the key are not those that were sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAuthentic;

impl fmt::Display for NotAuthentic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the key does not open it")
    }
}

impl std::error::Error for NotAuthentic {}

/// A key made ready for use. The library wipes it when it is dropped.
pub struct Cipher {
    key: LessSafeKey,
    #[cfg(feature = "audit")]
    name: [u8; 16],
}

impl Cipher {
    /// Makes a key ready.
    pub fn new(secret: &Secret) -> Cipher {
        let key = UnboundKey::new(&AES_256_GCM, secret.bytes()).expect("the key has the cipher's length");
        Cipher {
            key: LessSafeKey::new(key),
            #[cfg(feature = "audit")]
            name: crate::audit::name_of(secret),
        }
    }

    /// Seals `plain` into `out`, which is [`TAG_BYTES`] longer. `bound` is to be the same when it is opened.
    pub fn seal(&self, nonce: [u8; NONCE_BYTES], bound: &[u8], plain: &[u8], out: &mut [u8]) {
        assert_eq!(out.len(), plain.len() + TAG_BYTES, "the tag follows the sealed bytes");
        #[cfg(feature = "audit")]
        crate::audit::note(self.name, nonce);
        let (sealed, tag) = out.split_at_mut(plain.len());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let done = self.key.seal_out_of_place_scatter(nonce, Aad::from(bound), plain, sealed, &[], tag);
        done.expect("lengths are those of the cipher");
    }

    /// Opens `sealed`, its tag included, into `out`. On an error `out` holds nothing of use.
    ///
    /// # Errors
    /// [`NotAuthentic`].
    pub fn open(
        &self,
        nonce: [u8; NONCE_BYTES],
        bound: &[u8],
        sealed: &[u8],
        out: &mut [u8],
    ) -> Result<(), NotAuthentic> {
        let (sealed, tag) = sealed.split_last_chunk::<TAG_BYTES>().ok_or(NotAuthentic)?;
        assert_eq!(out.len(), sealed.len(), "what is opened is as long as what was sealed");
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = self.key.open_separate_gather(nonce, Aad::from(bound), sealed, tag, out);
        opened.map_err(|_| NotAuthentic)
    }
}
