//! How long things take on a simulated machine.
//!
//! Drawn evenly from a range, with a slow one now and then, so that operations overtake each other. Ranges are near to what a
//! local disk does; nothing is to be concluded from them but order. Owned by the world of one machine.

use super::chance::Chance;
use super::disk::Request;

/// One in so many takes `SLOW_FACTOR` times as long.
const SLOW_ONE_IN: u64 = 50;
const SLOW_FACTOR: u64 = 10;
/// 2 GB/s: half a nanosecond a byte.
const BYTES_PER_NS: u64 = 2;

/// Shortest and longest, in nanoseconds.
type Range = (u64, u64);

const READ_NS: Range = (30_000, 120_000);
const CACHED_WRITE_NS: Range = (10_000, 90_000);
const DURABLE_WRITE_NS: Range = (80_000, 300_000);
const SYNC_NS: Range = (100_000, 500_000);
const METADATA_NS: Range = (5_000, 50_000);
const QUESTION_NS: Range = (1_000, 20_000);
const MESH_NS: Range = (500, 60_000);

/// The stream of durations.
pub(super) struct Timing {
    chance: Chance,
}

impl Timing {
    pub(super) fn new(chance: Chance) -> Timing {
        Timing { chance }
    }

    /// A file operation, in nanoseconds: a plain write goes to a cache, a durable one and a sync to the medium.
    pub(super) fn draw_operation_ns(&mut self, request: &Request) -> u64 {
        let (range, len_bytes) = match request {
            Request::Read { len, .. } => (READ_NS, *len as u64),
            Request::Write { bytes, is_durable: false, .. } => (CACHED_WRITE_NS, bytes.len() as u64),
            Request::Write { bytes, is_durable: true, .. } => (DURABLE_WRITE_NS, bytes.len() as u64),
            Request::Sync { .. } | Request::SyncDirectory { .. } => (SYNC_NS, 0),
            Request::Allocate { .. } | Request::Names(_) => (METADATA_NS, 0),
        };
        self.draw(range) + len_bytes / BYTES_PER_NS
    }

    /// A question to the file system that changes nothing, in nanoseconds.
    pub(super) fn draw_question_ns(&mut self) -> u64 {
        self.draw(QUESTION_NS)
    }

    /// Until a core hears of a batch for it, in nanoseconds.
    pub(super) fn draw_mesh_ns(&mut self) -> u64 {
        self.draw(MESH_NS)
    }

    fn draw(&mut self, (shortest, longest): Range) -> u64 {
        let usual = self.chance.between(shortest, longest);
        if self.chance.once_in(SLOW_ONE_IN) { usual * SLOW_FACTOR } else { usual }
    }
}
