//! One writer, several readers on threads of their own: what they see is only ever what was inserted, sorted, and
//! never less than before.
#![cfg(not(loom))]

use memtable::{Direction, Entry, Found, KeySpan, Memtable, MemtableOptions, Reader};
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

const ENTRY_COUNT: u64 = 18_000;
const READER_COUNT: u64 = 2;
/// Later entries overwrite keys of earlier ones: each key gets three versions.
const KEY_COUNT: u64 = ENTRY_COUNT / 3;

/// The key of a number; distinct for each.
fn key(number: u64, is_hashed: bool) -> Vec<u8> {
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let first = if is_hashed { spread } else { 7 };
    [first.to_be_bytes(), spread.to_be_bytes(), number.to_be_bytes()].concat()
}

/// The number that the entry of `version` belongs to.
fn number(version: u64) -> u64 {
    version % KEY_COUNT
}

/// A value that tells its version, of a length that depends on it, so that a torn one shows.
fn value(version: u64) -> Vec<u8> {
    let length = 8 + usize::try_from(version % 61).expect("small");
    version.to_be_bytes().into_iter().cycle().take(length).collect()
}

/// The entry of `version`: every 16th is a tombstone.
fn check_whole(found: Found<'_>, is_hashed: bool) {
    assert!(found.version < ENTRY_COUNT);
    assert_eq!(found.key, key(number(found.version), is_hashed));
    let expect = value(found.version);
    let expect = if found.version.is_multiple_of(16) { Entry::Tombstone } else { Entry::Put(&expect) };
    assert_eq!(found.entry, expect);
}

/// Every version up to `done` is there; those after it may be.
fn check_get(reader: &Reader, done: u64, is_hashed: bool, random: &mut fastrand::Rng) {
    if done == 0 {
        return;
    }
    let version = random.u64(..done);
    let sought = key(number(version), is_hashed);
    let exact = reader.find(&sought, version).expect("inserted before");
    assert_eq!(exact.version, version);
    check_whole(exact, is_hashed);
    let newest = reader.find(&sought, u64::MAX).expect("inserted before");
    assert!(newest.version >= version);
    check_whole(newest, is_hashed);
    assert_eq!(reader.find(&key(KEY_COUNT + version, is_hashed), u64::MAX), None);
}

/// A walk as of `done` sees exactly the keys inserted by then; one as of now at least those.
fn check_walk(reader: &Reader, done: u64, is_hashed: bool, direction: Direction) {
    for at in [done.saturating_sub(1), u64::MAX] {
        let mut last: Option<&[u8]> = None;
        let mut count = 0;
        for found in reader.range(KeySpan::ALL, at).walk(direction) {
            check_whole(found, is_hashed);
            let is_sorted = last.is_none_or(|last| match direction {
                Direction::Forward => last < found.key,
                Direction::Reverse => last > found.key,
            });
            assert!(is_sorted, "{last:?} {found:?}");
            last = Some(found.key);
            count += u64::from(number(found.version) < done.min(KEY_COUNT));
        }
        assert_eq!(count, done.min(KEY_COUNT), "keys at {at}");
    }
}

fn read_until_full(reader: &Reader, done: &AtomicU64, is_hashed: bool, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut seen = 0;
    while seen < ENTRY_COUNT {
        // Acquire: pairs with the Release of the writing thread.
        seen = done.load(Ordering::Acquire);
        for _ in 0..50 {
            check_get(reader, seen, is_hashed, &mut random);
        }
        let direction = if random.bool() { Direction::Forward } else { Direction::Reverse };
        check_walk(reader, seen, is_hashed, direction);
        // A short walk from the middle, while the writer goes on.
        let (lower, upper) = (key(random.u64(..KEY_COUNT), is_hashed), key(random.u64(..KEY_COUNT), is_hashed));
        let span = KeySpan { lower: Bound::Excluded(&lower), upper: Bound::Included(&upper) };
        for found in reader.range(span, u64::MAX).walk(direction).take(100) {
            assert!(found.key > lower.as_slice() && found.key <= upper.as_slice());
            check_whole(found, is_hashed);
        }
    }
    assert_eq!(reader.len() as u64, ENTRY_COUNT);
}

#[test]
fn readers_see_only_whole_entries_in_order_and_never_fewer() {
    for (is_hashed, seed) in [(true, 1), (false, 2), (true, 3)] {
        println!("hashed {is_hashed} seed {seed}");
        let (mut writer, reader) = Memtable::new(MemtableOptions { bytes_max: 16 << 20, seed });
        let done = AtomicU64::new(0);
        thread::scope(|scope| {
            for number in 0..READER_COUNT {
                let (reader, done) = (reader.clone(), &done);
                scope.spawn(move || read_until_full(&reader, done, is_hashed, seed * 100 + number));
            }
            for version in 0..ENTRY_COUNT {
                let value = value(version);
                let entry = if version.is_multiple_of(16) { Entry::Tombstone } else { Entry::Put(&value) };
                writer.insert(writer.tagged(&key(number(version), is_hashed)), version, entry).unwrap();
                // Release: pairs with the Acquire of the reading threads.
                done.store(version + 1, Ordering::Release);
            }
        });
    }
}
