//! What a key takes in a memtable beside its value: node, tower and key in the arena, and the slots by which the owner finds keys.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use fastrand::Rng;
use memtable::{Entry, InsertRefused, Memtable, MemtableOptions};

/// Bytes of a key, and of memory that it may take.
const KEY_BYTES: usize = 24;
const BYTES_PER_KEY_MAX: f64 = 64.0;

#[test]
fn a_key_of_24_bytes_takes_64_bytes_at_most_in_a_full_memtable() {
    for bytes_max in [4_usize << 20, 16 << 20] {
        let (mut writer, _reader) = Memtable::new(MemtableOptions { bytes_max, seed: 1 });
        let mut random = Rng::with_seed(1);
        let mut key = [0; KEY_BYTES];
        for version in 1.. {
            random.fill(&mut key);
            match writer.insert(writer.tagged(&key), version, Entry::Put(&[])) {
                Ok(_) => {}
                Err(InsertRefused::Full) => break,
                Err(error) => panic!("{error}"),
            }
        }
        let each = (writer.bytes() + writer.index_bytes()) as f64 / writer.len() as f64;
        println!("{} keys in {bytes_max} bytes: {each:.1} bytes a key", writer.len());
        assert!(each <= BYTES_PER_KEY_MAX, "{each:.1} bytes a key");
    }
}
