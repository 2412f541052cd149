//! May a request enter? Refused early and cheaply where a limit of the node is reached.

use journal::Journal;
use model::Error;
use model::error::THROTTLED;

/// Messages that may wait for other cores before requests are throttled.
const OUTBOX_MESSAGE_COUNT_MAX: usize = 64 << 10;

/// May any request enter?
///
/// # Errors
/// Throttling while other cores do not keep up.
pub(crate) fn admit(outbox_message_count: usize) -> Result<(), Error> {
    if outbox_message_count > OUTBOX_MESSAGE_COUNT_MAX { Err(Error::throttling(THROTTLED)) } else { Ok(()) }
}

/// May a write be decided?
///
/// # Errors
/// ServiceUnavailable when the disk is full or no further file may be open, InternalServerError when no data directory can be written. (A disk that does not keep up is the
/// partition's to notice.)
pub(crate) fn admit_write(journal: &Journal, is_disk_full: bool) -> Result<(), Error> {
    if journal.is_failing() {
        return Err(Error::internal(
            "No data directory can be written: writes are refused until one can, reads and deletes go on; the node's log says why",
        ));
    }
    if journal.is_out_of_files() {
        return Err(Error::unavailable(
            "Too many files are open: writes are refused until there is a further one for the journal, reads and deletes go on; the node's log says why",
        ));
    }
    if journal.is_full() || is_disk_full {
        return Err(Error::unavailable(
            "The disk is full: writes are refused until there is space again in the data directories, reads and deletes go on",
        ));
    }
    Ok(())
}

/// What a write is told that would grow memtables which cannot be made smaller.
pub(crate) fn memory_exhausted() -> Error {
    Error::unavailable(
        "Memory is used up and cannot be written to files: writes are refused until it can, reads and deletes go on; the node's log says why",
    )
}

/// May a write be decided that takes something away? It may for as long as what is left of the journal's last segment holds it.
///
/// # Errors
/// ServiceUnavailable or InternalServerError, as for other writes, when that is used up too.
pub(crate) fn admit_removal(journal: &Journal) -> Result<(), Error> {
    if journal.has_room_for_removals() {
        return Ok(());
    }
    if journal.is_failing() {
        return Err(Error::internal(
            "No data directory can be written: writes and deletes are refused until one can, reads go on; the node's log says why",
        ));
    }
    if journal.is_out_of_files() {
        return Err(Error::unavailable(
            "Too many files are open: writes and deletes are refused until there is a further one for the journal, reads go on; the node's log says why",
        ));
    }
    Err(Error::unavailable(
        "The disk is full: writes and deletes are refused until there is space again in the data directories, reads go on",
    ))
}
