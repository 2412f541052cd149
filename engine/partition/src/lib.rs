//! Owner of a hash range of a table on one core: decides, proposes, applies, reads.
//!
//! In the way of a request it stands between the engine's router, which found it, and the group's
//! log, which makes its decisions durable. One [`Partition`] a hash range, alive as long as its
//! table; it belongs to one worker and never leaves that worker's thread. It is synchronous state:
//! operations go in, outcomes come out through [`Context`], and time and chance are arguments.
//!
//! Deliberately not here: which partition a key belongs to (the engine's router), operations over
//! several partitions (the engine's `coordinate`), and the disk (`journal`).

#![forbid(unsafe_code)]

mod apply;
mod change;
mod clean;
mod collections;
mod context;
mod due_times;
mod expiry;
mod image;
mod in_flight;
mod local_indexes;
mod memtables;
mod merge;
mod operation;
mod partition;
mod statistics;
mod table_set;
mod throughput;
mod ticket;
mod write;

pub use apply::Opening;
pub use change::{Cause, Change, ChangeError, ChangeView};
pub use context::Context;
pub use expiry::Expired;
pub use merge::MergeWork;
pub use operation::{Answer, Operation, Outcome, ScanPart, ScanStretch};
pub use partition::{Partition, PartitionOptions};
pub use statistics::Statistics;
pub use table_set::MemtablesOptions;
pub use ticket::{ReplyToken, Ticket, Waiter};
