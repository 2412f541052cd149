//! May a request enter? Refused early and cheaply where a limit of the node is reached.

use journal::Journal;
use model::Error;
use model::error::THROTTLED;
use model::table::PartitionId;
use partition::Partition;
use std::collections::HashMap;

/// Messages that may wait for other cores before requests are throttled.
const OUTBOX_MESSAGE_COUNT_MAX: usize = 64 << 10;
/// Turns between two looks at how much memory the partitions hold.
const MEMORY_LOOK_TURN_COUNT: u32 = 256;

/// What a worker may still take in. One a worker.
#[derive(Debug)]
pub(crate) struct Admission {
    memory_bytes_max: u64,
    memory_bytes: u64,
    turn_count: u32,
}

impl Admission {
    /// A worker whose partitions may hold so much in memory.
    pub(crate) fn new(memory_bytes_max: u64) -> Self {
        Self { memory_bytes_max, memory_bytes: 0, turn_count: 0 }
    }

    /// May any request enter?
    ///
    /// # Errors
    /// Throttling while other cores do not keep up.
    pub(crate) fn admit(&self, outbox_message_count: usize) -> Result<(), Error> {
        if outbox_message_count > OUTBOX_MESSAGE_COUNT_MAX { Err(Error::throttling(THROTTLED)) } else { Ok(()) }
    }

    /// May a write be decided? One that removes something may where memory is used up: it is the way out.
    ///
    /// # Errors
    /// ServiceUnavailable when disk or memory is full. (A disk that does not keep up is the partition's to notice.)
    pub(crate) fn admit_write(&self, journal: &Journal, is_removal: bool) -> Result<(), Error> {
        if journal.is_full() {
            return Err(Error::unavailable(
                "The disk is full: writes are refused until there is space again in the data directories, reads go on",
            ));
        }
        if self.memory_bytes > self.memory_bytes_max && !is_removal {
            return Err(Error::unavailable(
                "The memory budget for data is used up: writes are refused, reads and deletes go on; raise --memory, or delete items or tables",
            ));
        }
        Ok(())
    }

    /// Bytes that the partitions held at the last look.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// Looks from time to time at what the partitions hold.
    pub(crate) fn observe(&mut self, partitions: &HashMap<PartitionId, Partition>) {
        if self.turn_count == 0 {
            self.turn_count = MEMORY_LOOK_TURN_COUNT;
            self.memory_bytes = partitions.values().map(|partition| partition.memory_bytes() as u64).sum();
        }
        self.turn_count -= 1;
    }
}
