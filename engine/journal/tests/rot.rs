//! Bytes that change on the medium are found: each flip where something was proven durable is an error that names it, and elsewhere
//! it harms nothing.

mod world;

use journal::{DamageKind, Journal, JournalError, JournalOptions, ReadError, SegmentId, Survey, Tail};
use runtime::simulated::{Fault, FileOperation, Machine, NodeId};
use runtime::{Buffer, Signal};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use world::{Oracle, Owned, SEGMENT_BYTES, append, flush, keys, live, open, open_with, options, segment_paths};

const ENOUGH: &str = "enough";

/// Opens only as far as the last of `count` records: nothing on the disk is changed. Gives the records, or the error that came first.
fn peek(machine: &Machine, options: JournalOptions, count: usize) -> Result<Vec<Owned>, JournalError> {
    let mut found = Vec::new();
    let opened = machine
        .run(async {
            Journal::open(&machine.runtime(), options, keys(), &mut |record, _, _| {
                found.push(Owned::of(&record));
                if found.len() == count { Err(ENOUGH.to_string()) } else { Ok(()) }
            })
            .await
        })
        .expect("nothing goes down");
    match opened.err() {
        Some(JournalError::Refused { reason, .. }) if reason == ENOUGH => Ok(found),
        Some(error) => Err(error),
        None => panic!("seed {}: {} of {count} records came back", machine.seed(), found.len()),
    }
}

/// A machine with a journal of a few flushes; its records, and where the last flush of records ends.
fn small_journal(is_closed: bool) -> (Machine, Vec<Owned>, u32) {
    let machine = Machine::new(5);
    let (records, end) = machine
        .run(async {
            let (journal, _) = open(&machine.runtime()).await.expect("it opens");
            let signal = Signal::new();
            journal.on_durable(signal.clone());
            let mut records = Vec::new();
            for (index, payload_bytes) in [100, 0, 3, 4000, 8, 700, 90].into_iter().enumerate() {
                let owned = Owned::new(1, index as u64, payload_bytes);
                append(&journal, &signal, &owned).await;
                records.push(owned);
                if index % 2 == 1 {
                    flush(&journal, &signal).await;
                }
            }
            flush(&journal, &signal).await;
            let end = journal.usage()[0].used_bytes;
            if is_closed {
                journal.close().await;
            }
            (records, u32::try_from(end).expect("small"))
        })
        .expect("nothing goes down");
    machine.kill(NodeId(0));
    machine.restart();
    (machine, records, end)
}

/// The file that is the log: the other one is a spare.
fn log_path() -> PathBuf {
    PathBuf::from("/data0/journal-0/segment-1")
}

#[test]
fn every_flipped_byte_in_a_closed_segment_is_found() {
    let (machine, records, end) = small_journal(true);
    assert_eq!(peek(&machine, options(1), records.len()), Ok(records.clone()));
    for offset in 0..end {
        let mask = 1 << (offset % 8);
        machine.disk().flip(&log_path(), u64::from(offset), mask);
        match peek(&machine, options(1), records.len()) {
            Err(JournalError::Rot { path, segment, damage, .. }) => {
                assert_eq!(path, log_path());
                assert_eq!(segment.is_some(), offset >= 4096, "offset {offset}");
                assert!(damage.offset <= offset && offset - damage.offset < 8192, "{damage} for offset {offset}");
            }
            Err(JournalError::ForeignSegment { .. }) if (16..24).contains(&offset) => {}
            other => panic!("flip at {offset}: {other:?}"),
        }
        machine.disk().flip(&log_path(), u64::from(offset), mask);
    }
    assert_eq!(peek(&machine, options(1), records.len()), Ok(records));
}

#[test]
fn flips_where_nothing_was_written_harm_nothing() {
    let (machine, records, end) = small_journal(true);
    for offset in (end..SEGMENT_BYTES).step_by(7) {
        machine.disk().flip(&log_path(), u64::from(offset), 0x10);
        assert_eq!(peek(&machine, options(1), records.len()), Ok(records.clone()), "flip at {offset}");
        machine.disk().flip(&log_path(), u64::from(offset), 0x10);
    }
}

#[test]
fn a_bad_last_flush_of_an_open_journal_is_dropped_wholly_and_stays_dropped() {
    let (machine, records, end) = small_journal(false);
    // The last flush holds one record, in the last block.
    for offset in (end - 4096..end).step_by(13) {
        let mask = 0x81;
        machine.disk().flip(&log_path(), u64::from(offset), mask);
        let (machine_again, ..) = small_journal(false);
        machine_again.disk().flip(&log_path(), u64::from(offset), mask);
        machine_again
            .run(async {
                let (journal, found) = open(&machine_again.runtime()).await.expect("it opens");
                let found: Vec<Owned> = found.into_iter().map(|(owned, _)| owned).collect();
                assert_eq!(found, records[..6], "flip at {offset}");
                let tail = &journal.recovery().tail;
                assert!(matches!(tail, Tail::Torn { .. } | Tail::Open), "flip at {offset}: {tail:?}");
            })
            .expect("nothing goes down");
        machine_again.restart();
        // What was dropped is whole again: it does not come back.
        machine_again.disk().flip(&log_path(), u64::from(offset), mask);
        assert_eq!(peek(&machine_again, options(1), 6), Ok(records[..6].to_vec()));
        machine.disk().flip(&log_path(), u64::from(offset), mask);
    }
}

/// How many flips in a log of many segments are found, and how many harm nothing.
fn flip_in_many_segments(seed: u64) -> (usize, usize) {
    let machine = Machine::new(seed);
    let oracle = Rc::new(RefCell::new(Oracle::default()));
    for life in 1..=3 {
        let work = live(machine.runtime(), oracle.clone(), options(2), (life, seed, 120));
        machine.run(work).expect("nothing goes down").expect("it opens");
        machine.kill(NodeId(0));
        machine.restart();
    }
    let count = machine
        .run(async { open_with(&machine.runtime(), options(2)).await.map(|(_, found)| found.len()) })
        .expect("nothing goes down")
        .expect("it opens");
    machine.kill(NodeId(0));
    machine.restart();
    let whole = peek(&machine, options(2), count).expect("nothing is flipped");
    let paths = segment_paths(&machine.disk().files());
    assert!(paths.len() >= 4, "{paths:?}");
    let (mut found_count, mut harmless_count) = (0, 0);
    for path in &paths {
        for offset in (0..u64::from(SEGMENT_BYTES)).step_by(531) {
            machine.disk().flip(path, offset, 0x04);
            match peek(&machine, options(2), count) {
                Err(JournalError::Rot { .. } | JournalError::ForeignSegment { .. }) => found_count += 1,
                Ok(records) => {
                    assert_eq!(records, whole, "{} flip at {offset}", path.display());
                    harmless_count += 1;
                }
                other => panic!("{} flip at {offset}: {other:?}", path.display()),
            }
            machine.disk().flip(path, offset, 0x04);
        }
    }
    (found_count, harmless_count)
}

#[test]
fn flips_in_a_log_of_many_segments_are_found_or_harm_nothing() {
    let (mut found_count, mut harmless_count) = (0, 0);
    for (found, harmless) in [12, 13, 14].map(flip_in_many_segments) {
        found_count += found;
        harmless_count += harmless;
    }
    println!("{found_count} found, {harmless_count} harmless");
    assert!(found_count > 200 && harmless_count > 100);
}

#[test]
fn a_flush_that_a_lying_disk_lost_is_rot() {
    for lost in 0..4 {
        let machine = Machine::new(30 + lost);
        machine
            .run(async {
                let (journal, _) = open(&machine.runtime()).await.expect("it opens");
                let signal = Signal::new();
                journal.on_durable(signal.clone());
                // Until the spare is made, its writes would be counted too.
                while machine.disk().files().len() < 3 {
                    machine.runtime().sleep(std::time::Duration::from_millis(5)).await;
                }
                machine.runtime().sleep(std::time::Duration::from_millis(50)).await;
                machine.disk().arm(Fault::Lost, FileOperation::Write, lost);
                for index in 0..6 {
                    append(&journal, &signal, &Owned::new(1, index, 500)).await;
                    flush(&journal, &signal).await;
                }
            })
            .expect("nothing goes down");
        assert_eq!(machine.disk().armed_count(), 0);
        machine.cut_power();
        machine.restart();
        let opened = machine.run(async { open(&machine.runtime()).await.map(drop) }).expect("nothing goes down");
        match opened {
            Err(JournalError::Rot { path, damage, proven_by: Some(_), .. }) => {
                assert_eq!(path, log_path());
                assert_eq!(damage.kind, DamageKind::NoFlush);
            }
            other => panic!("lost {lost}: {other:?}"),
        }
    }
}

#[test]
fn reading_a_damaged_record_says_so() {
    let machine = Machine::new(9);
    machine
        .run(async {
            let (journal, _) = open(&machine.runtime()).await.expect("it opens");
            let signal = Signal::new();
            let owned = Owned::new(1, 0, 300);
            journal.on_durable(signal.clone());
            let location = append(&journal, &signal, &owned).await;
            assert_eq!(journal.read(location).await, Err(ReadError::NotDurable(location)));
            flush(&journal, &signal).await;
            assert_eq!(journal.read(location).await.expect("it is whole"), owned.payload);
            // The header of 15 bytes, the payload, the tag.
            for at in 0..15 + 300 + 16 {
                machine.disk().flip(&log_path(), u64::from(location.offset) + at, 1);
                let read = journal.read(location).await;
                assert!(matches!(read, Err(ReadError::Rot { .. })), "flip {at}: {read:?}");
                machine.disk().flip(&log_path(), u64::from(location.offset) + at, 1);
            }
        })
        .expect("nothing goes down");
}

#[test]
fn segments_that_are_missing_or_carried_here_are_named() {
    let machine = Machine::new(3);
    machine
        .run(async {
            let runtime = machine.runtime();
            let (journal, _) = open(&runtime).await.expect("it opens");
            let signal = Signal::new();
            journal.on_durable(signal.clone());
            let mut written = Vec::new();
            for index in 0..60 {
                let owned = Owned::new(1, index, 4000);
                written.push((owned.clone(), append(&journal, &signal, &owned).await));
            }
            journal.close().await;
            assert!(journal.usage().len() > 3);
            let second = Path::new("/data0/journal-0/segment-2");
            let elsewhere = Path::new("/data0/journal-0/elsewhere");
            runtime.rename(second, elsewhere).await.expect("it is there");
            let missing = open(&runtime).await.map(drop);
            assert!(matches!(missing, Err(JournalError::MissingSegments { .. })), "{missing:?}");
            runtime.rename(elsewhere, Path::new("/data0/journal-0/segment-77")).await.expect("it is there");
            let foreign = open(&runtime).await.map(drop);
            assert!(matches!(foreign, Err(JournalError::ForeignSegment { .. })), "{foreign:?}");
            runtime.rename(Path::new("/data0/journal-0/segment-77"), second).await.expect("it is there");
            let (_, found) = open(&runtime).await.expect("all is back");
            assert_eq!(found, written);
        })
        .expect("nothing goes down");
}

/// A machine with a journal of two segments, the second of which has flushes; the files of both.
fn two_segments() -> (Machine, [PathBuf; 2]) {
    let machine = Machine::new(12);
    let work = async {
        let (journal, _) = open(&machine.runtime()).await.expect("it opens");
        let signal = Signal::new();
        journal.on_durable(signal.clone());
        let mut index = 1;
        while journal.usage().len() < 2 {
            append(&journal, &signal, &Owned::new(1, index, 3000)).await;
            flush(&journal, &signal).await;
            index += 2;
        }
    };
    machine.run(work).expect("nothing goes down");
    machine.kill(NodeId(0));
    machine.restart();
    (machine, [1, 2].map(|number| PathBuf::from(format!("/data0/journal-0/segment-{number}"))))
}

fn opening(machine: &Machine) -> Result<usize, JournalError> {
    let opened = machine.run(async { open(&machine.runtime()).await.map(|(_, found)| found.len()) });
    opened.expect("nothing goes down")
}

/// What an inspection says that an opening would refuse.
fn faults(machine: &Machine) -> Vec<JournalError> {
    let work = async { Survey::open(&machine.runtime(), &options(1), keys()).await };
    let survey = machine.run(work).expect("nothing goes down");
    survey.expect("it can be read").expect("it is there").faults().to_vec()
}

fn remove(machine: &Machine, path: &Path) {
    let removed = machine.run(async { machine.runtime().remove_file(path).await });
    removed.expect("nothing goes down").expect("it is there");
}

/// A crash comes into the first flush of a segment: then the log is in the one before, which has to be there.
#[test]
fn where_the_last_segment_has_no_flush_the_one_before_is_not_done_without() {
    let torn = || {
        let (machine, paths) = two_segments();
        let bytes = machine.disk().read_live(&paths[1]);
        let written = bytes.iter().enumerate().skip(4096).filter(|(_, byte)| **byte != 0);
        written.for_each(|(at, byte)| machine.disk().flip(&paths[1], at as u64, *byte));
        (machine, paths)
    };
    let (machine, _) = torn();
    assert_eq!(faults(&machine), []);
    assert!(opening(&machine).is_ok_and(|count| count > 10), "all that is in the first is there");
    let (machine, [first, _]) = torn();
    remove(&machine, &first);
    let missing = JournalError::MissingSegments { first: SegmentId(1), last: SegmentId(1) };
    assert_eq!(faults(&machine), std::slice::from_ref(&missing));
    assert_eq!(opening(&machine), Err(missing));
    let (machine, [first, _]) = torn();
    machine.disk().flip(&first, 40, 1);
    assert!(matches!(opening(&machine), Err(JournalError::Rot { path, .. }) if path == first));
}

/// A copy was cut short, or has grown: the header tells, whatever the length.
#[test]
fn a_segment_of_another_length_is_refused_and_stays() {
    for length in [4096, 4097, 20_480, SEGMENT_BYTES - 1, SEGMENT_BYTES + 1, SEGMENT_BYTES + 4096] {
        let (machine, [_, second]) = two_segments();
        let bytes = machine.disk().read_live(&second);
        remove(&machine, &second);
        let rewritten = async {
            let file = machine.runtime().create_file(&second, u64::from(length)).await?;
            let whole = bytes.len().min(length as usize) / 4096 * 4096;
            let mut buffer = Buffer::zeroed(whole);
            buffer.as_mut_slice().copy_from_slice(&bytes[..whole]);
            file.write_durable_at(0, buffer).await.1
        };
        machine.run(rewritten).expect("nothing goes down").expect("there is room");
        let refused = Err(JournalError::ForeignSegment { path: second.clone() });
        assert_eq!(opening(&machine), refused, "{length} bytes");
        assert!(machine.disk().files().iter().any(|(path, _)| *path == second));
    }
}
