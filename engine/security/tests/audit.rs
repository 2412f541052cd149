//! The ledger finds what it is there for.

use security::{Cipher, Secret, TAG_BYTES, audit};

#[test]
#[should_panic(expected = "is used twice")]
fn a_nonce_that_comes_twice_under_one_key_panics() {
    let cipher = Cipher::new(&Secret::new([7; 32]));
    let other = Cipher::new(&Secret::new([8; 32]));
    let mut out = [0; TAG_BYTES];
    cipher.seal([1; 12], b"", b"", &mut out);
    audit::begin();
    cipher.seal([1; 12], b"", b"", &mut out);
    cipher.seal([2; 12], b"", b"", &mut out);
    other.seal([1; 12], b"", b"", &mut out);
    assert_eq!(audit::count(), 3);
    cipher.seal([2; 12], b"", b"", &mut out);
}
