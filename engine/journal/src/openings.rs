//! Who wrote which part of a segment, read from the headers of its flushes: a part of the keys of its records.
//!
//! The walk at a start notes it for the log. A segment of the store is not walked: this is done once for it, when the first of its records is read.

use crate::block::{BLOCK_BYTES, BLOCK_BYTES_U32, FlushHeader};
use crate::recovery::Reader;
use crate::walk::Walk;
use runtime::{File, FileError};

/// Bytes read at a time: a few small flushes, or the header of a large one.
const WINDOW_BYTES: usize = 32 << 10;

/// From which offset on which opening wrote, from the walk's beginning to the first block that is no next flush.
pub(crate) async fn read_openings(file: &File, walk: Walk) -> Result<Vec<(u32, u64)>, FileError> {
    let mut reader = Reader::with_window(file, WINDOW_BYTES);
    let mut openings: Vec<(u32, u64)> = Vec::new();
    let (mut offset, mut sequence) = (walk.offset, walk.sequence);
    while offset < walk.end {
        let window = reader.window(offset, BLOCK_BYTES).await?;
        let Ok(header) = FlushHeader::decode(window, walk.journal_id, offset) else { break };
        if header.epoch != walk.epoch || header.sequence != sequence {
            break;
        }
        if openings.last().is_none_or(|(_, last)| *last != header.opening) {
            openings.push((offset, header.opening));
        }
        // At least the header's block, whatever it says.
        offset = offset.saturating_add(header.block_count.max(1).saturating_mul(BLOCK_BYTES_U32));
        sequence += 1;
    }
    Ok(openings)
}
