//! Who wrote a segment, read from the header of its first flush: a part of the keys of its records.
//!
//! The walk at a start notes it for the log. A segment of the store is not walked: this is done once for it, when the first of its records is read. Later
//! openings put no records into it (FORMAT.md, "Writing").

use crate::block::{BLOCK_BYTES, FlushHeader};
use crate::walk::Walk;
use runtime::{File, FileError};

/// Who wrote the first flush of the segment at whose beginning the walk stands; `None` if there is none.
pub(crate) async fn read_opening(file: &File, walk: &Walk) -> Result<Option<u64>, FileError> {
    let block = file.read_at(u64::from(walk.offset), BLOCK_BYTES).await?;
    let header = FlushHeader::decode(block.as_slice(), walk.journal_id, walk.offset).ok();
    let header = header.filter(|header| header.epoch == walk.epoch && header.sequence == walk.sequence);
    Ok(header.map(|header| header.opening))
}
