//! What a worker counts. Plain numbers of one core; the server publishes them.

/// Counters since the start of the worker.
#[derive(Clone, Copy, Debug, Default)]
pub struct Metrics {
    /// Requests submitted.
    pub request_count: u64,
    /// Operations that were sent to another core.
    pub forwarded_count: u64,
    /// Requests refused because a limit of the node was reached.
    pub refused_count: u64,
    /// Segments of the journal that were emptied.
    pub cleaned_segment_count: u64,
    /// Items that were deleted because their time was over.
    pub expired_count: u64,
}
