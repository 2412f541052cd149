//! What a core tells the rest of the process about itself: numbers that it alone writes.

use std::sync::atomic::{AtomicU64, Ordering};

/// Figures of one core. Written by that core once a turn, read by the admin address whenever it is asked.
#[derive(Debug, Default)]
pub(crate) struct CoreMetrics {
    figures: [AtomicU64; Figure::ALL.len()],
    /// Of each data directory: errors that its disk has reported.
    io_errors: Vec<AtomicU64>,
}

/// One figure of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    Requests,
    Forwarded,
    Refused,
    Unauthenticated,
    InFlight,
    RequestBytes,
    ReceivedBytes,
    OwedBytes,
    Connections,
    TurnedAway,
    MemoryBytes,
    CacheHits,
    CacheMisses,
    CacheEvictions,
    JournalWaitingBytes,
    JournalFlushes,
    JournalFlushedBytes,
    JournalFlushMicroseconds,
    JournalFlushLongestMicroseconds,
    ParkedOperations,
    DiskReads,
    HeldWrites,
    Flushes,
    Merges,
    BackgroundMicroseconds,
    ExpiredItems,
    ScrubbedBytes,
    Corruptions,
    Stalls,
    StallsOffCpu,
    StallMicroseconds,
    StallLongestMicroseconds,
}

impl Figure {
    /// Every figure, in the order in which it is told.
    pub(crate) const ALL: [Self; 32] = [
        Self::Requests,
        Self::Forwarded,
        Self::Refused,
        Self::Unauthenticated,
        Self::InFlight,
        Self::RequestBytes,
        Self::ReceivedBytes,
        Self::OwedBytes,
        Self::Connections,
        Self::TurnedAway,
        Self::MemoryBytes,
        Self::CacheHits,
        Self::CacheMisses,
        Self::CacheEvictions,
        Self::JournalWaitingBytes,
        Self::JournalFlushes,
        Self::JournalFlushedBytes,
        Self::JournalFlushMicroseconds,
        Self::JournalFlushLongestMicroseconds,
        Self::ParkedOperations,
        Self::DiskReads,
        Self::HeldWrites,
        Self::Flushes,
        Self::Merges,
        Self::BackgroundMicroseconds,
        Self::ExpiredItems,
        Self::ScrubbedBytes,
        Self::Corruptions,
        Self::Stalls,
        Self::StallsOffCpu,
        Self::StallMicroseconds,
        Self::StallLongestMicroseconds,
    ];

    /// Its name without the prefix `stator_`, and what it is.
    pub(crate) fn describe(self) -> (&'static str, &'static str) {
        match self {
            Self::Requests => ("requests", "Requests taken in"),
            Self::Forwarded => ("forwarded", "Operations sent to the core that owns the key"),
            Self::Refused => ("refused", "Requests refused because a limit of the node was reached"),
            Self::Unauthenticated => (
                "unauthenticated",
                "Requests and connections refused for who sent them: no signature, a wrong one, or no such key",
            ),
            Self::InFlight => ("in_flight", "Requests that wait for their reply"),
            Self::RequestBytes => ("request_bytes", "Bytes of the requests that wait for their reply"),
            Self::ReceivedBytes => {
                ("received_bytes", "Bytes of requests on their way in, beyond the first 64 KiB of each connection")
            }
            Self::OwedBytes => (
                "owed_bytes",
                "Bytes of replies that are not sent yet, and that replies in flight are likely to come to",
            ),
            Self::Connections => ("connections", "Open connections"),
            Self::TurnedAway => ("turned_away", "Connections closed at once, for there were as many as there may be"),
            Self::MemoryBytes => ("memory_bytes", "Bytes that data and its cache take in memory"),
            Self::CacheHits => {
                ("cache_hits", "Blocks, index pages and items that the cache had when they were looked for")
            }
            Self::CacheMisses => ("cache_misses", "Blocks, index pages and items that the cache did not have"),
            Self::CacheEvictions => ("cache_evictions", "Blocks, index pages and items that had to leave the cache"),
            Self::JournalWaitingBytes => ("journal_waiting_bytes", "Bytes that wait for their flush"),
            Self::JournalFlushes => ("journal_flushes", "Flushes of the journal, each a durable write"),
            Self::JournalFlushedBytes => ("journal_flushed_bytes", "Bytes that flushes of the journal wrote"),
            Self::JournalFlushMicroseconds => {
                ("journal_flush_microseconds", "Microseconds that flushes of the journal took together")
            }
            Self::JournalFlushLongestMicroseconds => {
                ("journal_flush_longest_microseconds", "Microseconds of the longest flush of the journal")
            }
            Self::ParkedOperations => ("parked_operations", "Operations that had to wait for the disk, each time"),
            Self::DiskReads => ("disk_reads", "Blocks and records read from the disk for operations"),
            Self::HeldWrites => ("held_writes", "Writes that had to wait for a flush, for memory was used up"),
            Self::Flushes => ("flushes", "Flushes of memtables to files"),
            Self::Merges => ("merges", "Merges of files"),
            Self::BackgroundMicroseconds => {
                ("background_microseconds", "Microseconds that flushes, merges, cleaning and the scrub have run")
            }
            Self::ExpiredItems => ("expired_items", "Items deleted because their time was over"),
            Self::ScrubbedBytes => ("scrubbed_bytes", "Bytes on the disk that the scrub has read and checked"),
            Self::Corruptions => {
                ("corruptions", "Reads, of operations and of the scrub, that did not bring what was written")
            }
            Self::Stalls => ("stalls", "Turns that took longer than --stall-threshold-us"),
            Self::StallsOffCpu => {
                ("stalls_off_cpu", "Those of them in which somebody else had the CPU, as far as known")
            }
            Self::StallMicroseconds => ("stall_microseconds", "Microseconds that all stalls took together"),
            Self::StallLongestMicroseconds => ("stall_longest_microseconds", "Microseconds of the longest stall"),
        }
    }

    /// Whether it only grows.
    pub(crate) fn is_counter(self) -> bool {
        match self {
            Self::Requests
            | Self::Forwarded
            | Self::Refused
            | Self::Unauthenticated
            | Self::TurnedAway
            | Self::CacheHits
            | Self::CacheMisses
            | Self::CacheEvictions
            | Self::JournalFlushes
            | Self::JournalFlushedBytes
            | Self::JournalFlushMicroseconds
            | Self::ParkedOperations
            | Self::DiskReads
            | Self::HeldWrites
            | Self::Flushes
            | Self::Merges
            | Self::BackgroundMicroseconds
            | Self::ExpiredItems
            | Self::ScrubbedBytes
            | Self::Corruptions
            | Self::Stalls
            | Self::StallsOffCpu
            | Self::StallMicroseconds => true,
            Self::InFlight
            | Self::RequestBytes
            | Self::ReceivedBytes
            | Self::OwedBytes
            | Self::Connections
            | Self::MemoryBytes
            | Self::JournalWaitingBytes
            | Self::JournalFlushLongestMicroseconds
            | Self::StallLongestMicroseconds => false,
        }
    }
}

impl CoreMetrics {
    /// Nothing counted yet.
    pub(crate) fn new(data_directory_count: usize) -> Self {
        Self { io_errors: (0..data_directory_count).map(|_| AtomicU64::new(0)).collect(), ..Self::default() }
    }

    /// The disk of that data directory has reported so many errors.
    pub(crate) fn set_io_errors(&self, data_directory: usize, count: u64) {
        self.io_errors[data_directory].store(count, Ordering::Relaxed);
    }

    /// How many errors its disk had reported when last set.
    pub(crate) fn io_errors(&self, data_directory: usize) -> u64 {
        self.io_errors[data_directory].load(Ordering::Relaxed)
    }

    /// The figure is now `value`.
    pub(crate) fn set(&self, figure: Figure, value: u64) {
        // Release: pairs with the Acquire in `read`, so that a stopping core sees what the others did before.
        self.figures[figure as usize].store(value, Ordering::Release);
    }

    /// What the figure was when last set.
    pub(crate) fn read(&self, figure: Figure) -> u64 {
        // Acquire: pairs with the Release in `set`.
        self.figures[figure as usize].load(Ordering::Acquire)
    }

    /// Whether the core has no request in flight.
    pub(crate) fn is_quiet(&self) -> bool {
        self.read(Figure::InFlight) == 0
    }
}
