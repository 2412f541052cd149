//! The log of a core: segments, group commit, recovery.
//!
//! On the way of a request this is step "durable": what a partition decided is appended here once, for all groups of the core, and is
//! acknowledged when its flush is done. Those same bytes are the stored item. The bytes are specified in `FORMAT.md`.
//!
//! ```text
//! append ─▶ compressed, sealed ─▶ batch being filled ─▶ committer task ─▶ one flush in flight ─▶ durable() grows, on_durable
//!                   segments, spares  ◀─ prepare task (background)
//! open   ─▶ recovery: plan the end, visit every record of the log, write a mark
//! ```
//!
//! Who only wants to look at a journal that nobody has open takes a [`Survey`] of it, which writes nothing.
//!
//! Segments before the log, the *store*, stay as long as records in them are live; both regions are read by location. One [`Journal`]
//! per core, owned by its worker. Deliberately not here: what a record means (`replication`), when one is dead (`partition`), and which
//! segments are cleaned (the engine).
#![forbid(unsafe_code)]

mod batch;
mod block;
mod coding;
mod committer;
mod directory;
mod error;
mod flush_figures;
mod identity;
mod journal;
mod liveness;
mod padding;
mod position;
mod record;
mod recovery;
mod spares;
mod state;
mod survey;
#[cfg(test)]
mod test_keys;
mod varint;
mod verify;
mod walk;

pub use error::{AppendRefused, JournalError, ReadError, Unopened};
pub use flush_figures::FlushFigures;
pub use journal::{Journal, JournalOptions, SEGMENT_BYTES, Stretch, Visitor};
pub use liveness::{Liveness, RecordSum, SegmentUsage};
pub use padding::{PADDING_COUNT_MAX, Placement};
pub use position::{GroupId, Location, LogIndex, Position, SegmentId, Term};
pub use record::{OwnedRecord, RECORD_PAYLOAD_BYTES_MAX, Record, RecordCopy, RecordKind};
pub use recovery::{RecoveryReport, Tail};
pub use survey::{Found, Survey, SurveyedSegment};
pub use verify::{Finding, Verification, Verified};
pub use walk::{Damage, DamageKind};
