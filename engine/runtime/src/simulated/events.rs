//! What is going to happen on a simulated machine, and when: timers, completions, deliveries, a planned power cut.
//!
//! A queue in virtual time, owned by the world of one machine. Two events of the same nanosecond happen in the order in which
//! they were put here.

use std::cell::{Cell, RefCell};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::disk::OperationId;
use super::world::Origin;
use crate::Signal;

/// One thing that happens.
pub(super) enum Event {
    /// Whoever holds the other end wakes up.
    Timer(Rc<Pending<()>>),
    /// A file operation of `origin` takes effect.
    Complete { origin: Origin, operation: OperationId },
    /// A batch from another core is announced to `to`.
    Arrive { to: Origin, signal: Signal },
    /// Every node loses power, if the machine's count of power cuts is still `epoch`.
    CutPower { epoch: u64 },
}

/// Something a task waits for: the event fills it, the future takes it.
pub(super) struct Pending<T> {
    result: RefCell<Option<T>>,
    waker: RefCell<Option<Waker>>,
    is_abandoned: Cell<bool>,
}

impl<T> Pending<T> {
    pub(super) fn new() -> Rc<Pending<T>> {
        Rc::new(Pending { result: RefCell::new(None), waker: RefCell::new(None), is_abandoned: Cell::new(false) })
    }

    /// The event is here: the waiting task gets `result`.
    pub(super) fn fill(&self, result: T) {
        self.result.replace(Some(result));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The waiting end of a `Pending`. Dropped early, it leaves the event without effect on anybody.
pub(super) struct Awaited<T> {
    pending: Rc<Pending<T>>,
}

impl<T> Awaited<T> {
    pub(super) fn new(pending: Rc<Pending<T>>) -> Awaited<T> {
        Awaited { pending }
    }
}

impl<T> Future for Awaited<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        if let Some(result) = self.pending.result.take() {
            return Poll::Ready(result);
        }
        self.pending.waker.replace(Some(context.waker().clone()));
        Poll::Pending
    }
}

impl<T> Drop for Awaited<T> {
    fn drop(&mut self) {
        self.pending.is_abandoned.set(true);
        self.pending.waker.take();
    }
}

/// The queue.
#[derive(Default)]
pub(super) struct Events {
    queue: BinaryHeap<Reverse<Scheduled>>,
    next_order: u64,
}

impl Events {
    /// Puts `event` at `at_ns` of virtual time.
    pub(super) fn push(&mut self, at_ns: u64, event: Event) {
        self.queue.push(Reverse(Scheduled { at_ns, order: self.next_order, event }));
        self.next_order += 1;
    }

    /// When the next event is due. Timers that nobody waits for any more are forgotten: they must not move the clock.
    pub(super) fn next_at_ns(&mut self) -> Option<u64> {
        while let Some(Reverse(next)) = self.queue.peek() {
            match &next.event {
                Event::Timer(pending) if pending.is_abandoned.get() => drop(self.queue.pop()),
                _ => return Some(next.at_ns),
            }
        }
        None
    }

    /// Takes the next event, whenever it is due.
    pub(super) fn pop(&mut self) -> Option<Event> {
        self.queue.pop().map(|Reverse(scheduled)| scheduled.event)
    }
}

struct Scheduled {
    at_ns: u64,
    order: u64,
    event: Event,
}

impl Scheduled {
    fn rank(&self) -> (u64, u64) {
        (self.at_ns, self.order)
    }
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Scheduled) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Scheduled) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Scheduled) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}
