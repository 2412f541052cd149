//! Tasks that wait for a time, in order. The kernel is told of the earliest only, and only before the core sleeps.

use std::collections::BTreeMap;
use std::task::Waker;

use crate::Instant;

/// A waiting task: the number keeps tasks with the same deadline apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct TimerId {
    pub(crate) deadline: Instant,
    number: u64,
}

/// The timers of one core.
#[derive(Default)]
pub(crate) struct Timers {
    waiting: BTreeMap<TimerId, Waker>,
    next_number: u64,
}

impl Timers {
    pub(crate) fn new_id(&mut self, deadline: Instant) -> TimerId {
        self.next_number += 1;
        TimerId { deadline, number: self.next_number }
    }

    /// Wakes `waker` at the deadline. Returns the waker that it replaces, to be dropped outside the borrow.
    pub(crate) fn set(&mut self, id: TimerId, waker: &Waker) -> Option<Waker> {
        if self.waiting.get(&id).is_some_and(|known| known.will_wake(waker)) {
            return None;
        }
        self.waiting.insert(id, waker.clone())
    }

    pub(crate) fn remove(&mut self, id: TimerId) -> Option<Waker> {
        self.waiting.remove(&id)
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|(id, _)| id.deadline)
    }

    /// Moves the wakers of all that are due to `due`.
    pub(crate) fn take_due(&mut self, now: Instant, due: &mut Vec<Waker>) {
        while let Some(entry) = self.waiting.first_entry() {
            if entry.key().deadline > now {
                return;
            }
            due.push(entry.remove());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fires_in_order_and_only_what_is_due() {
        let mut timers = Timers::default();
        let ids: Vec<_> = [30, 10, 20, 10].map(|deadline| timers.new_id(Instant(deadline))).into();
        for id in &ids {
            timers.set(*id, Waker::noop());
        }
        assert!(timers.remove(ids[2]).is_some());
        let mut due = Vec::new();
        timers.take_due(Instant(9), &mut due);
        assert_eq!((due.len(), timers.next_deadline()), (0, Some(Instant(10))));
        timers.take_due(Instant(29), &mut due);
        assert_eq!((due.len(), timers.next_deadline()), (2, Some(Instant(30))));
    }
}
