//! Makes the payload of a data block: entries in, bytes out. Synchronous state, used again for block after block.

use crate::block::{HEADER_BYTES, INTERVAL_BYTES, INTERVAL_ENTRY_COUNT};
use crate::bytes::{put, to_u32};
use crate::entry::{Entry, StoredEntry};
use crate::seal::{SEAL_BYTES, UNIT_BYTES, units_for};
use crate::stored_key::StoredKey;

/// A data block that is being filled. One a file in the making.
#[derive(Default)]
pub(crate) struct BlockBuilder {
    /// The header's room, then the entries.
    bytes: Vec<u8>,
    intervals: Vec<u32>,
    /// First key of the interval.
    head: Vec<u8>,
    entry_count: usize,
    base: u64,
    /// Payload bytes that the block may have: what its first entry needs, up to the end of a unit.
    capacity_bytes: usize,
}

impl BlockBuilder {
    pub(crate) fn is_empty(&self) -> bool {
        self.entry_count == 0
    }

    /// Adds an entry behind the others. Returns false, and changes nothing, if it does not fit; the first one always does.
    pub(crate) fn try_push(&mut self, key: &[u8], entry: Entry<'_>) -> bool {
        if self.entry_count == usize::from(u16::MAX) {
            return false;
        }
        if self.is_empty() {
            self.bytes.clear();
            self.bytes.resize(HEADER_BYTES, 0);
            self.intervals.clear();
            self.base = entry.version;
        }
        let start = self.bytes.len();
        let begins_interval = self.entry_count.is_multiple_of(INTERVAL_ENTRY_COUNT);
        let stored_key = if begins_interval { StoredKey::head(key) } else { StoredKey::behind(&self.head, key) };
        StoredEntry { key: stored_key, entry }.encode(self.base, &mut self.bytes);
        let payload_bytes = self.payload_bytes() + if begins_interval { INTERVAL_BYTES } else { 0 };
        if self.is_empty() {
            self.capacity_bytes = units_for(payload_bytes) * UNIT_BYTES - SEAL_BYTES;
        } else if payload_bytes > self.capacity_bytes {
            self.bytes.truncate(start);
            return false;
        }
        if begins_interval {
            self.intervals.push(to_u32(start));
            self.head.clear();
            self.head.extend_from_slice(key);
        }
        self.entry_count += 1;
        true
    }

    /// Completes the payload. The builder is empty afterwards; the bytes stay until the next entry.
    pub(crate) fn finish(&mut self) -> &[u8] {
        let payload_bytes = self.payload_bytes();
        let interval_count = u16::try_from(self.intervals.len()).expect("fewer intervals than entries");
        let entry_count = u16::try_from(self.entry_count).expect("refused before");
        put(&mut self.bytes, 0, &to_u32(payload_bytes).to_le_bytes());
        put(&mut self.bytes, 4, &interval_count.to_le_bytes());
        put(&mut self.bytes, 6, &entry_count.to_le_bytes());
        put(&mut self.bytes, 8, &self.base.to_le_bytes());
        for interval in &self.intervals {
            self.bytes.extend_from_slice(&interval.to_le_bytes());
        }
        assert!(self.bytes.len() == payload_bytes && payload_bytes <= self.capacity_bytes);
        self.entry_count = 0;
        &self.bytes
    }

    fn payload_bytes(&self) -> usize {
        self.bytes.len() + self.intervals.len() * INTERVAL_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Block;
    use crate::entry::Content;
    use fastrand::Rng;
    use std::collections::BTreeMap;
    use xxhash_rust::xxh3::xxh3_64;

    /// Sorted keys that share much or little with each other; every third one begins with its hash.
    fn keys(random: &mut Rng, count: usize) -> Vec<Vec<u8>> {
        let mut keys: BTreeMap<Vec<u8>, ()> = BTreeMap::new();
        while keys.len() < count {
            let length = random.usize(0..12);
            let key: Vec<u8> = (0..length).map(|_| random.u8(0..3)).collect();
            let hash = xxh3_64(&key).to_be_bytes();
            keys.insert(if random.u8(0..3) == 0 { [&hash, key.as_slice()].concat() } else { key }, ());
        }
        keys.into_keys().collect()
    }

    fn entry(number: usize, value: &[u8]) -> Entry<'_> {
        let item_bytes = u32::try_from(number).unwrap();
        let content = if number.is_multiple_of(3) { Content::Tombstone } else { Content::Inline { item_bytes, value } };
        Entry { version: (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (number % 64), content }
    }

    fn build(keys: &[Vec<u8>]) -> Vec<u8> {
        let mut builder = BlockBuilder::default();
        for (number, key) in keys.iter().enumerate() {
            assert!(builder.try_push(key, entry(number, &key[..key.len() / 2])));
        }
        builder.finish().to_vec()
    }

    #[test]
    fn every_key_is_found_and_no_other() {
        let mut random = Rng::with_seed(1);
        for count in 1..120 {
            let all = keys(&mut random, count * 2);
            let held: Vec<Vec<u8>> = all.iter().skip(count % 2).step_by(2).cloned().collect();
            let block = Block::decode(build(&held).into()).unwrap();
            for (number, key) in held.iter().enumerate() {
                let entry = Some(entry(number, &key[..key.len() / 2]));
                assert_eq!((block.seek(key), block.find(key)), ((number, entry), entry), "{key:?} in {held:?}");
            }
            for key in all.iter().filter(|key| !held.contains(key)) {
                let place = held.partition_point(|held| held < key);
                assert_eq!((block.seek(key), block.find(key)), ((place, None), None), "{key:?} in {held:?}");
            }
        }
    }

    #[test]
    fn a_block_is_full_at_the_end_of_its_units() {
        let mut builder = BlockBuilder::default();
        let value = [7; 5000];
        let content = Content::Inline { item_bytes: 1, value: &value };
        assert!(builder.try_push(b"a", Entry { version: 1, content }));
        assert!(
            !builder.try_push(b"b", Entry { version: 1, content }),
            "it takes two units, which the first has filled"
        );
        let small = Content::Inline { item_bytes: 1, value: &value[..3000] };
        assert!(builder.try_push(b"b", Entry { version: 1, content: small }), "what was refused has left nothing");
        let payload = builder.finish().to_vec();
        assert!(payload.len() > 8000 && payload.len() <= 2 * UNIT_BYTES - SEAL_BYTES);
        let block = Block::decode(payload.into()).unwrap();
        assert_eq!(block.find(b"b"), Some(Entry { version: 1, content: small }));
        assert!(builder.is_empty());
    }

    /// Whatever is decoded can be searched and walked.
    fn try_all(bytes: &[u8], keys: &[Vec<u8>]) -> bool {
        let Ok(block) = Block::decode(bytes.into()) else { return false };
        for key in keys {
            block.find(key);
            block.seek(key);
        }
        let mut cursor = crate::block_cursor::BlockCursor::new(std::rc::Rc::new(block));
        for number in (0..cursor.entry_count()).rev() {
            cursor.place_at(number);
            assert!(cursor.entry().version.wrapping_add(1) != 0 || !cursor.key().is_empty() || number == 0);
        }
        true
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let mut random = Rng::with_seed(7);
        let keys = keys(&mut random, 60);
        let good = build(&keys);
        for length in 0..good.len() {
            assert!(Block::decode(good[..length].into()).is_err(), "cut at {length}");
        }
        let mut passed_count = 0;
        for _ in 0..40_000 {
            let mut bytes = good.clone();
            for _ in 0..random.usize(1..4) {
                let place = random.usize(..bytes.len());
                bytes[place] = random.u8(..);
            }
            passed_count += u32::from(try_all(&bytes, &keys));
        }
        assert!(passed_count > 100, "some changes leave a block: {passed_count}");
        for _ in 0..10_000 {
            let mut bytes: Vec<u8> = (0..random.usize(0..100)).map(|_| random.u8(..)).collect();
            if bytes.len() >= 8 && random.bool() {
                let length = to_u32(bytes.len());
                put(&mut bytes, 0, &length.to_le_bytes());
                put(&mut bytes, 4, &[1, 0, random.u8(..3), 0]);
            }
            try_all(&bytes, &keys);
        }
    }
}
