//! What a memtable takes, its bound, and when it gives its memory back: measured by counting what is allocated.
#![cfg(not(loom))]

use memtable::{Entry, InsertRefused, KEY_BYTES_MAX, Memtable, MemtableOptions, SetPublisher, SpareChunks, Writer};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex, MutexGuard};
use std::thread;

struct Counting;

static HELD_BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: hands everything on to the system's allocator, unchanged, and counts beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD_BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD_BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The tests of this file measure one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What the test harness itself may come to hold or let go during a measurement.
const NOISE_BYTES_MAX: usize = 16 << 10;

fn held_bytes() -> usize {
    HELD_BYTES.load(Ordering::Relaxed)
}

fn options(bytes_max: usize) -> MemtableOptions {
    MemtableOptions { bytes_max, seed: 1 }
}

/// Inserts keys of `key_bytes`, spread, with empty values until the table is full; returns how many.
fn fill(writer: &mut Writer, key_bytes: usize) -> usize {
    for version in 0.. {
        let mut key = vec![0; key_bytes];
        key[..8].copy_from_slice(&version_hash(version).to_be_bytes());
        match writer.insert(writer.tagged(&key), version, Entry::Put(&[])) {
            Ok(_) => {}
            Err(refused) => {
                assert_eq!(refused, InsertRefused::Full);
                return usize::try_from(version).expect("bounded by memory");
            }
        }
    }
    unreachable!("a memtable is bounded")
}

fn version_hash(version: u64) -> u64 {
    version.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A table of a few hundred kilobytes, so that its going shows.
fn filled() -> (Writer, memtable::Reader) {
    let (mut writer, reader) = Memtable::new(options(512 << 10));
    assert!(fill(&mut writer, 24) > 1000);
    (writer, reader)
}

const FILLED_BYTES: usize = 500 << 10;

#[test]
fn an_almost_empty_memtable_is_small() {
    let _alone = alone();
    let before = held_bytes();
    let (mut writer, _reader) = Memtable::new(options(16 << 20));
    assert!(writer.bytes() < 1 << 10, "{} bytes when empty", writer.bytes());
    writer.insert(writer.tagged(b"key"), 1, Entry::Put(b"value")).unwrap();
    assert!(writer.bytes() < 5 << 10, "{} bytes with one entry", writer.bytes());
    let told = writer.bytes() + writer.index_bytes();
    assert!(told.abs_diff(held_bytes() - before) < NOISE_BYTES_MAX, "what it tells is what it holds");
}

#[test]
fn the_overhead_of_a_key_is_at_most_40_bytes_and_64_with_the_index() {
    let _alone = alone();
    for bytes_max in [64 << 10, 4 << 20, 16 << 20] {
        let before = held_bytes();
        let (mut writer, _reader) = Memtable::new(options(bytes_max));
        let count = fill(&mut writer, 24);
        let held = held_bytes() - before;
        let told = writer.bytes() + writer.index_bytes();
        assert!(writer.bytes() <= bytes_max + NOISE_BYTES_MAX, "{} bytes of {bytes_max}", writer.bytes());
        assert!(told.abs_diff(held) < NOISE_BYTES_MAX, "{told} told, {held} held");
        let overhead = writer.bytes() as f64 / count as f64 - 24.0;
        let with_index = told as f64 / count as f64 - 24.0;
        println!("{bytes_max} bytes: {count} keys, {overhead:.1} bytes beside each, {with_index:.1} with the index");
        assert!(overhead <= 40.0, "{overhead} bytes beside each key of {bytes_max}");
        assert!(with_index <= 64.0, "{with_index} bytes beside each key of {bytes_max}, the index included");
    }
}

#[test]
fn what_never_fits_is_told_from_what_does_not_fit_now() {
    let _alone = alone();
    let (mut writer, reader) = Memtable::new(options(64 << 10));
    assert_eq!(writer.insert(writer.tagged(b"key"), 1, Entry::Put(&vec![0; 64 << 10])), Err(InsertRefused::TooLarge));
    assert_eq!(
        writer.insert(writer.tagged(&vec![0; KEY_BYTES_MAX + 1]), 1, Entry::Tombstone),
        Err(InsertRefused::TooLarge)
    );
    assert!(reader.is_empty());
    let large = vec![7; 20 << 10];
    writer.insert(writer.tagged(b"a"), 1, Entry::Put(&large)).unwrap();
    assert_eq!(writer.insert(writer.tagged(b"b"), 2, Entry::Put(&large)), Err(InsertRefused::Full));
    assert_eq!(reader.get(b"a", 1), Some(Entry::Put(&large)));
    assert_eq!(reader.get(b"b", 2), None);

    // The largest item that DynamoDB has goes into the smallest memtable that partitions make.
    let (mut writer, reader) = Memtable::new(options(4 << 20));
    let item = vec![9; 410 << 10];
    for version in 0..6 {
        writer.insert(writer.tagged(b"large"), version, Entry::Put(&item)).unwrap();
    }
    assert_eq!(reader.get(b"large", 3), Some(Entry::Put(&item)));
}

#[test]
fn memtables_live_of_what_earlier_ones_have_left_and_the_rest_goes_chunk_by_chunk() {
    const TABLE_BYTES: usize = 6 << 20;
    let _alone = alone();
    let before = held_bytes();
    let spare = SpareChunks::keeping();
    let filled = || {
        let (mut writer, _) = Memtable::with_spare(options(TABLE_BYTES), spare.clone());
        assert!(fill(&mut writer, 24) > 1000);
        writer
    };
    drop(filled());
    let kept = spare.bytes();
    assert!(kept > TABLE_BYTES - (2 << 20) && kept <= TABLE_BYTES, "{kept} bytes of {TABLE_BYTES} kept");
    let next = filled();
    assert_eq!(spare.bytes(), 0, "the next one has all of it");
    let held = held_bytes() - before;
    assert!(held.abs_diff(next.bytes() + next.index_bytes()) < NOISE_BYTES_MAX, "{held} held");
    drop(next);
    let mut left = spare.bytes();
    while left > 1 << 20 {
        spare.release_above(1 << 20);
        assert!(left - spare.bytes() <= 2 << 20, "one chunk at a time");
        assert!(spare.bytes() < left, "one each time");
        left = spare.bytes();
    }
    spare.release_above(1 << 20);
    assert_eq!(spare.bytes(), left, "what may stay stays");
    drop(spare);
    assert!(held_bytes().abs_diff(before) < NOISE_BYTES_MAX, "the last handle gives back what is left");
}

#[test]
fn the_last_handle_gives_all_memory_back() {
    let _alone = alone();
    let before = held_bytes();
    let (writer, reader) = filled();
    let other = reader.clone();
    drop(writer);
    drop(reader);
    assert!(held_bytes() - before > FILLED_BYTES, "held by a reader");
    thread::scope(|scope| {
        scope.spawn(move || {
            let count = other.range(memtable::KeySpan::ALL, 0).forward().count();
            assert_eq!(count, 1, "the key of version 0 is still there");
        });
    });
    assert!(held_bytes().saturating_sub(before) < NOISE_BYTES_MAX, "{} bytes left", held_bytes() - before);
}

#[test]
fn a_replaced_set_is_dropped_after_its_last_reader() {
    let _alone = alone();
    // What epochs take for themselves when they are first used is theirs for good.
    drop(SetPublisher::new(Vec::new()).reader().pin());
    let before = held_bytes();
    let (writer, reader) = filled();
    drop(writer);
    let mut publisher = SetPublisher::new(vec![reader]);
    let set = publisher.reader();
    let (is_pinned, may_unpin) = (Barrier::new(2), Barrier::new(2));
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            let pinned = set.pin();
            is_pinned.wait();
            may_unpin.wait();
            assert_eq!(pinned.len(), 1, "the set of the moment when it was pinned");
            assert!(pinned[0].range(memtable::KeySpan::ALL, u64::MAX).forward().count() > 1000);
            drop(pinned);
            assert_eq!(set.pin().len(), 0);
        });
        is_pinned.wait();
        publisher.publish(Vec::new());
        for _ in 0..1000 {
            publisher.reclaim();
        }
        assert!(held_bytes() - before > FILLED_BYTES, "dropped under a reader");
        may_unpin.wait();
        // The end of the scope does not wait for what a thread lets go after its last statement: its place among those who may be pinned.
        other.join().expect("it does not panic");
    });
    // Nobody is pinned: a few turns of the epoch, and it is gone.
    let mut turn_count = 0;
    while held_bytes().saturating_sub(before) > NOISE_BYTES_MAX {
        publisher.reclaim();
        turn_count += 1;
        assert!(turn_count < 10, "{} bytes left", held_bytes() - before);
    }
}
