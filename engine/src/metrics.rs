//! What a worker counts. Plain numbers of one core; the server publishes them.

/// Counters since the start of the worker.
#[derive(Clone, Copy, Debug, Default)]
pub struct Metrics {
    /// Requests submitted.
    pub request_count: u64,
    /// Operations that were sent to another core.
    pub forwarded_count: u64,
    /// Requests, and parts of requests over several partitions, refused because a limit of the node was reached.
    pub refused_count: u64,
    /// Operations that had to wait for the disk.
    pub parked_count: u64,
    /// Blocks and records that were read for them.
    pub read_count: u64,
    /// Writes that had to wait for memory.
    pub held_count: u64,
    /// Flushes of memtables that are done.
    pub flush_count: u64,
    /// Merges of files that are done.
    pub merge_count: u64,
    /// Items that were deleted because their time was over.
    pub expired_count: u64,
    /// Bytes that the scrub has read and checked.
    pub scrubbed_bytes: u64,
    /// Reads, of operations and of the scrub, that did not bring what was written. A disk that cannot be read is not of them (`Engine::io_error_counts`). The same damage counts each time that it is met.
    pub corruption_count: u64,
    /// Errors that the disks of all data directories have reported.
    pub io_error_count: u64,
}
