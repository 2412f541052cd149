//! How much of each journal segment a file keeps alive (FORMAT.md, "Usage"). Pure.

use crate::bytes::{to_u32, u32_at, u64_at};
use crate::entry::JournalPlace;
use std::collections::BTreeMap;

const HEADER_BYTES: usize = 8;
const SEGMENT_BYTES: usize = 16;

/// What one file keeps alive in one journal segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentUse {
    /// The segment.
    pub segment: u32,
    /// Records in it that the file points to.
    pub record_count: u32,
    /// Their payloads together, in bytes.
    pub payload_bytes: u64,
}

/// Counts what the entries of a file point to.
#[derive(Default)]
pub(crate) struct UsageBuilder {
    segments: BTreeMap<u32, (u32, u64)>,
}

impl UsageBuilder {
    pub(crate) fn add(&mut self, place: JournalPlace) {
        let (record_count, payload_bytes) = self.segments.entry(place.segment).or_default();
        *record_count += 1;
        *payload_bytes += u64::from(place.bytes);
    }

    /// What was counted, by segment.
    pub(crate) fn sums(&self) -> Vec<SegmentUse> {
        let sum = |(segment, (record_count, payload_bytes)): (&u32, &(u32, u64))| SegmentUse {
            segment: *segment,
            record_count: *record_count,
            payload_bytes: *payload_bytes,
        };
        self.segments.iter().map(sum).collect()
    }

    /// The payload; `None` if nothing was pointed to.
    pub(crate) fn finish(&self) -> Option<Vec<u8>> {
        if self.segments.is_empty() {
            return None;
        }
        let payload_bytes = HEADER_BYTES + self.segments.len() * SEGMENT_BYTES;
        let mut bytes = Vec::with_capacity(payload_bytes);
        bytes.extend_from_slice(&to_u32(payload_bytes).to_le_bytes());
        bytes.extend_from_slice(&to_u32(self.segments.len()).to_le_bytes());
        for (segment, (record_count, payload_bytes)) in &self.segments {
            bytes.extend_from_slice(&segment.to_le_bytes());
            bytes.extend_from_slice(&record_count.to_le_bytes());
            bytes.extend_from_slice(&payload_bytes.to_le_bytes());
        }
        Some(bytes)
    }
}

/// Reads a payload; `None` if it is none.
pub(crate) fn decode(bytes: &[u8]) -> Option<Vec<SegmentUse>> {
    if bytes.len() < HEADER_BYTES || u32_at(bytes, 0) as usize != bytes.len() {
        return None;
    }
    let count = u32_at(bytes, 4) as usize;
    let segments = &bytes[HEADER_BYTES..];
    if segments.len() != count * SEGMENT_BYTES {
        return None;
    }
    let read = |bytes: &[u8]| SegmentUse {
        segment: u32_at(bytes, 0),
        record_count: u32_at(bytes, 4),
        payload_bytes: u64_at(bytes, 8),
    };
    Some(segments.chunks_exact(SEGMENT_BYTES).map(read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pointed_to_is_told_by_segment() {
        let mut builder = UsageBuilder::default();
        assert_eq!(builder.finish(), None);
        for (segment, bytes) in [(7, 1), (2, 16), (7, 9)] {
            builder.add(JournalPlace { segment, offset: 9, bytes });
        }
        let payload = builder.finish().unwrap();
        let expected = [
            SegmentUse { segment: 2, record_count: 1, payload_bytes: 16 },
            SegmentUse { segment: 7, record_count: 2, payload_bytes: 10 },
        ];
        assert_eq!(decode(&payload), Some(expected.to_vec()));
        for length in 0..payload.len() {
            assert_eq!(decode(&payload[..length]), None, "cut at {length}");
        }
    }
}
