//! Drives raft-rs: a group whose log is in the journal.
//!
//! On the way of a request this is between the owner's decision and the disk: a Change is proposed here, becomes an entry in the core's journal, and comes
//! out again committed, in order, for the owner to apply. One member today; the path is the one that three take: messages go to an
//! outbox, term and vote are durable before they are used.
//!
//! ```text
//! propose ─▶ raft ─▶ collect ─▶ journal ─▶ (flush) ─▶ handle_durable ─▶ committed entries
//!              ▲                                          │
//!            step ◀── peers ◀── outbox ◀──────────────────┘
//! ```
//!
//! Many [`Group`]s live on each core, in the hands of their partitions. An idle one costs nothing: it has no task, no timer, and is not
//! looked at; who is to be looked at next is the caller's list. The records are specified in `FORMAT.md`. Deliberately not here: what a
//! Change means, sending messages, snapshots, changes of members.
#![forbid(unsafe_code)]

mod error;
mod group;
mod log_tail;
mod logger;
mod recovered;
mod state_record;
mod writer;

pub use error::{OpenError, ProposeError, StepError};
pub use group::{CommittedEntry, Group, GroupOptions, Progress};
pub use raft::eraftpb::Message;
pub use recovered::{RecoveredChange, RecoveredGroup};
pub use state_record::{LogPoint, MemberId};

/// Bytes proposed and not committed, per group: past it `propose` says `Busy`.
pub const UNCOMMITTED_BYTES_MAX: usize = 16 << 20;
/// Bytes of applied changes that a group of several members keeps in memory, for members that lag.
pub const RETAINED_BYTES_MAX: usize = 1 << 20;
/// The same, by count.
pub const RETAINED_COUNT_MAX: usize = 4096;
