//! Nodes that write far more than they hold: space stays bounded, and no cut in the middle of cleaning loses or revives anything.

use sim::{Experiment, Workload, seeds};

const SEGMENT_BYTES: u64 = 64 << 10;
/// So little that memtables are flushed all the time.
const MEMORY_BYTES: u64 = 256 << 10;
/// Segments that a worker may have on disk while it holds next to nothing: what memtables may hold, what is not worth looking for, what one look has not
/// emptied yet, and spares.
const SEGMENT_COUNT_MAX: usize = 56;

/// One core, so that all writes go to one log, and enough of them that it turns round.
fn overwriting(seed: u64, step_count: usize) -> Workload {
    Workload {
        core_count: 1,
        client_count: 3,
        step_count,
        segment_bytes: SEGMENT_BYTES,
        memory_bytes: MEMORY_BYTES,
        ..Workload::small(seed)
    }
}

fn segment_count(experiment: &Experiment) -> usize {
    let files = experiment.machine().disk().files();
    files.iter().filter(|(path, _)| path.to_string_lossy().contains("segment-")).count()
}

#[test]
fn space_stays_bounded_over_many_lives() {
    for seed in seeds(0..6) {
        let mut experiment = Experiment::new(overwriting(seed, 250));
        for life in 0..6 {
            assert_eq!(experiment.run_life(), Ok(()), "seed {seed}");
            let count = segment_count(&experiment);
            assert!(count <= SEGMENT_COUNT_MAX, "seed {seed}, life {life}: {count} segments");
            experiment.machine().cut_power();
            experiment.restart();
        }
        // Each write took at least a block for itself or with the few that came at the same moment.
        let written_count = experiment.machine().boundary_count();
        assert!(
            written_count * 4096 > 4 * SEGMENT_COUNT_MAX as u64 * SEGMENT_BYTES,
            "seed {seed}: {written_count} writes"
        );
    }
}

/// A life that is cut at `boundary`, one that is cut while it recovers or soon after, one to its end. The trace.
fn run_cut(seed: u64, boundary: u64) -> u64 {
    let mut experiment = Experiment::new(overwriting(seed, 160));
    experiment.run_cut_life(boundary);
    let next = experiment.machine().boundary_count() + boundary % 150;
    experiment.run_cut_life(next);
    assert_eq!(experiment.run_life(), Ok(()), "seed {seed}, boundary {boundary}");
    experiment.machine().trace_hash()
}

#[test]
fn no_cut_while_segments_are_emptied_loses_or_revives_anything() {
    for seed in seeds(0..4) {
        let mut unharmed = Experiment::new(overwriting(seed, 160));
        assert_eq!(unharmed.run_life(), Ok(()), "seed {seed}");
        let boundary_count = unharmed.machine().boundary_count();
        eprintln!("seed {seed}: {boundary_count} write boundaries");
        assert!(boundary_count > 250, "seed {seed}: the log turns round");
        for boundary in (boundary_count / 4 + seed..boundary_count).step_by(3) {
            eprintln!("seed {seed}, boundary {boundary}");
            run_cut(seed, boundary);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in seeds(0..2) {
        assert_eq!(run_cut(seed, 200), run_cut(seed, 200), "seed {seed}");
    }
}
