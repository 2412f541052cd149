//! How a client of the binary protocol proves who it is: net/wire/PROTOCOL.md, section 3.
//!
//! A nonce is made of a number that no other has and of a key that the core has drawn at its start: nobody can guess it, and none comes twice.

use crate::access_keys::AccessKeys;
use crate::canonical::derived_key;
use crate::credentials::Credentials;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{self, HMAC_SHA256, Tag};
use std::fmt;
use std::sync::Arc;

/// Bytes of what the server draws for a connection.
pub const NONCE_BYTES: usize = 32;
/// Bytes of a proof.
pub const PROOF_BYTES: usize = 32;

/// What the key of a proof is made for: no date, as which the same secret signs for requests.
const PURPOSE: &[u8] = b"stator wire 1";

/// The proof of these credentials for a connection's nonce.
pub fn prove(credentials: &Credentials, nonce: &[u8; NONCE_BYTES]) -> [u8; PROOF_BYTES] {
    bytes(&tag(&credentials.secret_access_key, nonce, &credentials.access_key_id))
}

/// Asks clients who they are. One per core.
pub struct Challenger {
    access_keys: Arc<AccessKeys>,
    key: hmac::Key,
    /// Nonces so far.
    count: u64,
}

impl Challenger {
    /// One that lets those pass who know the secret of one of these keys. `secret` is this core's, and of this start.
    pub fn new(access_keys: Arc<AccessKeys>, secret: &[u8; NONCE_BYTES]) -> Challenger {
        Challenger { access_keys, key: hmac::Key::new(HMAC_SHA256, secret), count: 0 }
    }

    /// What the next connection is asked.
    pub fn next_nonce(&mut self) -> [u8; NONCE_BYTES] {
        self.count += 1;
        bytes(&hmac::sign(&self.key, &self.count.to_le_bytes()))
    }

    /// Whether the client that was asked this has proved that it knows the secret of this access key.
    pub fn is_proven(&self, nonce: &[u8; NONCE_BYTES], access_key_id: &str, proof: &[u8; PROOF_BYTES]) -> bool {
        let Some(secret) = self.access_keys.secret(access_key_id.as_bytes()) else { return false };
        let expected = tag(secret, nonce, access_key_id);
        verify_slices_are_equal(expected.as_ref(), proof).is_ok()
    }
}

impl fmt::Debug for Challenger {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Challenger({:?})", self.access_keys)
    }
}

fn tag(secret: &str, nonce: &[u8; NONCE_BYTES], access_key_id: &str) -> Tag {
    let message = [&nonce[..], access_key_id.as_bytes()].concat();
    hmac::sign(&derived_key(secret, &[PURPOSE]), &message)
}

fn bytes(tag: &Tag) -> [u8; 32] {
    tag.as_ref().try_into().expect("a tag of SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_good_for_its_key_and_its_connection() {
        let keys = AccessKeys::parse(
            "[a]\naws_access_key_id=A\naws_secret_access_key=s\n\
             [b]\naws_access_key_id=B\naws_secret_access_key=t\n",
        )
        .expect("two keys");
        let mut challenger = Challenger::new(Arc::new(keys), &[1; NONCE_BYTES]);
        let (nonce, other) = (challenger.next_nonce(), challenger.next_nonce());
        let proof = prove(&Credentials::new("A", "s"), &nonce);
        assert!(challenger.is_proven(&nonce, "A", &proof));
        assert!(nonce != other && !challenger.is_proven(&other, "A", &proof));
        assert!(!challenger.is_proven(&nonce, "B", &proof));
        assert!(!challenger.is_proven(&nonce, "C", &prove(&Credentials::new("C", "s"), &nonce)));
        assert!(!challenger.is_proven(&nonce, "A", &prove(&Credentials::new("A", "t"), &nonce)));
        let mut of_another_core = Challenger::new(Arc::clone(&challenger.access_keys), &[2; NONCE_BYTES]);
        assert_ne!(nonce, of_another_core.next_nonce());
    }

    #[test]
    fn a_client_in_another_language_finds_the_same() {
        let proof = prove(&Credentials::new("A", "s"), &[7; NONCE_BYTES]);
        // PROTOCOL.md, section 3; as Python's `hmac` has it.
        let known = b"f8a3cc08530b8a19dcf25e51839d185a7f4a249e88d45c2dcbc3308e1312ccc9";
        assert_eq!(&crate::canonical::hexadecimal(&proof), known);
    }
}
