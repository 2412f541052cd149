//! The memtable's skiplist and its published set under loom, each model with the controls that have to fail.
#![cfg(loom)]

use loom::thread;
use memtable::{Direction, Entry, Found, KeySpan, Memtable, MemtableOptions, Reader, SetPublisher, Writer};
use std::process::Command;

/// How often a model with an epoch in it may switch away from a thread that could go on: each one more takes ten times
/// as long. The skiplist's own models have no such bound.
const PREEMPTIONS_MAX: usize = 2;

fn model(preemptions_max: Option<usize>, body: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions_max;
    builder.check(body);
}

/// What loom says when plain memory is read that is written without an order between the two.
const RACE: &str = "Causality violation";
/// What the arena says when a link is seen and the chunk behind it is not.
const NO_CHUNK: &str = "a place in a chunk that is not there";

/// Runs the model `name` of this file in a process of its own with the order `weakened`: it has to fail, and for this
/// `reason`.
fn control(name: &str, weakened: &str, reason: &str) {
    let program = std::env::current_exe().expect("a test knows its program");
    let output = Command::new(program)
        .args(["--exact", name, "--test-threads", "1", "--nocapture"])
        .env("MEMTABLE_WEAKEN", weakened)
        .output()
        .expect("a test can be run again");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("running 1 test"), "no model {name}: {said}");
    assert!(!output.status.success(), "{name} passes although {weakened} is weakened");
    assert!(said.contains(reason), "{name} fails without {weakened}, but not by {reason}: {said}");
}

/// A memtable whose towers are as high as the seed says: 2 gives high ones, 1 low ones, for the first inserts.
fn memtable(seed: u64) -> (Writer, Reader) {
    Memtable::new(MemtableOptions { bytes_max: 4 << 10, seed })
}

const SEEDS: [u64; 2] = [1, 2];

fn put(writer: &mut Writer, key: &[u8], version: u64) {
    writer.insert(writer.tagged(key), version, Entry::Put(key)).expect("room for a few entries");
}

fn check_whole(found: Found<'_>) {
    assert_eq!(found.entry, Entry::Put(found.key));
}

#[test]
fn insert_against_get() {
    for seed in SEEDS {
        model(None, move || {
            let (mut writer, reader) = memtable(seed);
            put(&mut writer, b"before", 1);
            let reading = thread::spawn(move || {
                if let Some(found) = reader.find(b"key", 1) {
                    assert_eq!((found.key, found.version), (b"key".as_slice(), 1));
                    check_whole(found);
                }
            });
            put(&mut writer, b"key", 1);
            assert_eq!(writer.get(b"key", 1), Some(Entry::Put(b"key")));
            reading.join().expect("the reader ends");
        });
    }
}

#[test]
fn insert_against_get_needs_release() {
    control("insert_against_get", "link", RACE);
}

#[test]
fn insert_against_get_needs_acquire() {
    control("insert_against_get", "follow", RACE);
}

/// One entry before, one inserted meanwhile on either side of it or over it: a walk sees the first, whole and in order.
fn insert_against_walk(direction: Direction) {
    for (seed, key) in [(1, b"a"), (1, b"b"), (1, b"c"), (2, b"a"), (2, b"c")] {
        model(None, move || {
            let (mut writer, reader) = memtable(seed);
            put(&mut writer, b"b", 1);
            let reading = thread::spawn(move || {
                let walked: Vec<Found<'_>> = reader.range(KeySpan::ALL, u64::MAX).walk(direction).collect();
                walked.iter().for_each(|found| check_whole(*found));
                let is_sorted = match direction {
                    Direction::Forward => walked.is_sorted_by(|left, right| left.key < right.key),
                    Direction::Reverse => walked.is_sorted_by(|left, right| left.key > right.key),
                };
                assert!(is_sorted, "{walked:?}");
                assert!(walked.iter().any(|found| found.key == b"b"), "{walked:?}");
            });
            put(&mut writer, key, 2);
            reading.join().expect("the reader ends");
        });
    }
}

#[test]
fn insert_against_forward_walk() {
    insert_against_walk(Direction::Forward);
}

#[test]
fn insert_against_reverse_walk() {
    insert_against_walk(Direction::Reverse);
}

#[test]
fn insert_against_walks_needs_release() {
    control("insert_against_forward_walk", "link", RACE);
    control("insert_against_reverse_walk", "link", RACE);
}

#[test]
fn insert_against_walks_needs_acquire() {
    control("insert_against_forward_walk", "follow", RACE);
    control("insert_against_reverse_walk", "follow", RACE);
}

/// Who sees the later of two entries sees the earlier: other keys on either side, and a newer version of one.
#[test]
fn two_inserts_are_seen_in_order() {
    for seed in SEEDS {
        for (first, second) in [(b"a", b"b"), (b"b", b"a"), (b"a", b"a")] {
            model(None, move || {
                let (mut writer, reader) = memtable(seed);
                let reading = thread::spawn(move || {
                    let later = reader.find(second, 2).filter(|found| found.version == 2);
                    let earlier = reader.find(first, 1);
                    later.into_iter().chain(earlier).for_each(check_whole);
                    assert!(later.is_none() || earlier.is_some(), "the second without the first");
                });
                put(&mut writer, first, 1);
                put(&mut writer, second, 2);
                reading.join().expect("the reader ends");
            });
        }
    }
}

#[test]
fn two_inserts_need_release() {
    control("two_inserts_are_seen_in_order", "link", NO_CHUNK);
}

#[test]
fn two_inserts_need_acquire() {
    control("two_inserts_are_seen_in_order", "follow", NO_CHUNK);
}

/// A set that is replaced and given up while another core looks into it: what that core has pinned stays whole.
#[test]
fn replacing_a_set_against_its_readers() {
    model(Some(PREEMPTIONS_MAX), || {
        let (mut writer, reader) = memtable(1);
        put(&mut writer, b"old", 1);
        drop(writer);
        let mut publisher = SetPublisher::new(vec![reader]);
        let set = publisher.reader();
        let reading = thread::spawn(move || {
            let pinned = set.pin();
            let found = memtable::find_newest(&pinned, b"old", u64::MAX);
            found.into_iter().for_each(check_whole);
            assert_eq!(found.is_some(), pinned.len() == 1);
        });
        publisher.publish(Vec::new());
        publisher.reclaim();
        reading.join().expect("the reader ends");
    });
}

#[test]
fn replacing_a_set_needs_to_wait_for_readers() {
    control("replacing_a_set_against_its_readers", "retire", RACE);
}

/// A memtable that is filled, then published: who sees the set sees what is in it.
#[test]
fn publishing_a_set_shows_what_is_in_it() {
    model(Some(PREEMPTIONS_MAX), || {
        let mut publisher = SetPublisher::new(Vec::new());
        let set = publisher.reader();
        let reading = thread::spawn(move || {
            let pinned = set.pin();
            if let [table] = &*pinned {
                check_whole(table.find(b"new", u64::MAX).expect("inserted before"));
            }
        });
        let (mut writer, reader) = memtable(1);
        put(&mut writer, b"new", 1);
        publisher.publish(vec![reader]);
        reading.join().expect("the reader ends");
    });
}

#[test]
fn publishing_a_set_needs_release() {
    control("publishing_a_set_shows_what_is_in_it", "publish", RACE);
}
