//! Operations that complete once: reads, writes, syncs, names, timers. Each has a slot that owns what the kernel uses.
//!
//! A slot lives from the submission to the completion, whatever becomes of the future that waits for it: dropping the
//! future only says that nobody asks any more. One table per core.

use std::cell::RefCell;
use std::ffi::CString;
use std::os::fd::{IntoRawFd, OwnedFd};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use io_uring::types::Timespec;

use super::descriptor::FileDescriptor;
use crate::Buffer;

/// What the kernel may read or write while the operation is in flight. Every field's heap memory stays where it is when
/// the payload moves.
#[derive(Default)]
#[allow(dead_code, reason = "most of it is only held")]
pub(crate) struct Payload {
    pub(crate) buffer: Option<Buffer>,
    pub(crate) paths: Option<(CString, CString)>,
    pub(crate) timespec: Option<Box<Timespec>>,
    /// Keeps the descriptor open.
    pub(crate) file: Option<Rc<FileDescriptor>>,
    /// What the operation closes; if it comes to nothing, it is closed with the payload.
    pub(crate) closing: Option<OwnedFd>,
}

/// The slots of one core.
#[derive(Default)]
pub(crate) struct Operations {
    slots: Vec<Slot>,
    free: Vec<u32>,
    in_flight_count: usize,
}

enum Slot {
    Free,
    InFlight { payload: Payload, waker: Option<Waker>, is_abandoned: bool },
    Done { payload: Payload, result: i32 },
}

/// What to wake or drop once the table is no longer borrowed: either may run other tasks' code.
#[must_use]
pub(crate) struct Aftermath {
    pub(crate) waker: Option<Waker>,
    _dropped: Option<Payload>,
}

impl Operations {
    /// A slot for an operation about to be submitted.
    pub(crate) fn begin(&mut self, payload: Payload) -> u32 {
        self.in_flight_count += 1;
        let slot = Slot::InFlight { payload, waker: None, is_abandoned: false };
        if let Some(index) = self.free.pop() {
            self.slots[index as usize] = slot;
            return index;
        }
        self.slots.push(slot);
        u32::try_from(self.slots.len() - 1).expect("fewer than 4 billion operations in flight")
    }

    /// The kernel is done with the operation.
    pub(crate) fn complete(&mut self, index: u32, result: i32) -> Aftermath {
        self.in_flight_count -= 1;
        let slot = std::mem::replace(&mut self.slots[index as usize], Slot::Free);
        let Slot::InFlight { mut payload, waker, is_abandoned } = slot else {
            panic!("operation {index} completed twice");
        };
        if let Some(closed) = payload.closing.take_if(|_| result != -libc::ECANCELED) {
            // The number is free, and may be another file's by now.
            let _ = closed.into_raw_fd();
        }
        if is_abandoned {
            self.free.push(index);
            return Aftermath { waker: None, _dropped: Some(payload) };
        }
        self.slots[index as usize] = Slot::Done { payload, result };
        Aftermath { waker, _dropped: None }
    }

    /// How many operations the kernel holds.
    pub(crate) fn in_flight_count(&self) -> usize {
        self.in_flight_count
    }

    fn poll(&mut self, index: u32, waker: &Waker) -> (Poll<(i32, Payload)>, Option<Waker>) {
        let place = &mut self.slots[index as usize];
        match place {
            Slot::InFlight { waker: known, .. } => {
                let is_known = known.as_ref().is_some_and(|known| known.will_wake(waker));
                let replaced = if is_known { None } else { known.replace(waker.clone()) };
                (Poll::Pending, replaced)
            }
            Slot::Done { .. } => {
                let Slot::Done { payload, result } = std::mem::replace(place, Slot::Free) else {
                    unreachable!("matched above")
                };
                self.free.push(index);
                (Poll::Ready((result, payload)), None)
            }
            Slot::Free => panic!("operation {index} was waited for twice"),
        }
    }

    fn abandon(&mut self, index: u32) -> Aftermath {
        let place = &mut self.slots[index as usize];
        match place {
            Slot::InFlight { waker, is_abandoned, .. } => {
                *is_abandoned = true;
                Aftermath { waker: waker.take(), _dropped: None }
            }
            Slot::Done { .. } => {
                let Slot::Done { payload, .. } = std::mem::replace(place, Slot::Free) else {
                    unreachable!("matched above")
                };
                self.free.push(index);
                Aftermath { waker: None, _dropped: Some(payload) }
            }
            Slot::Free => panic!("operation {index} is unknown"),
        }
    }
}

/// The future of an operation: its result (bytes, or minus an error number) and what it was given.
pub(crate) struct Operation {
    table: Rc<RefCell<Operations>>,
    index: u32,
    is_taken: bool,
}

impl Operation {
    pub(crate) fn new(table: Rc<RefCell<Operations>>, index: u32) -> Operation {
        Operation { table, index, is_taken: false }
    }
}

impl Future for Operation {
    type Output = (i32, Payload);
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<(i32, Payload)> {
        let (outcome, replaced) = self.table.borrow_mut().poll(self.index, context.waker());
        drop(replaced);
        self.is_taken = outcome.is_ready();
        outcome
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        if !self.is_taken {
            let aftermath = self.table.borrow_mut().abandon(self.index);
            drop(aftermath);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_future_leaves_its_buffer_with_the_slot() {
        let table = Rc::new(RefCell::new(Operations::default()));
        let payload = Payload { buffer: Some(Buffer::zeroed(4096)), ..Payload::default() };
        let index = table.borrow_mut().begin(payload);
        drop(Operation::new(table.clone(), index));
        assert!(matches!(&table.borrow().slots[0], Slot::InFlight { payload, .. } if payload.buffer.is_some()));
        assert_eq!(table.borrow().in_flight_count(), 1);
        let aftermath = table.borrow_mut().complete(index, 4096);
        assert!(aftermath.waker.is_none());
        assert!(matches!(&table.borrow().slots[0], Slot::Free));
        assert_eq!(table.borrow_mut().begin(Payload::default()), index, "the slot is used again");
    }

    #[test]
    fn a_completion_waits_for_its_future() {
        let table = Rc::new(RefCell::new(Operations::default()));
        let index = table.borrow_mut().begin(Payload::default());
        let mut operation = Box::pin(Operation::new(table.clone(), index));
        let mut context = Context::from_waker(Waker::noop());
        assert!(operation.as_mut().poll(&mut context).is_pending());
        assert!(table.borrow_mut().complete(index, -5).waker.is_some());
        assert!(matches!(operation.as_mut().poll(&mut context), Poll::Ready((-5, _))));
        drop(operation);
        assert_eq!(table.borrow_mut().begin(Payload::default()), index);
    }
}
