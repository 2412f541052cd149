//! Who waits for an answer. The partition carries tickets and never looks into them; the engine
//! finds the waiter by them, on this core or on another.

use runtime::CoreId;

/// One request as its caller at the front door knows it: which connection asked, and which of its requests it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReplyToken {
    /// The caller's own number of a connection; never used again for another one.
    pub connection: u64,
    /// The request on that connection.
    pub request: u64,
}

/// Who waits for one outcome, and on which core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The core on which the waiter is.
    pub core: CoreId,
    /// The waiter on that core.
    pub waiter: Waiter,
}

/// The waiter on a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiter {
    /// The caller at the front door: the outcome is its reply.
    Caller(ReplyToken),
    /// An operation over several partitions: the outcome is one part of its reply.
    Coordination {
        /// Where the operation keeps its state.
        slot: u32,
        /// Tells apart the operations that have had that slot.
        generation: u32,
        /// Which of its parts this is.
        part: u32,
    },
}
