//! What a partition may use of its worker while it decides or applies.

use crate::{Outcome, Ticket};
use bytes::BytesMut;
use model::operation::Evaluator;

/// Bytes that a worker's buffer of changes grows by when it is used up.
const BUFFER_BYTES: usize = 256 << 10;

/// Buffers and outlets of the worker that runs a partition. One a worker.
#[derive(Debug, Default)]
pub struct Context {
    /// Microseconds since 1970, as of this turn.
    pub now_us: u64,
    /// Outcomes of this turn, in the order in which they were reached.
    pub outcomes: Vec<(Ticket, Outcome)>,
    /// What requests are checked and evaluated with. Copies of items are cut from its memory.
    pub evaluator: Evaluator,
    /// Hands out slices of itself that are counted, not copied: while a slice lives its memory does, and afterwards the
    /// buffer uses it again.
    changes: BytesMut,
}

impl Context {
    /// The buffer in which changes are encoded. It grows by a whole buffer at a time, so that small requests for room do
    /// not allocate.
    pub(crate) fn changes(&mut self, bytes: usize) -> &mut BytesMut {
        if self.changes.capacity() - self.changes.len() < bytes {
            self.changes.reserve(bytes.max(BUFFER_BYTES));
        }
        &mut self.changes
    }

    /// The outcome is reached.
    pub(crate) fn answer(&mut self, ticket: Ticket, outcome: Outcome) {
        self.outcomes.push((ticket, outcome));
    }
}
