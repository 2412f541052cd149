//! 32 secret bytes: wiped when dropped, never printed, and what is derived from them.

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A key's bytes. Lives as long as what it belongs to, on worker 0 or shared by all cores.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; Secret::BYTES]);

impl Secret {
    /// How many bytes there are.
    pub const BYTES: usize = 32;

    /// Takes over bytes that nobody can guess.
    pub const fn new(bytes: [u8; Secret::BYTES]) -> Secret {
        Secret(bytes)
    }

    /// Draws one: `random` fills a slice with bytes that nobody can guess.
    pub fn draw(random: &mut dyn FnMut(&mut [u8])) -> Secret {
        let mut secret = Secret([0; Secret::BYTES]);
        random(&mut secret.0);
        secret
    }

    /// HKDF-Expand of this key: other `info`, other bytes. `out` is at most 255 x 32 bytes.
    pub fn derive(&self, info: &[&[u8]], out: &mut [u8]) {
        let expanded = Prk::new_less_safe(HKDF_SHA256, &self.0);
        let expanded = expanded.expand(info, Length(out.len())).expect("the length is within HKDF's");
        expanded.fill(out).expect("the length is the one that was asked for");
    }

    pub(crate) fn bytes(&self) -> &[u8; Secret::BYTES] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}
