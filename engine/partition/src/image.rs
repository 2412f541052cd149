//! What a memtable holds for a key: where the change lies in the journal, and the item with its size (FORMAT.md).

use crate::items::ItemBytes;
use journal::{Location, SegmentId};
use memtable::{Entry, Found};

const HEADER_BYTES: usize = 16;

/// A value of a memtable, read in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Image<'a> {
    /// The journal record that carries the change.
    pub(crate) location: Location,
    /// The item in its stored encoding; `None` if the change deletes it.
    pub(crate) item: Option<&'a [u8]>,
    /// The item's size as DynamoDB counts it, in bytes; 0 if the change deletes it.
    pub(crate) item_bytes: u32,
}

impl<'a> Image<'a> {
    /// Reads what [`Image::encode`] wrote.
    pub(crate) fn decode(value: &'a [u8]) -> Self {
        let (header, item) =
            value.split_first_chunk::<HEADER_BYTES>().expect("memtable values are written by `encode` alone");
        let [s0, s1, s2, s3, o0, o1, o2, o3, l0, l1, l2, l3, b0, b1, b2, b3] = *header;
        Self {
            location: Location {
                segment: SegmentId(u32::from_le_bytes([s0, s1, s2, s3])),
                offset: u32::from_le_bytes([o0, o1, o2, o3]),
                len: u32::from_le_bytes([l0, l1, l2, l3]),
            },
            item: (!item.is_empty()).then_some(item),
            item_bytes: u32::from_le_bytes([b0, b1, b2, b3]),
        }
    }

    /// The item, if there is one.
    pub(crate) fn into_item(self) -> Option<ItemBytes<'a>> {
        self.item.map(|item| ItemBytes::Memory(item, self.item_bytes))
    }

    /// Writes the value to `out`, replacing what was there.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.location.segment.0.to_le_bytes());
        out.extend_from_slice(&self.location.offset.to_le_bytes());
        out.extend_from_slice(&self.location.len.to_le_bytes());
        out.extend_from_slice(&self.item_bytes.to_le_bytes());
        out.extend_from_slice(self.item.unwrap_or_default());
    }
}

/// What a version of an item's key holds; deletions are images without an item, so that they keep their location.
pub(crate) fn image_of(found: Found<'_>) -> Image<'_> {
    match found.entry {
        Entry::Put(value) => Image::decode(value),
        Entry::Tombstone => panic!("deletions are inserted as images"),
    }
}
