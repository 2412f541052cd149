//! How long a client may take: to say what it wants, to send a large request, to take what it is owed. Looked at once a second.
//!
//! Who cannot be heard, or waits for the server, is not blamed. Some limits hold only while others wait for what the client keeps.

use super::{Connection, Ending, Protocol};
use crate::owing::Owing;
use crate::receiving::Receiving;
use crate::speech::IDLE_MS_MAX;
use runtime::{ConnectionId, Instant, Sockets};
use std::time::Duration;
use wire::GoodbyeReason;
use wire::limits::HEADER_BYTES;

/// Time for a request's head from its first byte, and the longest silence within its body.
const WHOLE_REQUEST_MAX: Duration = Duration::from_secs(60);
/// The longest silence within a large request while others wait to send theirs.
const CROWDED_SILENCE_MAX: Duration = Duration::from_secs(10);
/// Time for the wire protocol's handshake, from the connection's start.
const HANDSHAKE_MAX: Duration = Duration::from_millis(wire::limits::HANDSHAKE_MS_MAX);
/// Silence after which a connection with nothing in flight is closed.
const IDLE_MAX: Duration = Duration::from_millis(IDLE_MS_MAX as u64);
/// A client is slow that in so much time ...
const TAKING_PERIOD: Duration = Duration::from_secs(10);
/// ... has taken fewer bytes than these, and not all.
const TAKEN_BYTES_MIN: u64 = 1 << 20;

/// How a client takes what is sent to it.
#[derive(Debug, Default)]
pub(super) struct Taking {
    /// Bytes given to its socket.
    given_bytes: u64,
    /// When the present period began, and what had been taken by then; none while everything is taken.
    period: Option<(Instant, u64)>,
    /// It was so in the last period.
    is_slow: bool,
}

impl Taking {
    /// So many bytes are given to its socket.
    pub(super) fn note_given(&mut self, bytes: usize) {
        self.given_bytes += bytes as u64;
    }

    /// So many of them wait in its socket.
    fn observe(&mut self, queued_bytes: usize, now: Instant) {
        let taken_bytes = self.given_bytes.saturating_sub(queued_bytes as u64);
        match self.period {
            _ if queued_bytes == 0 => (self.period, self.is_slow) = (None, false),
            Some((since, _)) if now.since(since) < TAKING_PERIOD => {}
            period => {
                self.is_slow = period.is_some_and(|(_, before)| taken_bytes - before < TAKEN_BYTES_MIN);
                self.period = Some((now, taken_bytes));
            }
        }
    }
}

impl Connection {
    /// Looks at how the client takes what it is owed. `queued_bytes` wait in its socket.
    pub(crate) fn observe_taking(&mut self, queued_bytes: usize, owing: &mut Owing, now: Instant) {
        self.taking.observe(queued_bytes, now);
        self.count_owed(queued_bytes, owing);
    }

    /// Whether it is slow to take what it is owed, and keeps what others wait for: room for replies, if that is short, or for large requests.
    /// How much it is owed.
    pub(crate) fn slow_debt(&self, is_short: bool, receiving: &Receiving) -> Option<usize> {
        let is_in_the_way = is_short && self.owed.is_debt();
        let is_before_others = receiving.waiting_since().is_some() && self.received.is_large();
        let is_slow = self.taking.is_slow && (is_in_the_way || is_before_others);
        (is_slow && self.ending < Ending::Dropped).then_some(self.owed.bytes())
    }

    /// Drops the connection, with what the client has not taken.
    pub(crate) fn drop_socket(&mut self, id: ConnectionId, sockets: &Sockets) {
        self.end(Ending::Dropped);
        self.is_closed = true;
        sockets.close(id, false);
    }

    /// Whether it has been silent for longer than it may be, or takes too long over what it says. Such a client is told
    /// why, where its protocol can say so. The socket itself drops a client that takes nothing at all of what is sent to it.
    pub(crate) fn close_if_silent(
        &mut self,
        id: ConnectionId,
        queued_bytes: usize,
        receiving: &Receiving,
        now: Instant,
    ) -> bool {
        let is_silent = self.is_silent(queued_bytes, receiving, now) || receiving.is_overdue(id, &self.received, now);
        if is_silent {
            self.say_goodbye(GoodbyeReason::IDLE, "nothing was heard for too long");
        }
        is_silent
    }

    fn is_silent(&self, queued_bytes: usize, receiving: &Receiving, now: Instant) -> bool {
        let is_its_turn = self.in_flight_count == 0 && queued_bytes == 0 && !self.is_paused && !self.is_left_over();
        if !is_its_turn || self.ending > Ending::Open {
            return false;
        }
        if let Some(since) = receiving.waiting_since().filter(|_| self.received.is_large()) {
            return now.since(since.max(self.last_progress)) > CROWDED_SILENCE_MAX;
        }
        let (since, time_max) = match &self.protocol {
            Protocol::Http(http) if http.is_idle() => (self.last_progress, IDLE_MAX),
            Protocol::Http(http) if http.is_in_body() => (self.last_progress, WHOLE_REQUEST_MAX),
            Protocol::Wire(decoder) if !decoder.is_open() => (self.begun, HANDSHAKE_MAX),
            Protocol::Wire(decoder) if decoder.buffered_bytes() == 0 => (self.last_progress, IDLE_MAX),
            Protocol::Wire(decoder) if decoder.buffered_bytes() >= HEADER_BYTES => {
                (self.last_progress, WHOLE_REQUEST_MAX)
            }
            Protocol::Http(_) | Protocol::Wire(_) | Protocol::Admin(_) => (self.begun, WHOLE_REQUEST_MAX),
        };
        now.since(since) > time_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Instant {
        Instant(second * 1_000_000_000)
    }

    /// A client that always has the next page queued behind the one that it takes has never taken all.
    #[test]
    fn who_takes_much_is_not_slow_however_much_waits() {
        let mut taking = Taking::default();
        for second in 0..100 {
            taking.note_given(1 << 20);
            taking.observe(8 << 20, at(second));
            assert!(!taking.is_slow, "second {second}");
        }
    }

    #[test]
    fn who_takes_little_and_not_all_is_slow() {
        let mut taking = Taking::default();
        taking.note_given(8 << 20);
        let queued_bytes = |second: usize| (8 << 20) - second * 1_000;
        for second in 0..10 {
            taking.observe(queued_bytes(second), at(second as u64));
            assert!(!taking.is_slow, "second {second}");
        }
        taking.observe(queued_bytes(10), at(10));
        assert!(taking.is_slow);
        taking.observe(0, at(11));
        assert!(!taking.is_slow, "it has all");
    }
}
