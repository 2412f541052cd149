//! Memory is asked for of keys that are there and of keys that are not, in tables of all sizes; what is found afterwards is as it was.
#![cfg(not(loom))]

use memtable::{Entry, Memtable, MemtableOptions, PrefetchStep};

fn key(number: u32) -> Vec<u8> {
    let hash = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // Every fourth begins as the one before it: only the rest of the key tells them apart.
    let hash = if number.is_multiple_of(4) {
        hash
    } else {
        u64::from(number).wrapping_sub(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    };
    [&hash.to_be_bytes()[..], &number.to_be_bytes()].concat()
}

#[test]
fn memory_is_asked_for_where_a_key_is_and_where_it_would_be() {
    let (mut writer, reader) = Memtable::new(MemtableOptions { bytes_max: 16 << 20, seed: 7 });
    for first in (0..20_000_u32).step_by(16) {
        let new: Vec<_> = (first..first + 16).map(key).collect();
        let keys: [_; 16] = std::array::from_fn(|number| Some(writer.tagged(&new[number])));
        for key in keys.into_iter().flatten() {
            assert!(!writer.prefetch(key.tag, PrefetchStep::Slot), "a slot tells nothing");
        }
        writer.prefetch_new(keys);
        for (place, key) in keys.into_iter().flatten().enumerate() {
            // Later versions: the newest is not the key's node.
            for version in 0..=u64::from(first % 3) {
                writer
                    .insert(key, u64::from(first) * 100 + version * 20 + place as u64, Entry::Put(b"value"))
                    .expect("room");
            }
            assert!([PrefetchStep::Key, PrefetchStep::Newest].iter().all(|step| writer.prefetch(key.tag, *step)));
        }
        writer.prefetch_new(keys);
    }
    for number in 0..20_000 {
        let (newest, found) = (writer.find_newest(writer.tagged(&key(number))), reader.find(&key(number), u64::MAX));
        assert!(newest.is_some() && newest == found);
    }
    let absent = (20_000..24_000).filter(|number| writer.prefetch(writer.tagged(&key(*number)).tag, PrefetchStep::Key));
    assert!(absent.count() < 4, "tags of 32 bits are rarely alike");
}
