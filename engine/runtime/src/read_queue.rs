//! Reads of files whose outcomes are taken together: for a loop that has many in flight, without a task for each of them.
//!
//! ```text
//! begin, begin, begin -> a system call for a few of them -> outcomes gather, the signal is notified -> drain
//! ```
//!
//! In the way of a request it brings what is in no cache. On the core that made it, like everything of a [`Runtime`](crate::Runtime).
//! Deliberately not here: how many reads may be in flight, and what the bytes mean.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::file::{FileKind, assert_blocks};
use crate::{Buffer, FileError, FileSpan, Signal, real, simulated};

/// See the front page. Dropping it leaves reads in flight to themselves.
pub struct ReadQueue {
    kind: ReadQueueKind,
    outcomes: Rc<Outcomes>,
}

pub(crate) enum ReadQueueKind {
    Real(real::ReadQueue),
    Simulated(simulated::ReadQueue),
}

/// What has become of a read, and what it was begun with.
type Outcome = (u64, Result<ReadBuffer, FileError>);

/// The memory of one read.
pub(crate) enum ReadBuffer {
    Own(Buffer),
    /// Goes back to the core when it is dropped.
    Piece(real::Piece),
}

impl ReadBuffer {
    pub(crate) fn len(&self) -> usize {
        match self {
            ReadBuffer::Own(buffer) => buffer.len(),
            ReadBuffer::Piece(piece) => piece.len(),
        }
    }

    fn as_slice(&self) -> &[u8] {
        match self {
            ReadBuffer::Own(buffer) => buffer.as_slice(),
            ReadBuffer::Piece(piece) => piece.as_slice(),
        }
    }
}

/// Outcomes that nobody has seen yet, in the order in which they were reached.
pub(crate) struct Outcomes {
    reached: RefCell<VecDeque<Outcome>>,
    signal: Signal,
}

impl Outcomes {
    pub(crate) fn new(signal: &Signal) -> Rc<Outcomes> {
        Rc::new(Outcomes { reached: RefCell::default(), signal: signal.clone() })
    }

    /// Adds one and notifies the signal.
    pub(crate) fn add(&self, token: u64, result: Result<ReadBuffer, FileError>) {
        self.reached.borrow_mut().push_back((token, result));
        self.signal.notify();
    }
}

impl ReadQueue {
    pub(crate) fn new(kind: ReadQueueKind, outcomes: Rc<Outcomes>) -> ReadQueue {
        ReadQueue { kind, outcomes }
    }

    /// Begins to read a span of a file of this core. The outcome comes with `token`, whatever that means to the caller.
    pub fn begin(&self, span: &FileSpan, token: u64) {
        let FileSpan { ref file, offset, len_bytes } = *span;
        assert_blocks(offset, len_bytes);
        match (&self.kind, file.kind()) {
            (ReadQueueKind::Real(queue), FileKind::Real(file)) => queue.begin(file, (offset, len_bytes), token),
            (ReadQueueKind::Simulated(queue), FileKind::Simulated(file)) => {
                queue.begin(file, (offset, len_bytes), token);
            }
            _ => panic!("{} is of another machine", file.path().display()),
        }
    }

    /// Hands outcomes to `visit`, up to `count_max` of them, each with its token: exactly the bytes that were asked for, whose memory later reads use again,
    /// or why they cannot be read. `visit` may begin reads. If there are more the signal is notified again.
    pub fn drain(&self, count_max: usize, mut visit: impl FnMut(u64, Result<&[u8], FileError>)) {
        let count = self.outcomes.reached.borrow().len().min(count_max);
        for _ in 0..count {
            let (token, result) = self.outcomes.reached.borrow_mut().pop_front().expect("counted");
            match result {
                Ok(buffer) => visit(token, Ok(buffer.as_slice())),
                Err(error) => visit(token, Err(error)),
            }
        }
        if !self.outcomes.reached.borrow().is_empty() {
            self.outcomes.signal.notify();
        }
    }
}
