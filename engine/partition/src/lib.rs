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
mod checkpoint;
mod closing;
mod collections;
mod context;
mod due_times;
mod effect;
mod emptying;
mod expiry;
mod fences;
mod file_set;
mod flush;
mod image;
mod in_flight;
mod items;
mod local_indexes;
mod look_ahead;
mod merge;
mod merge_policy;
mod moving;
mod opening;
mod operation;
mod pace;
mod page_fill;
mod partition;
mod read_ahead;
mod read_pipeline;
mod reads;
mod record_sums;
mod run;
mod statistics;
mod storage;
mod table_set;
mod throughput;
mod ticket;
mod walk;
mod write;

pub use change::{Cause, ChangeError, ChangeKey, ChangeView};
pub use checkpoint::{Checkpoint, RunRecord};
pub use context::Context;
pub use effect::{Effects, SetId};
pub use expiry::Expired;
pub use flush::{FlushWork, Flushed};
pub use look_ahead::{Foreseen, LookAhead};
pub use merge::{Cleaning, CleaningWork, MergeId, MergeWork, Merged};
pub use opening::{Opening, PartitionError};
pub use operation::{Answer, Operation, Outcome, QueryWork, ScanPart, ScanStretch};
pub use pace::Pace;
pub use partition::{Partition, PartitionOptions};
pub use reads::{Begun, Brought, FileName, Missing, Need, NeedError, NeedId, Reads, Supplies};
pub use statistics::{LiveBytes, Statistics};
pub use storage::{FailingDirectories, Storage, StorageError};
pub use table_set::MemtablesOptions;
pub use ticket::{ReplyToken, Ticket, Waiter};
