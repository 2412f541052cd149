//! Errors of the disk, kills of the process, a full disk: whatever happens to a node, its acknowledged writes are there after.

use std::time::Duration;

use runtime::StopReason;
use runtime::simulated::{Fault, FileOperation, Halt, NodeId};
use sim::{Experiment, Workload, seeds};

/// A workload that fills, deletes and uses segments again, over several lives.
fn long(seed: u64) -> Workload {
    Workload { step_count: 40, ..Workload::small(seed) }
}

/// Runs a life with an error at the `nth` operation of that kind, then one without. True if the error was met.
fn run_with_error(seed: u64, operation: FileOperation, nth: u64) -> bool {
    let mut experiment = Experiment::new(Workload::small(seed));
    experiment.machine().disk().arm(Fault::Error, operation, nth);
    if operation == FileOperation::Read {
        experiment.expect_failed_read();
    }
    match experiment.try_life(async |_| ()) {
        // Refused at the start, or in the background: nothing was acknowledged that needed it.
        Ok(_) => {}
        Err(Halt::Stopped(StopReason::FlushFailed(_))) => {}
        Err(other) => panic!("seed {seed}, {operation:?} {nth}: {other:?}"),
    }
    let is_met = experiment.machine().disk().armed_count() == 0;
    if is_met {
        experiment.restart();
        assert_eq!(experiment.run_life(), Ok(()), "seed {seed}, {operation:?} {nth}");
    }
    is_met
}

#[test]
fn an_error_at_any_operation_stops_or_refuses_and_loses_nothing() {
    for seed in seeds(0..6) {
        for operation in [FileOperation::Write, FileOperation::Sync, FileOperation::Metadata, FileOperation::Read] {
            let met_count = (0..).take_while(|&nth| run_with_error(seed, operation, nth)).count();
            println!("seed {seed}: {met_count} of {operation:?}");
            assert!(met_count > 0 || operation == FileOperation::Read, "seed {seed}: {operation:?}");
        }
    }
}

#[test]
fn a_killed_process_loses_nothing_acknowledged() {
    for seed in seeds(0..12) {
        let mut experiment = Experiment::new(long(seed));
        let mut random = fastrand::Rng::with_seed(seed);
        for life in 0..6 {
            let alive_us = random.u64(0..6_000);
            let outcome = experiment.run_life_beside(async |machine| {
                machine.runtime().sleep(Duration::from_micros(alive_us)).await;
                machine.kill(NodeId(0));
            });
            assert_eq!(outcome, Err(Halt::Killed), "seed {seed}, life {life}");
            experiment.restart();
        }
        assert_eq!(experiment.run_life(), Ok(()), "seed {seed}");
    }
}

#[test]
fn many_lives_with_power_cuts_lose_nothing_acknowledged() {
    let (mut seed_count, mut acknowledged_count) = (0, 0);
    for seed in seeds(0..12) {
        let mut experiment = Experiment::new(long(seed));
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..8 {
            let next = experiment.machine().boundary_count() + random.u64(0..80);
            experiment.run_cut_life(next);
        }
        assert_eq!(experiment.run_life(), Ok(()), "seed {seed}");
        seed_count += 1;
        acknowledged_count += experiment.acknowledged_count();
    }
    // One seed's cuts may all come early.
    assert!(acknowledged_count > 100 * seed_count, "{acknowledged_count} of {seed_count} seeds");
}

#[test]
fn a_full_disk_refuses_writes_until_there_is_room_and_loses_nothing() {
    let mut refused_count = 0;
    for seed in seeds(0..12) {
        let mut experiment = Experiment::new(long(seed));
        let outcome = experiment.run_life_beside(async |machine| {
            let used_bytes: u64 = machine.disk().files().iter().map(|(_, len_bytes)| len_bytes).sum();
            machine.disk().set_capacity_bytes(used_bytes);
            machine.runtime().sleep(Duration::from_secs(20)).await;
            machine.disk().set_capacity_bytes(u64::MAX);
        });
        assert_eq!(outcome, Ok(()), "seed {seed}");
        refused_count += experiment.refused_count();
        experiment.machine().cut_power();
        experiment.restart();
        assert_eq!(experiment.run_life(), Ok(()), "seed {seed}");
    }
    assert!(refused_count > 0, "some seeds fill the disk");
}
