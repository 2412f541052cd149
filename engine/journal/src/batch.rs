//! A batch: the records of the next flush, encoded where the disk will read them.
//!
//! Owned by the state of one core's journal; there are a few per journal and their buffers go round. A batch knows its place in
//! its segment from its beginning, so a record's location is known when it is appended.

use crate::block::{BLOCK_BYTES, ChecksumKey, FlushHeader, FlushKind, HEADER_BYTES, SegmentHeader, chain_next};
use crate::coding::{Origin, Stored};
use crate::position::{Location, Position, SegmentId};
use crate::record::{Record, encoded_bytes_max};
use compression::Code;
use runtime::{Buffer, File};
use security::{KeyPlace, Sealing};
use std::rc::Rc;

/// Where a batch goes.
pub(crate) struct BatchPlace {
    pub(crate) file: File,
    pub(crate) segment: SegmentId,
    pub(crate) key: ChecksumKey,
    /// What the records' keys are derived from, and the code by which they are compressed.
    pub(crate) origin: Origin,
    /// Where in the file the batch's first byte goes.
    pub(crate) offset: u32,
    /// Bytes from there that the batch may use.
    pub(crate) room: usize,
    /// Given when the batch is the first of its segment: its first block.
    pub(crate) segment_header: Option<SegmentHeader>,
}

/// Records on their way to the disk.
///
/// ```text
/// buffer: [segment header block]? [flush header | record | record | ... | zeros to the block]
///                                 ^ flush_at                      ^ used
/// ```
pub(crate) struct Batch {
    place: BatchPlace,
    buffer: Buffer,
    flush_at: usize,
    used: usize,
    capacity: usize,
    /// Of its payloads before they were compressed: what they are in memory.
    plain_bytes: usize,
    sequence: u64,
    record_count: u32,
    chain: u64,
}

/// A batch that is complete: what to write where.
pub(crate) struct Flush {
    pub(crate) file: File,
    pub(crate) segment: SegmentId,
    pub(crate) offset: u32,
    pub(crate) buffer: Buffer,
    /// What `durable()` is once this is written.
    pub(crate) position: Position,
    /// Where the log begins, as it says.
    pub(crate) replay_start: SegmentId,
}

impl Batch {
    /// Begins a batch with the given sequence. `buffer` may hold old bytes.
    pub(crate) fn begin(place: BatchPlace, mut buffer: Buffer, sequence: u64) -> Batch {
        let mut flush_at = 0;
        if let Some(header) = &place.segment_header {
            header.encode(&mut buffer.as_mut_slice()[..BLOCK_BYTES]);
            flush_at = BLOCK_BYTES;
        }
        let capacity = place.room.min(buffer.len());
        let used = flush_at + HEADER_BYTES;
        assert!(used <= capacity, "a batch of {capacity} bytes has no room for its header");
        Batch { place, buffer, flush_at, used, capacity, plain_bytes: 0, sequence, record_count: 0, chain: 0 }
    }

    /// Whether a record with this payload fits, however long its header is, and is not more than may be on its way: what waits for the disk is in
    /// memory, as long as it is when it is not compressed.
    pub(crate) fn has_room_for(&self, payload_bytes: usize) -> bool {
        self.plain_bytes + payload_bytes <= self.buffer.len() && self.fits(payload_bytes)
    }

    fn fits(&self, stored_bytes: usize) -> bool {
        self.used + encoded_bytes_max(stored_bytes) <= self.capacity
    }

    /// What the records' keys are derived from.
    pub(crate) fn key_place(&self) -> KeyPlace {
        self.place.origin.place
    }

    /// By what they are compressed.
    pub(crate) fn code(&self) -> Option<Rc<Code>> {
        self.place.origin.code.open()
    }

    /// Adds a record that there is room for, whose payload lies as `stored`.
    pub(crate) fn push(&mut self, record: &Record<'_>, stored: Stored<'_>, sealing: Sealing<'_>) -> Location {
        assert!(self.fits(stored.bytes.len()), "the record does not fit");
        let offset = self.place.offset + u32::try_from(self.used).expect("a batch is shorter than 4 GiB");
        let out = &mut self.buffer.as_mut_slice()[self.used..];
        let (length, checksum) = record.encode(stored, (self.place.key, sealing), offset, out);
        self.chain = chain_next(self.chain, checksum);
        self.record_count += 1;
        self.used += length;
        self.plain_bytes += record.payload.len().max(stored.bytes.len());
        let len = u32::try_from(stored.bytes.len()).expect("records are shorter than 4 GiB");
        Location { segment: self.place.segment, offset, len }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.record_count == 0
    }

    /// Bytes in use: the padding comes behind them.
    pub(crate) fn used_bytes(&self) -> usize {
        self.used
    }

    /// Bytes that its flush will write.
    pub(crate) fn flush_bytes(&self) -> usize {
        self.used.next_multiple_of(BLOCK_BYTES)
    }

    /// Completes the batch: pads it, writes its header.
    pub(crate) fn finish(mut self, kind: FlushKind, replay_start: SegmentId, position: Position) -> Flush {
        let total = self.flush_bytes();
        let records_bytes = self.used - self.flush_at - HEADER_BYTES;
        self.buffer.as_mut_slice()[self.used..total].fill(0);
        let header = FlushHeader {
            block_count: u32::try_from((total - self.flush_at) / BLOCK_BYTES).expect("a batch is shorter than 4 GiB"),
            epoch: self.place.origin.place.epoch,
            sequence: self.sequence,
            records_bytes: u32::try_from(records_bytes).expect("a batch is shorter than 4 GiB"),
            record_count: self.record_count,
            chain: self.chain,
            replay_start,
            kind,
        };
        let flush_offset = self.place.offset + u32::try_from(self.flush_at).expect("it is zero or one block");
        header.encode(self.place.key, flush_offset, &mut self.buffer.as_mut_slice()[self.flush_at..]);
        self.buffer.truncate(total);
        Flush {
            file: self.place.file,
            segment: self.place.segment,
            offset: self.place.offset,
            buffer: self.buffer,
            position,
            replay_start,
        }
    }
}
