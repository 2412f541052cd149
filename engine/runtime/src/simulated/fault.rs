//! What a test can make go wrong at one chosen operation of a simulated disk.
//!
//! Faults are armed on a node's disk and fire once each. The loss of a whole directory is not of one operation (`NodeDisk::lose_directory`), and power
//! cuts are the machine's (`Machine::cut_power_at`).

/// The kinds of operation that faults are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileOperation {
    /// A read of a file.
    Read,
    /// A write to a file, plain or durable.
    Write,
    /// A sync of a file or of a directory.
    Sync,
    /// Create, allocate, rename, remove.
    Metadata,
}

/// What becomes of the chosen operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// It fails with EIO. A write may have landed in part. What a failed sync should have made durable may never be.
    Error,
    /// It fails with EMFILE, and does nothing: too many files are open.
    NoFile,
    /// It is acknowledged and has no effect: a lying disk.
    Lost,
}

/// A fault that waits for its operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct ArmedFault {
    pub(super) operation: FileOperation,
    /// Operations of that kind which pass unharmed before it fires.
    pub(super) remaining_count: u64,
    pub(super) fault: Fault,
}
