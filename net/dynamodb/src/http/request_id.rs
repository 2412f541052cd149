//! `x-amzn-RequestId`: 52 characters that name one request in logs and in support cases.
//!
//! A request carries 64 bits of chance; the text is made when the answer is written, and again by whoever logs it.

use std::fmt;

/// Length of a request id's text.
pub(crate) const REQUEST_ID_BYTES: usize = 52;

/// Names one request.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(u64);

impl RequestId {
    /// The id that 64 bits of chance give. Equal bits give equal ids.
    pub const fn new(chance: u64) -> RequestId {
        RequestId(chance)
    }

    /// The id as it is sent. DynamoDB: observed: only digits and letters up to V.
    pub fn text(self) -> [u8; REQUEST_ID_BYTES] {
        const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHIJKLMNOPQRSTUV";
        let mut text = [0; REQUEST_ID_BYTES];
        let mut state = self.0;
        for part in text.chunks_mut(12) {
            let mut bits = next_chance(&mut state);
            for byte in part {
                *byte = ALPHABET[(bits & 31) as usize];
                bits >>= 5;
            }
        }
        text
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text();
        formatter.write_str(std::str::from_utf8(&text).expect("the alphabet is ASCII"))
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The next 64 bits of a splitmix64 sequence: spreads a seed, keeps no secret.
pub(crate) fn next_chance(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_form_and_differ() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|seed| RequestId::new(seed).to_string()).collect();
        assert_eq!(ids.len(), 1000);
        for id in ids {
            assert_eq!(id.len(), 52);
            assert!(id.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()), "{id}");
        }
        assert_eq!(RequestId::new(7).to_string(), RequestId::new(7).to_string());
    }
}
