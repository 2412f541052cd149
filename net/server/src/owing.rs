//! What all clients of a core are owed together: replies that are not sent yet, and what those in flight are likely to come to.
//!
//! Each client may be owed some MiB, and thousands may take their replies slowly or not at all. Past the limit each has its share, and
//! nothing more is taken in of who is owed more than that. Past four times the limit requests wait whose replies may be large, and while they do
//! those are closed that take slowly what they are owed (`connection/patience.rs`). Small replies to who is owed little are always made.
//!
//! What is likely may be wrong, for items differ. So a request for items waits, as well, while the replies that are being made could come to twice the limit
//! with it.

use model::limits::PAGE_BYTES_MAX;

/// Bytes that a client may be owed, however many others there are, for it to be no debt.
const SMALL_BYTES: usize = 64 << 10;
/// What is owed may exceed the limit by this factor, as each client may have one more reply than its share.
const EXCESS_FACTOR: usize = 4;
/// What all replies in flight could come to may exceed it by this one.
const OVERCOMMIT_FACTOR: usize = 2;

/// One a core. The sum of what is counted of each connection.
#[derive(Debug)]
pub(crate) struct Owing {
    bytes: usize,
    bytes_max: usize,
    /// Connections that are owed more than little.
    debt_count: usize,
    /// A request has waited for room since that was last asked.
    is_short: bool,
}

/// A connection's part of it, as it was last counted.
#[derive(Debug, Default)]
pub(crate) struct Owed {
    bytes: usize,
}

impl Owing {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes: 0, bytes_max, debt_count: 0, is_short: false }
    }

    /// What all clients are owed.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a client has more than its share where there is not enough for all: it takes that first.
    pub(crate) fn exceeds_share(&self, owed: &Owed) -> bool {
        self.bytes >= self.bytes_max && owed.bytes > self.share_bytes()
    }

    /// Whether a request may be done whose reply may come to so many bytes. What is more than a page needs no more room than that, so that it
    /// is not for ever too much.
    pub(crate) fn admits(&mut self, owed: &Owed, reply_bytes: usize) -> bool {
        let reply_bytes = reply_bytes.min(PAGE_BYTES_MAX);
        let is_small = owed.bytes + reply_bytes <= SMALL_BYTES;
        let others_bytes = self.bytes - owed.bytes;
        if is_small || others_bytes == 0 || self.bytes + reply_bytes <= self.bytes_max * EXCESS_FACTOR {
            return true;
        }
        self.is_short = true;
        false
    }

    /// Whether there would be too little room, should all replies in flight be as large as they can be, and one more. One alone is never too much, nor is one
    /// without items.
    pub(crate) fn is_overcommitted(&self, in_flight_bytes_max: usize, reply_bytes_max: usize) -> bool {
        let (is_alone, has_items) = (in_flight_bytes_max == 0, reply_bytes_max > 0);
        has_items && !is_alone && in_flight_bytes_max + reply_bytes_max > self.bytes_max * OVERCOMMIT_FACTOR
    }

    /// Whether a request has waited for room since this was last asked, or small replies have come to more than there is room for.
    pub(crate) fn take_is_short(&mut self) -> bool {
        std::mem::take(&mut self.is_short) || self.bytes > self.bytes_max * EXCESS_FACTOR
    }

    /// Bytes that have to be taken before a page is made.
    pub(crate) fn excess_bytes(&self) -> usize {
        (self.bytes + PAGE_BYTES_MAX).saturating_sub(self.bytes_max * EXCESS_FACTOR)
    }

    /// A connection is owed so many bytes now.
    pub(crate) fn set(&mut self, owed: &mut Owed, bytes: usize) {
        self.bytes = self.bytes - owed.bytes + bytes;
        self.debt_count -= usize::from(owed.is_debt());
        owed.bytes = bytes;
        self.debt_count += usize::from(owed.is_debt());
    }

    /// It is owed so many more.
    pub(crate) fn add(&mut self, owed: &mut Owed, bytes: usize) {
        self.set(owed, owed.bytes + bytes);
    }

    fn share_bytes(&self) -> usize {
        (self.bytes_max / self.debt_count.max(1)).max(SMALL_BYTES)
    }
}

impl Owed {
    /// What is counted of it.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether it is more than little.
    pub(crate) fn is_debt(&self) -> bool {
        self.bytes > SMALL_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 10 << 20;

    #[test]
    fn who_is_owed_more_than_its_share_waits() {
        let mut owing = Owing::new(LIMIT);
        let mut clients: [Owed; 3] = Default::default();
        owing.set(&mut clients[0], LIMIT - 1);
        assert!(!owing.exceeds_share(&clients[0]), "there is room");
        owing.add(&mut clients[1], 1);
        assert!(!owing.exceeds_share(&clients[0]), "it alone is owed much: all is its share");
        owing.set(&mut clients[1], LIMIT / 2 + 1);
        assert!(owing.exceeds_share(&clients[0]) && owing.exceeds_share(&clients[1]));
        assert!(!owing.exceeds_share(&clients[2]));
        owing.set(&mut clients[1], LIMIT / 2);
        assert!(owing.exceeds_share(&clients[0]) && !owing.exceeds_share(&clients[1]));
        owing.set(&mut clients[0], 0);
        owing.set(&mut clients[1], 0);
        assert_eq!((owing.bytes(), owing.debt_count), (0, 0));
    }

    #[test]
    fn many_have_small_shares_but_not_none() {
        let mut owing = Owing::new(LIMIT);
        let mut clients: Vec<Owed> = (0..1_000).map(|_| Owed::default()).collect();
        clients.iter_mut().for_each(|client| owing.set(client, SMALL_BYTES / 2));
        assert!(owing.bytes() > LIMIT && owing.exceeds_share(&Owed { bytes: LIMIT + 1 }));
        assert!(clients.iter().all(|client| !owing.exceeds_share(client)));
    }

    #[test]
    fn no_more_is_in_flight_than_there_is_room_for_whatever_is_likely() {
        let owing = Owing::new(LIMIT);
        assert!(!owing.is_overcommitted(0, 16 * PAGE_BYTES_MAX * 16), "it is alone");
        assert!(!owing.is_overcommitted(2 * LIMIT - PAGE_BYTES_MAX, PAGE_BYTES_MAX));
        assert!(owing.is_overcommitted(2 * LIMIT - PAGE_BYTES_MAX + 1, PAGE_BYTES_MAX));
        assert!(!owing.is_overcommitted(8 * LIMIT, 0), "it asks for no items");
    }

    #[test]
    fn without_room_large_replies_wait_and_small_ones_do_not() {
        let mut owing = Owing::new(LIMIT);
        let (mut slow, other) = (Owed::default(), Owed::default());
        assert!(Owing::new(1).admits(&other, PAGE_BYTES_MAX), "nobody else is owed anything");
        owing.set(&mut slow, LIMIT * EXCESS_FACTOR - PAGE_BYTES_MAX);
        assert!(owing.admits(&other, PAGE_BYTES_MAX) && !owing.take_is_short() && owing.excess_bytes() == 0);
        owing.add(&mut slow, 1);
        assert_eq!(owing.excess_bytes(), 1);
        assert!(!owing.admits(&other, PAGE_BYTES_MAX) && owing.take_is_short() && !owing.take_is_short());
        assert!(owing.admits(&other, SMALL_BYTES) && owing.admits(&slow, PAGE_BYTES_MAX), "all of it is its own");
        assert!(
            !owing.admits(&other, 16 * PAGE_BYTES_MAX) && owing.excess_bytes() == 1,
            "many pages wait for the room of one"
        );
        owing.set(&mut slow, LIMIT * EXCESS_FACTOR + 1);
        owing.take_is_short();
        assert!(owing.take_is_short());
    }
}
