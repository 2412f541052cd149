//! A ledger of every key and nonce that sealed something, for tests and the simulator: a pair that comes twice panics.
//!
//! One per thread, which is a whole simulated machine. Keys stand in it by a name derived from them. Off until it is begun; begun again, it is
//! empty: a machine of the same seed repeats what another one did.

use crate::{NONCE_BYTES, Secret};
use std::cell::RefCell;
use std::collections::HashSet;

type Ledger = HashSet<([u8; 16], [u8; NONCE_BYTES])>;

thread_local! {
    static LEDGER: RefCell<Option<Ledger>> = const { RefCell::new(None) };
}

/// Notes every seal of this thread from now on.
pub fn begin() {
    LEDGER.set(Some(Ledger::new()));
}

/// How many pairs were noted.
pub fn count() -> usize {
    LEDGER.with_borrow(|ledger| ledger.as_ref().map_or(0, HashSet::len))
}

pub(crate) fn name_of(secret: &Secret) -> [u8; 16] {
    let mut name = [0; 16];
    secret.derive(&[b"stator audit"], &mut name);
    name
}

pub(crate) fn note(key: [u8; 16], nonce: [u8; NONCE_BYTES]) {
    LEDGER.with_borrow_mut(|ledger| {
        if let Some(ledger) = ledger {
            assert!(ledger.insert((key, nonce)), "nonce {nonce:02x?} is used twice under key {key:02x?}");
        }
    });
}
