//! What the disk does to a file while it is written and read: errors, a full disk, lies, power cuts.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use fastrand::Rng;
use runtime::FileError;
use runtime::simulated::{CutFate, Fault, FileOperation, Halt, Machine, MachineOptions};
use sstable::{FileId, TableError, TableRecord};
use world::{Oracle, machine_with, path_of, random_oracle, read_all, write};

/// Enough for several chunks.
fn oracle(seed: u64) -> Oracle {
    random_oracle(&mut Rng::with_seed(seed), 12_000)
}

async fn is_whole(machine: &Machine, record: &TableRecord, oracle: &Oracle) -> bool {
    read_all(&machine.runtime(), record).await.is_ok_and(|found| found.into_iter().eq(oracle.clone()))
}

#[test]
fn an_error_while_writing_is_told_and_the_file_can_be_made_again() {
    let oracle = oracle(1);
    for operation in [FileOperation::Write, FileOperation::Sync, FileOperation::Metadata] {
        let mut failed_count = 0;
        for nth in 0..60 {
            let machine = Machine::new(nth);
            machine
                .run(async {
                    let runtime = machine.runtime();
                    runtime.create_directory(&world::directory()).await.unwrap();
                    machine.disk().arm(Fault::Error, operation, nth);
                    let Err(error) = write(&runtime, FileId(1), &oracle).await else {
                        assert_eq!(machine.disk().armed_count(), 1, "an error was kept back");
                        return;
                    };
                    assert!(matches!(error, FileError::Io { .. }), "{error}");
                    failed_count += 1;
                    let again = write(&runtime, FileId(2), &oracle).await.unwrap();
                    assert!(is_whole(&machine, &again, &oracle).await);
                })
                .unwrap();
            if machine.disk().armed_count() == 1 {
                break;
            }
        }
        println!("{operation:?}: {failed_count} failed");
        assert!(failed_count >= 2, "{operation:?} fails in several places: {failed_count}");
    }
}

#[test]
fn a_full_disk_is_told() {
    let machine = Machine::with(MachineOptions { capacity_bytes: 300_000, ..MachineOptions::new(2) });
    machine
        .run(async {
            let error = write(&machine.runtime(), FileId(1), &oracle(2)).await.unwrap_err();
            assert!(matches!(error, FileError::NoSpace { .. }), "{error}");
            machine.runtime().remove_file(&world::directory().join(sstable::file_name(FileId(1)))).await.unwrap();
            assert!(machine.disk().files().is_empty());
        })
        .unwrap();
}

#[test]
fn an_error_while_reading_is_told_and_passes() {
    let oracle = oracle(3);
    let (machine, record) = machine_with(3, &oracle);
    for nth in 0..40 {
        machine
            .run(async {
                machine.disk().arm(Fault::Error, FileOperation::Read, nth);
                let read = read_all(&machine.runtime(), &record).await;
                assert!(matches!(read, Err(TableError::File(FileError::Io { .. }))), "{nth}");
                assert!(is_whole(&machine, &record, &oracle).await, "what did not come once comes again");
            })
            .unwrap();
    }
}

#[test]
fn writes_that_a_lying_disk_lost_are_found() {
    let oracle = oracle(4);
    let mut lost_count = 0;
    for nth in 0..20 {
        let machine = Machine::new(nth);
        machine
            .run(async {
                machine.disk().arm(Fault::Lost, FileOperation::Write, nth);
                let record = write(&machine.runtime(), FileId(1), &oracle).await.unwrap();
                if machine.disk().armed_count() == 0 {
                    lost_count += 1;
                    let read = read_all(&machine.runtime(), &record).await;
                    assert!(matches!(read, Err(TableError::Rot { .. })), "write {nth} is lost: {read:?}");
                }
            })
            .unwrap();
    }
    assert!(lost_count >= 3, "{lost_count} chunks");
}

#[test]
fn a_finished_file_survives_any_power_cut() {
    let oracle = oracle(5);
    for fate in [CutFate::Lost, CutFate::Drawn, CutFate::TornSectors, CutFate::Reordered] {
        let (machine, record) = machine_with(5, &oracle);
        machine.set_cut_fate(fate);
        machine.cut_power();
        machine.restart();
        assert!(machine.run(is_whole(&machine, &record, &oracle)).unwrap(), "{fate:?}");
    }
}

#[test]
fn a_cut_while_writing_leaves_a_file_that_is_whole_or_refused() {
    let oracle = oracle(6);
    let (unharmed, record) = machine_with(6, &oracle);
    let (mut whole_count, mut refused_count) = (0, 0);
    for boundary in 0..unharmed.boundary_count() {
        for fate in [CutFate::Drawn, CutFate::Whole, CutFate::TornSectors] {
            let machine = Machine::new(6);
            machine.set_cut_fate(fate);
            machine.cut_power_at(boundary);
            let halt = machine.run(write(&machine.runtime(), FileId(6), &oracle));
            assert!(matches!(halt, Err(Halt::PowerCut { .. })), "{boundary}: {halt:?}");
            machine.restart();
            let read = machine.run(read_all(&machine.runtime(), &record)).unwrap();
            match read {
                Ok(found) => {
                    assert!(found.into_iter().eq(oracle.clone()), "cut at {boundary}: wrong entries were read");
                    whole_count += 1;
                }
                Err(TableError::Rot { .. } | TableError::File(FileError::NotFound { .. })) => refused_count += 1,
                Err(error) => panic!("cut at {boundary}: {error}"),
            }
        }
    }
    println!("{whole_count} whole, {refused_count} refused; {}", path_of(&record).display());
    assert!(whole_count > 0 && refused_count > 10);
}
