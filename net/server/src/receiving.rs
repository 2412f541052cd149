//! Requests of one core that are on their way in: how much of them is there, and which may go on.
//!
//! A request may be 32 MiB, and thousands of clients may each have sent a part of one. The first bytes of each are taken whatever
//! the others do ([`SMALL_BYTES_MAX`]); what is beyond them is counted together. Once that comes to the limit, connections with large parts are not read
//! from until others' requests are whole, but for one at a time, in the order in which they came to wait: so each becomes whole. The one
//! has to be quick about it.
//!
//! Deliberately not here: whole requests that the engine works on (`in_flight.rs`).

use runtime::{ConnectionId, Instant};
use std::collections::VecDeque;
use std::time::Duration;

/// Received bytes of a connection that are always taken.
pub(crate) const SMALL_BYTES_MAX: usize = 64 << 10;
/// Time that who goes on alone has whatever it sends ...
const ALONE_MAX: Duration = Duration::from_secs(10);
/// ... and bytes for which it has a second more.
const ALONE_BYTES_A_SECOND: usize = 256 << 10;

/// What the connections of a core have received of large requests. One a core.
///
/// Invariant: who waits is in the queue once, and nobody waits while there is room or no one goes on alone (held by whoever asks for
/// [`Receiving::next`] at the end of each turn).
#[derive(Debug)]
pub(crate) struct Receiving {
    bytes: usize,
    bytes_max: usize,
    /// Of connections that cannot be read from: whole requests that wait for the engine or for their client, most of all.
    hindered_bytes: usize,
    alone: Option<Alone>,
    waiting: VecDeque<ConnectionId>,
    /// Since when somebody has waited.
    waiting_since: Option<Instant>,
}

/// Who goes on although there is no room.
#[derive(Debug)]
struct Alone {
    id: ConnectionId,
    since: Instant,
    /// What it had then.
    large_bytes: usize,
}

/// A connection's part of it.
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// What is counted of it.
    large_bytes: usize,
    is_waiting: bool,
    /// It cannot be read from.
    is_hindered: bool,
}

impl Receiving {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes: 0, bytes_max, hindered_bytes: 0, alone: None, waiting: VecDeque::new(), waiting_since: None }
    }

    /// What all connections have beyond their first bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Since when there has been somebody who waits.
    pub(crate) fn waiting_since(&self) -> Option<Instant> {
        self.waiting_since
    }

    /// A connection holds so many bytes that it has received.
    pub(crate) fn count(&mut self, received: &mut Received, held_bytes: usize) {
        let large_bytes = held_bytes.saturating_sub(SMALL_BYTES_MAX);
        self.bytes = self.bytes - received.large_bytes + large_bytes;
        if received.is_hindered {
            self.hindered_bytes = self.hindered_bytes - received.large_bytes + large_bytes;
        }
        received.large_bytes = large_bytes;
    }

    /// Whether a connection that could be read from may be. If not, it waits.
    pub(crate) fn may_read(&mut self, id: ConnectionId, received: &mut Received, now: Instant) -> bool {
        if std::mem::take(&mut received.is_hindered) {
            self.hindered_bytes -= received.large_bytes;
        }
        if !received.is_large() {
            self.release(id, received);
            return true;
        }
        if self.has_room() || self.is_alone(id) {
            return true;
        }
        if !received.is_waiting {
            received.is_waiting = true;
            self.waiting.push_back(id);
            self.waiting_since.get_or_insert(now);
        }
        false
    }

    /// A connection cannot be read from: others come first, unless too much is hindered already.
    pub(crate) fn hinder(&mut self, id: ConnectionId, received: &mut Received) {
        self.release(id, received);
        if !std::mem::replace(&mut received.is_hindered, true) {
            self.hindered_bytes += received.large_bytes;
        }
    }

    fn release(&mut self, id: ConnectionId, received: &mut Received) {
        if self.is_alone(id) {
            self.alone = None;
        }
        if std::mem::take(&mut received.is_waiting) {
            self.waiting.retain(|waiting| *waiting != id);
            self.note_taken();
        }
    }

    /// A connection is closed.
    pub(crate) fn forget(&mut self, id: ConnectionId, received: &mut Received) {
        self.release(id, received);
        self.count(received, 0);
        received.is_hindered = false;
    }

    /// The next that waits and may be read from: it waits no more.
    pub(crate) fn next(&mut self) -> Option<ConnectionId> {
        if !self.has_room() && (self.alone.is_some() || self.hindered_bytes >= self.bytes_max) {
            return None;
        }
        let next = self.waiting.pop_front();
        self.note_taken();
        next
    }

    /// A connection that was the next goes on: alone, if there is no room.
    pub(crate) fn go_on(&mut self, id: ConnectionId, received: &mut Received, now: Instant) {
        received.is_waiting = false;
        if !self.has_room() && received.is_large() {
            self.alone = Some(Alone { id, since: now, large_bytes: received.large_bytes });
        }
    }

    /// Whether a connection goes on alone for longer than it may while others wait.
    pub(crate) fn is_overdue(&self, id: ConnectionId, received: &Received, now: Instant) -> bool {
        let Some(alone) = self.alone.as_ref().filter(|alone| alone.id == id) else { return false };
        let come_bytes = received.large_bytes.saturating_sub(alone.large_bytes);
        let more = Duration::from_secs((come_bytes / ALONE_BYTES_A_SECOND) as u64);
        let since = self.waiting_since.map(|since| since.max(alone.since));
        since.is_some_and(|since| now.since(since) > ALONE_MAX + more)
    }

    fn has_room(&self) -> bool {
        self.bytes < self.bytes_max
    }

    fn is_alone(&self, id: ConnectionId) -> bool {
        self.alone.as_ref().is_some_and(|alone| alone.id == id)
    }

    fn note_taken(&mut self) {
        if self.waiting.is_empty() {
            self.waiting_since = None;
        }
    }
}

impl Received {
    /// Whether it has a part of a large request.
    pub(crate) fn is_large(&self) -> bool {
        self.large_bytes > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 1_000;

    /// What connections hold, and whether each was last told to go on.
    struct Clients {
        receiving: Receiving,
        each: Vec<(Received, bool)>,
        second: u64,
    }

    impl Clients {
        fn new(count: usize) -> Self {
            let each = (0..count).map(|_| (Received::default(), true)).collect();
            Self { receiving: Receiving::new(LIMIT), each, second: 0 }
        }

        fn now(&self) -> Instant {
            Instant(self.second * 1_000_000_000)
        }

        fn hold(&mut self, client: usize, held_bytes: usize) -> bool {
            let now = self.now();
            let (received, may_read) = &mut self.each[client];
            self.receiving.count(received, held_bytes);
            *may_read = self.receiving.may_read(ConnectionId(client as u64), received, now);
            *may_read
        }

        /// The end of a turn: those whose turn it was, in order. Of them who is `unreadable` cannot be read from.
        fn end_turn(&mut self, unreadable: &[u64]) -> Vec<u64> {
            let mut called = Vec::new();
            let now = self.now();
            while let Some(id) = self.receiving.next() {
                called.push(id.0);
                let (received, may_read) = &mut self.each[usize::try_from(id.0).expect("a small number")];
                self.receiving.go_on(id, received, now);
                if unreadable.contains(&id.0) {
                    self.receiving.hinder(id, received);
                } else {
                    *may_read = self.receiving.may_read(id, received, now);
                }
            }
            called
        }

        fn is_overdue(&self, client: usize) -> bool {
            self.receiving.is_overdue(ConnectionId(client as u64), &self.each[client].0, self.now())
        }
    }

    const LARGE: usize = SMALL_BYTES_MAX + LIMIT / 2;

    #[test]
    fn small_requests_never_wait() {
        let mut clients = Clients::new(3);
        assert!(clients.hold(0, SMALL_BYTES_MAX + 1));
        assert!(!clients.hold(0, SMALL_BYTES_MAX + 10 * LIMIT));
        assert!(clients.hold(1, SMALL_BYTES_MAX));
        assert!(!clients.hold(2, SMALL_BYTES_MAX + 1));
        assert_eq!(clients.receiving.bytes(), 10 * LIMIT + 1);
    }

    #[test]
    fn one_goes_on_at_a_time_in_the_order_of_waiting() {
        let mut clients = Clients::new(5);
        assert!(clients.hold(0, LARGE));
        assert!(!clients.hold(1, LARGE) && !clients.hold(3, LARGE) && !clients.hold(2, LARGE));
        assert_eq!(clients.end_turn(&[]), [1]);
        assert!(clients.hold(1, LARGE + LIMIT), "it goes on for as long as it needs");
        // Whole, and taken in. Who comes now does not come before those who wait.
        assert!(clients.hold(1, 0) && !clients.hold(4, LARGE));
        assert_eq!(clients.end_turn(&[]), [3]);
        assert!(clients.each[3].1 && !clients.each[2].1);
        clients.receiving.forget(ConnectionId(3), &mut clients.each[3].0);
        assert_eq!(clients.end_turn(&[]), [2]);
        clients.receiving.forget(ConnectionId(4), &mut clients.each[4].0);
        assert!(clients.hold(2, 0));
        assert_eq!(clients.end_turn(&[]), [0; 0]);
        assert_eq!((clients.receiving.bytes(), clients.receiving.waiting_since()), (LIMIT / 2, None));
    }

    /// A client that was owed much was not read from, and nobody else was as long as it did not take that.
    #[test]
    fn who_cannot_be_read_from_keeps_nobody_waiting() {
        let mut clients = Clients::new(4);
        assert!(clients.hold(0, LARGE));
        (1..4).for_each(|client| assert!(!clients.hold(client, LARGE)));
        assert_eq!(clients.end_turn(&[1]), [1, 2]);
        assert!(clients.each[2].1 && !clients.each[3].1);
    }

    /// One whole request after the other was received while the engine had no room for them.
    #[test]
    fn nobody_goes_on_alone_while_what_was_received_cannot_be_taken_in() {
        let mut clients = Clients::new(4);
        assert!(
            clients.hold(0, LARGE) && !clients.hold(1, LARGE) && !clients.hold(2, LARGE) && !clients.hold(3, LARGE)
        );
        assert_eq!(clients.end_turn(&[1, 2]), [1, 2], "two of half the limit each are as much as may be hindered");
        assert_eq!(clients.end_turn(&[]), [0; 0]);
        assert!(clients.hold(1, 0), "taken in");
        assert_eq!(clients.end_turn(&[]), [3]);
        clients.receiving.forget(ConnectionId(2), &mut clients.each[2].0);
        assert_eq!(clients.receiving.hindered_bytes, 0);
    }

    #[test]
    fn all_go_on_once_there_is_room() {
        let mut clients = Clients::new(5);
        assert!(!clients.hold(0, SMALL_BYTES_MAX + LIMIT));
        (1..5).for_each(|client| assert!(!clients.hold(client, SMALL_BYTES_MAX + 1)));
        assert!(clients.hold(0, 0));
        assert_eq!(clients.end_turn(&[]), [1, 2, 3, 4]);
        assert!(clients.each.iter().all(|(_, may_read)| *may_read));
    }

    #[test]
    fn who_goes_on_alone_has_to_be_quick_while_others_wait() {
        let mut clients = Clients::new(2);
        assert!(!clients.hold(0, LARGE + LIMIT));
        assert_eq!(clients.end_turn(&[]), [0]);
        clients.second = 1_000;
        assert!(!clients.is_overdue(0), "nobody waits");
        assert!(!clients.hold(1, LARGE));
        clients.second = 1_010;
        assert!(!clients.is_overdue(0));
        clients.second = 1_011;
        assert!(clients.is_overdue(0) && !clients.is_overdue(1));
        clients.hold(0, LARGE + LIMIT + ALONE_BYTES_A_SECOND);
        assert!(!clients.is_overdue(0));
        clients.second = 1_012;
        assert!(clients.is_overdue(0));
    }
}
