//! What a partition may use of its worker while it decides or applies.

use crate::{Outcome, Ticket};
use bytes::BytesMut;
use model::{Item, ItemRef};

/// Bytes that a worker's buffers grow by when they are used up.
const BUFFER_BYTES: usize = 256 << 10;

/// Buffers and outlets of the worker that runs a partition. One a worker.
///
/// Both buffers hand out slices of themselves that are counted, not copied: while a slice lives its
/// memory does, and afterwards the buffer uses it again.
#[derive(Debug, Default)]
pub struct Context {
    /// Microseconds since 1970, as of this turn.
    pub now_us: u64,
    /// Outcomes of this turn, in the order in which they were reached.
    pub outcomes: Vec<(Ticket, Outcome)>,
    changes: BytesMut,
    replies: BytesMut,
}

impl Context {
    /// The buffer in which changes are encoded.
    pub(crate) fn changes(&mut self, bytes: usize) -> &mut BytesMut {
        reserve(&mut self.changes, bytes);
        &mut self.changes
    }

    /// A copy of an item that outlives what it was read from.
    pub(crate) fn copy_item(&mut self, item: ItemRef<'_>) -> Item {
        let bytes = item.as_bytes();
        reserve(&mut self.replies, bytes.len());
        self.replies.extend_from_slice(bytes);
        Item::from_trusted(self.replies.split().freeze())
    }

    /// The outcome is reached.
    pub(crate) fn answer(&mut self, ticket: Ticket, outcome: Outcome) {
        self.outcomes.push((ticket, outcome));
    }
}

/// Reserves a whole buffer at a time, so that small requests for room do not allocate.
fn reserve(buffer: &mut BytesMut, bytes: usize) {
    if buffer.capacity() - buffer.len() < bytes {
        buffer.reserve(bytes.max(BUFFER_BYTES));
    }
}
