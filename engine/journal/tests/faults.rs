//! What the world does to a journal: failed flushes, a full disk, directories that are not the right ones, failed reads.

mod world;

use journal::{AppendRefused, JournalError, Tail};
use runtime::simulated::{Fault, FileOperation, Halt, Machine, MachineOptions, NodeId};
use runtime::{CoreId, FileError, Signal, StopReason};
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;
use world::{Oracle, Owned, SEGMENT_BYTES, advance, append, flush, live, open, open_with, options};
use xxhash_rust::xxh3::xxh3_64;

#[test]
fn a_failed_flush_stops_the_node_and_nothing_acknowledged_is_lost() {
    let mut stopped_count = 0;
    for nth in 0..12 {
        let machine = Machine::new(100 + nth);
        let oracle = Rc::new(RefCell::new(Oracle::default()));
        machine.run(live(machine.runtime(), oracle.clone(), options(1), (1, nth, 10))).expect("up").expect("opens");
        machine.restart();
        let halt = machine.run(async {
            let (journal, found) = open(&machine.runtime()).await.expect("it opens");
            oracle.borrow_mut().check(&found);
            let signal = Signal::new();
            journal.on_durable(signal.clone());
            machine.runtime().sleep(Duration::from_millis(100)).await;
            machine.disk().arm(Fault::Error, FileOperation::Write, nth);
            // A write of the next spare may be the one that fails: that stops nothing.
            while machine.disk().armed_count() > 0 {
                let index = oracle.borrow().appended.len() as u64;
                let owned = Owned::new(2, index, 200);
                let location = append(&journal, &signal, &owned).await;
                oracle.borrow_mut().appended.push((owned, location));
                flush(&journal, &signal).await;
                oracle.borrow_mut().acknowledged_count += 1;
            }
        });
        match halt {
            Err(Halt::Stopped(StopReason::FlushFailed(FileError::Io { .. }))) => stopped_count += 1,
            Ok(()) => {
                machine.kill(NodeId(0));
            }
            Err(halt) => panic!("write {nth}: {halt:?}"),
        }
        machine.restart();
        let (_, found) = machine.run(open(&machine.runtime())).expect("up").expect("it opens");
        oracle.borrow_mut().check(&found);
    }
    assert!(stopped_count > 8, "{stopped_count} flushes failed");
}

#[test]
fn a_full_disk_refuses_writes_loses_nothing_and_recovers_by_itself() {
    // Room for the identity, three segments, and a part of a fourth.
    let capacity_bytes = 4096 + u64::from(SEGMENT_BYTES) * 3 + 20_000;
    let machine = Machine::with(MachineOptions { capacity_bytes, ..MachineOptions::new(8) });
    machine
        .run(async {
            let runtime = machine.runtime();
            let (journal, _) = open(&runtime).await.expect("it opens");
            let signal = Signal::new();
            journal.on_durable(signal.clone());
            let mut written = Vec::new();
            let mut full_at = None;
            let refused = loop {
                let owned = Owned::new(1, written.len() as u64, 3000);
                match journal.append(owned.record()) {
                    Ok(location) => written.push((owned, location)),
                    Err(AppendRefused::NoSpace) if journal.is_full() => break AppendRefused::NoSpace,
                    // A spare is on its way, or a flush is.
                    Err(AppendRefused::NoSpace | AppendRefused::Busy) => signal.wait().await,
                    Err(refused) => break refused,
                }
                flush(&journal, &signal).await;
                runtime.sleep(Duration::from_millis(20)).await;
                if journal.is_full() {
                    full_at.get_or_insert(written.len());
                }
            };
            assert_eq!(refused, AppendRefused::NoSpace);
            assert!(full_at.expect("it says that it is full") < written.len(), "what is left can still be used");
            flush(&journal, &signal).await;
            for (owned, location) in &written {
                assert_eq!(journal.read(*location).await.expect("reading goes on"), owned.payload);
            }
            // It is tried again and again; nothing changes while the disk is full.
            runtime.sleep(Duration::from_secs(5)).await;
            assert!(journal.is_full());
            machine.disk().set_capacity_bytes(1 << 30);
            while journal.is_full() {
                signal.wait().await;
            }
            let owned = Owned::new(1, written.len() as u64, 3000);
            let location = append(&journal, &signal, &owned).await;
            written.push((owned, location));
            flush(&journal, &signal).await;
            written
        })
        .map(|written| {
            machine.cut_power();
            machine.restart();
            let (_, found) = machine.run(open(&machine.runtime())).expect("up").expect("it opens");
            assert_eq!(found, written);
        })
        .expect("nothing goes down");
}

#[test]
fn copies_leave_room_for_removals_on_a_full_disk() {
    let capacity_bytes = 4096 + u64::from(SEGMENT_BYTES) * 3 + 20_000;
    let machine = Machine::with(MachineOptions { capacity_bytes, ..MachineOptions::new(9) });
    machine
        .run(async {
            let (journal, _) = open(&machine.runtime()).await.expect("it opens");
            let signal = Signal::new();
            journal.on_durable(signal.clone());
            let owned = Owned::new(1, 0, 900);
            let location = append(&journal, &signal, &owned).await;
            flush(&journal, &signal).await;
            let copy = journal.read_copy(location).await.expect("it is durable");
            let mut index = 1;
            while !journal.is_full() {
                append(&journal, &signal, &Owned::new(1, index, 3000)).await;
                flush(&journal, &signal).await;
                machine.runtime().sleep(Duration::from_millis(20)).await;
                index += 1;
            }
            let mut copy_count = 0;
            while journal.append_copy(&copy).is_ok() {
                copy_count += 1;
            }
            assert!(copy_count > 0, "a part of what is left is for them");
            assert_eq!(journal.append_copy(&copy), Err(AppendRefused::NoSpace));
            assert!(journal.copies_room_bytes().is_some_and(|room| room < 2_000), "{:?}", journal.copies_room_bytes());
            assert!(journal.has_room_for_removals());
            flush(&journal, &signal).await;
            let mut removal_count = 0;
            while journal.has_room_for_removals() && journal.append(owned.record()).is_ok() {
                removal_count += 1;
            }
            assert!(removal_count > 4, "{removal_count} removals");
        })
        .expect("nothing goes down");
}

#[test]
fn dead_segments_are_used_again_on_a_full_disk() {
    let capacity_bytes = 4096 + u64::from(SEGMENT_BYTES) * 3 + 20_000;
    let machine = Machine::with(MachineOptions { capacity_bytes, ..MachineOptions::new(18) });
    machine
        .run(async {
            let runtime = machine.runtime();
            let (journal, _) = open(&runtime).await.expect("it opens");
            let signal = Signal::new();
            journal.on_durable(signal.clone());
            // Ten times what the disk holds goes through it.
            for index in 0..600 {
                let owned = Owned::new(1, index, 3000);
                let location = append(&journal, &signal, &owned).await;
                flush(&journal, &signal).await;
                journal.release(location);
                advance(&journal);
            }
            assert!(journal.usage().len() <= 3, "{:?}", journal.usage());
            assert!(journal.usage()[0].segment.0 > 20);
        })
        .expect("nothing goes down");
}

#[test]
fn directories_that_are_not_the_right_ones_are_refused() {
    let machine = Machine::new(21);
    let oracle = Rc::new(RefCell::new(Oracle::default()));
    machine.run(live(machine.runtime(), oracle.clone(), options(2), (1, 21, 80))).expect("up").expect("opens");
    machine.restart();
    machine
        .run(async {
            let runtime = machine.runtime();
            let mut swapped = options(2);
            swapped.data_directories.reverse();
            let error = open_with(&runtime, swapped).await.map(drop);
            assert!(matches!(error, Err(JournalError::WrongIdentity { .. })), "{error:?}");
            let error = open_with(&runtime, options(1)).await.map(drop);
            assert!(matches!(error, Err(JournalError::WrongIdentity { .. })), "{error:?}");
            let error = open_with(&runtime, options(3)).await.map(drop);
            assert!(matches!(error, Err(JournalError::WrongIdentity { .. })), "{error:?}");
            let mut unmounted = options(2);
            unmounted.data_directories[1] = "/empty".into();
            let error = open_with(&runtime, unmounted).await.map(drop);
            assert!(matches!(error, Err(JournalError::MissingIdentity { .. })), "{error:?}");
            let mut twice = options(2);
            twice.data_directories[1] = twice.data_directories[0].clone();
            let error = open_with(&runtime, twice).await.map(drop);
            assert!(matches!(error, Err(JournalError::Options(_))), "{error:?}");
            let mut none = options(1);
            none.data_directories.clear();
            let error = open_with(&runtime, none).await.map(drop);
            assert!(matches!(error, Err(JournalError::Options(_))), "{error:?}");

            // Another core's journal is another journal.
            let mut other = options(2);
            other.core = CoreId(1);
            let (journal, found) = open_with(&runtime, other).await.expect("it is new");
            assert_eq!((found.len(), &journal.recovery().tail), (0, &Tail::New));
            let (_, found) = open_with(&runtime, options(2)).await.expect("these are the right ones");
            oracle.borrow_mut().check(&found);
        })
        .expect("nothing goes down");
}

#[test]
fn a_journal_of_another_version_is_refused_as_one() {
    let machine = Machine::new(12);
    machine
        .run(async {
            let (journal, _) = open(&machine.runtime()).await.expect("it opens");
            journal.close().await;
            let path = Path::new("/data0/journal-0/identity");
            let before = machine.disk().read_live(path);
            let mut bytes = before.clone();
            bytes[12] = 2;
            let checksum = xxh3_64(&bytes[8..]).to_le_bytes();
            bytes[..8].copy_from_slice(&checksum);
            for (at, (old, new)) in before.iter().zip(&bytes).enumerate() {
                machine.disk().flip(path, at as u64, old ^ new);
            }
            let opened = open(&machine.runtime()).await.map(drop);
            assert_eq!(opened, Err(JournalError::Version { path: path.to_path_buf(), found: 2 }));
        })
        .expect("nothing goes down");
}

#[test]
fn a_failed_read_during_recovery_is_an_error_and_changes_nothing() {
    let machine = Machine::new(31);
    let oracle = Rc::new(RefCell::new(Oracle::default()));
    machine.run(live(machine.runtime(), oracle.clone(), options(1), (1, 31, 60))).expect("up").expect("opens");
    machine.kill(NodeId(0));
    machine.restart();
    for nth in 0..20 {
        machine.disk().arm(Fault::Error, FileOperation::Read, nth);
        let opened = machine.run(open(&machine.runtime())).expect("up");
        if machine.disk().armed_count() > 0 {
            assert!(nth > 5, "recovery reads more than {nth} times");
            return;
        }
        match opened {
            Err(JournalError::File(FileError::Io { .. })) => {}
            Err(error) => panic!("read {nth}: {error}"),
            Ok(_) => panic!("read {nth}: no error"),
        }
        machine.restart();
    }
}

/// A disk that fails is another thing than one that is full, for who is to do something about it.
#[test]
fn a_disk_that_fails_is_not_told_as_full() {
    let machine = Machine::new(9);
    machine
        .run(async {
            let runtime = machine.runtime();
            let (journal, _) = open(&runtime).await.expect("it opens");
            // All of them: `open` has one.
            machine.disk().lose_directory(Path::new("/data0"));
            // The spare that is on its way fails, and so does each that is tried after it.
            runtime.sleep(Duration::from_secs(3)).await;
            assert!(journal.is_failing() && !journal.is_full());
            let errors = journal.take_file_errors();
            assert!(!errors.is_empty() && errors.iter().all(FileError::is_of_disk), "{errors:?}");
            machine.disk().bring_back_directory(Path::new("/data0"));
            runtime.sleep(Duration::from_secs(3)).await;
            assert!(!journal.is_failing() && !journal.is_full());
        })
        .expect("nothing goes down");
}

/// Many connections use up the files that may be open, on disks that are well.
#[test]
fn too_many_open_files_are_not_told_as_a_disk_that_fails() {
    let machine = Machine::new(9);
    machine
        .run(async {
            let runtime = machine.runtime();
            let (journal, _) = open(&runtime).await.expect("it opens");
            machine.disk().arm(Fault::NoFile, FileOperation::Metadata, 0);
            // The spare that is on its way.
            while machine.disk().armed_count() > 0 {
                runtime.sleep(Duration::from_millis(1)).await;
            }
            runtime.sleep(Duration::from_millis(100)).await;
            assert!(journal.is_out_of_files() && !journal.is_failing() && !journal.is_full());
            let errors = journal.take_file_errors();
            assert!(!errors.is_empty() && !errors.iter().any(FileError::is_of_disk), "{errors:?}");
            runtime.sleep(Duration::from_secs(3)).await;
            assert!(!journal.is_out_of_files(), "it is tried again");
        })
        .expect("nothing goes down");
}
