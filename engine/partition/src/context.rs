//! What a partition may use of its worker while it decides or applies.

use crate::effect::EffectsBuilder;
use crate::{Outcome, Reads, Ticket};
use bytes::BytesMut;
use model::operation::Evaluator;
use runtime::Instant;

/// Bytes that a worker's buffer of changes grows by when it is used up.
const BUFFER_BYTES: usize = 256 << 10;

/// Buffers and outlets of the worker that runs a partition. One a worker.
pub struct Context {
    /// Microseconds since 1970, as of this turn.
    pub now_us: u64,
    /// The same by the clock that nobody sets: what takes a while is measured by this.
    pub now: Instant,
    /// Outcomes of this turn, in the order in which they were reached.
    pub outcomes: Vec<(Ticket, Outcome)>,
    /// What requests are checked and evaluated with. Copies of items are cut from its memory.
    pub evaluator: Evaluator,
    /// What is read from the disk.
    pub reads: Reads,
    /// Hands out slices of itself that are counted, not copied: while a slice lives its memory does, and afterwards the
    /// buffer uses it again.
    pub(crate) changes: BytesMut,
    /// Where a key is put together.
    pub(crate) key: Vec<u8>,
    /// What the decision at hand does to the sets that follow from the items.
    pub(crate) effects: EffectsBuilder,
}

impl Context {
    /// With a cache of so many bytes, which takes hashes by the seed.
    pub fn new(cache_bytes_max: usize, seed: u64) -> Self {
        Self {
            now_us: 0,
            now: Instant::default(),
            outcomes: Vec::new(),
            evaluator: Evaluator::default(),
            reads: Reads::new(cache_bytes_max, seed),
            changes: BytesMut::new(),
            key: Vec::new(),
            effects: EffectsBuilder::default(),
        }
    }

    /// The outcome is reached.
    pub(crate) fn answer(&mut self, ticket: Ticket, outcome: Outcome) {
        self.outcomes.push((ticket, outcome));
    }
}

/// Makes room in the buffer in which changes are encoded. It grows by a whole buffer at a time, so that small requests for room do
/// not allocate.
pub(crate) fn reserve(changes: &mut BytesMut, bytes: usize) {
    if changes.capacity() - changes.len() < bytes {
        changes.reserve(bytes.max(BUFFER_BYTES));
    }
}
